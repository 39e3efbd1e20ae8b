//! One entry point: which TLS policy a ClientHello gets, and which router a request gets.

mod host_policies;

use std::net::IpAddr;
use std::sync::Arc;

use viaduct_config::EntryPointName;
use viaduct_tls::ServerTls;

pub(crate) use host_policies::{HostPolicies, HostPolicy, Policy};

use crate::router::Router;
use crate::table::RoutingTable;

/// Identity of a TLS policy. Equal policies (by content, client CA included) keep their id from
/// snapshot to snapshot, so a connection made under an older snapshot can be judged by the current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PolicyId(pub u64);

#[derive(Debug)]
pub struct EntryPoint {
    pub name: EntryPointName,
    /// Routers without TLS.
    pub plain: RoutingTable,
    /// Routers with TLS.
    pub secure: RoutingTable,
    pub(crate) policies: Arc<HostPolicies>,
}

impl EntryPoint {
    /// The TLS configuration for a ClientHello. `sni` is lower case without a trailing dot; no SNI, or
    /// an unknown one, gets the default options (or those of a router for every host, ``Host(`*`)``).
    pub fn tls(&self, sni: Option<&str>) -> (&Arc<ServerTls>, PolicyId) {
        let policy = &self.policies.of(sni.unwrap_or_default()).policy;
        (&policy.tls, policy.id)
    }

    /// Whether every host has the same policy, so that the ClientHello need not be read first.
    pub fn single_policy(&self) -> Option<(&Arc<ServerTls>, PolicyId)> {
        self.policies.single().map(|policy| (&policy.tls, policy.id))
    }

    /// Finds the router of a request that came in plain text.
    pub fn route_plain(&self, request: &RouteRequest<'_>) -> Routed<'_> {
        match self.plain.find(request) {
            Some(router) => Routed::Router(router),
            None => Routed::NotFound,
        }
    }

    /// Finds the router of a request that came by TLS under `policy`. A host whose policy is another
    /// one is misdirected (421, A8.23), whatever the rules say (I2).
    ///
    /// So is a request whose router demands client certificates under another policy than this host's:
    /// a rule such as ``Host(`a`) || PathPrefix(`/x`)`` reaches hosts that it does not name, and there
    /// its client certificates were never asked for.
    pub fn route_secure(&self, request: &RouteRequest<'_>, policy: PolicyId) -> Routed<'_> {
        let host = self.policies.of(request.host);
        if host.policy.id != policy {
            return Routed::Misdirected;
        }
        let Some(router) = self.secure.find(request) else {
            return Routed::NotFound;
        };
        if let Some(refused) = host.refused(router) {
            return Routed::Router(refused);
        }
        match router.demanded_policy {
            Some(demanded) if demanded != policy => Routed::Misdirected,
            Some(_) | None => Routed::Router(router),
        }
    }
}

/// What rules look at. Normalised once by the proxy (I1).
#[derive(Debug, Clone, Copy)]
pub struct RouteRequest<'a> {
    /// Lower case, no port, no trailing dot; IPv6 without brackets. Empty when there was none.
    pub host: &'a str,
    /// As the backend will see it: dot segments resolved, unreserved characters decoded, reserved ones
    /// left escaped (A3.7).
    pub path: &'a str,
    pub query: Option<&'a str>,
    pub method: &'a str,
    pub headers: &'a http::HeaderMap,
    pub client_ip: IpAddr,
}

#[derive(Debug)]
pub enum Routed<'a> {
    Router(&'a Arc<Router>),
    /// 421.
    Misdirected,
    /// 404.
    NotFound,
}
