//! `viaduct sidecar`: TLS in front of a plain application, with certificates that may change.
//!
//! The same proxy as the ingress, on a configuration of one router and one service that is made of the
//! command line and the files it names.

mod material;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::process::ExitCode;

use tokio::sync::mpsc;
use viaduct_config::dynamic::Elements;
use viaduct_config::dynamic::http::{LoadBalancer, Router, RouterTls, Server, Service};
use viaduct_config::dynamic::tls::{ClientAuth, TlsOptions, TlsStore};
use viaduct_config::dynamic::{Http, Tls};
use viaduct_config::{Dynamic, ProviderName, Update};
use viaduct_observe::{Options, Output};
use viaduct_providers::{Changes, Timing, Watch};
use viaduct_proxy::{Config, ForwardedTrust, Naming};

use super::up;
use crate::edge::Edge;
use crate::failure::Failure;
use crate::logging::Log;

use crate::serving::{self, Serving};
use crate::signals::Signals;
use crate::telemetry::Telemetry;
use crate::{cli, edge, logging, preflight};
pub(super) use material::Files;
use material::Material;

/// What a sidecar needs to know.
pub(super) struct Sidecar {
    pub(super) listen: SocketAddr,
    /// `http://host:port`.
    pub(super) to: String,
    pub(super) files: Files,
    pub(super) workers: usize,
    pub(super) access_log: Option<(Output, Options)>,
}

pub(super) fn run(arguments: cli::Sidecar) -> anyhow::Result<ExitCode> {
    let log = logging::start(arguments.run.log_level)?;
    serving::raise_file_limit();
    let runtime = serving::control_runtime()?;
    let code = runtime.block_on(serve(arguments, &log));
    runtime.shutdown_background();
    Ok(code?)
}

async fn serve(arguments: cli::Sidecar, log: &Log) -> Result<ExitCode, Failure> {
    let mut signals =
        Signals::listen().map_err(|error| Failure::new("cannot take signals").because(error))?;
    let listen = cli::resolve(&arguments.listen)
        .map_err(|error| Failure::new(format!("`{}` cannot be resolved", arguments.listen)).because(error))?;
    let access_log = arguments
        .run
        .access_log
        .checked_output()?
        .map(|output| (output, arguments.run.access_log.options()));
    let serving = start(Sidecar {
        listen,
        to: arguments.to,
        files: Files {
            cert: arguments.cert,
            key: arguments.key,
            client_ca: arguments.client_ca,
        },
        workers: arguments.run.workers(),
        access_log,
    })
    .await?;
    serving.announce(log, |_| true);
    Ok(serving.until_stopped(&mut signals, log, async {}).await)
}

/// Reads the files, listens, serves. Fails only when the files are not usable now; what becomes of
/// them later is told in the log, and the last good ones stay.
pub(super) async fn start(sidecar: Sidecar) -> Result<Serving, Failure> {
    let Sidecar {
        listen,
        to,
        workers,
        access_log,
        files,
    } = sidecar;
    check_target(&to)?;
    // Watched first: what is written after the reading is told of.
    let watch = viaduct_providers::watch(files.target(), Timing::default())
        .map_err(|error| Failure::new("cannot watch the certificate's files").because(error))?;
    let changes = watch.changes();
    let material = files.read()?;
    let (sender, updates) = mpsc::channel(1);
    // The channel is new and has room.
    sender.try_send(update(&to, &material)).unwrap_or_default();
    let telemetry = Telemetry::logging(access_log);
    let edge = Edge::open(config(listen, workers), telemetry, "--listen ADDR")?;
    tokio::spawn(follow(files, material, (watch, changes), to, sender));
    Serving::start(
        edge,
        up::routing([(ENTRY_POINT, true)]),
        None,
        updates,
        None,
        None,
        preflight::Settings::OFF,
    )
    .await
}

/// Sends an update whenever the files hold something new and usable; ends with the update's receiver.
async fn follow(
    files: Files,
    mut material: Material,
    (_watch, mut changes): (Watch, Changes),
    to: String,
    sender: mpsc::Sender<Update>,
) {
    let mut told = None;
    loop {
        tokio::select! {
            more = changes.changed() => if !more { return },
            () = sender.closed() => return,
        }
        match files.read() {
            Ok(new) if new != material => {
                material = new;
                told = None;
                tracing::info!(certificate = %files.cert.display(), "certificate files read again");
                if sender.send(update(&to, &material)).await.is_err() {
                    return;
                }
            }
            Ok(_) => told = None,
            Err(failure) => {
                // The same fault is told once, not at every look.
                let text = failure.to_string();
                if told.as_ref() != Some(&text) {
                    tracing::error!(
                        hint = failure.hint_text(),
                        "{text}: the last good files stay in service"
                    );
                    told = Some(text);
                }
            }
        }
    }
}

fn is_target(to: &str) -> bool {
    let uri: Option<http::Uri> = to.parse().ok();
    uri.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https" | "h2c"))
            && uri.host().is_some_and(|host| !host.is_empty())
            && uri.query().is_none()
    })
}

fn check_target(to: &str) -> Result<(), Failure> {
    if is_target(to) {
        return Ok(());
    }
    // What lacks a scheme only is nearly right.
    let with_scheme = format!("http://{to}");
    let meant = if is_target(&with_scheme) && !to.contains("://") {
        with_scheme.as_str()
    } else {
        "http://localhost:80"
    };
    Err(Failure::new(format!("`{to}` is not the URL of an application")).hint(format!("write it as {meant}")))
}

/// One router for everything, one service, and the files' certificate for every name.
fn update(to: &str, material: &Material) -> Update {
    let router = Router {
        rule: "PathPrefix(`/`)".to_owned(),
        service: APPLICATION.to_owned(),
        tls: Some(RouterTls::default()),
        ..Router::default()
    };
    let balancer = LoadBalancer {
        servers: vec![Server {
            url: to.to_owned(),
            ..Server::default()
        }],
        pass_host_header: Some(true),
        ..LoadBalancer::default()
    };
    let service = Service {
        load_balancer: Some(balancer),
        ..Service::default()
    };
    let store = TlsStore {
        default_certificate: Some(material.pair.clone()),
        ..TlsStore::default()
    };
    let client_auth = material.client_ca.as_ref().map(|ca| ClientAuth {
        ca_files: vec![ca.clone()],
        client_auth_type: "RequireAndVerifyClientCert".to_owned(),
    });
    // The router names no host: what it demands of clients has to be the default.
    let options = TlsOptions {
        client_auth,
        ..TlsOptions::default()
    };
    let named = |name: &str| name.to_owned();
    let dynamic = Dynamic {
        http: Http {
            routers: Elements::from_iter([(named(APPLICATION), router)]),
            services: Elements::from_iter([(named(APPLICATION), service)]),
            ..Http::default()
        },
        tls: Tls {
            options: Elements::from_iter([(named("default"), options)]),
            stores: Elements::from_iter([(named("default"), store)]),
            ..Tls::default()
        },
        ..Dynamic::default()
    };
    Update::new(ProviderName::new("sidecar"), dynamic)
}

fn config(listen: SocketAddr, workers: usize) -> Config {
    // The peer is the ingress: its list of clients is passed on, with the ingress added.
    let forwarded = ForwardedTrust {
        insecure: true,
        naming: Naming::Request,
        ..ForwardedTrust::default()
    };
    Config {
        workers,
        entry_points: vec![edge::entry_point(ENTRY_POINT, listen, forwarded)],
    }
}

const ENTRY_POINT: &str = "sidecar";
const APPLICATION: &str = "application";
