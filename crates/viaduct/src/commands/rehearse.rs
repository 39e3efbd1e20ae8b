//! `viaduct rehearse --ca new.pem`: who would fail if these were the trusted CAs (C26).

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{answered, trace};
use crate::api::rehearse::HEADER;
use crate::cli::Rehearse;
use crate::failure::Failure;
use crate::logging::OneLine;
use crate::preflight::rehearse::{MOST_PEM, Outcome, Rehearsal, rehearse, trust};
use crate::remote::Remote;
use crate::{logging, output, serving};

/// The table goes to standard output. Status 0: all would pass; 1: somebody would fail, or was not tried; 2: nothing
/// could be tried.
pub(super) fn run(arguments: &Rehearse) -> anyhow::Result<ExitCode> {
    let _log = logging::start(logging::Level::Warn)?;
    Ok(answered(rehearsal(arguments).map(|rehearsal| {
        if arguments.json {
            output::json(&rehearsal);
        } else {
            output::result(text(&rehearsal));
        }
        rehearsal.is_good()
    })))
}

fn rehearsal(arguments: &Rehearse) -> Result<Rehearsal, Failure> {
    let file = arguments.ca.display();
    let pem =
        read(&arguments.ca).map_err(|error| Failure::new(format!("cannot read `{file}`")).because(error))?;
    // Here, lest anything but certificates leaves this machine.
    let bundle = trust(&pem).map_err(|why| {
        Failure::new(format!("`{file}`: {why}"))
            .hint("name a PEM file with the CA certificates and nothing else")
    })?;
    let service = arguments.service.as_deref();
    let runtime = serving::control_runtime()?;
    let rehearsal = runtime.block_on(async {
        let Some(directory) = &arguments.directory else {
            let remote = Remote::new(&arguments.api, PATIENCE)?;
            return remote.post(&path(service), HEADER, pem.into()).await;
        };
        viaduct_tls::trust::load_system_roots();
        let snapshot = trace::snapshot(directory)?;
        rehearse(&snapshot, bundle, service).await.map_err(Failure::new)
    });
    runtime.shutdown_background();
    rehearsal
}

/// Not more than is taken anyway.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut pem = Vec::new();
    let most = MOST_PEM as u64 + 1;
    std::fs::File::open(path)?.take(most).read_to_end(&mut pem)?;
    Ok(pem)
}

fn path(service: Option<&str>) -> String {
    match service {
        Some(name) => format!(
            "/api/rehearse?service={}",
            utf8_percent_encode(name, NON_ALPHANUMERIC)
        ),
        None => "/api/rehearse".to_owned(),
    }
}

/// A line for each server, then the sum.
fn text(rehearsal: &Rehearsal) -> String {
    let mut text = String::new();
    let mut line = |line: std::fmt::Arguments<'_>| {
        // Names are the users', and certificates anybody's: none of them begins a line (C67).
        writeln!(text, "{}", OneLine(line)).unwrap_or_default();
    };
    for ca in &rehearsal.cas {
        line(format_args!(
            "trusted: {} ({}, until {})",
            ca.label, ca.fingerprint, ca.not_after
        ));
    }
    for row in &rehearsal.servers {
        let result = match (row.result, row.today) {
            (Outcome::Passed, _) => "passes",
            (Outcome::Failed, Some(Outcome::Passed)) => "WOULD FAIL",
            (Outcome::Failed, _) => "fails (today, too)",
            (Outcome::Untried, _) => "was not tried",
        };
        line(format_args!("{result:<18}  {}  {}", row.url, row.service));
        if let (Some(reason), Some(wanted), Some(got)) = (&row.reason, &row.wanted, &row.got) {
            line(format_args!("{:<18}  {reason}: wanted {wanted}, got {got}", ""));
        }
    }
    line(format_args!(
        "{} pass, {} fail ({} of them pass today), {} not tried",
        rehearsal.passed, rehearsal.failed, rehearsal.would_break, rehearsal.untried
    ));
    text
}

/// Two rounds of a minute, and what is around them.
const PATIENCE: Duration = Duration::from_secs(150);
