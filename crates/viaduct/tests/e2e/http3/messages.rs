//! Messages over HTTP/3: heads, bodies both ways, trailers, and what is no message.

use viaduct_testkit::origin::{Origin, Request, echo, ok};

use super::{edge, peer};
use crate::fixture::Pki;

/// Answers with what it was sent.
fn mirror(request: &Request) -> Vec<u8> {
    ok(&String::from_utf8_lossy(&request.body))
}

#[test]
fn a13_1_bodies_stream_both_ways() {
    let pki = Pki::new();
    let origin = Origin::http(mirror);
    let viaduct = edge(&pki, &origin);
    peer(
        &pki,
        &viaduct,
        r#"
peer = Peer()
large = bytes(range(65, 91)) * 40000
stream = peer.ask("/large", method="POST", end=False, more=[("content-length", str(len(large)))])
peer.h3.send_data(stream, large, True)
answer = peer.wait(stream)
check((answer.status, answer.body == large), (200, True), (answer.status, len(answer.body)))

stream = peer.ask("/pieces", method="PUT", end=False)
for piece in [b"one ", b"two ", b"", b"three"]:
    peer.h3.send_data(stream, piece, False)
    peer.flush()
peer.h3.send_data(stream, b"", True)
check(peer.wait(stream).body, b"one two three")
"#,
        &[],
    );
    let large = origin.wait_request("/large");
    assert_eq!(large.header("content-length"), Some("1040000"));
    assert_eq!(large.header("transfer-encoding"), None);
    assert_eq!(
        origin.wait_request("/pieces").header("transfer-encoding"),
        Some("chunked")
    );
    assert_eq!(
        viaduct.wait_access("/large").number("RequestContentSize"),
        Some(1_040_000)
    );
}

#[test]
fn a13_1_many_requests_share_a_connection() {
    let pki = Pki::new();
    let origin = Origin::http(|request| ok(&request.target));
    let viaduct = edge(&pki, &origin);
    peer(
        &pki,
        &viaduct,
        r#"
peer = Peer()
asked = [(f"/{number}", peer.ask(f"/{number}")) for number in range(90)]
for path, stream in asked:
    check(peer.wait(stream).body, path.encode())
for number in range(200):
    check(peer.get(f"/more/{number}").status, 200)
"#,
        &[],
    );
}

#[test]
fn a13_1_requests_without_a_body_have_none_at_the_backend() {
    let pki = Pki::new();
    let origin = Origin::http(|request| match request.target.as_str() {
        "/204" => b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
        "/304" => b"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n".to_vec(),
        "/head" => b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n".to_vec(),
        _ => echo(request),
    });
    let viaduct = edge(&pki, &origin);
    peer(
        &pki,
        &viaduct,
        r#"
peer = Peer()
check(peer.get("/get").status, 200)
# The stream's end in a packet of its own.
stream = peer.ask("/late", end=False)
peer.until(lambda: False, 0.1)
peer.quic.send_stream_data(stream, b"", True)
check(peer.wait(stream).status, 200)
# aioquic takes the length of what a HEAD leaves out for an error.
peer.h3._check_content_length = lambda stream: None
answer = peer.get("/head", method="HEAD")
check((answer.status, answer.body, answer.headers["content-length"]), (200, b"", ["1000"]), answer)
check(peer.get("/nowhere", method="HEAD", authority="other.example.com").body, b"")
for status in [204, 304]:
    answer = peer.get(f"/{status}")
    check((answer.status, answer.body, answer.ended), (status, b"", True), answer)
"#,
        &[],
    );
    for target in ["/get", "/late", "/head"] {
        let request = origin.wait_request(target);
        assert_eq!(request.header("transfer-encoding"), None, "{target}");
        assert_eq!(request.header("content-length"), None, "{target}");
    }
}

#[test]
fn a13_3_trailers_go_both_ways() {
    let pki = Pki::new();
    let origin = Origin::http(|_| {
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n2\r\nok\r\n0\r\nx-sum: 17\r\nhost: evil\r\n\r\n"
            .to_vec()
    });
    let viaduct = edge(&pki, &origin);
    peer(
        &pki,
        &viaduct,
        r#"
peer = Peer()
stream = peer.ask("/", method="POST", end=False, more=[("te", "trailers"), ("trailer", "x-up")])
peer.h3.send_data(stream, b"body", False)
peer.h3.send_headers(stream, [(b"x-up", b"1"), (b"x-forwarded-for", b"6.6.6.6")], True)
answer = peer.wait(stream)
check((answer.body, answer.trailers), (b"ok", {"x-sum": ["17"]}), answer)
"#,
        &[],
    );
}

#[test]
fn i3_owned_headers_are_ours_over_http3() {
    let pki = Pki::new();
    let origin = Origin::http(echo);
    let viaduct = edge(&pki, &origin);
    peer(
        &pki,
        &viaduct,
        r#"
peer = Peer()
answer = peer.get("/", more=[
    ("x-forwarded-for", "6.6.6.6"), ("x_forwarded_for", "6.6.6.6"), ("x-real-ip", "6.6.6.6"),
    ("x-forwarded-proto", "http"), ("cookie", "a=1"), ("cookie", "b=2"),
])
body = answer.body.decode()
for line in ["x-forwarded-for: 127.0.0.1", "x-real-ip: 127.0.0.1", "x-forwarded-proto: https", "cookie: a=1; b=2"]:
    check(line in body, True, body)
check("6.6.6.6" in body, False, body)
"#,
        &[],
    );
}

#[test]
fn c29_malformed_heads_are_refused() {
    let pki = Pki::new();
    let origin = Origin::http(|_| ok(""));
    let viaduct = edge(&pki, &origin);
    peer(
        &pki,
        &viaduct,
        r#"
peer = Peer()
check(peer.get("/good").status, 200)
MESSAGE_ERROR = 0x10e
for more in [
    [("connection", "close")], [("connection", "x-real-ip")], [("keep-alive", "1")], [("proxy-connection", "close")],
    [("transfer-encoding", "chunked")], [("upgrade", "websocket")], [("te", "gzip")], [("te", "trailers, gzip")],
    [("X-Upper", "1")], [("x bad", "1")], [("x-value", "a\nb")], [("x-value", "a\rb")], [("x-value", "a\0b")],
    [("content-length", "1"), ("content-length", "1")], [("content-length", "+1")], [("content-length", "1, 1")],
    [(":unknown", "1")], [("host", "other.example.com")],
]:
    answer = peer.wait(peer.raw(peer.encoded(peer.head("/bad", more=more))))
    check((answer.status, answer.reset), (None, MESSAGE_ERROR), more)
# The fields of a head, without one or with a bad one.
whole = peer.head("/bad")
for missing in [0, 1, 3]:
    fields = whole[:missing] + whole[missing + 1:]
    check(peer.wait(peer.raw(peer.encoded(fields))).reset, MESSAGE_ERROR, fields)
check(peer.ended, None)
for path in ["/bad/%zz", "*"]:
    check(peer.get(path).status, 400, path)
for path in ["bad", ""]:
    answer = peer.get(path)
    check(answer.status == 400 or answer.reset == MESSAGE_ERROR, True, (path, answer))
# CVE-2023-47106: what is behind `#` goes nowhere.
check(peer.get("/good#/../bad").status, 200)
check(peer.get("/good").status, 200)
"#,
        &[],
    );
    assert!(
        origin.requests().iter().all(|request| request.target == "/good"),
        "{:?}",
        origin.requests()
    );
}

#[test]
fn cve_2026_71324_connect_is_not_implemented() {
    let pki = Pki::new();
    let origin = Origin::http(|_| ok(""));
    let viaduct = edge(&pki, &origin);
    peer(
        &pki,
        &viaduct,
        r#"
peer = Peer()
answer = peer.get("/x", method="CONNECT")
check(answer.status, 501, answer)
answer = peer.wait(peer.raw(peer.encoded([(b":method", b"CONNECT"), (b":authority", HOST.encode())])))
check(answer.status == 501 or answer.reset is not None, True, answer)
"#,
        &[],
    );
    assert!(origin.requests().is_empty());
}

#[test]
fn c11_a_body_is_as_long_as_its_head_says() {
    let pki = Pki::new();
    let origin = Origin::http(mirror);
    let viaduct = edge(&pki, &origin);
    peer(
        &pki,
        &viaduct,
        r#"
peer = Peer()
def post(length, *data):
    head = peer.encoded(peer.head("/length", method="POST", more=[("content-length", str(length))]))
    return peer.wait(peer.raw(head, *[encode_frame(0x0, piece) for piece in data]))

check(post(4, b"ab", b"cd").body, b"abcd")
check(post(4, b"ab", b"", b"cd", b"").body, b"abcd", "empty DATA is nothing")
for length, data in [(5, [b"abcd"]), (3, [b"abcd"]), (1, [])]:
    answer = post(length, *data)
    check(answer.status == 400 or answer.reset is not None, True, (length, data, answer))

# The stream ends inside DATA.
head = peer.encoded(peer.head("/cut", method="POST"))
for pieces in [[head + encode_frame(0x0, b"abcdef")[:-1]], [head, encode_frame(0x0, b"abcdef")[:-1]], [head, b"\x00"]]:
    answer = peer.wait(peer.raw(*pieces))
    check(answer.status == 200, False, answer)
    check(peer.ended, None)
check(post(2, b"ab").body, b"ab")
"#,
        &[],
    );
    let whole = origin
        .requests()
        .into_iter()
        .filter(|request| request.target == "/cut");
    assert_eq!(whole.count(), 0, "a part is no request");
}

#[test]
fn c10_an_answer_that_breaks_off_is_reset_not_finished() {
    let pki = Pki::new();
    let origin = Origin::script(|wire| {
        let mut buffer = [0; 4096];
        let _read = wire.read(&mut buffer);
        let _sent = wire.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n");
    });
    let viaduct = edge(&pki, &origin);
    peer(
        &pki,
        &viaduct,
        r#"
peer = Peer()
answer = peer.get("/broken")
check((answer.status, answer.ended, answer.reset is not None), (200, False, True), answer)
"#,
        &[],
    );
    assert_eq!(viaduct.wait_access("/broken").text("Fault"), "body_broken");
}

#[test]
fn r25_a_client_that_leaves_is_told_of() {
    let pki = Pki::new();
    let (asked, was_asked) = std::sync::mpsc::sync_channel(1);
    let origin = Origin::script(move |wire| {
        let mut buffer = [0; 4096];
        let _read = wire.read(&mut buffer);
        let _told = asked.try_send(());
        // Until the proxy lets go.
        while wire.read(&mut buffer).is_ok_and(|read| read > 0) {}
    });
    let viaduct = edge(&pki, &origin);
    let scenario = r#"
import os
peer = Peer()
stream = peer.ask("/gone")
peer.until(lambda: os.path.exists(MORE[0]))
peer.quic.stop_stream(stream, 0x10c)
check(peer.until(lambda: peer.answers[stream].reset is not None), True)
"#;
    let files = tempfile::tempdir().expect("a temporary directory");
    let flag = files.path().join("asked");
    let shown = flag.display().to_string();
    let watcher = std::thread::spawn(move || {
        was_asked.recv().expect("the request");
        std::fs::write(flag, "").expect("a file");
    });
    peer(&pki, &viaduct, scenario, &[&shown]);
    watcher.join().expect("the watcher");
    let line = viaduct.wait_access("/gone");
    assert_eq!(line.number("DownstreamStatus"), Some(499));
}

#[test]
fn c5_an_answer_that_comes_before_the_body_asks_for_no_more_of_it() {
    let pki = Pki::new();
    let origin = Origin::http(mirror);
    let viaduct = edge(&pki, &origin);
    peer(
        &pki,
        &viaduct,
        r#"
peer = Peer()
for path in ["/one", "/two"]:
    stream = peer.ask(path, method="POST", authority="nobody.example.com", end=False)
    peer.h3.send_data(stream, b"half", False)
    answer = peer.wait(stream)
    check((answer.status, answer.ended, answer.reset), (404, True, None), answer)
    # H3_NO_ERROR.
    peer.until(lambda: answer.stopped is not None)
    check(answer.stopped, 0x100, answer)
check(peer.get("/next").status, 200)
"#,
        &[],
    );
}
