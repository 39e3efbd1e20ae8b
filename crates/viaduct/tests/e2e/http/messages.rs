//! Requests and answers of every shape arrive as they were sent (A13.1, A13.6, A6).

use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;
use viaduct_testkit::h2::{self, kind};
use viaduct_testkit::http1::{self, Connection};
use viaduct_testkit::manifest::Route;
use viaduct_testkit::nginx::Nginx;
use viaduct_testkit::origin::{Origin, Wire, echo, ok};
use viaduct_testkit::tls::Dial;

use crate::fixture::{BACKEND, FRONT_SECRET, HOST, Pki, RULE, secure_route, up};

#[test]
fn a13_1_h1_and_h2_in_h1_h2_and_h2c_out() {
    let pki = Pki::new();
    let saying = "location / { default_type text/plain; return 200 $server_protocol; }";
    let h1 = Nginx::server(&pki.backend, saying);
    let h2 = Nginx::server_h2(&pki.backend, saying);
    let h2c = Nginx::plain(&format!("listen {{port}} http2; {saying}"));
    for (name, manifests, protocol) in [
        ("h1", pki.bridge(h1.port()), "HTTP/1.1"),
        ("h2", pki.bridge(h2.port()), "HTTP/2.0"),
        ("h2c", pki.base(h2c.port()).route(secure_route("h2c")), "HTTP/2.0"),
    ] {
        let viaduct = up().file("b.yaml", manifests.yaml()).start();
        for (version, client) in [("--http1.1", "1.1"), ("--http2", "2")] {
            let answer = pki.curl(&viaduct).request(HOST, "/", &[version]);
            assert_eq!(
                (answer.status, answer.body.as_str()),
                (200, protocol),
                "{version} to {name}\n{}",
                viaduct.log()
            );
            assert_eq!(answer.http_version, client);
        }
    }
}

#[test]
fn a13_1_plain_http_on_an_entry_point_without_tls() {
    let pki = Pki::new();
    let origin = Origin::http(echo);
    let manifests = pki
        .base(origin.port())
        .route(Route::plain("plain", RULE, BACKEND, "http"));
    let viaduct = up().file("b.yaml", manifests.yaml()).start();
    let answer = http1::once(
        viaduct.web(),
        format!("GET /plain HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"),
    );
    assert_eq!(answer.status, 200);
    assert_eq!(
        origin.wait_request("/plain").header("x-forwarded-proto"),
        Some("http")
    );
    let h2c = viaduct_testkit::curl::Curl::plain(viaduct.web())
        .args(&["--http2-prior-knowledge"])
        .get(HOST, "/h2c");
    assert_eq!((h2c.status, h2c.http_version.as_str()), (200, "2"), "{h2c:?}");
    // The TLS route is not reached in plain text, nor the other way round.
    assert_eq!(
        pki.curl(&viaduct).args(&["--insecure"]).get(HOST, "/").status,
        404
    );
}

#[test]
fn a2_20_no_router_answers_404_as_traefik_does() {
    let pki = Pki::new();
    let viaduct = up()
        .file("b.yaml", pki.edge_only(Origin::http(echo).port()).yaml())
        .start();
    let answer = pki
        .curl(&viaduct)
        .args(&["--insecure"])
        .get("unknown.test", "/nothing");
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (404, "404 page not found\n")
    );
    assert_eq!(viaduct.wait_access("/nothing").text("RouterName"), "");
}

#[test]
fn a2_21_the_other_protocol_on_an_entry_point_reaches_no_router() {
    let pki = Pki::new();
    let viaduct = up()
        .file("b.yaml", pki.edge_only(Origin::http(echo).port()).yaml())
        .start();
    let plain = http1::once(
        viaduct.websecure(),
        format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n"),
    );
    assert_eq!(
        plain.status, 404,
        "a TLS route is not served in plain text: {plain:?}"
    );
    // As in Traefik, any entry point greets TLS; routers without TLS are not for such connections.
    let mut secure = Connection::new(Dial::new(viaduct.web(), &pki.edge_ca).open(HOST));
    assert_eq!(secure.get(HOST, "/").status, 404);
}

#[test]
fn a13_1_bodies_of_every_framing_arrive_whole() {
    let pki = Pki::new();
    let origin = Origin::http(|request| ok(&format!("{} bytes", request.body.len())));
    let viaduct = up().file("b.yaml", pki.edge_only(origin.port()).yaml()).start();
    let mut connection = pki.open(&viaduct);
    connection.send(format!(
        "POST /sized HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 5\r\n\r\nhello"
    ));
    assert_eq!(connection.response().expect("an answer").text(), "5 bytes");
    connection.send(format!(
        "POST /chunked HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
    ));
    assert_eq!(connection.response().expect("an answer").text(), "5 bytes");
    connection.send(format!(
        "POST /none HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 0\r\n\r\n"
    ));
    assert_eq!(connection.response().expect("an answer").text(), "0 bytes");
    assert_eq!(origin.wait_request("/sized").body, b"hello");
    assert_eq!(origin.wait_request("/chunked").body, b"hello");
    assert!(origin.garbage().is_empty());
}

#[test]
fn a13_1_answers_of_every_framing_arrive_whole() {
    let pki = Pki::new();
    let origin = Origin::http(|request| match request.target.as_str() {
        "/chunked" => {
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".to_vec()
        }
        "/no-content" => b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
        "/not-modified" => b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: \"x\"\r\n\r\n".to_vec(),
        "/head" => b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n".to_vec(),
        _ => ok("hello"),
    });
    let viaduct = up().file("b.yaml", pki.edge_only(origin.port()).yaml()).start();
    for version in ["--http1.1", "--http2"] {
        let curl = pki.curl(&viaduct).args(&[version]);
        assert_eq!(curl.get(HOST, "/chunked").body, "hello", "{version}");
        assert_eq!(curl.get(HOST, "/sized").body, "hello", "{version}");
        assert_eq!(curl.get(HOST, "/no-content").status, 204, "{version}");
        let not_modified = curl.get(HOST, "/not-modified");
        assert_eq!(
            (not_modified.status, not_modified.header("etag")),
            (304, Some("\"x\"")),
            "{version}"
        );
        let head = curl.request(HOST, "/head", &["--head"]);
        assert_eq!(
            (head.status, head.header("content-length"), head.exit),
            (200, Some("5"), 0),
            "{version}"
        );
    }
}

#[test]
fn a13_1_an_answer_without_a_length_ends_with_its_connection() {
    let pki = Pki::new();
    let origin = Origin::script(|wire: Wire<'_>| {
        wire.read(&mut [0; 4096]).unwrap_or_default();
        wire.write_all(b"HTTP/1.0 200 OK\r\n\r\nuntil the end")
            .unwrap_or_default();
    });
    let viaduct = up().file("b.yaml", pki.edge_only(origin.port()).yaml()).start();
    for version in ["--http1.1", "--http2"] {
        let answer = pki.curl(&viaduct).request(HOST, "/", &[version]);
        assert_eq!(
            (answer.status, answer.body.as_str(), answer.exit),
            (200, "until the end", 0),
            "{version}"
        );
    }
}

#[test]
fn a13_1_trailers_pass_both_ways() {
    let pki = Pki::new();
    let origin = Origin::http(|_| {
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nab\r\n0\r\nX-Sum: 42\r\n\r\n".to_vec()
    });
    let viaduct = up().file("b.yaml", pki.edge_only(origin.port()).yaml()).start();
    let mut connection = pki.open(&viaduct);
    connection.send(format!(
        "GET /trailers HTTP/1.1\r\nHost: {HOST}\r\nTE: trailers\r\n\r\n"
    ));
    let response = connection.response().expect("an answer");
    assert_eq!(
        (response.text().as_str(), response.trailer("x-sum")),
        ("ab", Some("42")),
        "{response:?}"
    );

    let mut connection = pki.open_h2(&viaduct);
    connection.get(1, HOST, "/trailers");
    let mut blocks = 0;
    connection.find(|frame| {
        blocks += usize::from(frame.kind == kind::HEADERS && frame.stream == 1);
        (frame.stream == 1 && frame.kind <= 1 && frame.flags & h2::flag::END_STREAM != 0).then_some(())
    });
    assert_eq!(blocks, 2, "a head and trailers");
}

#[test]
fn a6_5_a_streaming_answer_is_not_held_back() {
    let pki = Pki::new();
    let (go_on, wait) = sync_channel::<()>(1);
    let wait = Mutex::new(wait);
    let origin = Origin::script(move |wire: Wire<'_>| {
        wire.read(&mut [0; 4096]).unwrap_or_default();
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
        wire.write_all(head.as_bytes())
            .and_then(|()| wire.write_all(b"9\r\ndata: 1\n\n\r\n"))
            .unwrap_or_default();
        wait.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv_timeout(Duration::from_secs(20))
            .unwrap_or_default();
        wire.write_all(b"9\r\ndata: 2\n\n\r\n0\r\n\r\n")
            .unwrap_or_default();
    });
    let viaduct = up().file("b.yaml", pki.edge_only(origin.port()).yaml()).start();
    let mut connection = pki.open(&viaduct);
    connection.send(format!("GET /events HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
    let mut received = String::new();
    while !received.contains("data: 1") {
        received.push_str(&String::from_utf8_lossy(
            &connection.exactly(1).expect("the first event"),
        ));
    }
    go_on.send(()).expect("the origin");
    while !received.contains("data: 2") {
        received.push_str(&String::from_utf8_lossy(
            &connection.exactly(1).expect("the second event"),
        ));
    }
}

#[test]
fn a13_1_a_request_body_streams_before_it_is_complete() {
    let pki = Pki::new();
    let (seen, arrival) = sync_channel::<Vec<u8>>(16);
    let origin = Origin::script(move |wire: Wire<'_>| {
        let mut bytes = [0; 4096];
        let mut all = Vec::new();
        while let Ok(count) = wire.read(&mut bytes) {
            all.extend(bytes.iter().take(count));
            seen.send(all.clone()).unwrap_or_default();
            if count == 0 || all.ends_with(b"second") {
                break;
            }
        }
        wire.write_all(&ok("both")).unwrap_or_default();
    });
    let viaduct = up().file("b.yaml", pki.edge_only(origin.port()).yaml()).start();
    let mut connection = pki.open(&viaduct);
    connection.send(format!(
        "POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 11\r\n\r\nfirst"
    ));
    loop {
        let so_far = arrival
            .recv_timeout(Duration::from_secs(10))
            .expect("the first part at the origin");
        if so_far.ends_with(b"first") {
            break;
        }
    }
    connection.send("second");
    assert_eq!(connection.response().expect("an answer").text(), "both");
}

#[test]
fn a3_7_paths_are_normalised_once_for_rule_log_and_backend() {
    let pki = Pki::new();
    let (open, admin) = (Origin::http(echo), Origin::http(echo));
    let manifests = pki
        .base(open.port())
        .backend("admin", admin.port())
        .route(
            Route::secure(
                "open",
                "Host(`web.example.com`) && PathPrefix(`/public`)",
                BACKEND,
                "http",
            )
            .certificate(FRONT_SECRET),
        )
        .route(Route::secure(
            "admin",
            "Host(`web.example.com`) && PathPrefix(`/admin`)",
            "admin",
            "http",
        ));
    let viaduct = up().file("b.yaml", manifests.yaml()).start();
    // target, and what one of the backends may see of it
    for target in [
        "/public/../admin",
        "/public/%2e%2e/admin",
        "/public/%2E%2E/admin",
        "/public/./../admin",
        "/public//../../admin",
    ] {
        let mut connection = pki.open(&viaduct);
        connection.send(format!("GET {target} HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
        let status = connection.response().expect("an answer").status;
        assert!(matches!(status, 200 | 400 | 404), "{target}: {status}");
    }
    for request in open.requests() {
        assert!(
            request.target.starts_with("/public"),
            "the open backend saw {}",
            request.target
        );
        assert!(
            !request.target.contains(".."),
            "the open backend saw {}",
            request.target
        );
    }
    for request in admin.requests() {
        assert_eq!(request.target, "/admin");
    }
    let mut connection = pki.open(&viaduct);
    connection.send(format!(
        "GET /public/%2Fa%20b%7Ec?q=%2e%2e HTTP/1.1\r\nHost: {HOST}\r\n\r\n"
    ));
    assert_eq!(connection.response().expect("an answer").status, 200);
    open.wait_request("/public/%2Fa%20b~c?q=%2e%2e");
}

#[test]
fn a2_8_a_head_above_the_limit_is_refused() {
    let pki = Pki::new();
    let origin = Origin::http(echo);
    let viaduct = up().file("b.yaml", pki.edge_only(origin.port()).yaml()).start();
    let mut connection = pki.open(&viaduct);
    connection.send(format!(
        "GET / HTTP/1.1\r\nHost: {HOST}\r\nX-Big: {}\r\n\r\n",
        "x".repeat(2 << 20)
    ));
    let status = connection.response().map(|response| response.status);
    assert!(matches!(status, Some(431 | 400) | None), "{status:?}");
    assert!(origin.requests().is_empty());
}

#[test]
fn a13_2_http10_clients_are_served() {
    let pki = Pki::new();
    let origin = Origin::http(|_| ok("ten"));
    let viaduct = up().file("b.yaml", pki.edge_only(origin.port()).yaml()).start();
    let mut connection = pki.open(&viaduct);
    connection.send(format!("GET / HTTP/1.0\r\nHost: {HOST}\r\n\r\n"));
    let response = connection.response().expect("an answer");
    assert_eq!((response.status, response.text().as_str()), (200, "ten"));
    assert!(connection.closed());
}

#[test]
fn a6_1_requests_go_round_the_ready_servers() {
    let pki = Pki::new();
    let servers = [0, 1, 2].map(|_| Origin::http(|_| ok("")));
    let ports = servers.each_ref().map(Origin::port);
    let manifests = viaduct_testkit::manifest::Manifests::new()
        .tls_secret(FRONT_SECRET, &pki.front)
        .backends(BACKEND, &ports)
        .route(secure_route("http"));
    let viaduct = up().arg("--workers=1").file("b.yaml", manifests.yaml()).start();
    let mut connection = pki.open(&viaduct);
    for _ in 0..30 {
        assert_eq!(connection.get(HOST, "/").status, 200);
    }
    assert_eq!(
        servers.each_ref().map(|server| server.requests().len()),
        [10, 10, 10]
    );
}

#[test]
fn a9_routes_that_name_a_capability_to_come_are_out_of_service_with_a_reason() {
    let pki = Pki::new();
    let origin = Origin::http(echo);
    let guarded = secure_route("http").rule_field("middlewares", json!([{ "name": "slow" }]));
    let manifests = pki
        .base(origin.port())
        .traefik("Middleware", "slow", json!({ "rateLimit": { "average": 1 } }))
        .route(guarded);
    let viaduct = up().file("b.yaml", manifests.yaml()).start();
    let log = viaduct.wait_log("middlewares of type `rateLimit` are not served yet");
    assert!(log.contains("web/web-ingressroute"), "{log}");
    let answer = pki.curl(&viaduct).get(HOST, "/guarded");
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(origin.requests().is_empty(), "never silently served without it");
}

#[test]
fn c9_options_star_is_answered_here_and_asks_no_backend() {
    let pki = Pki::new();
    let origin = Origin::http(echo);
    let viaduct = up().file("b.yaml", pki.edge_only(origin.port()).yaml()).start();
    let mut connection = pki.open(&viaduct);
    connection.send(format!("OPTIONS * HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
    assert_eq!(connection.response().map(|response| response.status), Some(200));
    assert!(origin.requests().is_empty());
}
