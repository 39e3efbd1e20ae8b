//! `viaduct demo`: the whole bridge on this machine, and proof of what each of its legs was.
//!
//! ```text
//!  client == TLS ==> ingress (as `viaduct up`) == verified TLS ==> sidecar (as `viaduct sidecar`) --> app
//! ```

mod app;
mod client;
mod files;
mod pki;
mod recorder;
mod show;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use viaduct_observe::{Format, Options};
use viaduct_proxy::{Config, EntryPointConfig, ForwardedTrust};

use crate::cli::Demo;
use crate::commands::{sidecar, up};
use crate::edge::Edge;
use crate::serving::{self, Serving};
use crate::signals::Signals;
use crate::source::Manifests;
use crate::telemetry::Telemetry;
use crate::{edge, logging, output, preflight};
use files::Files;
use pki::Authority;
use recorder::Recorder;

pub(super) fn run(demo: &Demo) -> anyhow::Result<ExitCode> {
    let _log = logging::start(demo.log_level)?;
    let runtime = serving::control_runtime()?;
    let code = runtime.block_on(play(demo));
    runtime.shutdown_background();
    code
}

async fn play(demo: &Demo) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::listen()?;
    let place = Place::choose(demo.dir.clone())?;
    let root = place.path();
    let mut stage = Stage::set(demo, root).await?;
    output::result(show::opening(&stage));

    let answer = tokio::select! {
        answer = client::get(stage.ingress_address, HOST, &stage.edge_ca.certificate) => answer,
        _ = stopped(&mut signals) => return Ok(ExitCode::FAILURE),
    };
    let record = stage.recorder.next(Duration::from_secs(5)).await;
    let went_well = match &answer {
        Ok(answer) => {
            output::result(show::request(&stage, answer, record.as_ref()));
            answer.status.is_success() && record.is_some()
        }
        Err(error) => {
            output::failure(error);
            false
        }
    };
    if went_well {
        output::result(show::closing(&stage, demo.once));
    }
    if went_well && !demo.once {
        stopped(&mut signals).await;
        output::status("stopping");
    }
    stage.strike(&mut signals).await;
    Ok(if went_well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn stopped(signals: &mut Signals) {
    signals.stop(|| {}).await;
}

/// Where the demo's files are.
enum Place {
    Given(PathBuf),
    /// Removed when this is dropped.
    Temporary(TempDir),
}

impl Place {
    fn choose(given: Option<PathBuf>) -> std::io::Result<Self> {
        match given {
            Some(path) => Ok(Self::Given(path)),
            None => tempfile::Builder::new()
                .prefix("viaduct-demo-")
                .tempdir()
                .map(Self::Temporary),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Given(path) => path,
            Self::Temporary(directory) => directory.path(),
        }
    }
}

/// All that runs.
struct Stage {
    files: Files,
    edge_ca: Authority,
    backend_ca: Authority,
    app_address: SocketAddr,
    sidecar_address: SocketAddr,
    ingress_address: SocketAddr,
    app: JoinHandle<()>,
    sidecar: Serving,
    ingress: Serving,
    recorder: Recorder,
}

impl Stage {
    /// From back to front, so that each part finds the next one there.
    async fn set(demo: &Demo, root: &Path) -> anyhow::Result<Self> {
        let files = Files::create(root)?;
        let (edge_ca, backend_ca) = (
            Authority::new("Demo edge CA")?,
            Authority::new("Demo backend CA")?,
        );
        files.write_certificates(
            &edge_ca.certificate,
            &backend_ca.certificate,
            &backend_ca.issue(HOST)?,
        )?;

        let (listener, app_address) = app::listen().await?;
        let app = tokio::spawn(app::serve(listener));

        let sidecar = sidecar::start(sidecar::Sidecar {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            to: format!("http://{app_address}"),
            files: sidecar::Files {
                cert: files.sidecar_cert(),
                key: files.sidecar_key(),
                client_ca: None,
            },
            workers: 1,
            access_log: None,
        })
        .await?;
        let sidecar_address = address(&sidecar)?;

        files.write_manifests(&edge_ca.issue(HOST)?, &backend_ca.certificate, sidecar_address)?;
        let recorder = Recorder::new();
        let ingress = ingress(demo, &files, &recorder).await?;
        let ingress_address = address(&ingress)?;
        Ok(Self {
            files,
            edge_ca,
            backend_ca,
            app_address,
            sidecar_address,
            ingress_address,
            app,
            sidecar,
            ingress,
            recorder,
        })
    }

    /// Front to back. A second signal ends it at once.
    async fn strike(self, signals: &mut Signals) {
        let ended = async {
            // Hung up means ended as well.
            let (_ingress, _sidecar) = tokio::join!(self.ingress.drain(), self.sidecar.drain());
        };
        tokio::select! {
            () = ended => {}
            () = stopped(signals) => {}
        }
        self.app.abort();
    }
}

/// What `viaduct up` would run, on the first address that is free.
async fn ingress(demo: &Demo, files: &Files, recorder: &Recorder) -> anyhow::Result<Serving> {
    let open = |port| {
        let options = Options {
            format: Format::Json,
            ..Options::default()
        };
        Edge::open(
            config(SocketAddr::from(([127, 0, 0, 1], port))),
            Telemetry::logging(Some((recorder.output(), options))),
            "--port PORT",
        )
    };
    let edge = match demo.port {
        Some(port) => open(port)?,
        None => open(USUAL_PORT).or_else(|_busy| open(0))?,
    };
    let install = up::routing([(ENTRY_POINT, true)]);
    let own = edge.addresses().into_iter().map(|(_, address)| address).collect();
    let updates = Manifests::open(&files.manifests())?.follow(own);
    Ok(Serving::start(edge, install, None, updates, None, None, preflight::Settings::OFF).await?)
}

fn config(address: SocketAddr) -> Config {
    Config {
        workers: 1,
        entry_points: vec![EntryPointConfig {
            expose_faults: true,
            ..edge::entry_point(ENTRY_POINT, address, ForwardedTrust::default())
        }],
    }
}

/// Where the only entry point listens.
fn address(serving: &Serving) -> anyhow::Result<SocketAddr> {
    let (_, address) = serving.addresses().first().context("nothing listens")?;
    Ok(*address)
}

const HOST: &str = "web.example.com";
const ENTRY_POINT: &str = "websecure";
const USUAL_PORT: u16 = 8443;
