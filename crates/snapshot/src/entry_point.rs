//! One entry point: which TLS policy a ClientHello gets, and which router a request gets.

use std::net::IpAddr;
use std::sync::Arc;

use viaduct_config::EntryPointName;
use viaduct_tls::ServerTls;

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
    /// exact and wildcard hosts -> policy, and the fallback.
    pub(crate) _policies: (),
}

impl EntryPoint {
    /// The TLS configuration for a ClientHello. `sni` is lower case without a trailing dot; no SNI, or
    /// an unknown one, gets the default options.
    pub fn tls(&self, _sni: Option<&str>) -> (&Arc<ServerTls>, PolicyId) {
        todo!()
    }

    /// Whether every host has the same policy, so that the ClientHello need not be read first.
    pub fn single_policy(&self) -> Option<(&Arc<ServerTls>, PolicyId)> {
        todo!()
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
    pub fn route_secure(&self, _request: &RouteRequest<'_>, _policy: PolicyId) -> Routed<'_> {
        todo!()
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
