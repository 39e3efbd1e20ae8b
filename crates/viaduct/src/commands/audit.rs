//! `viaduct audit`: every bridge with its class, of a directory, a cluster, an install configuration or a running process.

mod ask;
mod csv;
mod table;

use std::path::Path;
use std::process::ExitCode;

use viaduct_config::finding::Code;
use viaduct_config::{Finding, Severity, Update};
use viaduct_kubernetes::watch::Access;
use viaduct_observe::{families, prometheus};
use viaduct_snapshot::{BridgeClass, Install};

use super::{answered, offline, serve};
use crate::bridges::{Live, Row, State, counts_of, rows};
use crate::cli::{Audit, AuditFormat};
use crate::control::{gather, text};
use crate::failure::Failure;
use crate::install::{Surroundings, load};
use crate::settings::{self, providers};
use crate::source::cluster::Terms;
use crate::{logging, output, serving, source};

/// The table goes to standard output, all else to standard error. Status 0; 1 if a route is below what `--require` names;
/// 2 if there is no table, or no whole one.
pub(super) fn run(arguments: &Audit) -> anyhow::Result<ExitCode> {
    let _log = logging::start(logging::Level::Warn)?;
    Ok(answered(audit(arguments)))
}

/// Whether every route is what is required.
fn audit(arguments: &Audit) -> Result<bool, Failure> {
    let rows = read(arguments)?;
    match arguments.format {
        AuditFormat::Table => output::result(table::text(&rows)),
        AuditFormat::Json => output::json(&rows),
        AuditFormat::Csv => output::result(csv::text(&rows)),
        AuditFormat::Prometheus => output::result(metrics(&rows)),
    }
    let Some(required) = arguments.require.map(settings::bridge::class) else {
        return Ok(true);
    };
    if rows.is_empty() {
        return Err(Failure::new("there are no bridges, so nothing shows that they are what is required")
            .hint("name where the routes are: a directory of manifests, a cluster, an install configuration, an API"));
    }
    let wrong: Vec<&Row> = rows.iter().filter(|row| falls_short(row, required)).collect();
    let alike = |a: &&Row, b: &&Row| (&a.router, &a.service, &a.class) == (&b.router, &b.service, &b.class);
    for same in wrong.chunk_by(alike) {
        if let Some(told) = shortfall(same, required) {
            output::status(told);
        }
    }
    Ok(wrong.is_empty())
}

/// Whether it is less than is required, out of service or not. It is, too, where no server is known: nothing shows what
/// the next one will be, and it comes without a word. Everything meets the least class; what is not served at all
/// carries nothing.
fn falls_short(row: &Row, required: BridgeClass) -> bool {
    match row.class() {
        Some(class) => class < required && row.state() != State::NotServed,
        None => required > BridgeClass::Plaintext,
    }
}

/// One line for the servers of one router and service that are reached alike.
fn shortfall(same: &[&Row], required: BridgeClass) -> Option<String> {
    let [first, others @ ..] = same else { return None };
    let route = format!(
        "router {} to service {}",
        table::clean(&first.router),
        table::clean(&first.service)
    );
    let Some(class) = first.class() else {
        return Some(format!(
            "unknown, `{required}` is required: {route}: no server is known ({})",
            first.status
        ));
    };
    let server = table::clean(&first.server);
    Some(match others.len() {
        0 => format!("below `{required}`: {route}: {class} ({server})"),
        more => format!("below `{required}`: {route}: {class} ({server} and {more} more)"),
    })
}

fn read(arguments: &Audit) -> Result<Vec<Row>, Failure> {
    let source = &arguments.source;
    if let Some(url) = &source.api {
        return serving::control_runtime()?.block_on(ask::rows(url));
    }
    if let Some(file) = &source.config_file {
        return of_install(file);
    }
    let terms = offline::terms(&arguments.options)?;
    let updates = match (&source.directory, &terms) {
        (Some(directory), Some(terms)) => source::read_once_under(directory, terms)?.into(),
        (Some(directory), None) => source::read_once(directory)?.into(),
        (None, terms) => {
            let access = Access {
                kubeconfig: source.kubeconfig.clone(),
                context: arguments.context.clone(),
                ..Access::default()
            };
            let terms = terms.clone().unwrap_or_else(Terms::cluster);
            let terms = terms.in_namespaces(&arguments.namespaces);
            serving::control_runtime()?.block_on(terms.read_once(access))?
        }
    };
    let install = match &terms {
        Some(terms) => serve::routing(terms.install())?,
        None => offline::as_up_would(&updates),
    };
    table_of(install, updates)
}

/// With everything that a process would have of this file.
fn of_install(file: &Path) -> Result<Vec<Row>, Failure> {
    let flag = format!("--configFile={}", file.display());
    let told = load(&Surroundings::own(vec![flag]))?;
    for warning in &told.warnings {
        output::status(format_args!("warning: {warning}"));
    }
    let install = serve::routing(&told.install)?;
    let runtime = serving::control_runtime()?;
    let updates = runtime.block_on(providers::read_once(&told.install))?;
    runtime.shutdown_background();
    table_of(install, updates)
}

fn table_of(install: Install, updates: Vec<Update>) -> Result<Vec<Row>, Failure> {
    let (snapshot, findings) = offline::compiled(install, updates);
    let whole = findings
        .iter()
        .all(|finding| finding.code != Code::UnreadableDocument);
    tell(findings);
    if !whole {
        return Err(Failure::new(
            "there is no whole table: a part of the configuration cannot be read",
        ));
    }
    Ok(rows(&snapshot, &Live::default()))
}

/// What is refused stands in the table, and warnings are for those who serve it; what else is wrong is said.
fn tell(findings: Vec<Finding>) {
    let others = findings
        .into_iter()
        .filter(|finding| finding.severity == Severity::Error && finding.code != Code::BelowRequiredClass);
    gather(others.collect())
        .iter()
        .for_each(|told| output::status(text(told)));
}

/// For the node exporter's directory of text files.
fn metrics(rows: &[Row]) -> String {
    let mut weakest: Vec<(&str, BridgeClass)> = Vec::new();
    for row in rows {
        let Some(class) = row.class() else { continue };
        match weakest.last_mut() {
            Some((router, least)) if *router == row.router => *least = class.min(*least),
            Some(_) | None => weakest.push((&row.router, class)),
        }
    }
    let routers = weakest.into_iter().map(|(router, class)| (router, class.label()));
    let mut families = vec![
        families::bridges(&counts_of(rows)),
        families::router_classes(routers),
    ];
    families.retain(|family| !family.series.is_empty());
    prometheus::text(&families)
}
