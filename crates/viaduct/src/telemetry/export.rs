//! Tasks of the control plane that send what workers have left for a collector.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::task::JoinSet;
use viaduct_observe::families::Detail;
use viaduct_observe::otlp::LogRecord;
use viaduct_observe::otlp::{self, Inbox, Resource};
use viaduct_observe::trace::Span;

use super::Metrics;
use super::collector::Collector;

/// Something that is sent as it comes.
pub(crate) enum Export {
    Traces(Inbox<Span>, Resource, Collector),
    Logs(Inbox<LogRecord>, Resource, Collector),
}

/// Metrics that are sent every so often.
pub(crate) struct Push {
    pub(crate) detail: Detail,
    pub(crate) every: Duration,
    pub(crate) resource: Resource,
    pub(crate) collector: Collector,
}

/// The running exports.
pub(crate) struct Exporters {
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
}

impl Exporters {
    /// Needs a tokio runtime.
    pub(crate) fn start(exports: Vec<Export>, pushes: Vec<Push>, metrics: &Arc<Metrics>) -> Self {
        let mut tasks = JoinSet::new();
        let (stop, stopped) = watch::channel(false);
        for export in exports {
            match export {
                Export::Traces(inbox, resource, collector) => {
                    let encode = move |spans| otlp::traces(&resource, spans);
                    tasks.spawn(export_all(inbox, encode, collector, stopped.clone()));
                }
                Export::Logs(inbox, resource, collector) => {
                    let encode = move |records| otlp::logs(&resource, records);
                    tasks.spawn(export_all(inbox, encode, collector, stopped.clone()));
                }
            }
        }
        for push in pushes {
            tasks.spawn(push.run(Arc::clone(metrics), stopped.clone()));
        }
        Self { tasks, stop }
    }

    /// Sends what is left, for a bounded time.
    pub(crate) async fn finish(mut self) {
        self.stop.send_replace(true);
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(LAST_EXPORT, all).await.is_err() {
            tracing::warn!("telemetry was lost: a collector does not take it");
        }
    }
}

/// Until nobody sends any more, or it is to stop.
async fn export_all<T>(
    mut inbox: Inbox<T>,
    encode: impl Fn(Vec<T>) -> Vec<u8>,
    mut collector: Collector,
    mut stopped: watch::Receiver<bool>,
) {
    loop {
        let stopping = tokio::select! {
            biased;
            records = inbox.next() => match records {
                Some(records) => {
                    collector.send(encode(records)).await;
                    collector.overflowed(inbox.dropped());
                    false
                }
                None => true,
            },
            _ = stopped.changed() => true,
        };
        if stopping {
            return;
        }
    }
}

impl Push {
    async fn run(mut self, metrics: Arc<Metrics>, mut stopped: watch::Receiver<bool>) {
        let start = SystemTime::now();
        let mut last = false;
        while !last {
            last = tokio::select! {
                () = tokio::time::sleep(self.every) => false,
                _ = stopped.changed() => true,
            };
            let families = metrics.families(&self.detail);
            let message = otlp::metrics(&self.resource, &families, start, SystemTime::now());
            self.collector.send(message).await;
        }
    }
}

/// How long the end of the process waits for collectors.
const LAST_EXPORT: Duration = Duration::from_secs(3);
