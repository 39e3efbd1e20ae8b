//! `check` and `explain`: what the command says, its formats and statuses, and that its edits mend what it names.

mod article;
mod formats;
mod hostile;
mod read_by_others;

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use viaduct_testkit::child::{Finished, run};

use crate::fixture::BINARY;

/// Runs `check` inside `directory`, so that places are relative.
pub(crate) fn check(directory: &Path, arguments: &[&str]) -> Finished {
    let mut command = Command::new(BINARY);
    command.current_dir(directory).arg("check").args(arguments);
    // The tests' certificates live for hours.
    run(command.args(["--soon", "0"]), b"")
}

/// What `check --format json` says of a directory.
pub(crate) fn diagnostics(directory: &Path, paths: &[&str]) -> Vec<Value> {
    let finished = check(directory, &[paths, &["--format", "json"]].concat());
    let all: Value = serde_json::from_str(&finished.printed)
        .unwrap_or_else(|error| panic!("{error}:\n{}", finished.output));
    all["diagnostics"].as_array().expect("a list").clone()
}

pub(crate) fn codes(diagnostics: &[Value]) -> Vec<&str> {
    let codes = diagnostics.iter().map(|one| one["code"].as_str());
    codes.map(Option::unwrap_or_default).collect()
}
