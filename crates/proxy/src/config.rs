//! What the install configuration decides for the data plane.

use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;
use viaduct_config::EntryPointName;
use viaduct_snapshot::middleware::EncodedCharacters;

#[derive(Debug, Clone)]
pub struct Config {
    /// Threads, each with its own listeners. At least 1.
    pub workers: usize,
    pub entry_points: Vec<EntryPointConfig>,
}

#[derive(Debug, Clone)]
pub struct EntryPointConfig {
    pub name: EntryPointName,
    /// Port 0: any free one; see [`Bound::addresses`](crate::Bound::addresses).
    pub address: SocketAddr,
    pub forwarded: ForwardedTrust,
    pub timeouts: RespondingTimeouts,
    pub limits: Limits,
    pub hygiene: Hygiene,
    pub keep_alive: KeepAlive,
    pub life_cycle: LifeCycle,
    /// `None`: connections begin with what the client says.
    pub proxy_protocol: Option<ProxyProtocol>,
    pub observability: Observability,
    /// `None`: TCP only.
    pub http3: Option<Http3>,
    /// Tell clients why a request failed, and how long each step took (`--expose-faults`). Default false.
    pub expose_faults: bool,
}

/// HTTP/3 beside HTTP/1.1 and HTTP/2: UDP at the entry point's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Http3 {
    /// The port that answers over TLS on TCP name in `Alt-Svc`. Default 0: the entry point's.
    pub advertised_port: u16,
}

impl EntryPointConfig {
    /// An entry point with Traefik's defaults.
    pub fn new(name: EntryPointName, address: SocketAddr) -> Self {
        Self {
            name,
            address,
            forwarded: ForwardedTrust::default(),
            timeouts: RespondingTimeouts::default(),
            limits: Limits::default(),
            hygiene: Hygiene::default(),
            keep_alive: KeepAlive::default(),
            life_cycle: LifeCycle::default(),
            proxy_protocol: None,
            observability: Observability::default(),
            http3: None,
            expose_faults: false,
        }
    }
}

/// What is told of requests whose router says nothing of it, or that have none (Traefik's `observability` of an
/// entry point).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observability {
    /// Default true.
    pub access_log: bool,
    /// Default true.
    pub metrics: bool,
    /// Default true.
    pub tracing: bool,
    /// Spans for router and service as well (`traceVerbosity: detailed`). Default false.
    pub detailed: bool,
}

impl Default for Observability {
    fn default() -> Self {
        Self {
            access_log: true,
            metrics: true,
            tracing: true,
            detailed: false,
        }
    }
}

/// What becomes of unusual requests before routing (Traefik's `http` of an entry point).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hygiene {
    /// Escapes that a path may hold; others are answered 400. Default all.
    pub encoded_characters: EncodedCharacters,
    /// Whether `;` in a query becomes `%3B` (true) or `&` (false, the default).
    pub encode_query_semicolons: bool,
    /// Whether empty, `.` and `..` segments of a path are resolved. Default true. Without it rules see the path
    /// as it came, and a rule on a prefix no longer says what a backend takes the path for.
    pub sanitize_path: bool,
    pub underscores: UnderscoreHeaders,
}

impl Default for Hygiene {
    fn default() -> Self {
        Self {
            encoded_characters: EncodedCharacters::ALL_ALLOWED,
            encode_query_semicolons: false,
            sanitize_path: true,
            underscores: UnderscoreHeaders::default(),
        }
    }
}

/// What becomes of request headers with `_` in their names (Traefik's `underscoreHeadersStrategy`). Those that
/// look like headers that the proxy owns are removed in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnderscoreHeaders {
    #[default]
    Keep,
    Delete,
    /// 400.
    Reject,
}

/// When a connection that is kept alive ends all the same: HTTP/1.1 by `Connection: close`, the others by GOAWAY.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeepAlive {
    /// `transport.keepAliveMaxTime`. Default 0: no bound.
    pub max_time: Duration,
    /// `transport.keepAliveMaxRequests`. Default 0: no bound.
    pub max_requests: u64,
}

/// Traefik's `transport.lifeCycle`: what happens after the signal to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LifeCycle {
    /// How long connections are still accepted, so that load balancers notice first. Default 0.
    pub accept: Duration,
    /// Then, how long requests in flight may take. Default 10 s.
    pub grace: Duration,
}

impl Default for LifeCycle {
    fn default() -> Self {
        Self {
            accept: Duration::ZERO,
            grace: Duration::from_secs(10),
        }
    }
}

/// Who may say by the PROXY protocol, version 1 or 2, whose connection it is (Traefik's `proxyProtocol`). What
/// others say of it is read and not believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProxyProtocol {
    /// Believe everyone.
    pub insecure: bool,
    pub trusted_ips: Vec<IpNet>,
}

/// Whose `X-Forwarded-*` headers are believed (Traefik's `forwardedHeaders`).
#[derive(Debug, Clone, Default)]
pub struct ForwardedTrust {
    /// Believe everyone.
    pub insecure: bool,
    pub trusted_ips: Vec<IpNet>,
    /// Header names that a client's `Connection` header may nominate and still be forwarded.
    pub connection: Vec<String>,
    /// Leave `X-Forwarded-For` as it came.
    pub not_append_x_forwarded_for: bool,
    pub naming: Naming,
}

/// Who says host, scheme and server in the `X-Forwarded-*` headers that are sent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Naming {
    /// As Traefik: a believed client, else we; the server is this machine's name.
    #[default]
    Client,
    /// As nginx's `$host` and `$scheme` in a sidecar: always we. Host and server are the name in the
    /// request's Host header, in lower case and without its port.
    Request,
}

/// Traefik's `respondingTimeouts`. Zero means none.
#[derive(Debug, Clone, Copy)]
pub struct RespondingTimeouts {
    /// Whole request, body included. Default 60 s.
    pub read: Duration,
    /// From a request's head to the end of its answer, to within a second; a stream of HTTP/2 is reset, an
    /// HTTP/1.1 connection closed. Default none.
    pub write: Duration,
    /// Keep-alive silence; also how long a client may take no byte of its answer (C26; of HTTP/2, to within
    /// five seconds). Default 180 s.
    pub idle: Duration,
    /// How long a connection that changed its protocol (a websocket, any `Upgrade`) may carry nothing either
    /// way; to within a quarter. Default one hour, as HAProxy's manual has for `timeout tunnel`; Envoy has
    /// five minutes, nginx one, Traefik no bound. Zero: for ever. Not a Traefik option (`viaduct.tunnelIdleTimeout`).
    pub tunnel: Duration,
    /// First byte (of QUIC: first packet) of a connection until the end of its TLS handshake. 10 s; not a Traefik
    /// option.
    pub handshake: Duration,
}

impl Default for RespondingTimeouts {
    fn default() -> Self {
        Self {
            read: Duration::from_secs(60),
            write: Duration::ZERO,
            idle: Duration::from_secs(180),
            tunnel: Duration::from_secs(3600),
            handshake: Duration::from_secs(10),
        }
    }
}

/// Bounds on what one client may make us hold.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Request head, bytes. Default 1 MiB (Traefik's `maxHeaderBytes`). HTTP/2: decoded, at most 1 MiB; HTTP/3:
    /// decoded, at most 768 KiB. At most 500 fields in any.
    pub header_bytes: usize,
    /// HTTP/2 streams at once per connection (`http2.maxConcurrentStreams`). Default 250. HTTP/3: the same, but at
    /// most 100.
    pub h2_streams: u32,
    /// What HPACK may remember of a client's headers (`http2.maxDecoderHeaderTableSize`). Default 4096 bytes.
    pub h2_decoder_table: u32,
    /// Connections at once per worker, of TCP and QUIC together; more of TCP wait in the kernel's queue, of QUIC are
    /// refused. Default 20,000; never more than the
    /// worker's share of 85 % of the process's file descriptors, so that some are left for backends.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_bytes: 1 << 20,
            h2_streams: 250,
            h2_decoder_table: 4096,
            connections: 20_000,
        }
    }
}

#[cfg(test)]
mod tests;
