//! Faults that no edit of ours mends: what is advised is done, and the same request succeeds.

use serde_json::{Value, json};
use viaduct_testkit::haproxy::Haproxy;
use viaduct_testkit::manifest::Manifests;
use viaduct_testkit::nginx::Nginx;
use viaduct_testkit::openssl::SServer;
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::pki::{Authority, Issued, Leaf, Usage, Validity};
use viaduct_testkit::port::closed_port;
use viaduct_tls::Reason;

use super::provoke;
use crate::backend_leg::{bridge, handshakes, network, trusting};
use crate::fixture::{BACKEND, FRONT_SECRET, HOST, Pki, TRANSPORT, secure_route};

/// A server whose certificate is at fault, until it is replaced.
#[track_caller]
fn reissued(pki: &Pki, bad: &Issued, reason: Reason, words: [&str; 3]) {
    let nginx = Nginx::server(bad, "");
    let manifests = bridge(pki, nginx.port(), trusting(json!({})));
    let broken = provoke(pki, manifests, reason, words);
    assert_eq!(broken.told["suggestion"], Value::Null, "nothing of ours helps");
    nginx.rotate(&pki.backend_ca.issue(Leaf::server(HOST)));
    broken.succeeds(pki);
}

const RENEW: &str = "renew the server's certificate";

#[test]
fn c2_expired() {
    let pki = Pki::new();
    let leaf = Leaf::server(HOST).valid(Validity::expired());
    let bad = pki.backend_ca.issue(leaf);
    reissued(&pki, &bad, Reason::Expired, ["valid at", "expired at", RENEW]);
}

#[test]
fn c2_not_yet_valid() {
    let pki = Pki::new();
    let bad = pki
        .backend_ca
        .issue(Leaf::server(HOST).valid(Validity::not_yet()));
    let fix = "set the clock of this machine, or of the one that issued the certificate";
    reissued(&pki, &bad, Reason::NotYetValid, ["valid at", "valid from", fix]);
}

#[test]
fn c2_wrong_usage() {
    let pki = Pki::new();
    let bad = pki.backend_ca.issue(Leaf::server(HOST).usage(Usage::Client));
    reissued(
        &pki,
        &bad,
        Reason::WrongUsage,
        [
            "extended key usage",
            "clientAuth",
            "issue the certificate with the extended key usage `serverAuth`; a client's certificate does not serve as a server's",
        ],
    );
}

#[test]
fn c2_name_constraint() {
    let pki = Pki::new();
    let limited = Authority::new("Limited CA")
        .permit_dns("example.org")
        .signed_by(&pki.backend_ca);
    let fix = "issue the certificate from a CA whose name constraints allow the name";
    reissued(
        &pki,
        &limited.issue(Leaf::server(HOST)),
        Reason::NameConstraint,
        ["", "", fix],
    );
}

#[test]
fn c2_bad_certificate() {
    let pki = Pki::new();
    let bad = pki.backend_ca.issue_with_critical_extension(Leaf::server(HOST));
    reissued(
        &pki,
        &bad,
        Reason::BadCertificate,
        [
            "critical extensions",
            "another",
            "issue a certificate with an RSA key of 2048 bits or more or an elliptic-curve key, signed with SHA-256 or better, and let the server send its intermediates in order",
        ],
    );
}

#[test]
fn c2_unrecognized_name() {
    let pki = Pki::new();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let known = pki.backend_ca.issue(Leaf::server("known.example.com"));
    let files = known.write_to(directory.path(), "known");
    let (cert, key) = (files.cert.display().to_string(), files.key.display().to_string());
    let demand = ["-servername", "known.example.com", "-servername_fatal"];
    let server = SServer::start(&known, &[&demand[..], &["-cert2", &cert, "-key2", &key]].concat());
    let fix = "set `serverName` in ServersTransport web/web-transport to a name that the server has a certificate for";
    let broken = provoke(
        &pki,
        bridge(&pki, server.port(), trusting(json!({}))),
        Reason::UnrecognizedName,
        [HOST, "unrecognized_name", fix],
    );
    let named = trusting(json!({ "serverName": "known.example.com" }));
    broken.mend_by(&bridge(&pki, server.port(), named), &pki);
}

/// A server of another kind takes its place.
#[track_caller]
fn replaced(pki: &Pki, port: u16, spec: Value, reason: Reason, words: [&str; 3]) {
    let broken = provoke(pki, bridge(pki, port, spec.clone()), reason, words);
    assert_eq!(broken.told["suggestion"], Value::Null, "nothing of ours helps");
    let nginx = Nginx::server(&pki.backend, "");
    broken.mend_by(&bridge(pki, nginx.port(), spec), pki);
}

#[test]
fn c2_version_or_cipher_of_a_server_that_has_nothing_of_today() {
    let pki = Pki::new();
    let server = SServer::start(&pki.backend, &["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"]);
    let fix = "widen `minVersion`, `maxVersion` or `cipherSuites`, or let the server speak TLS 1.2 or 1.3 with an AEAD cipher suite and ECDHE";
    let words = ["TLS version", "protocol_version", fix];
    replaced(
        &pki,
        server.port(),
        trusting(json!({})),
        Reason::VersionOrCipher,
        words,
    );
}

#[test]
fn c2_alpn_of_a_server_that_speaks_something_else() {
    let pki = Pki::new();
    let server = SServer::start(&pki.backend, &["-alpn", "something-else"]);
    let fix = "let the server offer `http/1.1` or `h2`; with `disableHTTP2: true` only `http/1.1` is offered";
    let words = ["ALPN", "no_application_protocol", fix];
    replaced(&pki, server.port(), trusting(json!({})), Reason::Alpn, words);
}

#[test]
fn c2_handshake_timeout_of_a_silent_server() {
    let pki = Pki::new();
    let server = SServer::start(&pki.backend, &[]);
    server.pause();
    let fix = "look at the server's load and at the network: 10 s went by without a handshake";
    let broken = provoke(
        &pki,
        bridge(&pki, server.port(), trusting(json!({}))),
        Reason::HandshakeTimeout,
        ["a finished TLS handshake", "nothing within 10s", fix],
    );
    server.resume();
    broken.succeeds(&pki);
}

#[test]
fn c2_handshake_closed_by_a_server_that_wants_a_proxy_header() {
    let pki = Pki::new();
    let nginx = Nginx::server_behind_a_balancer(&pki.backend, "");
    let fix = "read the server's log: often it expects a PROXY header, or another protocol, at this port";
    let words = ["", "", fix];
    replaced(
        &pki,
        nginx.port(),
        trusting(json!({})),
        Reason::HandshakeClosed,
        words,
    );
}

#[test]
fn c2_handshake_failed() {
    let pki = Pki::new();
    let server = handshakes::without_certificate(&pki);
    let fix = "read the server's log: `got` names the alert or the error";
    let words = ["a complete TLS handshake", "internal_error", fix];
    replaced(
        &pki,
        server.port(),
        trusting(json!({})),
        Reason::HandshakeFailed,
        words,
    );
}

#[test]
fn c2_connect_refused() {
    let pki = Pki::new();
    let fix = "nothing listens at the server's port: compare `port` at the service of IngressRoute web/web-ingressroute with the ports of its Service and of its endpoints, and these with where the application listens";
    let words = ["a connection to 127.0.0.1", "refused", fix];
    replaced(
        &pki,
        closed_port(),
        trusting(json!({})),
        Reason::ConnectRefused,
        words,
    );
}

#[test]
fn c2_connect_timeout() {
    let pki = Pki::new();
    let (listener, _fillers) = network::full_listener();
    let port = listener.local_addr().expect("an address").port();
    let spec = trusting(json!({ "forwardingTimeouts": { "dialTimeout": "300ms" } }));
    let fix = "set `forwardingTimeouts.dialTimeout` in ServersTransport web/web-transport to a longer time, if the network allows the connection at all";
    let words = ["a connection to 127.0.0.1", "300ms", fix];
    replaced(&pki, port, spec, Reason::ConnectTimeout, words);
}

/// The route, to a server that is known by name only.
fn external(pki: &Pki, name: &str, port: u16) -> Manifests {
    Manifests::new()
        .tls_secret(FRONT_SECRET, &pki.front)
        .route(secure_route("http"))
        .object(json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": { "name": BACKEND, "namespace": "web" },
            "spec": {
                "type": "ExternalName", "externalName": name,
                "ports": [{ "port": 443, "targetPort": port }],
            },
        }))
}

#[test]
fn c2_connect_failed() {
    let pki = Pki::new();
    // The broadcast address of the loopback network: the kernel refuses it at once.
    let broken = provoke(
        &pki,
        external(&pki, "127.255.255.255", 443),
        Reason::ConnectFailed,
        [
            "127.255.255.255:443",
            "nreachable",
            "correct the server's address or the route to it: `got` is the system's error",
        ],
    );
    let server = Origin::http(|_| ok("found"));
    broken.mend_by(&pki.edge_only(server.port()), &pki);
}

#[test]
fn c2_dns() {
    let pki = Pki::new();
    // A label longer than the 63 bytes there may be: no resolver is asked, so none is needed.
    let name = format!("{}.invalid", "x".repeat(64));
    let broken = provoke(
        &pki,
        external(&pki, &name, 443),
        Reason::Dns,
        [
            &name,
            "",
            "correct the server's name, or the resolver of this machine",
        ],
    );
    let server = Origin::http(|_| ok("found"));
    broken.mend_by(&pki.edge_only(server.port()), &pki);
}

#[test]
fn c2_closed_before_response() {
    let fix = "read the server's log: it closed the connection without an answer; a keep-alive time-out shorter than ours shows as this only for requests that may not be sent twice";
    let words = ["an HTTP answer", "the connection ended", fix];
    let pki = Pki::new();
    let silent = Nginx::plain("listen {port}; location / { return 444; }");
    let broken = provoke(
        &pki,
        pki.edge_only(silent.port()),
        Reason::ClosedBeforeResponse,
        words,
    );
    assert_eq!(broken.told["suggestion"], Value::Null, "nothing of ours helps");
    let nginx = Nginx::plain("listen {port}; location / { return 200 nginx; }");
    broken.mend_by(&pki.edge_only(nginx.port()), &pki);
}

#[test]
fn c2_bad_response() {
    let fix = "correct the server, or the port if it speaks another protocol: `got` says what was wrong";
    let words = ["an HTTP answer", "HTTP", fix];
    let pki = Pki::new();
    // It sends every line back, the other way round.
    let other_protocol = SServer::start(&pki.backend, &["-rev"]);
    replaced(
        &pki,
        other_protocol.port(),
        trusting(json!({})),
        Reason::BadResponse,
        words,
    );
}

#[test]
fn c2_body_broken() {
    let pki = Pki::new();
    let fix =
        "read the server's log: it broke off inside the body, so the client's connection was cut on purpose";
    let words = ["the whole body", "", fix];
    // HAProxy gives nginx up in the middle of its answer.
    let slow = Nginx::plain("listen {port}; location / { root {dir}; limit_rate 1k; }");
    std::fs::write(slow.directory().join("body_broken"), "part of it".repeat(10_000)).expect("a file");
    let hasty = Haproxy::impatient(slow.address(), "200ms");
    let broken = provoke(
        &pki,
        pki.edge_only(hasty.address().port()),
        Reason::BodyBroken,
        words,
    );
    assert_eq!(broken.told["suggestion"], Value::Null, "nothing of ours helps");
    let nginx = Nginx::plain("listen {port}; location / { return 200 nginx; }");
    let patient = Haproxy::impatient(nginx.address(), "20s");
    broken.mend_by(&pki.edge_only(patient.address().port()), &pki);
}

#[test]
fn c2_response_timeout() {
    let pki = Pki::new();
    let nginx = Nginx::plain("listen {port}; location / { return 200 nginx; }");
    let server = Haproxy::slow(nginx.address(), "600ms");
    let limited = |limit: &str| {
        let timeouts = json!({ "forwardingTimeouts": { "responseHeaderTimeout": limit } });
        pki.base(server.address().port())
            .transport(TRANSPORT, timeouts)
            .route(secure_route("http").transport(TRANSPORT))
    };
    let fix = "set `forwardingTimeouts.responseHeaderTimeout` in ServersTransport web/web-transport to a longer time, or make the server faster";
    let broken = provoke(
        &pki,
        limited("300ms"),
        Reason::ResponseTimeout,
        ["", "300ms", fix],
    );
    broken.mend_by(&limited("20s"), &pki);
}
