//! The five modes of client authentication (A8.4, A8.5), against every kind of client.

use std::sync::Arc;

use viaduct_testkit::pki::{Ca, Leaf, Usage, Validity};
use viaduct_tls::names::{Version, Versions};
use viaduct_tls::{BackendPolicy, Client, ClientAuth, ClientPolicy, Identity};

use crate::memory::{bundle, endpoint, handshake, identity, server_tls, trusting};

/// Who calls, and whether each mode lets them in: None, Request, RequireAny, VerifyIfGiven, RequireAndVerify.
type Row<'a> = (&'static str, Option<&'a Arc<Identity>>, [bool; 5]);

#[test]
fn a8_5_five_modes_meet_five_clients() {
    let (servers, clients, strangers) = (Ca::new("Server CA"), Ca::new("Client CA"), Ca::new("Strangers"));
    let web = servers.issue(Leaf::server("web.example.com"));
    let trust = || Client(bundle(&[clients.pem()]));
    let modes = [
        ClientAuth::None,
        ClientAuth::Request,
        ClientAuth::RequireAny,
        ClientAuth::VerifyIfGiven(trust()),
        ClientAuth::RequireAndVerify(trust()),
    ];
    let good = identity(&clients.issue(Leaf::client("good")));
    let under_middle = identity(&clients.intermediate("middle").issue(Leaf::client("good")));
    let stranger = identity(&strangers.issue(Leaf::client("stranger")));
    let expired = identity(&clients.issue(Leaf::client("old").valid(Validity::expired())));
    let server_only = identity(&clients.issue(Leaf::server("wrong usage").usage(Usage::Server)));
    let rows: [Row<'_>; 6] = [
        ("nobody", None, [true, true, false, true, false]),
        ("a good client", Some(&good), [true; 5]),
        ("a client under an intermediate", Some(&under_middle), [true; 5]),
        ("a stranger", Some(&stranger), [true, true, true, false, false]),
        (
            "an expired client",
            Some(&expired),
            [true, true, true, false, false],
        ),
        (
            "a server as client",
            Some(&server_only),
            [true, true, true, false, false],
        ),
    ];
    for version in [Version::Tls12, Version::Tls13] {
        for (who, who_identity, expected) in &rows {
            let outcomes = modes.each_ref().map(|mode| {
                let versions = Versions {
                    min: version,
                    max: version,
                };
                let policy = ClientPolicy {
                    client_auth: mode.clone(),
                    versions,
                    ..ClientPolicy::default()
                };
                let client = calling(&servers, who_identity.cloned());
                handshake(&client, "web.example.com", server_tls(&policy, &[&web]).config()).is_established()
            });
            assert_eq!(outcomes, *expected, "{who} over {version:?}");
        }
    }
}

#[test]
fn a8_4_e59_a_client_certificate_that_is_itself_trusted_is_accepted() {
    let servers = Ca::new("Server CA");
    let web = servers.issue(Leaf::server("web.example.com"));
    for is_ca in [true, false] {
        let issued = Leaf::client("pinned").is_ca(is_ca).self_signed();
        let auth = ClientAuth::RequireAndVerify(Client(bundle(&[&issued.cert_pem])));
        let policy = ClientPolicy {
            client_auth: auth,
            ..ClientPolicy::default()
        };
        let client = calling(&servers, Some(identity(&issued)));
        let pair = handshake(&client, "web.example.com", server_tls(&policy, &[&web]).config());
        assert!(pair.is_established(), "CA:{is_ca}");
        assert_eq!(pair.server.peer_certificates().map(<[_]>::len), Some(1));
    }
}

#[test]
fn a8_5_verification_is_told_by_the_mode() {
    let trust = Client(bundle(&[Ca::new("root").pem()]));
    assert!(ClientAuth::VerifyIfGiven(trust.clone()).verifies());
    assert!(ClientAuth::RequireAndVerify(trust).verifies());
    assert!(
        !ClientAuth::None.verifies() && !ClientAuth::Request.verifies() && !ClientAuth::RequireAny.verifies()
    );
}

/// A client that sends its certificate whatever CAs the server names, so that the server has to judge.
fn calling(servers: &Ca, identity: Option<Arc<Identity>>) -> Arc<rustls::ClientConfig> {
    let policy = BackendPolicy::clone(&trusting(servers));
    let mut config = rustls::ClientConfig::clone(endpoint(policy, "web.example.com").rustls().0);
    config.client_auth_cert_resolver = Arc::new(Always(identity));
    Arc::new(config)
}

#[derive(Debug)]
struct Always(Option<Arc<Identity>>);

impl rustls::client::ResolvesClientCert for Always {
    fn resolve(
        &self,
        _issuers: &[&[u8]],
        _schemes: &[rustls::SignatureScheme],
    ) -> Option<Arc<rustls::sign::CertifiedKey>> {
        self.0
            .as_ref()
            .map(|identity| Arc::clone(identity.certified_key()))
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}
