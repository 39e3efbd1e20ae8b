//! `respondingTimeouts` from outside (A2.11, R11): who does not get on is cut off, in time and not before.

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use viaduct_testkit::h2;
use viaduct_testkit::http1::Connection;
use viaduct_testkit::origin::{Origin, Wire, ok};
use viaduct_testkit::tls::dial_plain;
use viaduct_testkit::viaduct::Running;

use crate::fixture::BINARY;

/// Traefik's options on one entry point, on a free port.
fn serve(options: &[&str]) -> (Running, SocketAddr) {
    start(&mut Command::new(BINARY), options)
}

fn start(command: &mut Command, options: &[&str]) -> (Running, SocketAddr) {
    command.arg("--entryPoints.web.address=127.0.0.1:0");
    for option in options {
        command.arg(format!("--entryPoints.web.transport.respondingTimeouts.{option}"));
    }
    let running = Running::until_ready(command);
    let address = running.address("web");
    (running, address)
}

/// The same in front of `origin`; `more` are whole options.
fn serve_origin(origin: &Origin, options: &[&str], more: &[&str]) -> (Running, SocketAddr, TempDir) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("routes.yml");
    let url = format!("http://{}", origin.address());
    let routes = format!(
        "http:\n  routers: {{all: {{rule: 'PathPrefix(`/`)', service: origin}}}}\n  \
         services: {{origin: {{loadBalancer: {{servers: [{{url: '{url}'}}]}}}}}}\n"
    );
    std::fs::write(&file, routes).expect("writing the routes");
    let mut command = Command::new(BINARY);
    command
        .arg(format!("--providers.file.filename={}", file.display()))
        .args(more);
    let (running, address) = start(&mut command, options);
    (running, address, directory)
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

#[test]
fn cve_2024_28869_a_body_that_never_comes_ends_at_the_read_timeout() {
    let origin = Origin::http(|_| ok("served"));
    let (_running, address, _routes) = serve_origin(&origin, &["readTimeout=1s", "idleTimeout=60s"], &[]);
    for head in [
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ] {
        let mut connection = Connection::new(dial_plain(address));
        let since = Instant::now();
        connection.send(head);
        assert_cut(connection, since, Duration::from_secs(1));
    }
    let mut h2 = h2::Connection::open(dial_plain(address));
    let since = Instant::now();
    h2.headers(1, false, &h2::request("POST", "a", "/"));
    let outcome = h2.status(1);
    assert!(!matches!(outcome, Ok(200)), "{outcome:?}");
    assert!(since.elapsed() >= Duration::from_secs(1) && since.elapsed() < Duration::from_secs(6));
    assert!(origin.requests().is_empty(), "no part was taken for a whole");
}

#[test]
fn a2_11_an_answer_without_end_is_cut_at_the_write_timeout() {
    let origin = Origin::script(|wire: Wire<'_>| {
        wire.read(&mut [0; 4096]).unwrap_or_default();
        wire.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            .unwrap_or_default();
        let mut waited = [0; 1];
        wire.socket()
            .set_read_timeout(Some(Duration::from_millis(20)))
            .unwrap_or_default();
        // Slowly, so that the client always takes all of it.
        while wire.write_all(b"1\r\nx\r\n").is_ok() {
            wire.read(&mut waited).unwrap_or_default();
        }
    });
    let (_running, address, _routes) = serve_origin(&origin, &["writeTimeout=1s"], &[]);
    let mut connection = Connection::new(dial_plain(address));
    let since = Instant::now();
    connection.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_cut(connection, since, Duration::from_secs(1));

    let mut connection = h2::Connection::open(dial_plain(address));
    let since = Instant::now();
    connection.get(1, "a", "/");
    assert_eq!(connection.status(1), Ok(200));
    let reset = connection.find(|frame| (frame.kind == h2::kind::RST_STREAM).then_some(frame.stream));
    assert_eq!(reset, Some(1), "the stream alone");
    assert!(since.elapsed() >= Duration::from_secs(1) && since.elapsed() < Duration::from_secs(6));
}

#[test]
fn c26_a_stream_without_a_window_is_reset_and_pings_do_not_help_it() {
    let origin = Origin::http(|_| ok(&"x".repeat(1 << 20)));
    let (_running, address, _routes) = serve_origin(&origin, &["idleTimeout=1s", "writeTimeout=60s"], &[]);
    // SETTINGS_INITIAL_WINDOW_SIZE 0.
    let mut connection = h2::Connection::open_with(dial_plain(address), &[(4, 0)]);
    connection.get(1, "a", "/held");
    assert_eq!(connection.status(1), Ok(200));
    let since = Instant::now();
    let ping = h2::Frame::new(h2::kind::PING, h2::flag::NONE, 0, [7; 8]);
    let reset = loop {
        connection.send(&ping);
        let seen = connection.find(|frame| match frame.kind {
            h2::kind::RST_STREAM => Some(Some(frame.stream)),
            h2::kind::PING => Some(None),
            _ => None,
        });
        match seen {
            Some(None) => assert!(since.elapsed() < Duration::from_secs(10), "held for ever"),
            Some(reset) => break reset,
            None => panic!("the whole connection ended"),
        }
    };
    assert_eq!(reset, Some(1));
    assert!(
        since.elapsed() >= Duration::from_millis(900),
        "{:?}",
        since.elapsed()
    );
}

#[test]
fn c73_a_tunnel_that_carries_nothing_is_cut_as_configured() {
    let origin = Origin::script(|wire: Wire<'_>| {
        wire.read(&mut [0; 4096]).unwrap_or_default();
        wire.write_all(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
            .unwrap_or_default();
        wire.read(&mut [0; 16]).unwrap_or_default();
    });
    let (_running, address, _routes) = serve_origin(&origin, &[], &["--viaduct.tunnelIdleTimeout=1s"]);
    let mut connection = Connection::new(dial_plain(address));
    connection.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n");
    assert_eq!(connection.response().map(|response| response.status), Some(101));
    assert_cut(connection, Instant::now(), Duration::from_millis(900));
}
