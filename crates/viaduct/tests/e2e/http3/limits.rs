//! Options of an entry point that hold for HTTP/3 too: time-outs, the life of a connection, sizes, the port told.

use tempfile::TempDir;
use viaduct_testkit::http1;
use viaduct_testkit::origin::{Origin, echo, ok};
use viaduct_testkit::tls::Dial;
use viaduct_testkit::viaduct::Running;

use super::run;
use crate::fixture::{HOST, Pki, root};

/// One worker, one entry point with these options, one route to a plain backend.
struct Limited {
    pki: std::sync::Arc<Pki>,
    running: Running,
    _work: TempDir,
}

impl Limited {
    fn new(options: &str, origin: &Origin) -> Self {
        let pki = Pki::new();
        let work = tempfile::tempdir().expect("a temporary directory");
        pki.front.write_to(work.path(), "front");
        let text = format!(
            "
entryPoints:
  websecure: {{address: '127.0.0.1:0', {options}}}
providers: {{file: {{filename: traefik.yml}}}}
viaduct: {{workers: 1}}
http:
  routers: {{web: {{rule: Host(`{HOST}`), service: web, tls: {{}}}}}}
  services: {{web: {{loadBalancer: {{servers: [{{url: 'http://{}'}}]}}}}}}
tls: {{certificates: [{{certFile: front.crt, keyFile: front.key}}]}}
",
            origin.address()
        );
        std::fs::write(work.path().join("traefik.yml"), text).expect("a file");
        Self {
            running: Running::until_ready(&mut root(work.path())),
            pki,
            _work: work,
        }
    }

    #[track_caller]
    fn peer(&self, scenario: &str) {
        let finished = run(&self.pki, self.running.address("websecure"), scenario, &[]);
        assert!(finished.status.success(), "{}", finished.output);
    }
}

#[test]
pub(crate) fn a2_10_the_advertised_port_is_told_and_the_real_one_served() {
    let origin = Origin::http(|_| ok(""));
    let limited = Limited::new("http3: {advertisedPort: 443}", &origin);
    let address = limited.running.address("websecure");
    let mut connection = http1::Connection::new(Dial::new(address, &limited.pki.edge_ca).open(HOST));
    let answer = connection.get(HOST, "/");
    assert_eq!(answer.header("alt-svc"), Some("h3=\":443\"; ma=2592000"));
    limited.peer("check(Peer().is_served(), 200)\n");
}

#[test]
fn a2_8_a_client_without_requests_is_sent_away() {
    let origin = Origin::http(|_| ok(""));
    let limited = Limited::new(
        "http3: {}, transport: {respondingTimeouts: {idleTimeout: 1s}}",
        &origin,
    );
    limited.peer(
        r#"
peer = Peer()
check(peer.get("/").status, 200)
# Packets alone keep nothing open.
began = time.time()
def ping():
    if peer.h3 and not peer.ended and time.time() - began < 10:
        peer.quic.send_ping(int(time.time() * 1000))
    return peer.ended
while not peer.until(ping, 0.2) and time.time() - began < 10:
    pass
check(peer.ended is not None, True)
check((peer.ended.error_code, peer.goaway()), (0x100, [4]), peer.ended)
"#,
    );
}

#[test]
fn a2_8_a_request_that_takes_too_long_is_ended() {
    let origin = Origin::http(echo);
    let limited = Limited::new(
        "http3: {}, transport: {respondingTimeouts: {readTimeout: 1s}}",
        &origin,
    );
    limited.peer(
        r#"
peer = Peer()
check(peer.get("/").status, 200)
# A head that never ends, a body that never ends, and a GET of which nobody knows whether it has one.
head = peer.encoded(peer.head("/slow"))
answer = peer.wait(peer.raw(head[:-1], end=False), 10)
check(answer.over, True, answer)
stream = peer.ask("/slow", method="POST", end=False, more=[("content-length", "5")])
peer.h3.send_data(stream, b"a", False)
answer = peer.wait(stream, 10)
check(answer.status in [408, 499, 502, 400] or answer.reset is not None, True, answer)
answer = peer.wait(peer.ask("/slow", end=False), 10)
check(answer.over, True, answer)
check(peer.ended, None)
check(peer.get("/").status, 200)
"#,
    );
}

#[test]
fn a2_11_an_answer_that_takes_too_long_is_reset() {
    let origin = Origin::script(|wire| {
        let mut buffer = [0; 4096];
        let _read = wire.read(&mut buffer);
        let _sent = wire.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
        while wire.read(&mut buffer).is_ok_and(|read| read > 0) {}
    });
    let limited = Limited::new(
        "http3: {}, transport: {respondingTimeouts: {writeTimeout: 1s}}",
        &origin,
    );
    limited.peer(
        r#"
peer = Peer()
answer = peer.wait(peer.ask("/"), 10)
check((answer.status, answer.ended, answer.reset is not None), (200, False, True), answer)
check(peer.ended, None)
"#,
    );
}

#[test]
fn c26_a_client_that_takes_nothing_of_its_answer_is_not_waited_for() {
    let origin = Origin::http(|_| ok(&"x".repeat(1 << 20)));
    let limited = Limited::new(
        "http3: {}, transport: {respondingTimeouts: {idleTimeout: 1s}}",
        &origin,
    );
    limited.peer(
        r#"
peer = Peer(max_stream_data=2000)
# No more window, whatever is read.
peer.quic._write_stream_limits = lambda *arguments, **named: None
answer = peer.wait(peer.ask("/"), 10)
check((answer.ended, answer.reset is not None), (False, True), (answer.status, len(answer.body), answer.reset))
"#,
    );
}

#[test]
fn a2_12_a_connection_ends_behind_its_last_request() {
    let origin = Origin::http(|_| ok(""));
    let limited = Limited::new("http3: {}, transport: {keepAliveMaxRequests: 3}", &origin);
    limited.peer(
        r#"
peer = Peer()
for _ in range(3):
    check(peer.get("/").status, 200)
check(peer.until(lambda: peer.ended), True)
check((peer.ended.error_code, peer.goaway()[-1]), (0x100, 12), peer.ended)
check(Peer().is_served(), 200)
"#,
    );
}

#[test]
fn a2_7_heads_above_the_limit_are_answered_431() {
    let origin = Origin::http(|_| ok(""));
    let limited = Limited::new("http3: {}, http: {maxHeaderBytes: 4096}", &origin);
    limited.peer(
        r#"
peer = Peer()
check(peer.get("/", more=[("x", "y" * 3000)]).status, 200)
check(peer.get("/", more=[("x", "y" * 5000)]).status, 431)
check(peer.get("/").status, 200)
"#,
    );
}

#[test]
fn c27_more_requests_at_once_than_allowed_wait() {
    let origin = Origin::http(|_| ok(""));
    let limited = Limited::new("http3: {}, http2: {maxConcurrentStreams: 5}", &origin);
    limited.peer(
        r#"
peer = Peer()
check(peer.shake_hands(), True)
check(peer.quic._remote_max_streams_bidi, 5)
streams = [peer.ask("/") for _ in range(50)]
for stream in streams:
    check(peer.wait(stream).status, 200)
"#,
    );
}
