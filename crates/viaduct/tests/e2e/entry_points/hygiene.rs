//! What is done to requests before routing (A2.7, A2.8), and whose word counts (A2.15).

use viaduct_testkit::http1;
use viaduct_testkit::origin::{Origin, Request, ok};

use super::Edge;

const APP: &str = "
http:
  routers:
    app: {rule: PathPrefix(`/`), service: app}
  services:
    app: {loadBalancer: {servers: [{url: 'http://{origin}'}]}}
";

/// What becomes of a request under these options of `web`: the status, and what the origin got.
fn ask(options: &str, request: &str) -> (u16, Option<Request>) {
    let origin = Origin::http(|_| ok("backend"));
    let install = format!("entryPoints: {{web: {{address: '127.0.0.1:0', {options}}}}}");
    let edge = Edge::serving(&install, APP, &origin);
    let status = http1::once(edge.address("web"), request).status;
    (status, origin.requests().into_iter().next())
}

#[test]
pub(crate) fn cve_2025_66490_escapes_are_forwarded_as_they_are_or_refused() {
    for (option, escape) in [
        ("allowEncodedSlash", "%2F"),
        ("allowEncodedBackSlash", "%5C"),
        ("allowEncodedNullCharacter", "%00"),
        ("allowEncodedSemicolon", "%3B"),
        ("allowEncodedPercent", "%25"),
        ("allowEncodedQuestionMark", "%3F"),
        ("allowEncodedHash", "%23"),
    ] {
        let request = format!("GET /a{escape}b HTTP/1.1\r\nHost: a\r\n\r\n");
        let options = format!("http: {{encodedCharacters: {{{option}: false}}}}");
        let (status, seen) = ask(&options, &request);
        assert_eq!((status, seen), (400, None), "{option}");
    }
    let path = "/a%2Fb%5Cc%00d%3Be%25f%3Fg%23h";
    let (status, seen) = ask("http: {}", &format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
    let target = seen.map(|request| request.target);
    assert_eq!((status, target.as_deref()), (200, Some(path)));
}

#[test]
pub(crate) fn a2_8_paths_and_queries_as_the_options_say() {
    let request = "GET /a/../b//c?d;e HTTP/1.1\r\nHost: a\r\n\r\n";
    for (options, wanted) in [
        ("http: {}", "/b/c?d&e"),
        ("http: {sanitizePath: false}", "/a/../b//c?d&e"),
        ("http: {encodeQuerySemicolons: true}", "/b/c?d%3Be"),
    ] {
        let (status, seen) = ask(options, request);
        let target = seen.map(|request| request.target);
        assert_eq!((status, target.as_deref()), (200, Some(wanted)));
    }
}

#[test]
pub(crate) fn a2_8_headers_with_underscores() {
    let request = "GET / HTTP/1.1\r\nHost: a\r\nX_A: 1\r\n\r\n";
    for (strategy, wanted) in [
        ("keep", (200, Some(true))),
        ("delete", (200, Some(false))),
        ("reject", (400, None)),
    ] {
        let options = format!("http: {{underscoreHeadersStrategy: {strategy}}}");
        let (status, seen) = ask(&options, request);
        let kept = seen.map(|request| request.header("x_a").is_some());
        assert_eq!((status, kept), wanted, "{strategy}");
    }
}

#[test]
pub(crate) fn a2_8_heads_have_a_bound() {
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    assert_eq!(ask("http: {maxHeaderBytes: 16384}", &head).0, 431);
    assert_eq!(ask("http: {}", &head).0, 200);
}

#[test]
pub(crate) fn a2_15_forwarded_headers_of_those_who_are_trusted() {
    let request = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.7\r\nX_Forwarded_For: 1\r\n\
                   X-Real-Ip: 203.0.113.7\r\nX-Forwarded-Tls-Client-Cert: x\r\nX-A: 1\r\nConnection: x-a\r\n\r\n";
    for (options, chain, real, certificate, nominated) in [
        ("forwardedHeaders: {}", "127.0.0.1", "127.0.0.1", None, None),
        (
            "forwardedHeaders: {trustedIPs: [192.0.2.1]}",
            "127.0.0.1",
            "127.0.0.1",
            None,
            None,
        ),
        (
            "forwardedHeaders: {trustedIPs: [127.0.0.0/8], connection: [X-A]}",
            "203.0.113.7, 127.0.0.1",
            "203.0.113.7",
            Some("x"),
            Some("1"),
        ),
        (
            "forwardedHeaders: {insecure: true, notAppendXForwardedFor: true}",
            "203.0.113.7",
            "203.0.113.7",
            Some("x"),
            None,
        ),
    ] {
        let (status, seen) = ask(options, request);
        let seen = seen.expect("a request");
        assert_eq!(status, 200);
        assert_eq!(seen.all("x-forwarded-for"), [chain], "{options}");
        assert_eq!(seen.all("x-real-ip"), [real], "{options}");
        assert_eq!(seen.header("x_forwarded_for"), None, "{options}");
        assert_eq!(
            seen.header("x-forwarded-tls-client-cert"),
            certificate,
            "{options}"
        );
        assert_eq!(seen.header("x-a"), nominated, "{options}");
    }
}
