//! The `viaduct` binary: commands, wiring, signals. It decides nothing about a request.
//!
//! ```text
//!  install --> settings (options -> each room's) --> commands/serve
//!  cli ------> commands/{up,sidecar,check,explain,render,audit,demo,trace,rehearse,healthcheck,manifests,options,version}
//!  source ---> control (Update -> compile -> watch channel) ---> edge (workers, access log) ---> drain
//!                 ^ ocsp (staples)                      +--> preflight (tries servers, tells)
//! ```

mod api;
mod bridges;
mod cli;
mod commands;
mod control;
mod dashboard;
mod edge;
mod failure;
mod install;
mod last_faults;
mod logging;
mod ocsp;
mod output;
mod preflight;
mod remote;
mod serving;
mod settings;
mod signals;
mod source;
mod telemetry;
mod trace;

use std::process::ExitCode;

use clap::Parser;

// Without huge pages (`no_thp`): a page of 2 MiB is resident as a whole for the little that lies in it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            output::failure(&error);
            ExitCode::FAILURE
        }
    }
}

/// Usage errors of commands leave here with status 2; those of install options are failures, as in Traefik.
fn run() -> anyhow::Result<ExitCode> {
    let arguments: Option<Vec<String>> = std::env::args_os()
        .skip(1)
        .map(|argument| argument.into_string().ok())
        .collect();
    // What is no text goes to clap, which can say so.
    let Some(arguments) = arguments else {
        return commands::run(cli::Cli::parse());
    };
    match cli::reader(&arguments) {
        cli::Reader::Root => commands::root(arguments),
        cli::Reader::About(what) => commands::run(cli::Cli::parse_from(["viaduct", what])),
        cli::Reader::Command => commands::run(cli::Cli::parse()),
    }
}
