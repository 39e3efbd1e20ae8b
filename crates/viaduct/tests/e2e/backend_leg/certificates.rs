//! The server's certificate is not acceptable.

use serde_json::json;
use viaduct_testkit::nginx::Nginx;
use viaduct_testkit::openssl::SServer;
use viaduct_testkit::pki::{Authority, Ca, Leaf, Usage, Validity};

use super::{Failure, bridge, trusting};
use crate::fixture::{HOST, Pki};

#[test]
fn c1_unknown_ca() {
    let pki = Pki::new();
    let nginx = Nginx::server(&Ca::new("Somebody Else").issue(Leaf::server(HOST)), "");
    let failure = Failure {
        fault: "unknown_ca",
        status: 502,
        log: &["Somebody Else", "rootCAs", "web-transport"],
    };
    failure.check(&pki, &bridge(&pki, nginx.port(), trusting(json!({}))));
}

#[test]
fn c1_name_mismatch() {
    let pki = Pki::new();
    let nginx = Nginx::server(&pki.backend_ca.issue(Leaf::server("other.example.com")), "");
    let failure = Failure {
        fault: "name_mismatch",
        status: 502,
        log: &[
            HOST,
            "other.example.com",
            "serverName: other.example.com",
            "web/web-transport",
        ],
    };
    failure.check(&pki, &bridge(&pki, nginx.port(), trusting(json!({}))));
}

#[test]
fn c1_no_ip_san() {
    let pki = Pki::new();
    let nginx = Nginx::server(&pki.backend, "");
    let failure = Failure {
        fault: "no_ip_san",
        status: 502,
        log: &["127.0.0.1", "serverName: web.example.com"],
    };
    failure.check(
        &pki,
        &bridge(
            &pki,
            nginx.port(),
            json!({ "rootCAs": [{ "secret": "backend-ca" }] }),
        ),
    );
}

#[test]
fn c1_uri_mismatch() {
    let pki = Pki::new();
    let identity = pki
        .backend_ca
        .issue(Leaf::server(HOST).uri("spiffe://example.com/other"));
    let nginx = Nginx::server(&identity, "");
    let failure = Failure {
        fault: "uri_mismatch",
        status: 502,
        log: &["spiffe://example.com/wanted", "spiffe://example.com/other"],
    };
    let spec = trusting(json!({ "peerCertURI": "spiffe://example.com/wanted" }));
    failure.check(&pki, &bridge(&pki, nginx.port(), spec));
}

#[test]
fn c1_expired() {
    let pki = Pki::new();
    let identity = pki
        .backend_ca
        .issue(Leaf::server(HOST).valid(Validity::expired()));
    let nginx = Nginx::server(&identity, "");
    let failure = Failure {
        fault: "expired",
        status: 502,
        log: &["renew"],
    };
    failure.check(&pki, &bridge(&pki, nginx.port(), trusting(json!({}))));
}

#[test]
fn c1_not_yet_valid() {
    let pki = Pki::new();
    let identity = pki
        .backend_ca
        .issue(Leaf::server(HOST).valid(Validity::not_yet()));
    let nginx = Nginx::server(&identity, "");
    let failure = Failure {
        fault: "not_yet_valid",
        status: 502,
        log: &["clock"],
    };
    failure.check(&pki, &bridge(&pki, nginx.port(), trusting(json!({}))));
}

#[test]
fn c1_wrong_usage() {
    let pki = Pki::new();
    let identity = pki.backend_ca.issue(Leaf::server(HOST).usage(Usage::Client));
    let nginx = Nginx::server(&identity, "");
    let failure = Failure {
        fault: "wrong_usage",
        status: 502,
        log: &[],
    };
    failure.check(&pki, &bridge(&pki, nginx.port(), trusting(json!({}))));
}

#[test]
fn c1_name_constraint() {
    let pki = Pki::new();
    let limited = Authority::new("Limited CA")
        .permit_dns("example.org")
        .signed_by(&pki.backend_ca);
    let nginx = Nginx::server(&limited.issue(Leaf::server(HOST)), "");
    let failure = Failure {
        fault: "name_constraint",
        status: 502,
        log: &[],
    };
    failure.check(&pki, &bridge(&pki, nginx.port(), trusting(json!({}))));
}

#[test]
fn c1_bad_certificate() {
    let pki = Pki::new();
    let identity = pki.backend_ca.issue_with_critical_extension(Leaf::server(HOST));
    let server = SServer::start(&identity, &[]);
    let failure = Failure {
        fault: "bad_certificate",
        status: 502,
        log: &[],
    };
    failure.check(&pki, &bridge(&pki, server.port(), trusting(json!({}))));
}

#[test]
fn a7_18_an_intermediate_sent_by_the_backend_only_is_enough() {
    let pki = Pki::new();
    let identity = pki.backend_ca.intermediate("Middle").issue(Leaf::server(HOST));
    let nginx = Nginx::server(&identity, "");
    let viaduct = crate::fixture::up()
        .file("b.yaml", bridge(&pki, nginx.port(), trusting(json!({}))).yaml())
        .start();
    assert_eq!(pki.curl(&viaduct).get(HOST, "/").status, 200, "{}", viaduct.log());
}

#[test]
fn c1_ca_missing_takes_the_router_out_and_trust_is_not_widened() {
    let pki = Pki::new();
    let nginx = Nginx::server(&pki.backend, "");
    for spec in [
        json!({ "serverName": HOST, "rootCAs": [{ "secret": "nowhere" }] }),
        json!({ "serverName": HOST, "rootCAs": [{ "configMap": "nowhere" }] }),
        json!({ "serverName": HOST, "rootCAs": [{ "secret": "backend-ca" }, { "secret": "nowhere" }] }),
    ] {
        let manifests = bridge(&pki, nginx.port(), spec);
        let viaduct = crate::fixture::up().file("b.yaml", manifests.yaml()).start();
        viaduct.wait_log("nowhere");
        assert!(
            viaduct.log().contains("web/web-transport") || viaduct.log().contains("`web-web-transport`"),
            "{}",
            viaduct.log()
        );
        let answer = pki.curl(&viaduct).get(HOST, "/ca-missing");
        assert!((500..600).contains(&answer.status), "{answer:?}");
    }
}
