//! One module per command.

mod version;

use std::process::ExitCode;

use crate::cli::{Cli, Command};

/// Runs a command to its end. Its result is the exit status: 0 when it did what it was told to, a
/// failure otherwise.
pub(crate) fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Version => version::run(),
        _ => anyhow::bail!("not there yet"),
    }
    Ok(ExitCode::SUCCESS)
}
