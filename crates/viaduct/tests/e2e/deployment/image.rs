//! The Dockerfile, as far as that can be seen without a container: what goes into the build, and what the image runs.

use std::path::{Path, PathBuf};

use viaduct_testkit::child::run;
use viaduct_testkit::viaduct::Running;

use crate::fixture::{BINARY, root};

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

/// Every Rust source below a directory that the build context has.
fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(directory).unwrap_or_else(|error| panic!("{directory:?}: {error}"));
    for entry in entries {
        let path = entry.expect("an entry").path();
        let is_left_out = path.ends_with("tests") && path.parent().is_some_and(is_crate);
        if path.is_dir() && !is_left_out {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn is_crate(directory: &Path) -> bool {
    directory.join("Cargo.toml").exists()
}

/// What a source includes by `include_str!` and its like.
fn included(text: &str) -> impl Iterator<Item = &str> {
    ["include_str!(\"", "include_bytes!(\"", "include!(\""]
        .into_iter()
        .flat_map(|call| text.split(call).skip(1))
        .filter_map(|rest| rest.split('"').next())
}

#[test]
fn a9_21_the_images_build_has_every_file_that_sources_include() {
    let ignore = read(".dockerignore");
    let lines = || ignore.lines().map(str::trim);
    assert!(lines().any(|line| line == "*"), "{ignore}");
    assert!(lines().any(|line| line == "crates/*/tests"), "{ignore}");
    let kept: Vec<PathBuf> = lines()
        .filter_map(|line| line.strip_prefix('!'))
        .map(|path| workspace().join(path))
        .collect();
    for path in &kept {
        assert!(path.exists(), "{path:?} is kept, and is not there");
    }
    let mut found = Vec::new();
    sources(&workspace().join("crates"), &mut found);
    let mut outside = 0;
    for source in &found {
        let text = std::fs::read_to_string(source).expect("a source");
        for name in included(&text) {
            let path = source.with_file_name(name);
            let Ok(path) = path.canonicalize() else {
                continue;
            };
            let has = kept.iter().any(|kept| path.starts_with(kept));
            assert!(
                has,
                "{source:?} includes {path:?}, which .dockerignore keeps out of the image's build"
            );
            outside += usize::from(!path.starts_with(workspace().join("crates")));
        }
    }
    assert!(
        outside > 0,
        "there is no need for exceptions, or this test has gone blind"
    );
}

/// The strings of an instruction in its JSON form.
#[track_caller]
fn instruction(dockerfile: &str, name: &str) -> Vec<String> {
    let found = dockerfile
        .lines()
        .filter_map(|line| line.trim().strip_prefix(name))
        .next_back();
    let json = found.unwrap_or_else(|| panic!("no {name} in the Dockerfile"));
    serde_json::from_str(json.trim()).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn a9_21_what_the_image_runs_serves_and_its_health_check_finds_it() {
    let dockerfile = read("Dockerfile");
    let health: Vec<String> = dockerfile
        .lines()
        .skip_while(|line| !line.starts_with("HEALTHCHECK"))
        .find_map(|line| serde_json::from_str(line.trim().strip_prefix("CMD")?.trim()).ok())
        .expect("a health check");
    assert_eq!(
        Some(&health[0]),
        instruction(&dockerfile, "ENTRYPOINT").first(),
        "one binary"
    );
    let work = tempfile::tempdir().expect("a temporary directory");
    let mut command = root(work.path());
    for argument in instruction(&dockerfile, "CMD") {
        let argument = match argument.split_once(".address=:") {
            Some((entry_point, port)) => {
                assert!(port.parse::<u16>().is_ok_and(|port| port > 1023), "{port}");
                format!("{entry_point}.address=127.0.0.1:0")
            }
            None => argument,
        };
        command.arg(argument);
    }
    let running = Running::until_ready(command.arg("--entryPoints.traefik.address=127.0.0.1:0"));
    let mut check = std::process::Command::new(BINARY);
    check
        .args(&health[1..])
        .arg(format!(
            "--entryPoints.traefik.address={}",
            running.address("traefik")
        ))
        .current_dir(work.path())
        .env_clear();
    let finished = run(&mut check, b"");
    assert!(finished.status.success(), "{finished:?}");
}
