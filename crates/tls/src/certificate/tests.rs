use super::*;
use viaduct_testkit::pki::{Ca, KeyKind, Leaf};

#[test]
fn a7_4_a_chain_and_its_key_become_an_identity() {
    let ca = Ca::new("root").intermediate("middle");
    for kind in [
        KeyKind::P256,
        KeyKind::P384,
        KeyKind::P521,
        KeyKind::Rsa2048,
        KeyKind::Ed25519,
    ] {
        let issued = ca.issue(
            Leaf::server("web.example.com")
                .ip("::1")
                .uri("spiffe://x/y")
                .key(kind),
        );
        let identity = Identity::from_pem(issued.chain_pem.as_bytes(), issued.key_pem.as_bytes())
            .unwrap_or_else(|error| panic!("{kind:?}: {error}"));
        let facts = identity.facts();
        assert_eq!(facts.subject, "CN=web.example.com");
        assert_eq!(facts.issuer, "CN=middle");
        assert_eq!(facts.dns_names, ["web.example.com"]);
        assert_eq!(
            facts.ip_addresses,
            ["::1".parse::<std::net::IpAddr>().expect("an address")]
        );
        assert_eq!(facts.uris, ["spiffe://x/y"]);
        assert!(!facts.is_ca && !facts.self_issued);
        assert_eq!(identity.chain().len(), 2);
    }
}

#[test]
fn a14_2_a_key_of_another_certificate_is_refused() {
    let ca = Ca::new("root");
    let (one, two) = (
        ca.issue(Leaf::server("a.example")),
        ca.issue(Leaf::server("a.example")),
    );
    let mixed = Identity::from_pem(one.chain_pem.as_bytes(), two.key_pem.as_bytes());
    assert_eq!(mixed, Err(IdentityError::Mismatch));
}

#[test]
fn a14_2_every_way_to_be_unusable_has_its_own_error() {
    let issued = Ca::new("root").issue(Leaf::server("a.example"));
    let (chain, key) = (issued.chain_pem.as_bytes(), issued.key_pem.as_bytes());
    let pem = |body: &str| format!("-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n");
    assert_eq!(Identity::from_pem(b"", key), Err(IdentityError::NoCertificate));
    assert_eq!(Identity::from_pem(key, key), Err(IdentityError::NoCertificate));
    assert_eq!(Identity::from_pem(chain, chain), Err(IdentityError::NoKey));
    assert!(matches!(
        Identity::from_pem(&chain[..chain.len() / 2], key),
        Err(IdentityError::BadPem(_))
    ));
    assert!(matches!(
        Identity::from_pem(pem("AAAA\n").as_bytes(), key),
        Err(IdentityError::BadCertificate(_))
    ));
    let bad_key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    assert!(matches!(
        Identity::from_pem(chain, bad_key.as_bytes()),
        Err(IdentityError::BadKey(_))
    ));
    assert_eq!(
        Identity::from_pem(&vec![b'\n'; Identity::MAX_PEM + 1], key),
        Err(IdentityError::TooLarge)
    );
    let many = issued.cert_pem.repeat(Identity::MAX_CHAIN + 1);
    assert_eq!(
        Identity::from_pem(many.as_bytes(), key),
        Err(IdentityError::TooManyCertificates)
    );
}

#[test]
fn c67_a_subject_with_control_characters_is_escaped() {
    let issued = Leaf::server("a.example")
        .common_name("a, \"b\"\r\nc")
        .self_signed();
    let facts = CertificateFacts::from_der(&issued.der).expect("readable");
    assert_eq!(facts.subject, r#"CN=a\, \"b\"\0d\0ac"#);
}

#[test]
fn r24_debug_output_holds_no_key() {
    let issued = Leaf::server("a.example").self_signed();
    let identity =
        Identity::from_pem(issued.chain_pem.as_bytes(), issued.key_pem.as_bytes()).expect("usable");
    assert_eq!(
        format!("{identity:?}"),
        format!("Identity {{ certificate: {}, .. }}", identity.facts().fingerprint)
    );
}
