//! Tickets live and die with their policy (c40).

use std::sync::Arc;

use viaduct_testkit::pki::{Ca, Issued, Leaf};
use viaduct_tls::names::{Version, Versions};
use viaduct_tls::{BackendPolicy, Client, ClientAuth, ClientPolicy, ServerTls};

use crate::memory::{Clock, bundle, endpoint, handshake, identity, store, trusting};

struct World {
    servers: Ca,
    clients: Ca,
    web: Issued,
}

impl World {
    fn new() -> Self {
        let servers = Ca::new("Server CA");
        let web = servers.issue(Leaf::server("web.example.com"));
        Self {
            servers,
            clients: Ca::new("Client CA"),
            web,
        }
    }

    fn serve(&self, policy: &ClientPolicy, previous: Option<&ServerTls>) -> ServerTls {
        ServerTls::new(policy, &store(&[&self.web]), previous).expect("a valid policy")
    }

    /// A client with sessions and a certificate.
    fn client(&self, version: Version) -> Arc<rustls::ClientConfig> {
        let policy = BackendPolicy {
            identities: vec![identity(&self.clients.issue(Leaf::client("client")))],
            versions: only(version),
            ..trusting(&self.servers)
        };
        Arc::clone(endpoint(policy, "web.example.com").rustls().0)
    }

    fn mutual(&self) -> ClientPolicy {
        let auth = ClientAuth::RequireAndVerify(Client(bundle(&[self.clients.pem()])));
        ClientPolicy {
            client_auth: auth,
            ..ClientPolicy::default()
        }
    }
}

fn only(version: Version) -> Versions {
    Versions {
        min: version,
        max: version,
    }
}

const BOTH: [Version; 2] = [Version::Tls12, Version::Tls13];

#[test]
fn c40_equal_policies_share_tickets_across_builds() {
    let world = World::new();
    for version in BOTH {
        let client = world.client(version);
        let first = world.serve(&world.mutual(), None);
        assert!(!handshake(&client, "web.example.com", first.config()).resumed());
        let second = world.serve(&world.mutual(), Some(&first));
        let pair = handshake(&client, "web.example.com", second.config());
        assert!(pair.resumed(), "{version:?}");
        assert_eq!(
            pair.server.peer_certificates().map(<[_]>::len),
            Some(1),
            "the client is still known"
        );
    }
}

#[test]
fn c40_a_ticket_does_not_open_a_door_with_other_client_authentication() {
    let world = World::new();
    let removed = Client(bundle(&[Ca::new("Another CA").pem()]));
    let doors = [
        (ClientPolicy::default(), world.mutual()),
        (
            world.mutual(),
            ClientPolicy {
                client_auth: ClientAuth::VerifyIfGiven(removed),
                ..world.mutual()
            },
        ),
    ];
    for version in BOTH {
        for (open, guarded) in &doors {
            let client = world.client(version);
            let open = world.serve(open, None);
            assert!(!handshake(&client, "web.example.com", open.config()).resumed());
            assert!(
                handshake(&client, "web.example.com", open.config()).resumed(),
                "the ticket is good at its door"
            );
            let guarded = world.serve(guarded, Some(&open));
            let pair = handshake(&client, "web.example.com", guarded.config());
            assert_ne!(
                pair.server.handshake_kind(),
                Some(rustls::HandshakeKind::Resumed),
                "{version:?}"
            );
        }
    }
}

#[test]
fn c40_a_policy_without_a_previous_build_begins_with_keys_of_its_own() {
    let world = World::new();
    let client = world.client(Version::Tls13);
    assert!(
        !handshake(
            &client,
            "web.example.com",
            world.serve(&world.mutual(), None).config()
        )
        .resumed()
    );
    assert!(
        !handshake(
            &client,
            "web.example.com",
            world.serve(&world.mutual(), None).config()
        )
        .resumed()
    );
}

#[test]
fn c40_a_ticket_for_one_name_is_no_ticket_for_another() {
    let world = World::new();
    let wide = world
        .servers
        .issue(Leaf::server("web.example.com").dns("other.example.com"));
    let server = ServerTls::new(&ClientPolicy::default(), &store(&[&wide]), None).expect("a valid policy");
    let client = world.client(Version::Tls13);
    assert!(!handshake(&client, "web.example.com", server.config()).resumed());
    assert!(!handshake(&client, "other.example.com", server.config()).resumed());
}

#[test]
fn a8_8_without_tickets_every_handshake_is_full() {
    let world = World::new();
    let policy = ClientPolicy {
        session_tickets: false,
        ..ClientPolicy::default()
    };
    for version in BOTH {
        let client = world.client(version);
        let server = world.serve(&policy, None);
        for _ in 0..2 {
            let pair = handshake(&client, "web.example.com", server.config());
            assert!(!pair.resumed(), "{version:?}");
            assert_eq!(pair.client.tls13_tickets_received(), 0);
        }
    }
}

#[test]
fn r17_a_resumed_client_whose_certificate_has_expired_is_noticed() {
    let world = World::new();
    let clock = Clock::now();
    let server = ServerTls::with_clock(
        &world.mutual(),
        &store(&[&world.web]),
        None,
        Arc::clone(&clock) as _,
    )
    .expect("a valid policy");
    let pair = handshake(&world.client(Version::Tls13), "web.example.com", server.config());
    let chain = pair.server.peer_certificates().expect("a verified client");
    assert_eq!(server.recheck(chain), Ok(()));
    clock.advance(31);
    assert!(server.recheck(chain).is_err());
    assert_eq!(server.recheck(&[]), Ok(()), "no certificate, nothing to expire");
}
