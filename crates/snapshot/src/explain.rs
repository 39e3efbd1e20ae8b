//! Turns a fault into the edit that mends it: the smallest YAML, in Traefik's words.

use viaduct_tls::Fault;

use crate::{Router, Transport};

/// The hint of a log line, such as
/// ``set `serverName: other.example.com` in ServersTransport web/web-transport``.
pub fn hint(_fault: &Fault, _transport: &Transport, _router: &Router) -> Option<String> {
    todo!()
}
