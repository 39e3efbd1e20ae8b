//! `viaduct trace URL`: both legs of one request, hop by hop (C10).

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use viaduct_snapshot::Snapshot;

use super::offline;
use crate::api::trace::HEADER;
use crate::cli::Trace;
use crate::control::{gather, text};
use crate::failure::Failure;
use crate::remote::Remote;
use crate::trace::{self, Question, Report};
use crate::{logging, output, serving, source};

/// The report goes to standard output. Status 0 if a client would get an answer from a backend, or nothing was in
/// the way of one; 1 if there is a fault; 2 if it could not be followed.
pub(super) fn run(arguments: &Trace) -> anyhow::Result<ExitCode> {
    let _log = logging::start(logging::Level::Warn)?;
    let report = match report(arguments) {
        Ok(report) => report,
        Err(failure) => {
            output::failure(&failure.into());
            return Ok(ExitCode::from(COULD_NOT_RUN));
        }
    };
    if arguments.json {
        output::result(format_args!("{}\n", serde_json::to_string_pretty(&report)?));
    } else {
        output::result(trace::text(&report));
    }
    Ok(if report.fault.is_some() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn report(arguments: &Trace) -> Result<Report, Failure> {
    let question = question(arguments)?;
    let runtime = serving::control_runtime()?;
    let report = runtime.block_on(async {
        match &arguments.directory {
            Some(directory) => offline(directory, &question).await,
            None => {
                let remote = Remote::new(&arguments.api, PATIENCE)?;
                Ok(remote
                    .get(&path(arguments), Some((HEADER, HeaderValue::from_static("1"))))
                    .await?
                    .value)
            }
        }
    });
    runtime.shutdown_background();
    report
}

/// Checked here, whoever follows it.
fn question(arguments: &Trace) -> Result<Question, Failure> {
    let mut question = Question::new(&arguments.url).map_err(Failure::new)?;
    question.method(&arguments.method).map_err(Failure::new)?;
    for line in &arguments.headers {
        question.header(line).map_err(Failure::new)?;
    }
    question.entry_point.clone_from(&arguments.entry_point);
    question.server.clone_from(&arguments.server);
    question.send = !arguments.no_request;
    Ok(question)
}

fn path(arguments: &Trace) -> String {
    let mut path = String::from("/api/trace");
    let mut separator = '?';
    let mut add = |name: &str, value: &str| {
        // Writing to a string does not fail.
        write!(
            path,
            "{separator}{name}={}",
            utf8_percent_encode(value, NON_ALPHANUMERIC)
        )
        .unwrap_or_default();
        separator = '&';
    };
    add("url", &arguments.url);
    add("method", &arguments.method);
    for header in &arguments.headers {
        add("header", header);
    }
    if let Some(name) = &arguments.entry_point {
        add("entryPoint", name);
    }
    if let Some(url) = &arguments.server {
        add("server", url);
    }
    if arguments.no_request {
        add("send", "false");
    }
    path
}

async fn offline(directory: &Path, question: &Question) -> Result<Report, Failure> {
    viaduct_tls::trust::load_system_roots();
    let snapshot = snapshot(directory)?;
    Ok(trace::ask(snapshot, &[], question).await)
}

/// As `up` would serve the directory, on entry points that are all there. What is wrong with it is told.
pub(super) fn snapshot(directory: &Path) -> Result<Arc<Snapshot>, Failure> {
    let updates = source::read_once(directory)?;
    let install = offline::as_up_would(&updates);
    let (snapshot, findings) = offline::compiled(install, Vec::from(updates));
    gather(findings)
        .iter()
        .for_each(|told| output::status(text(told)));
    Ok(snapshot)
}

/// A backend may take its time at each step.
const PATIENCE: Duration = Duration::from_secs(120);
const COULD_NOT_RUN: u8 = 2;
