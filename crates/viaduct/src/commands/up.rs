//! `viaduct up DIR`.

use std::process::ExitCode;

use viaduct_config::EntryPointName;
use viaduct_config::dynamic::http::RouterTls;
use viaduct_config::install::{self, INTERNAL_ENTRY_POINT};
use viaduct_proxy::{Config, EntryPointConfig, ForwardedTrust, Http3};
use viaduct_snapshot::{BridgePolicy, EntryPointInstall, Install};

use crate::api::Api;
use crate::cli::{EntryPoint, Up, resolve};
use crate::control::Sources;
use crate::edge::Edge;
use crate::failure::Failure;
use crate::logging::Log;
use crate::serving::{self, Serving};
use crate::signals::Signals;
use crate::source::Manifests;
use crate::telemetry::Telemetry;
use crate::{edge, logging, settings};

pub(super) fn run(up: Up) -> anyhow::Result<ExitCode> {
    let log = logging::start(up.run.log_level)?;
    serving::raise_file_limit();
    let runtime = serving::control_runtime()?;
    let code = runtime.block_on(serve(&up, &log));
    runtime.shutdown_background();
    Ok(code?)
}

async fn serve(up: &Up, log: &Log) -> Result<ExitCode, Failure> {
    let mut signals =
        Signals::listen().map_err(|error| Failure::new("cannot take signals").because(error))?;
    let entry_points = entry_points(up)?;
    let manifests = Manifests::open(&up.directory)?;
    let access_log = up
        .run
        .access_log
        .checked_output()?
        .map(|output| (output, up.run.access_log.options()));
    let telemetry = Telemetry::logging(access_log);
    let edge = Edge::open(config(up, &entry_points)?, telemetry, "--entrypoint NAME=ADDR")?;
    let own = edge.addresses().into_iter().map(|(_, address)| address).collect();
    let mut routing = routing(entry_points.iter().map(|given| (given.name.as_str(), given.tls)));
    let bridge = up.preflight.written_into(up.strict.section());
    let preflight = settings::bridge::preflight(&bridge);
    routing.bridge = BridgePolicy {
        heeds_namespaces: true,
        ..settings::bridge::policy(&bridge)?
    };
    let mut sources = Sources::from(manifests.follow(own));
    sources.overlap = up.rotation_overlap()?;
    let mut shown = None;
    if up.api.is_some() {
        let told = viaduct_config::Install {
            bridge,
            ..told(&entry_points)
        };
        shown = Api::new(&told);
        sources.fixed.push(viaduct_providers::internal(&told));
        for entry_point in &mut routing.entry_points {
            entry_point.as_default = entry_point.name.as_str() != INTERNAL_ENTRY_POINT;
        }
    }
    let serving = Serving::start(
        edge,
        routing,
        up.stapling.settings(),
        sources,
        shown,
        None,
        preflight,
    )
    .await?;
    serving.announce(log, |name| {
        entry_points
            .iter()
            .any(|entry_point| entry_point.name == name && entry_point.tls)
    });
    if up.api.is_some() {
        announce_dashboard(&serving, log);
    }
    Ok(serving.until_stopped(&mut signals, log, async {}).await)
}

/// What the API shows of the process, and what it makes of that: API and dashboard, open to whoever reaches them.
fn told(entry_points: &[EntryPoint]) -> viaduct_config::Install {
    let listening = |entry_point: &EntryPoint| install::EntryPoint {
        address: entry_point.listen.to_string(),
        ..install::EntryPoint::default()
    };
    viaduct_config::Install {
        entry_points: entry_points
            .iter()
            .map(|entry_point| (entry_point.name.clone(), listening(entry_point)))
            .collect(),
        api: Some(install::Api {
            insecure: true,
            ..install::Api::default()
        }),
        ..viaduct_config::Install::default()
    }
}

fn announce_dashboard(serving: &Serving, log: &Log) {
    let mut addresses = serving.addresses().iter();
    let Some((_, address)) = addresses.find(|(name, _)| &**name == INTERNAL_ENTRY_POINT) else {
        return;
    };
    if !address.ip().is_loopback() {
        log.warn(format_args!(
            "`--api={address}`: everyone who reaches this address reads the whole configuration"
        ));
    }
    log.say(format_args!("dashboard at http://{address}/dashboard/"));
}

/// The entry points asked for, or the default set, and the one of the API; each once.
fn entry_points(up: &Up) -> Result<Vec<EntryPoint>, Failure> {
    let mut entry_points = match up.entry_points.as_slice() {
        [] => EntryPoint::defaults(),
        given => given.to_vec(),
    };
    entry_points.extend(up.api.clone().map(|listen| EntryPoint {
        name: INTERNAL_ENTRY_POINT.to_owned(),
        listen,
        tls: false,
        http3: false,
    }));
    for (index, entry_point) in entry_points.iter().enumerate() {
        if entry_points
            .iter()
            .take(index)
            .any(|earlier| earlier.name == entry_point.name)
        {
            return Err(Failure::new(format!(
                "entry point `{}` is given twice",
                entry_point.name
            )));
        }
    }
    for name in up
        .trusted_ips
        .iter()
        .filter_map(|trusted| trusted.entry_point.as_deref())
    {
        if !entry_points.iter().any(|entry_point| entry_point.name == name) {
            return Err(Failure::new(format!(
                "--trusted-ips names `{name}`, which is no entry point"
            )));
        }
    }
    Ok(entry_points)
}

/// What routing needs to know: names, and where TLS is the default.
pub(super) fn routing<'a>(entry_points: impl IntoIterator<Item = (&'a str, bool)>) -> Install {
    let entry_points = entry_points.into_iter().map(|(name, tls)| EntryPointInstall {
        name: EntryPointName::new(name),
        tls: tls.then(RouterTls::default),
        middlewares: Vec::new(),
        as_default: true,
    });
    Install {
        entry_points: entry_points.collect(),
        ..Install::default()
    }
}

fn config(up: &Up, entry_points: &[EntryPoint]) -> Result<Config, Failure> {
    if up.forwarded_headers_insecure {
        tracing::warn!("--forwarded-headers-insecure: any client may claim any address, host and scheme");
    }
    let entry_points = entry_points.iter().map(|entry_point| {
        let address = resolve(&entry_point.listen).map_err(|error| {
            Failure::new(format!(
                "entry point `{}`: `{}` cannot be resolved",
                entry_point.name, entry_point.listen
            ))
            .because(error)
        })?;
        Ok(EntryPointConfig {
            http3: entry_point.http3.then(Http3::default),
            expose_faults: up.expose_faults,
            ..edge::entry_point(&entry_point.name, address, forwarded(up, &entry_point.name))
        })
    });
    Ok(Config {
        workers: up.run.workers(),
        entry_points: entry_points.collect::<Result<_, Failure>>()?,
    })
}

fn forwarded(up: &Up, entry_point: &str) -> ForwardedTrust {
    let concerned = up
        .trusted_ips
        .iter()
        .filter(|trusted| match &trusted.entry_point {
            Some(name) => name == entry_point,
            None => true,
        });
    ForwardedTrust {
        insecure: up.forwarded_headers_insecure,
        trusted_ips: concerned
            .flat_map(|trusted| trusted.nets.iter().copied())
            .collect(),
        ..ForwardedTrust::default()
    }
}
