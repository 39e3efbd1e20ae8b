//! A whole proxy in this process: data plane, control plane, and their end. `up`, `sidecar` and `demo`
//! differ only in where their configuration comes from.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use viaduct_kubernetes::events::Events;
use viaduct_proxy::{FaultWitness, Internal};
use viaduct_snapshot::Install;

use crate::api::{Api, Board};
use crate::control::{Control, Sources, Witness, Witnesses};
use crate::edge::{Edge, RunningEdge};
use crate::failure::Failure;
use crate::logging::Log;
use crate::ocsp;
use crate::preflight::{self, Preflight};
use crate::signals::{Request, Signals};
use crate::telemetry::{Exporters, ReloadCount};

/// Serving until drained.
pub(crate) struct Serving {
    edge: RunningEdge,
    addresses: Vec<(Arc<str>, SocketAddr)>,
    control: JoinHandle<()>,
}

impl Serving {
    /// Waits for the first configuration, then serves it and every later one. What several providers have said
    /// by then is one configuration. `ocsp`: staples answers, when there are any; serving does not wait for them.
    /// `api`: who answers for internal services, if any is switched on. `events`: who tells objects of a cluster what
    /// is wrong with them. `preflight`: whether servers are tried before requests need them.
    pub(crate) async fn start(
        edge: Edge,
        install: Install,
        ocsp: Option<ocsp::Settings>,
        sources: impl Into<Sources>,
        api: Option<(Api, Board)>,
        events: Option<Events>,
        preflight: preflight::Settings,
    ) -> Result<Self, Failure> {
        // Now and here, lest the first handshake that needs them waits for the disk on a worker (A1.9).
        let roots = viaduct_tls::trust::load_system_roots();
        tracing::debug!(roots, "system roots read");
        let reloads = Arc::<ReloadCount>::default();
        let (api, board) = api.unzip();
        let shown = api
            .as_ref()
            .zip(board.as_ref())
            .map(|(api, board)| api.last_faults().gather(board.subscribe()));
        let mut control = Control::new(install, Arc::clone(&reloads), board);
        if let Some(settings) = ocsp {
            control.staple(settings);
        }
        let told = events
            .clone()
            .map(|events| Arc::new(Witness(events)) as Arc<dyn FaultWitness>);
        let witness = Witnesses::of(told.into_iter().chain(shown));
        let told = events.clone();
        if let Some(events) = events {
            control.tell_objects(events);
        }
        let mut sources = sources.into();
        control.overlap(sources.overlap);
        let updates = &mut sources.updates;
        let mut first: Vec<_> = updates.recv().await.into_iter().collect();
        if !first.is_empty() {
            first.append(&mut sources.fixed);
        }
        first.extend(std::iter::from_fn(|| updates.try_recv().ok()));
        let first = control
            .apply_all(first)
            .ok_or_else(|| Failure::new("the configuration's source ended before it gave any"))?;
        let (sender, receiver) = watch::channel(first);
        control.tell_applied(&receiver.borrow());
        let addresses = edge.addresses();
        let preflight = Preflight::start(preflight, receiver.clone(), told)?;
        control.gate(preflight.gate());
        let metrics = edge.metrics(receiver.clone(), reloads, preflight.clone());
        metrics.tell_rotations(control.rotations());
        control.look_at(Arc::clone(&metrics));
        let internal = api.map(|api| {
            let api = api
                .with_metrics(Arc::clone(&metrics))
                .with_preflight(preflight)
                .with_process(edge.addresses());
            Arc::new(api) as Arc<dyn Internal>
        });
        Ok(Self {
            edge: edge.serve(receiver, metrics, internal, witness),
            addresses,
            control: tokio::spawn(control.follow(sources, sender)),
        })
    }

    /// Where each entry point really listens.
    pub(crate) fn addresses(&self) -> &[(Arc<str>, SocketAddr)] {
        &self.addresses
    }

    /// Says on standard error where each entry point listens, one line each, for people and scripts,
    /// and then that all is ready.
    pub(crate) fn announce(&self, log: &Log, tls: impl Fn(&str) -> bool) {
        for (name, address) in &self.addresses {
            let scheme = if tls(name) { "https" } else { "http" };
            log.say(format_args!(
                "entry point {name} listening on {scheme}://{address}"
            ));
        }
        log.say(concat!("viaduct ", env!("CARGO_PKG_VERSION"), " ready"));
    }

    /// Serves until SIGTERM or SIGINT, then drains; a second signal ends the process at once. `leave`: what others are
    /// to be told as soon as that begins.
    pub(crate) async fn until_stopped(
        self,
        signals: &mut Signals,
        log: &Log,
        leave: impl Future<Output = ()> + Send + 'static,
    ) -> ExitCode {
        let reopen = || {
            self.edge.reopen_logs();
            log.reopen();
        };
        signals.stop(reopen).await;
        tracing::info!("stopping: requests in flight may finish");
        let left = tokio::spawn(leave);
        let mut drained = self.drain();
        loop {
            tokio::select! {
                exporters = &mut drained => {
                    // It has a deadline of its own.
                    drop(left.await);
                    if let Ok(exporters) = exporters {
                        exporters.finish().await;
                    }
                    return ExitCode::SUCCESS;
                }
                request = signals.next() => {
                    if request == Request::Stop {
                        tracing::warn!("stopped at once: requests in flight were cut off");
                        return ExitCode::FAILURE;
                    }
                }
            }
        }
    }

    /// Starts draining; the receiver hears (or is hung up) when it is done.
    pub(crate) fn drain(self) -> oneshot::Receiver<Exporters> {
        let (done, drained) = oneshot::channel();
        self.control.abort();
        let edge = self.edge;
        // A thread, because draining blocks; it is not joined, because a second signal does not wait.
        let _detached = std::thread::Builder::new().name("drain".into()).spawn(move || {
            // Who asked may have stopped waiting.
            drop(done.send(edge.drain()));
        });
        drained
    }
}

/// The control plane's runtime: one thread, apart from the workers'.
pub(crate) fn control_runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new("cannot start the control plane").because(error))
}

/// Raises the limit of open files as far as the system lets us: two per request in flight.
pub(crate) fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: maximum,
            maximum,
        },
    ) {
        tracing::debug!(?current, ?maximum, %error, "the limit of open files stays");
    }
}
