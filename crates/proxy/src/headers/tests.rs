use http::header::{AUTHORIZATION, HOST};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::names::OWNED;
use super::{Hop, Upgrade, append_forwarded_for, clean_response, clean_trailers, own};
use crate::config::ForwardedTrust;
use crate::testing::{connection, secure};
use crate::wire::Leg;

fn parts(headers: &[(&str, &str)]) -> Parts {
    let mut request = http::Request::get("/").header(HOST, "web.example.com");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn owned(headers: &[(&str, &str)], trust: ForwardedTrust, leg: Leg) -> (HeaderMap, Hop) {
    let connection = connection(trust, leg);
    let mut parts = parts(headers);
    let hop = own(&mut parts, None, &connection.peer, connection.is_secure());
    append_forwarded_for(&mut parts.headers, &connection.peer);
    (parts.headers, hop)
}

fn untrusted(headers: &[(&str, &str)]) -> HeaderMap {
    owned(headers, ForwardedTrust::default(), secure()).0
}

fn believing() -> ForwardedTrust {
    ForwardedTrust {
        trusted_ips: vec!["10.0.0.0/8".parse().unwrap()],
        ..ForwardedTrust::default()
    }
}

fn all<'h>(headers: &'h HeaderMap, name: &str) -> Vec<&'h str> {
    headers
        .get_all(name)
        .iter()
        .map(|value| value.to_str().unwrap())
        .collect()
}

#[test]
fn i3_every_alias_of_every_owned_header_goes() {
    for name in OWNED {
        let name = str::from_utf8(name).unwrap();
        let aliases = [
            name.to_owned(),
            name.replace('-', "_"),
            name.replace('-', "."),
            name.replacen('-', "_", 1),
            name.to_ascii_uppercase(),
        ];
        for alias in aliases {
            let headers = untrusted(&[(&alias, "spoofed"), (&alias, "twice")]);
            let left: Vec<_> = headers
                .iter()
                .filter(|(_, value)| *value == "spoofed" || *value == "twice")
                .collect();
            assert!(left.is_empty(), "{alias}: {left:?}");
        }
    }
}

#[test]
fn i3_other_headers_with_underscores_stay() {
    let headers = untrusted(&[
        ("x_forwarded", "1"),
        ("x-forwarded-fort", "2"),
        ("some_name", "3"),
        ("x-real-ip-not", "4"),
    ]);
    assert_eq!(headers.len(), 4 + 7);
}

#[test]
fn a13_3_what_we_say() {
    let headers = untrusted(&[]);
    for (name, value) in [
        ("x-forwarded-for", "10.0.0.1"),
        ("x-real-ip", "10.0.0.1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-port", "443"),
        ("x-forwarded-host", "web.example.com"),
    ] {
        assert_eq!(all(&headers, name), [value], "{name}");
    }
    assert_eq!(all(&headers, "x-forwarded-server").len(), 1);
    assert!(!headers.contains_key("via"));
}

#[test]
fn a13_3_websocket_schemes() {
    let upgrade = [("connection", "Upgrade"), ("upgrade", "websocket")];
    let (secured, hop) = owned(&upgrade, ForwardedTrust::default(), secure());
    assert_eq!(all(&secured, "x-forwarded-proto"), ["wss"]);
    assert!(hop.upgrade.is_some_and(|upgrade| upgrade.is_websocket()));
    let (plain, _) = owned(&upgrade, ForwardedTrust::default(), Leg::Plain);
    assert_eq!(all(&plain, "x-forwarded-proto"), ["ws"]);
    assert_eq!(all(&plain, "x-forwarded-port"), ["80"]);
}

#[test]
fn a2_15_trusted_peers_are_believed() {
    let claims = [
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-for", "192.0.2.2"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "public.example.com"),
        ("x-real-ip", "192.0.2.1"),
        ("x-forwarded-prefix", "/base"),
        ("x_forwarded_for", "6.6.6.6"),
    ];
    let (headers, _) = owned(&claims, believing(), Leg::Plain);
    assert_eq!(
        all(&headers, "x-forwarded-for"),
        ["192.0.2.1, 192.0.2.2, 10.0.0.1"]
    );
    assert_eq!(all(&headers, "x-forwarded-proto"), ["https"]);
    assert_eq!(all(&headers, "x-forwarded-port"), ["443"]);
    assert_eq!(all(&headers, "x-forwarded-host"), ["public.example.com"]);
    assert_eq!(all(&headers, "x-real-ip"), ["192.0.2.1"]);
    assert_eq!(all(&headers, "x-forwarded-prefix"), ["/base"]);
    assert!(!headers.contains_key("x_forwarded_for"));
}

#[test]
fn a2_15_the_chain_is_left_alone_when_told_so() {
    let trust = ForwardedTrust {
        not_append_x_forwarded_for: true,
        ..believing()
    };
    let (headers, _) = owned(&[("x-forwarded-for", "192.0.2.1")], trust, Leg::Plain);
    assert_eq!(all(&headers, "x-forwarded-for"), ["192.0.2.1"]);
}

#[test]
fn cve_2021_32813_cve_2024_45410_nomination_deletes_nothing_of_ours() {
    for written in [
        "close, x-real-ip, X-Forwarded-For, host, content-length",
        "X-REAL-IP,x-forwarded-for,Host",
    ] {
        for trust in [ForwardedTrust::default(), believing()] {
            let (headers, _) = owned(
                &[("connection", written), ("content-length", "3")],
                trust,
                secure(),
            );
            assert_eq!(all(&headers, "x-real-ip"), ["10.0.0.1"]);
            assert_eq!(all(&headers, "x-forwarded-for"), ["10.0.0.1"]);
            assert_eq!(all(&headers, "host"), ["web.example.com"]);
            assert_eq!(all(&headers, "content-length"), ["3"]);
            assert!(!headers.contains_key("connection"));
        }
    }
}

#[test]
fn c6_hop_by_hop_headers_go() {
    let headers = untrusted(&[
        ("connection", "keep-alive, X-Custom"),
        ("connection", "x-other"),
        ("x-custom", "1"),
        ("x-other", "2"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("proxy-authorization", "Basic x"),
        ("transfer-encoding", "chunked"),
        ("te", "gzip, trailers;q=1"),
        ("upgrade", "websocket"),
        ("http2-settings", "x"),
        (AUTHORIZATION.as_str(), "Bearer x"),
    ]);
    assert_eq!(headers.len(), 2 + 6, "{headers:?}");
    assert!(headers.contains_key(AUTHORIZATION));
}

#[test]
fn a13_2_te_trailers_stays() {
    assert_eq!(all(&untrusted(&[("te", "gzip, trailers")]), "te"), ["trailers"]);
    assert_eq!(all(&untrusted(&[("te", "Trailers")]), "te"), ["trailers"]);
}

#[test]
fn a2_15_allowed_nominations_stay() {
    let trust = ForwardedTrust {
        connection: vec!["X-Kept".to_owned()],
        ..ForwardedTrust::default()
    };
    let asked = [("connection", "x-kept, x-gone"), ("x-kept", "1"), ("x-gone", "2")];
    let (headers, _) = owned(&asked, trust, secure());
    assert_eq!(all(&headers, "connection"), ["x-kept"]);
    assert_eq!(all(&headers, "x-kept"), ["1"]);
    assert!(!headers.contains_key("x-gone"));
}

#[test]
fn c4_h2c_is_no_upgrade_among_others_either() {
    for (asked, wanted) in [
        ("h2c, websocket", Some("websocket")),
        ("websocket,H2C", Some("websocket")),
        ("HTTP/2.0, foo/1, h2c", Some("foo/1")),
        ("h2c,", None),
        ("HTTP/3", None),
        ("foo, bar", Some("foo, bar")),
    ] {
        let (_, hop) = owned(
            &[("connection", "upgrade"), ("upgrade", asked)],
            ForwardedTrust::default(),
            secure(),
        );
        let got = hop.upgrade.map(|Upgrade(value)| value);
        assert_eq!(
            got.as_ref().map(HeaderValue::as_bytes),
            wanted.map(str::as_bytes),
            "{asked}"
        );
    }
    let several = Upgrade(HeaderValue::from_static("foo, Bar/2"));
    for (offered, allowed) in [
        ("foo", true),
        ("bar/2", true),
        ("foo, bar/2", false),
        ("", false),
        ("h2c", false),
    ] {
        assert_eq!(
            several.allows(&HeaderValue::from_static(offered)),
            allowed,
            "{offered}"
        );
    }
}

#[test]
fn c4_h2c_is_no_upgrade() {
    let (headers, hop) = owned(
        &[
            ("connection", "Upgrade, HTTP2-Settings"),
            ("upgrade", "h2c"),
            ("http2-settings", "x"),
        ],
        ForwardedTrust::default(),
        secure(),
    );
    assert_eq!(hop.upgrade, None);
    assert!(!headers.contains_key("upgrade") && !headers.contains_key("http2-settings"));
    // Without the nomination it is a header like another, and hop-by-hop.
    let (headers, hop) = owned(&[("upgrade", "websocket")], ForwardedTrust::default(), secure());
    assert_eq!(hop.upgrade, None);
    assert!(!headers.contains_key("upgrade"));
}

#[test]
fn cve_2023_47633_visits_are_counted_and_never_forwarded() {
    let (headers, hop) = owned(&[("x-viaduct-hops", "3")], ForwardedTrust::default(), secure());
    assert_eq!(hop.visits, 3);
    assert!(!headers.contains_key("x-viaduct-hops"));
    let (_, hop) = owned(&[("x-viaduct-hops", "many")], ForwardedTrust::default(), secure());
    assert_eq!(hop.visits, u8::MAX);
}

#[test]
fn c6_responses_lose_their_hop_by_hop_headers() {
    let mut headers = parts(&[
        ("connection", "x-hop"),
        ("x-hop", "1"),
        ("keep-alive", "x"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2"),
        ("proxy-authenticate", "Basic"),
        ("x-forwarded-for", "the backend's own affair"),
    ])
    .headers;
    clean_response(&mut headers, false);
    let left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
    assert_eq!(left, ["host", "x-forwarded-for"]);
}

#[test]
fn i3_trailers_frame_and_claim_nothing() {
    let mut trailers = parts(&[
        ("x-sum", "1"),
        ("grpc-status", "0"),
        ("x_real_ip", "6.6.6.6"),
        ("content-length", "3"),
        ("transfer-encoding", "chunked"),
        ("connection", "close"),
    ])
    .headers;
    clean_trailers(&mut trailers);
    let left: Vec<_> = trailers.keys().map(HeaderName::as_str).collect();
    assert_eq!(left.len(), 2);
    assert!(
        left.contains(&"x-sum") && left.contains(&"grpc-status"),
        "{left:?}"
    );
}
