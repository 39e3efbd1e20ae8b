//! Everything a request can need, resolved once and swapped as one value.
//!
//! ```text
//!  Update (per provider) --+
//!  Install (entry points) -+-> compile() -> (Arc<Snapshot>, Vec<Finding>)
//!  previous Snapshot ------+                  |
//!                                             +- EntryPoint { tls policies by host, routing tables }
//!                                                  Router -> Service -> Server -> Transport
//! ```
//! `compile` is pure: no clock, no network, no disk, no randomness. What did not change is shared with
//! the previous snapshot. A broken element takes its own router out of service and nothing else.

#![expect(
    clippy::result_large_err,
    reason = "a finding is what a failure here is for, and compiling is no hot path"
)]

mod book;
pub mod bridge;
pub mod compile;
pub mod entry_point;
pub mod explain;
pub mod install;
mod inventory;
pub mod middleware;
mod resolve;
pub mod revocation;
pub mod rotation;
pub mod router;
pub mod rule;
pub mod service;
pub mod table;
pub mod transport;
mod users;

use std::collections::HashMap;
use std::sync::Arc;

pub use book::LivePools;
pub use bridge::{BridgeClass, BridgePolicy};
pub use compile::{Inputs, compile, follow};
pub use entry_point::{EntryPoint, PolicyId, RouteRequest, Routed};
pub use install::{EntryPointInstall, HeldTrust, Install};
pub use middleware::{Middleware, MiddlewareKind};
pub use revocation::{Revocations, Revoked};
pub use rotation::Overlaps;
pub use router::{Router, RouterObservability, RouterState};
pub use rule::RouteRule;
pub use service::{InternalService, LoadBalancer, PoolId, Scheme, Server, Service, ServiceKind, Slot};
pub use transport::{Timeouts, Transport};

use viaduct_config::{EntryPointName, Finding, Map};

/// One complete, immutable configuration.
#[derive(Debug)]
pub struct Snapshot {
    /// Counts up with every compile that changed something.
    pub generation: u64,
    pub entry_points: HashMap<EntryPointName, Arc<EntryPoint>>,
    /// Every HTTP router by name, those out of service and those without a readable rule too.
    pub routers: Map<Arc<str>, Arc<Router>>,
    /// How many of them answer with a fault of their own.
    pub out_of_service: usize,
    /// Backend pools that may be used under this snapshot; a worker drains every other.
    pub live_pools: LivePools,
    /// Certificates that no connection may rest on from now on, pooled ones included.
    pub revocations: Arc<Revocations>,
    /// Upper bound (exclusive) of all [`Slot`]s handed out so far.
    pub slots: u32,
    /// Private bookkeeping that lets the next compile share work.
    pub(crate) book: book::Book,
}

impl Snapshot {
    /// What there is to say of the whole configuration. The same as before, in memory too, where that is the same.
    pub fn findings(&self) -> &Arc<Vec<Finding>> {
        &self.book.findings.all
    }

    /// The certificates of the client leg.
    pub fn certificates(&self) -> &Arc<viaduct_tls::CertificateStore> {
        &self.book.store.store
    }
}
