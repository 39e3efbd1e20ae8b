//! A servers transport: how the backend leg is built.

use std::sync::Arc;
use std::time::Duration;

use viaduct_tls::{BackendTls, TrustGeneration};

use crate::revocation::Revoked;

#[derive(Debug)]
pub struct Transport {
    /// `name@provider`, or `default@internal`.
    pub name: Arc<str>,
    pub generation: TrustGeneration,
    pub tls: Arc<BackendTls>,
    /// Idle connections kept per server and worker. 0: no reuse.
    pub max_idle_per_host: usize,
    pub disable_http2: bool,
    pub timeouts: Timeouts,
    pub origin: Option<viaduct_config::ObjectRef>,
    /// Certificates that it is told not to trust, beside those that none is (`bridge.revoked`).
    pub revoked: Arc<Revoked>,
    /// Objects that `rootCAs` came from, for messages; empty where that is not known.
    pub root_cas: Vec<viaduct_config::ObjectRef>,
}

/// Waits on the backend leg. `None`: no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timeouts {
    /// Default 30 s.
    pub dial: Option<Duration>,
    /// Fixed 10 s.
    pub handshake: Duration,
    /// Default none.
    pub response_header: Option<Duration>,
    /// Default 90 s.
    pub idle: Option<Duration>,
    /// Default none.
    pub read_idle: Option<Duration>,
    /// Default 15 s.
    pub ping: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            dial: Some(Duration::from_secs(30)),
            handshake: Duration::from_secs(10),
            response_header: None,
            idle: Some(Duration::from_secs(90)),
            read_idle: None,
            ping: Duration::from_secs(15),
        }
    }
}
