//! Which protocol a connection speaks, and clients that agree to one and speak another (C44, C45, A2.21).

use std::io::Read;

use serde_json::json;
use viaduct_testkit::h2;
use viaduct_testkit::http1::{self, Connection};
use viaduct_testkit::manifest::Route;
use viaduct_testkit::openssl::handshake;
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::pki::Ca;
use viaduct_testkit::tls::{Dial, dial_plain};

use crate::fixture::{BACKEND, FRONT_SECRET, HOST, Pki, RULE, up};

#[test]
fn c45_cve_2026_22045_only_http_is_agreed_to() {
    let pki = Pki::new();
    let origin = Origin::http(|_| ok("served"));
    let viaduct = up().file("b.yaml", pki.edge_only(origin.port()).yaml()).start();
    let dial = |alpn: &[&str]| {
        Dial::new(viaduct.websecure(), &pki.edge_ca)
            .alpn(alpn)
            .connect(HOST)
    };
    for foreign in [
        &["acme-tls/1"][..],
        &["ftp"],
        &["smtp", "imap"],
        &["h2c"],
        &["http/1.0"],
    ] {
        assert!(dial(foreign).is_err(), "{foreign:?}");
    }
    for (offered, wanted) in [
        (&[][..], None),
        (&["http/1.1"][..], Some(&b"http/1.1"[..])),
        (&["ftp", "http/1.1"], Some(b"http/1.1")),
        (&["http/1.1", "h2"], Some(b"h2")),
    ] {
        let stream = dial(offered).unwrap_or_else(|error| panic!("{offered:?}: {error}"));
        assert_eq!(stream.conn.alpn_protocol(), wanted, "{offered:?}");
    }
    assert_eq!(
        Connection::new(dial(&[]).expect("a handshake without ALPN"))
            .get(HOST, "/")
            .text(),
        "served"
    );
}

#[test]
fn c45_who_speaks_another_protocol_than_agreed_reaches_nobody() {
    let pki = Pki::new();
    let origin = Origin::http(|_| ok("served"));
    let viaduct = up().file("b.yaml", pki.edge_only(origin.port()).yaml()).start();
    let dial = |alpn: &str| {
        Dial::new(viaduct.websecure(), &pki.edge_ca)
            .alpn(&[alpn])
            .open(HOST)
    };

    let mut http1_for_h2 = Connection::new(dial("h2"));
    http1_for_h2.send(format!("GET /mixed HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
    let said = http1_for_h2.rest();
    assert!(!said.starts_with(b"HTTP/"), "{}", String::from_utf8_lossy(&said));

    let mut h2_for_http1 = h2::Connection::open(dial("http/1.1"));
    h2_for_http1.get(1, HOST, "/mixed");
    let mut said = Vec::new();
    h2_for_http1.stream().read_to_end(&mut said).unwrap_or_default();
    assert!(
        said.is_empty() || said.starts_with(b"HTTP/1.1 4") || said.starts_with(b"HTTP/1.1 5"),
        "{}",
        String::from_utf8_lossy(&said)
    );
    // ALPACA: another protocol's greeting.
    for line in ["EHLO mail.example.com\r\n", "USER anonymous\r\nPASS x\r\n"] {
        let mut connection = Connection::new(dial("http/1.1"));
        connection.send(line);
        let said = connection.rest();
        assert!(
            said.is_empty() || said.starts_with(b"HTTP/1.1 400"),
            "{line}: {}",
            String::from_utf8_lossy(&said)
        );
    }
    assert!(origin.requests().is_empty());
}

#[test]
fn c44_without_a_name_or_with_an_unknown_one_client_certificates_are_still_demanded() {
    let pki = Pki::new();
    let origin = Origin::http(|_| ok("served"));
    let ca = Ca::new("Client CA");
    let manifests = pki
        .base(origin.port())
        .secret("client-ca", &[("ca.crt", ca.pem())])
        .tls_option(
            "mutual",
            json!({ "clientAuth": { "secretNames": ["client-ca"] } }),
        )
        .route(
            Route::secure("web", RULE, BACKEND, "http")
                .certificate(FRONT_SECRET)
                .options("mutual"),
        );
    let viaduct = up().file("r.yaml", manifests.yaml()).start();
    for name in [
        &["-noservername"][..],
        &["-servername", "nobody.example.org"],
        &["-servername", "xn--nobody"],
    ] {
        let request = format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n");
        let output = viaduct_testkit::openssl::s_client(viaduct.websecure(), name, &request).output;
        assert!(
            output.contains("HTTP/1.1 421"),
            "the default options, and not this host's: {name:?}\n{output}"
        );
    }
    assert!(origin.requests().is_empty());
}

#[test]
fn c44_sni_strict_serves_no_default_certificate() {
    let pki = Pki::new();
    let origin = Origin::http(|_| ok("served"));
    let manifests = pki
        .edge_only(origin.port())
        .tls_option("default", json!({ "sniStrict": true }));
    let viaduct = up().file("r.yaml", manifests.yaml()).start();
    for (name, served) in [
        (&["-servername", HOST][..], true),
        (&["-noservername"], false),
        (&["-servername", "nobody.example.org"], false),
    ] {
        let output = handshake(viaduct.websecure(), name).output;
        assert_eq!(output.contains("BEGIN CERTIFICATE"), served, "{name:?}\n{output}");
    }
}

#[test]
fn a2_21_the_other_protocol_is_explained_once_in_the_log() {
    let pki = Pki::new();
    let origin = Origin::http(|_| ok("served"));
    let manifests = pki.edge_only(origin.port()).route(Route::plain(
        "plain",
        "Host(`plain.example.com`)",
        BACKEND,
        "http",
    ));
    let viaduct = up().arg("--workers=1").file("r.yaml", manifests.yaml()).start();
    for _ in 0..3 {
        let answer = http1::once(
            viaduct.websecure(),
            format!("GET /plain HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"),
        );
        assert_eq!(answer.status, 404);
    }
    let line = viaduct.wait_log("plain HTTP to a router with TLS");
    assert!(
        line.contains("websecure") && line.contains("web-ingressroute") && line.contains("https://"),
        "{line}"
    );
    for _ in 0..3 {
        let mut connection = Connection::new(Dial::new(viaduct.web(), &pki.edge_ca).open(HOST));
        assert_eq!(connection.get("plain.example.com", "/tls").status, 404);
    }
    let line = viaduct.wait_log("TLS for a router without");
    assert!(
        line.contains("entry_point=\"web\"") && line.contains("tls: {}"),
        "{line}"
    );
    let log = viaduct.log();
    assert_eq!(
        (
            log.matches("plain HTTP to a router with TLS").count(),
            log.matches("TLS for a router without").count()
        ),
        (1, 1),
        "{log}"
    );
    // Nobody's host is nobody's business.
    http1::once(
        viaduct.websecure(),
        "GET / HTTP/1.1\r\nHost: nobody.example.org\r\nConnection: close\r\n\r\n",
    );
    assert!(!viaduct.log().contains("nobody.example.org"));
}

#[test]
fn c7_bytes_of_no_protocol_are_answered_or_closed() {
    let pki = Pki::new();
    let origin = Origin::http(|_| ok("served"));
    let viaduct = up().file("b.yaml", pki.edge_only(origin.port()).yaml()).start();
    for address in [viaduct.web(), viaduct.websecure()] {
        for bytes in [
            &b"\0"[..],
            b"\x16\x03\x01\xff\xff\0\0",
            b"\x16\x03\x01\0\x05hello",
            b"\x80\x2e\x01\0\x02",
            b"\x15\x03\x01\0\x02\x02\x28",
            b"SSH-2.0-x\r\n\r\n",
            b"\x05\x01\0\r\n\r\n",
            b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET / HTTP/1.1\r\nHost: web.example.com\r\n\r\n",
            b"\r\n\r\n\r\n\r\n",
        ] {
            let mut connection = Connection::new(dial_plain(address));
            connection.send(bytes);
            connection
                .stream()
                .shutdown(std::net::Shutdown::Write)
                .unwrap_or_default();
            let said = connection.rest();
            assert!(!said.starts_with(b"HTTP/1.1 200"), "{bytes:?}");
        }
    }
    assert!(origin.requests().is_empty());
    assert_eq!(pki.curl(&viaduct).get(HOST, "/").status, 200);
}
