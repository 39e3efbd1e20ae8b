//! Services and their servers.

use std::sync::Arc;
use std::time::Duration;

use viaduct_config::Balanced;

use crate::bridge::BridgeClass;
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
    /// Of all servers that a request to it can end at; `None`: there is none.
    pub weakest: Option<BridgeClass>,
    pub slot: Slot,
    /// The Kubernetes Service that it balances, if it does.
    pub balances: Option<Balanced>,
}

#[derive(Debug)]
pub enum ServiceKind {
    LoadBalancer(LoadBalancer),
    /// Weighted round robin over services; weight 0 gets nothing.
    Weighted(Vec<(Arc<Service>, u32)>),
    /// Answered by this process.
    Internal(InternalService),
}

/// What this process answers itself, `<name>@internal` (A6.16). Only routers can name one: a weighted
/// service that contains one is refused, so that nothing internal hides behind a share of some traffic
/// (CVE-2026-44774).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InternalService {
    /// `api`: the API, and the dashboard where it is switched on.
    Api,
    /// `dashboard`: the dashboard alone.
    Dashboard,
    /// `ping`: the health check.
    Ping,
    /// `prometheus`: the metrics.
    Prometheus,
    /// `noop`: answers 418, and is what redirecting routers name.
    Noop,
}

impl InternalService {
    /// By its name in front of `@internal`. `rest` and `acme-http` are not served.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "api" => Some(Self::Api),
            "dashboard" => Some(Self::Dashboard),
            "ping" => Some(Self::Ping),
            "prometheus" => Some(Self::Prometheus),
            "noop" => Some(Self::Noop),
            _ => None,
        }
    }
}

#[derive(Debug, Clone)]
pub struct LoadBalancer {
    /// Empty: 503 (A6.13).
    pub servers: Vec<Arc<Server>>,
    /// Forward the client's Host (true) or the server URL's (A6.3).
    pub pass_host_header: bool,
    /// How long response bytes may wait for more; `None`: not at all (A6.5). Default 100 ms.
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

#[derive(Debug, PartialEq, Eq)]
pub struct Server {
    /// As written: `https://10.0.0.1:443`.
    pub url: Arc<str>,
    pub scheme: Scheme,
    /// DNS name or address, without brackets.
    pub host: Arc<str>,
    pub port: u16,
    /// `host[:port]` as it goes into a Host header.
    pub authority: http::HeaderValue,
    /// Path of the URL, without a trailing slash, joined before the request's path. Empty unless the
    /// server says `preservePath`: without it Traefik leaves the URL's path unused.
    pub base_path: Arc<str>,
    /// Default 1; 0 gets nothing.
    pub weight: u32,
    /// Terminating: takes only sticky traffic, nothing new (A6.1).
    pub fenced: bool,
    pub pool: PoolId,
}

impl Service {
    /// Whether `other` is made of the same parts, so that it can be shared.
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.name == other.name
            && self.slot == other.slot
            && self.balances == other.balances
            && self.kind.same(&other.kind)
    }
}

impl ServiceKind {
    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::LoadBalancer(a), Self::LoadBalancer(b)) => {
                a.pass_host_header == b.pass_host_header
                    && a.flush_interval == b.flush_interval
                    && Arc::ptr_eq(&a.transport, &b.transport)
                    && a.servers.len() == b.servers.len()
                    && a.servers.iter().zip(&b.servers).all(|(a, b)| Arc::ptr_eq(a, b))
            }
            (Self::Weighted(a), Self::Weighted(b)) => {
                a.len() == b.len()
                    && a.iter()
                        .zip(b)
                        .all(|((a, a_weight), (b, b_weight))| Arc::ptr_eq(a, b) && a_weight == b_weight)
            }
            (Self::Internal(a), Self::Internal(b)) => a == b,
            (Self::LoadBalancer(_) | Self::Weighted(_) | Self::Internal(_), _) => false,
        }
    }
}
