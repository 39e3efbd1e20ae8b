//! `viaduct trace URL`: both legs of one request, hop by hop (C10).

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use viaduct_snapshot::Snapshot;

use super::{answered, offline};
use crate::api::trace::HEADER;
use crate::cli::Trace;
use crate::control::{gather, text};
use crate::failure::Failure;
use crate::remote::Remote;
use crate::trace::{self, Question, Report, Wording};
use crate::{logging, output, serving, source};

/// The report goes to standard output. Status 0 if a client would get an answer from a backend, or nothing was in
/// the way of one; 1 if there is a fault; 2 if it could not be followed.
pub(super) fn run(arguments: &Trace) -> anyhow::Result<ExitCode> {
    let _log = logging::start(logging::Level::Warn)?;
    Ok(answered(report(arguments).map(|report| {
        if arguments.json {
            output::json(&report);
        } else {
            output::result(trace::text(&report));
        }
        report.fault.is_none()
    })))
}

fn report(arguments: &Trace) -> Result<Report, Failure> {
    let wording = wording(arguments);
    // Checked here, whoever follows it.
    let question = Question::of(&wording).map_err(Failure::new)?;
    let runtime = serving::control_runtime()?;
    let report = runtime.block_on(async {
        match &arguments.directory {
            Some(directory) => offline(directory, &question).await,
            None => {
                let remote = Remote::new(&arguments.api, PATIENCE)?;
                let body = serde_json::to_vec(&wording)
                    .map_err(|error| Failure::new("the request cannot be put into words").because(error))?;
                remote.post("/api/trace", HEADER, body.into()).await
            }
        }
    });
    runtime.shutdown_background();
    report
}

fn wording(arguments: &Trace) -> Wording {
    Wording {
        url: arguments.url.clone(),
        method: Some(arguments.method.clone()),
        headers: arguments.headers.clone(),
        entry_point: arguments.entry_point.clone(),
        server: arguments.server.clone(),
        send: Some(!arguments.no_request),
    }
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
