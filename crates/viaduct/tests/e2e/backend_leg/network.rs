//! The server cannot be reached, or does not answer as HTTP wants it.

use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use viaduct_testkit::manifest::Manifests;
use viaduct_testkit::nginx::Nginx;
use viaduct_testkit::openssl::SServer;
use viaduct_testkit::origin::{Origin, Wire};
use viaduct_testkit::port::closed_port;
use viaduct_testkit::tls::reset;

use super::{Failure, bridge, trusting};
use crate::fixture::{BACKEND, FRONT_SECRET, HOST, Pki, TRANSPORT, secure_route, up};

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

/// A plain server that does `script`; `transport`: fields of its ServersTransport.
fn scripted(
    pki: &Pki,
    transport: Value,
    script: impl Fn(Wire<'_>) + Send + Sync + 'static,
) -> (Origin, Manifests) {
    let origin = Origin::script(script);
    let manifests = pki
        .base(origin.port())
        .transport(TRANSPORT, transport)
        .route(secure_route("http").transport(TRANSPORT));
    (origin, manifests)
}

fn read_request(wire: Wire<'_>) {
    wire.read(&mut [0; 16 * 1024]).unwrap_or_default();
}

#[test]
fn c1_closed_before_response() {
    let pki = Pki::new();
    let failure = Failure {
        fault: "closed_before_response",
        status: 502,
        log: &[],
    };
    let nginx = Nginx::plain("listen {port}; location / { return 444; }");
    failure.check(&pki, &pki.edge_only(nginx.port()));
    let (_origin, manifests) = scripted(&pki, json!({}), |wire| {
        read_request(wire);
        reset(wire.socket());
    });
    failure.check(&pki, &manifests);
}

#[test]
fn c1_response_timeout() {
    let pki = Pki::new();
    let timeout = json!({ "forwardingTimeouts": { "responseHeaderTimeout": "300ms" } });
    let (_origin, manifests) = scripted(&pki, timeout, |wire| {
        while wire.read(&mut [0; 4096]).is_ok_and(|count| count > 0) {}
    });
    Failure {
        fault: "response_timeout",
        status: 504,
        log: &["300ms"],
    }
    .check(&pki, &manifests);
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
    for answer in [
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    ] {
        let (_origin, manifests) = scripted(&pki, json!({}), move |wire| {
            read_request(wire);
            wire.write_all(answer.as_bytes()).unwrap_or_default();
        });
        failure.check(&pki, &manifests);
    }
}

#[test]
fn c1_body_broken() {
    let pki = Pki::new();
    let (go_on, wait) = sync_channel::<()>(4);
    let wait = Mutex::new(wait);
    let (_origin, manifests) = scripted(&pki, json!({}), move |wire| {
        read_request(wire);
        wire.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it")
            .unwrap_or_default();
        let wait = wait.lock().unwrap_or_else(PoisonError::into_inner);
        wait.recv_timeout(Duration::from_secs(20)).unwrap_or_default();
    });
    let viaduct = up().file("b.yaml", manifests.yaml()).start();
    let mut connection = pki.open(&viaduct);
    connection.send(format!("GET /broken HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
    let part = b"HTTP/1.1 200 OK\r\n";
    assert_eq!(
        connection.exactly(part.len()).as_deref(),
        Some(part.as_slice()),
        "the head has gone out"
    );
    go_on.send(()).expect("the origin");
    let rest = String::from_utf8_lossy(&connection.rest()).into_owned();
    assert!(
        rest.ends_with("half of it"),
        "the client can tell that the body is not whole: {rest}"
    );
    let entry = viaduct.wait_access("/broken");
    assert_eq!((entry.fault(), entry.status()), ("body_broken", 200));

    // Over HTTP/2 the stream is reset, with or without its head.
    go_on.send(()).expect("the origin");
    let answer = pki.curl(&viaduct).get(HOST, "/broken-h2");
    assert_ne!(answer.exit, 0, "{answer:?}");
    assert_eq!(viaduct.wait_access("/broken-h2").fault(), "body_broken");
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
