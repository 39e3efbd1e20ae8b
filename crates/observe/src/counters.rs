//! Counters of one worker: written by that worker only (relaxed stores, no read-modify-write), summed
//! when somebody asks.
//!
//! ```text
//!  WorkerCounters
//!    entry points  by position        Tally, open connections
//!    routers       by slot            Tally
//!    services      by slot            Tally
//!    servers       by address         durations by method and outcome (conventions alone)
//!    legs          client, backend    handshakes (full, resumed, durations), faults by reason
//!  Tally           by code, method,   durations, bytes of requests and responses
//!                  protocol
//! ```

mod extra;
mod histogram;
mod key;
mod leaf;
mod leg;
mod metering;
mod server;
mod standing;
mod table;
mod tally;
mod totals;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub use histogram::Histogram;
pub use key::{HttpVersion, Method, Protocol, RequestKey, Wire};
pub use leaf::SeenLeaf;
pub use leg::{HANDSHAKE_BUCKETS, Leg};
pub use metering::{DEFAULT_BUCKETS, HeaderLabel, MAX_BUCKETS, Metering};
pub use server::{Outcome, ServerAddress, ServerKey, ServerTally};
pub use standing::{ServerStanding, Shown, TransportStandings, UnderTransport, Verdict, WouldFail};
pub use totals::{ArrivalKey, EntryPointTotals, FaultTotals, KindTotals, LegTotals, TallyTotals, Totals};

use crate::record::Record;
use extra::Extras;
use histogram::Place;
use leaf::SeenLeafs;
use leg::LegCounters;
use server::ServerTallies;
use standing::Standings;
use table::SlotTable;
use tally::{Count, Tally};

/// One worker's counters. Every method but the sums of [`Totals`] is called by the owning worker's
/// thread alone; a second writer would lose counts, nothing worse.
#[derive(Debug)]
pub struct WorkerCounters {
    metering: Metering,
    entry_points: Vec<EntryPointCounters>,
    routers: SlotTable,
    services: SlotTable,
    servers: ServerTallies,
    client: LegCounters,
    backend: LegCounters,
    own: LegCounters,
    handshake_bounds: Arc<[u64]>,
    extras: Extras,
    leafs: SeenLeafs,
    standings: Standings,
}

impl Default for WorkerCounters {
    fn default() -> Self {
        Self::new([])
    }
}

impl WorkerCounters {
    /// Counts everything. `entry_points`: names in the order of the proxy's configuration.
    pub fn new(entry_points: impl IntoIterator<Item = Arc<str>>) -> Self {
        Self::with(entry_points, Metering::default())
    }

    /// As [`new`](Self::new), counting what is asked for.
    pub fn with(entry_points: impl IntoIterator<Item = Arc<str>>, metering: Metering) -> Self {
        let entry_points = entry_points
            .into_iter()
            .map(|name| EntryPointCounters {
                name,
                tally: Tally::default(),
                tcp: Connections::default(),
                quic: Connections::default(),
            })
            .collect();
        let handshake_bounds = metering::bounds(&HANDSHAKE_BUCKETS);
        let leg = || LegCounters::new(&handshake_bounds);
        Self {
            entry_points,
            routers: SlotTable::default(),
            services: SlotTable::default(),
            servers: ServerTallies::default(),
            client: leg(),
            backend: leg(),
            own: leg(),
            extras: Extras::default(),
            leafs: SeenLeafs::default(),
            standings: Standings::default(),
            handshake_bounds,
            metering,
        }
    }

    /// Counts a finished request.
    pub fn count(&self, record: &Record<'_>) {
        if let Some(fault) = &record.fault {
            self.fault(fault.leg, fault.code);
        }
        let metering = &self.metering;
        if record.internal && !metering.internals {
            return;
        }
        let extra = if metering.header_labels.is_empty() {
            0
        } else {
            self.extras
                .number(&metering.header_labels, record.request_headers)
        };
        let count = Count {
            key: RequestKey::of(record, extra),
            place: Place::of(record.duration, metering.bounds()),
            bounds: metering.bounds().len(),
        };
        let slots = record.slots;
        if let Some(entry_point) = self
            .entry_points
            .get(slots.entry_point)
            .filter(|_| metering.entry_points || metering.conventions)
        {
            entry_point.tally.add(self.arrival(count, record), record);
        }
        let router = slots.router.filter(|_| metering.routers);
        if let Some(tally) = router.and_then(|slot| self.routers.get(slot)) {
            tally.add(count, record);
        }
        let service = slots.service.filter(|_| metering.services);
        if let Some(tally) = service.and_then(|slot| self.services.get(slot)) {
            tally.add(count, record);
            tally.retried(record.retries);
        }
    }

    /// Entry points alone tell apart how a request came: one table grows, not three.
    fn arrival(&self, count: Count, record: &Record<'_>) -> Count {
        if !self.metering.conventions {
            return count;
        }
        Count {
            key: count.key.with_wire(record),
            ..count
        }
    }

    /// Where requests to this server are counted. For each server of a service when the worker first meets the
    /// service, not for each request. `None`: nobody asked for it, or there are too many.
    pub fn server(&self, address: &ServerAddress) -> Option<Arc<ServerTally>> {
        let wanted = self.metering.conventions;
        wanted.then(|| self.servers.get(address, &self.metering))?
    }

    /// Whether requests to servers are counted.
    pub fn times_servers(&self) -> bool {
        self.metering.conventions
    }

    /// Forgets servers that are no longer configured, except those that a worker still holds.
    pub fn retain_servers(&self, known: impl Fn(&ServerAddress) -> bool) {
        self.servers.retain(known);
    }

    /// Whether [`count`](Self::count) looks at request headers beside `Accept`.
    pub fn reads_headers(&self) -> bool {
        !self.metering.header_labels.is_empty()
    }

    /// A client connection was accepted on the entry point at this position.
    pub fn connection_opened(&self, entry_point: usize, carrier: Carrier) {
        if let Some(connections) = self.connections(entry_point, carrier) {
            add(&connections.opened, 1);
        }
    }

    pub fn connection_closed(&self, entry_point: usize, carrier: Carrier) {
        if let Some(connections) = self.connections(entry_point, carrier) {
            add(&connections.closed, 1);
        }
    }

    fn connections(&self, entry_point: usize, carrier: Carrier) -> Option<&Connections> {
        let entry_point = self.entry_points.get(entry_point)?;
        Some(match carrier {
            Carrier::Tcp => &entry_point.tcp,
            Carrier::Quic => &entry_point.quic,
        })
    }

    /// A completed handshake.
    pub fn handshake(&self, leg: Leg, resumed: bool, took: Duration) {
        self.leg(leg).handshake(resumed, took, &self.handshake_bounds);
    }

    /// A server's certificate was seen in a handshake.
    pub fn saw_leaf(&self, server: &Arc<str>, leaf: SeenLeaf) {
        self.leafs.saw(server, leaf);
    }

    /// Forgets the certificates of servers that are no longer configured.
    pub fn retain_leafs(&self, known: impl Fn(&str) -> bool) {
        self.leafs.retain(known);
    }

    /// What a handshake with a server said of its transport's trust.
    pub fn saw_standing(
        &self,
        transport: UnderTransport<'_>,
        server: &Arc<str>,
        shown: Shown<'_>,
        verdict: Verdict,
    ) {
        self.standings.saw(transport, server, shown, verdict);
    }

    /// Forgets what was seen under transports that are no longer what they were.
    pub fn retain_standings(&self, known: impl Fn(UnderTransport<'_>) -> bool) {
        self.standings.retain(known);
    }

    /// A leg that could not be built; [`count`](Self::count) does it for requests.
    pub fn fault(&self, leg: Leg, reason: &'static str) {
        self.leg(leg).fault(reason);
    }

    fn leg(&self, leg: Leg) -> &LegCounters {
        match leg {
            Leg::Client => &self.client,
            Leg::Backend => &self.backend,
            Leg::Own => &self.own,
        }
    }

    fn legs(&self) -> [(Leg, &LegCounters); 3] {
        [Leg::Client, Leg::Backend, Leg::Own].map(|leg| (leg, self.leg(leg)))
    }
}

#[derive(Debug)]
struct EntryPointCounters {
    name: Arc<str>,
    tally: Tally,
    tcp: Connections,
    quic: Connections,
}

/// What carries a client's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    Tcp,
    Quic,
}

#[derive(Debug, Default)]
struct Connections {
    opened: AtomicU64,
    closed: AtomicU64,
}

impl Connections {
    fn ever(&self) -> bool {
        self.opened.load(Ordering::Relaxed) > 0
    }

    fn open(&self) -> u64 {
        let opened = self.opened.load(Ordering::Relaxed);
        opened.saturating_sub(self.closed.load(Ordering::Relaxed))
    }
}

/// Single writer: a load and a store, no locked instruction.
fn add(counter: &AtomicU64, more: u64) {
    counter.store(
        counter.load(Ordering::Relaxed).wrapping_add(more),
        Ordering::Relaxed,
    );
}
