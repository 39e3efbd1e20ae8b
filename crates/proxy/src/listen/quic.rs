//! Steps 1 to 3 of HTTP/3: one UDP socket per worker, and on it quinn's endpoint.
//!
//! The kernel gives a packet to a worker by its addresses (SO_REUSEPORT), so a connection stays with its worker for
//! as long as its client stays at its address. Migration is switched off (decision 32): a client's address is the
//! one that the handshake has validated, to the end (C32).

use std::cell::Cell;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use aws_lc_rs::hmac;
use quinn::{ConnectionError, Endpoint, EndpointConfig, Incoming, ServerConfig, TokioRuntime};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::time::timeout;
use viaduct_observe::counters::{self, Carrier};
use viaduct_snapshot::PolicyId;
use viaduct_tls::quic::{QUIC_V1, QuicBase, QuicHandshake, QuicServer};

use super::{Share, connection_limit};
use crate::drain::Seat;
use crate::frontend::quic::{ByHost, Nobody};
use crate::frontend::{self};
use crate::wire::{self, Connection};
use crate::worker::Worker;

/// What the sockets of all workers have in common.
#[derive(Clone)]
pub(crate) struct Shared {
    base: QuicBase,
    endpoint: EndpointConfig,
}

impl Shared {
    /// Draws the keys of this process: every worker knows the connection IDs of the others, and answers a packet of a
    /// connection that is not its own (the client's address has changed) with a reset that the client believes.
    pub(crate) fn new() -> io::Result<Self> {
        let base = QuicBase::new().map_err(io::Error::other)?;
        let mut reset = [0; 64];
        let mut ids = [0; 8];
        for key in [&mut reset[..], &mut ids[..]] {
            aws_lc_rs::rand::fill(key).map_err(|_| io::Error::other("the system gives no random bytes"))?;
        }
        let ids = u64::from_le_bytes(ids);
        let mut endpoint = EndpointConfig::new(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, &reset)));
        endpoint
            .supported_versions(vec![QUIC_V1])
            .cid_generator(move || Box::new(quinn_proto::HashedConnectionIdGenerator::from_key(ids)));
        Ok(Self { base, endpoint })
    }
}

/// A UDP socket.
pub(crate) fn open(address: SocketAddr, share: Share) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    socket.set_reuse_port(share == Share::AmongWorkers)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// Accepts until the drain begins. The endpoint is given back: its connections live on it.
pub(crate) async fn accept_loop(
    worker: Rc<Worker>,
    entry_point: usize,
    socket: UdpSocket,
    shared: Shared,
) -> Option<Endpoint> {
    let door = match Door::open(worker, entry_point, socket, shared) {
        Ok(door) => door,
        Err(error) => {
            tracing::error!(%error, "cannot serve a UDP socket");
            return None;
        }
    };
    let endpoint = door.endpoint.clone();
    tokio::select! {
        biased;
        () = door.worker.drain.begun(entry_point) => {}
        () = door.accept() => {}
    }
    // Who comes later is told so at once.
    let late = endpoint.clone();
    drop(tokio::task::spawn_local(async move {
        while let Some(incoming) = late.accept().await {
            incoming.refuse();
        }
    }));
    Some(endpoint)
}

/// One endpoint of one worker.
struct Door {
    worker: Rc<Worker>,
    entry_point: usize,
    endpoint: Endpoint,
    base: QuicBase,
    settings: ServerConfig,
    local: SocketAddr,
    limit: usize,
    /// Handshakes in progress.
    shaking: Rc<Cell<usize>>,
}

impl Door {
    fn open(worker: Rc<Worker>, entry_point: usize, socket: UdpSocket, shared: Shared) -> io::Result<Self> {
        let entry = worker.config.entry_points.get(entry_point);
        let entry = entry.ok_or(io::ErrorKind::NotFound)?;
        let local = socket.local_addr()?;
        let mut settings = ServerConfig::with_crypto(Arc::new(QuicServer::new(&shared.base, Nobody)));
        settings
            .transport_config(wire::h3::transport(&entry.timeouts, &entry.limits))
            .migration(false)
            .max_incoming(MOST_WAITING)
            .incoming_buffer_size(WAITING_BYTES)
            .incoming_buffer_size_total(ALL_WAITING_BYTES);
        // Only Retry proves an address.
        settings.validation_token.sent(0);
        let endpoint = Endpoint::new(
            shared.endpoint,
            Some(settings.clone()),
            socket,
            Arc::new(TokioRuntime),
        )?;
        Ok(Self {
            limit: connection_limit(&worker, entry_point),
            worker,
            entry_point,
            endpoint,
            base: shared.base,
            settings,
            local,
            shaking: Rc::default(),
        })
    }

    async fn accept(&self) {
        while let Some(incoming) = self.endpoint.accept().await {
            self.admit(incoming);
        }
    }

    fn admit(&self, incoming: Incoming) {
        if self.worker.drain.open() >= self.limit {
            return incoming.refuse();
        }
        if self.shaking.get() >= RETRY_FROM && !incoming.remote_address_validated() {
            // Whoever answers this is where it says (C33). What may be retried once is not retried twice.
            return incoming
                .retry()
                .unwrap_or_else(|error| error.into_incoming().refuse());
        }
        let seat = Seat::take(Rc::clone(&self.worker));
        let shaking = Shaking::start(&self.shaking);
        let arrival = self.arrival(&incoming);
        let worker = Rc::clone(&self.worker);
        drop(tokio::task::spawn_local(async move {
            worker
                .counters
                .connection_opened(arrival.entry_point, Carrier::Quic);
            greet(&worker, incoming, &arrival, seat, shaking).await;
            worker
                .counters
                .connection_closed(arrival.entry_point, Carrier::Quic);
        }));
    }

    fn arrival(&self, incoming: &Incoming) -> Arrival {
        let ip = incoming.local_ip().unwrap_or_else(|| self.local.ip());
        Arrival {
            entry_point: self.entry_point,
            local: SocketAddr::new(ip, self.local.port()),
            base: self.base.clone(),
            settings: self.settings.clone(),
        }
    }
}

/// A connection of which the first packet has come.
struct Arrival {
    entry_point: usize,
    local: SocketAddr,
    base: QuicBase,
    settings: ServerConfig,
}

/// Counts a handshake for as long as the value lives.
struct Shaking(Rc<Cell<usize>>);

impl Shaking {
    fn start(count: &Rc<Cell<usize>>) -> Self {
        count.set(count.get() + 1);
        Self(Rc::clone(count))
    }
}

impl Drop for Shaking {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// Takes a connection from its first packet to its last.
async fn greet(worker: &Rc<Worker>, incoming: Incoming, arrival: &Arrival, seat: Seat, shaking: Shaking) {
    // Boxed, because a connection lives much longer than its handshake.
    let shaken = Box::pin(shake_hands(worker, incoming, arrival)).await;
    drop(shaking);
    let Some((quic, leg)) = shaken else {
        return;
    };
    let (client, local) = (quic.remote_address(), arrival.local);
    let connection = Connection::new(Rc::clone(worker), arrival.entry_point, client, local, leg);
    connection.keep(seat);
    wire::h3::serve(connection, quic).await;
}

/// `None`: the connection is over.
async fn shake_hands(
    worker: &Worker,
    incoming: Incoming,
    arrival: &Arrival,
) -> Option<(quinn::Connection, wire::Leg)> {
    let entry = worker.config.entry_points.get(arrival.entry_point)?;
    let choose = ByHost {
        snapshot: Arc::clone(&worker.snapshot()),
        entry_point: entry.name.clone(),
        local: arrival.local.ip(),
    };
    let mut settings = arrival.settings.clone();
    settings.crypto = Arc::new(QuicServer::new(&arrival.base, choose));
    let started = Instant::now();
    let shaking = async { incoming.accept_with(Arc::new(settings))?.await };
    let quic = match timeout(entry.timeouts.handshake, shaking).await {
        Ok(Ok(quic)) => quic,
        Ok(Err(error)) => {
            refused(worker, &error);
            return None;
        }
        Err(_) => {
            worker.counters.fault(counters::Leg::Client, "handshake_failed");
            tracing::debug!("a client's handshake took too long");
            return None;
        }
    };
    // Without proof of the options that it was made with, no connection.
    let handshake = quic
        .handshake_data()?
        .downcast::<QuicHandshake<PolicyId>>()
        .ok()?;
    let leg = frontend::leg(worker, handshake.policy, handshake.client, started.elapsed());
    Some((quic, leg))
}

fn refused(worker: &Worker, error: &ConnectionError) {
    let unrecognized = matches!(
        error,
        ConnectionError::TransportError(error) if u64::from(error.code) == UNRECOGNIZED_NAME
    );
    let reason = if unrecognized {
        "unrecognized_name"
    } else {
        "handshake_failed"
    };
    worker.counters.fault(counters::Leg::Client, reason);
    tracing::debug!(%error, "refused a client's handshake");
}

/// Handshakes in progress from which on a client first has to prove its address.
const RETRY_FROM: usize = 64;
/// First packets that wait for the worker; more are refused.
const MOST_WAITING: usize = 1024;
/// What comes behind a first packet, meanwhile.
const WAITING_BYTES: u64 = 16 << 10;
const ALL_WAITING_BYTES: u64 = 4 << 20;
/// CRYPTO_ERROR (RFC 9000, 20.1) with TLS's alert.
const UNRECOGNIZED_NAME: u64 = 0x100 + 112;
