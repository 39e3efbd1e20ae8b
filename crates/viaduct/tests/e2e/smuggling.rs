//! Ambiguous HTTP/1, byte by byte (security checks C1 to C11). A case passes when it is refused and the
//! connection closed, or when exactly one clear request reached the strictest of backends; and when a
//! second client on the same pool still gets its own answer.

mod backends;
mod downgrade;

use std::cell::{Cell, RefCell};

use viaduct_testkit::http1::{self, Connection};
use viaduct_testkit::manifest::Route;
use viaduct_testkit::origin::{Origin, Wire, ok};
use viaduct_testkit::tls::dial_plain;
use viaduct_testkit::viaduct::Viaduct;

use crate::fixture::{BACKEND, HOST, Pki, RULE, up};

/// A plain route to a strict origin that says which request it answers, one worker, one pool.
struct Range {
    viaduct: Viaduct,
    origin: Origin,
    canaries: Cell<u32>,
    faults: RefCell<Vec<String>>,
}

/// What is allowed to happen to one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Allowed {
    /// Refused: nothing upstream.
    Refused,
    /// Refused, or taken for one request whose end is the end of the connection: what stands behind it
    /// is not a request.
    RefusedOrLast,
    /// Refused, or taken for one request; what stands behind it may be the next.
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
            canaries: Cell::new(0),
            faults: RefCell::default(),
        }
    }

    /// Sends `message`, which ends with a request to `/smuggled`.
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
        let targets: Vec<_> = upstream.iter().map(|request| request.target.as_str()).collect();
        let refused = statuses
            .iter()
            .all(|status| matches!(status, 400 | 404 | 413 | 414 | 417 | 421 | 431 | 501 | 505));
        let altered = targets
            .iter()
            .any(|target| ["#", "%23", "admin"].iter().any(|part| target.contains(part)));
        let good = match (allowed, targets.as_slice()) {
            (_, []) => refused,
            (Allowed::Refused, _) => false,
            (Allowed::RefusedOrLast, [only]) => *only != "/smuggled",
            (Allowed::RefusedOrOne, [first, rest @ ..]) => {
                *first != "/smuggled" && matches!(rest, [] | ["/smuggled"])
            }
            (Allowed::RefusedOrLast, _) => false,
        };
        if !good || altered || !self.origin.garbage().is_empty() {
            let shown = String::from_utf8_lossy(message);
            self.faults.borrow_mut().push(format!(
                "{name} ({allowed:?}): statuses {statuses:?}, upstream {upstream:?}, garbage {:?}\n  of {shown:?}",
                self.origin.garbage()
            ));
        }
    }

    /// Tells all that went wrong.
    #[track_caller]
    fn finish(self) {
        let faults = self.faults.take();
        assert!(
            faults.is_empty(),
            "{} messages:\n{}",
            faults.len(),
            faults.join("\n")
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

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: web.example.com\r\n\r\n";

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
        range.check(name, &with(lines, body), Allowed::RefusedOrLast);
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
    range.finish();
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
        range.check(name, &with(lines, "0\r\n\r\n"), Allowed::RefusedOrLast);
    }
    let on_http10 = format!(
        "POST /outer HTTP/1.0\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n{SMUGGLED}"
    );
    range.check("on HTTP/1.0", on_http10.as_bytes(), Allowed::RefusedOrLast);
    range.check(
        "upper case",
        &with("TRANSFER-ENCODING: CHUNKED\r\n", "0\r\n\r\n"),
        Allowed::RefusedOrOne,
    );
    range.finish();
}

#[test]
fn c3_ghsa_5423_chunks_that_are_not() {
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
            Allowed::RefusedOrLast,
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
    range.finish();
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
    range.finish();
}

#[test]
fn c8_expect_in_disguise() {
    let range = Range::new();
    for (name, lines) in [
        ("unknown expectation", "Expect: the-moon\r\nContent-Length: 5\r\n"),
        ("one more word", "Expect: y 100-continue\r\nContent-Length: 5\r\n"),
        (
            "a list",
            "Expect: 100-continue, 100-continue\r\nContent-Length: 5\r\n",
        ),
        (
            "twice",
            "Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 5\r\n",
        ),
    ] {
        range.check(name, &with(lines, "hello"), Allowed::Refused);
    }
    for (name, lines) in [
        (
            "with a length of none",
            "Expect: 100-continue\r\nContent-Length: 0\r\n",
        ),
        ("upper case", "EXPECT: 100-CONTINUE\r\nContent-Length: 5\r\n"),
    ] {
        let body = if lines.contains("Length: 0") { "" } else { "hello" };
        range.check(name, &with(lines, body), Allowed::RefusedOrOne);
    }
    range.finish();
}

#[test]
fn c9_cve_2023_47106_cve_2026_71324_request_targets() {
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
    // The library that reads the target drops a fragment before anybody can see it: nobody acts on it.
    for (name, line) in [
        ("fragment", "GET /outer#/../admin"),
        ("fragment first (CVE-2023-47106)", "GET /#/../admin"),
    ] {
        range.check(name, &request(line, &host), Allowed::RefusedOrOne);
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
    range.finish();
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
