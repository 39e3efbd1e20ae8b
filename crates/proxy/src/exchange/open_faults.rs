//! Faults that nobody has seen the end of: which servers of which services fail, so that the first success afterwards
//! is noted.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use viaduct_tls::Reason;

use super::fault_log::FaultTally;

/// Shared by all workers: one of them may see the end of what another one met. For an answered request a worker reads
/// one number, which changes only when a fault begins or ends.
#[derive(Debug, Default)]
pub(crate) struct OpenFaults {
    generation: AtomicU64,
    list: Mutex<List>,
}

#[derive(Debug, Default)]
struct List {
    faults: Vec<Open>,
    failing: Arc<Failing>,
}

/// By service, the URLs of servers.
type Failing = HashMap<Arc<str>, HashSet<Arc<str>>>;

#[derive(Debug)]
struct Open {
    service: Arc<str>,
    server: Arc<str>,
    reason: Reason,
    /// Kept by the worker that counts, and by those who show it.
    tally: Weak<FaultTally>,
}

/// One worker's view.
#[derive(Debug, Default)]
pub(super) struct Known {
    generation: u64,
    failing: Arc<Failing>,
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
        if list.faults.len() >= MOST {
            list.faults.retain(|open| open.tally.strong_count() > 0);
        }
        if list.faults.len() >= MOST {
            return;
        }
        list.faults.push(Open {
            service: Arc::clone(service),
            server: Arc::clone(server),
            reason,
            tally: Arc::downgrade(tally),
        });
        self.changed(&mut list);
    }

    /// Notes the end of every fault that a success at a server ends.
    pub(super) fn succeeded(
        &self,
        known: &RefCell<Known>,
        service: &Arc<str>,
        server: &Arc<str>,
        success: Success,
    ) {
        let mut known = known.borrow_mut();
        let generation = self.generation.load(Ordering::Acquire);
        // A worker does not wait: it looks again for the next request.
        if known.generation != generation
            && let Ok(list) = self.list.try_lock()
        {
            known.failing = Arc::clone(&list.failing);
            known.generation = self.generation.load(Ordering::Acquire);
        }
        let fails = known.failing.get(service);
        if !fails.is_some_and(|servers| servers.contains(server)) {
            return;
        }
        let Ok(mut list) = self.list.try_lock() else {
            return;
        };
        let before = list.faults.len();
        list.faults.retain(|open| {
            let ends = open.service == *service && open.server == *server && success.ends(open.reason);
            if ends && let Some(tally) = open.tally.upgrade() {
                tally.end();
            }
            !ends
        });
        if list.faults.len() != before {
            self.changed(&mut list);
        }
    }

    fn changed(&self, list: &mut List) {
        let mut failing = Failing::new();
        for open in &list.faults {
            let servers = failing.entry(Arc::clone(&open.service)).or_default();
            servers.insert(Arc::clone(&open.server));
        }
        list.failing = Arc::new(failing);
        self.generation.fetch_add(1, Ordering::Release);
    }
}

/// Of all workers; what comes beyond is shown without its end.
const MOST: usize = 1024;
