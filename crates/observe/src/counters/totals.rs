//! The sum over all workers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::tally::{RequestKey, Tally};
use super::{Leg, LegCounters, WorkerCounters};

/// All counters at one moment. Workers go on counting while they are read: numbers that belong
/// together may differ by the requests of that moment.
#[derive(Debug, Default)]
pub struct Totals {
    pub entry_points: BTreeMap<Arc<str>, EntryPointTotals>,
    /// By router slot; slots without a request are left out.
    pub routers: BTreeMap<u32, TallyTotals>,
    /// By service slot.
    pub services: BTreeMap<u32, TallyTotals>,
    pub legs: BTreeMap<Leg, LegTotals>,
}

#[derive(Debug, Default)]
pub struct EntryPointTotals {
    pub tally: TallyTotals,
    pub open_connections: u64,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct TallyTotals {
    pub requests: BTreeMap<RequestKey, u64>,
    /// Requests of further kinds, by first digit of the status (0: none).
    pub other: [u64; 6],
    pub request_bytes: u64,
    pub response_bytes: u64,
    pub retries: u64,
    pub duration: Duration,
}

#[derive(Debug, Default)]
pub struct LegTotals {
    pub full_handshakes: u64,
    pub resumed_handshakes: u64,
    pub faults: FaultTotals,
}

/// Reason code -> count.
pub type FaultTotals = BTreeMap<&'static str, u64>;

impl Totals {
    pub fn of<'a>(workers: impl IntoIterator<Item = &'a WorkerCounters>) -> Self {
        let mut totals = Self::default();
        for worker in workers {
            totals.add(worker);
        }
        totals
    }

    fn add(&mut self, worker: &WorkerCounters) {
        for entry_point in &worker.entry_points {
            let total = self
                .entry_points
                .entry(Arc::clone(&entry_point.name))
                .or_default();
            total.tally.add(&entry_point.tally);
            total.open_connections += load(&entry_point.opened).saturating_sub(load(&entry_point.closed));
        }
        for (table, totals) in [
            (&worker.routers, &mut self.routers),
            (&worker.services, &mut self.services),
        ] {
            for (slot, tally) in table.iter().filter(|(_, tally)| tally.kinds().next().is_some()) {
                totals.entry(slot).or_default().add(tally);
            }
        }
        for (leg, counters) in [(Leg::Client, &worker.client), (Leg::Backend, &worker.backend)] {
            self.legs.entry(leg).or_default().add(counters);
        }
    }
}

impl TallyTotals {
    /// All requests.
    pub fn total(&self) -> u64 {
        self.requests.values().chain(&self.other).sum()
    }

    fn add(&mut self, tally: &Tally) {
        for (key, count) in tally.kinds() {
            *self.requests.entry(key).or_default() += count;
        }
        for (sum, count) in self.other.iter_mut().zip(tally.other()) {
            *sum += count;
        }
        self.request_bytes += load(&tally.request_bytes);
        self.response_bytes += load(&tally.response_bytes);
        self.retries += load(&tally.retries);
        self.duration += Duration::from_nanos(load(&tally.nanos));
    }
}

impl LegTotals {
    fn add(&mut self, leg: &LegCounters) {
        self.full_handshakes += load(&leg.full);
        self.resumed_handshakes += load(&leg.resumed);
        for (reason, count) in &leg.faults {
            let Some(reason) = reason.get() else { break };
            *self.faults.entry(reason).or_default() += load(count);
        }
    }
}

fn load(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
