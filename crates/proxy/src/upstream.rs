//! Step 9: the backend leg: pools, connections, proof.
//!
//! ```text
//!  Upstreams --PoolId--> Pool { idle: HTTP/1.1 connections, shared: HTTP/2 connections }
//!      bridge(endpoint, needs) -> Bridge<Verified | Unverified> -> Lease -> request, answer -> back to the pool
//! ```
//! A pool belongs to one full key (address, trust, name, client identity, versions, ...), so a change of
//! any makes another pool (A14.9); pools that the current snapshot does not know take no connection back.

pub(crate) mod bridge;
mod connect;
pub(crate) mod dial;
pub(crate) mod fault;
mod guard;
mod lease;
pub(crate) mod link;
mod pinned;
mod pool;
pub(crate) mod refusal;
pub(crate) mod watched;

use std::cell::RefCell;
use std::rc::Rc;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use viaduct_snapshot::{LivePools, PoolId, Snapshot};
use viaduct_tls::Fault;

use crate::balance::Endpoint;
use crate::wire::Connection;

pub(crate) use bridge::Bridged;
use guard::Guard;
pub(crate) use lease::{Lease, Outcome, SendFailure, binds_connection};
pub(crate) use link::Link;
use pinned::Pinned;
use pool::Pool;

/// The backend pools of one worker.
#[derive(Default)]
pub(crate) struct Upstreams {
    pools: RefCell<HashMap<PoolId, Rc<Pool>, RandomState>>,
    /// Of the snapshot in force; `None` before the first.
    live: RefCell<Option<LivePools>>,
    pinned: Rc<Pinned>,
    guard: Rc<Guard>,
}

/// What a request asks of the protocol on the backend leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Whatever the server speaks best.
    Any,
    /// HTTP/1.1: the request changes the protocol of its connection.
    Http1,
    /// HTTP/1.1, and from now on for this client alone: the request authenticates its connection
    /// (CVE-2026-88007).
    Own,
}

/// What a request takes where it has to wait for a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    /// One that others share, if there is room; otherwise as [`New`](Self::New).
    Any,
    /// A new one, or another's that has come to stand while this one waited for its turn.
    New,
    /// One that has carried nothing yet.
    Unused,
}

impl Upstreams {
    /// Closes the pools that `snapshot` does not know: idle connections at once, busy ones behind their
    /// exchange. Connections that rest on what the snapshot revokes are cut, busy or not.
    pub(crate) fn retain(&self, snapshot: &Snapshot) {
        if self.guard.enforce(&snapshot.revocations) {
            self.pools.borrow().values().for_each(|pool| pool.forget_cut());
            self.pinned.forget_cut();
        }
        let live = snapshot.live_pools.clone();
        self.pools.borrow_mut().retain(|id, pool| {
            let lives = live.contains(*id);
            if !lives {
                pool.close();
            }
            lives
        });
        self.pinned.retain(|pool| !pool.is_closed());
        self.live.replace(Some(live));
    }

    /// A bridge to a server that stands already.
    pub(crate) fn standing(
        &self,
        connection: &Rc<Connection>,
        endpoint: &Endpoint<'_>,
        needs: Needs,
    ) -> Option<Bridged> {
        let pool = self.pool(endpoint);
        if let Some(lease) = self.pinned.take(connection, &pool) {
            return Some(lease.into_bridge());
        }
        let mut lease = pool.reuse(needs)?;
        lease.serve_client(connection, &self.pinned, needs);
        Some(lease.into_bridge())
    }

    /// A new bridge to a server, or another's that has come to stand in the meantime. Waits at most the
    /// transport's dial time-out plus the handshake's, twice where it queues behind another dial.
    ///
    /// Cancel safe: an unfinished connection is dropped.
    pub(crate) async fn bridge(
        &self,
        connection: &Rc<Connection>,
        endpoint: &Endpoint<'_>,
        needs: Needs,
    ) -> Result<Bridged, Fault> {
        let mut lease = self.pool(endpoint).dial(needs, Choice::New).await?;
        lease.serve_client(connection, &self.pinned, needs);
        Ok(lease.into_bridge())
    }

    fn pool(&self, endpoint: &Endpoint<'_>) -> Rc<Pool> {
        let id = endpoint.server.pool;
        if let Some(pool) = self.pools.borrow().get(&id) {
            return Rc::clone(pool);
        }
        let pool = Pool::new(endpoint.server, &endpoint.balancer.transport, &self.guard);
        let lives = self.live.borrow().as_ref().is_none_or(|live| live.contains(id));
        if lives {
            self.pools.borrow_mut().insert(id, Rc::clone(&pool));
        } else {
            // Asked for by a request that still runs under an older snapshot: used once.
            pool.close();
        }
        pool
    }
}

#[cfg(test)]
mod tests;
