//! Counters of the two TLS connections.

use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use super::add;
use super::histogram::{Buckets, Place};

/// Where a fault lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Leg {
    /// Between client and us.
    Client,
    /// Between us and the server.
    Backend,
    /// In between: routing, configuration.
    Own,
}

impl Leg {
    /// The metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Backend => "backend",
            Self::Own => "own",
        }
    }
}

#[derive(Debug)]
pub(super) struct LegCounters {
    pub(super) full: AtomicU64,
    pub(super) resumed: AtomicU64,
    pub(super) durations: Buckets,
    /// By reason, in the order of first sight; reasons are a closed set.
    pub(super) faults: [(OnceLock<&'static str>, AtomicU64); REASONS],
}

impl LegCounters {
    pub(super) fn new(bounds: &[u64]) -> Self {
        Self {
            full: AtomicU64::new(0),
            resumed: AtomicU64::new(0),
            durations: Buckets::new(bounds.len()),
            faults: std::array::from_fn(|_| (OnceLock::new(), AtomicU64::new(0))),
        }
    }

    pub(super) fn handshake(&self, resumed: bool, took: Duration, bounds: &[u64]) {
        add(if resumed { &self.resumed } else { &self.full }, 1);
        self.durations.add(Place::of(took, bounds));
    }

    pub(super) fn fault(&self, reason: &'static str) {
        let place = self
            .faults
            .iter()
            .find(|(known, _)| *known.get_or_init(|| reason) == reason);
        if let Some((_, count)) = place {
            add(count, 1);
        }
    }
}

/// Bounds of handshakes' durations, seconds.
pub const HANDSHAKE_BUCKETS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];
/// More than there are reasons (`viaduct_tls::Reason`), with the proxy's own.
const REASONS: usize = 64;
