//! The server cannot be reached, or does not answer as HTTP wants it.

use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use serde_json::json;
use viaduct_testkit::manifest::Manifests;
use viaduct_testkit::nginx::Nginx;
use viaduct_testkit::openssl::SServer;
use viaduct_testkit::origin::Origin;
use viaduct_testkit::port::closed_port;

use super::{Failure, bridge, trusting};
use crate::fixture::{BACKEND, FRONT_SECRET, HOST, Pki, secure_route, up};

#[test]
fn c1_connect_refused() {
    let pki = Pki::new();
    let failure = Failure {
        fault: "connect_refused",
        status: 502,
        log: &["127.0.0.1"],
    };
    failure.check(&pki, &bridge(&pki, closed_port(), trusting(json!({}))));
}

#[test]
fn c1_connect_timeout() {
    let pki = Pki::new();
    let (listener, _fillers) = full_listener();
    let port = listener.local_addr().expect("an address").port();
    let spec = trusting(json!({ "forwardingTimeouts": { "dialTimeout": "300ms" } }));
    let failure = Failure {
        fault: "connect_timeout",
        status: 504,
        log: &["300ms"],
    };
    failure.check(&pki, &bridge(&pki, port, spec));
}

/// A listener whose queue is full: the kernel drops further SYNs.
pub(crate) fn full_listener() -> (TcpListener, Vec<TcpStream>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    viaduct_testkit::port::shrink_backlog(&listener);
    let address = listener.local_addr().expect("an address");
    let patience = Duration::from_millis(200);
    let fillers: Vec<_> = std::iter::from_fn(|| TcpStream::connect_timeout(&address, patience).ok())
        .take(64)
        .collect();
    assert!(fillers.len() < 64, "the queue does not fill");
    (listener, fillers)
}

#[test]
fn c1_connect_failed() {
    let pki = Pki::new();
    // The broadcast address of the loopback network: the kernel refuses it at once.
    let failure = Failure {
        fault: "connect_failed",
        status: 502,
        log: &["nreachable"],
    };
    failure.check(&pki, &external(&pki, "127.255.255.255"));
}

#[test]
fn c1_dns() {
    let pki = Pki::new();
    // A label longer than the 63 bytes there may be: no resolver is asked, so none is needed.
    let name = format!("{}.invalid", "x".repeat(64));
    let failure = Failure {
        fault: "dns",
        status: 502,
        log: &[&name],
    };
    failure.check(&pki, &external(&pki, &name));
}

/// The route, to a server that is known by name only.
fn external(pki: &Pki, name: &str) -> Manifests {
    Manifests::new()
        .tls_secret(FRONT_SECRET, &pki.front)
        .route(secure_route("http"))
        .object(json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": { "name": BACKEND, "namespace": "web" },
            "spec": { "type": "ExternalName", "externalName": name, "ports": [{ "port": 443 }] },
        }))
}

#[test]
fn c1_closed_before_response() {
    let pki = Pki::new();
    let failure = Failure {
        fault: "closed_before_response",
        status: 502,
        log: &[],
    };
    for how in ["", "reset_timedout_connection on;"] {
        let nginx = Nginx::plain(&format!("listen {{port}}; {how} location / {{ return 444; }}"));
        failure.check(&pki, &pki.edge_only(nginx.port()));
    }
}

#[test]
fn c1_response_timeout() {
    let pki = Pki::new();
    let silent = SServer::start(&pki.backend, &[]);
    silent.pause();
    let before = format!("location / {{ proxy_pass https://127.0.0.1:{}; }}", silent.port());
    let nginx = Nginx::server(&pki.backend, &before);
    let timeout = json!({ "forwardingTimeouts": { "responseHeaderTimeout": "300ms" } });
    Failure {
        fault: "response_timeout",
        status: 504,
        log: &["300ms"],
    }
    .check(&pki, &bridge(&pki, nginx.port(), trusting(timeout)));
}

#[test]
fn c1_bad_response() {
    let pki = Pki::new();
    let failure = Failure {
        fault: "bad_response",
        status: 502,
        log: &[],
    };
    // It sends every line back, the other way round.
    let other_protocol = SServer::start(&pki.backend, &["-rev"]);
    failure.check(&pki, &bridge(&pki, other_protocol.port(), trusting(json!({}))));
    for directives in [
        // Frames of HTTP/2.
        "listen {port} http2; location / { return 200 nginx; }",
        // Two lengths that disagree.
        "listen {port}; add_header Content-Length 3; location / { return 200 nginx; }",
    ] {
        let nginx = Nginx::plain(directives);
        failure.check(&pki, &pki.edge_only(nginx.port()));
    }
}

#[test]
fn c1_body_broken() {
    let pki = Pki::new();
    let nginx = Nginx::server(&pki.backend, "location / { root {dir}; limit_rate 1k; }");
    std::fs::write(nginx.directory().join("broken"), "half of it".repeat(10_000)).expect("a file");
    let viaduct = up().file("b.yaml", pki.bridge(nginx.port()).yaml()).start();
    let mut connection = pki.open(&viaduct);
    connection.send(format!("GET /broken HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
    let part = b"HTTP/1.1 200 OK\r\n";
    assert_eq!(
        connection.exactly(part.len()).as_deref(),
        Some(part.as_slice()),
        "the head has gone out"
    );
    // Killed in the middle of the body.
    drop(nginx);
    let rest = String::from_utf8_lossy(&connection.rest()).into_owned();
    assert!(
        rest.contains("half of it") && rest.len() < 50_000,
        "the client can tell that the body is not whole: {} bytes",
        rest.len()
    );
    let entry = viaduct.wait_access("/broken");
    assert_eq!((entry.fault(), entry.status()), ("body_broken", 200));
}

#[test]
fn c1_body_broken_resets_the_stream_of_an_http2_client() {
    let pki = Pki::new();
    let server = Origin::script(|wire| {
        wire.read(&mut [0; 16 * 1024]).unwrap_or_default();
        wire.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it")
            .unwrap_or_default();
    });
    let manifests = pki.edge_only(server.port());
    let viaduct = up().file("b.yaml", manifests.yaml()).start();
    let answer = pki.curl(&viaduct).get(HOST, "/broken");
    assert_ne!(answer.exit, 0, "with or without its head: {answer:?}");
    assert_eq!(viaduct.wait_access("/broken").fault(), "body_broken");
}

#[test]
fn a6_13_a_service_without_servers_answers_503() {
    let pki = Pki::new();
    let manifests = Manifests::new()
        .tls_secret(FRONT_SECRET, &pki.front)
        .backends(BACKEND, &[])
        .route(secure_route("http"));
    let viaduct = up().file("b.yaml", manifests.yaml()).start();
    let answer = pki.curl(&viaduct).get(HOST, "/empty");
    assert_eq!(answer.status, 503, "{answer:?}\n{}", viaduct.log());
}
