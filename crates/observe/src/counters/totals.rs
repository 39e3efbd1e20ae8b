//! The sum over all workers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::WorkerCounters;
use super::histogram::Histogram;
use super::key::{Method, RequestKey, Wire};
use super::leaf::{self, SeenLeaf};
use super::leg::{Leg, LegCounters};
use super::server::{ServerAddress, ServerKey, ServerTally};
use super::standing::TransportStandings;
use super::tally::{Kind, Tally};

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
    /// Requests of clients, of all entry points together; empty without [`Metering::conventions`](super::Metering).
    pub arrivals: BTreeMap<ArrivalKey, Histogram>,
    /// Requests to servers, likewise.
    pub servers: BTreeMap<ServerAddress, BTreeMap<ServerKey, Histogram>>,
    /// The latest certificate of each server, by URL; of each way to it.
    pub leafs: BTreeMap<Arc<str>, Vec<SeenLeaf>>,
    /// What handshakes said of the trust of transports, by transport.
    pub standings: BTreeMap<Arc<str>, TransportStandings>,
}

/// What OpenTelemetry's conventions tell apart of the requests of clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ArrivalKey {
    /// A status; of those without room of their own 4 for what failed, 0 for the others.
    pub code: u16,
    pub method: Method,
    /// `None`: of those that had no room of their own.
    pub wire: Option<Wire>,
}

#[derive(Debug, Default)]
pub struct EntryPointTotals {
    pub tally: TallyTotals,
    pub open_connections: u64,
    /// `None`: there has never been one.
    pub open_quic_connections: Option<u64>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct TallyTotals {
    pub requests: BTreeMap<RequestKey, KindTotals>,
    /// By TLS version and cipher suite.
    pub tls: BTreeMap<(&'static str, &'static str), u64>,
    pub retries: u64,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct KindTotals {
    pub durations: Histogram,
    pub request_bytes: u64,
    pub response_bytes: u64,
    /// With `headerLabels`: requests by the labels' values, all of them together.
    pub by_headers: BTreeMap<Box<[Box<str>]>, u64>,
}

#[derive(Debug, Default)]
pub struct LegTotals {
    pub full_handshakes: u64,
    pub resumed_handshakes: u64,
    pub durations: Histogram,
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
            total.tally.add(&entry_point.tally, worker);
            total.open_connections += entry_point.tcp.open();
            if entry_point.quic.ever() {
                *total.open_quic_connections.get_or_insert_default() += entry_point.quic.open();
            }
        }
        if worker.metering.conventions {
            self.conventions(worker);
        }
        for (table, totals) in [
            (&worker.routers, &mut self.routers),
            (&worker.services, &mut self.services),
        ] {
            for (slot, tally) in table.iter().filter(|(_, tally)| tally.kinds().next().is_some()) {
                totals.entry(slot).or_default().add(tally, worker);
            }
        }
        for (leg, counters) in worker.legs() {
            let total = self.legs.entry(leg).or_insert_with(|| LegTotals {
                durations: Histogram::new(&worker.handshake_bounds),
                ..LegTotals::default()
            });
            total.add(counters);
        }
        self.add_seen(worker);
    }

    /// Of certificates and of trust alone.
    pub fn seen<'a>(workers: impl IntoIterator<Item = &'a WorkerCounters>) -> Self {
        let mut totals = Self::default();
        for worker in workers {
            totals.add_seen(worker);
        }
        totals
    }

    fn add_seen(&mut self, worker: &WorkerCounters) {
        for (transport, seen) in worker.standings.all() {
            self.standings.entry(transport).or_default().merge(seen);
        }
        for (server, leafs) in worker.leafs.all() {
            // Workers may have seen different ones in the middle of a rotation: the later counts.
            let known = self.leafs.entry(server).or_default();
            for leaf in leafs {
                leaf::keep(known, leaf);
            }
        }
    }
}

impl Totals {
    fn conventions(&mut self, worker: &WorkerCounters) {
        let blank = || Histogram::new(worker.metering.bounds());
        for kind in worker.entry_points.iter().flat_map(|point| point.tally.kinds()) {
            let key = ArrivalKey {
                code: match kind.key.code {
                    0..=3 => 0,
                    4 | 5 => 4,
                    status => status,
                },
                method: kind.key.method,
                wire: kind.key.wire,
            };
            self.arrivals
                .entry(key)
                .or_insert_with(blank)
                .add(&kind.durations);
        }
        for (address, tally) in worker.servers.all() {
            self.server(address, &tally, blank);
        }
    }

    fn server(&mut self, address: ServerAddress, tally: &ServerTally, blank: impl Fn() -> Histogram) {
        let mut kinds = tally.kinds().peekable();
        if kinds.peek().is_none() {
            return;
        }
        let totals = self.servers.entry(address).or_default();
        for kind in kinds {
            totals.entry(kind.key).or_insert_with(&blank).add(&kind.durations);
        }
    }
}

impl TallyTotals {
    /// All requests.
    pub fn total(&self) -> u64 {
        self.requests.values().map(|kind| kind.durations.count()).sum()
    }

    /// How many requests there were of one kind.
    pub fn count(&self, key: &RequestKey) -> u64 {
        self.requests.get(key).map_or(0, |kind| kind.durations.count())
    }

    fn add(&mut self, tally: &Tally, worker: &WorkerCounters) {
        for kind in tally.kinds() {
            let total = self
                .requests
                .entry(kind.key.merged())
                .or_insert_with(|| KindTotals {
                    durations: Histogram::new(worker.metering.bounds()),
                    ..KindTotals::default()
                });
            total.add(kind, worker);
        }
        for kind in tally.tls_kinds() {
            *self.tls.entry((kind.version, kind.cipher)).or_default() += load(&kind.count);
        }
        self.retries += tally.retries();
    }
}

impl KindTotals {
    fn add(&mut self, kind: &Kind, worker: &WorkerCounters) {
        let before = self.durations.count();
        self.durations.add(&kind.durations);
        self.request_bytes += load(&kind.request_bytes);
        self.response_bytes += load(&kind.response_bytes);
        let labels = &worker.metering.header_labels;
        if !labels.is_empty() {
            let values = worker.extras.values(kind.key.extra).cloned();
            let values = values.unwrap_or_else(|| labels.iter().map(|_| Box::default()).collect());
            *self.by_headers.entry(values).or_default() += self.durations.count() - before;
        }
    }
}

impl LegTotals {
    fn add(&mut self, leg: &LegCounters) {
        self.full_handshakes += load(&leg.full);
        self.resumed_handshakes += load(&leg.resumed);
        self.durations.add(&leg.durations);
        for (reason, count) in &leg.faults {
            let Some(reason) = reason.get() else { break };
            *self.faults.entry(reason).or_default() += load(count);
        }
    }
}

fn load(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
