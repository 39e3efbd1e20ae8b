//! Peers in Python: gRPC and websockets, by their usual libraries.

use std::path::PathBuf;
use std::process::Command;

use crate::child::{Child, Finished, run};
use crate::tool::Tool;

/// A Python module that a test needs.
#[derive(Debug, Clone, Copy)]
pub enum Module {
    Grpc,
    Websockets,
    Prometheus,
}

impl Module {
    const fn names(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Grpc => ("grpc", "python3-grpcio", "grpcio"),
            Self::Websockets => ("websockets", "python3-websockets", "websockets"),
            Self::Prometheus => (
                "prometheus_client",
                "python3-prometheus-client",
                "prometheus-client",
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
pub fn script_with_input(module: Module, script: &str, input: &str) -> Finished {
    run(&mut command(module, script, &[]), input.as_bytes())
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
/// packages belong to.
fn interpreter(module: Module) -> PathBuf {
    let (name, debian, pypi) = module.names();
    [Tool::Python.path(), PathBuf::from("/usr/bin/python3")]
        .into_iter()
        .find(|python| {
            python.is_file()
                && run(Command::new(python).args(["-c", &format!("import {name}")]), b"").status.success()
        })
        .unwrap_or_else(|| {
            panic!(
                "this test needs the Python module `{name}`\n  hint: apt-get install {debian}, or pip install {pypi}"
            )
        })
}
