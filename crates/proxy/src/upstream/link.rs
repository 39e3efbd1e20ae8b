//! What is known of one backend connection for as long as it lives.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use viaduct_observe::BackendLeg;
use viaduct_tls::BackendHandshake;

use super::bridge::Assurance;

#[derive(Debug)]
pub(crate) struct Link {
    peer: Box<str>,
    leg: Option<BackendLeg>,
    pub(super) assurance: Assurance,
    /// The first bytes in plain text were a TLS record.
    pub(super) saw_tls: Arc<AtomicBool>,
    /// The port, where the connection leads to this machine.
    own_port: Option<u16>,
}

impl Link {
    pub(super) fn new(
        peer: SocketAddr,
        own_port: Option<u16>,
        assurance: Assurance,
        handshake: Option<&BackendHandshake>,
        saw_tls: Arc<AtomicBool>,
    ) -> Self {
        Self {
            peer: peer.to_string().into(),
            leg: handshake.map(leg),
            assurance,
            saw_tls,
            own_port,
        }
    }

    /// `10.0.0.1:443`.
    pub(crate) fn peer(&self) -> &str {
        &self.peer
    }

    /// TLS facts; `None` for plain text.
    pub(crate) fn leg(&self) -> Option<&BackendLeg> {
        self.leg.as_ref()
    }

    /// The peer's port, if the peer is this machine.
    pub(crate) fn own_port(&self) -> Option<u16> {
        self.own_port
    }

    pub(super) fn was_answered_with_tls(&self) -> bool {
        self.saw_tls.load(Ordering::Relaxed)
    }
}

fn leg(handshake: &BackendHandshake) -> BackendLeg {
    let peer = &handshake.proof.peer;
    let addresses = peer.ip_addresses.iter().map(ToString::to_string);
    let names: Vec<String> = peer
        .dns_names
        .iter()
        .cloned()
        .chain(addresses)
        .chain(peer.uris.iter().cloned())
        .collect();
    BackendLeg {
        version: handshake.version,
        cipher: handshake.cipher,
        group: handshake.group,
        server_name: handshake.server_name.clone(),
        resumed: handshake.resumed,
        verified_by: handshake
            .proof
            .verified_by
            .map(|fingerprint| fingerprint.to_string().into()),
        peer_fingerprint: peer.fingerprint.to_string().into(),
        peer_sans: names.join(",").into(),
        client_certificate_sent: handshake.client_certificate_sent,
    }
}
