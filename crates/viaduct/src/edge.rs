//! The data plane's wiring: listeners, workers, access log, counters; from opening to draining.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use viaduct_config::EntryPointName;
use viaduct_observe::families::Detail;
use viaduct_observe::otlp::Outbox;
use viaduct_observe::trace::Span;
use viaduct_observe::{AccessLog, Format, Options, Sink, SinkError, TraceOptions, Tracer, WorkerCounters};
use viaduct_proxy::{
    BindError, Bound, Config, Enforced, EntryPointConfig, FaultWitness, ForwardedTrust, Hands, Internal,
    Running,
};
use viaduct_snapshot::Snapshot;

use crate::failure::Failure;
use crate::preflight::Preflight;
use crate::telemetry::{Export, Exporters, Metrics, Push, ReloadCount, Telemetry, Workers};

/// An entry point with Traefik's defaults.
pub(crate) fn entry_point(name: &str, address: SocketAddr, forwarded: ForwardedTrust) -> EntryPointConfig {
    EntryPointConfig {
        forwarded,
        ..EntryPointConfig::new(EntryPointName::new(name), address)
    }
}

/// Listening, but not serving yet.
pub(crate) struct Edge {
    bound: Bound,
    /// The access log's outputs, each with its format.
    sinks: Vec<(Sink, Format)>,
    options: Options,
    /// One per worker.
    counters: Vec<Arc<WorkerCounters>>,
    enforced: Arc<Enforced>,
    prometheus: Option<Detail>,
    tracing: Option<(Arc<TraceOptions>, Outbox<Span>)>,
    exports: Vec<Export>,
    pushes: Vec<Push>,
}

impl Edge {
    /// Opens the access log and every entry point, or says which could not be opened and why. `option`:
    /// the part of the command line that chooses another address.
    pub(crate) fn open(config: Config, telemetry: Telemetry, option: &str) -> Result<Self, Failure> {
        let (mut sinks, mut options) = (Vec::new(), Options::default());
        if let Some(access_log) = telemetry.access_log {
            options = access_log.options;
            for (output, format) in access_log.outputs {
                let sink = Sink::open("access-log", output).map_err(access_log_failure)?;
                sinks.push((sink, format));
            }
        }
        let workers = config.workers;
        let names = config
            .entry_points
            .iter()
            .map(|entry_point| entry_point.name.shared());
        let names: Vec<_> = names.collect();
        let counters = (0..workers).map(|_| {
            let metering = telemetry.metering.clone();
            Arc::new(WorkerCounters::with(names.iter().cloned(), metering))
        });
        let counters = counters.collect();
        let bound = Bound::open(config).map_err(|error| bind_failure(error, option))?;
        Ok(Self {
            bound,
            sinks,
            options,
            counters,
            enforced: Arc::new(Enforced::new(workers)),
            prometheus: telemetry.prometheus,
            tracing: telemetry.tracing,
            exports: telemetry.exports,
            pushes: telemetry.pushes,
        })
    }

    /// Where each entry point really listens.
    pub(crate) fn addresses(&self) -> Vec<(Arc<str>, SocketAddr)> {
        let addresses = self.bound.addresses().into_iter();
        addresses
            .map(|(name, address)| (name.shared(), address))
            .collect()
    }

    /// What will be counted, for whoever asks.
    pub(crate) fn metrics(
        &self,
        snapshots: watch::Receiver<Arc<Snapshot>>,
        reloads: Arc<ReloadCount>,
        preflight: Preflight,
    ) -> Arc<Metrics> {
        let workers = Workers {
            counters: self.counters.clone(),
            enforced: Arc::clone(&self.enforced),
        };
        Arc::new(Metrics::new(
            workers,
            self.prometheus.clone(),
            snapshots,
            reloads,
            preflight,
        ))
    }

    /// Starts the workers on the first snapshot. Needs a tokio runtime, for exporters.
    pub(crate) fn serve(
        self,
        snapshots: watch::Receiver<Arc<Snapshot>>,
        metrics: Arc<Metrics>,
        internal: Option<Arc<dyn Internal>>,
        witness: Option<Arc<dyn FaultWitness>>,
    ) -> RunningEdge {
        let log = |_| {
            let outputs = self.sinks.iter().map(|(sink, format)| (sink, *format));
            (!self.sinks.is_empty()).then(|| AccessLog::to(outputs, self.options.clone()))
        };
        let tracer = |_| {
            let (options, outbox) = self.tracing.as_ref()?;
            Some(Tracer::new(Arc::clone(options), outbox.clone()))
        };
        let hands = Hands {
            snapshots,
            access_logs: self.counters.iter().map(log).collect(),
            tracers: self.counters.iter().filter_map(tracer).collect(),
            counters: self.counters,
            internal,
            witness,
            enforced: self.enforced,
        };
        RunningEdge {
            running: self.bound.serve(hands),
            sinks: self.sinks.into_iter().map(|(sink, _)| sink).collect(),
            exporters: Exporters::start(self.exports, self.pushes, &metrics),
            metrics,
        }
    }
}

/// Serving.
pub(crate) struct RunningEdge {
    running: Running,
    sinks: Vec<Sink>,
    exporters: Exporters,
    metrics: Arc<Metrics>,
}

impl RunningEdge {
    /// Opens the access log's file again (SIGUSR1).
    pub(crate) fn reopen_logs(&self) {
        for sink in &self.sinks {
            sink.reopen();
        }
    }

    /// Ends without losing a request or a log line. Blocks, at most a little longer than the grace time.
    /// Gives what is left to do for collectors.
    pub(crate) fn drain(self) -> Exporters {
        self.running.drain();
        for sink in self.sinks {
            if !sink.finish(LOG_WAIT) {
                tracing::warn!("the access log could not be written to its end");
            }
        }
        let totals = self.metrics.totals();
        let requests: u64 = totals
            .entry_points
            .values()
            .map(|entry_point| entry_point.tally.total())
            .sum();
        tracing::info!(requests, "stopped");
        self.exporters
    }
}

fn access_log_failure(error: SinkError) -> Failure {
    let message = error.to_string();
    match error {
        SinkError::Open { source, .. } | SinkError::Thread(source) => Failure::new(message).because(source),
    }
}

fn bind_failure(error: BindError, option: &str) -> Failure {
    let BindError {
        entry_point,
        address,
        source,
    } = error;
    let hint = match source.kind() {
        ErrorKind::AddrInUse => {
            format!("another process listens there: stop it, or choose another port with `{option}`")
        }
        ErrorKind::PermissionDenied => {
            "ports below 1024 need the capability CAP_NET_BIND_SERVICE; a port above needs none".to_owned()
        }
        ErrorKind::AddrNotAvailable => format!(
            "no interface of this machine has {}; `:{}` means all of them",
            address.ip(),
            address.port()
        ),
        _ => format!("choose another address with `{option}`"),
    };
    Failure::new(format!("entry point `{entry_point}`: cannot listen on {address}"))
        .because(source)
        .hint(hint)
}

/// How long the end waits for the access log's output.
const LOG_WAIT: Duration = Duration::from_secs(5);
