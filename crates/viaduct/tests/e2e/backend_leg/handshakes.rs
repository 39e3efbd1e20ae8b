//! The handshake ends otherwise than in agreement.

use std::time::Duration;

use serde_json::json;
use viaduct_testkit::nginx::Nginx;
use viaduct_testkit::openssl::SServer;
use viaduct_testkit::origin::{Origin, Wire, ok};
use viaduct_testkit::pki::{Ca, KeyKind, Leaf, Validity};

use super::{Failure, bridge, trusting};
use crate::fixture::{HOST, Pki, secure_route};

/// `openssl s_server` that insists on a certificate of `ca`.
pub(crate) fn demanding(pki: &Pki, ca: &Ca) -> (SServer, tempfile::TempDir) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = ca
        .write_to(directory.path(), "client-ca.crt")
        .display()
        .to_string();
    let server = SServer::start(
        &pki.backend,
        &["-Verify", "2", "-verify_return_error", "-CAfile", &file],
    );
    (server, directory)
}

#[test]
fn c1_client_cert_missing() {
    let pki = Pki::new();
    let (server, _directory) = demanding(&pki, &Ca::new("Client CA"));
    let failure = Failure {
        fault: "client_cert_missing",
        status: 502,
        log: &["certificatesSecrets", "Client CA"],
    };
    failure.check(&pki, &bridge(&pki, server.port(), trusting(json!({}))));
}

#[test]
fn c1_client_cert_refused() {
    let pki = Pki::new();
    let ca = Ca::new("Client CA");
    let (server, _directory) = demanding(&pki, &ca);
    let expired = ca.issue(Leaf::client("the ingress").valid(Validity::expired()));
    let manifests = bridge(
        &pki,
        server.port(),
        trusting(json!({ "certificatesSecrets": ["client-pair"] })),
    )
    .tls_secret("client-pair", &expired);
    let failure = Failure {
        fault: "client_cert_refused",
        status: 502,
        log: &["certificatesSecrets"],
    };
    failure.check(&pki, &manifests);
}

#[test]
fn c1_client_cert_unusable_takes_the_router_out() {
    let pki = Pki::new();
    let nginx = Nginx::server(&pki.backend, "");
    let manifests = bridge(
        &pki,
        nginx.port(),
        trusting(json!({ "certificatesSecrets": ["client-pair"] })),
    )
    .secret("client-pair", &[("tls.crt", "nonsense"), ("tls.key", "nonsense")]);
    let viaduct = crate::fixture::up().file("b.yaml", manifests.yaml()).start();
    viaduct.wait_log("ServersTransport web/web-transport");
    assert!(viaduct.log().contains("certificate"), "{}", viaduct.log());
    let answer = pki.curl(&viaduct).get(HOST, "/unusable");
    assert!((500..600).contains(&answer.status), "{answer:?}");
}

#[test]
fn c1_plaintext_on_tls_port() {
    let pki = Pki::new();
    // A plain HTTP server answers a ClientHello with a complaint.
    let origin = Nginx::plain("listen {port}; location / { return 200 nginx; }");
    let failure = Failure {
        fault: "plaintext_on_tls_port",
        status: 502,
        log: &["scheme"],
    };
    failure.check(&pki, &bridge(&pki, origin.port(), trusting(json!({}))));
}

#[test]
fn c1_tls_on_plain_port() {
    // A server that answers plain text with an alert; OpenSSL's closes without a word.
    let pki = Pki::new();
    let server = Origin::https(pki.server(&["http/1.1"]), |_| ok(""));
    let manifests = pki.base(server.port()).route(secure_route("http"));
    let failure = Failure {
        fault: "tls_on_plain_port",
        status: 502,
        log: &["https"],
    };
    failure.check(&pki, &manifests);
}

#[test]
fn c1_version_or_cipher_by_version() {
    let pki = Pki::new();
    let server = SServer::start(&pki.backend, &["-tls1_2"]);
    let failure = Failure {
        fault: "version_or_cipher",
        status: 502,
        log: &["1.3"],
    };
    failure.check(
        &pki,
        &bridge(
            &pki,
            server.port(),
            trusting(json!({ "minVersion": "VersionTLS13" })),
        ),
    );
}

#[test]
fn c1_version_or_cipher_by_cipher() {
    let pki = Pki::new();
    let rsa = pki.backend_ca.issue(Leaf::server(HOST).key(KeyKind::Rsa2048));
    let server = SServer::start(&rsa, &["-tls1_2", "-cipher", "AES256-GCM-SHA384"]);
    let failure = Failure {
        fault: "version_or_cipher",
        status: 502,
        log: &[],
    };
    failure.check(&pki, &bridge(&pki, server.port(), trusting(json!({}))));
}

#[test]
fn c1_version_or_cipher_of_a_server_without_tls12() {
    let pki = Pki::new();
    let server = SServer::start(&pki.backend, &["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"]);
    let failure = Failure {
        fault: "version_or_cipher",
        status: 502,
        log: &[],
    };
    failure.check(&pki, &bridge(&pki, server.port(), trusting(json!({}))));
}

#[test]
fn c1_alpn() {
    let pki = Pki::new();
    let origin = SServer::start(&pki.backend, &["-alpn", "something-else"]);
    let failure = Failure {
        fault: "alpn",
        status: 502,
        log: &[],
    };
    failure.check(&pki, &bridge(&pki, origin.port(), trusting(json!({}))));
}

#[test]
fn c1_unrecognized_name() {
    let pki = Pki::new();
    let nginx = Nginx::server(&pki.backend, "ssl_reject_handshake on;");
    let failure = Failure {
        fault: "unrecognized_name",
        status: 502,
        log: &[HOST],
    };
    failure.check(&pki, &bridge(&pki, nginx.port(), trusting(json!({}))));
}

#[test]
fn c1_handshake_closed() {
    let pki = Pki::new();
    // It wants a PROXY header.
    let origin = Nginx::server_behind_a_balancer(&pki.backend, "");
    let failure = Failure {
        fault: "handshake_closed",
        status: 502,
        log: &[],
    };
    failure.check(&pki, &bridge(&pki, origin.port(), trusting(json!({}))));
}

/// nginx that reads the certificate of each name when it is asked for, and has none: the alert internal_error.
pub(crate) fn without_certificate(pki: &Pki) -> Nginx {
    let directives =
        "ssl_certificate {dir}/$ssl_server_name.crt; ssl_certificate_key {dir}/$ssl_server_name.key;";
    Nginx::server(&pki.backend, directives)
}

#[test]
fn c1_handshake_failed() {
    let pki = Pki::new();
    let origin = without_certificate(&pki);
    let failure = Failure {
        fault: "handshake_failed",
        status: 502,
        log: &[],
    };
    failure.check(&pki, &bridge(&pki, origin.port(), trusting(json!({}))));
}

#[test]
fn c1_handshake_timeout() {
    let pki = Pki::new();
    let origin = SServer::start(&pki.backend, &[]);
    origin.pause();
    let failure = Failure {
        fault: "handshake_timeout",
        status: 504,
        log: &[],
    };
    let started = std::time::Instant::now();
    failure.check(&pki, &bridge(&pki, origin.port(), trusting(json!({}))));
    let taken = started.elapsed();
    assert!(
        taken >= Duration::from_secs(9) && taken < Duration::from_secs(18),
        "10 s are given: {taken:?}"
    );
}

#[test]
fn c48_plain_text_around_the_handshake_is_no_answer() {
    let pki = Pki::new();
    let injected = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL";
    let behind = Origin::script_tls(pki.server(&["http/1.1"]), move |wire: Wire<'_>| {
        wire.read(&mut [0; 4096]).unwrap_or_default();
        // Past TLS, onto the socket.
        let mut socket = wire.socket();
        std::io::Write::write_all(&mut socket, injected).unwrap_or_default();
    });
    let record = [&[23, 3, 3, 0, 42][..], injected].concat();
    let as_record = Origin::script_tls(pki.server(&["http/1.1"]), move |wire: Wire<'_>| {
        wire.read(&mut [0; 4096]).unwrap_or_default();
        let mut socket = wire.socket();
        std::io::Write::write_all(&mut socket, &record).unwrap_or_default();
    });
    for origin in [behind, as_record] {
        let viaduct = crate::fixture::up()
            .file("b.yaml", pki.bridge(origin.port()).yaml())
            .start();
        let answer = pki.curl(&viaduct).get(HOST, "/injected");
        assert_eq!(answer.status, 502, "{answer:?}");
        assert!(!answer.body.contains("EVIL"), "{answer:?}");
    }
}
