//! Step 3: TLS with the policy of the host that routing will use.

use std::rc::Rc;
use std::sync::Arc;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use viaduct_observe::{ClientLeg, counters};
use viaduct_tls::stream::{self, AcceptError, HelloReader};
use viaduct_tls::{CertificateFacts, ClientHandshake, TlsStream};

use crate::wire::Leg;
use crate::worker::Worker;

/// Handshakes; `first` has been read already. `None`: the connection is over.
pub(crate) async fn secure(
    worker: &Rc<Worker>,
    entry_point: usize,
    mut socket: TcpStream,
    mut first: Vec<u8>,
) -> Option<(TlsStream<TcpStream>, Leg, bool)> {
    let snapshot = worker.snapshot();
    let name = &worker.config.entry_points.get(entry_point)?.name;
    let entry = snapshot.entry_points.get(name)?;
    let (tls, policy) = match entry.single_policy() {
        Some(only) => only,
        None => entry.tls(server_name(&mut socket, &mut first).await?.as_deref()),
    };
    match stream::accept(socket, &first, tls).await {
        Ok((stream, handshake)) => {
            worker
                .counters
                .handshake(counters::Leg::Client, handshake.resumed);
            let h2 = handshake.alpn_h2;
            let facts = Arc::new(facts(handshake));
            Some((stream, Leg::Secure { policy, facts }, h2))
        }
        Err(error) => {
            refused(worker, &error);
            None
        }
    }
}

/// Reads on until the ClientHello is whole. The outer `None`: it never will be.
async fn server_name(socket: &mut TcpStream, first: &mut Vec<u8>) -> Option<Option<Arc<str>>> {
    let mut reader = HelloReader::new();
    let mut seen = 0;
    loop {
        let fresh = first.get(seen..).unwrap_or_default();
        seen += fresh.len();
        match reader.push(fresh) {
            Ok(Some(hello)) => return Some(hello.server_name),
            Ok(None) => {}
            Err(error) => {
                tracing::debug!(error = %error.source, "refused a ClientHello");
                // Best effort: the connection ends either way.
                let _sent = socket.try_write(&error.alert);
                return None;
            }
        }
        if socket.read_buf(first).await.ok()? == 0 {
            return None;
        }
    }
}

fn facts(handshake: ClientHandshake) -> ClientLeg {
    let client_subject = handshake
        .peer
        .first()
        .and_then(|leaf| CertificateFacts::from_der(leaf).ok())
        .map(|facts| Arc::from(facts.subject));
    ClientLeg {
        version: handshake.version,
        cipher: handshake.cipher,
        group: handshake.group,
        sni: handshake.sni,
        resumed: handshake.resumed,
        client_subject,
    }
}

fn refused(worker: &Worker, error: &AcceptError) {
    worker.counters.fault(counters::Leg::Client, "handshake_failed");
    match error {
        AcceptError::Closed => tracing::debug!("a client closed during the handshake"),
        AcceptError::Io(error) => tracing::debug!(%error, "a client's handshake broke off"),
        AcceptError::Tls(error) => tracing::debug!(%error, "refused a client's handshake"),
    }
}
