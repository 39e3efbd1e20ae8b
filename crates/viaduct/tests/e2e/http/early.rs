//! Answers that come before the request's body has ended: whoever uploads gets them, on either leg, and keeps the
//! connection where that is possible (A13.1; RFC 9110, 10.1.1; RFC 9112, 9.3; RFC 9113, 8.1).

use std::io::Write as _;
use std::time::{Duration, Instant};

use viaduct_testkit::h2::{self, Frame, error_code, flag, kind};
use viaduct_testkit::h2load::{Load, Tally};
use viaduct_testkit::haproxy::Haproxy;
use viaduct_testkit::manifest::Route;
use viaduct_testkit::nginx::Nginx;
use viaduct_testkit::origin::{Origin, Wire, ok};
use viaduct_testkit::tls::Client;
use viaduct_testkit::viaduct::{Up, Viaduct};

use crate::fixture::{BACKEND, FRONT_SECRET, HOST, Pki, RULE, secure_route, up};

/// Answers almost all paths of [`HOST`] by itself, with 404.
fn nowhere(pki: &Pki) -> Viaduct {
    nowhere_with(pki, up())
}

pub(super) fn nowhere_with(pki: &Pki, up: Up) -> Viaduct {
    let rule = format!("{RULE} && Path(`/somewhere`)");
    let route = Route::secure("web-ingressroute", &rule, BACKEND, "http").certificate(FRONT_SECRET);
    up.file("b.yaml", pki.base(9).route(route).yaml()).start()
}

/// Uploads of `size` bytes by h2load.
#[track_caller]
fn upload(viaduct: &Viaduct, path: &str, size: usize, arguments: &[&str]) -> Tally {
    let file = viaduct.directory().join("upload");
    std::fs::write(&file, vec![b'u'; size]).expect("writing a file");
    let file = file.display().to_string();
    let arguments = [arguments, &["-d", &file]].concat();
    Load::start(viaduct.websecure(), HOST, path, &arguments).finish()
}

#[test]
fn a13_1_uploads_that_nobody_reads_cost_no_http2_connection() {
    let pki = Pki::new();
    let nginx = Nginx::server(&pki.backend, "location / { return 200 early; }");
    let viaduct = up().file("b.yaml", pki.bridge(nginx.port()).yaml()).start();
    let load = ["-n", "4000", "-c", "10", "-m", "50"];
    let tally = upload(&viaduct, "/backend", 100_000, &load);
    assert_eq!(tally.ok, 4000, "{tally:?}\n{}", viaduct.log());
    // More than is read for nobody: each ends with a reset.
    let tally = upload(
        &viaduct,
        "/backend",
        2_000_000,
        &["-n", "600", "-c", "2", "-m", "50"],
    );
    assert_eq!(tally.ok, 600, "{tally:?}\n{}", viaduct.log());
}

#[test]
fn a13_1_our_own_answers_to_uploads_cost_no_http2_connection() {
    let pki = Pki::new();
    let viaduct = nowhere(&pki);
    for (size, count) in [(100_000, "4000"), (2_000_000, "600")] {
        let tally = upload(&viaduct, "/nowhere", size, &["-n", count, "-c", "2", "-m", "50"]);
        assert_eq!(
            (tally.started.to_string().as_str(), tally.answered),
            (count, tally.started),
            "{tally:?}"
        );
    }
}

#[test]
fn a13_1_a_short_upload_that_nobody_reads_ends_without_a_reset_and_a_long_one_with_no_error() {
    let pki = Pki::new();
    let viaduct = nowhere(&pki);
    let mut connection = pki.open_h2(&viaduct);
    let data = |connection: &mut h2::Connection<Client>, stream: u32, flags: u8| {
        connection.send(&Frame::new(kind::DATA, flags, stream, vec![b'd'; 16_000]));
    };
    connection.headers(1, false, &h2::request("POST", HOST, "/short"));
    assert_eq!(connection.status(1), Ok(404));
    for _ in 0..5 {
        data(&mut connection, 1, flag::NONE);
    }
    data(&mut connection, 1, flag::END_STREAM);
    connection.headers(3, false, &h2::request("POST", HOST, "/long"));
    for _ in 0..20 {
        data(&mut connection, 3, flag::NONE);
    }
    connection.get(5, HOST, "/next");
    let (mut resets, mut answered) = (Vec::new(), Vec::new());
    connection.find(|frame| {
        match frame.kind {
            kind::RST_STREAM => resets.push((frame.stream, error_code(frame))),
            kind::HEADERS => answered.push(frame.stream),
            _ => {}
        }
        (answered.len() == 2 && !resets.is_empty()).then_some(())
    });
    assert_eq!(resets, [(3, 0)], "NO_ERROR, and none for stream 1");
    answered.sort_unstable();
    assert_eq!(answered, [3, 5]);
}

#[test]
fn c22_what_comes_behind_our_own_resets_is_no_attack() {
    let pki = Pki::new();
    let viaduct = nowhere(&pki);
    let mut connection = pki.open_h2(&viaduct);
    // The windows are those of its SETTINGS once those are acknowledged.
    connection.get(1, HOST, "/first");
    assert_eq!(connection.status(1), Ok(404));
    let piece = Frame::new(kind::DATA, flag::NONE, 0, vec![b'd'; 16_000]);
    for stream in (3..600).step_by(2) {
        assert!(connection.headers(stream, false, &h2::request("POST", HOST, "/long")));
        // What is read for nobody, and frames that come behind the reset.
        for _ in 0..20 {
            assert!(connection.send(&Frame {
                stream,
                ..piece.clone()
            }));
        }
        assert_eq!(connection.status(stream), Ok(404));
        let reset = connection.find(|frame| {
            let ends = frame.kind == kind::RST_STREAM && frame.stream == stream;
            ends.then(|| error_code(frame))
        });
        assert_eq!(reset, Some(0), "NO_ERROR");
    }
    connection.get(3001, HOST, "/next");
    assert_eq!(connection.status(3001), Ok(404));
}

#[test]
fn c5_an_http1_connection_goes_on_behind_a_short_upload_that_nobody_reads() {
    let pki = Pki::new();
    let viaduct = nowhere(&pki);
    let mut connection = pki.open(&viaduct);
    let body = vec![b'b'; 200_000];
    connection.send(format!(
        "POST /sized HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    ));
    let early = connection.response().expect("an answer ahead of the body");
    assert_eq!((early.status, early.header("connection")), (404, None));
    connection.send(&body);
    assert_eq!(connection.get(HOST, "/next").status, 404);
    connection.send(format!(
        "POST /chunked HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n"
    ));
    assert_eq!(connection.response().map(|response| response.status), Some(404));
    connection.send("3\r\nabc\r\n0\r\nx-trailer: 1\r\n\r\n");
    assert_eq!(connection.get(HOST, "/next").status, 404);
}

#[test]
fn c5_a_client_that_sends_all_before_it_reads_gets_the_answer_over_http1() {
    let pki = Pki::new();
    let viaduct = nowhere(&pki);
    let piece = vec![b'p'; 1 << 20];
    let pieces = 32;
    let mut connection = pki.open(&viaduct);
    connection.send(format!(
        "POST /large HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {}\r\n\r\n",
        pieces * piece.len()
    ));
    for _ in 0..pieces {
        connection.stream().write_all(&piece).expect("all of it is taken");
    }
    let answer = connection.response().expect("the answer");
    assert_eq!((answer.status, answer.header("connection")), (404, Some("close")));
    assert!(connection.closed());
    // curl stops when it sees that the connection will be closed, and says so by its exit code only in part.
    let curl = pki.curl(&viaduct);
    let file = curl.file("large", &piece.repeat(pieces)).display().to_string();
    let answer = curl.request(
        HOST,
        "/large",
        &["--http1.1", "-H", "Expect:", "--data-binary", &format!("@{file}")],
    );
    assert_eq!(answer.status, 404, "{answer:?}");
}

#[test]
fn a13_6_a_head_that_cannot_be_read_is_answered_to_a_client_that_goes_on_sending() {
    let pki = Pki::new();
    let viaduct = nowhere(&pki);
    let mut connection = pki.open(&viaduct);
    connection.send(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n"));
    let field = format!("x-large: {}\r\n", "l".repeat(16_000));
    for _ in 0..500 {
        connection
            .stream()
            .write_all(field.as_bytes())
            .expect("all of it is taken");
    }
    assert_eq!(connection.response().map(|response| response.status), Some(431));
    assert!(connection.closed());
}

#[test]
fn r19_a_client_that_never_closes_is_not_waited_for_long() {
    let pki = Pki::new();
    let mut viaduct = nowhere(&pki);
    let mut connection = pki.open(&viaduct);
    connection.send(format!(
        "POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 9000000\r\n\r\n"
    ));
    assert_eq!(connection.response().map(|response| response.status), Some(404));
    assert!(connection.closed(), "our half is closed at once");
    let since = Instant::now();
    viaduct.terminate();
    viaduct.wait_exit(Duration::from_secs(8));
    // Half a second, where silence would be waited out for five.
    assert!(since.elapsed() < Duration::from_secs(3), "{:?}", since.elapsed());
}

#[test]
fn a13_1_curl_gets_the_early_answer_to_a_long_upload_over_http2() {
    let pki = Pki::new();
    let viaduct = nowhere(&pki);
    let curl = pki.curl(&viaduct);
    let file = curl.file("large", &vec![b'u'; 8 << 20]).display().to_string();
    let data = format!("@{file}");
    let answer = curl.request(
        HOST,
        "/long",
        &["--http2", "-H", "Expect:", "--data-binary", &data],
    );
    assert_eq!(
        (answer.status, answer.http_version.as_str()),
        (404, "2"),
        "{answer:?}"
    );
}

/// A backend that answers on the head alone and closes at once, whatever is still coming: with RST.
fn hasty(answer: &'static [u8]) -> impl Fn(Wire<'_>) + Send + Sync + 'static {
    move |wire| {
        let mut seen = Vec::new();
        let mut bytes = [0; 1];
        while !seen.ends_with(b"\r\n\r\n") {
            match wire.read(&mut bytes) {
                Ok(count) if count > 0 => seen.extend(bytes),
                _ => return,
            }
        }
        wire.write_all(answer)
            .and_then(|()| wire.flush())
            .unwrap_or_default();
    }
}

const REFUSAL: &[u8] =
    b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlarge";

/// Asserts that uploads get the 413 of the backend, over HTTP/1.1 and HTTP/2.
#[track_caller]
fn refused(name: &str, pki: &Pki, viaduct: &Viaduct) {
    let curl = pki.curl(viaduct);
    let file = curl.file("large", &vec![b'u'; 8 << 20]).display().to_string();
    let data = format!("@{file}");
    for framing in ["", "Transfer-Encoding: chunked"] {
        for round in 0..5 {
            let arguments = [
                "--http1.1",
                "-H",
                "Expect:",
                "-H",
                framing,
                "--data-binary",
                &data,
            ];
            let answer = curl.request(HOST, "/upload", &arguments);
            assert_eq!(
                answer.status,
                413,
                "{name} {framing} {round}: {answer:?}\n{}",
                viaduct.log()
            );
        }
    }
    let tally = upload(viaduct, "/upload", 8 << 20, &["-n", "20", "-c", "2", "-m", "5"]);
    assert_eq!(tally.answered, 20, "{name}: {tally:?}\n{}", viaduct.log());
    for entry in viaduct.access_log() {
        assert_eq!(entry.number("DownstreamStatus"), Some(413), "{name}: {entry:?}");
    }
}

#[test]
fn a13_5_the_backends_answer_to_half_an_upload_reaches_the_client() {
    let pki = Pki::new();
    let plain = Origin::script(hasty(REFUSAL));
    let secure = Origin::script_tls(pki.server(&[]), hasty(REFUSAL));
    let nginx = Nginx::server(
        &pki.backend,
        "lingering_close off; location / { return 413 large; }",
    );
    let h2 = Nginx::server_h2(&pki.backend, "location / { return 413 large; }");
    let h2c = Nginx::plain("listen {port} http2; location / { return 413 large; }");
    let haproxy = Haproxy::deny(413);
    for (name, manifests) in [
        ("hasty, plain", pki.edge_only(plain.port())),
        ("hasty, TLS", pki.bridge(secure.port())),
        ("nginx", pki.bridge(nginx.port())),
        ("nginx, HTTP/2", pki.bridge(h2.port())),
        ("nginx, h2c", pki.base(h2c.port()).route(secure_route("h2c"))),
        ("HAProxy", pki.edge_only(haproxy.address().port())),
    ] {
        let viaduct = up().file("b.yaml", manifests.yaml()).start();
        refused(name, &pki, &viaduct);
    }
}

#[test]
fn c5_a_backend_connection_with_half_an_upload_on_it_is_not_used_again() {
    let pki = Pki::new();
    // Answers on the head, keeps the connection, and takes what follows for a request.
    let origin = Origin::script(|wire: Wire<'_>| {
        let mut seen = Vec::new();
        let mut bytes = [0; 4096];
        loop {
            match wire.read(&mut bytes) {
                Ok(count) if count > 0 => seen.extend_from_slice(&bytes[..count]),
                _ => return,
            }
            let text = String::from_utf8_lossy(&seen);
            if text.contains("POST /upload") && text.contains("\r\n\r\n") {
                wire.write_all(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
                    .unwrap_or_default();
                seen.clear();
            } else if text.contains("GET /next") && text.starts_with("GET /next") {
                wire.write_all(&ok("next")).unwrap_or_default();
                seen.clear();
            }
        }
    });
    let viaduct = up().file("b.yaml", pki.edge_only(origin.port()).yaml()).start();
    let mut uploading = pki.open(&viaduct);
    uploading.send(format!(
        "POST /upload HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1000\r\n\r\nhalf"
    ));
    assert_eq!(uploading.response().map(|response| response.status), Some(401));
    let mut other = pki.open(&viaduct);
    let next = other.get(HOST, "/next");
    assert_eq!((next.status, next.text().as_str()), (200, "next"));
    assert_eq!(
        origin.connections(),
        2,
        "not the one that waits for the rest of a body"
    );
    drop(uploading);
}

#[test]
fn c20_streams_that_clients_give_up_do_not_end_a_connection_that_others_share() {
    let pki = Pki::new();
    let nginx = Nginx::server_h2(
        &pki.backend,
        "keepalive_requests 1000000; root {dir}; location / { }",
    );
    std::fs::write(nginx.directory().join("large"), vec![b'l'; 4 << 20]).expect("writing a file");
    let viaduct = up()
        .arg("--workers=1")
        .file("b.yaml", pki.bridge(nginx.port()).yaml())
        .start();
    let open = || pki.open_h2(&viaduct);
    // Somebody whose answer lasts.
    let mut patient = open();
    patient.get(1, HOST, "/large");
    assert_eq!(patient.status(1), Ok(200));
    for _ in 0..30 {
        let mut restless = open();
        for stream in (1..200).step_by(2) {
            restless.get(stream, HOST, "/large");
        }
        assert_eq!(
            restless.status(199),
            Ok(200),
            "{:?}\n{}",
            viaduct.access_log().last(),
            viaduct.log()
        );
        for stream in (1..200).step_by(2) {
            restless.send(&Frame::new(
                kind::RST_STREAM,
                flag::NONE,
                stream,
                8_u32.to_be_bytes(),
            ));
        }
        restless.get(201, HOST, "/none");
        assert_eq!(restless.status(201), Ok(404));
    }
    patient.send(&Frame::new(
        kind::WINDOW_UPDATE,
        flag::NONE,
        0,
        (8_u32 << 20).to_be_bytes(),
    ));
    patient.send(&Frame::new(
        kind::WINDOW_UPDATE,
        flag::NONE,
        1,
        (8_u32 << 20).to_be_bytes(),
    ));
    let end = patient.find(|frame| match frame.kind {
        kind::DATA if frame.flags & flag::END_STREAM != 0 => Some(None),
        kind::RST_STREAM | kind::GOAWAY => Some(Some(frame.clone())),
        _ => None,
    });
    assert_eq!(end, Some(None), "\n{}", viaduct.log());
}
