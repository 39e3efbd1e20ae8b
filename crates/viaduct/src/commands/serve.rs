//! `viaduct` without a command: serves what Traefik's install configuration asks for.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use viaduct_config::{ProviderName, render};
use viaduct_snapshot::Install;

use crate::api::Api;
use crate::control::Sources;
use crate::edge::Edge;
use crate::failure::Failure;
use crate::install::{Surroundings, Told, load};
use crate::logging::{self, Log};
use crate::serving::{self, Serving};
use crate::settings::{self, bridge, entry_points, observability, ocsp, providers, revoked, transport};
use crate::signals::Signals;
use crate::source::cluster::resign;
use crate::telemetry::Export;

pub(super) fn run(arguments: Vec<String>) -> anyhow::Result<ExitCode> {
    let told = load(&Surroundings::own(arguments))?;
    let (settings, log_export) = observability::log(&told.install)?;
    let log = logging::start(settings)?;
    say(&told, &log);
    serving::raise_file_limit();
    let runtime = serving::control_runtime()?;
    let code = runtime.block_on(serve(&told, &log, log_export));
    runtime.shutdown_background();
    Ok(code?)
}

/// What was read, and what of it has no effect: whatever the level, because it is said once.
fn say(told: &Told, log: &Log) {
    for warning in &told.warnings {
        log.warn(warning);
    }
    if !providers::any(&told.install) {
        log.warn("no provider is configured, so there are no routes (`--providers.file.filename=...`)");
    }
    if let Some(warning) = settings::api::warning(&told.install) {
        log.warn(warning);
    }
    tracing::info!(from = %told.origin, "configuration loaded");
    tracing::debug!(configuration = %render::install(&told.install), "install configuration");
}

async fn serve(told: &Told, log: &Log, log_export: Option<Export>) -> Result<ExitCode, Failure> {
    let Told { install, .. } = told;
    let mut signals =
        Signals::listen().map_err(|error| Failure::new("cannot take signals").because(error))?;
    let routing = routing(&told.install)?;
    let ocsp = ocsp::settings(install)?;
    let mut telemetry = observability::telemetry(install)?;
    telemetry.exports.extend(log_export);
    let edge = Edge::open(
        entry_points::data_plane(install)?,
        telemetry,
        "entryPoints.<name>.address",
    )?;
    let own = edge.addresses().into_iter().map(|(_, address)| address).collect();
    let providers::Started {
        clusters,
        updates,
        events,
        leaders,
    } = tokio::select! {
        started = providers::start(install, own) => started?,
        () = signals.stop(|| log.reopen()) => return Ok(ExitCode::SUCCESS),
    };
    let sources = Sources {
        default_transport: transport::follow(install, &routing.servers_transport)?,
        revoked: revoked::follow(&install.bridge, &routing.revoked)?,
        overlap: settings::timeout(install.bridge.rotation.overlap),
        fixed: clusters,
        updates,
    };
    let serving = Serving::start(
        edge,
        routing,
        ocsp,
        sources,
        Api::new(install),
        events,
        bridge::preflight(&install.bridge),
    )
    .await?;
    serving.announce(log, |name| {
        install
            .entry_points
            .get(name)
            .is_some_and(|entry_point| entry_point.http.tls.is_some())
    });
    Ok(serving.until_stopped(&mut signals, log, resign(leaders)).await)
}

/// What routing depends on.
pub(super) fn routing(install: &viaduct_config::Install) -> Result<Install, Failure> {
    let precedence = install.providers.precedence.iter();
    Ok(Install {
        entry_points: entry_points::routing(install),
        servers_transport: transport::default(install)?,
        revoked: Arc::new(revoked::all(&install.bridge)?),
        provider_precedence: precedence.map(|name| ProviderName::new(name.as_str())).collect(),
        default_rule_syntax: providers::default_rule_syntax(install),
        bridge: bridge::policy(&install.bridge)?,
        held_trust: BTreeMap::new(),
    })
}
