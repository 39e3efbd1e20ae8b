//! Which backend pools there are: keys, compared in full, -> numbers that are never given twice.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, Hasher};
use std::sync::Arc;

use foldhash::fast::RandomState;
use viaduct_config::Map;

use crate::service::{PoolId, Scheme, Server};
use crate::transport::Transport;

/// Everything that makes two backend pools different. Small, since every server has one: what the transport adds to it
/// is read off the transport.
#[derive(Debug, Clone)]
pub(crate) struct PoolKey {
    host: Arc<str>,
    transport: Arc<Transport>,
    port: u16,
    scheme: Scheme,
}

impl PoolKey {
    pub(crate) fn new(scheme: Scheme, host: &Arc<str>, port: u16, transport: &Arc<Transport>) -> Self {
        Self {
            host: Arc::clone(host),
            transport: Arc::clone(transport),
            port,
            scheme,
        }
    }

    pub(crate) fn of(server: &Server, transport: &Arc<Transport>) -> Self {
        Self::new(server.scheme, &server.host, server.port, transport)
    }
}

impl PartialEq for PoolKey {
    fn eq(&self, other: &Self) -> bool {
        self.scheme == other.scheme
            && self.port == other.port
            && self.host == other.host
            && (Arc::ptr_eq(&self.transport, &other.transport)
                || pools_alike(&self.transport, &other.transport))
    }
}

impl Eq for PoolKey {}

/// Whether connections made by one transport may be used by the other. The trust generation stands for verification,
/// names, client identities and versions: it changes when any of them does.
fn pools_alike(one: &Transport, other: &Transport) -> bool {
    one.name == other.name
        && one.generation == other.generation
        && one.disable_http2 == other.disable_http2
        && one.max_idle_per_host == other.max_idle_per_host
        && one.timeouts == other.timeouts
}

impl Hash for PoolKey {
    /// Of the parts that tell most keys apart; equality compares all.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.host.hash(state);
        self.port.hash(state);
        self.transport.generation.hash(state);
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
    #[expect(
        clippy::mutable_key_type,
        reason = "what keys are told apart by never changes"
    )]
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
    #[expect(
        clippy::mutable_key_type,
        reason = "what keys are told apart by never changes"
    )]
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
