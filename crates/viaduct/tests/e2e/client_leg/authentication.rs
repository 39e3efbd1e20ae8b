//! Client certificates: Go's five modes, and CAs that cannot be read (A8.4, A8.5, C43).

use serde_json::{Value, json};
use viaduct_testkit::http1::Connection;
use viaduct_testkit::manifest::{Manifests, Route};
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::pki::{Ca, Issued, Leaf};
use viaduct_testkit::tls::Dial;
use viaduct_testkit::viaduct::Viaduct;
use viaduct_testkit::wait::wait_until;

use crate::fixture::{BACKEND, FRONT_SECRET, HOST, Pki, RULE, up};

/// Whether a request gets through. In TLS 1.3 a refusal comes only after the client's handshake.
fn passes(pki: &Pki, viaduct: &Viaduct, identity: Option<&Issued>) -> bool {
    let dial = Dial::new(viaduct.websecure(), &pki.edge_ca);
    let dial = match identity {
        Some(identity) => dial.identity(identity),
        None => dial,
    };
    let Ok(stream) = dial.connect(HOST) else {
        return false;
    };
    let mut connection = Connection::new(stream);
    connection.send(format!("GET /mode HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
    connection
        .response()
        .is_some_and(|response| response.status == 200)
}

fn manifests(pki: &Pki, origin: &Origin, client_auth: &Value) -> Manifests {
    pki.base(origin.port())
        .tls_option("mutual", json!({ "clientAuth": client_auth }))
        .route(
            Route::secure("web", RULE, BACKEND, "http")
                .certificate(FRONT_SECRET)
                .options("mutual"),
        )
}

#[test]
fn a8_5_the_five_modes() {
    let pki = Pki::new();
    let (origin, ca) = (Origin::http(|_| ok("")), Ca::new("Client CA"));
    let trusted = ca.issue(Leaf::client("trusted"));
    let unknown = Ca::new("Another CA").issue(Leaf::client("unknown"));
    // mode, no certificate, one of the CA, one of another CA
    for (mode, none, good, bad) in [
        ("NoClientCert", true, true, true),
        ("RequestClientCert", true, true, true),
        ("RequireAnyClientCert", false, true, true),
        ("VerifyClientCertIfGiven", true, true, false),
        ("RequireAndVerifyClientCert", false, true, false),
        ("", false, true, false),
    ] {
        let mut client_auth = json!({ "secretNames": ["client-ca"] });
        if !mode.is_empty() {
            client_auth["clientAuthType"] = json!(mode);
        }
        let manifests = manifests(&pki, &origin, &client_auth).secret("client-ca", &[("ca.crt", ca.pem())]);
        let viaduct = up().file("r.yaml", manifests.yaml()).start();
        assert_eq!(passes(&pki, &viaduct, None), none, "{mode}: no certificate");
        assert_eq!(passes(&pki, &viaduct, Some(&trusted)), good, "{mode}: of the CA");
        assert_eq!(
            passes(&pki, &viaduct, Some(&unknown)),
            bad,
            "{mode}: of another CA"
        );
    }
}

#[test]
fn a11_3_the_subject_of_a_client_is_in_the_access_log() {
    let pki = Pki::new();
    let (origin, ca) = (Origin::http(|_| ok("")), Ca::new("Client CA"));
    let manifests = manifests(&pki, &origin, &json!({ "secretNames": ["client-ca"] }))
        .secret("client-ca", &[("tls.ca", ca.pem())]);
    let viaduct = up().file("r.yaml", manifests.yaml()).start();
    assert!(
        passes(&pki, &viaduct, Some(&ca.issue(Leaf::client("someone")))),
        "{}",
        viaduct.log()
    );
    assert_eq!(
        viaduct.wait_access("/mode").text("TLSClientSubject"),
        "CN=someone"
    );
}

#[test]
fn c43_a_client_ca_that_is_missing_or_unreadable_closes_the_route() {
    let pki = Pki::new();
    let origin = Origin::http(|_| ok(""));
    let base = manifests(&pki, &origin, &json!({ "secretNames": ["client-ca"] }));
    let someone = Ca::new("Any CA").issue(Leaf::client("someone"));
    for broken in [
        base.clone(),
        base.clone().secret("client-ca", &[("ca.crt", "")]),
        base.clone().secret("client-ca", &[("ca.crt", "no certificate")]),
        base.secret("client-ca", &[("other", "x")]),
    ] {
        let viaduct = up().file("r.yaml", broken.yaml()).start();
        let log = viaduct.wait_log("TLSOption web/mutual");
        assert!(!passes(&pki, &viaduct, None), "{log}");
        assert!(!passes(&pki, &viaduct, Some(&someone)), "{log}");
    }
    assert!(origin.requests().is_empty());
}

#[test]
fn a8_5_a_verifying_mode_without_cas_is_an_error() {
    let pki = Pki::new();
    let origin = Origin::http(|_| ok(""));
    let client_auth = json!({ "clientAuthType": "RequireAndVerifyClientCert" });
    let viaduct = up()
        .file("r.yaml", manifests(&pki, &origin, &client_auth).yaml())
        .start();
    assert!(!passes(&pki, &viaduct, None));
    viaduct.wait_log("RequireAndVerifyClientCert");
    assert!(
        viaduct.log().contains("TLSOption web/mutual"),
        "{}",
        viaduct.log()
    );
}

#[test]
fn r6_a_client_ca_that_is_taken_away_is_no_longer_enough_on_new_connections_and_old_tickets() {
    let pki = Pki::new();
    let origin = Origin::http(|_| ok(""));
    let (old, new) = (Ca::new("Old CA"), Ca::new("New CA"));
    let with_ca = |ca: &Ca| {
        manifests(&pki, &origin, &json!({ "secretNames": ["client-ca"] }))
            .secret("client-ca", &[("ca.crt", ca.pem())])
            .yaml()
    };
    let viaduct = up().file("r.yaml", with_ca(&old)).start();
    let someone = old.issue(Leaf::client("someone"));

    let directory = tempfile::tempdir().expect("a temporary directory");
    let files = someone.write_to(directory.path(), "client");
    let (cert, key) = (files.cert.display().to_string(), files.key.display().to_string());
    let session = directory.path().join("session").display().to_string();
    let request = format!("GET /ticket HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n");
    let client = ["-servername", HOST, "-cert", &cert, "-key", &key];
    let connect = |more: &[&str]| {
        let arguments = [&client[..], more].concat();
        viaduct_testkit::openssl::s_client(viaduct.websecure(), &arguments, &request).output
    };
    assert!(connect(&["-sess_out", &session]).contains("HTTP/1.1 200"));
    assert!(connect(&["-sess_in", &session]).contains("Reused, "), "control");

    viaduct.replace("r.yaml", &with_ca(&new));
    wait_until("the new CA to be used", || {
        passes(&pki, &viaduct, Some(&new.issue(Leaf::client("other"))))
    });
    assert!(!passes(&pki, &viaduct, Some(&someone)), "a full handshake");
    let resumed = connect(&["-sess_in", &session]);
    assert!(!resumed.contains("HTTP/1.1 200"), "a resumed one:\n{resumed}");
}

#[test]
fn cve_2019_20894_of_two_routers_the_one_with_client_certificates_keeps_them_in_any_order() {
    let pki = Pki::new();
    let (origin, ca) = (Origin::http(|_| ok("")), Ca::new("Client CA"));
    let base = pki
        .base(origin.port())
        .tls_secret("open", &pki.edge_ca.issue(Leaf::server("open.example.com")))
        .secret("client-ca", &[("ca.crt", ca.pem())])
        .tls_option(
            "mutual",
            json!({ "clientAuth": { "secretNames": ["client-ca"] } }),
        );
    let open =
        |name: &str| Route::secure(name, "Host(`open.example.com`)", BACKEND, "http").certificate("open");
    let mutual = |name: &str| {
        Route::secure(name, RULE, BACKEND, "http")
            .certificate(FRONT_SECRET)
            .options("mutual")
    };
    for (first, second) in [
        (open("a"), mutual("b")),
        (mutual("a"), open("b")),
        (mutual("b"), open("a")),
    ] {
        let viaduct = up()
            .file("r.yaml", base.clone().route(first).route(second).yaml())
            .start();
        assert!(!passes(&pki, &viaduct, None));
        assert!(passes(&pki, &viaduct, Some(&ca.issue(Leaf::client("someone")))));
        let dial = Dial::new(viaduct.websecure(), &pki.edge_ca);
        let mut connection = Connection::new(dial.open("open.example.com"));
        assert_eq!(connection.get("open.example.com", "/open").status, 200);
    }
}
