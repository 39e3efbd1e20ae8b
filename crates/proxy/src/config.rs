//! What the install configuration decides for the data plane.

use std::net::SocketAddr;
use std::time::Duration;

use viaduct_config::EntryPointName;

#[derive(Debug, Clone)]
pub struct Config {
    /// Threads, each with its own listeners. At least 1.
    pub workers: usize,
    pub entry_points: Vec<EntryPointConfig>,
    /// Put the fault code into 5xx answers (`--expose-faults`). Default false.
    pub expose_faults: bool,
    /// Time for requests in flight after SIGTERM. Default 10 s (Traefik's `graceTimeOut`).
    pub grace: Duration,
}

#[derive(Debug, Clone)]
pub struct EntryPointConfig {
    pub name: EntryPointName,
    /// Port 0: any free one; see [`Bound::addresses`](crate::Bound::addresses).
    pub address: SocketAddr,
    pub forwarded: ForwardedTrust,
    pub timeouts: RespondingTimeouts,
    pub limits: Limits,
}

/// Whose `X-Forwarded-*` headers are believed (Traefik's `forwardedHeaders`).
#[derive(Debug, Clone, Default)]
pub struct ForwardedTrust {
    /// Believe everyone.
    pub insecure: bool,
    pub trusted_ips: Vec<ipnet::IpNet>,
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
    /// five minutes, nginx one, Traefik no bound. Not a Traefik option.
    pub tunnel: Duration,
    /// First byte of a connection until the end of its TLS handshake. 10 s; not a Traefik option.
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
    /// Request head, bytes. Default 1 MiB (Traefik's `maxHeaderBytes`). HTTP/2: decoded, at most 1 MiB.
    /// At most 500 fields in either.
    pub header_bytes: usize,
    /// HTTP/2 streams at once per connection. Default 250.
    pub h2_streams: u32,
    /// Connections at once per worker; more wait in the kernel's queue. Default 20,000; never more than the
    /// worker's share of 85 % of the process's file descriptors, so that some are left for backends.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_bytes: 1 << 20,
            h2_streams: 250,
            connections: 20_000,
        }
    }
}
