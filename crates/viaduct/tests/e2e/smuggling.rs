//! Ambiguous HTTP/1, byte by byte (security checks C1 to C11). A case passes when it is refused and the
//! connection closed, or when exactly one clear request reached the strictest of backends; and when a
//! second client on the same pool still gets its own answer.

use viaduct_testkit::h2;
use viaduct_testkit::http1::{self, Connection};
use viaduct_testkit::manifest::Route;
use viaduct_testkit::origin::{Origin, Wire, ok};
use viaduct_testkit::tls::{Dial, dial_plain};
use viaduct_testkit::viaduct::Viaduct;

use crate::fixture::{BACKEND, HOST, Pki, RULE, up};

/// A plain route to a strict origin that says which request it answers, one worker, one pool.
struct Range {
    viaduct: Viaduct,
    origin: Origin,
    canaries: std::cell::Cell<u32>,
}

/// What is allowed to happen to one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Allowed {
    /// Refused: nothing upstream.
    Refused,
    /// Refused, or one request upstream.
    RefusedOrOne,
}

impl Range {
    fn new() -> Self {
        let pki = Pki::new();
        let origin = Origin::http(|request| ok(&format!("answer to {}", request.target)));
        let manifests = pki
            .base(origin.port())
            .route(Route::plain("plain", RULE, BACKEND, "http"));
        let viaduct = up().arg("--workers=1").file("b.yaml", manifests.yaml()).start();
        Self {
            viaduct,
            origin,
            canaries: std::cell::Cell::new(0),
        }
    }

    /// Sends `message`, which ends with bytes that could be taken for a request to `/smuggled`.
    #[track_caller]
    fn check(&self, name: &str, message: &[u8], allowed: Allowed) {
        let before = self.origin.requests().len();
        let mut connection = Connection::new(dial_plain(self.viaduct.web()));
        connection.send(message);
        // No more is coming: whatever is incomplete stays so.
        connection
            .stream()
            .shutdown(std::net::Shutdown::Write)
            .unwrap_or_default();
        let mut statuses = Vec::new();
        while let Some(response) = connection.response() {
            statuses.push(response.status);
        }
        self.canary(name);
        let seen = self.origin.requests();
        let upstream: Vec<_> = seen[before..]
            .iter()
            .filter(|request| request.target != "/canary")
            .collect();
        let shown = String::from_utf8_lossy(message);
        assert!(
            self.origin.garbage().is_empty(),
            "{name}: garbage upstream: {:?}\nof: {shown:?}",
            self.origin.garbage()
        );
        assert!(
            upstream.iter().all(|request| request.target != "/smuggled"),
            "{name}: smuggled upstream: {upstream:?}\nof: {shown:?}"
        );
        let refused = statuses
            .iter()
            .all(|status| matches!(status, 400 | 404 | 413 | 414 | 417 | 421 | 431 | 501 | 505));
        let good = match allowed {
            Allowed::Refused => upstream.is_empty() && refused,
            Allowed::RefusedOrOne => upstream.len() <= 1 && (refused || upstream.len() == 1),
        };
        assert!(
            good,
            "{name} ({allowed:?}): statuses {statuses:?}, upstream {upstream:?}\nof: {shown:?}"
        );
    }

    /// A second client gets the answer to its own question.
    #[track_caller]
    fn canary(&self, name: &str) {
        self.canaries.set(self.canaries.get() + 1);
        let answer = http1::once(
            self.viaduct.web(),
            format!("GET /canary HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"),
        );
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (200, "answer to /canary"),
            "after {name}"
        );
    }
}

/// A request with these header lines and body, and a request behind it.
fn with(lines: &str, body: &str) -> Vec<u8> {
    format!("POST /outer HTTP/1.1\r\nHost: {HOST}\r\n{lines}\r\n{body}{SMUGGLED}").into_bytes()
}

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: web.example.com\r\nX-Ignore: ";

#[test]
fn c1_lengths_that_disagree() {
    let range = Range::new();
    let chunks = "0\r\n\r\n";
    for (name, lines, body) in [
        (
            "CL and TE",
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            chunks,
        ),
        (
            "TE and CL",
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            chunks,
        ),
        (
            "CL.TE, longer",
            "Content-Length: 60\r\nTransfer-Encoding: chunked\r\n",
            chunks,
        ),
        (
            "CL twice, unequal",
            "Content-Length: 0\r\nContent-Length: 5\r\n",
            "",
        ),
        (
            "CL twice, unequal the other way",
            "Content-Length: 5\r\nContent-Length: 0\r\n",
            "hello",
        ),
        ("CL list, unequal", "Content-Length: 0, 5\r\n", ""),
        ("CL with plus", "Content-Length: +5\r\n", "hello"),
        ("CL with minus", "Content-Length: -5\r\n", "hello"),
        ("CL in hex", "Content-Length: 0x5\r\n", "hello"),
        ("CL with underscore", "Content-Length: 1_0\r\n", "hello"),
        ("CL empty", "Content-Length: \r\n", ""),
        ("CL not a number", "Content-Length: five\r\n", "hello"),
        (
            "CL beyond 64 bits",
            "Content-Length: 18446744073709551621\r\n",
            "hello",
        ),
        ("CL with inner space", "Content-Length: 1 0\r\n", "hello"),
    ] {
        range.check(name, &with(lines, body), Allowed::Refused);
    }
    range.check(
        "CL twice, equal",
        &with("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"),
        Allowed::RefusedOrOne,
    );
    range.check(
        "CL list, equal",
        &with("Content-Length: 5, 5\r\n", "hello"),
        Allowed::RefusedOrOne,
    );
}

#[test]
fn c2_transfer_encodings_in_disguise() {
    let range = Range::new();
    for (name, lines) in [
        ("chunked, identity", "Transfer-Encoding: chunked, identity\r\n"),
        ("identity", "Transfer-Encoding: identity\r\nContent-Length: 5\r\n"),
        ("xchunked", "Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n"),
        (
            "leading comma",
            "Transfer-Encoding: ,chunked\r\nContent-Length: 5\r\n",
        ),
        ("chunked twice", "Transfer-Encoding: chunked, chunked\r\n"),
        (
            "two lines",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        ),
        (
            "vertical tab",
            "Transfer-Encoding: \x0bchunked\r\nContent-Length: 5\r\n",
        ),
        (
            "form feed",
            "Transfer-Encoding: \x0cchunked\r\nContent-Length: 5\r\n",
        ),
        (
            "space before colon",
            "Transfer-Encoding : chunked\r\nContent-Length: 5\r\n",
        ),
        (
            "tab before colon",
            "Transfer-Encoding\t: chunked\r\nContent-Length: 5\r\n",
        ),
        (
            "quoted",
            "Transfer-Encoding: \"chunked\"\r\nContent-Length: 5\r\n",
        ),
        ("bare CR", "Transfer-Encoding:\rchunked\r\nContent-Length: 5\r\n"),
        ("NUL", "Transfer-Encoding: chunked\0\r\nContent-Length: 5\r\n"),
        (
            "folded",
            "Transfer-Encoding:\r\n chunked\r\nContent-Length: 5\r\n",
        ),
        ("gzip", "Transfer-Encoding: gzip, chunked\r\n"),
    ] {
        range.check(name, &with(lines, "0\r\n\r\n"), Allowed::Refused);
    }
    let on_http10 = format!(
        "POST /outer HTTP/1.0\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n{SMUGGLED}"
    );
    range.check("on HTTP/1.0", on_http10.as_bytes(), Allowed::Refused);
    range.check(
        "upper case",
        &with("TRANSFER-ENCODING: CHUNKED\r\n", "0\r\n\r\n"),
        Allowed::RefusedOrOne,
    );
}

#[test]
fn c3_chunks_that_are_not() {
    let range = Range::new();
    for (name, body) in [
        ("bare LF after size", "0\n\r\n"),
        ("bare LF throughout", "0\n\n"),
        ("bare CR after size", "0\r\r\n"),
        ("hex prefix", "0x0\r\n\r\n"),
        ("plus", "+0\r\n\r\n"),
        ("minus", "-0\r\n\r\n"),
        ("empty size", "\r\n\r\n"),
        ("overflow", "10000000000000005\r\nhello\r\n0\r\n\r\n"),
        ("LF in extension", "0;a\nb\r\n\r\n"),
        ("CR in extension", "0;a\rb\r\n\r\n"),
        ("no CRLF behind data", "5\r\nhello0\r\n\r\n"),
        ("wrong end behind data", "5\r\nhelloXX0\r\n\r\n"),
        ("space before size", " 0\r\n\r\n"),
    ] {
        // Some break off only inside the body, when its head has gone upstream already.
        range.check(
            name,
            &with("Transfer-Encoding: chunked\r\n", body),
            Allowed::RefusedOrOne,
        );
    }
    range.check(
        "trailers cannot frame",
        &with(
            "Transfer-Encoding: chunked\r\n",
            "0\r\nContent-Length: 50\r\nTransfer-Encoding: chunked\r\n\r\n",
        ),
        Allowed::RefusedOrOne,
    );
}

#[test]
fn c5_the_body_of_an_early_answer_is_never_a_request() {
    let pki = Pki::new();
    // Answers on the head and keeps the connection.
    let origin = Origin::script(|wire: Wire<'_>| {
        let mut seen: Vec<u8> = Vec::new();
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = wire.read(&mut bytes) {
            let first = seen.is_empty();
            seen.extend(bytes.iter().take(count));
            if first {
                wire.write_all(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
                    .unwrap_or_default();
            }
        }
    });
    let manifests = pki
        .base(origin.port())
        .route(Route::plain("plain", RULE, BACKEND, "http"));
    let viaduct = up().file("b.yaml", manifests.yaml()).start();
    let body = format!("{SMUGGLED}\r\n\r\n");
    let mut connection = Connection::new(dial_plain(viaduct.web()));
    connection.send(format!(
        "POST /early HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {}\r\n\r\n",
        body.len() + 10
    ));
    assert_eq!(connection.response().map(|response| response.status), Some(401));
    connection.send(&body);
    connection
        .stream()
        .shutdown(std::net::Shutdown::Write)
        .unwrap_or_default();
    assert_eq!(
        connection.response(),
        None,
        "the rest is a body, whatever it looks like"
    );
    assert!(
        viaduct
            .access_log()
            .iter()
            .all(|entry| entry.text("RequestPath") != "/smuggled")
    );
}

#[test]
fn c7_header_lines_that_are_not() {
    let range = Range::new();
    for (name, line) in [
        ("empty name", ": value"),
        ("NUL in name", "X-\0A: 1"),
        ("NUL in value", "X-A: a\0b"),
        ("bare CR in value", "X-A: a\rContent-Length: 50"),
        ("fold", "X-A: a\r\n Content-Length: 50"),
        ("fold first", " X-A: a"),
        ("space before colon", "X-A : a"),
        ("no colon", "X-A"),
        ("space in name", "X A: a"),
        ("control in name", "X\x01A: a"),
        ("colonless CL", "Content-Length 50"),
    ] {
        let message = format!("GET /outer HTTP/1.1\r\nHost: {HOST}\r\n{line}\r\n\r\n{SMUGGLED}");
        range.check(name, message.as_bytes(), Allowed::Refused);
    }
    let bare_lf = format!("GET /outer HTTP/1.1\r\nHost: {HOST}\r\nX-A: a\nX-B: b\r\n\r\n{SMUGGLED}");
    range.check("bare LF", bare_lf.as_bytes(), Allowed::RefusedOrOne);
}

#[test]
fn c8_expect_in_disguise() {
    let range = Range::new();
    for (name, lines) in [
        ("unknown expectation", "Expect: the-moon\r\nContent-Length: 5\r\n"),
        (
            "with a length of none",
            "Expect: 100-continue\r\nContent-Length: 0\r\n",
        ),
        (
            "twice",
            "Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 5\r\n",
        ),
        ("upper case", "EXPECT: 100-CONTINUE\r\nContent-Length: 5\r\n"),
    ] {
        let body = if lines.contains("Length: 0") { "" } else { "hello" };
        range.check(name, &with(lines, body), Allowed::RefusedOrOne);
    }
}

#[test]
fn c9_request_targets() {
    let range = Range::new();
    let request = |line: &str, host: &str| format!("{line} HTTP/1.1\r\n{host}\r\n{SMUGGLED}").into_bytes();
    let host = format!("Host: {HOST}\r\n");
    for (name, line, lines) in [
        ("no Host", "GET /outer", String::new()),
        (
            "two Hosts",
            "GET /outer",
            format!("{host}Host: other.example.com\r\n"),
        ),
        (
            "Host with userinfo",
            "GET /outer",
            format!("Host: user@{HOST}\r\n"),
        ),
        ("Host with path", "GET /outer", format!("Host: {HOST}/x\r\n")),
        ("Host with bad port", "GET /outer", format!("Host: {HOST}:x\r\n")),
        ("authority form", &format!("GET {HOST}:443"), host.clone()),
        (
            "absolute form with userinfo",
            &format!("GET http://user@{HOST}/outer"),
            host.clone(),
        ),
        ("fragment", "GET /outer#/../admin", host.clone()),
        ("fragment first (CVE-2023-47106)", "GET /#/../admin", host.clone()),
        ("space in target", "GET /outer /smuggled", host.clone()),
        ("star with GET", "GET *", host.clone()),
        ("empty target", "GET ", host.clone()),
        ("relative", "GET outer", host.clone()),
        ("control in target", "GET /out\x01er", host.clone()),
        (
            "CONNECT (CVE-2026-71324)",
            &format!("CONNECT {HOST}:443"),
            format!("{host}Content-Length: 5\r\n"),
        ),
    ] {
        range.check(name, &request(line, &lines), Allowed::Refused);
    }
    // The absolute form's host is the one that counts (RFC 9112, 3.2.2): this route is not asked for.
    range.check(
        "absolute form, other host",
        &request("GET http://other.example.com/outer", &host),
        Allowed::Refused,
    );
    range.check(
        "absolute form",
        &request(&format!("GET http://{HOST}/outer"), &host),
        Allowed::RefusedOrOne,
    );
    range.check("OPTIONS *", &request("OPTIONS *", &host), Allowed::RefusedOrOne);
}

#[test]
fn c1_pipelined_requests_are_answered_one_by_one_and_in_order() {
    let range = Range::new();
    let mut connection = Connection::new(dial_plain(range.viaduct.web()));
    let one = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    connection.send([one("/1"), one("/2"), one("/3")].concat());
    for path in ["/1", "/2", "/3"] {
        assert_eq!(
            connection.response().expect("an answer").text(),
            format!("answer to {path}")
        );
    }
}

#[test]
fn c10_a_lying_backend_harms_its_own_request_only() {
    let lies: &[(&str, &[u8])] = &[
        (
            "CL twice",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        ),
        (
            "CL not a number",
            b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nab",
        ),
        (
            "bad chunk",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n",
        ),
        ("header without colon", b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n"),
        ("no status", b"HTTP/1.1 OK\r\n\r\n"),
        ("HTTP/0.9", b"hello"),
        (
            "extra bytes",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL",
        ),
        (
            "204 with body",
            b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL",
        ),
        (
            "304 with body",
            b"HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nEVIL",
        ),
    ];
    let pki = Pki::new();
    for &(name, lie) in lies {
        let liar = Origin::script(move |wire: Wire<'_>| {
            while wire.read(&mut [0; 4096]).is_ok_and(|count| count > 0) {
                wire.write_all(lie).unwrap_or_default();
            }
        });
        let honest = Origin::http(|_| ok("honest"));
        let manifests = pki
            .base(liar.port())
            .backend("honest", honest.port())
            .route(Route::plain("liar", RULE, BACKEND, "http"))
            .route(Route::plain(
                "honest",
                "Host(`honest.example.com`)",
                "honest",
                "http",
            ));
        let viaduct = up().arg("--workers=1").file("b.yaml", manifests.yaml()).start();
        for path in ["/one", "/two", "/three"] {
            let mut client = Connection::new(dial_plain(viaduct.web()));
            client.send(format!(
                "GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"
            ));
            if let Some(response) = client.response() {
                assert!(!response.text().contains("EVIL"), "{name}: {response:?}");
                assert!(!response.text().starts_with("HTTP/"), "{name}: {response:?}");
            }
        }
        let other = http1::once(
            viaduct.web(),
            "GET / HTTP/1.1\r\nHost: honest.example.com\r\nConnection: close\r\n\r\n",
        );
        assert_eq!(other.text(), "honest", "{name}");
    }
}

#[test]
fn c10_a_storm_of_interim_answers_ends() {
    let pki = Pki::new();
    let origin = Origin::script(|wire: Wire<'_>| {
        wire.read(&mut [0; 4096]).unwrap_or_default();
        // More than any honest server sends; the proxy hangs up long before.
        for _ in 0..2_000_000 {
            if wire
                .write_all(b"HTTP/1.1 103 Early Hints\r\nX-A: b\r\n\r\n")
                .is_err()
            {
                return;
            }
        }
    });
    let timeout = serde_json::json!({ "forwardingTimeouts": { "responseHeaderTimeout": "2s" } });
    let manifests = pki
        .base(origin.port())
        .transport(crate::fixture::TRANSPORT, timeout)
        .route(Route::plain("plain", RULE, BACKEND, "http").transport(crate::fixture::TRANSPORT));
    let viaduct = up().file("b.yaml", manifests.yaml()).start();
    let mut client = Connection::new(dial_plain(viaduct.web()));
    client.send(format!(
        "GET /storm HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"
    ));
    let status = client.final_response().map(|response| response.status);
    assert!(matches!(status, Some(502 | 504) | None), "{status:?}");
    assert!(viaduct.resident_kib() < 256 * 1024);
}

#[test]
fn c11_what_h2_can_say_and_h1_cannot() {
    let pki = Pki::new();
    let origin = Origin::http(|request| ok(&format!("answer to {}", request.target)));
    let viaduct = up()
        .arg("--workers=1")
        .file("b.yaml", pki.edge_only(origin.port()).yaml())
        .start();
    let base = h2::request("POST", HOST, "/outer");
    let open = || {
        h2::Connection::open(
            Dial::new(viaduct.websecure(), &pki.edge_ca)
                .alpn(&["h2"])
                .open(HOST),
        )
    };
    for (name, field) in [
        ("CR LF in value", ("x-a", "a\r\nx-b: b")),
        ("LF in value", ("x-a", "a\nGET /smuggled HTTP/1.1")),
        ("NUL in value", ("x-a", "a\0b")),
        ("transfer-encoding", ("transfer-encoding", "chunked")),
        ("connection", ("connection", "x-a")),
        ("colon in name", ("x-a: b\r\nx-c", "d")),
        ("upper case name", ("X-A", "b")),
        ("te that is not trailers", ("te", "gzip")),
        ("second :path", (":path", "/smuggled")),
        ("host that disagrees", ("host", "other.example.com")),
    ] {
        let mut connection = open();
        let mut fields = base.to_vec();
        fields.push(field);
        connection.headers(1, true, &fields);
        let outcome = connection.status(1);
        assert!(!matches!(outcome, Ok(200)), "{name}: {outcome:?}");
    }
    for (name, path) in [
        ("space", "/a b"),
        ("no slash", "outer"),
        ("CR LF", "/a HTTP/1.1\r\nX: y"),
        ("fragment", "/#/../admin"),
        ("empty", ""),
    ] {
        let mut connection = open();
        connection.headers(1, true, &h2::request("GET", HOST, path));
        let outcome = connection.status(1);
        assert!(!matches!(outcome, Ok(200)), "path with {name}: {outcome:?}");
    }
    assert!(origin.requests().is_empty(), "{:?}", origin.requests());

    // A length that the DATA does not keep.
    for (name, declared, sent) in [
        ("less than declared", "10", "hello"),
        ("more than declared", "2", "hello"),
    ] {
        let mut connection = open();
        let mut fields = base.to_vec();
        fields.push(("content-length", declared));
        connection.headers(1, false, &fields);
        connection.send(&h2::Frame::new(h2::kind::DATA, h2::flag::END_STREAM, 1, sent));
        let outcome = connection.status(1);
        assert!(!matches!(outcome, Ok(200)), "{name}: {outcome:?}");
    }
    let mut connection = open();
    connection.get(1, HOST, "/canary");
    assert_eq!(connection.status(1), Ok(200));
    assert!(
        origin
            .requests()
            .iter()
            .all(|request| request.target == "/canary"),
        "{:?}",
        origin.requests()
    );
}

#[test]
fn c12_a_client_that_leaves_in_the_middle_costs_nothing_more() {
    let pki = Pki::new();
    let origin = Origin::script(|wire: Wire<'_>| {
        wire.read(&mut [0; 4096]).unwrap_or_default();
        let chunk = [b"10000\r\n".as_slice(), &[b'x'; 0x10000], b"\r\n"].concat();
        wire.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            .unwrap_or_default();
        while wire.write_all(&chunk).is_ok() {}
    });
    let viaduct = up().file("b.yaml", pki.edge_only(origin.port()).yaml()).start();
    for _ in 0..20 {
        let mut connection = pki.open(&viaduct);
        connection.send(format!("GET /endless HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
        connection.exactly(100_000).expect("some of the body");
    }
    viaduct_testkit::wait::wait_until("every exchange to end", || {
        viaduct
            .access_log()
            .iter()
            .filter(|entry| entry.text("RequestPath") == "/endless")
            .count()
            == 20
    });
    let (start, before) = (std::time::Instant::now(), viaduct.cpu_time());
    viaduct_testkit::wait::wait_until("half a second", || start.elapsed().as_millis() >= 500);
    let used = viaduct.cpu_time() - before;
    assert!(
        used.as_millis() < 200,
        "{used:?} of CPU in half a second of silence"
    );
}
