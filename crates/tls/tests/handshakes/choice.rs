//! Which certificate answers which ClientHello.

use std::sync::{Arc, Mutex};

use rustls::SignatureScheme;
use rustls_pki_types::CertificateDer;
use viaduct_testkit::pki::{Ca, Issued, KeyKind, Leaf, Usage, Validity};
use viaduct_tls::backend_leg::Verification;
use viaduct_tls::names::{CipherSuite, Group, NameError, Version, Versions};
use viaduct_tls::{BackendPolicy, CertificateStore, ClientPolicy, ServerTls};

use crate::memory::{endpoint, handshake, identity, server_tls};

fn strict() -> ClientPolicy {
    ClientPolicy {
        sni_strict: true,
        ..ClientPolicy::default()
    }
}

/// A client that takes whatever is presented.
fn anyone(policy: BackendPolicy) -> Arc<rustls::ClientConfig> {
    let policy = BackendPolicy {
        verification: Verification::DangerSkip,
        ..policy
    };
    Arc::clone(endpoint(policy, "unused.test").rustls().0)
}

fn answer(
    client: &Arc<rustls::ClientConfig>,
    name: &str,
    server: &ServerTls,
) -> Option<CertificateDer<'static>> {
    let pair = handshake(client, name, server.config());
    pair.is_established()
        .then(|| {
            pair.client
                .peer_certificates()
                .and_then(|chain| chain.first())
                .cloned()
        })
        .flatten()
}

struct Shop {
    default: Issued,
    exact: Issued,
    wildcard: Issued,
    address: Issued,
}

impl Shop {
    fn new() -> Self {
        let ca = Ca::new("root");
        Self {
            default: ca.issue(Leaf::server("default.test")),
            exact: ca.issue(Leaf::server("Web.example.com")),
            wildcard: ca.issue(Leaf::server("*.example.com")),
            address: ca.issue(Leaf::bare(Usage::Server).ip("127.0.0.1")),
        }
    }

    fn serve(&self, policy: &ClientPolicy) -> ServerTls {
        let others = [&self.wildcard, &self.exact, &self.address];
        let store = CertificateStore::new(others.map(identity).to_vec(), identity(&self.default));
        ServerTls::new(policy, &Arc::new(store), None).expect("a valid policy")
    }
}

#[test]
fn a8_12_exact_then_wildcard_then_default() {
    let shop = Shop::new();
    let server = shop.serve(&ClientPolicy::default());
    let client = anyone(BackendPolicy::default());
    for (name, expected) in [
        ("web.example.com", &shop.exact),
        ("WEB.Example.COM", &shop.exact),
        ("other.example.com", &shop.wildcard),
        ("example.com", &shop.default),
        ("a.other.example.com", &shop.default),
        ("default.test", &shop.default),
        ("127.0.0.1", &shop.default),
    ] {
        assert_eq!(
            answer(&client, name, &server).as_ref(),
            Some(&expected.der),
            "{name}"
        );
    }
}

#[test]
fn a8_12_without_a_name_the_local_address_chooses() {
    let shop = Shop::new();
    let server = shop.serve(&ClientPolicy::default());
    // A fresh client each time, as a session would bring back the certificate it began with.
    let client = || anyone(BackendPolicy::default());
    let local = "::ffff:127.0.0.1".parse().expect("an address");
    let elsewhere = "127.0.0.2".parse().expect("an address");
    // rustls sends no server name for an IP address.
    let at = |address| answer(&client(), "192.0.2.1", server.without_name_at(address));
    assert_eq!(at(local).as_ref(), Some(&shop.address.der));
    assert_eq!(at(elsewhere).as_ref(), Some(&shop.default.der));
    assert_eq!(
        answer(&client(), "web.example.com", server.without_name_at(local)).as_ref(),
        Some(&shop.exact.der)
    );
}

#[test]
fn a8_6_c44_strict_refuses_unknown_and_absent_names() {
    let shop = Shop::new();
    let server = shop.serve(&strict());
    let client = anyone(BackendPolicy::default());
    let local = "127.0.0.1".parse().expect("an address");
    let elsewhere = "127.0.0.2".parse().expect("an address");
    for (name, expected) in [
        ("web.example.com", Some(&shop.exact.der)),
        ("other.example.com", Some(&shop.wildcard.der)),
        ("unknown.test", None),
        ("default.test", None),
    ] {
        assert_eq!(answer(&client, name, &server).as_ref(), expected, "{name}");
        assert_eq!(server.refuses(Some(name), local), expected.is_none(), "{name}");
    }
    assert_eq!(answer(&client, "192.0.2.1", &server), None);
    assert!(server.refuses(None, elsewhere));
    assert!(!server.refuses(None, local));
    assert!(
        !shop
            .serve(&ClientPolicy::default())
            .refuses(Some("unknown.test"), local)
    );
}

#[test]
fn a8_6_the_prepared_alert_is_unrecognized_name() {
    let client = anyone(BackendPolicy::default());
    let name = rustls_pki_types::ServerName::try_from("unknown.test").expect("a name");
    let mut client = rustls::ClientConnection::new(client, name).expect("a client");
    client
        .read_tls(&mut ServerTls::UNRECOGNIZED_NAME.as_slice())
        .expect("reading from memory");
    let error = client.process_new_packets().expect_err("an alert");
    assert_eq!(
        error,
        rustls::Error::AlertReceived(rustls::AlertDescription::UnrecognisedName)
    );
}

#[test]
fn a14_11_b21_rsa_and_ecdsa_side_by_side() {
    let ca = Ca::new("root");
    let web = |kind| ca.issue(Leaf::server("web.example.com").key(kind));
    let (rsa, ecdsa) = (web(KeyKind::Rsa2048), web(KeyKind::P256));
    let suite = |name| Some(vec![CipherSuite::from_name(name).expect("a suite")]);
    let tls12 = Versions {
        min: Version::Tls12,
        max: Version::Tls12,
    };
    for order in [[&rsa, &ecdsa], [&ecdsa, &rsa]] {
        let server = server_tls(&ClientPolicy::default(), &order);
        let choose = |policy| answer(&anyone(policy), "web.example.com", &server);
        assert_eq!(
            choose(BackendPolicy::default()),
            Some(ecdsa.der.clone()),
            "ECDSA where both will do"
        );
        let only = |name| BackendPolicy {
            versions: tls12,
            cipher_suites: suite(name),
            ..Default::default()
        };
        assert_eq!(
            choose(only("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")),
            Some(rsa.der.clone())
        );
        assert_eq!(
            choose(only("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")),
            Some(ecdsa.der.clone())
        );
        assert_eq!(
            answer(&rsa_only(&ca), "web.example.com", &server),
            Some(rsa.der.clone()),
            "by signature scheme"
        );
    }
}

#[test]
fn a8_12_a_san_beats_a_common_name_and_the_longer_life_beats_the_shorter() {
    let ca = Ca::new("root");
    let until = |days: u64| {
        let validity = Validity::current();
        Validity {
            not_after: validity.not_before + std::time::Duration::from_secs(days * 24 * 3600),
            ..validity
        }
    };
    let by_common_name = ca.issue(
        Leaf::bare(Usage::Server)
            .common_name("web.example.com")
            .valid(until(90)),
    );
    let short = ca.issue(Leaf::server("web.example.com").valid(until(10)));
    let long = ca.issue(Leaf::server("web.example.com").valid(until(20)));
    for (issued, expected) in [
        (vec![&by_common_name, &short, &long], &long),
        (vec![&long, &short, &by_common_name], &long),
        (vec![&short, &by_common_name], &short),
        (vec![&by_common_name], &by_common_name),
    ] {
        let server = server_tls(&strict(), &issued);
        let presented = answer(&anyone(BackendPolicy::default()), "web.example.com", &server);
        assert_eq!(presented.as_ref(), Some(&expected.der));
    }
}

#[test]
fn a8_22_a_stapled_response_is_sent() {
    #[derive(Debug, Default)]
    struct Staple(Mutex<Vec<u8>>);

    impl rustls::client::danger::ServerCertVerifier for Staple {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &rustls_pki_types::ServerName<'_>,
            ocsp_response: &[u8],
            _: rustls_pki_types::UnixTime,
        ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
            *self.0.lock().expect("not poisoned") = ocsp_response.to_vec();
            Err(rustls::CertificateError::ApplicationVerificationFailure.into())
        }

        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &rustls::DigitallySignedStruct,
        ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
            Err(rustls::Error::General("not reached".to_owned()))
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &rustls::DigitallySignedStruct,
        ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
            self.verify_tls12_signature(message, cert, dss)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            vec![SignatureScheme::ECDSA_NISTP256_SHA256]
        }
    }

    let plain = identity(&Ca::new("root").issue(Leaf::server("web.example.com")));
    let stapled = Arc::new(plain.with_ocsp(b"a response".to_vec()));
    assert_ne!(plain, stapled);
    let staple = Arc::new(Staple::default());
    let mut client = rustls::ClientConfig::clone(&anyone(BackendPolicy::default()));
    client
        .dangerous()
        .set_certificate_verifier(Arc::clone(&staple) as _);
    let store = Arc::new(CertificateStore::new(Vec::new(), stapled));
    let server = ServerTls::new(&ClientPolicy::default(), &store, None).expect("a valid policy");
    assert!(!handshake(&Arc::new(client), "web.example.com", server.config()).is_established());
    assert_eq!(*staple.0.lock().expect("not poisoned"), b"a response");
}

#[test]
fn a8_1_a8_2_policies_that_allow_nothing_are_refused() {
    let store = crate::memory::store(&[&Ca::new("root").issue(Leaf::server("web.example.com"))]);
    let tls12 = Versions {
        min: Version::Tls12,
        max: Version::Tls12,
    };
    let build = |policy: ClientPolicy| ServerTls::new(&policy, &store, None).map(drop);
    let empty = ClientPolicy {
        versions: tls12,
        cipher_suites: Some(Vec::new()),
        ..ClientPolicy::default()
    };
    assert_eq!(build(empty.clone()), Err(NameError::NoSuiteLeft));
    assert_eq!(
        build(ClientPolicy {
            versions: Versions::default(),
            ..empty
        }),
        Ok(()),
        "TLS 1.3 is left"
    );
    assert_eq!(
        build(ClientPolicy {
            groups: Some(Vec::new()),
            ..ClientPolicy::default()
        }),
        Err(NameError::NoGroupLeft)
    );
    let backend = BackendPolicy {
        versions: tls12,
        cipher_suites: Some(Vec::new()),
        ..Default::default()
    };
    assert_eq!(
        viaduct_tls::BackendTls::new(backend).map(drop),
        Err(NameError::NoSuiteLeft)
    );
}

#[test]
fn a8_2_a8_3_suites_and_groups_are_kept() {
    let issued = Ca::new("root").issue(Leaf::server("web.example.com"));
    let group = Group::from_name("CurveP384").expect("a group");
    let suite = CipherSuite::from_name("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256").expect("a suite");
    let policy = ClientPolicy {
        versions: Versions {
            min: Version::Tls12,
            max: Version::Tls12,
        },
        cipher_suites: Some(vec![suite]),
        groups: Some(vec![group]),
        ..ClientPolicy::default()
    };
    let pair = handshake(
        &anyone(BackendPolicy::default()),
        "web.example.com",
        server_tls(&policy, &[&issued]).config(),
    );
    assert!(pair.is_established());
    assert_eq!(
        pair.server.protocol_version(),
        Some(rustls::ProtocolVersion::TLSv1_2)
    );
    assert_eq!(
        pair.server.negotiated_cipher_suite().map(|suite| suite.suite()),
        Some(suite.0)
    );
    assert_eq!(
        pair.server
            .negotiated_key_exchange_group()
            .map(|group| group.name()),
        Some(group.0)
    );
}

#[test]
fn a8_3_post_quantum_is_the_default() {
    let issued = Ca::new("root").issue(Leaf::server("web.example.com"));
    let server = server_tls(&ClientPolicy::default(), &[&issued]);
    let pair = handshake(
        &anyone(BackendPolicy::default()),
        "web.example.com",
        server.config(),
    );
    let group = pair
        .server
        .negotiated_key_exchange_group()
        .map(|group| group.name());
    assert_eq!(group, Some(rustls::NamedGroup::X25519MLKEM768));
}

#[test]
fn a8_7_c45_alpn_as_in_go() {
    let issued = Ca::new("root").issue(Leaf::server("web.example.com"));
    for (ours, theirs, expected) in [
        (&["h2", "http/1.1"][..], &["h2", "http/1.1"][..], Ok(Some("h2"))),
        (&["h2", "http/1.1"], &["http/1.1"], Ok(Some("http/1.1"))),
        (&["h2", "http/1.1"], &[], Ok(None)),
        (&["http/1.1"], &["h2", "http/1.1"], Ok(Some("http/1.1"))),
        (&["http/1.1"], &["h2"], Err(())),
        (&["h2"], &["http/1.1"], Ok(Some("http/1.1"))),
        (&["h2", "http/1.1"], &["acme-tls/1"], Err(())),
        (&[], &["h2"], Ok(None)),
    ] {
        let bytes = |names: &[&str]| {
            names
                .iter()
                .map(|name| name.as_bytes().to_vec())
                .collect::<Vec<_>>()
        };
        let policy = ClientPolicy {
            alpn: bytes(ours),
            ..ClientPolicy::default()
        };
        let mut client = rustls::ClientConfig::clone(&anyone(BackendPolicy::default()));
        client.alpn_protocols = bytes(theirs);
        let pair = handshake(
            &Arc::new(client),
            "web.example.com",
            server_tls(&policy, &[&issued]).config(),
        );
        let outcome = if pair.is_established() {
            Ok(pair.server.alpn_protocol())
        } else {
            Err(())
        };
        assert_eq!(
            outcome,
            expected.map(|name| name.map(str::as_bytes)),
            "{ours:?} for {theirs:?}"
        );
    }
}

#[test]
fn a8_14_the_generated_default_serves() {
    let default = Arc::new(CertificateStore::generate_default());
    assert_eq!(
        default.facts().common_name.as_deref(),
        Some("VIADUCT DEFAULT CERT")
    );
    let now = std::time::SystemTime::now();
    assert!(default.facts().not_before < now && now < default.facts().not_after);
    let store = Arc::new(CertificateStore::new(Vec::new(), Arc::clone(&default)));
    let server = ServerTls::new(&ClientPolicy::default(), &store, None).expect("a valid policy");
    let presented = answer(&anyone(BackendPolicy::default()), "any.test", &server);
    assert_eq!(presented.as_ref(), default.chain().first());
    assert_ne!(
        *default,
        CertificateStore::generate_default(),
        "each process has its own"
    );
}

/// A client that can check RSA signatures only.
fn rsa_only(ca: &Ca) -> Arc<rustls::ClientConfig> {
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    let known = provider.signature_verification_algorithms.mapping.iter();
    let rsa: Vec<_> = known
        .filter(|(scheme, _)| RSA.contains(scheme))
        .copied()
        .collect();
    provider.signature_verification_algorithms.mapping = rsa.leak();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(ca.der().clone()).expect("a root");
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

const RSA: [SignatureScheme; 2] = [SignatureScheme::RSA_PSS_SHA256, SignatureScheme::RSA_PKCS1_SHA256];
