//! SIGTERM: requests in flight end, nobody is cut off, the process goes (R19).

use std::net::TcpStream;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use viaduct_testkit::h2::{self, error_code, kind};
use viaduct_testkit::http1::Connection;
use viaduct_testkit::origin::{Origin, Wire, ok};
use viaduct_testkit::viaduct::Viaduct;
use viaduct_testkit::wait::wait_until;

use crate::fixture::{HOST, Pki, up};

/// An origin that tells when a request has arrived, and answers when it is told to.
fn held_origin() -> (Origin, Receiver<()>, SyncSender<()>) {
    let (arrived, arrival) = sync_channel(8);
    let (release, released) = sync_channel::<()>(8);
    let released = Mutex::new(released);
    let origin = Origin::script(move |wire: Wire<'_>| {
        let mut head = [0; 4096];
        if wire.read(&mut head).is_ok_and(|count| count > 0) {
            arrived.send(()).unwrap_or_default();
            released
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .recv()
                .unwrap_or_default();
            wire.write_all(&ok("late")).unwrap_or_default();
        }
    });
    (origin, arrival, release)
}

fn refuses_connections(viaduct: &Viaduct) -> bool {
    TcpStream::connect(viaduct.websecure()).is_err()
}

#[test]
fn r19_h1_in_flight_is_answered_with_connection_close_and_nothing_new_is_accepted() {
    let pki = Pki::new();
    let (origin, arrival, release) = held_origin();
    let mut viaduct = up().file("r.yaml", pki.edge_only(origin.port()).yaml()).start();
    let mut idle = pki.open(&viaduct);
    idle.send("GET /never HTTP/1.1\r\nHost: unknown.test\r\n\r\n");
    assert_eq!(idle.response().map(|response| response.status), Some(404));
    let mut connection = pki.open(&viaduct);
    connection.send(format!("GET /in-flight HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
    arrival
        .recv_timeout(Duration::from_secs(10))
        .expect("the request at the origin");

    viaduct.terminate();
    wait_until("new connections to be refused", || refuses_connections(&viaduct));
    assert!(idle.closed(), "an idle connection is closed");
    release.send(()).expect("the origin");
    let response = connection
        .response()
        .expect("the answer to the request in flight");
    assert_eq!((response.status, response.text().as_str()), (200, "late"));
    assert_eq!(response.header("connection"), Some("close"));
    assert!(connection.closed());
    assert!(viaduct.wait_exit(Duration::from_secs(11)).success());
    assert_eq!(
        viaduct.wait_access("/in-flight").status(),
        200,
        "the last log line is not lost"
    );
}

#[test]
fn r19_h2_gets_goaway_in_two_steps_and_its_stream_ends() {
    let pki = Pki::new();
    let (origin, arrival, release) = held_origin();
    let mut viaduct = up().file("r.yaml", pki.edge_only(origin.port()).yaml()).start();
    let mut connection = pki.open_h2(&viaduct);
    connection.get(1, HOST, "/in-flight");
    arrival
        .recv_timeout(Duration::from_secs(10))
        .expect("the request at the origin");

    viaduct.terminate();
    let goaway =
        |frame: &h2::Frame| (frame.kind == kind::GOAWAY).then(|| (last_stream(frame), error_code(frame)));
    assert_eq!(
        connection.find(goaway),
        Some((0x7fff_ffff, 0)),
        "first: no new streams, please"
    );
    assert_eq!(
        connection.find(goaway),
        Some((1, 0)),
        "then: the last one that is answered"
    );
    release.send(()).expect("the origin");
    assert_eq!(connection.status(1), Ok(200));
    assert!(viaduct.wait_exit(Duration::from_secs(11)).success());
}

fn last_stream(frame: &h2::Frame) -> u32 {
    let bytes = frame.payload.get(..4).and_then(|bytes| bytes.try_into().ok());
    u32::from_be_bytes(bytes.unwrap_or_default()) & 0x7fff_ffff
}

#[test]
fn r19_what_hangs_is_cut_after_the_grace_time() {
    let pki = Pki::new();
    let (origin, arrival, _release) = held_origin();
    let mut viaduct = up().file("r.yaml", pki.edge_only(origin.port()).yaml()).start();
    let mut connection = pki.open(&viaduct);
    connection.send(format!("GET /hangs HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
    arrival
        .recv_timeout(Duration::from_secs(10))
        .expect("the request at the origin");
    viaduct.terminate();
    viaduct.wait_exit(Duration::from_secs(12));
    assert!(connection.closed());
}

#[test]
fn r19_a_second_signal_ends_it_now() {
    let pki = Pki::new();
    let (origin, arrival, _release) = held_origin();
    let mut viaduct = up().file("r.yaml", pki.edge_only(origin.port()).yaml()).start();
    let mut connection: Connection<_> = pki.open(&viaduct);
    connection.send(format!("GET /hangs HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
    arrival
        .recv_timeout(Duration::from_secs(10))
        .expect("the request at the origin");
    viaduct.terminate();
    wait_until("new connections to be refused", || refuses_connections(&viaduct));
    viaduct.terminate();
    viaduct.wait_exit(Duration::from_secs(5));
}
