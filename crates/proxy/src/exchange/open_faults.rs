//! Faults that nobody has seen the end of: which servers of which services fail, so that the first success afterwards
//! is noted.
//!
//! ```text
//!  fault ----begin----> List, by service and server: causes, each with its tallies --full--> the first in order goes
//!                         |    (servers that are not configured now before the others, then by age)
//!                         +--> Marks: how many servers with faults have this hash
//!  success --> Marks: none has? nothing to do, and no lock
//! ```

use std::collections::hash_map::{Entry, RandomState};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};

use viaduct_snapshot::{ServiceKind, Snapshot};
use viaduct_tls::Reason;

use super::fault_log::FaultTally;

/// Shared by all workers: one of them may see the end of what another one met. For an answered request a worker reads
/// one number while nothing fails anywhere, and two while something does elsewhere.
#[derive(Debug, Default)]
pub(crate) struct OpenFaults {
    /// Servers with faults.
    count: AtomicUsize,
    marks: Marks,
    list: Mutex<List>,
}

/// How many servers with faults share a hash.
#[derive(Debug)]
struct Marks {
    hasher: RandomState,
    counts: Box<[AtomicU32]>,
}

#[derive(Debug, Default)]
struct List {
    by_service: HashMap<Arc<str>, HashMap<Arc<str>, Failing>>,
    /// Service and server, the one that goes first where there is no room first.
    order: BTreeMap<Rank, (Arc<str>, Arc<str>)>,
    /// Of the next server.
    number: u64,
    /// The configuration that servers were last looked up in.
    seen: Weak<Snapshot>,
}

/// Whether the server is configured, and its age.
type Rank = (bool, u64);

/// A server.
#[derive(Debug)]
struct Failing {
    rank: Rank,
    causes: Vec<Cause>,
}

#[derive(Debug)]
struct Cause {
    reason: Reason,
    /// Kept by the workers that count, and by those who show them.
    tallies: Vec<Weak<FaultTally>>,
}

/// What went well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Success {
    /// The head of an answer came.
    Head,
    /// All of the answer did.
    Whole,
}

impl Success {
    /// Whether it is the end of a fault.
    fn ends(self, reason: Reason) -> bool {
        self == Self::Whole || !matches!(reason, Reason::BodyBroken | Reason::BadResponse)
    }
}

impl OpenFaults {
    /// A fault has begun, or has come back.
    pub(super) fn begin(
        &self,
        service: &Arc<str>,
        server: &Arc<str>,
        reason: Reason,
        tally: &Arc<FaultTally>,
    ) {
        // Held for moments, and only where something fails.
        let Ok(mut list) = self.list.lock() else { return };
        if let Some(failing) = list.get(service, server) {
            return failing.add(reason, tally);
        }
        while list.order.len() >= MOST {
            let Some((_, (service, server))) = list.order.pop_first() else {
                break;
            };
            if let Some(failing) = list.remove(&service, &server) {
                failing.forget();
            }
            self.left(&service, &server);
        }
        list.insert(service, server).add(reason, tally);
        self.marks.of(service, server).fetch_add(1, Ordering::Release);
        self.count.fetch_add(1, Ordering::Release);
    }

    /// Notes the end of every fault that a success at a server ends.
    pub(super) fn succeeded(&self, service: &Arc<str>, server: &Arc<str>, success: Success) {
        if self.count.load(Ordering::Acquire) == 0
            || self.marks.of(service, server).load(Ordering::Acquire) == 0
        {
            return;
        }
        // A worker does not wait: the next request looks again.
        let Ok(mut list) = self.list.try_lock() else {
            return;
        };
        let Some(failing) = list.get(service, server) else {
            return;
        };
        failing.causes.retain(|cause| {
            let ends = success.ends(cause.reason);
            if ends {
                cause.each(FaultTally::end);
            }
            !ends
        });
        if failing.causes.is_empty() {
            list.remove(service, server);
            self.left(service, server);
        }
    }

    /// Who is not configured any more goes first where there is no room. Until then it may be back. Looks once at each
    /// snapshot, whichever worker comes first with it.
    pub(crate) fn follow(&self, snapshot: &Arc<Snapshot>) {
        let mut servers: HashMap<Arc<str>, HashSet<Arc<str>>> = {
            let Ok(mut list) = self.list.lock() else { return };
            if std::ptr::eq(list.seen.as_ptr(), Arc::as_ptr(snapshot)) {
                return;
            }
            list.seen = Arc::downgrade(snapshot);
            let services = list.by_service.keys();
            services
                .map(|service| (Arc::clone(service), HashSet::new()))
                .collect()
        };
        if servers.is_empty() {
            return;
        }
        // Without the lock: there may be many services.
        for service in snapshot.services() {
            if let ServiceKind::LoadBalancer(balancer) = &service.kind
                && let Some(servers) = servers.get_mut(&service.name)
            {
                servers.extend(balancer.servers.iter().map(|server| Arc::clone(&server.url)));
            }
        }
        if let Ok(mut list) = self.list.lock() {
            list.rank(&servers);
        }
    }

    /// Called with the lock.
    fn left(&self, service: &Arc<str>, server: &Arc<str>) {
        self.marks.of(service, server).fetch_sub(1, Ordering::Release);
        self.count.fetch_sub(1, Ordering::Release);
    }
}

impl Marks {
    fn of(&self, service: &str, server: &str) -> &AtomicU32 {
        static NONE: AtomicU32 = AtomicU32::new(0);
        let hash = self.hasher.hash_one((service, server));
        let index = usize::try_from(hash % MARKS).unwrap_or_default();
        self.counts.get(index).unwrap_or(&NONE)
    }
}

impl Default for Marks {
    fn default() -> Self {
        Self {
            hasher: RandomState::new(),
            counts: (0..MARKS).map(|_| AtomicU32::new(0)).collect(),
        }
    }
}

impl List {
    fn get(&mut self, service: &str, server: &str) -> Option<&mut Failing> {
        self.by_service.get_mut(service)?.get_mut(server)
    }

    /// One that is not there.
    fn insert(&mut self, service: &Arc<str>, server: &Arc<str>) -> &mut Failing {
        let rank = (true, self.number);
        self.number += 1;
        self.order.insert(rank, (Arc::clone(service), Arc::clone(server)));
        let servers = self.by_service.entry(Arc::clone(service)).or_default();
        servers.entry(Arc::clone(server)).or_insert(Failing {
            rank,
            causes: Vec::new(),
        })
    }

    fn remove(&mut self, service: &Arc<str>, server: &str) -> Option<Failing> {
        let Entry::Occupied(mut servers) = self.by_service.entry(Arc::clone(service)) else {
            return None;
        };
        let failing = servers.get_mut().remove(server);
        if servers.get().is_empty() {
            servers.remove();
        }
        if let Some(failing) = &failing {
            self.order.remove(&failing.rank);
        }
        failing
    }

    /// By the servers that the services have; services that are not among these have begun to fail since.
    fn rank(&mut self, configured: &HashMap<Arc<str>, HashSet<Arc<str>>>) {
        for (service, servers) in &mut self.by_service {
            let Some(configured) = configured.get(service) else {
                continue;
            };
            for (server, failing) in servers {
                let rank = (configured.contains(server), failing.rank.1);
                if rank != failing.rank
                    && let Some(place) = self.order.remove(&failing.rank)
                {
                    self.order.insert(rank, place);
                    failing.rank = rank;
                }
            }
        }
    }
}

impl Failing {
    fn add(&mut self, reason: Reason, tally: &Arc<FaultTally>) {
        let index = self.causes.iter().position(|cause| cause.reason == reason);
        let index = index.unwrap_or_else(|| {
            self.causes.push(Cause {
                reason,
                tallies: Vec::new(),
            });
            self.causes.len() - 1
        });
        let Some(Cause { tallies, .. }) = self.causes.get_mut(index) else {
            return;
        };
        // Now and then, so that each one does not cost as much as there are.
        if tallies.len() == tallies.capacity() {
            tallies.retain(|tally| tally.strong_count() > 0);
        }
        if tallies.len() >= TALLIES
            && let Some(oldest) = tallies.remove(0).upgrade()
        {
            oldest.forget();
        }
        tallies.push(Arc::downgrade(tally));
    }

    /// Met again, each of them begins again.
    fn forget(&self) {
        for cause in &self.causes {
            cause.each(FaultTally::forget);
        }
    }
}

impl Cause {
    fn each(&self, told: impl Fn(&FaultTally)) {
        let tallies = self.tallies.iter().filter_map(Weak::upgrade);
        tallies.for_each(|tally| told(&tally));
    }
}

/// Servers of services, of all workers; of those that had to make room no end is seen before they fail again.
const MOST: usize = 1024;
/// Of one cause: one for each worker and router.
const TALLIES: usize = 1024;
const MARKS: u64 = 8192;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{service, snapshot};

    fn begin(open: &OpenFaults, service: &str, server: &str, reason: Reason) -> Arc<FaultTally> {
        let tally = Arc::new(FaultTally::new());
        tally.add();
        open.begin(&service.into(), &server.into(), reason, &tally);
        tally
    }

    fn succeed(open: &OpenFaults, service: &str, server: &str) {
        open.succeeded(&service.into(), &server.into(), Success::Whole);
    }

    fn servers(open: &OpenFaults) -> usize {
        open.list.lock().unwrap().order.len()
    }

    #[test]
    fn c2_the_end_of_a_cause_is_noted_for_every_worker_that_met_it() {
        let open = OpenFaults::default();
        let refused: Vec<_> = (0..8)
            .map(|_| begin(&open, "app", "http://a", Reason::ConnectRefused))
            .collect();
        let broken = begin(&open, "app", "http://a", Reason::BodyBroken);
        let elsewhere = begin(&open, "app", "http://b", Reason::ConnectRefused);
        assert_eq!(servers(&open), 2, "one place for a server, whoever met it");
        open.succeeded(&"app".into(), &"http://a".into(), Success::Head);
        assert!(refused.iter().all(|tally| tally.over().is_some()));
        assert_eq!((broken.over(), elsewhere.over()), (None, None));
        succeed(&open, "app", "http://a");
        assert!(broken.over().is_some());
        succeed(&open, "app", "http://b");
        assert!(elsewhere.over().is_some());
        assert_eq!((servers(&open), open.count.load(Ordering::Relaxed)), (0, 0));
        let marks = open.marks.counts.iter();
        assert_eq!(marks.map(|mark| mark.load(Ordering::Relaxed)).sum::<u32>(), 0);
    }

    #[test]
    fn i5_the_oldest_makes_room_and_begins_again_when_it_is_met_again() {
        let open = OpenFaults::default();
        let oldest = begin(&open, "app", "http://oldest", Reason::Dns);
        let others: Vec<_> = (0..MOST)
            .map(|number| begin(&open, "app", &format!("http://{number}"), Reason::Dns))
            .collect();
        assert_eq!(servers(&open), MOST);
        succeed(&open, "app", "http://oldest");
        assert_eq!(oldest.over(), None, "it had to make room");
        succeed(&open, "app", &format!("http://{}", MOST - 1));
        assert!(others[MOST - 1].over().is_some(), "the newest has its place");
        assert!(oldest.add(), "it begins again");
        open.begin(&"app".into(), &"http://oldest".into(), Reason::Dns, &oldest);
        succeed(&open, "app", "http://oldest");
        assert!(oldest.over().is_some());
    }

    #[test]
    fn i5_servers_that_are_not_configured_any_more_make_room_first() {
        let open = OpenFaults::default();
        let there = begin(&open, "web@file", "http://there", Reason::Dns);
        for number in 0..MOST - 1 {
            begin(&open, "web@file", &format!("http://pod-{number}"), Reason::Dns);
        }
        open.follow(&snapshot(service(["http://there"], serde_json::json!({})), None));
        for number in 0..MOST - 1 {
            begin(&open, "web@file", &format!("http://next-{number}"), Reason::Dns);
        }
        succeed(&open, "web@file", "http://there");
        assert!(there.over().is_some(), "the oldest, and configured");
    }

    #[test]
    fn i5_the_tallies_of_one_cause_are_bounded() {
        let open = OpenFaults::default();
        let first = begin(&open, "app", "http://a", Reason::Dns);
        let others: Vec<_> = (0..TALLIES)
            .map(|_| begin(&open, "app", "http://a", Reason::Dns))
            .collect();
        let most = |list: &mut List| list.get("app", "http://a").unwrap().causes[0].tallies.len();
        assert_eq!(most(&mut open.list.lock().unwrap()), TALLIES);
        assert!(first.add(), "it begins again");
        succeed(&open, "app", "http://a");
        assert!(others.iter().all(|tally| tally.over().is_some()));
        for _ in 0..100 {
            drop(begin(&open, "app", "http://b", Reason::Dns));
        }
        let kept = open.list.lock().unwrap().get("app", "http://b").unwrap().causes[0]
            .tallies
            .len();
        assert!(kept < 10, "who is gone is let go of: {kept}");
    }
}
