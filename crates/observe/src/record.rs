//! One finished exchange, borrowed from the proxy for as long as it takes to write it down.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

/// All that any log format, counter or trace may say of one request. Built once, when the response
/// body has ended (or failed); nothing in it is copied.
#[derive(Debug)]
pub struct Record<'a> {
    pub start: SystemTime,
    pub duration: Duration,
    /// Time until the backend's response head, less our own; `None` when no backend was asked.
    pub origin_duration: Option<Duration>,
    pub entry_point: &'a str,
    /// Answered by a service of our own (`api@internal`, ..): told only where asked for.
    pub internal: bool,
    /// The client accepts only an event stream.
    pub event_stream: bool,
    /// `name@provider`; `None` when no router matched.
    pub router: Option<&'a str>,
    pub service: Option<&'a str>,
    /// `https://10.0.0.1:443`.
    pub server_url: Option<&'a str>,
    /// `10.0.0.1:443`.
    pub server_addr: Option<&'a str>,
    pub client: SocketAddr,
    /// `X-Forwarded-For` as it came, when its sender is trusted: the logs' client host (as Traefik).
    pub forwarded_for: Option<&'a str>,
    /// From basic authentication, later.
    pub client_user: Option<&'a str>,
    pub method: &'a str,
    /// As received: path and query.
    pub path: &'a str,
    /// Host header or `:authority`, as received.
    pub host: &'a str,
    /// `HTTP/1.1`, `HTTP/2.0`.
    pub protocol: &'static str,
    /// `http` or `https`.
    pub scheme: &'static str,
    pub request_headers: &'a http::HeaderMap,
    pub request_bytes: u64,
    /// Sent to the client. 499 when the client left before the head.
    pub status: u16,
    /// From the backend; 0 when none came.
    pub origin_status: u16,
    pub origin_bytes: u64,
    pub response_headers: Option<&'a http::HeaderMap>,
    pub response_bytes: u64,
    pub retries: u32,
    pub client_leg: Option<&'a ClientLeg>,
    pub backend_leg: Option<&'a BackendLeg>,
    /// What went wrong.
    pub fault: Option<Cause<'a>>,
    /// Number of the request in this process.
    pub count: u64,
    pub slots: Slots,
    /// The backend's headers as they came; only where somebody writes headers.
    pub origin_headers: Option<&'a http::HeaderMap>,
    /// The Kubernetes object that the router comes from.
    pub ingress: Option<Ingress<'a>>,
    /// The Kubernetes Service that the server is of.
    pub kubernetes_service: Option<KubernetesService<'a>>,
    /// Of a request that is traced.
    pub trace: Option<TraceIds>,
}

/// Namespace and name of an Ingress or IngressRoute.
#[derive(Debug, Clone, Copy)]
pub struct Ingress<'a> {
    pub namespace: &'a str,
    pub name: &'a str,
}

/// A Service, and its port as it is referred to.
#[derive(Debug, Clone, Copy)]
pub struct KubernetesService<'a> {
    pub namespace: &'a str,
    pub name: &'a str,
    pub port: &'a str,
}

/// Which trace, and which span of it, tells of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceIds {
    pub trace_id: [u8; 16],
    pub span_id: [u8; 8],
}

/// Why a request failed.
#[derive(Debug, Clone, Copy)]
pub struct Cause<'a> {
    /// The stable code, such as `unknown_ca`.
    pub code: &'static str,
    /// The sentence to it.
    pub detail: &'a str,
    /// What mends it, where that is known.
    pub fix: Option<&'a str>,
    pub leg: crate::counters::Leg,
}

/// Positions in the per-worker counter tables; `None` where no router or service was involved.
#[derive(Debug, Clone, Copy, Default)]
pub struct Slots {
    /// In the order of the proxy's configuration.
    pub entry_point: usize,
    pub router: Option<u32>,
    pub service: Option<u32>,
}

/// TLS facts of the client's connection.
#[derive(Debug, Clone)]
pub struct ClientLeg {
    /// `1.3`.
    pub version: &'static str,
    pub cipher: &'static str,
    pub group: Option<&'static str>,
    pub sni: Option<std::sync::Arc<str>>,
    pub resumed: bool,
    /// How long the handshake took.
    pub took: Duration,
    /// Subject of the client's certificate (`TLSClientSubject`).
    pub client_subject: Option<std::sync::Arc<str>>,
    /// Empty at first.
    pub members: Members,
}

/// TLS facts of the backend's connection, made once per connection.
#[derive(Debug, Clone)]
pub struct BackendLeg {
    pub version: &'static str,
    pub cipher: &'static str,
    pub group: Option<&'static str>,
    pub server_name: Option<std::sync::Arc<str>>,
    pub resumed: bool,
    /// Fingerprint of the trust anchor; `None`: not verified.
    pub verified_by: Option<std::sync::Arc<str>>,
    pub peer_fingerprint: std::sync::Arc<str>,
    /// Comma-separated.
    pub peer_sans: std::sync::Arc<str>,
    pub client_certificate_sent: bool,
    /// How long the handshake took.
    pub took: Duration,
    pub peer_common_name: std::sync::Arc<str>,
    pub peer_serial: std::sync::Arc<str>,
    pub peer_not_after: SystemTime,
    /// Empty at first.
    pub members: Members,
}

/// The facts of a connection as every JSON line of it says them; written once, when the first line is. Whoever
/// changes a fact after that starts with empty ones.
#[derive(Debug, Clone, Default)]
pub struct Members(std::sync::OnceLock<Box<[u8]>>);

impl Members {
    pub(crate) fn get_or_write(&self, write: impl FnOnce(&mut Vec<u8>)) -> &[u8] {
        self.0.get_or_init(|| {
            let mut members = Vec::new();
            write(&mut members);
            members.into_boxed_slice()
        })
    }
}

#[cfg(test)]
pub(crate) mod tests;
