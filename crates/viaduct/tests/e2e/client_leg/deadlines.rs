//! `respondingTimeouts` from outside (A2.11, R11): who does not get on is cut off, in time and not before.

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use viaduct_testkit::h2;
use viaduct_testkit::http1::Connection;
use viaduct_testkit::tls::dial_plain;
use viaduct_testkit::viaduct::Running;

use crate::fixture::BINARY;

/// Traefik's options on one entry point, on a free port.
fn serve(options: &[&str]) -> (Running, SocketAddr) {
    let mut command = Command::new(BINARY);
    command.arg("--entryPoints.web.address=127.0.0.1:0");
    for option in options {
        command.arg(format!("--entryPoints.web.transport.respondingTimeouts.{option}"));
    }
    let running = Running::until_ready(&mut command);
    let address = running.address("web");
    (running, address)
}

/// Waits for the end of the connection, which has to come after `limit` and not much later.
#[track_caller]
fn assert_cut(mut connection: Connection<std::net::TcpStream>, since: Instant, limit: Duration) {
    let said = connection.rest();
    let took = since.elapsed();
    assert!(
        took >= limit && took < limit + Duration::from_secs(4),
        "{took:?}, and said {}",
        String::from_utf8_lossy(&said)
    );
}

#[test]
fn r11_a_head_in_drips_is_cut_off_at_the_read_timeout() {
    let (_running, address) = serve(&["readTimeout=1s", "idleTimeout=60s"]);
    let since = Instant::now();
    let mut silent = Connection::new(dial_plain(address));
    silent.send("GET / HTTP/1.1\r\nHost: a");
    let mut dripping = Connection::new(dial_plain(address));
    dripping.send("GET / HTTP/1.1\r\n");
    // Each drip is in time; the head as a whole is not.
    while since.elapsed() < Duration::from_millis(900) {
        dripping.send("X-A: a\r\n");
        std::thread::yield_now();
    }
    assert_cut(silent, since, Duration::from_secs(1));
    assert_cut(dripping, since, Duration::from_secs(1));
}

#[test]
fn a2_11_a_connection_without_a_next_request_is_closed_at_the_idle_timeout() {
    let (_running, address) = serve(&["readTimeout=60s", "idleTimeout=1s"]);
    let mut connection = Connection::new(dial_plain(address));
    for _ in 0..3 {
        assert_eq!(connection.get("a", "/").status, 404);
    }
    assert_cut(connection, Instant::now(), Duration::from_millis(900));
}

#[test]
fn a2_11_an_http2_connection_without_a_next_stream_gets_goaway_at_the_idle_timeout() {
    let (_running, address) = serve(&["readTimeout=60s", "idleTimeout=1s"]);
    let mut connection = h2::Connection::open(dial_plain(address));
    connection.get(1, "a", "/");
    assert_eq!(connection.status(1), Ok(404));
    let since = Instant::now();
    let goaway = connection.find(|frame| (frame.kind == h2::kind::GOAWAY).then(|| h2::error_code(frame)));
    assert_eq!(goaway, Some(0));
    let took = since.elapsed();
    assert!(
        took >= Duration::from_millis(900) && took < Duration::from_secs(12),
        "{took:?}"
    );
}
