//! Step 2: TLS or plain text, and which server name.

use std::net::SocketAddr;
use std::rc::Rc;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::frontend;
use crate::wire::{self, Connection, Leg, Replayed};
use crate::worker::Worker;

/// Takes a connection from its first byte to its last.
pub(crate) async fn greet(worker: Rc<Worker>, entry_point: usize, mut socket: TcpStream, client: SocketAddr) {
    let Some(entry) = worker.config.entry_points.get(entry_point) else {
        return;
    };
    let deadline = tokio::time::Instant::now() + entry.timeouts.handshake;
    let Ok(local) = socket.local_addr() else { return };
    let mut first = Vec::with_capacity(FIRST_READ);
    let read = tokio::time::timeout_at(deadline, socket.read_buf(&mut first));
    let (Ok(Ok(1..)), Some(byte)) = (read.await, first.first()) else {
        return;
    };
    if *byte != HANDSHAKE_RECORD {
        let h2 = first.starts_with(b"PRI");
        let connection = Connection::new(worker, entry_point, client, local, Leg::Plain);
        return wire::serve(connection, Replayed::new(first, socket), h2).await;
    }
    let secured = tokio::time::timeout_at(deadline, frontend::secure(&worker, entry_point, socket, first));
    let Ok(Some((stream, leg, h2))) = secured.await else {
        return;
    };
    let connection = Connection::new(worker, entry_point, client, local, leg);
    wire::serve(connection, stream, h2).await;
}

/// The first byte of a TLS connection: a handshake record (RFC 8446, 5.1).
const HANDSHAKE_RECORD: u8 = 0x16;
/// Room for a ClientHello, post-quantum key share included.
const FIRST_READ: usize = 2048;
