//! `metrics`.

use viaduct_config::install::{Metrics, OtlpMetrics, Prometheus};
use viaduct_observe::counters::{HeaderLabel, Metering};
use viaduct_observe::families::Detail;

use super::{collectors, header_names, resource};
use crate::failure::Failure;
use crate::settings::timeout;
use crate::telemetry::{Collector, Push, Signal};

/// What has to be counted for everyone who is told.
pub(super) fn metering(metrics: &Metrics) -> Result<Metering, Failure> {
    let prometheus = metrics.prometheus.iter().map(detail);
    let details: Vec<Detail> = prometheus.chain(metrics.otlp.iter().map(pushed)).collect();
    let any = |wants: fn(&Detail) -> bool| details.iter().any(wants);
    let buckets = details.iter().flat_map(|detail| detail.buckets.iter().copied());
    let buckets: Vec<f64> = buckets.collect();
    let labels = match &metrics.prometheus {
        Some(prometheus) => header_labels(prometheus)?,
        None => Vec::new(),
    };
    // Entry points are always counted: the sum of all requests is told at the end of the process.
    let mut metering = Metering::least();
    metering.routers = any(|detail| detail.routers);
    metering.services = any(|detail| detail.services);
    metering.internals = metrics.add_internals;
    metering.conventions = any(|detail| detail.conventions);
    Ok(metering.with_buckets(&buckets).with_header_labels(labels))
}

/// What Prometheus is told.
pub(super) fn detail(prometheus: &Prometheus) -> Detail {
    Detail {
        entry_points: prometheus.add_entry_points_labels,
        routers: prometheus.add_routers_labels,
        services: prometheus.add_services_labels,
        conventions: false,
        buckets: sorted(&prometheus.buckets),
        header_labels: prometheus.header_labels.keys().cloned().collect(),
    }
}

/// What a collector is told.
fn pushed(otlp: &OtlpMetrics) -> Detail {
    Detail {
        entry_points: otlp.add_entry_points_labels,
        routers: otlp.add_routers_labels,
        services: otlp.add_services_labels,
        conventions: true,
        buckets: sorted(&otlp.explicit_boundaries),
        header_labels: Vec::new(),
    }
}

pub(super) fn push(metrics: &Metrics) -> Result<Option<Push>, Failure> {
    let Some(otlp) = &metrics.otlp else {
        return Ok(None);
    };
    let target = collectors::target(&otlp.exporter(), "metrics.otlp")?;
    let every = timeout(otlp.push_interval);
    if every.is_zero() {
        return Err(Failure::new("`metrics.otlp.pushInterval` has to be more than 0"));
    }
    Ok(Some(Push {
        detail: pushed(otlp),
        every,
        resource: resource(&otlp.service_name, otlp.resource_attributes.iter()),
        collector: Collector::new(target, Signal::Metrics),
    }))
}

fn sorted(buckets: &[f64]) -> Vec<f64> {
    let mut sorted: Vec<f64> = buckets.iter().copied().filter(|bound| *bound > 0.0).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.dedup();
    sorted
}

fn header_labels(prometheus: &Prometheus) -> Result<Vec<HeaderLabel>, Failure> {
    let written = &prometheus.header_labels;
    let headers: Vec<String> = written.values().cloned().collect();
    let headers = header_names(&headers, "metrics.prometheus.headerLabels")?;
    for label in written.keys() {
        // https://prometheus.io/docs/concepts/data_model: letters, digits and `_`, no digit first.
        let plain = label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let first = label.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
        if !plain || !first {
            return Err(Failure::new(format!(
                "`metrics.prometheus.headerLabels`: `{label}` is no name of a label"
            )));
        }
    }
    let labels = written.keys().cloned().zip(headers);
    Ok(labels
        .map(|(label, header)| HeaderLabel { label, header })
        .collect())
}
