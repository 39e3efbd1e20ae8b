//! Which backend pools there are: keys, compared in full, -> numbers that are never given twice.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, Hasher};
use std::sync::Arc;

use foldhash::fast::RandomState;
use viaduct_config::Map;
use viaduct_tls::TrustGeneration;

use crate::service::{PoolId, Scheme, Server};
use crate::transport::{Timeouts, Transport};

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

    pub(crate) fn of(server: &Server, transport: &Transport) -> Self {
        Self::new(server.scheme, &server.host, server.port, transport)
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

/// Pool keys -> [`PoolId`]s of one snapshot. Lies in parts that are shared from snapshot to snapshot: a change of a
/// few servers copies the parts of their keys.
#[derive(Debug, Clone)]
pub(crate) struct Pools {
    /// By hash.
    parts: Vec<Arc<HashMap<PoolKey, Live, RandomState>>>,
    hasher: RandomState,
    live: LivePools,
    next: u32,
}

/// A pool in use.
#[derive(Debug, Clone, Copy)]
struct Live {
    id: PoolId,
    /// How many servers have it.
    servers: u32,
}

/// The pools that may be used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LivePools(Map<PoolId, ()>);

impl LivePools {
    pub fn contains(&self, id: PoolId) -> bool {
        self.0.contains_key(&id)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Pools {
    /// Begins the next whole compile: no pool is live yet, and numbers go on.
    pub(crate) fn next_round(previous: Option<&Self>) -> Self {
        let hasher = previous.map_or_else(RandomState::default, |pools| pools.hasher.clone());
        Self {
            parts: (0..PARTS)
                .map(|_| Arc::new(HashMap::with_hasher(hasher.clone())))
                .collect(),
            hasher,
            live: LivePools::default(),
            next: previous.map_or(0, |pools| pools.next),
        }
    }

    /// The pool of a server. It keeps the number that it has, or had in the `previous` snapshot.
    pub(crate) fn acquire(&mut self, key: PoolKey, previous: Option<&Self>) -> PoolId {
        let part = self.part(&key);
        let live = Arc::make_mut(&mut self.parts[part]);
        let next = &mut self.next;
        let pool = live.entry(key).or_insert_with_key(|key| {
            let kept = previous.and_then(|pools| pools.get(key));
            let id = kept.unwrap_or_else(|| {
                let id = PoolId(*next);
                *next = next.wrapping_add(1);
                id
            });
            Live { id, servers: 0 }
        });
        pool.servers = pool.servers.saturating_add(1);
        if pool.servers == 1 {
            self.live.0.insert(pool.id, ());
        }
        pool.id
    }

    /// A server that had this pool is gone.
    pub(crate) fn release(&mut self, key: &PoolKey) {
        let part = self.part(key);
        let live = Arc::make_mut(&mut self.parts[part]);
        let Some(pool) = live.get_mut(key) else {
            return;
        };
        pool.servers = pool.servers.saturating_sub(1);
        if pool.servers == 0 {
            self.live.0.remove(&pool.id);
            live.remove(key);
        }
    }

    pub(crate) fn live(&self) -> &LivePools {
        &self.live
    }

    fn get(&self, key: &PoolKey) -> Option<PoolId> {
        self.parts[self.part(key)].get(key).map(|pool| pool.id)
    }

    fn part(&self, key: &PoolKey) -> usize {
        // The upper half: the maps use the lower one.
        let hash = self.hasher.hash_one(key) >> 32;
        usize::try_from(hash).unwrap_or_default() % PARTS
    }
}

const PARTS: usize = 256;
