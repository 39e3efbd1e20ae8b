//! Step 3: TLS with the policy of the host that routing will use.

pub(crate) mod quic;

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use viaduct_observe::record::Members;
use viaduct_observe::{ClientLeg, counters};
use viaduct_snapshot::{EntryPoint, PolicyId};
use viaduct_tls::stream::{self, AcceptError, HelloReader};
use viaduct_tls::{CertificateFacts, ClientHandshake, ServerTls, TlsStream};

use crate::hello::Arrival;
use crate::wire::{Leg, Protocol};
use crate::worker::Worker;

/// A client connection under TLS.
pub(crate) struct Secured {
    pub(crate) stream: TlsStream<TcpStream>,
    pub(crate) leg: Leg,
    pub(crate) protocol: Protocol,
}

/// Shakes hands; `first` has been read already. `None`: the connection is over.
pub(crate) async fn secure(
    worker: &Rc<Worker>,
    mut socket: TcpStream,
    mut first: Vec<u8>,
    arrival: &Arrival,
) -> Option<Secured> {
    let snapshot = worker.snapshot();
    let name = &worker.config.entry_points.get(arrival.entry_point)?.name;
    let entry = snapshot.entry_points.get(name)?;
    let (tls, policy) = match entry.single_policy().filter(|(tls, _)| !tls.needs_hello()) {
        Some((tls, policy)) => (&**tls, policy),
        None => {
            let sni = server_name(worker, &mut socket, &mut first).await?;
            let chosen = options(entry, sni.as_deref(), arrival.local.ip());
            if chosen.is_none() {
                worker.counters.fault(counters::Leg::Client, "unrecognized_name");
                tracing::debug!(sni = sni.as_deref(), "refused a server name");
                say(&socket, &ServerTls::UNRECOGNIZED_NAME);
            }
            chosen?
        }
    };
    let started = Instant::now();
    match stream::accept(socket, &first, tls).await {
        Ok((stream, handshake)) => {
            let protocol = if handshake.alpn_h2 {
                Protocol::Http2
            } else {
                Protocol::Http1
            };
            Some(Secured {
                stream,
                leg: leg(worker, policy, handshake, started.elapsed()),
                protocol,
            })
        }
        Err(error) => {
            refused(worker, &error);
            None
        }
    }
}

/// The TLS options for a ClientHello to `local`, and their identity; `None`: the server name is refused.
fn options<'e>(
    entry: &'e EntryPoint,
    server_name: Option<&str>,
    local: IpAddr,
) -> Option<(&'e ServerTls, PolicyId)> {
    let (tls, policy) = entry.tls(server_name);
    let tls = match server_name {
        Some(_) => tls,
        None => tls.without_name_at(local),
    };
    (!tls.refuses(server_name, local)).then_some((tls, policy))
}

/// Tells what came of a handshake, whatever carried it.
pub(crate) fn leg(worker: &Worker, policy: PolicyId, handshake: ClientHandshake, took: Duration) -> Leg {
    let counters = &worker.counters;
    counters.handshake(counters::Leg::Client, handshake.resumed, took);
    let facts = Arc::new(facts(&handshake, took));
    let peer = handshake.peer;
    Leg::Secure { policy, facts, peer }
}

/// Last words: the connection ends whether they fit into the socket or not.
fn say(socket: &TcpStream, alert: &[u8]) {
    let _sent: std::io::Result<usize> = socket.try_write(alert);
}

/// Reads on until the ClientHello is whole. The outer `None`: it never will be.
async fn server_name(
    worker: &Worker,
    socket: &mut TcpStream,
    first: &mut Vec<u8>,
) -> Option<Option<Arc<str>>> {
    let mut reader = HelloReader::new();
    let mut seen = 0;
    loop {
        let fresh = first.get(seen..).unwrap_or_default();
        seen += fresh.len();
        match reader.push(fresh) {
            Ok(Some(hello)) => return Some(hello.server_name),
            Ok(None) => {}
            Err(error) => {
                worker.counters.fault(counters::Leg::Client, "handshake_failed");
                tracing::debug!(error = %error.source, "refused a ClientHello");
                say(socket, &error.alert);
                return None;
            }
        }
        if socket.read_buf(first).await.ok()? == 0 {
            return None;
        }
    }
}

fn facts(handshake: &ClientHandshake, took: Duration) -> ClientLeg {
    let client_subject = handshake
        .peer
        .first()
        .and_then(|leaf| CertificateFacts::from_der(leaf).ok())
        .map(|facts| Arc::from(facts.subject));
    ClientLeg {
        version: handshake.version,
        cipher: handshake.cipher,
        group: handshake.group,
        sni: handshake.sni.clone(),
        resumed: handshake.resumed,
        took,
        client_subject,
        members: Members::default(),
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
