//! Who may have this process make connections.
//!
//! A page of another site cannot send a header of its own, unless its name was made to lead here (DNS rebinding): then
//! the browser takes us for that site. So the host that is asked for has to be one that nobody outside can give
//! another address.

use std::net::IpAddr;

use bytes::Bytes;
use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, Response, StatusCode};
use viaduct_config::rule::HostPattern;
use viaduct_snapshot::{InternalService, ServiceKind};

use super::{View, reply};

/// An address, a name of this machine or of the cluster, or one that a router of the API is for.
pub(super) fn is_ours(view: &View, headers: &HeaderMap) -> bool {
    let Some(authority) = headers
        .get(HOST)
        .and_then(|host| host.to_str().ok()?.parse::<Authority>().ok())
    else {
        return false;
    };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    host.parse::<IpAddr>().is_ok()
        || !host.contains('.')
        || [".svc", ".cluster.local", ".localhost"]
            .iter()
            .any(|end| host.ends_with(end))
        || is_routed(view, &host)
}

/// Whether a router that leads to the API names the host.
fn is_routed(view: &View, host: &str) -> bool {
    let Some(published) = view.published() else {
        return false;
    };
    published.snapshot.routers.values().any(|router| {
        let to_api = router
            .named_service
            .as_ref()
            .is_some_and(|service| matches!(service.kind, ServiceKind::Internal(InternalService::Api)));
        to_api
            && router.rule.as_ref().is_some_and(|rule| {
                let mut hosts = rule.hosts().into_iter();
                hosts.any(|pattern| matches!(pattern, HostPattern::Exact(name) if name == host))
            })
    })
}

pub(super) fn refusal() -> Response<Bytes> {
    let message =
        "this path makes connections: ask for it by an address, or by a host that a router of the API names";
    reply::message(StatusCode::FORBIDDEN, message)
}
