//! Documents that have to match the code, and rules of the workspace that a compiler does not know.

mod faults;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the workspace")
}

#[track_caller]
fn read(file: &str) -> String {
    std::fs::read_to_string(workspace().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[test]
fn the_use_arrows_between_the_crates_are_those_of_the_architecture() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(workspace())
        .output()
        .expect("cargo metadata");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let found: BTreeMap<&str, BTreeSet<&str>> = metadata["packages"]
        .as_array()
        .expect("packages")
        .iter()
        .map(|package| (room(&package["name"]), uses(package)))
        .filter(|(name, _)| *name != "testkit")
        .collect();
    let allowed = BTreeMap::from([
        (
            "check",
            BTreeSet::from(["config", "kubernetes", "providers", "snapshot", "tls"]),
        ),
        ("config", BTreeSet::new()),
        ("tls", BTreeSet::new()),
        ("observe", BTreeSet::new()),
        ("providers", BTreeSet::from(["config", "tls"])),
        ("kubernetes", BTreeSet::from(["config"])),
        ("snapshot", BTreeSet::from(["config", "tls"])),
        ("proxy", BTreeSet::from(["config", "observe", "snapshot", "tls"])),
        (
            "viaduct",
            BTreeSet::from([
                "check",
                "config",
                "kubernetes",
                "observe",
                "providers",
                "proxy",
                "snapshot",
                "tls",
            ]),
        ),
    ]);
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        allowed.keys().collect::<Vec<_>>()
    );
    for (name, uses) in found {
        let more: Vec<_> = uses.difference(&allowed[name]).collect();
        assert!(
            more.is_empty(),
            "`{name}` uses {more:?}, against the arrows of ARCHITECTURE.md"
        );
    }
}

fn room(name: &Value) -> &str {
    let name = name.as_str().unwrap_or_default();
    name.strip_prefix("viaduct-").unwrap_or(name)
}

/// The rooms that a package's product code uses.
fn uses(package: &Value) -> BTreeSet<&str> {
    package["dependencies"]
        .as_array()
        .expect("dependencies")
        .iter()
        .filter(|dependency| dependency["kind"].is_null() && !dependency["path"].is_null())
        .map(|dependency| room(&dependency["name"]))
        .collect()
}

#[test]
fn the_readme_begins_with_the_two_commands_that_ci_runs_too() {
    let readme = read("README.md");
    let commands: Vec<&str> = code_lines(&readme).collect();
    assert_eq!(commands.first(), Some(&"cargo run --release -- demo"));
    assert_eq!(commands.get(1), Some(&"cargo test --workspace"));
    assert!(
        read(".ci/run")
            .lines()
            .any(|line| line.trim() == "cargo test --workspace"),
        "the same line, word for word"
    );
}

/// Lines of fenced blocks.
fn code_lines(markdown: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    markdown.lines().filter(move |line| {
        let fence = line.starts_with("```");
        inside ^= fence;
        inside && !fence
    })
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut documents = vec![workspace().join("docs")];
    let mut files: Vec<PathBuf> = [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "CHANGELOG.md",
    ]
    .map(|file| workspace().join(file))
    .into();
    while let Some(directory) = documents.pop() {
        for entry in std::fs::read_dir(directory).expect("docs").flatten() {
            match entry.path() {
                path if path.is_dir() => documents.push(path),
                path if path.extension().is_some_and(|extension| extension == "md") => files.push(path),
                _ => {}
            }
        }
    }
    for file in files {
        let text =
            std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap_or_default();
            if path.is_empty() || path.contains("://") || path.starts_with("mailto:") {
                continue;
            }
            let resolved = file.parent().expect("a directory").join(path);
            assert!(
                resolved.exists(),
                "{} links to {target}, which does not exist",
                file.display()
            );
        }
    }
}

#[test]
fn the_architecture_fits_in_two_hundred_lines() {
    assert!(read("ARCHITECTURE.md").lines().count() <= 200);
}
