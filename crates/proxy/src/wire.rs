//! Step 4: HTTP/1.1, HTTP/2 and HTTP/3 on an accepted connection; what every request of it shares.

pub(crate) mod body;
mod cork;
pub(crate) mod h1;
pub(crate) mod h2;
pub(crate) mod h3;
mod held;
mod io;
mod leftover;
mod linger;
mod service;
#[cfg(test)]
mod tests;
mod unshare;

use std::cell::{Cell, OnceCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, LazyLock};

use http::HeaderValue;
use rustls::pki_types::CertificateDer;
use viaduct_observe::ClientLeg;
use viaduct_snapshot::PolicyId;

use crate::config::{EntryPointConfig, Hygiene, KeepAlive, Limits, Observability, RespondingTimeouts};
use crate::drain::Seat;
use crate::headers::Peer;
use crate::worker::Worker;

pub(crate) use body::ClientBody;
pub(crate) use held::HeldHeaders;
pub(crate) use io::ClientIo;
pub(crate) use unshare::unshare;

/// What a client speaks over TCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// One client connection, shared by its requests.
pub(crate) struct Connection {
    pub(crate) worker: Rc<Worker>,
    /// Index into `Config::entry_points`.
    pub(crate) entry_point: usize,
    pub(crate) client: SocketAddr,
    pub(crate) local: SocketAddr,
    pub(crate) leg: Leg,
    /// What the owned headers say of this client.
    pub(crate) peer: Peer,
    /// Bytes of request headers that its streams hold.
    headers_held: Cell<usize>,
    /// Held until the last request, upgraded ones too, has let go of the connection.
    seat: OnceCell<Seat>,
}

impl Connection {
    /// `entry_point` is an index into `Config::entry_points`.
    pub(crate) fn new(
        worker: Rc<Worker>,
        entry_point: usize,
        client: SocketAddr,
        local: SocketAddr,
        leg: Leg,
    ) -> Rc<Self> {
        let trust = worker
            .config
            .entry_points
            .get(entry_point)
            .map(|entry| &entry.forwarded);
        let peer = Peer::new(client, trust);
        Rc::new(Self {
            worker,
            entry_point,
            client,
            local,
            leg,
            peer,
            headers_held: Cell::default(),
            seat: OnceCell::new(),
        })
    }

    /// Keeps the worker from ending before this connection does.
    pub(crate) fn keep(&self, seat: Seat) {
        drop(self.seat.set(seat));
    }

    fn config(&self) -> Option<&EntryPointConfig> {
        self.worker.config.entry_points.get(self.entry_point)
    }

    pub(crate) fn timeouts(&self) -> RespondingTimeouts {
        self.config().map(|entry| entry.timeouts).unwrap_or_default()
    }

    fn limits(&self) -> Limits {
        self.config().map(|entry| entry.limits).unwrap_or_default()
    }

    fn keep_alive(&self) -> KeepAlive {
        self.config().map(|entry| entry.keep_alive).unwrap_or_default()
    }

    /// Whether the client should go: see [`crate::drain`].
    fn is_draining(&self) -> bool {
        self.worker.drain.is_draining(self.entry_point)
    }

    pub(crate) fn hygiene(&self) -> &Hygiene {
        static USUAL: LazyLock<Hygiene> = LazyLock::new(Hygiene::default);
        self.config().map_or(&USUAL, |entry| &entry.hygiene)
    }

    /// Whether the client came by TLS.
    pub(crate) fn is_secure(&self) -> bool {
        matches!(self.leg, Leg::Secure { .. })
    }

    /// Whether paths are in their normal form; see [`Hygiene::sanitize_path`].
    pub(crate) fn sanitizes(&self) -> bool {
        self.hygiene().sanitize_path
    }

    /// Whether this worker listens on `port`.
    pub(crate) fn is_our_port(&self, port: u16) -> bool {
        let mut entry_points = self.worker.config.entry_points.iter();
        self.local.port() == port || entry_points.any(|entry_point| entry_point.address.port() == port)
    }

    /// What its answers say of HTTP/3, where they go over TLS on TCP.
    fn alt_svc(&self) -> Option<&HeaderValue> {
        match self.leg {
            Leg::Plain => None,
            Leg::Secure { .. } => self.worker.alt_svc.get(self.entry_point)?.as_ref(),
        }
    }

    /// What its entry point says of requests that nobody else says it of.
    /// Whether clients are told of faults.
    pub(crate) fn exposes_faults(&self) -> bool {
        self.config().is_some_and(|entry| entry.expose_faults)
    }

    pub(crate) fn observability(&self) -> Observability {
        let entry = self.worker.config.entry_points.get(self.entry_point);
        entry.map(|entry| entry.observability).unwrap_or_default()
    }

    pub(crate) fn entry_point_name(&self) -> &str {
        let entry_points = &self.worker.config.entry_points;
        entry_points
            .get(self.entry_point)
            .map_or("", |entry_point| entry_point.name.as_str())
    }
}

/// How the client reached us.
pub(crate) enum Leg {
    Plain,
    Secure {
        policy: PolicyId,
        facts: Arc<ClientLeg>,
        /// The chain that the client presented, leaf first; empty without client authentication.
        peer: Vec<CertificateDer<'static>>,
    },
}

/// Header fields of one request, at most, whatever its version. Traefik counts bytes alone; a field of four
/// bytes costs us a hundred (C25).
pub(crate) const MOST_FIELDS: usize = 500;
