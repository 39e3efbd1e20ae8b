//! What `check` is pointed at may come from a stranger: it ends, within bounds, and says what it could not look at.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use viaduct_testkit::child::{Finished, run};

use crate::fixture::BINARY;

/// As [`super::check`], with 3 GiB for the whole address space, of which a third is the allocator's from the beginning.
fn check(directory: &Path, arguments: &[&str]) -> Finished {
    let mut command = Command::new("/bin/sh");
    command
        .current_dir(directory)
        .args(["-c", "ulimit -v 3145728; exec \"$0\" check \"$@\"", BINARY])
        .args(arguments);
    let finished = run(&mut command, b"");
    assert!(!finished.output.contains("panicked"), "{}", finished.output);
    finished
}

/// One file, and the one thing that is said of it.
#[track_caller]
fn told(name: &str, text: impl AsRef<[u8]>, line: u64, message: &str) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    fs::write(directory.path().join(name), text).expect("a file");
    let finished = check(directory.path(), &[".", "--format", "json"]);
    assert_eq!(finished.status.code(), Some(1), "{}", finished.output);
    let all: Value = serde_json::from_str(&finished.printed).expect("JSON");
    let all = all["diagnostics"].as_array().expect("a list");
    assert_eq!(all.len(), 1, "{all:#?}");
    assert_eq!(
        (&all[0]["code"], all[0]["line"].as_u64()),
        (&"V0001".into(), Some(line)),
        "{all:#?}"
    );
    let said = all[0]["message"].as_str().expect("a message");
    assert!(said.contains(message), "`{message}` is not in `{said}`");
    // The excerpt is of bounded length, too.
    let finished = check(directory.path(), &["."]);
    assert_eq!(finished.status.code(), Some(1), "{}", finished.output);
    assert!(
        finished.output.len() < 8 * 1024,
        "{} bytes",
        finished.output.len()
    );
}

#[test]
fn i5_check_is_not_blown_up_by_aliases() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let all = vec![format!("*a{}", level - 1); 10].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{all}]\n"));
    }
    told("bomb.yaml", text, 6, "values");
}

#[test]
fn i5_check_is_not_buried_by_brackets() {
    let deep = "[".repeat(100_000);
    told("deep.yaml", &deep, 1, "deep");
    told("deep.json", format!("{{\"http\": {deep}"), 1, "deep");
    told("deep.toml", format!("http = {deep}"), 1, "");
    told("blocks.yaml", "- ".repeat(100_000), 1, "deep");
    told("rule.yaml", "a: ".repeat(100_000), 1, "");
}

#[test]
fn i5_check_says_that_bytes_are_no_text() {
    let every: Vec<u8> = (0..=255).collect();
    told("every.yaml", every, 2, "UTF-8");
    told("nul.yaml", b"kind: Secret\nmetadata: \0\n", 2, "");
    told("nul.toml", b"[http]\nrouters = \0\n", 2, "");
    told("half.json", b"{\"http\": {\"rou", 1, "");
}

/// What is cut is said, and nothing of the rest is passed off as the whole.
#[test]
fn i5_check_looks_at_so_much_and_says_where_it_ends() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = fs::File::create(directory.path().join("large.yaml")).expect("a file");
    file.set_len(64 * 1024 * 1024).expect("a hole");
    let finished = check(directory.path(), &["."]);
    assert_eq!(finished.status.code(), Some(2), "{}", finished.output);
    assert_eq!(
        finished.output,
        "error: `./large.yaml` is larger than 33554432 bytes"
    );

    fs::remove_file(directory.path().join("large.yaml")).expect("removing");
    let mut deep = directory.path().to_owned();
    for _ in 0..20 {
        deep.push("d");
    }
    fs::create_dir_all(&deep).expect("directories");
    fs::write(deep.join("last.yaml"), "kind: Secret\n").expect("a file");
    let finished = check(directory.path(), &["."]);
    assert_eq!(finished.status.code(), Some(2), "{}", finished.output);
    assert!(
        finished.output.ends_with("lies more than 16 directories deep"),
        "{}",
        finished.output
    );
}

#[test]
fn i5_check_reads_ten_thousand_files_and_a_large_one() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for number in 0..10_000 {
        fs::write(directory.path().join(format!("{number}.yaml")), "").expect("a file");
    }
    let line = "    # a line of a program's configuration, which is as long as this\n";
    let large = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: large\n  namespace: web\ndata:\n  large: |\n{}",
        line.repeat(2 * 1024 * 1024 / line.len())
    );
    fs::write(directory.path().join("large.yaml"), large).expect("a file");
    fs::write(directory.path().join("wrong.yaml"), "kind: [\n").expect("a file");
    let finished = check(directory.path(), &[".", "--format", "json"]);
    assert_eq!(finished.status.code(), Some(1), "{}", finished.output);
    let all: Value = serde_json::from_str(&finished.printed).expect("JSON");
    let all = all["diagnostics"].as_array().expect("a list");
    assert_eq!(all.len(), 1, "{all:#?}");
    assert_eq!(all[0]["file"], "./wrong.yaml");
}

#[test]
fn i5_check_says_which_file_it_cannot_read() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = |name: &str| directory.path().join(name);
    symlink("circle.yaml", path("circle.yaml")).expect("a link");
    symlink("nowhere", path("dangling.yaml")).expect("a link");
    fs::write(path("fine.yaml"), "entryPoints:\n  web:\n    address: :80\n").expect("a file");
    // Links that lead nowhere are nobody's configuration, unless they are named.
    assert_eq!(check(directory.path(), &["."]).status.code(), Some(0));
    for name in ["circle.yaml", "dangling.yaml"] {
        let finished = check(directory.path(), &[name]);
        assert_eq!(finished.status.code(), Some(2), "{}", finished.output);
        assert!(
            finished
                .output
                .starts_with(&format!("error: cannot read `{name}`\n")),
            "{}",
            finished.output
        );
    }
    // A file that opens and cannot be read, for root as well.
    symlink("/proc/self/mem", path("memory.yaml")).expect("a link");
    let finished = check(directory.path(), &["."]);
    assert_eq!(finished.status.code(), Some(2), "{}", finished.output);
    assert!(
        finished
            .output
            .starts_with("error: cannot read `./memory.yaml`\n"),
        "{}",
        finished.output
    );
}
