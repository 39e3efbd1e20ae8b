//! One module per command.

mod audit;
mod check;
mod demo;
mod explain;
mod healthcheck;
mod manifests;
mod offline;
mod options;
mod rehearse;
mod render;
mod revoke;
mod serve;
mod sidecar;
mod trace;
mod up;
mod version;

use std::process::ExitCode;

use crate::cli::{Cli, Command};
use crate::failure::Failure;
use crate::output;

/// Runs a command to its end. Its result is the exit status: 0 when it did what it was told to, a
/// failure otherwise.
pub(crate) fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Up(up) => up::run(up),
        Command::Sidecar(sidecar) => sidecar::run(sidecar),
        Command::Check(check) => Ok(check::run(&check)),
        Command::Explain(explain) => explain::run(&explain.code),
        Command::Render(render) => render::run(&render),
        Command::Audit(audit) => audit::run(&audit),
        Command::Demo(demo) => demo::run(&demo),
        Command::Trace(trace) => trace::run(&trace),
        Command::Rehearse(rehearse) => rehearse::run(&rehearse),
        Command::Revoke(revoke) => revoke::run(&revoke),
        Command::Healthcheck(healthcheck) => healthcheck::run(healthcheck.options),
        Command::Manifests(manifests) => {
            manifests::run(&manifests);
            Ok(ExitCode::SUCCESS)
        }
        Command::Options => {
            options::run();
            Ok(ExitCode::SUCCESS)
        }
        Command::Version => {
            version::run();
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// How a command that answers a question ends, as `grep` does: with status 0 for yes, 1 for no, and 2 where there is no
/// answer; why not is told.
fn answered(answer: Result<bool, Failure>) -> ExitCode {
    match answer {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            output::failure(&failure.into());
            ExitCode::from(NO_ANSWER)
        }
    }
}

/// Runs the root command.
pub(crate) fn root(arguments: Vec<String>) -> anyhow::Result<ExitCode> {
    serve::run(arguments)
}

const NO_ANSWER: u8 = 2;
