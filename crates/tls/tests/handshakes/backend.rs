//! The backend leg beyond acceptance: faults in words, client certificates, versions, resumption.

use std::sync::Arc;

use viaduct_testkit::pki::{Ca, Leaf, Validity};
use viaduct_tls::backend_leg::{Offer, Verification};
use viaduct_tls::names::{Version, Versions};
use viaduct_tls::{
    BackendPolicy, BackendTls, CertificateStore, Client, ClientAuth, ClientPolicy, Fingerprint, Identity,
    Reason, Remedy, ServerTls,
};

use crate::memory::{
    Clock, bundle, connect, endpoint, handshake, identity, plain_server, server_tls, trusting, trusting_pems,
};

fn web() -> Leaf {
    Leaf::server("web.example.com")
}

#[test]
fn c2_an_unknown_ca_names_the_issuer_to_trust() {
    let (ca, other) = (Ca::new("Backend CA"), Ca::new("Other CA"));
    let fault = connect(
        &endpoint(trusting(&other), "web.example.com"),
        &plain_server(&ca.issue(web())),
    )
    .expect_err("another CA");
    assert_eq!(
        fault.to_string(),
        "unknown_ca: wanted a chain to `CN=Other CA`, got `CN=web.example.com` issued by `CN=Backend CA` \
         (the server sent no intermediate certificates)"
    );
    let issuer = "CN=Backend CA".to_owned();
    assert_eq!(
        fault.remedy,
        Some(Remedy::TrustIssuer {
            issuer,
            self_signed: false
        })
    );
    assert_eq!(fault.presented.len(), 1);
}

#[test]
fn c2_the_seed_flow_in_two_faults_and_a_success() {
    let leaf = web().is_ca(true).self_signed();
    let server = plain_server(&leaf);
    let stranger = Ca::new("Other CA");
    let first = connect(&endpoint(trusting(&stranger), "10.244.2.105"), &server).expect_err("not trusted");
    assert_eq!(
        first.to_string(),
        "unknown_ca: wanted a chain to `CN=Other CA`, got the self-signed `CN=web.example.com`; \
         nor does it name `10.244.2.105` but DNS names `web.example.com`"
    );
    let issuer = "CN=web.example.com".to_owned();
    assert_eq!(
        first.remedy,
        Some(Remedy::TrustIssuer {
            issuer,
            self_signed: true
        })
    );

    let second = connect(
        &endpoint(trusting_pems(&[&leaf.cert_pem]), "10.244.2.105"),
        &server,
    )
    .expect_err("its name");
    assert_eq!(
        second.to_string(),
        "no_ip_san: wanted a certificate for the IP address 10.244.2.105, got DNS names `web.example.com`"
    );
    assert_eq!(
        second.remedy,
        Some(Remedy::SetServerName("web.example.com".to_owned()))
    );

    let server_name = Some("web.example.com".to_owned());
    let policy = BackendPolicy {
        server_name,
        ..trusting_pems(&[&leaf.cert_pem])
    };
    let proof = connect(&endpoint(policy, "10.244.2.105"), &server).expect("trusted and named");
    assert!(proof.verified.is_some());
    assert_eq!(proof.verified_by, Some(Fingerprint::of(&leaf.der)));
}

#[test]
fn c2_a_rotated_ca_is_told_from_a_foreign_one() {
    let (old, new) = (Ca::new("Backend CA"), Ca::new("Backend CA"));
    let fault = connect(
        &endpoint(trusting(&old), "web.example.com"),
        &plain_server(&new.issue(web())),
    )
    .expect_err("another key");
    assert!(
        fault
            .got
            .ends_with("signed with another key than that of the trusted certificate of this name")
    );
}

#[test]
fn a7_2_skipping_verification_still_records_the_peer_and_checks_its_signature() {
    let issued = Ca::new("root").issue(Leaf::server("other.example.com").valid(Validity::expired()));
    let policy = BackendPolicy {
        verification: Verification::DangerSkip,
        ..Default::default()
    };
    let proof = connect(
        &endpoint(policy.clone(), "web.example.com"),
        &plain_server(&issued),
    )
    .expect("unchecked");
    assert_eq!((proof.verified, proof.verified_by), (None, None));
    assert_eq!(proof.peer.dns_names, ["other.example.com"]);

    // A server that presents a certificate without holding its key.
    let other = web().self_signed();
    let thief = rustls::sign::CertifiedKey::new(issued.chain.clone(), signing_key(&other.key_pem));
    let thief = server_with(thief);
    let fault = connect(&endpoint(policy, "web.example.com"), &thief).expect_err("a stolen certificate");
    assert_eq!(fault.reason, Reason::BadCertificate);
}

#[test]
fn a7_2_skipping_verification_takes_version_1_certificates() {
    let leaf = include_bytes!("fixtures/v1-leaf.pem");
    let key = include_bytes!("fixtures/weak-leaf.key");
    let issued = Identity::from_pem(leaf, key).expect("usable");
    let store = Arc::new(CertificateStore::new(Vec::new(), Arc::new(issued)));
    for version in [Version::Tls12, Version::Tls13] {
        let server = ClientPolicy {
            versions: Versions {
                min: version,
                max: version,
            },
            ..ClientPolicy::default()
        };
        let server = ServerTls::new(&server, &store, None).expect("a valid policy");
        let policy = BackendPolicy {
            verification: Verification::DangerSkip,
            ..Default::default()
        };
        connect(&endpoint(policy, "web.example.com"), server.config()).expect("unchecked");
    }
}

#[test]
fn a7_4_the_identity_that_the_server_accepts_is_sent() {
    let (server_ca, right, wrong) = (Ca::new("Server CA"), Ca::new("Right CA"), Ca::new("Wrong CA"));
    let demanding = ClientAuth::RequireAndVerify(Client(bundle(&[right.pem()])));
    let policy = ClientPolicy {
        client_auth: demanding,
        ..ClientPolicy::default()
    };
    let server = server_tls(&policy, &[&server_ca.issue(web())]);
    let ours = |identities: &[&Ca]| BackendPolicy {
        identities: identities
            .iter()
            .map(|ca| identity(&ca.issue(Leaf::client("viaduct"))))
            .collect(),
        ..trusting(&server_ca)
    };
    connect(
        &endpoint(ours(&[&wrong, &right]), "web.example.com"),
        server.config(),
    )
    .expect("the second fits");

    let fault =
        connect(&endpoint(ours(&[&wrong]), "web.example.com"), server.config()).expect_err("none fits");
    assert_eq!(fault.reason, Reason::ClientCertMissing);
    let issuers = vec!["CN=Right CA".to_owned()];
    assert_eq!(fault.remedy, Some(Remedy::OfferClientCertificate { issuers }));
}

#[test]
fn c1_a_client_certificate_that_is_refused_is_told_from_a_missing_one() {
    let (server_ca, clients) = (Ca::new("Server CA"), Ca::new("Client CA"));
    let demanding = ClientAuth::RequireAndVerify(Client(bundle(&[clients.pem()])));
    let policy = ClientPolicy {
        client_auth: demanding,
        ..ClientPolicy::default()
    };
    let server = server_tls(&policy, &[&server_ca.issue(web())]);
    let expired = identity(&clients.issue(Leaf::client("viaduct").valid(Validity::expired())));
    let ours = BackendPolicy {
        identities: vec![expired],
        ..trusting(&server_ca)
    };
    let fault = connect(&endpoint(ours, "web.example.com"), server.config()).expect_err("expired");
    assert_eq!(fault.reason, Reason::ClientCertRefused);
    assert_eq!(fault.got, "the alert `certificate_expired`");
}

#[test]
fn a7_5_versions_are_kept() {
    let ca = Ca::new("root");
    let only = |version| Versions {
        min: version,
        max: version,
    };
    let issued = ca.issue(web());
    for (ours, theirs, expected) in [
        (Version::Tls12, Version::Tls12, Ok(())),
        (Version::Tls13, Version::Tls13, Ok(())),
        (Version::Tls12, Version::Tls13, Err(Reason::VersionOrCipher)),
        (Version::Tls13, Version::Tls12, Err(Reason::VersionOrCipher)),
    ] {
        let server = ClientPolicy {
            versions: only(theirs),
            ..ClientPolicy::default()
        };
        let policy = BackendPolicy {
            versions: only(ours),
            ..trusting(&ca)
        };
        let outcome = connect(
            &endpoint(policy, "web.example.com"),
            server_tls(&server, &[&issued]).config(),
        );
        assert_eq!(
            outcome.map(drop).map_err(|fault| fault.reason),
            expected,
            "{ours:?} to {theirs:?}"
        );
    }
}

#[test]
fn a14_5_r17_sessions_resume_and_never_outlive_the_certificate() {
    let ca = Ca::new("root");
    let server = plain_server(&ca.issue(web()));
    let clock = Clock::now();
    let tls = BackendTls::with_clock(trusting(&ca), Arc::clone(&clock) as _).expect("a valid policy");
    let endpoint = tls.endpoint("web.example.com", Offer::H2OrHttp1).expect("a host");
    let (config, _) = endpoint.rustls();
    assert!(!handshake(config, "web.example.com", &server).resumed());
    let second = handshake(config, "web.example.com", &server);
    assert!(second.resumed());
    let chain = second.client.peer_certificates().expect("kept with the session");
    let proof = endpoint
        .verifier()
        .proof(chain, endpoint.expected())
        .expect("in date");
    assert_eq!(proof.verified_by, Some(Fingerprint::of(ca.der())));
    clock.advance(31);
    let fault = endpoint
        .verifier()
        .proof(chain, endpoint.expected())
        .expect_err("expired since");
    assert_eq!(fault.reason, Reason::Expired);

    // Another endpoint of the same policy has sessions of its own.
    let other = tls.endpoint("web.example.com", Offer::H2OrHttp1).expect("a host");
    let pair = handshake(other.rustls().0, "web.example.com", &server);
    assert!(
        !pair.is_established(),
        "a full handshake sees that the certificate has expired"
    );
}

#[test]
fn a7_9_protocols_are_offered_as_asked() {
    let ca = Ca::new("root");
    let server = plain_server(&ca.issue(web()));
    let tls = BackendTls::new(trusting(&ca)).expect("a valid policy");
    for (offer, expected) in [(Offer::H2OrHttp1, "h2"), (Offer::Http1, "http/1.1")] {
        let endpoint = tls.endpoint("web.example.com", offer).expect("a host");
        let pair = handshake(endpoint.rustls().0, "web.example.com", &server);
        assert_eq!(pair.client.alpn_protocol(), Some(expected.as_bytes()));
    }
}

#[test]
fn a7_1_hosts_that_are_no_names_are_errors_and_addresses_send_no_name() {
    let ca = Ca::new("root");
    let tls = BackendTls::new(trusting(&ca)).expect("a valid policy");
    for bad in ["", "-", "a b", "web.example.com:443", "..", "[::1"] {
        assert!(tls.endpoint(bad, Offer::Http1).is_err(), "{bad}");
    }
    let empty = BackendPolicy {
        server_name: Some(String::new()),
        ..trusting(&ca)
    };
    assert!(BackendTls::new(empty).is_err());

    let issued = ca.issue(Leaf::server("web.example.com").ip("127.0.0.1"));
    let endpoint = tls.endpoint("127.0.0.1", Offer::Http1).expect("an address");
    let pair = handshake(endpoint.rustls().0, "127.0.0.1", &plain_server(&issued));
    assert!(pair.is_established());
    assert_eq!(pair.server.server_name(), None);
}

fn signing_key(pem: &str) -> Arc<dyn rustls::sign::SigningKey> {
    use rustls_pki_types::pem::PemObject as _;
    let key = rustls_pki_types::PrivateKeyDer::from_pem_slice(pem.as_bytes()).expect("a key");
    rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).expect("a usable key")
}

fn server_with(key: rustls::sign::CertifiedKey) -> Arc<rustls::ServerConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(key)));
    Arc::new(config)
}
