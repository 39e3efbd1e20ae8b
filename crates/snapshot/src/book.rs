//! What one snapshot keeps for the next compile: numbers that must stay stable, and what the values in
//! it were made of.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::num::NonZeroU64;
use std::sync::Arc;

use foldhash::fast::RandomState;
use viaduct_config::{ProviderName, Update};
use viaduct_tls::ocsp::Staple;
use viaduct_tls::{CertificateStore, Identity, TrustGeneration};

use crate::entry_point::{Policy, PolicyId};
use crate::install::Install;
use crate::middleware::Middleware;
use crate::service::{PoolId, Scheme, Service, Slot};
use crate::transport::{Timeouts, Transport};

#[derive(Debug)]
pub(crate) struct Book {
    pub(crate) install: Install,
    pub(crate) sources: HashMap<ProviderName, KeptSource>,
    pub(crate) store: KeptStore,
    pub(crate) policies: Vec<Policy>,
    /// TLS options that can be used, by `name@provider`.
    pub(crate) tls_options: Vec<(Arc<str>, Policy)>,
    pub(crate) transports: ByName<Transport>,
    pub(crate) services: ByName<Service>,
    pub(crate) middlewares: ByName<Middleware>,
    pub(crate) counters: Counters,
    pub(crate) slots: Slots,
    pub(crate) pools: Pools,
}

/// By `name@provider`.
pub(crate) type ByName<T> = HashMap<Arc<str>, Arc<T>, RandomState>;

/// One provider's input, to see what changed.
#[derive(Debug)]
pub(crate) struct KeptSource {
    pub(crate) update: Arc<Update>,
    /// Beside `update.dynamic.tls.certificates`; `None`: unusable.
    pub(crate) identities: Vec<Option<Arc<Identity>>>,
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

/// Everything that makes two backend pools different. The trust generation stands for the transport's
/// verification, names, client identities and versions: it changes when any of them does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PoolKey {
    scheme: Scheme,
    host: Arc<str>,
    port: u16,
    transport: Arc<str>,
    generation: TrustGeneration,
    disable_http2: bool,
    max_idle_per_host: usize,
    timeouts: Timeouts,
}

impl PoolKey {
    pub(crate) fn new(scheme: Scheme, host: &Arc<str>, port: u16, transport: &Transport) -> Self {
        Self {
            scheme,
            host: Arc::clone(host),
            port,
            transport: Arc::clone(&transport.name),
            generation: transport.generation,
            disable_http2: transport.disable_http2,
            max_idle_per_host: transport.max_idle_per_host,
            timeouts: transport.timeouts,
        }
    }
}

impl Hash for PoolKey {
    /// Of the parts that tell most keys apart; equality compares all.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.host.hash(state);
        self.port.hash(state);
        self.generation.hash(state);
    }
}

/// Pool keys -> [`PoolId`]s of one snapshot.
#[derive(Debug, Default)]
pub(crate) struct Pools {
    live: HashMap<PoolKey, PoolId, RandomState>,
    next: u32,
}

impl Pools {
    /// Begins the next compile: no pool is live yet, and numbers go on.
    pub(crate) fn next_round(previous: Option<&Self>) -> Self {
        Self {
            live: previous.map_or_else(HashMap::default, |pools| {
                HashMap::with_capacity_and_hasher(pools.live.len(), RandomState::default())
            }),
            next: previous.map_or(0, |pools| pools.next),
        }
    }

    pub(crate) fn pool(&mut self, key: PoolKey, previous: Option<&Self>) -> PoolId {
        let next = &mut self.next;
        *self.live.entry(key).or_insert_with_key(|key| {
            let kept = previous.and_then(|pools| pools.live.get(key));
            kept.copied().unwrap_or_else(|| {
                let id = PoolId(*next);
                *next = next.wrapping_add(1);
                id
            })
        })
    }

    pub(crate) fn live(&self) -> Vec<PoolId> {
        let mut live: Vec<_> = self.live.values().copied().collect();
        live.sort_unstable();
        live
    }
}

/// Absent names that keep their slots.
const MAX_ABSENT: usize = 4096;

#[cfg(test)]
mod tests;
