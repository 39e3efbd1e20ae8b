//! The `viaduct` binary: commands, wiring, signals. It decides nothing about a request.
//!
//! ```text
//!  cli ------> commands/{up,sidecar,render,demo,version}
//!  source ---> control (Update -> compile -> watch channel) ---> edge (workers, access log) ---> drain
//! ```

mod cli;
mod commands;
mod control;
mod edge;
mod failure;
mod logging;
mod output;
mod serving;
mod signals;
mod source;

use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Usage errors leave here with status 2.
    let cli = cli::Cli::parse();
    match commands::run(cli) {
        Ok(code) => code,
        Err(error) => {
            output::failure(&error);
            ExitCode::FAILURE
        }
    }
}
