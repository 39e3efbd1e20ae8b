//! What is told of requests, and to whom: access log, metrics, traces. Wiring only; the formats are those of
//! `observe`.

mod inventory;
mod metrics;

use viaduct_observe::counters::Metering;
use viaduct_observe::families::Detail;
use viaduct_observe::{Options, Output};

pub(crate) use metrics::{Metrics, ReloadCount};

/// What the data plane is to tell.
pub(crate) struct Telemetry {
    /// `None`: no access log.
    pub(crate) access_log: Option<(Output, Options)>,
    pub(crate) metering: Metering,
    /// What `prometheus@internal` tells; `None`: nothing.
    pub(crate) prometheus: Option<Detail>,
}

impl Telemetry {
    /// An access log at most.
    pub(crate) fn logging(access_log: Option<(Output, Options)>) -> Self {
        Self {
            access_log,
            metering: Metering::least(),
            prometheus: None,
        }
    }
}
