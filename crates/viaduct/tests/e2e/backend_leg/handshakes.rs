//! The handshake ends otherwise than in agreement.

use std::time::Duration;

use serde_json::json;
use viaduct_testkit::nginx::Nginx;
use viaduct_testkit::openssl::SServer;
use viaduct_testkit::origin::{Origin, Wire, ok};
use viaduct_testkit::pki::{Ca, KeyKind, Leaf, Validity};

use super::{Failure, bridge, trusting};
use crate::fixture::{HOST, Pki};

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
    // nginx ends the handshake all the same, and complains in HTTP.
    let nginx = Nginx::mutual(&pki.backend, &Ca::new("Client CA"), "");
    let failure = Failure {
        status: 400,
        ..failure
    };
    let manifests = bridge(&pki, nginx.port(), trusting(json!({})));
    let (viaduct, ..) = failure.check(&pki, &manifests);
    // A session that is taken up again has no such question in its handshake.
    assert_eq!(pki.curl(&viaduct).get(HOST, "/again").status, 400);
    assert_eq!(viaduct.wait_access("/again").fault(), "client_cert_missing");
}

#[test]
fn c1_a_page_that_reads_like_a_complaint_is_none_where_no_certificate_was_asked_for() {
    let pki = Pki::new();
    let page = r#"location / { return 400 "<html>\r\n<head><title>400 No required SSL certificate was sent</title>"; }"#;
    let nginx = Nginx::server(&pki.backend, page);
    let viaduct = crate::fixture::up()
        .file("b.yaml", pki.bridge(nginx.port()).yaml())
        .start();
    let answer = pki.curl(&viaduct).get(HOST, "/page");
    assert_eq!(answer.status, 400);
    assert!(answer.body.contains("required SSL"), "{answer:?}");
    assert_eq!(viaduct.wait_access("/page").fault(), "");
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
    let nginx = Nginx::mutual(&pki.backend, &ca, "");
    let failure = Failure {
        status: 400,
        ..failure
    };
    let pair = trusting(json!({ "certificatesSecrets": ["client-pair"] }));
    let manifests = bridge(&pki, nginx.port(), pair).tls_secret("client-pair", &expired);
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
    let pki = Pki::new();
    // OpenSSL's server closes without a word, rustls's with an alert, and nginx understands plain HTTP and says so.
    let openssl = SServer::start(&pki.backend, &[]);
    let rustls = Origin::https(pki.server(&["http/1.1"]), |_| ok(""));
    let nginx = Nginx::server(&pki.backend, "");
    for (port, status) in [(openssl.port(), 502), (rustls.port(), 502), (nginx.port(), 400)] {
        let failure = Failure {
            fault: "tls_on_plain_port",
            status,
            log: &["https"],
        };
        failure.check(&pki, &pki.edge_only(port));
    }
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
    let newer = SServer::start(&pki.backend, &["-alpn", "h2"]);
    let older = trusting(json!({ "disableHTTP2": true }));
    failure.check(&pki, &bridge(&pki, newer.port(), older));
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
