//! Which certificate answers a ClientHello (A8.11 to A8.14, A14.11).

use serde_json::json;
use viaduct_testkit::manifest::{Manifests, Route};
use viaduct_testkit::openssl::handshake;
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::pki::{Issued, KeyKind, Leaf};
use viaduct_testkit::viaduct::Viaduct;
use viaduct_testkit::wait::wait_until;

use crate::fixture::{BACKEND, HOST, Pki, RULE, up};

/// Whether a handshake for `name` is answered with `identity`.
fn presents(viaduct: &Viaduct, name: &str, more: &[&str], identity: &Issued) -> bool {
    let mut arguments = vec!["-servername", name];
    arguments.extend(more);
    handshake(viaduct.websecure(), &arguments)
        .printed
        .contains(identity.cert_pem.trim())
}

fn routes_with(secrets: &[(&str, &Issued)]) -> Manifests {
    let manifests = Manifests::new().backend(BACKEND, Origin::http(|_| ok("")).port());
    secrets.iter().fold(manifests, |manifests, (name, identity)| {
        manifests
            .tls_secret(name, identity)
            .route(Route::secure(name, RULE, BACKEND, "http").certificate(name))
    })
}

#[test]
fn a14_11_rsa_and_ecdsa_for_one_name_are_chosen_by_the_client_hello() {
    let pki = Pki::new();
    let ecdsa = pki.edge_ca.issue(Leaf::server(HOST));
    let rsa = pki.edge_ca.issue(Leaf::server(HOST).key(KeyKind::Rsa2048));
    let viaduct = up()
        .file("r.yaml", routes_with(&[("ecdsa", &ecdsa), ("rsa", &rsa)]).yaml())
        .start();
    for version in ["-tls1_2", "-tls1_3"] {
        let only_rsa = [version, "-sigalgs", "RSA-PSS+SHA256:RSA+SHA256"];
        assert!(presents(&viaduct, HOST, &only_rsa, &rsa), "{version} RSA");
        let only_ecdsa = [version, "-sigalgs", "ECDSA+SHA256"];
        assert!(presents(&viaduct, HOST, &only_ecdsa, &ecdsa), "{version} ECDSA");
        let both = [version, "-sigalgs", "RSA-PSS+SHA256:ECDSA+SHA256"];
        assert!(
            presents(&viaduct, HOST, &both, &ecdsa),
            "{version}: ECDSA where both would do"
        );
    }
}

#[test]
fn a8_12_an_exact_name_wins_over_a_wildcard_and_a_wildcard_stands_for_one_label() {
    let pki = Pki::new();
    let exact = pki.edge_ca.issue(Leaf::server(HOST));
    let wildcard = pki.edge_ca.issue(Leaf::server("*.example.com"));
    let viaduct = up()
        .file(
            "r.yaml",
            routes_with(&[("exact", &exact), ("wildcard", &wildcard)]).yaml(),
        )
        .start();
    assert!(presents(&viaduct, HOST, &[], &exact));
    assert!(
        presents(&viaduct, "WEB.Example.COM", &[], &exact),
        "names have no case"
    );
    assert!(presents(&viaduct, "api.example.com", &[], &wildcard));
    assert!(!presents(&viaduct, "a.api.example.com", &[], &wildcard));
    assert!(!presents(&viaduct, "example.com", &[], &wildcard));
}

#[test]
fn a8_13_the_default_store_answers_where_no_certificate_matches() {
    let pki = Pki::new();
    let (front, default) = (
        pki.edge_ca.issue(Leaf::server(HOST)),
        pki.edge_ca.issue(Leaf::server("default.test")),
    );
    let manifests = routes_with(&[("front", &front)])
        .tls_secret("fallback", &default)
        .traefik(
            "TLSStore",
            "default",
            json!({ "defaultCertificate": { "secretName": "fallback" } }),
        );
    let viaduct = up().file("r.yaml", manifests.yaml()).start();
    assert!(presents(&viaduct, "unknown.test", &[], &default));
    let nameless = handshake(viaduct.websecure(), &["-noservername"]).printed;
    assert!(nameless.contains(default.cert_pem.trim()), "{nameless}");
    assert!(presents(&viaduct, HOST, &[], &front));
}

#[test]
fn a8_14_without_any_certificate_a_generated_one_answers() {
    let manifests = Manifests::new()
        .backend(BACKEND, Origin::http(|_| ok("")).port())
        .route(Route::secure("web", RULE, BACKEND, "http"));
    let viaduct = up().file("r.yaml", manifests.yaml()).start();
    let output = handshake(viaduct.websecure(), &["-servername", HOST]).output;
    assert!(
        output.contains("VIADUCT DEFAULT CERT") || output.contains("TRAEFIK DEFAULT CERT"),
        "{output}"
    );
    assert!(
        output.contains("self-signed certificate") || output.contains("self signed"),
        "{output}"
    );
}

#[test]
fn a8_24_a_key_that_does_not_belong_keeps_the_last_good_pair() {
    let pki = Pki::new();
    let (good, other) = (
        pki.edge_ca.issue(Leaf::server(HOST)),
        pki.edge_ca.issue(Leaf::server(HOST)),
    );
    let viaduct = up()
        .file("r.yaml", routes_with(&[("front", &good)]).yaml())
        .start();
    assert!(presents(&viaduct, HOST, &[], &good));

    let mismatched = Issued {
        key_pem: other.key_pem.clone(),
        ..pki.edge_ca.issue(Leaf::server(HOST))
    };
    viaduct.replace("r.yaml", &routes_with(&[("front", &mismatched)]).yaml());
    let log = viaduct.wait_log("does not belong");
    assert!(log.contains("web/front"), "the Secret is named: {log}");
    assert!(presents(&viaduct, HOST, &[], &good), "the last good pair answers");
    assert_eq!(
        pki.curl(&viaduct).get(HOST, "/").status,
        200,
        "and its router serves"
    );

    viaduct.replace("r.yaml", &routes_with(&[("front", &other)]).yaml());
    wait_until("the mended pair to be used", || {
        presents(&viaduct, HOST, &[], &other)
    });
}
