//! Two rustls connections and the bytes between them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};
use rustls_pki_types::{ServerName, UnixTime};
use viaduct_testkit::pki::{Ca, Issued};
use viaduct_tls::backend_leg::{Offer, Verification, observe_client_auth};
use viaduct_tls::reason::{Fault, fault_of_handshake};
use viaduct_tls::verify::Proof;
use viaduct_tls::{
    Backend, BackendPolicy, BackendTls, CertificateStore, ClientPolicy, EndpointTls, Identity, ServerTls,
    Trust, TrustBundle,
};

pub(crate) struct Pair {
    pub(crate) client: ClientConnection,
    pub(crate) server: ServerConnection,
    pub(crate) client_result: Result<(), rustls::Error>,
    pub(crate) server_result: Result<(), rustls::Error>,
}

impl Pair {
    pub(crate) fn is_established(&self) -> bool {
        self.client_result.is_ok()
            && self.server_result.is_ok()
            && !self.client.is_handshaking()
            && !self.server.is_handshaking()
    }

    pub(crate) fn resumed(&self) -> bool {
        assert!(
            self.is_established(),
            "{:?} {:?}",
            self.client_result,
            self.server_result
        );
        self.client.handshake_kind() == Some(rustls::HandshakeKind::Resumed)
    }
}

/// A handshake and what follows it (tickets, late alerts), until nobody has more to say.
pub(crate) fn handshake(client: &Arc<ClientConfig>, name: &str, server: &Arc<ServerConfig>) -> Pair {
    let name = ServerName::try_from(name.to_owned()).expect("a server name");
    let mut pair = Pair {
        client: ClientConnection::new(Arc::clone(client), name).expect("a client"),
        server: ServerConnection::new(Arc::clone(server)).expect("a server"),
        client_result: Ok(()),
        server_result: Ok(()),
    };
    loop {
        let mut bytes = Vec::new();
        while pair.client.wants_write() {
            pair.client.write_tls(&mut bytes).expect("writing to memory");
        }
        let up = bytes.len();
        feed(&bytes, &mut pair.server, &mut pair.server_result);
        bytes.clear();
        while pair.server.wants_write() {
            pair.server.write_tls(&mut bytes).expect("writing to memory");
        }
        feed(&bytes, &mut pair.client, &mut pair.client_result);
        if up + bytes.len() == 0 {
            return pair;
        }
    }
}

fn feed<S>(
    mut bytes: &[u8],
    to: &mut impl std::ops::DerefMut<Target = rustls::ConnectionCommon<S>>,
    result: &mut Result<(), rustls::Error>,
) where
    S: rustls::SideData,
{
    while !bytes.is_empty() && result.is_ok() {
        to.read_tls(&mut bytes).expect("reading from memory");
        if let Err(error) = to.process_new_packets() {
            *result = Err(error);
        }
    }
}

/// Connects as the backend leg does: a handshake, then the proof; a failure as its fault.
pub(crate) fn connect(endpoint: &EndpointTls, server: &Arc<ServerConfig>) -> Result<Proof, Fault> {
    let (config, name) = endpoint.rustls();
    let (pair, auth) = observe_client_auth(|| handshake(config, &name.to_str(), server));
    let context = viaduct_tls::backend_leg::ClientAuthRecord::context(auth.as_ref());
    if let Err(error) = &pair.client_result {
        return Err(fault_of_handshake(error, endpoint.expected(), context));
    }
    endpoint.verifier().proof(
        pair.client.peer_certificates().unwrap_or_default(),
        endpoint.expected(),
    )
}

/// A server with one certificate and nothing else to say.
pub(crate) fn plain_server(issued: &Issued) -> Arc<ServerConfig> {
    server_tls(&ClientPolicy::default(), &[issued]).config().clone()
}

pub(crate) fn server_tls(policy: &ClientPolicy, issued: &[&Issued]) -> ServerTls {
    ServerTls::new(policy, &store(issued), None).expect("a valid policy")
}

/// The first is the default as well.
pub(crate) fn store(issued: &[&Issued]) -> Arc<CertificateStore> {
    let identities: Vec<_> = issued.iter().map(|issued| identity(issued)).collect();
    let default = Arc::clone(identities.first().expect("at least one"));
    Arc::new(CertificateStore::new(identities, default))
}

pub(crate) fn identity(issued: &Issued) -> Arc<Identity> {
    let identity = Identity::from_pem(issued.chain_pem.as_bytes(), issued.key_pem.as_bytes());
    Arc::new(identity.expect("a usable identity"))
}

pub(crate) fn bundle(pems: &[&str]) -> Arc<TrustBundle> {
    Arc::new(TrustBundle::from_pem(pems.iter().map(|pem| pem.as_bytes())).expect("readable roots"))
}

pub(crate) fn trusting(ca: &Ca) -> BackendPolicy {
    trusting_pems(&[ca.pem()])
}

pub(crate) fn trusting_pems(pems: &[&str]) -> BackendPolicy {
    BackendPolicy {
        verification: Verification::Full(Backend(Trust::Bundle(bundle(pems)))),
        ..Default::default()
    }
}

pub(crate) fn endpoint(policy: BackendPolicy, host: &str) -> EndpointTls {
    let tls = BackendTls::new(policy).expect("a valid policy");
    tls.endpoint(host, Offer::H2OrHttp1).expect("a valid host")
}

/// A clock that tests move.
#[derive(Debug)]
pub(crate) struct Clock(AtomicU64);

impl Clock {
    pub(crate) fn now() -> Arc<Self> {
        let since = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .expect("after 1970");
        Arc::new(Self(AtomicU64::new(since.as_secs())))
    }

    pub(crate) fn advance(&self, days: u64) {
        self.0.fetch_add(days * 24 * 3600, Ordering::SeqCst);
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(
            self.0.load(Ordering::SeqCst),
        )))
    }
}
