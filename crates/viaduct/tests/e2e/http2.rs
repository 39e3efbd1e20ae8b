//! Hostile HTTP/2 (security checks C20 to C29). A case passes when the connection is ended or held
//! within bounds: memory stays low, and another client is served all the while.

mod amplification;

use std::io::{ErrorKind, Write as _};
use std::time::Duration;

use viaduct_testkit::h2::{self, Connection, Frame, block, error_code, flag, kind};
use viaduct_testkit::origin::{Origin, Wire, ok};
use viaduct_testkit::tls::{Client, Dial};
use viaduct_testkit::viaduct::Viaduct;
use viaduct_testkit::wait::wait_until;

use crate::fixture::{HOST, Pki, up};

/// A proxy under attack, and what it weighed before.
struct Target {
    viaduct: Viaduct,
    pki: std::sync::Arc<Pki>,
    origin: Origin,
    idle_kib: u64,
}

impl Target {
    fn new() -> Self {
        Self::with(Origin::http(|_| ok(&"x".repeat(64 * 1024))))
    }

    fn with(origin: Origin) -> Self {
        let pki = Pki::new();
        let viaduct = up()
            .arg("--workers=1")
            .file("b.yaml", pki.edge_only(origin.port()).yaml())
            .start();
        let target = Self {
            viaduct,
            pki,
            origin,
            idle_kib: 0,
        };
        target.canary();
        Self {
            idle_kib: target.viaduct.resident_kib(),
            ..target
        }
    }

    fn open(&self) -> Connection<Client> {
        self.open_with(&[])
    }

    fn open_with(&self, settings: &[(u16, u32)]) -> Connection<Client> {
        let stream = Dial::new(self.viaduct.websecure(), &self.pki.edge_ca)
            .alpn(&["h2"])
            .open(HOST);
        Connection::open_with(stream, settings)
    }

    /// Another client is served.
    #[track_caller]
    fn canary(&self) {
        let answer = self
            .pki
            .curl(&self.viaduct)
            .args(&["--insecure"])
            .get("nobody.test", "/canary");
        assert_eq!(answer.status, 404, "{answer:?}");
    }

    /// Bounded memory (64 MiB over idle), a served canary, and quiet within five seconds.
    #[track_caller]
    fn survives(&mut self) {
        self.canary();
        let grown = self.viaduct.resident_kib().saturating_sub(self.idle_kib);
        assert!(grown < 64 * 1024, "{grown} KiB more than idle");
        assert!(self.viaduct.is_running(), "{}", self.viaduct.log());
        self.rests();
    }

    /// Waits until it has nothing to do.
    #[track_caller]
    fn rests(&self) {
        let mut last = self.viaduct.cpu_time();
        let mut since = std::time::Instant::now();
        wait_until("the CPU to be idle again", || {
            if since.elapsed() < Duration::from_millis(500) {
                return false;
            }
            let now = self.viaduct.cpu_time();
            let used = now - last;
            (last, since) = (now, std::time::Instant::now());
            used < Duration::from_millis(100)
        });
    }
}

const PROTOCOL_ERROR: u32 = 1;
const ENHANCE_YOUR_CALM: u32 = 11;

/// The error code of the GOAWAY that ends the connection; `None` when it was closed without.
fn goaway(connection: &mut Connection<Client>) -> Option<u32> {
    connection.find(|frame| (frame.kind == kind::GOAWAY).then(|| error_code(frame)))
}

#[test]
fn c20_cve_2023_44487_rapid_reset() {
    let mut target = Target::new();
    let mut connection = target.open();
    let headers = Frame::new(
        kind::HEADERS,
        flag::END_HEADERS | flag::END_STREAM,
        1,
        block(&h2::request("GET", HOST, "/rapid")),
    );
    let mut taken = 0;
    for stream in (1..100_000).step_by(2) {
        let headers = Frame {
            stream,
            ..headers.clone()
        }
        .bytes();
        let reset = Frame::new(kind::RST_STREAM, flag::NONE, stream, 8_u32.to_be_bytes()).bytes();
        if !connection.raw(&[headers, reset].concat()) {
            break;
        }
        taken += 1;
    }
    assert!(taken < 49_999, "the connection was never ended");
    assert!(
        target.origin.requests().len() < 10_000,
        "{} requests went upstream",
        target.origin.requests().len()
    );
    target.survives();
}

#[test]
fn c21_a_flood_of_continuation_frames() {
    let mut target = Target::new();
    let mut connection = target.open();
    connection.send(&Frame::new(
        kind::HEADERS,
        flag::END_STREAM,
        1,
        block(&h2::request("GET", HOST, "/endless")),
    ));
    let piece = Frame::new(
        kind::CONTINUATION,
        flag::NONE,
        1,
        block(&[("x-a", &"a".repeat(8000))]),
    );
    let sent = (0..20_000).take_while(|_| connection.send(&piece)).count();
    assert!(sent < 20_000, "160 MB of header block were taken");
    target.survives();

    // Empty ones carry no bytes and would never reach a limit on size.
    let mut connection = target.open();
    connection.send(&Frame::new(
        kind::HEADERS,
        flag::END_STREAM,
        1,
        block(&h2::request("GET", HOST, "/endless")),
    ));
    let empty = Frame::new(kind::CONTINUATION, flag::NONE, 1, []);
    let sent = (0..200_000).take_while(|_| connection.send(&empty)).count();
    assert!(sent < 200_000, "empty CONTINUATION frames were taken without end");
    target.survives();
}

#[test]
fn c22_cve_2025_8671_resets_that_the_server_is_made_to_send() {
    // A window that grows by nothing ends the connection at once; one that overflows is of its stream.
    for (increment, reason) in [(0, PROTOCOL_ERROR), (0x7fff_ffff_u32, ENHANCE_YOUR_CALM)] {
        let mut target = Target::new();
        let mut connection = target.open();
        // No more than is read behind the end, or the system forgets GOAWAY.
        for stream in (1..3_000).step_by(2) {
            let headers = Frame::new(
                kind::HEADERS,
                flag::END_HEADERS | flag::END_STREAM,
                stream,
                block(&h2::request("GET", HOST, "/made")),
            );
            let update = Frame::new(kind::WINDOW_UPDATE, flag::NONE, stream, increment.to_be_bytes());
            if !connection.raw(&[headers.bytes(), update.bytes()].concat()) {
                break;
            }
        }
        assert_eq!(goaway(&mut connection), Some(reason), "{increment}");
        let seen = target.origin.requests().len();
        assert!(seen <= 256, "{seen} requests went upstream; {increment}");
        target.survives();
    }
}

#[test]
fn c23_floods_of_empty_data() {
    let mut target = Target::new();
    let mut connection = target.open();
    connection.headers(1, false, &h2::request("POST", HOST, "/empty-data"));
    let empty = Frame::new(kind::DATA, flag::NONE, 1, []).bytes().repeat(100);
    for _ in 0..2_000 {
        if !connection.raw(&empty) {
            break;
        }
    }
    target.survives();
}

#[test]
fn c24_cve_2019_9512_floods_of_control_frames() {
    let mut target = Target::new();
    for (name, frame) in [
        ("PING", Frame::new(kind::PING, flag::NONE, 0, [0; 8])),
        ("SETTINGS", Frame::new(kind::SETTINGS, flag::NONE, 0, [])),
        (
            "PRIORITY",
            Frame::new(kind::PRIORITY, flag::NONE, 1, [0, 0, 0, 0, 1]),
        ),
    ] {
        let mut connection = target.open();
        let many = frame.bytes().repeat(1000);
        // Nobody reads what the proxy answers; it may stop taking more, or end the connection.
        connection
            .stream()
            .sock
            .set_write_timeout(Some(Duration::from_secs(2)))
            .expect("a socket option");
        for _ in 0..300 {
            if !connection.raw(&many) {
                break;
            }
        }
        let grown = target.viaduct.resident_kib().saturating_sub(target.idle_kib);
        assert!(grown < 64 * 1024, "{name}: {grown} KiB more than idle");
        drop(connection);
        target.survives();
    }
}

#[test]
fn c25_cve_2026_49975_a_small_header_block_that_unfolds_into_a_large_list() {
    let mut target = Target::new();
    let mut connection = target.open();
    // One entry goes into the table, then it is named by one byte each, thousands of times.
    let mut bomb = block(&h2::request("GET", HOST, "/bomb"));
    bomb.push(0x40);
    for text in ["x-bomb", &"b".repeat(3000)] {
        h2::integer(&mut bomb, text.len());
        bomb.extend(text.as_bytes());
    }
    bomb.extend(std::iter::repeat_n(0xbe, 10_000));
    connection.send(&Frame::new(
        kind::HEADERS,
        flag::END_HEADERS | flag::END_STREAM,
        1,
        bomb,
    ));
    let outcome = connection.status(1);
    assert!(!matches!(outcome, Ok(200)), "{outcome:?}");
    assert!(target.origin.requests().is_empty());
    target.survives();
}

/// Answers without end.
fn endless() -> Origin {
    Origin::script(|wire: Wire<'_>| {
        wire.read(&mut [0; 4096]).unwrap_or_default();
        wire.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            .unwrap_or_default();
        let chunk = [b"10000\r\n".as_slice(), &[b'x'; 0x10000], b"\r\n"].concat();
        while wire.write_all(&chunk).is_ok() {}
    })
}

#[test]
fn c24_a_client_that_takes_nothing_and_goes_on_sending_is_cut_off() {
    let mut target = Target::with(endless());
    // SETTINGS_INITIAL_WINDOW_SIZE.
    let mut connection = target.open_with(&[(4, 0x7fff_ffff)]);
    connection.send(&Frame::new(
        kind::WINDOW_UPDATE,
        flag::NONE,
        0,
        0x7f00_0000_u32.to_be_bytes(),
    ));
    connection.get(1, HOST, "/endless");
    assert_eq!(connection.status(1), Ok(200));
    // Until then there is room for more of the answer.
    target.rests();
    let socket = connection.stream().sock.try_clone().expect("a socket");
    socket
        .set_write_timeout(Some(Duration::from_secs(5)))
        .expect("a socket option");
    // Nothing is to be said to any of them, but h2 would have to remember much of what is like them.
    let many = Frame::new(kind::PRIORITY, flag::NONE, 1, [0, 0, 0, 0, 1])
        .bytes()
        .repeat(500);
    let mut ended = None;
    let mut sent = 0;
    while ended.is_none() && sent < 400_000 {
        ended = connection.stream().write_all(&many).err();
        sent += 500;
    }
    let ended = ended.map(|error| error.kind());
    assert!(
        matches!(ended, Some(ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)),
        "{ended:?} behind {sent} frames"
    );
    target.survives();
}

#[test]
fn c25_c26_a_client_that_takes_nothing_holds_a_bounded_amount() {
    let mut target = Target::with(endless());
    // SETTINGS_INITIAL_WINDOW_SIZE 0.
    let mut connection = target.open_with(&[(4, 0)]);
    for stream in (1..200).step_by(2) {
        connection.get(stream, HOST, "/held");
    }
    let held = connection.find(|frame| (frame.kind == kind::HEADERS && frame.stream == 199).then_some(()));
    assert!(held.is_some(), "the heads come; the bodies wait");
    let grown = target.viaduct.resident_kib().saturating_sub(target.idle_kib);
    assert!(
        grown < 64 * 1024,
        "{grown} KiB held for a client that takes nothing"
    );
    drop(connection);
    target.survives();
}

#[test]
fn c27_streams_beyond_the_announced_limit_are_refused() {
    let held =
        Origin::script(|wire: Wire<'_>| while wire.read(&mut [0; 4096]).is_ok_and(|count| count > 0) {});
    let target = Target::with(held);
    let mut connection = target.open();
    let limit = connection
        .find(|frame| {
            (frame.kind == kind::SETTINGS && frame.flags & flag::ACK == 0)
                .then(|| setting(frame, 3).unwrap_or(u32::MAX))
        })
        .expect("SETTINGS");
    assert_eq!(limit, 250, "Traefik's maxConcurrentStreams");
    for index in 0..=limit {
        connection.get(index * 2 + 1, HOST, "/held");
    }
    let over = limit * 2 + 1;
    let refused = connection.find(|frame| match frame.kind {
        kind::RST_STREAM if frame.stream == over => Some(error_code(frame)),
        kind::GOAWAY => Some(error_code(frame)),
        _ => None,
    });
    assert!(
        matches!(refused, Some(7 | 1 | 11)),
        "REFUSED_STREAM or an error: {refused:?}"
    );
    target.canary();
}

#[test]
fn c27_a_burst_ahead_of_our_settings_loses_none_of_the_streams_that_are_taken() {
    let target = Target::with(Origin::http(|_| ok("taken")));
    let mut connection = target.open();
    let heads = (1..1_200).step_by(2).flat_map(|stream| {
        let head = block(&h2::request("GET", HOST, "/burst"));
        Frame::new(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, stream, head).bytes()
    });
    assert!(connection.raw(&heads.collect::<Vec<_>>()));
    let (mut answered, mut refused) = (0, 0);
    connection.find(|frame| {
        match frame.kind {
            kind::HEADERS => answered += 1,
            kind::RST_STREAM => refused += usize::from(error_code(frame) == 7),
            _ => {}
        }
        (answered + refused == 600).then_some(())
    });
    assert_eq!(answered + refused, 600, "{answered} answered");
    assert!(answered >= 250 && refused > 256, "{answered} answered");
    connection.get(1_201, HOST, "/next");
    assert_eq!(connection.status(1_201), Ok(200));
}

fn setting(frame: &Frame, id: u16) -> Option<u32> {
    frame.payload.chunks_exact(6).find_map(|entry| {
        let (name, value) = entry.split_at(2);
        (name == id.to_be_bytes()).then(|| u32::from_be_bytes(value.try_into().unwrap_or_default()))
    })
}

#[test]
fn c28_a_backend_that_overflows_the_window_or_lies_in_its_settings() {
    let pki = Pki::new();
    for (name, frames) in [
        (
            "window overflow",
            vec![
                Frame::new(kind::SETTINGS, 0, 0, []),
                Frame::new(kind::WINDOW_UPDATE, 0, 0, 0x7fff_ffff_u32.to_be_bytes()),
            ],
        ),
        (
            "frame size of 1",
            vec![Frame::new(kind::SETTINGS, 0, 0, [0, 5, 0, 0, 0, 1])],
        ),
        (
            "initial window too large",
            vec![Frame::new(kind::SETTINGS, 0, 0, [0, 4, 0xff, 0xff, 0xff, 0xff])],
        ),
        (
            "GOAWAY at once",
            vec![
                Frame::new(kind::SETTINGS, 0, 0, []),
                Frame::new(kind::GOAWAY, 0, 0, [0; 8]),
            ],
        ),
        (
            "oversized frame",
            vec![
                Frame::new(kind::SETTINGS, 0, 0, []),
                Frame::new(kind::DATA, 0, 1, vec![0; 40_000]),
            ],
        ),
    ] {
        let bytes: Vec<u8> = frames.iter().flat_map(Frame::bytes).collect();
        let origin = Origin::script_tls(pki.server(&["h2"]), move |wire: Wire<'_>| {
            wire.write_all(&bytes)
                .and_then(|()| wire.flush())
                .unwrap_or_default();
            while wire.read(&mut [0; 4096]).is_ok_and(|count| count > 0) {}
        });
        let timeout = serde_json::json!({ "forwardingTimeouts": { "responseHeaderTimeout": "3s" } });
        let manifests = pki.bridge_with(origin.port(), timeout);
        let mut viaduct = up().file("b.yaml", manifests.yaml()).start();
        let answer = pki.curl(&viaduct).get(HOST, "/");
        assert!(matches!(answer.status, 502 | 504), "{name}: {answer:?}");
        assert!(viaduct.is_running());
    }
}

#[test]
fn c29_frames_against_the_rules_end_the_stream_or_the_connection() {
    let mut target = Target::new();
    let request = block(&h2::request("GET", HOST, "/"));
    for (name, frame) in [
        ("DATA on stream 0", Frame::new(kind::DATA, flag::NONE, 0, "x")),
        (
            "HEADERS on stream 0",
            Frame::new(kind::HEADERS, flag::END_HEADERS, 0, request.clone()),
        ),
        (
            "HEADERS on an even stream",
            Frame::new(
                kind::HEADERS,
                flag::END_HEADERS | flag::END_STREAM,
                2,
                request.clone(),
            ),
        ),
        (
            "CONTINUATION out of nowhere",
            Frame::new(kind::CONTINUATION, flag::END_HEADERS, 1, request),
        ),
        (
            "PUSH_PROMISE of a client",
            Frame::new(5, flag::END_HEADERS, 1, [0, 0, 0, 2]),
        ),
        (
            "SETTINGS of 5 bytes",
            Frame::new(kind::SETTINGS, flag::NONE, 0, [0; 5]),
        ),
        ("PING of 7 bytes", Frame::new(kind::PING, flag::NONE, 0, [0; 7])),
        (
            "WINDOW_UPDATE of 0",
            Frame::new(kind::WINDOW_UPDATE, flag::NONE, 0, [0; 4]),
        ),
        (
            "RST_STREAM of an idle stream",
            Frame::new(kind::RST_STREAM, flag::NONE, 9, [0; 4]),
        ),
        (
            "a frame above the size limit",
            Frame::new(kind::DATA, flag::NONE, 1, vec![0; 1 << 20]),
        ),
        (
            "a broken header block",
            Frame::new(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, 1, [0xff; 20]),
        ),
    ] {
        let mut connection = target.open();
        connection.send(&frame);
        let code = goaway(&mut connection);
        assert_ne!(code, Some(0), "{name}: taken for good");
    }
    target.survives();
    assert!(target.origin.requests().is_empty());
}

/// Lines about streams that never became a request.
fn unread(viaduct: &Viaduct) -> Vec<(Option<u64>, String)> {
    let entries = viaduct.access_log().into_iter();
    entries
        .filter(|entry| entry.text("RequestPath") == "-")
        .map(|entry| (entry.number("DownstreamStatus"), entry.fault().to_owned()))
        .collect()
}

#[test]
fn r25_a_stream_that_is_reset_before_there_is_a_request_has_a_line_of_its_own() {
    let target = Target::new();
    let mut connection = target.open();
    let mut odd = h2::request("GET", HOST, "/odd").to_vec();
    odd.push(("connection", "close"));
    connection.headers(1, true, &odd);
    let reset = connection.status(1).expect_err("a reset").expect("a frame");
    assert_eq!((reset.kind, error_code(&reset)), (kind::RST_STREAM, 1));
    let mut bomb = block(&h2::request("GET", HOST, "/large"));
    bomb.push(0x40);
    for text in ["x-large", &"b".repeat(3000)] {
        h2::integer(&mut bomb, text.len());
        bomb.extend(text.as_bytes());
    }
    bomb.extend(std::iter::repeat_n(0xbe, 1000));
    let all = flag::END_HEADERS | flag::END_STREAM;
    connection.send(&Frame::new(kind::HEADERS, all, 3, bomb));
    assert_eq!(connection.status(3), Ok(431));
    // Others of the same connection are served, before and behind it, and have one line each.
    connection.get(5, HOST, "/good");
    assert_eq!(connection.status(5), Ok(200));
    let mut short = h2::request("GET", HOST, "/short").to_vec();
    short.push(("content-length", "5"));
    connection.headers(7, true, &short);
    let reset = connection.status(7).expect_err("a reset").expect("a frame");
    assert_eq!(reset.kind, kind::RST_STREAM);
    assert_eq!(
        target.viaduct.wait_access("/good").number("DownstreamStatus"),
        Some(200)
    );
    wait_until("three lines", || unread(&target.viaduct).len() == 3);
    let mut lines = unread(&target.viaduct);
    lines.sort_unstable();
    let broken = (Some(400), "protocol_error".to_owned());
    assert_eq!(
        lines,
        [
            broken.clone(),
            broken,
            (Some(431), "headers_too_large".to_owned())
        ]
    );
    let metered = target.viaduct.access_log().len();
    // The canary, and these four.
    assert_eq!(metered, 5);
}

#[test]
fn r25_a_client_that_resets_its_stream_before_the_answer_is_told_of() {
    let (asked, was_asked) = std::sync::mpsc::sync_channel(2);
    let target = Target::with(Origin::script(move |wire: Wire<'_>| {
        let mut buffer = [0; 4096];
        let read = wire.read(&mut buffer).unwrap_or_default();
        if buffer[..read].windows(5).any(|window| window == b"/gone") {
            asked.try_send(()).expect("the test is there");
            // Until the proxy lets go.
            while wire.read(&mut buffer).is_ok_and(|read| read > 0) {}
        } else {
            wire.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                .unwrap_or_default();
        }
    }));
    let mut connection = target.open();
    connection.get(1, HOST, "/gone");
    was_asked.recv().expect("the request");
    connection.send(&Frame::new(kind::RST_STREAM, flag::NONE, 1, 8_u32.to_be_bytes()));
    let line = target.viaduct.wait_access("/gone");
    assert_eq!(line.number("DownstreamStatus"), Some(499));
    assert_eq!(line.fault(), "client_gone");
    // Begun and given up at once.
    let mut both = Vec::new();
    let head = block(&h2::request("GET", HOST, "/gone/at-once"));
    both.extend(Frame::new(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, 3, head).bytes());
    both.extend(Frame::new(kind::RST_STREAM, flag::NONE, 3, 8_u32.to_be_bytes()).bytes());
    connection.raw(&both);
    let line = target.viaduct.wait_access("/gone/at-once");
    assert_eq!(line.number("DownstreamStatus"), Some(499));
    connection.get(5, HOST, "/still");
    assert_eq!(connection.status(5), Ok(200));
    assert_eq!(unread(&target.viaduct), []);
}
