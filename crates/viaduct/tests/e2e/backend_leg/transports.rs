//! What a ServersTransport decides besides trust: reuse, resumption, names, scope (A7, A14).

use serde_json::json;
use viaduct_testkit::nginx::Nginx;
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::pki::{Ca, Leaf};
use viaduct_testkit::wait::wait_until;

use super::{bridge, trusting};
use crate::fixture::{HOST, Pki, TRANSPORT, up};

#[test]
fn a7_8_connections_are_reused_and_a_negative_limit_turns_reuse_off() {
    let pki = Pki::new();
    for (limit, connections) in [(json!({}), 1), (json!({ "maxIdleConnsPerHost": -1 }), 5)] {
        let origin = Origin::https(pki.server(&["http/1.1"]), |_| ok(""));
        let manifests = bridge(&pki, origin.port(), trusting(limit));
        let viaduct = up().arg("--workers=1").file("b.yaml", manifests.yaml()).start();
        let mut client = pki.open(&viaduct);
        for _ in 0..5 {
            assert_eq!(client.get(HOST, "/").status, 200, "{}", viaduct.log());
        }
        assert_eq!(origin.connections(), connections);
    }
}

#[test]
fn a14_5_a_new_backend_connection_resumes_the_session() {
    let pki = Pki::new();
    let origin = Origin::https(pki.server(&["http/1.1"]), |_| {
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec()
    });
    let manifests = bridge(&pki, origin.port(), trusting(json!({})));
    let viaduct = up().arg("--workers=1").file("b.yaml", manifests.yaml()).start();
    let mut client = pki.open(&viaduct);
    for path in ["/first", "/second"] {
        assert_eq!(client.get(HOST, path).status, 200, "{}", viaduct.log());
    }
    assert_eq!(
        viaduct.wait_access("/first").flag("BackendTLSResumed"),
        Some(false)
    );
    let second = viaduct.wait_access("/second");
    assert_eq!(second.flag("BackendTLSResumed"), Some(true));
    assert!(
        !second.text("BackendTLSVerifiedBy").is_empty(),
        "a resumed bridge is a verified one: {second:?}"
    );
}

#[test]
fn c9_after_a_change_of_trust_no_request_uses_a_bridge_made_under_the_old_one() {
    let pki = Pki::new();
    let origin = Origin::https(pki.server(&["http/1.1"]), |_| ok(""));
    let stranger = Ca::new("Another CA");
    let with_ca = |ca: &Ca| {
        pki.base(origin.port())
            .secret("backend-ca", &[("ca.crt", ca.pem())])
            .transport(TRANSPORT, trusting(json!({})))
            .route(crate::fixture::secure_route("https").transport(TRANSPORT))
            .yaml()
    };
    let viaduct = up()
        .arg("--workers=1")
        .arg("--rotation-overlap=0")
        .file("b.yaml", with_ca(&pki.backend_ca))
        .start();
    let mut client = pki.open(&viaduct);
    assert_eq!(client.get(HOST, "/").status, 200, "{}", viaduct.log());
    // The pooled connection and the session would both still work; neither may be used.
    viaduct.replace("b.yaml", &with_ca(&stranger));
    wait_until("the new trust to be used", || {
        client.get(HOST, "/after").status == 502
    });
    assert_eq!(client.get(HOST, "/again").status, 502);
    assert_eq!(viaduct.wait_access("/again").fault(), "unknown_ca");
}

#[test]
fn a14_3_tls13_alone_can_be_asked_for() {
    let pki = Pki::new();
    let nginx = Nginx::server(&pki.backend, "ssl_protocols TLSv1.2 TLSv1.3;");
    for (spec, version) in [
        (json!({ "minVersion": "VersionTLS13" }), "1.3"),
        (
            json!({ "minVersion": "VersionTLS12", "maxVersion": "VersionTLS12" }),
            "1.2",
        ),
        (
            json!({ "minVersion": "VersionTLS13", "maxVersion": "VersionTLS13" }),
            "1.3",
        ),
    ] {
        let manifests = bridge(&pki, nginx.port(), trusting(spec));
        let viaduct = up().file("b.yaml", manifests.yaml()).start();
        assert_eq!(
            pki.curl(&viaduct).get(HOST, "/version").status,
            200,
            "{}",
            viaduct.log()
        );
        assert_eq!(viaduct.wait_access("/version").text("BackendTLSVersion"), version);
    }
}

#[test]
fn a14_6_an_unknown_cipher_takes_the_router_out_instead_of_meaning_the_default_set() {
    let pki = Pki::new();
    let nginx = Nginx::server(&pki.backend, "");
    let manifests = bridge(
        &pki,
        nginx.port(),
        trusting(json!({ "cipherSuites": ["TLS_NO_SUCH_SUITE"] })),
    );
    let viaduct = up().file("b.yaml", manifests.yaml()).start();
    viaduct.wait_log("TLS_NO_SUCH_SUITE");
    let answer = pki.curl(&viaduct).get(HOST, "/");
    assert!((500..600).contains(&answer.status), "{answer:?}");
}

#[test]
fn a7_4_of_several_client_certificates_the_acceptable_one_is_sent() {
    let pki = Pki::new();
    let (wanted, other) = (Ca::new("Wanted CA"), Ca::new("Other CA"));
    let subject = "location / { default_type text/plain; return 200 $ssl_client_s_dn; }";
    let nginx = Nginx::mutual(&pki.backend, &wanted, subject);
    let manifests = bridge(
        &pki,
        nginx.port(),
        trusting(json!({ "certificatesSecrets": ["other", "wanted"] })),
    )
    .tls_secret("other", &other.issue(Leaf::client("other")))
    .tls_secret("wanted", &wanted.issue(Leaf::client("wanted")));
    let viaduct = up().file("b.yaml", manifests.yaml()).start();
    assert_eq!(
        pki.curl(&viaduct).get(HOST, "/").body,
        "CN=wanted",
        "{}",
        viaduct.log()
    );
}

#[test]
fn a7_16_an_unknown_transport_takes_the_router_out() {
    let pki = Pki::new();
    let nginx = Nginx::server(&pki.backend, "");
    let manifests = pki
        .base(nginx.port())
        .route(crate::fixture::secure_route("https").transport("no-such-transport"));
    let viaduct = up().file("b.yaml", manifests.yaml()).start();
    let log = viaduct.wait_log("no-such-transport");
    assert!(log.contains("web/web-ingressroute"), "{log}");
    assert_ne!(pki.curl(&viaduct).get(HOST, "/").status, 200);
}

#[test]
fn a7_17_an_unrelated_change_keeps_the_pool() {
    let pki = Pki::new();
    let origin = Origin::https(pki.server(&["http/1.1"]), |_| ok(""));
    let bridge = bridge(&pki, origin.port(), trusting(json!({})));
    let viaduct = up().arg("--workers=1").file("b.yaml", bridge.yaml()).start();
    let mut client = pki.open(&viaduct);
    assert_eq!(client.get(HOST, "/").status, 200, "{}", viaduct.log());
    let route = viaduct_testkit::manifest::Route::secure(
        "other",
        "Host(`other.example.com`)",
        crate::fixture::BACKEND,
        "https",
    );
    let more = bridge.route(route.transport(TRANSPORT));
    viaduct.replace("b.yaml", &more.yaml());
    wait_until("the new route", || {
        pki.curl(&viaduct)
            .args(&["--insecure"])
            .get("other.example.com", "/")
            .status
            == 200
    });
    assert_eq!(client.get(HOST, "/").status, 200);
    assert_eq!(origin.connections(), 1, "one connection served all of it");
}
