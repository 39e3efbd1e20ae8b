//! `log`, `accessLog`, `metrics` and `tracing` -> where they go and what they say.

mod collectors;
mod logs;
mod metrics;
mod resource;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use http::HeaderName;
use viaduct_config::Install;
use viaduct_config::install::Tracing;
use viaduct_observe::TraceOptions;
use viaduct_observe::otlp::{self, Resource};
use viaduct_observe::trace::Propagator;

use crate::failure::Failure;
use crate::telemetry::{Collector, Export, Signal, Telemetry};

pub(crate) use logs::log;

/// Everything that requests are told to.
pub(crate) fn telemetry(install: &Install) -> Result<Telemetry, Failure> {
    let mut telemetry = Telemetry::logging(None);
    if let Some(written) = &install.access_log {
        let access_logs = logs::access(written, &mut telemetry.exports)?;
        telemetry.access_log = Some(access_logs);
    }
    if let Some(written) = &install.metrics {
        telemetry.metering = metrics::metering(written)?;
        telemetry.prometheus = written.prometheus.as_ref().map(metrics::detail);
        telemetry.pushes.extend(metrics::push(written)?);
    }
    if let Some(written) = &install.tracing {
        let (outbox, inbox) = otlp::queue();
        let target = collectors::target(&written.exporter(), "tracing.otlp")?;
        // `globalAttributes` is the older name; where both are written the newer one counts.
        let attributes = written
            .global_attributes
            .iter()
            .chain(&written.resource_attributes);
        let resource = resource(&written.service_name, attributes);
        let collector = Collector::new(target, Signal::Traces);
        telemetry.exports.push(Export::Traces(inbox, resource, collector));
        telemetry.tracing = Some((Arc::new(trace_options(written)?), outbox));
    }
    Ok(telemetry)
}

fn trace_options(written: &Tracing) -> Result<TraceOptions, Failure> {
    if !(0.0..=1.0).contains(&written.sample_rate) {
        return Err(Failure::new(format!(
            "`tracing.sampleRate`: `{}` is not between 0 and 1",
            written.sample_rate
        )));
    }
    Ok(TraceOptions {
        sample_rate: written.sample_rate,
        propagators: propagators(std::env::var("OTEL_PROPAGATORS").ok().as_deref()),
        request_headers: header_names(
            &written.captured_request_headers,
            "tracing.capturedRequestHeaders",
        )?,
        response_headers: header_names(
            &written.captured_response_headers,
            "tracing.capturedResponseHeaders",
        )?,
        safe_query: written.safe_query_params.clone(),
        internals: written.add_internals,
    })
}

/// `OTEL_PROPAGATORS`: names with commas between; `none` alone is none at all.
fn propagators(written: Option<&str>) -> Vec<Propagator> {
    let written = written.filter(|written| !written.trim().is_empty());
    let names = written
        .unwrap_or("tracecontext,baggage")
        .split(',')
        .map(str::trim);
    let mut propagators = Vec::new();
    for name in names {
        match (name, Propagator::named(name)) {
            (_, Some(propagator)) => propagators.push(propagator),
            // Baggage is a header that is passed on as it came.
            ("baggage" | "none", None) => {}
            (unknown, None) => {
                tracing::warn!(propagator = unknown, "OTEL_PROPAGATORS names what is not built")
            }
        }
    }
    propagators
}

fn header_names(written: &[String], option: &str) -> Result<Vec<HeaderName>, Failure> {
    let parse = |name: &String| {
        let failed = || Failure::new(format!("`{option}`: `{name}` is not the name of a header"));
        name.parse()
            .map_err(|error: http::header::InvalidHeaderName| failed().because(error))
    };
    written.iter().map(parse).collect()
}

/// `written`: `resourceAttributes`.
fn resource<'a>(service: &str, written: impl Iterator<Item = (&'a String, &'a String)>) -> Resource {
    let surroundings = resource::surroundings(|name| std::env::var(name).ok());
    let surroundings = surroundings.iter().map(|(name, value)| (&**name, &**value));
    let written = written.map(|(name, value)| (name.as_str(), value.as_str()));
    Resource::new(service, surroundings.chain(written))
}
