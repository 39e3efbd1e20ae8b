//! From the signal to stop to the end (A1.6, A2.12, R19).

use std::net::TcpStream;
use std::time::{Duration, Instant};

use viaduct_testkit::child::Signal;
use viaduct_testkit::http1::{self, Connection};
use viaduct_testkit::wait::wait_until;

use super::Edge;

const GET: &str = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";

#[test]
pub(crate) fn a2_12_connections_are_accepted_until_the_time_for_it_has_passed() {
    let mut edge = Edge::start(
        "entryPoints:\n  \
         web: {address: '127.0.0.1:0'}\n  \
         patient: {address: '127.0.0.1:0', transport: {lifeCycle: {requestAcceptGraceTimeout: 2s}}}",
    );
    let (web, patient) = (edge.address("web"), edge.address("patient"));
    let signalled = Instant::now();
    edge.child().signal(Signal::TERM);
    wait_until("the entry point without patience to close", || {
        TcpStream::connect(web).is_err()
    });
    assert!(signalled.elapsed() < Duration::from_secs(2));
    // Nothing has changed for clients of the other: connections are kept alive.
    let mut connection = Connection::new(TcpStream::connect(patient).expect("a connection"));
    for _ in 0..2 {
        connection.send(GET);
        let answer = connection.response().expect("an answer");
        assert_eq!((answer.status, answer.header("connection")), (404, None));
    }
    assert_eq!(http1::once(patient, GET).status, 404);
    assert!(edge.child().wait_exit(Duration::from_secs(15)).success());
    assert!(signalled.elapsed() >= Duration::from_secs(2));
}

#[test]
fn a2_12_a_second_signal_does_not_wait() {
    let mut edge = Edge::start(
        "entryPoints: {web: {address: '127.0.0.1:0', transport: {lifeCycle: {requestAcceptGraceTimeout: 60s}}}}\n\
         log: {level: INFO}",
    );
    edge.child().signal(Signal::TERM);
    edge.child().wait_line("stopping");
    edge.child().signal(Signal::INT);
    assert!(!edge.child().wait_exit(Duration::from_secs(5)).success());
}

#[test]
pub(crate) fn a2_13_requests_of_a_connection_are_bounded() {
    let edge = Edge::start(
        "entryPoints: {web: {address: '127.0.0.1:0', transport: {keepAliveMaxRequests: 2, keepAliveMaxTime: 60}}}",
    );
    let mut connection = Connection::new(TcpStream::connect(edge.address("web")).expect("a connection"));
    for header in [None, Some("close")] {
        connection.send(GET);
        let answer = connection.response().expect("an answer");
        assert_eq!((answer.status, answer.header("connection")), (404, header));
    }
    assert!(connection.closed());
}
