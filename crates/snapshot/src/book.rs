//! What one snapshot keeps for the next compile: numbers that must stay stable, and what the values in
//! it were made of. All of it is shared with the next snapshot where it is the same.

mod pools;

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU64;
use std::sync::{Arc, OnceLock};

use foldhash::fast::RandomState;
use viaduct_config::{Finding, Map, ProviderName, Update};
use viaduct_tls::ocsp::{Staple, Staples};
use viaduct_tls::{CertificateStore, Identity, TrustGeneration};

use crate::compile::Transports;
use crate::entry_point::{Policy, PolicyId};
use crate::install::Install;
use crate::middleware::Middleware;
use crate::service::{Service, Slot};
use crate::users::Users;

pub use pools::LivePools;
pub(crate) use pools::{PoolKey, Pools};

#[derive(Debug, Clone)]
pub(crate) struct Book {
    pub(crate) install: Arc<Install>,
    pub(crate) sources: HashMap<ProviderName, KeptSource>,
    pub(crate) generated_default: Arc<Identity>,
    /// As the compile was told; `None`: OCSP stapling was off.
    pub(crate) told_staples: Option<Arc<Staples>>,
    pub(crate) store: Arc<KeptStore>,
    pub(crate) policies: Arc<Vec<Policy>>,
    /// TLS options that can be used, by `name@provider`.
    pub(crate) tls_options: Arc<Vec<(Arc<str>, Policy)>>,
    pub(crate) transports: Arc<Transports>,
    pub(crate) services: Map<Arc<str>, KeptService>,
    pub(crate) middlewares: Arc<ByName<Middleware>>,
    pub(crate) counters: Counters,
    pub(crate) slots: Arc<Slots>,
    pub(crate) pools: Pools,
    pub(crate) findings: Findings,
    /// Who uses which service; found out when it is first asked for.
    pub(crate) users: Arc<OnceLock<Users>>,
}

/// A service that can be used.
#[derive(Debug, Clone)]
pub(crate) struct KeptService {
    pub(crate) service: Arc<Service>,
    pub(crate) position: Position,
}

/// In which place a service was built: after those that are below it. What is said of it is in that order.
pub(crate) type Position = u32;

/// What a compile has said, in its order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Findings {
    pub(crate) before_services: Arc<Vec<Finding>>,
    pub(crate) of_services: Arc<BTreeMap<Position, Vec<Finding>>>,
    pub(crate) after_services: Arc<Vec<Finding>>,
    pub(crate) all: Arc<Vec<Finding>>,
}

impl Findings {
    pub(crate) fn new(
        before_services: Arc<Vec<Finding>>,
        of_services: BTreeMap<Position, Vec<Finding>>,
        after_services: Arc<Vec<Finding>>,
    ) -> Self {
        let of_each = of_services.values().flatten();
        let all = before_services.iter().chain(of_each).chain(&*after_services);
        Self {
            all: Arc::new(all.cloned().collect()),
            before_services,
            of_services: Arc::new(of_services),
            after_services,
        }
    }
}

/// By `name@provider`.
pub(crate) type ByName<T> = HashMap<Arc<str>, Arc<T>, RandomState>;

/// One provider's input, to see what changed.
#[derive(Debug, Clone)]
pub(crate) struct KeptSource {
    pub(crate) update: Arc<Update>,
    /// Beside `update.dynamic.tls.certificates`; `None`: unusable.
    pub(crate) identities: Arc<Vec<Option<Arc<Identity>>>>,
}

#[derive(Debug)]
pub(crate) struct KeptStore {
    pub(crate) store: Arc<CertificateStore>,
    /// As they were read, without staples.
    pub(crate) identities: Vec<Arc<Identity>>,
    pub(crate) default: Arc<Identity>,
    /// What is stapled: beside `identities`, then the default's.
    pub(crate) staples: Vec<Option<Arc<Staple>>>,
}

/// Numbers that are never given twice.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counters {
    policy: u64,
    trust: u64,
}

impl Counters {
    pub(crate) fn policy(&mut self) -> PolicyId {
        self.policy = self.policy.saturating_add(1);
        PolicyId(self.policy)
    }

    pub(crate) fn trust(&mut self) -> TrustGeneration {
        self.trust = self.trust.saturating_add(1);
        TrustGeneration(NonZeroU64::MIN.saturating_add(self.trust - 1))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slotted {
    Router,
    Service,
}

/// Names -> [`Slot`]s. A name that is gone keeps its slot for a while, so that it has its counters
/// back when it returns; only when many are gone are the slots of the longest absent given away.
/// Thus the number of slots stays within the most names ever live at once plus [`MAX_ABSENT`].
#[derive(Debug, Clone, Default)]
pub(crate) struct Slots {
    routers: HashMap<Arc<str>, GivenSlot, RandomState>,
    services: HashMap<Arc<str>, GivenSlot, RandomState>,
    free: Vec<Slot>,
    next: u32,
    round: u64,
}

#[derive(Debug, Clone, Copy)]
struct GivenSlot {
    slot: Slot,
    last_round: u64,
}

impl Slots {
    /// Begins the next compile.
    pub(crate) fn next_round(&self) -> Self {
        let mut next = self.clone();
        next.round += 1;
        next
    }

    pub(crate) fn slot(&mut self, kind: Slotted, name: &Arc<str>) -> Slot {
        let given = match kind {
            Slotted::Router => &mut self.routers,
            Slotted::Service => &mut self.services,
        };
        if let Some(given) = given.get_mut(name) {
            given.last_round = self.round;
            return given.slot;
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            let slot = Slot(self.next);
            self.next += 1;
            slot
        });
        let last_round = self.round;
        given.insert(Arc::clone(name), GivenSlot { slot, last_round });
        slot
    }

    /// Ends the compile: forgets the longest absent names beyond [`MAX_ABSENT`].
    pub(crate) fn end_round(&mut self) {
        for given in [&mut self.routers, &mut self.services] {
            let mut absent: Vec<_> = given
                .iter()
                .filter(|(_, given)| given.last_round != self.round)
                .map(|(name, given)| (given.last_round, Arc::clone(name)))
                .collect();
            let excess = absent.len().saturating_sub(MAX_ABSENT / 2);
            if excess == 0 {
                continue;
            }
            absent.sort_unstable();
            for (_, name) in absent.drain(..excess) {
                self.free.extend(given.remove(&name).map(|given| given.slot));
            }
        }
    }

    /// Exclusive upper bound of all slots given.
    pub(crate) fn bound(&self) -> u32 {
        self.next
    }
}

/// Absent names that keep their slots.
const MAX_ABSENT: usize = 4096;

#[cfg(test)]
mod tests;
