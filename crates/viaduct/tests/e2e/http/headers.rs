//! Headers that the proxy owns, and those that stop at each hop (A13.3, A2.15, security I3, C6).

use serde_json::json;
use viaduct_testkit::h2;
use viaduct_testkit::origin::{Origin, Request, echo, ok};
use viaduct_testkit::viaduct::Viaduct;

use crate::fixture::{HOST, Pki, secure_route, up};

/// Sends a request with these header lines by HTTP/1.1; what the backend saw.
#[track_caller]
fn forwarded(pki: &Pki, viaduct: &Viaduct, origin: &Origin, target: &str, lines: &str) -> Request {
    let mut connection = pki.open(viaduct);
    connection.send(format!("GET {target} HTTP/1.1\r\nHost: {HOST}\r\n{lines}\r\n"));
    assert_eq!(connection.response().expect("an answer").status, 200);
    origin.wait_request(target)
}

#[test]
fn a13_3_the_backend_is_told_who_asked_for_what_and_how() {
    let pki = Pki::new();
    let origin = Origin::http(echo);
    let viaduct = up().file("b.yaml", pki.edge_only(origin.port()).yaml()).start();
    let request = forwarded(&pki, &viaduct, &origin, "/who", "User-Agent: me\r\n");
    assert_eq!(request.header("host"), Some(HOST));
    assert_eq!(request.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(request.header("x-forwarded-host"), Some(HOST));
    assert_eq!(request.header("x-forwarded-proto"), Some("https"));
    assert_eq!(request.header("x-forwarded-port"), Some("443"));
    assert_eq!(request.header("x-real-ip"), Some("127.0.0.1"));
    assert!(
        request
            .header("x-forwarded-server")
            .is_some_and(|server| !server.is_empty())
    );
    assert_eq!(request.header("user-agent"), Some("me"));
    assert_eq!(request.header("via"), None);
}

#[test]
fn i3_cve_2024_52003_cve_2026_54764_owned_headers_of_untrusted_clients_are_removed_in_every_alias() {
    let pki = Pki::new();
    let origin = Origin::http(echo);
    let viaduct = up().file("b.yaml", pki.edge_only(origin.port()).yaml()).start();
    let names = [
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Forwarded-Port",
        "X-Forwarded-Server",
        "X-Forwarded-Prefix",
        "X-Forwarded-Uri",
        "X-Forwarded-Method",
        "X-Real-Ip",
        "X-Forwarded-Tls-Client-Cert",
        "X-Forwarded-Tls-Client-Cert-Info",
    ];
    let aliases = |name: &str| {
        [
            name.to_owned(),
            name.to_uppercase(),
            name.to_lowercase(),
            name.replace('-', "_"),
            name.replace('-', "."),
            name.replacen('-', "_", 1),
        ]
    };
    let lines: String = names
        .iter()
        .flat_map(|name| aliases(name))
        .map(|name| format!("{name}: 203.0.113.66\r\n"))
        .collect();
    let request = forwarded(&pki, &viaduct, &origin, "/aliases", &lines);
    for (name, value) in &request.headers {
        assert!(!value.contains("203.0.113.66"), "`{name}: {value}` came through");
    }
    assert_eq!(request.header("x-real-ip"), Some("127.0.0.1"));

    // The same by HTTP/2.
    let mut connection = pki.open_h2(&viaduct);
    let lower: Vec<String> = names
        .iter()
        .flat_map(|name| aliases(&name.to_lowercase()))
        .map(|n| n.to_lowercase())
        .collect();
    let mut fields = h2::request("GET", HOST, "/aliases-h2").to_vec();
    fields.extend(lower.iter().map(|name| (name.as_str(), "203.0.113.66")));
    connection.headers(1, true, &fields);
    assert_eq!(connection.status(1), Ok(200));
    for (name, value) in &origin.wait_request("/aliases-h2").headers {
        assert!(!value.contains("203.0.113.66"), "`{name}: {value}` came through");
    }
}

#[test]
fn a2_15_a_trusted_peer_is_believed_and_its_list_is_continued() {
    let pki = Pki::new();
    let origin = Origin::http(echo);
    let manifests = pki.edge_only(origin.port()).yaml();
    let viaduct = up()
        .arg("--trusted-ips=127.0.0.0/8")
        .file("b.yaml", manifests)
        .start();
    let request = forwarded(
        &pki,
        &viaduct,
        &origin,
        "/trusted",
        "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: http\r\nX-Real-Ip: 203.0.113.9\r\n",
    );
    assert_eq!(request.header("x-forwarded-for"), Some("203.0.113.9, 127.0.0.1"));
    assert_eq!(request.header("x-forwarded-proto"), Some("http"));
    assert_eq!(request.header("x-real-ip"), Some("203.0.113.9"));
}

#[test]
fn cve_2024_45410_a_connection_header_cannot_take_ours_away() {
    let pki = Pki::new();
    let origin = Origin::http(echo);
    let viaduct = up().file("b.yaml", pki.edge_only(origin.port()).yaml()).start();
    let request = forwarded(
        &pki,
        &viaduct,
        &origin,
        "/nominated",
        "Connection: close, X-Forwarded-For, x-real-ip, X-FORWARDED-HOST, x-forwarded-proto, X-Mine\r\nX-Mine: dropped\r\n",
    );
    assert_eq!(request.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(request.header("x-real-ip"), Some("127.0.0.1"));
    assert_eq!(request.header("x-forwarded-host"), Some(HOST));
    assert_eq!(request.header("x-forwarded-proto"), Some("https"));
    assert_eq!(
        request.header("x-mine"),
        None,
        "what the client nominates itself stops here"
    );
}

#[test]
fn c6_hop_by_hop_headers_stop_here_both_ways() {
    let pki = Pki::new();
    let origin = Origin::http(|_| {
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n\
          Proxy-Authenticate: Basic\r\nX-End: stays\r\n\r\n"
            .to_vec()
    });
    let viaduct = up().file("b.yaml", pki.edge_only(origin.port()).yaml()).start();
    let mut connection = pki.open(&viaduct);
    connection.send(format!(
        "GET /hops HTTP/1.1\r\nHost: {HOST}\r\nKeep-Alive: 1\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: x\r\n\
         TE: trailers, gzip\r\nX-End: stays\r\n\r\n"
    ));
    let response = connection.response().expect("an answer");
    assert_eq!((response.status, response.header("x-end")), (200, Some("stays")));
    for name in ["x-hop", "keep-alive", "proxy-authenticate"] {
        assert_eq!(response.header(name), None, "{name}");
    }
    let request = origin.wait_request("/hops");
    for name in ["keep-alive", "proxy-connection", "proxy-authorization"] {
        assert_eq!(request.header(name), None, "{name}");
    }
    assert!(
        matches!(request.header("te"), None | Some("trailers")),
        "{:?}",
        request.header("te")
    );
    assert_eq!(request.header("x-end"), Some("stays"));
}

#[test]
fn a6_3_pass_host_header_or_the_servers_own() {
    let pki = Pki::new();
    let origin = Origin::http(echo);
    for pass in [true, false] {
        let route = secure_route("http").service_field("passHostHeader", json!(pass));
        let viaduct = up()
            .file("b.yaml", pki.base(origin.port()).route(route).yaml())
            .start();
        let target = format!("/pass-{pass}");
        let request = forwarded(&pki, &viaduct, &origin, &target, "");
        let own = format!("127.0.0.1:{}", origin.port());
        assert_eq!(
            request.header("host"),
            Some(if pass { HOST } else { own.as_str() })
        );
        assert_eq!(request.header("x-forwarded-host"), Some(HOST));
    }
}

#[test]
fn a13_3_cookies_of_an_h2_client_reach_an_h1_backend_as_one_line() {
    let pki = Pki::new();
    let origin = Origin::http(|_| ok(""));
    let viaduct = up().file("b.yaml", pki.edge_only(origin.port()).yaml()).start();
    let mut connection = pki.open_h2(&viaduct);
    let mut fields = h2::request("GET", HOST, "/cookies").to_vec();
    fields.extend([("cookie", "a=1"), ("cookie", "b=2")]);
    connection.headers(1, true, &fields);
    assert_eq!(connection.status(1), Ok(200));
    assert_eq!(origin.wait_request("/cookies").header("cookie"), Some("a=1; b=2"));
}

#[test]
fn c67_hostile_text_stays_one_valid_line_of_the_access_log() {
    let pki = Pki::new();
    let origin = Origin::http(|_| ok(""));
    let viaduct = up()
        .arg("--accesslog-headers=keep")
        .file("b.yaml", pki.edge_only(origin.port()).yaml())
        .start();
    let mut connection = pki.open(&viaduct);
    let mut request = format!("GET /a\"b HTTP/1.1\r\nHost: {HOST}\r\nUser-Agent: ").into_bytes();
    request.extend(b"\"}\t\xff\xfe\x1b-x\r\n\r\n");
    connection.send(request);
    let status = connection.response().map(|response| response.status);
    assert!(matches!(status, Some(200 | 400)), "{status:?}");
    let mut connection = pki.open(&viaduct);
    assert_eq!(connection.get(HOST, "/after").status, 200);
    // Every line parses; this one is among them.
    viaduct.wait_access("/after");
}
