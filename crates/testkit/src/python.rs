//! Peers in Python: gRPC, websockets, HTTP/3 and schemas of JSON, by their usual libraries.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::child::{Child, Finished, run};
use crate::tool::Tool;

/// A Python module that a test needs.
#[derive(Debug, Clone, Copy)]
pub enum Module {
    Grpc,
    Websockets,
    Prometheus,
    Aioquic,
    Jsonschema,
}

impl Module {
    /// Its name, and how to get it.
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Grpc => ("grpc", "apt-get install python3-grpcio, or pip install grpcio"),
            Self::Websockets => (
                "websockets",
                "apt-get install python3-websockets, or pip install websockets",
            ),
            Self::Prometheus => (
                "prometheus_client",
                "apt-get install python3-prometheus-client, or pip install prometheus-client",
            ),
            Self::Jsonschema => (
                "jsonschema",
                "apt-get install python3-jsonschema, or pip install jsonschema",
            ),
            Self::Aioquic => (
                "aioquic",
                "python3 -m venv target/python && target/python/bin/pip install aioquic",
            ),
        }
    }
}

/// Runs `script` to its end.
#[track_caller]
pub fn script(module: Module, script: &str, arguments: &[&str]) -> Finished {
    run(&mut command(module, script, arguments), b"")
}

/// As [`script`], with something to read.
#[track_caller]
pub fn script_with_input(module: Module, script: &str, arguments: &[&str], input: &str) -> Finished {
    run(&mut command(module, script, arguments), input.as_bytes())
}

/// Starts `script` and leaves it running.
#[track_caller]
pub fn server(module: Module, script: &str, arguments: &[&str]) -> Child {
    Child::spawn(&mut command(module, script, arguments))
}

fn command(module: Module, script: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(interpreter(module));
    command
        .env("PYTHONUNBUFFERED", "1")
        .args(["-c", script])
        .args(arguments);
    command
}

/// The first interpreter that has the module: the user's own, then Debian's, which the distribution's
/// packages belong to, then the one that holds what Debian has not.
fn interpreter(module: Module) -> PathBuf {
    let (name, hint) = module.names();
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    [
        Tool::Python.path(),
        PathBuf::from("/usr/bin/python3"),
        workspace.join("target/python/bin/python3"),
    ]
    .into_iter()
    .find(|python| {
        python.is_file()
            && run(Command::new(python).args(["-c", &format!("import {name}")]), b"")
                .status
                .success()
    })
    .unwrap_or_else(|| panic!("this test needs the Python module `{name}`\n  hint: {hint}"))
}
