//! Step 2: TLS or plain text, behind a header of the PROXY protocol where there may be one.

mod proxy_protocol;

#[cfg(any(test, fuzzing))]
pub(crate) use proxy_protocol::header_length as proxy_header_length;

use std::net::SocketAddr;
use std::rc::Rc;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use viaduct_observe::counters;

use crate::drain::Seat;
use crate::frontend::{self, Secured};
use crate::wire::{self, ClientIo, Connection, Leg, Protocol};
use crate::worker::Worker;

/// A connection that has just been accepted.
pub(crate) struct Arrival {
    /// Index into `Config::entry_points`.
    pub(crate) entry_point: usize,
    /// The peer's, or the one that the PROXY protocol names.
    pub(crate) client: SocketAddr,
    pub(crate) local: SocketAddr,
    pub(crate) seat: Seat,
}

/// Takes a connection from its first byte to its last. Every entry point takes both TLS and plain text; the
/// first byte tells which (A2.20, A2.21).
pub(crate) async fn greet(worker: Rc<Worker>, socket: TcpStream, mut arrival: Arrival) {
    // Boxed, because a connection lives much longer than its handshake.
    let Some((io, leg, protocol)) = Box::pin(open(&worker, socket, &mut arrival)).await else {
        return;
    };
    let Arrival {
        entry_point,
        client,
        local,
        seat,
    } = arrival;
    let connection = Connection::new(worker, entry_point, client, local, leg);
    connection.keep(seat);
    match protocol {
        Protocol::Http1 => wire::h1::serve(connection, io).await,
        Protocol::Http2 => Box::pin(wire::h2::serve(connection, io)).await,
    }
}

/// Reads the first bytes and shakes hands; `None`: the connection is over.
async fn open(
    worker: &Rc<Worker>,
    mut socket: TcpStream,
    arrival: &mut Arrival,
) -> Option<(ClientIo, Leg, Protocol)> {
    let entry = worker.config.entry_points.get(arrival.entry_point)?;
    let deadline = Instant::now() + entry.timeouts.handshake;
    let mut first = Vec::with_capacity(FIRST_READ);
    if let Some(rules) = &entry.proxy_protocol {
        let told = timeout_at(deadline, proxy_protocol::read(&mut socket, &mut first));
        match told.await.ok()? {
            Ok(Some(client)) if rules.believes(arrival.client.ip()) => arrival.client = client,
            Ok(_) => {}
            Err(error) => {
                worker.counters.fault(counters::Leg::Client, "proxy_header");
                tracing::debug!(client = %arrival.client, "refused a connection: {error}");
                return None;
            }
        }
    }
    if first.is_empty() {
        let read = timeout_at(deadline, socket.read_buf(&mut first)).await.ok()?;
        if read.ok()? == 0 {
            return None;
        }
    }
    if first.first() == Some(&HANDSHAKE_RECORD) {
        let secured = timeout_at(deadline, frontend::secure(worker, socket, first, arrival));
        let Secured {
            stream,
            leg,
            protocol,
        } = secured.await.ok()??;
        return Some((ClientIo::tls(stream), leg, protocol));
    }
    let protocol = timeout_at(deadline, plain_protocol(&mut socket, &mut first))
        .await
        .ok()?
        .ok()?;
    Some((ClientIo::plain(socket, first), Leg::Plain, protocol))
}

/// HTTP/2 by prior knowledge (A13.1) starts with a preface that no HTTP/1 request starts with.
async fn plain_protocol(socket: &mut TcpStream, first: &mut Vec<u8>) -> std::io::Result<Protocol> {
    while first.len() < PREFACE.len() && PREFACE.starts_with(first) {
        if socket.read_buf(first).await? == 0 {
            break;
        }
    }
    Ok(if first.starts_with(PREFACE) {
        Protocol::Http2
    } else {
        Protocol::Http1
    })
}

/// The first byte of a TLS connection: a handshake record (RFC 8446, 5.1).
const HANDSHAKE_RECORD: u8 = 0x16;
/// The part of HTTP/2's preface that tells (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n";
/// Room for a ClientHello, post-quantum key share included.
const FIRST_READ: usize = 2048;
