//! What is known of one backend connection for as long as it lives.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::AbortHandle;
use viaduct_observe::BackendLeg;
use viaduct_observe::record::Members;
use viaduct_tls::backend_leg::ClientAuthRecord;
use viaduct_tls::reason::{ExpectedName, HandshakeContext, fault_of_handshake};
use viaduct_tls::verify::Proof;
use viaduct_tls::{BackendHandshake, BackendPolicy, EndpointTls, Fault, Fingerprint, Reason};

use super::bridge::{Assurance, Unverified};
use super::fault;
use super::watched::Notes;

#[derive(Debug)]
pub(crate) struct Link {
    peer: Box<str>,
    tls: Option<Tls>,
    pub(crate) assurance: Assurance,
    notes: Arc<Notes>,
    /// The port, where the connection leads to this machine.
    own_port: Option<u16>,
    /// What moves the connection's bytes.
    task: OnceLock<AbortHandle>,
    /// Why it was cut.
    revoked: OnceLock<Fingerprint>,
    cutting: Notify,
    steps: Steps,
}

/// How long the steps to a connection took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Steps {
    /// `None`: the host needs no resolver.
    pub(crate) resolving: Option<Duration>,
    /// All addresses that were tried.
    pub(crate) connecting: Duration,
}

#[derive(Debug)]
struct Tls {
    leg: BackendLeg,
    expected: ExpectedName,
    client_auth: Option<Box<ClientAuthRecord>>,
    proof: Proof,
}

impl Link {
    pub(crate) fn plain(route: Route, notes: &Arc<Notes>) -> Self {
        Self::new(
            route,
            notes,
            Assurance::danger_unverified(Unverified::PlainText),
            None,
        )
    }

    /// Of a finished handshake; a fault where it proved less than the policy demands.
    pub(crate) fn secure(
        route: Route,
        notes: &Arc<Notes>,
        policy: &BackendPolicy,
        endpoint: &EndpointTls,
        handshake: &BackendHandshake,
        took: Duration,
    ) -> Result<Self, Fault> {
        let tls = Tls {
            leg: leg(handshake, took),
            expected: endpoint.expected().clone(),
            client_auth: handshake.client_auth.clone().map(Box::new),
            proof: handshake.proof.clone(),
        };
        Ok(Self::new(
            route,
            notes,
            Assurance::of(policy, handshake)?,
            Some(tls),
        ))
    }

    fn new(route: Route, notes: &Arc<Notes>, assurance: Assurance, tls: Option<Tls>) -> Self {
        Self {
            peer: route.peer.to_string().into(),
            tls,
            assurance,
            notes: Arc::clone(notes),
            own_port: (route.peer.ip() == route.local.ip()).then(|| route.peer.port()),
            task: OnceLock::new(),
            revoked: OnceLock::new(),
            cutting: Notify::new(),
            steps: route.steps,
        }
    }

    /// What the handshake proved; `None` for plain text.
    pub(crate) fn proof(&self) -> Option<&Proof> {
        self.tls.as_ref().map(|tls| &tls.proof)
    }

    /// The certificates that the proof stands on.
    pub(super) fn path(&self) -> &[Fingerprint] {
        self.proof().map_or(&[], |proof| &proof.path)
    }

    /// The first of a connection's tasks is the one that moves its bytes.
    pub(super) fn driven_by(&self, task: AbortHandle) {
        let task = self.task.get_or_init(|| task);
        if self.is_cut() {
            task.abort();
        }
    }

    /// Closes the connection now, whatever is under way on it.
    pub(super) fn cut(&self, revoked: Fingerprint) {
        self.revoked.get_or_init(|| revoked);
        self.end();
        self.cutting.notify_waiters();
    }

    pub(super) fn is_cut(&self) -> bool {
        self.revoked.get().is_some()
    }

    /// Until [`cut`](Self::cut). Cancel safe.
    pub(super) async fn until_cut(&self) {
        let cutting = self.cutting.notified();
        if !self.is_cut() {
            cutting.await;
        }
    }

    /// Of a connection that was cut.
    pub(super) fn revocation_fault(&self) -> Option<Fault> {
        self.revoked.get().copied().map(Self::fault_of_revoked)
    }

    pub(crate) fn fault_of_revoked(revoked: Fingerprint) -> Fault {
        fault::new(
            Reason::Revoked,
            "a chain without a revoked certificate",
            format!("one that rests on the certificate {revoked}"),
        )
    }

    /// `10.0.0.1:443`.
    pub(crate) fn peer(&self) -> &str {
        &self.peer
    }

    pub(crate) fn steps(&self) -> Steps {
        self.steps
    }

    /// TLS facts; `None` for plain text.
    pub(crate) fn leg(&self) -> Option<&BackendLeg> {
        self.tls.as_ref().map(|tls| &tls.leg)
    }

    /// The peer's port, if the peer is this machine.
    pub(crate) fn own_port(&self) -> Option<u16> {
        self.own_port
    }

    /// The fault of the first request over a connection is that a server which plain text was sent to closed it without
    /// a byte, as OpenSSL's do where they want TLS.
    pub(crate) fn is_left(&self, fault: &Fault) -> bool {
        fault.reason == Reason::ClosedBeforeResponse && self.is_plain() && self.notes.is_silent()
    }

    /// What is known of the client certificate; `None` for plain text, and where the server has not asked for one.
    pub(super) fn client_auth(&self) -> Option<HandshakeContext<'_>> {
        let tls = self.tls.as_ref()?;
        // Nothing is asked when a session is taken up again.
        let may_have_asked = tls.client_auth.is_some() || tls.leg.resumed;
        may_have_asked.then(|| ClientAuthRecord::context(tls.client_auth.as_deref()))
    }

    pub(super) fn is_plain(&self) -> bool {
        self.tls.is_none()
    }

    pub(crate) fn was_answered_with_tls(&self) -> bool {
        self.tls.is_none() && self.notes.answered_with_tls()
    }

    /// The server takes no more of what it is sent.
    pub(super) fn is_deaf(&self) -> bool {
        self.notes.is_deaf()
    }

    /// Closes the connection now; nobody waits for anything that comes on it.
    pub(super) fn end(&self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }

    pub(crate) fn was_noisy(&self) -> bool {
        self.notes.was_noisy()
    }

    /// A head or a part of a body has come.
    pub(crate) fn progressed(&self) {
        self.notes.progressed();
    }

    /// The connection has changed its protocol.
    pub(crate) fn opened(&self) {
        self.notes.opened();
    }

    /// What TLS said behind the handshake: servers refuse a client certificate in their first record.
    pub(crate) fn tls_fault(&self) -> Option<Fault> {
        let (tls, error) = (self.tls.as_ref()?, self.notes.tls_error()?);
        let context = ClientAuthRecord::context(tls.client_auth.as_deref());
        Some(fault_of_handshake(error, &tls.expected, context))
    }
}

/// The two ends of a socket, and the way to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Route {
    pub(crate) local: SocketAddr,
    pub(crate) peer: SocketAddr,
    pub(crate) steps: Steps,
}

fn leg(handshake: &BackendHandshake, took: Duration) -> BackendLeg {
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
        took,
        peer_common_name: peer.common_name.as_deref().unwrap_or_default().into(),
        peer_serial: peer.serial.as_str().into(),
        peer_not_after: peer.not_after,
        client_certificate_sent: handshake
            .client_auth
            .as_ref()
            .is_some_and(|auth| auth.sent.is_some()),
        members: Members::default(),
    }
}
