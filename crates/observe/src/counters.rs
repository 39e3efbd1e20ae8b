//! Counters of one worker: written by that worker only (relaxed stores, no read-modify-write), summed
//! when somebody asks.
//!
//! ```text
//!  WorkerCounters
//!    entry points  by position        Tally, open connections
//!    routers       by slot            Tally
//!    services      by slot            Tally
//!    legs          client, backend    handshakes (full, resumed), faults by reason
//! ```

mod table;
mod tally;
mod totals;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

pub use tally::{Method, Protocol, RequestKey};
pub use totals::{EntryPointTotals, FaultTotals, LegTotals, TallyTotals, Totals};

use crate::record::Record;
use table::SlotTable;
use tally::Tally;

/// Which of the two TLS connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Leg {
    Client,
    Backend,
}

/// One worker's counters. Every method but the sums of [`Totals`] is called by the owning worker's
/// thread alone; a second writer would lose counts, nothing worse.
#[derive(Debug, Default)]
pub struct WorkerCounters {
    entry_points: Vec<EntryPointCounters>,
    routers: SlotTable,
    services: SlotTable,
    client: LegCounters,
    backend: LegCounters,
}

impl WorkerCounters {
    /// `entry_points`: names in the order of the proxy's configuration.
    pub fn new(entry_points: impl IntoIterator<Item = Arc<str>>) -> Self {
        let entry_points = entry_points
            .into_iter()
            .map(|name| EntryPointCounters {
                name,
                tally: Tally::default(),
                opened: AtomicU64::new(0),
                closed: AtomicU64::new(0),
            })
            .collect();
        Self {
            entry_points,
            ..Self::default()
        }
    }

    /// Counts a finished request.
    pub fn count(&self, record: &Record<'_>) {
        let key = RequestKey::of(record);
        if let Some(entry_point) = self
            .entry_points
            .iter()
            .find(|entry| *entry.name == *record.entry_point)
        {
            entry_point.tally.add(key, record);
        }
        if let Some(tally) = record.slots.router.and_then(|slot| self.routers.get(slot)) {
            tally.add(key, record);
        }
        if let Some(tally) = record.slots.service.and_then(|slot| self.services.get(slot)) {
            tally.add(key, record);
            tally.retried(record.retries);
        }
        if let Some((reason, _)) = record.fault {
            self.fault(Leg::Backend, reason);
        }
    }

    /// A client connection was accepted on the entry point at this position.
    pub fn connection_opened(&self, entry_point: usize) {
        if let Some(entry_point) = self.entry_points.get(entry_point) {
            add(&entry_point.opened, 1);
        }
    }

    pub fn connection_closed(&self, entry_point: usize) {
        if let Some(entry_point) = self.entry_points.get(entry_point) {
            add(&entry_point.closed, 1);
        }
    }

    /// A completed handshake.
    pub fn handshake(&self, leg: Leg, resumed: bool) {
        let leg = self.leg(leg);
        add(if resumed { &leg.resumed } else { &leg.full }, 1);
    }

    /// A leg that could not be built; [`count`](Self::count) does it for requests.
    pub fn fault(&self, leg: Leg, reason: &'static str) {
        self.leg(leg).fault(reason);
    }

    fn leg(&self, leg: Leg) -> &LegCounters {
        match leg {
            Leg::Client => &self.client,
            Leg::Backend => &self.backend,
        }
    }
}

#[derive(Debug)]
struct EntryPointCounters {
    name: Arc<str>,
    tally: Tally,
    opened: AtomicU64,
    closed: AtomicU64,
}

#[derive(Debug)]
struct LegCounters {
    full: AtomicU64,
    resumed: AtomicU64,
    /// By reason, in the order of first sight; reasons are a closed set.
    faults: [(OnceLock<&'static str>, AtomicU64); REASONS],
}

impl Default for LegCounters {
    fn default() -> Self {
        Self {
            full: AtomicU64::new(0),
            resumed: AtomicU64::new(0),
            faults: std::array::from_fn(|_| (OnceLock::new(), AtomicU64::new(0))),
        }
    }
}

impl LegCounters {
    fn fault(&self, reason: &'static str) {
        let place = self
            .faults
            .iter()
            .find(|(known, _)| *known.get_or_init(|| reason) == reason);
        if let Some((_, count)) = place {
            add(count, 1);
        }
    }
}

/// Single writer: a load and a store, no locked instruction.
fn add(counter: &AtomicU64, more: u64) {
    counter.store(
        counter.load(Ordering::Relaxed).wrapping_add(more),
        Ordering::Relaxed,
    );
}

/// More than there are reasons (`viaduct_tls::Reason`), with the proxy's own.
const REASONS: usize = 64;
