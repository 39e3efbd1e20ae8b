//! Headers that the proxy owns (I3) and hop-by-hop rules, in one place.

use std::net::SocketAddr;

use http::HeaderValue;

use crate::config::ForwardedTrust;

/// What the owned headers say of one client connection; made once per connection.
pub(crate) struct Peer {
    /// Whether the client's own `X-Forwarded-*` headers are believed.
    pub(crate) trusted: bool,
    /// The client's address as text.
    pub(crate) address: HeaderValue,
}

impl Peer {
    pub(crate) fn new(client: SocketAddr, trust: Option<&ForwardedTrust>) -> Self {
        let ip = client.ip().to_canonical();
        let trusted = trust.is_some_and(|trust| {
            trust.insecure || trust.trusted_ips.iter().any(|network| network.contains(&ip))
        });
        let address =
            HeaderValue::from_str(&ip.to_string()).unwrap_or_else(|_| HeaderValue::from_static("unknown"));
        Self { trusted, address }
    }
}
