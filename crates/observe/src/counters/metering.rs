//! What is counted, and how finely: the same for every worker.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;

/// How requests are counted. The default counts by entry point, router and service, with Prometheus's
/// default buckets of Traefik.
#[derive(Debug, Clone)]
pub struct Metering {
    /// Count by entry point. Default true.
    pub entry_points: bool,
    /// Count by router. Default true; Traefik's `addRoutersLabels` is false.
    pub routers: bool,
    /// Count by service. Default true.
    pub services: bool,
    /// Count requests to internal services (`api@internal`, ..) too. Default false.
    pub internals: bool,
    /// Count what OpenTelemetry's conventions tell of requests from clients and to servers. Default false.
    pub conventions: bool,
    /// Request headers whose values are labels of the request counters (`headerLabels`). Default none.
    pub header_labels: Arc<[HeaderLabel]>,
    bounds: Arc<[u64]>,
}

/// One label of `headerLabels`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderLabel {
    pub label: String,
    pub header: HeaderName,
}

impl Default for Metering {
    fn default() -> Self {
        Self {
            entry_points: true,
            routers: true,
            services: true,
            internals: false,
            conventions: false,
            header_labels: Arc::default(),
            bounds: bounds(&DEFAULT_BUCKETS),
        }
    }
}

impl Metering {
    /// Nothing but entry points, without a histogram: what is counted when nobody asked for metrics.
    pub fn least() -> Self {
        Self {
            routers: false,
            services: false,
            bounds: Arc::default(),
            ..Self::default()
        }
    }

    /// With these histogram bounds, in seconds. Several readers may want different ones: the union is
    /// counted, and each reader takes its own ([`Histogram::at`](super::Histogram::at)). What is not a
    /// positive number is left out, and so is what exceeds [`MAX_BUCKETS`].
    #[must_use]
    pub fn with_buckets(self, seconds: &[f64]) -> Self {
        Self {
            bounds: bounds(seconds),
            ..self
        }
    }

    #[must_use]
    pub fn with_header_labels(self, labels: impl IntoIterator<Item = HeaderLabel>) -> Self {
        Self {
            header_labels: labels.into_iter().collect(),
            ..self
        }
    }

    /// Upper bounds in nanoseconds, ascending.
    pub(super) fn bounds(&self) -> &Arc<[u64]> {
        &self.bounds
    }
}

pub(super) fn bounds(seconds: &[f64]) -> Arc<[u64]> {
    let mut bounds: Vec<u64> = seconds.iter().copied().filter_map(nanos).collect();
    bounds.sort_unstable();
    bounds.dedup();
    bounds.truncate(MAX_BUCKETS);
    bounds.into()
}

/// A bound as it is compared with; `None`: not a positive number.
pub(super) fn nanos(seconds: f64) -> Option<u64> {
    let duration = Duration::try_from_secs_f64(seconds).ok()?;
    u64::try_from(duration.as_nanos()).ok().filter(|nanos| *nanos > 0)
}

/// Traefik's `metrics.prometheus.buckets`.
pub const DEFAULT_BUCKETS: [f64; 4] = [0.1, 0.3, 1.2, 5.0];
/// The most bounds that are counted.
pub const MAX_BUCKETS: usize = 64;
