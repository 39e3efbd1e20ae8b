//! Handshakes over QUIC: which options they are made with, and that nothing is weaker than over TCP.

use std::sync::{Arc, Mutex};

use quinn_proto::crypto::{ServerConfig as _, Session};
use quinn_proto::transport_parameters::TransportParameters;
use quinn_proto::{Side, TransportError, TransportErrorCode};
use rustls::quic::{ClientConnection, Version as QuicVersion};
use rustls::{AlertDescription, ClientConfig};
use rustls_pki_types::ServerName;
use viaduct_testkit::pki::{Ca, Issued, Leaf};
use viaduct_tls::names::{Version, Versions};
use viaduct_tls::quic::{Choose, QUIC_V1, QuicBase, QuicHandshake, QuicServer};
use viaduct_tls::{BackendPolicy, Client, ClientAuth, ClientPolicy, Identity, QuicTls, ServerTls};

use crate::memory::{Clock, bundle, endpoint, handshake, identity, server_tls, store, trusting};

const NAME: &str = "web.example.com";

/// Answers everybody with the same options and remembers who asked.
struct Only {
    tls: Option<QuicTls>,
    asked: Arc<Mutex<Vec<Option<String>>>>,
}

impl Choose for Only {
    type Policy = u32;

    fn choose(&self, server_name: Option<&str>) -> Result<(QuicTls, u32), AlertDescription> {
        self.asked
            .lock()
            .expect("no test panics here")
            .push(server_name.map(str::to_owned));
        let tls = self.tls.clone().ok_or(AlertDescription::UnrecognisedName)?;
        Ok((tls, 7))
    }
}

/// The parameters of a peer that says nothing.
fn defaults() -> TransportParameters {
    TransportParameters::read(Side::Server, &mut &b""[..]).expect("all have defaults")
}

struct Pair {
    client: ClientConnection,
    server: Box<dyn Session>,
    client_result: Result<(), rustls::Error>,
    server_result: Result<(), TransportError>,
    asked: Arc<Mutex<Vec<Option<String>>>>,
}

impl Pair {
    fn new(client: &Arc<ClientConfig>, tls: Option<&QuicTls>) -> Self {
        let asked = Arc::default();
        let only = Only {
            tls: tls.cloned(),
            asked: Arc::clone(&asked),
        };
        let base = QuicBase::new().expect("a provider with QUIC");
        let server = Arc::new(QuicServer::new(&base, only));
        let mut params = Vec::new();
        defaults().write(&mut params);
        let name = ServerName::try_from(NAME).expect("a server name");
        Self {
            client: ClientConnection::new(Arc::clone(client), QuicVersion::V1, name, params)
                .expect("a client"),
            server: server.start_session(QUIC_V1, &defaults()),
            client_result: Ok(()),
            server_result: Ok(()),
            asked,
        }
    }

    /// Until nobody has more to say; the client's words come in pieces of so many bytes.
    fn turn(mut self, piece: usize) -> Self {
        loop {
            let mut said = 0;
            let mut bytes = Vec::new();
            while self.client.write_hs(&mut bytes).is_some() {}
            said += bytes.len();
            for piece in bytes.chunks(piece) {
                if self.server_result.is_ok() {
                    self.server_result = self.server.read_handshake(piece).map(|_| ());
                }
            }
            loop {
                let mut bytes = Vec::new();
                let keys = self.server.write_handshake(&mut bytes);
                said += bytes.len();
                if !bytes.is_empty() && self.client_result.is_ok() {
                    self.client_result = self.client.read_hs(&bytes);
                }
                if keys.is_none() && bytes.is_empty() {
                    break;
                }
            }
            if said == 0 {
                return self;
            }
        }
    }

    #[track_caller]
    fn handshake(&self) -> QuicHandshake<u32> {
        assert_eq!((&self.client_result, &self.server_result), (&Ok(()), &Ok(())));
        let told = self.server.handshake_data().expect("a handshake that is over");
        *told.downcast().expect("ours")
    }

    /// The alert that the server refuses with.
    #[track_caller]
    fn alert(&self) -> u64 {
        assert!(self.server.handshake_data().is_none());
        assert!(self.server.is_handshaking());
        assert!(self.server.peer_identity().is_none());
        let error = self.server_result.as_ref().expect_err("a refusal");
        u64::from(error.code) - u64::from(TransportErrorCode::crypto(0))
    }
}

struct World {
    clients: Ca,
    servers: Ca,
    web: Issued,
}

impl World {
    fn new() -> Self {
        let servers = Ca::new("Server CA");
        Self {
            web: servers.issue(Leaf::server(NAME)),
            servers,
            clients: Ca::new("Client CA"),
        }
    }

    fn client(&self, identity: Option<Arc<Identity>>) -> Arc<ClientConfig> {
        let policy = BackendPolicy {
            identities: identity.into_iter().collect(),
            versions: Versions {
                min: Version::Tls13,
                max: Version::Tls13,
            },
            ..trusting(&self.servers)
        };
        let mut config = ClientConfig::clone(endpoint(policy, NAME).rustls().0);
        config.alpn_protocols = vec![b"h3".to_vec()];
        config.enable_early_data = true;
        Arc::new(config)
    }

    fn known(&self) -> Arc<Identity> {
        identity(&self.clients.issue(Leaf::client("client")))
    }

    fn mutual(&self) -> ClientPolicy {
        ClientPolicy {
            client_auth: ClientAuth::RequireAndVerify(Client(bundle(&[self.clients.pem()]))),
            ..ClientPolicy::default()
        }
    }

    fn serve(&self, policy: &ClientPolicy) -> ServerTls {
        server_tls(policy, &[&self.web])
    }
}

fn quic(tls: &ServerTls) -> &QuicTls {
    tls.quic().expect("TLS 1.3 is allowed")
}

#[test]
fn a2_10_the_options_are_asked_for_once_by_the_name_however_the_hello_is_cut() {
    let world = World::new();
    let tls = world.serve(&ClientPolicy::default());
    let client = world.client(None);
    for piece in [1, 3, 100, 100_000] {
        let pair = Pair::new(&client, Some(quic(&tls))).turn(piece);
        let told = pair.handshake();
        assert_eq!(*pair.asked.lock().unwrap(), [Some(NAME.to_owned())], "{piece}");
        assert_eq!(told.policy, 7);
        assert_eq!(told.client.sni.as_deref(), Some(NAME));
        assert_eq!(told.client.version, "1.3");
        assert!(!told.client.verified && told.client.peer.is_empty());
    }
}

#[test]
fn ghsa_gv8r_9rw9_9697_client_certificates_are_demanded_and_verified() {
    let world = World::new();
    let tls = world.serve(&world.mutual());
    let stranger = identity(&Ca::new("Strangers").issue(Leaf::client("stranger")));
    // Who has none of the CA shows none: certificate_required.
    for who in [None, Some(stranger)] {
        let pair = Pair::new(&world.client(who), Some(quic(&tls))).turn(1000);
        assert_eq!(pair.alert(), 116);
    }
    let pair = Pair::new(&world.client(Some(world.known())), Some(quic(&tls))).turn(1000);
    let told = pair.handshake();
    assert!(told.client.verified);
    assert_eq!(told.client.peer.len(), 1);
}

#[test]
fn a8_6_whom_nobody_has_options_for_gets_no_keys() {
    let world = World::new();
    let pair = Pair::new(&world.client(None), None).turn(1000);
    assert_eq!(pair.alert(), 112);
    assert!(pair.client.is_handshaking());
}

#[test]
fn a8_1_a_policy_without_tls_1_3_has_nothing_for_quic() {
    let world = World::new();
    let old = ClientPolicy {
        versions: Versions {
            min: Version::Tls12,
            max: Version::Tls12,
        },
        ..ClientPolicy::default()
    };
    assert!(world.serve(&old).quic().is_none());
}

#[test]
fn c31_what_is_no_hello_is_refused_and_what_never_ends_is_bounded() {
    let world = World::new();
    let client = world.client(None);
    let mut pair = Pair::new(&client, None);
    assert!(pair.server.read_handshake(b"GET / HTTP/1.1").is_err());
    assert!(pair.server.read_handshake(b"more").is_err(), "it stays refused");

    let mut pair = Pair::new(&client, None);
    // A ClientHello of 16 MiB.
    let mut endless = vec![0; 1000];
    endless[..4].copy_from_slice(&[1, 0xff, 0xff, 0xff]);
    let refused = (0..100).position(|_| pair.server.read_handshake(&endless).is_err());
    assert!(refused.is_some(), "100 KB were gathered");
    assert!(pair.asked.lock().unwrap().is_empty());
}

#[test]
fn c34_early_data_is_never_accepted() {
    let world = World::new();
    let tls = world.serve(&ClientPolicy::default());
    let client = world.client(None);
    Pair::new(&client, Some(quic(&tls))).turn(1000).handshake();
    let pair = Pair::new(&client, Some(quic(&tls))).turn(1000);
    assert!(pair.handshake().client.resumed, "the ticket is good");
    assert!(pair.server.early_crypto().is_none());
    assert!(!pair.client.is_early_data_accepted());
}

#[test]
fn c40_tickets_are_those_of_the_policy_whichever_transport_they_came_by() {
    let world = World::new();
    let mutual = world.serve(&world.mutual());
    let client = world.client(Some(world.known()));
    // TCP has no `h3`: without protocols there is nothing to disagree about.
    let mut over_tcp = ClientConfig::clone(&client);
    over_tcp.alpn_protocols = Vec::new();
    assert!(!handshake(&Arc::new(over_tcp), NAME, mutual.config()).resumed());
    let told = Pair::new(&client, Some(quic(&mutual))).turn(1000).handshake();
    assert!(told.client.resumed && told.client.verified);

    let open = world.serve(&ClientPolicy::default());
    Pair::new(&client, Some(quic(&open))).turn(1000).handshake();
    let told = Pair::new(&client, Some(quic(&mutual))).turn(1000).handshake();
    assert!(!told.client.resumed, "a ticket of another policy");
}

#[test]
fn r17_a_client_certificate_that_has_expired_is_not_resumed_with() {
    let world = World::new();
    let clock = Clock::now();
    let tls = ServerTls::with_clock(
        &world.mutual(),
        &store(&[&world.web]),
        None,
        Arc::clone(&clock) as Arc<dyn rustls::time_provider::TimeProvider>,
    )
    .expect("a valid policy");
    let client = world.client(Some(world.known()));
    Pair::new(&client, Some(quic(&tls))).turn(1000).handshake();
    let pair = Pair::new(&client, Some(quic(&tls))).turn(1000);
    assert!(pair.handshake().client.resumed, "until then it is");
    clock.advance(31);
    let pair = Pair::new(&client, Some(quic(&tls))).turn(1000);
    assert_eq!(pair.alert(), 45);
}
