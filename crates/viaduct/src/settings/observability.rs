//! `log`, `accessLog` and `metrics` -> where they go and what they say.

use viaduct_config::Install;
use viaduct_config::install::{AccessLogFormat, FieldMode, LogLevel, Metrics, Prometheus};
use viaduct_observe::counters::{HeaderLabel, Metering};
use viaduct_observe::families::Detail;
use viaduct_observe::{Format, Mode, Options, Output};

use crate::logging::Level;
use crate::telemetry::Telemetry;

/// Default: errors only, as Traefik.
pub(crate) fn level(install: &Install) -> Level {
    match install.log.as_ref().map(|log| log.level).unwrap_or_default() {
        LogLevel::Trace => Level::Trace,
        LogLevel::Debug => Level::Debug,
        LogLevel::Info => Level::Info,
        LogLevel::Warn => Level::Warn,
        LogLevel::Error | LogLevel::Fatal | LogLevel::Panic => Level::Error,
    }
}

/// Everything that requests are told to.
pub(crate) fn telemetry(install: &Install) -> Telemetry {
    let metrics = install.metrics.as_ref();
    let prometheus = metrics.and_then(|metrics| metrics.prometheus.as_ref());
    Telemetry {
        access_log: access_log(install),
        metering: metrics.map_or_else(Metering::least, metering),
        prometheus: prometheus.map(detail),
    }
}

/// What has to be counted for everyone who is told.
fn metering(metrics: &Metrics) -> Metering {
    let details: Vec<Detail> = metrics.prometheus.iter().map(detail).collect();
    let any = |wants: fn(&Detail) -> bool| details.iter().any(wants);
    let buckets: Vec<f64> = details
        .iter()
        .flat_map(|detail| detail.buckets.iter().copied())
        .collect();
    let labels = metrics
        .prometheus
        .iter()
        .flat_map(|prometheus| header_labels(prometheus));
    // Entry points are always counted: the sum of all requests is told at the end of the process.
    let mut metering = Metering::least();
    metering.routers = any(|detail| detail.routers);
    metering.services = any(|detail| detail.services);
    metering.internals = metrics.add_internals;
    metering.with_buckets(&buckets).with_header_labels(labels)
}

fn detail(prometheus: &Prometheus) -> Detail {
    Detail {
        entry_points: prometheus.add_entry_points_labels,
        routers: prometheus.add_routers_labels,
        services: prometheus.add_services_labels,
        buckets: prometheus.buckets.clone(),
        header_labels: header_labels(prometheus).map(|label| label.label).collect(),
    }
}

/// Without those whose header cannot be one: its value would always be empty.
fn header_labels(prometheus: &Prometheus) -> impl Iterator<Item = HeaderLabel> {
    prometheus.header_labels.iter().filter_map(|(label, header)| {
        Some(HeaderLabel {
            label: label.clone(),
            header: header.parse().ok()?,
        })
    })
}

/// The access log, if there is one.
fn access_log(install: &Install) -> Option<(Output, Options)> {
    let log = install.access_log.as_ref()?;
    let output = match log.file_path.as_str() {
        "" => Output::Stdout,
        path => Output::File(path.into()),
    };
    let options = Options {
        format: match log.format {
            AccessLogFormat::Common => Format::Common,
            AccessLogFormat::GenericClf => Format::GenericClf,
            AccessLogFormat::Json => Format::Json,
        },
        headers: match log.fields.headers.default_mode {
            FieldMode::Keep => Mode::Keep,
            FieldMode::Drop => Mode::Drop,
            FieldMode::Redact => Mode::Redact,
        },
    };
    Some((output, options))
}
