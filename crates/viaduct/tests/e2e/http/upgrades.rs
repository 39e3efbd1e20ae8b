//! `Upgrade` in general (A13.2, C4).

use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use viaduct_testkit::origin::{Origin, Wire};

use crate::fixture::{HOST, Pki, up};

/// Reads one request head.
fn head(wire: Wire<'_>) -> String {
    let mut seen = Vec::new();
    let mut byte = [0];
    while !seen.ends_with(b"\r\n\r\n") {
        match wire.read(&mut byte) {
            Ok(1) => seen.push(byte[0]),
            _ => break,
        }
    }
    String::from_utf8_lossy(&seen).into_owned()
}

#[test]
fn a13_2_any_upgrade_that_the_backend_accepts_becomes_a_tunnel() {
    let pki = Pki::new();
    let origin = Origin::script(|wire: Wire<'_>| {
        let head = head(wire).to_lowercase();
        assert!(
            head.contains("\r\nupgrade: echo/1\r\n") && head.contains("\r\nconnection: upgrade\r\n"),
            "{head}"
        );
        wire.write_all(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo/1\r\n\r\nhello ",
        )
        .unwrap_or_default();
        let mut bytes = [0; 64];
        while let Ok(count @ 1..) = wire.read(&mut bytes) {
            wire.write_all(&bytes[..count]).unwrap_or_default();
        }
    });
    let viaduct = up().file("b.yaml", pki.edge_only(origin.port()).yaml()).start();
    let mut connection = pki.open(&viaduct);
    connection.send(format!(
        "GET /up HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\nUpgrade: echo/1\r\n\r\n"
    ));
    let switched = connection.response().expect("an answer");
    assert_eq!(
        (switched.status, switched.header("upgrade")),
        (101, Some("echo/1"))
    );
    connection.send("there");
    assert_eq!(connection.exactly(11).as_deref(), Some(b"hello there".as_slice()));
}

#[test]
fn c4_nothing_behind_an_upgrade_is_forwarded_before_the_backend_agrees() {
    let pki = Pki::new();
    let (told, heard) = sync_channel::<Vec<u8>>(4);
    let told = Mutex::new(told);
    let origin = Origin::script(move |wire: Wire<'_>| {
        head(wire);
        // What else is there without an answer? Nothing may come.
        wire.socket()
            .set_read_timeout(Some(Duration::from_millis(300)))
            .unwrap_or_default();
        let mut early = vec![0; 1024];
        let count = wire.read(&mut early).unwrap_or_default();
        early.truncate(count);
        told.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .send(early)
            .unwrap_or_default();
        wire.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            .unwrap_or_default();
    });
    let viaduct = up().file("b.yaml", pki.edge_only(origin.port()).yaml()).start();
    let mut connection = pki.open(&viaduct);
    connection.send(format!(
        "GET /up HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\nUpgrade: echo/1\r\n\r\n\
         GET /smuggled HTTP/1.1\r\nHost: {HOST}\r\n\r\n"
    ));
    let early = heard
        .recv_timeout(Duration::from_secs(10))
        .expect("the upgrade at the origin");
    assert_eq!(
        String::from_utf8_lossy(&early),
        "",
        "bytes before the backend's answer"
    );
    assert_eq!(connection.response().map(|response| response.status), Some(403));
}

#[test]
fn c4_an_h2c_upgrade_is_not_passed_on() {
    let pki = Pki::new();
    let origin = Origin::http(viaduct_testkit::origin::echo);
    let viaduct = up().file("b.yaml", pki.edge_only(origin.port()).yaml()).start();
    let mut connection = pki.open(&viaduct);
    connection.send(format!(
        "GET /h2c HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
    ));
    assert_eq!(connection.response().map(|response| response.status), Some(200));
    let request = origin.wait_request("/h2c");
    assert_eq!(
        (request.header("upgrade"), request.header("http2-settings")),
        (None, None),
        "{request:?}"
    );
}

#[test]
fn c10_a_101_that_nobody_asked_for_is_an_error() {
    let pki = Pki::new();
    let origin = Origin::script(|wire: Wire<'_>| {
        head(wire);
        wire.write_all(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nraw")
            .unwrap_or_default();
    });
    let viaduct = up().file("b.yaml", pki.edge_only(origin.port()).yaml()).start();
    let mut connection = pki.open(&viaduct);
    assert_eq!(connection.get(HOST, "/unasked").status, 502);
    assert_eq!(viaduct.wait_access("/unasked").fault(), "bad_response");
}
