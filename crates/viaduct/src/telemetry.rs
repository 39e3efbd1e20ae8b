//! What is told of requests, and to whom: access log, metrics, traces. Wiring only; the formats are those of
//! `observe`.

mod collector;
mod export;
mod inventory;
mod metrics;
mod preflight;
mod trust;

use std::sync::Arc;

use viaduct_observe::counters::Metering;
use viaduct_observe::families::Detail;
use viaduct_observe::otlp::{self, LogLines, Outbox};
use viaduct_observe::trace::Span;
use viaduct_observe::{Format, Options, Output, TraceOptions};

pub(crate) use collector::{Collector, Protocol, Signal, Target};
pub(crate) use export::{Export, Exporters, Push};
pub(crate) use metrics::{Metrics, ReloadCount, Workers};

/// What the data plane is to tell.
pub(crate) struct Telemetry {
    pub(crate) access_log: Option<AccessLogs>,
    pub(crate) metering: Metering,
    /// What `prometheus@internal` tells; `None`: nothing.
    pub(crate) prometheus: Option<Detail>,
    /// `None`: nothing is traced.
    pub(crate) tracing: Option<(Arc<TraceOptions>, Outbox<Span>)>,
    pub(crate) exports: Vec<Export>,
    pub(crate) pushes: Vec<Push>,
}

/// The outputs of the access log, each with its format.
pub(crate) struct AccessLogs {
    pub(crate) outputs: Vec<(Output, Format)>,
    pub(crate) options: Options,
}

impl Telemetry {
    /// An access log at most.
    pub(crate) fn logging(access_log: Option<(Output, Options)>) -> Self {
        Self {
            access_log: access_log.map(|(output, options)| AccessLogs {
                outputs: vec![(output, options.format)],
                options,
            }),
            metering: Metering::least(),
            prometheus: None,
            tracing: None,
            exports: Vec::new(),
            pushes: Vec::new(),
        }
    }
}

/// An output that sends JSON lines to a collector, and the export behind it.
pub(crate) fn log_export(resource: otlp::Resource, target: Target, signal: Signal) -> (Output, Export) {
    let (outbox, inbox) = otlp::queue();
    let output = Output::Writer(Box::new(LogLines::new(outbox)));
    (
        output,
        Export::Logs(inbox, resource, Collector::new(target, signal)),
    )
}
