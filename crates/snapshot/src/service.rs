//! Services and their servers.

use std::sync::Arc;
use std::time::Duration;

use crate::transport::Transport;

/// A small stable number for a name: per-worker tables (counters, balancers) are vectors indexed by
/// it. A name keeps its slot from snapshot to snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slot(pub u32);

/// A stable number for a full pool key: scheme, host, port, transport (trust, name, client identity,
/// versions, protocols, limits). Keys are compared in full when the number is given; equal keys keep
/// their number from snapshot to snapshot, and a number is never given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PoolId(pub u32);

#[derive(Debug)]
pub struct Service {
    /// `name@provider`.
    pub name: Arc<str>,
    pub kind: ServiceKind,
    pub slot: Slot,
}

#[derive(Debug)]
pub enum ServiceKind {
    LoadBalancer(LoadBalancer),
    /// Weighted round robin over services; weight 0 gets nothing.
    Weighted(Vec<(Arc<Service>, u32)>),
}

#[derive(Debug)]
pub struct LoadBalancer {
    /// Empty: 503 (A6.13).
    pub servers: Vec<Arc<Server>>,
    /// Forward the client's Host (true) or the server URL's (A6.3).
    pub pass_host_header: bool,
    /// How long response bytes may wait for more; `None`: not at all (A6.5).
    pub flush_interval: Option<Duration>,
    pub transport: Arc<Transport>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    Http,
    Https,
    /// HTTP/2 with prior knowledge, in plain text.
    H2c,
}

#[derive(Debug)]
pub struct Server {
    /// As written: `https://10.0.0.1:443`.
    pub url: Arc<str>,
    pub scheme: Scheme,
    /// DNS name or address, without brackets.
    pub host: Arc<str>,
    pub port: u16,
    /// `host[:port]` as it goes into a Host header.
    pub authority: http::HeaderValue,
    /// Path of the URL, without a trailing slash; usually empty. Joined before the request's path.
    pub base_path: Arc<str>,
    pub weight: u32,
    pub fenced: bool,
    pub pool: PoolId,
}
