//! The metrics of this process, whoever asks.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use viaduct_observe::counters::{SeenLeaf, TransportStandings};
use viaduct_observe::families::{Detail, Family, Reloads, Scrape};
use viaduct_observe::{Totals, WorkerCounters, prometheus};
use viaduct_proxy::Enforced;
use viaduct_snapshot::{Revocations, Snapshot};

use super::inventory::Inventory;
use super::preflight;
use super::trust;
use crate::control::{Rotation, Running};
use crate::preflight::Preflight;

/// What workers tell, one after the other.
#[derive(Debug)]
pub(crate) struct Workers {
    pub(crate) counters: Vec<Arc<WorkerCounters>>,
    pub(crate) enforced: Arc<Enforced>,
}

/// Workers' counters under the names of the configuration in force.
#[derive(Debug)]
pub(crate) struct Metrics {
    counters: Vec<Arc<WorkerCounters>>,
    enforced: Arc<Enforced>,
    prometheus: Option<Detail>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    reloads: Arc<ReloadCount>,
    preflight: Preflight,
    /// Nobody tells of any before there is a control plane.
    rotations: OnceLock<Running>,
    /// Of the snapshot last asked about.
    inventory: Mutex<(Weak<Snapshot>, Arc<Inventory>)>,
}

impl Metrics {
    pub(crate) fn new(
        workers: Workers,
        prometheus: Option<Detail>,
        snapshots: watch::Receiver<Arc<Snapshot>>,
        reloads: Arc<ReloadCount>,
        preflight: Preflight,
    ) -> Self {
        Self {
            counters: workers.counters,
            enforced: workers.enforced,
            prometheus,
            snapshots,
            reloads,
            preflight,
            rotations: OnceLock::new(),
            inventory: Mutex::default(),
        }
    }

    /// The sums over all workers.
    pub(crate) fn totals(&self) -> Totals {
        Totals::of(self.counters.iter().map(Arc::as_ref))
    }

    /// Rotations of CAs that are under way, from now on.
    pub(crate) fn tell_rotations(&self, running: Running) {
        self.rotations.get_or_init(|| running);
    }

    pub(crate) fn rotations(&self) -> Vec<Rotation> {
        let running = self.rotations.get();
        running.map_or_else(Vec::new, |running| running.borrow().clone())
    }

    /// Whether every worker has cut what rests on these, and makes no such connection any more.
    pub(crate) fn has_enforced(&self, revocations: &Revocations) -> bool {
        self.enforced.by_all(revocations)
    }

    /// What connections have said of the trust of transports as they are now.
    pub(crate) fn standings(&self) -> BTreeMap<Arc<str>, TransportStandings> {
        let snapshot = Arc::clone(&self.snapshots.borrow());
        let known: HashMap<_, _> = snapshot
            .transports()
            .map(|transport| (Arc::clone(&transport.name), transport.generation.0.get()))
            .collect();
        for counters in &self.counters {
            counters.retain_standings(|under| known.get(under.name) == Some(&under.generation));
        }
        self.seen().standings
    }

    /// The certificates of each server that a request has connected to, by URL.
    pub(crate) fn leafs(&self) -> BTreeMap<Arc<str>, Vec<SeenLeaf>> {
        self.seen().leafs
    }

    fn seen(&self) -> Totals {
        Totals::seen(self.counters.iter().map(Arc::as_ref))
    }

    /// For `prometheus@internal`: a body of the type [`prometheus::CONTENT_TYPE`]. `None`: it is not asked for
    /// (`metrics.prometheus`).
    pub(crate) fn prometheus(&self) -> Option<String> {
        let detail = self.prometheus.as_ref()?;
        Some(prometheus::text(&self.families(detail)))
    }

    pub(crate) fn families(&self, detail: &Detail) -> Vec<Family> {
        let inventory = self.inventory();
        for counters in &self.counters {
            counters.retain_leafs(|url| inventory.has_server(url));
            counters.retain_servers(|address| inventory.has_address(address));
        }
        let mut totals = self.totals();
        totals.servers.retain(|address, _| inventory.has_address(address));
        let rotations = self.rotations();
        let scrape = Scrape {
            totals: &totals,
            names: &inventory.names,
            credentials: &inventory.credentials(&totals),
            reloads: self.reloads.now(),
        };
        let snapshot = Arc::clone(&self.snapshots.borrow());
        let mut families = scrape.families(detail);
        families.extend(preflight::families(&self.preflight.report(), &snapshot));
        families.extend(trust::families(&self.standings(), &rotations));
        families
    }

    fn inventory(&self) -> Arc<Inventory> {
        let snapshot = Arc::clone(&self.snapshots.borrow());
        let current = Arc::downgrade(&snapshot);
        let Ok(mut known) = self.inventory.lock() else {
            return Arc::new(Inventory::of(&snapshot));
        };
        if !Weak::ptr_eq(&known.0, &current) {
            *known = (current, Arc::new(Inventory::of(&snapshot)));
        }
        Arc::clone(&known.1)
    }
}

/// How often a configuration was applied, and when last.
#[derive(Debug, Default)]
pub(crate) struct ReloadCount {
    count: AtomicU64,
    last: AtomicU64,
}

impl ReloadCount {
    /// A configuration is in force.
    pub(crate) fn applied(&self) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        self.count.fetch_add(1, Ordering::Relaxed);
        self.last
            .store(now.unwrap_or_default().as_secs(), Ordering::Relaxed);
    }

    fn now(&self) -> Reloads {
        let last = self.last.load(Ordering::Relaxed);
        Reloads {
            count: self.count.load(Ordering::Relaxed),
            last_success: (last > 0).then(|| SystemTime::UNIX_EPOCH + Duration::from_secs(last)),
        }
    }
}
