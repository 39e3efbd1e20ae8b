//! Whole exchanges: a raw client, the proxy, an origin played by hand.

mod repeats;

use http::{Request, StatusCode, Version};
use serde_json::json;

use crate::config::ForwardedTrust;
use crate::testing::{Origin, Proxy, Raw, http2, run, text};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(": ")?;
        key.eq_ignore_ascii_case(name).then_some(value)
    })
}

#[test]
fn a13_1_a_request_goes_there_and_back() {
    run(async {
        let origin = Origin::listen().await;
        let proxy = Proxy::to([&*origin.url]).await;
        let mut client = proxy.get("/a/../b?c=d").await;
        let mut backend = origin.accept().await;
        let head = backend.head().await;
        assert!(head.starts_with("GET /b?c=d HTTP/1.1\r\n"), "{head}");
        assert_eq!(header(&head, "host"), Some("web.example.com"));
        assert_eq!(header(&head, "x-forwarded-for"), Some("127.0.0.1"));
        assert_eq!(header(&head, "x-real-ip"), Some("127.0.0.1"));
        assert_eq!(header(&head, "x-forwarded-host"), Some("web.example.com"));
        assert_eq!(header(&head, "x-forwarded-proto"), Some("http"));
        assert_eq!(header(&head, "x-forwarded-port"), Some("80"));
        assert!(header(&head, "x-forwarded-server").is_some());
        assert_eq!(header(&head, "via"), None);
        backend
            .send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nKeep-Alive: timeout=5\r\nX-A: b\r\n\r\nok")
            .await;
        let (head, body) = client.response().await;
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert_eq!(header(&head, "x-a"), Some("b"));
        assert_eq!(header(&head, "keep-alive"), None);
        assert_eq!(body, "ok");
    });
}

#[test]
fn a7_8_a_connection_is_used_again() {
    run(async {
        let origin = Origin::listen().await;
        let proxy = Proxy::to([&*origin.url]).await;
        let mut client = proxy.get("/1").await;
        let mut backend = origin.accept().await;
        for next in 2..5 {
            backend.head().await;
            backend.send(OK).await;
            client.response().await;
            client
                .send(&format!("GET /{next} HTTP/1.1\r\nHost: web.example.com\r\n\r\n"))
                .await;
        }
        let head = backend.head().await;
        assert!(head.starts_with("GET /4 "), "{head}");
    });
}

#[test]
fn a7_8_no_reuse_when_told_so() {
    run(async {
        let origin = Origin::listen().await;
        let proxy = Proxy::with_transport(&origin.url, json!({ "maxIdleConnsPerHost": -1 })).await;
        for _ in 0..2 {
            let mut client = proxy.get("/").await;
            let mut backend = origin.accept().await;
            backend.head().await;
            backend.send(OK).await;
            client.response().await;
            assert_eq!(backend.rest().await, "");
        }
    });
}

#[test]
fn e27_a_stale_connection_is_replaced_once() {
    run(async {
        let origin = Origin::listen().await;
        let proxy = Proxy::to([&*origin.url]).await;
        let mut client = proxy.get("/1").await;
        let mut backend = origin.accept().await;
        backend.head().await;
        backend.send(OK).await;
        client.response().await;
        // The second request arrives and the connection ends without an answer.
        client
            .send("GET /2 HTTP/1.1\r\nHost: web.example.com\r\n\r\n")
            .await;
        backend.head().await;
        drop(backend);
        let mut second = origin.accept().await;
        assert!(second.head().await.starts_with("GET /2 "));
        second.send(OK).await;
        assert_eq!(client.response().await.1, "ok");
    });
}

#[test]
fn c68_a_post_is_not_sent_twice() {
    run(async {
        let origin = Origin::listen().await;
        let proxy = Proxy::to([&*origin.url]).await;
        let mut client = proxy.get("/1").await;
        let mut backend = origin.accept().await;
        backend.head().await;
        backend.send(OK).await;
        client.response().await;
        client
            .send("POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
            .await;
        backend.head().await;
        drop(backend);
        let (head, body) = client.response().await;
        assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
        assert!(body.contains("closed_before_response"), "{body}");
    });
}

#[test]
fn e27_a_connection_that_closed_while_idle_is_not_used() {
    run(async {
        let origin = Origin::listen().await;
        let proxy = Proxy::to([&*origin.url]).await;
        let mut client = proxy.get("/1").await;
        let mut backend = origin.accept().await;
        backend.head().await;
        backend.send(OK).await;
        client.response().await;
        drop(backend);
        // Even a POST: the request never went out over the dead connection.
        client
            .send("POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
            .await;
        let mut second = origin.accept().await;
        assert!(second.head().await.starts_with("POST /2 "));
        assert_eq!(second.exactly(1).await, "x");
        second.send(OK).await;
        assert_eq!(client.response().await.1, "ok");
    });
}

#[test]
fn a14_9_a_changed_transport_uses_no_old_connection() {
    run(async {
        let origin = Origin::listen().await;
        let urls = [&*origin.url];
        let proxy = Proxy::to(urls).await;
        let mut client = proxy.get("/1").await;
        let mut first = origin.accept().await;
        first.head().await;
        first.send(OK).await;
        client.response().await;
        proxy.reload(crate::testing::service(
            urls,
            json!({ "serverName": "other.example.com" }),
        ));
        // Idle: closed at once.
        assert_eq!(first.rest().await, "");
        client.send("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let mut second = origin.accept().await;
        assert!(second.head().await.starts_with("GET /2 "));
        // Busy: finishes, then closed.
        proxy.reload(crate::testing::service(
            urls,
            json!({ "serverName": "third.example.com" }),
        ));
        second.send(OK).await;
        assert_eq!(client.response().await.1, "ok");
        assert_eq!(second.rest().await, "");
    });
}

#[test]
fn a7_17_an_unchanged_transport_keeps_its_connections() {
    run(async {
        let origin = Origin::listen().await;
        let urls = [&*origin.url];
        let proxy = Proxy::to(urls).await;
        let mut client = proxy.get("/1").await;
        let mut backend = origin.accept().await;
        backend.head().await;
        backend.send(OK).await;
        client.response().await;
        proxy.reload(crate::testing::service(urls, json!({})));
        client.send("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert!(backend.head().await.starts_with("GET /2 "));
    });
}

#[test]
fn a13_2_bodies_stream_both_ways() {
    run(async {
        let origin = Origin::listen().await;
        let proxy = Proxy::to([&*origin.url]).await;
        let mut client = proxy.client().await;
        client
            .send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
            .await;
        let mut backend = origin.accept().await;
        let head = backend.head().await;
        assert_eq!(header(&head, "transfer-encoding"), Some("chunked"));
        backend.until("3\r\none\r\n").await;
        // The answer begins before the request has ended, and each sees the other's next part.
        backend
            .send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n")
            .await;
        client.until("2\r\nab\r\n").await;
        client.send("3\r\ntwo\r\n0\r\n\r\n").await;
        backend.until("3\r\ntwo\r\n0\r\n\r\n").await;
        backend.send("2\r\ncd\r\n0\r\n\r\n").await;
        client.until("2\r\ncd\r\n0\r\n\r\n").await;
    });
}

#[test]
fn a13_2_a_get_keeps_its_chunked_body() {
    run(async {
        let origin = Origin::listen().await;
        let proxy = Proxy::to([&*origin.url]).await;
        let mut client = proxy.client().await;
        client
            .send("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n")
            .await;
        let mut backend = origin.accept().await;
        let head = backend.head().await;
        assert_eq!(header(&head, "transfer-encoding"), Some("chunked"));
        backend.until("3\r\none\r\n0\r\n\r\n").await;
    });
}

#[test]
fn a13_2_trailers_pass_but_never_owned_ones() {
    run(async {
        let origin = Origin::listen().await;
        let proxy = Proxy::to([&*origin.url]).await;
        let mut client = proxy.client().await;
        client
            .send(
                "POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTrailer: x-sum, x-real-ip\r\n\
                 Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nx-sum: 1\r\nx-real-ip: 6.6.6.6\r\n\r\n",
            )
            .await;
        let mut backend = origin.accept().await;
        let head = backend.head().await;
        assert_eq!(header(&head, "te"), Some("trailers"));
        let rest = backend.until("0\r\nx-sum: 1\r\n\r\n").await;
        assert!(!rest.contains("6.6.6.6"), "{rest}");
        backend
            .send(
                "HTTP/1.1 200 OK\r\nTrailer: grpc-status\r\nTransfer-Encoding: chunked\r\n\r\n\
                 1\r\ny\r\n0\r\ngrpc-status: 0\r\n\r\n",
            )
            .await;
        client.until("0\r\ngrpc-status: 0\r\n\r\n").await;
    });
}

#[test]
fn a7_10_the_body_waits_for_the_backends_100() {
    run(async {
        let origin = Origin::listen().await;
        let proxy = Proxy::to([&*origin.url]).await;
        let mut client = proxy.client().await;
        client
            .send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
            .await;
        let mut backend = origin.accept().await;
        let head = backend.head().await;
        assert_eq!(header(&head, "expect"), Some("100-continue"));
        backend.send("HTTP/1.1 100 Continue\r\n\r\n").await;
        assert_eq!(client.head().await, "HTTP/1.1 100 Continue\r\n\r\n");
        client.send("hi").await;
        assert_eq!(backend.exactly(2).await, "hi");
        backend.send(OK).await;
        assert_eq!(client.response().await.1, "ok");
    });
}

#[test]
fn c8_a_final_answer_instead_of_100_asks_for_no_body() {
    run(async {
        let origin = Origin::listen().await;
        let proxy = Proxy::to([&*origin.url]).await;
        let mut client = proxy.client().await;
        client
            .send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
            .await;
        let mut backend = origin.accept().await;
        backend.head().await;
        backend
            .send("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n")
            .await;
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 417 "), "{head}");
        // What follows is never read as a request.
        client.send("GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let rest = client.rest().await;
        assert_eq!(rest, "");
    });
}

#[test]
fn a13_2_informational_answers_are_skipped() {
    run(async {
        let origin = Origin::listen().await;
        let proxy = Proxy::to([&*origin.url]).await;
        let mut client = proxy.get("/").await;
        let mut backend = origin.accept().await;
        backend.head().await;
        backend
            .send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
            .await;
        backend.send(OK).await;
        assert!(client.head().await.starts_with("HTTP/1.1 200 "));
    });
}

const WEBSOCKET: &str =
    "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n";

#[test]
fn c4_nothing_is_forwarded_before_the_backends_101() {
    run(async {
        let origin = Origin::listen().await;
        let proxy = Proxy::to([&*origin.url]).await;
        let mut client = proxy.client().await;
        client
            .send(&format!("{WEBSOCKET}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"))
            .await;
        let mut backend = origin.accept().await;
        let head = backend.head().await;
        assert_eq!(header(&head, "connection"), Some("Upgrade"));
        assert_eq!(header(&head, "upgrade"), Some("websocket"));
        assert_eq!(header(&head, "x-forwarded-proto"), Some("ws"));
        let refused = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        backend.send(refused).await;
        assert!(client.head().await.starts_with("HTTP/1.1 403 "));
        // The pipelined bytes are a request of their own, on another connection.
        assert_eq!(backend.rest().await, "");
        let mut second = origin.accept().await;
        assert!(second.head().await.starts_with("GET /smuggled "));
    });
}

#[test]
fn a13_2_websocket_bytes_flow_both_ways() {
    run(async {
        let origin = Origin::listen().await;
        let proxy = Proxy::to([&*origin.url]).await;
        let mut client = proxy.client().await;
        client.send(&format!("{WEBSOCKET}early")).await;
        let mut backend = origin.accept().await;
        backend.head().await;
        backend
            .send(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst",
            )
            .await;
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        assert_eq!(header(&head, "upgrade"), Some("websocket"));
        assert_eq!(client.exactly(5).await, "first");
        assert_eq!(backend.exactly(5).await, "early");
        client.send("ping").await;
        assert_eq!(backend.exactly(4).await, "ping");
        backend.send("pong").await;
        assert_eq!(client.exactly(4).await, "pong");
        drop(client);
        assert_eq!(backend.rest().await, "");
    });
}

#[test]
fn c10_101_that_nobody_asked_for() {
    run(async {
        let origin = Origin::listen().await;
        let proxy = Proxy::to([&*origin.url]).await;
        let switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n";
        for request in ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", WEBSOCKET] {
            let mut client = proxy.client().await;
            client.send(request).await;
            let mut backend = origin.accept().await;
            backend.head().await;
            backend.send(switching).await;
            let (head, body) = client.response().await;
            assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
            assert!(body.contains("bad_response"), "{body}");
            assert_eq!(backend.rest().await, "");
        }
    });
}

#[test]
fn c10_bad_answers_end_the_connection_and_nothing_else() {
    run(async {
        let origin = Origin::listen().await;
        let proxy = Proxy::to([&*origin.url]).await;
        for answer in [
            "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            "HTTP/1.1 2000 OK\r\n\r\n",
            "NONSENSE\r\n\r\n",
            "HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\nab",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ] {
            let mut client = proxy.get("/").await;
            let mut backend = origin.accept().await;
            backend.head().await;
            backend.send(answer).await;
            let (head, body) = client.response().await;
            assert!(head.starts_with("HTTP/1.1 502 "), "{answer:?}: {head}");
            assert!(body.contains("bad_response"), "{answer:?}: {body}");
            // The same client is served on.
            client.send("GET /next HTTP/1.1\r\nHost: a\r\n\r\n").await;
            let mut next = origin.accept().await;
            next.head().await;
            next.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
                .await;
            assert_eq!(client.response().await.1, "ok");
        }
    });
}

#[test]
fn c10_a_length_beside_chunks_goes_and_so_does_the_connection() {
    run(async {
        let origin = Origin::listen().await;
        let proxy = Proxy::to([&*origin.url]).await;
        for (length, answer) in [(1, "5\r\nhello\r\n0\r\n\r\n"), (10, "5\r\nhello\r\n0\r\n\r\n")] {
            let mut client = proxy.get("/").await;
            let mut backend = origin.accept().await;
            backend.head().await;
            backend
                .send(&format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n{answer}"
                ))
                .await;
            let head = client.head().await;
            assert_eq!(header(&head, "content-length"), None, "{head}");
            assert_eq!(client.until("0\r\n\r\n").await, "5\r\nhello\r\n0\r\n\r\n");
            assert_eq!(backend.rest().await, "", "the connection is not used again");
        }
    });
}

#[test]
fn c10_bytes_behind_an_answer_belong_to_nobody() {
    run(async {
        let origin = Origin::listen().await;
        let proxy = Proxy::to([&*origin.url]).await;
        let mut client = proxy.get("/1").await;
        let mut backend = origin.accept().await;
        backend.head().await;
        backend
            .send(&format!("{OK}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"))
            .await;
        assert_eq!(client.response().await.1, "ok");
        client.send("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let mut second = origin.accept().await;
        second.head().await;
        second.send(OK).await;
        assert_eq!(client.response().await.1, "ok");
    });
}

#[test]
fn c1_tls_record_on_a_plain_port() {
    run(async {
        let origin = Origin::listen().await;
        let proxy = Proxy::to([&*origin.url]).await;
        let mut client = proxy.get("/").await;
        let mut backend = origin.accept().await;
        backend.head().await;
        backend.send("\x15\x03\x01\0\x02\x02\x46").await;
        let (_, body) = client.response().await;
        assert!(body.contains("tls_on_plain_port"), "{body}");
    });
}

#[test]
fn a13_5_refused_connection_is_502() {
    run(async {
        let origin = Origin::listen().await;
        let url = origin.url.clone();
        drop(origin);
        let proxy = Proxy::to([&*url]).await;
        let (head, body) = proxy.get("/").await.response().await;
        assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
        assert_eq!(header(&head, "x-viaduct-fault"), Some("connect_refused"));
        assert!(body.starts_with("Bad Gateway\nconnect_refused: "), "{body}");
    });
}

#[test]
fn a7_10_response_header_timeout_is_504() {
    run(async {
        let origin = Origin::listen().await;
        let transport = json!({ "forwardingTimeouts": { "responseHeaderTimeout": "50ms" } });
        let proxy = Proxy::with_transport(&origin.url, transport).await;
        let mut client = proxy.get("/").await;
        let mut backend = origin.accept().await;
        backend.head().await;
        let (head, body) = client.response().await;
        assert!(head.starts_with("HTTP/1.1 504 "), "{head}");
        assert!(body.contains("response_timeout"), "{body}");
        assert_eq!(backend.rest().await, "");
    });
}

#[test]
fn a7_10_idle_connections_end_in_time() {
    run(async {
        let origin = Origin::listen().await;
        let transport = json!({ "forwardingTimeouts": { "idleConnTimeout": "100ms" } });
        let proxy = Proxy::with_transport(&origin.url, transport).await;
        let mut client = proxy.get("/").await;
        let mut backend = origin.accept().await;
        backend.head().await;
        backend.send(OK).await;
        client.response().await;
        assert_eq!(backend.rest().await, "");
    });
}

#[test]
fn a6_13_no_server_is_503() {
    run(async {
        let proxy = Proxy::to([]).await;
        let (head, body) = proxy.get("/").await.response().await;
        assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
        assert!(body.starts_with("no available server"), "{body}");
    });
}

#[test]
fn a13_5_a_client_that_leaves_takes_its_backend_connection_with_it() {
    run(async {
        let origin = Origin::listen().await;
        let proxy = Proxy::to([&*origin.url]).await;
        let client = proxy.get("/").await;
        let mut backend = origin.accept().await;
        backend.head().await;
        drop(client);
        assert_eq!(backend.rest().await, "");
    });
}

#[test]
fn a13_2_head_no_content_and_not_modified_have_no_body() {
    run(async {
        let origin = Origin::listen().await;
        let proxy = Proxy::to([&*origin.url]).await;
        let mut client = proxy.client().await;
        let mut backend = None;
        for (method, answer, length) in [
            ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Some("5")),
            ("GET", "HTTP/1.1 204 No Content\r\n\r\n", None),
            ("GET", "HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n", None),
        ] {
            client
                .send(&format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n"))
                .await;
            let backend: &mut Raw = match &mut backend {
                Some(backend) => backend,
                None => backend.insert(origin.accept().await),
            };
            backend.head().await;
            backend.send(answer).await;
            let head = client.head().await;
            assert_eq!(header(&head, "content-length"), length, "{head}");
        }
    });
}

#[test]
fn cve_2026_88007_an_ntlm_connection_has_one_client() {
    run(async {
        let origin = Origin::listen().await;
        let proxy = Proxy::to([&*origin.url]).await;
        let mut mine = proxy.get("/1").await;
        let mut authenticated = origin.accept().await;
        authenticated.head().await;
        authenticated
            .send("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n")
            .await;
        mine.response().await;
        let mut theirs = proxy.get("/theirs").await;
        let mut other = origin.accept().await;
        assert!(other.head().await.starts_with("GET /theirs "));
        other.send(OK).await;
        theirs.response().await;
        for path in ["/2", "/3"] {
            mine.send(&format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"))
                .await;
            assert!(authenticated.head().await.starts_with(&format!("GET {path} ")));
            authenticated.send(OK).await;
            mine.response().await;
        }
        theirs.send("GET /again HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert!(other.head().await.starts_with("GET /again "));
    });
}

#[test]
fn cve_2026_88007_whoever_authenticates_unasked_gets_a_connection_too() {
    run(async {
        let origin = Origin::listen().await;
        let proxy = Proxy::to([&*origin.url]).await;
        let mut mine = proxy.client().await;
        mine.send("GET /1 HTTP/1.1\r\nHost: a\r\nAuthorization: negotiate YII=\r\n\r\n")
            .await;
        let mut authenticated = origin.accept().await;
        authenticated.head().await;
        authenticated.send(OK).await;
        mine.response().await;
        // Kerberos needs no challenge: the connection is known to the server as mine already.
        let mut theirs = proxy.get("/theirs").await;
        let mut other = origin.accept().await;
        assert!(other.head().await.starts_with("GET /theirs "));
        other.send(OK).await;
        theirs.response().await;
        mine.send("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert!(authenticated.head().await.starts_with("GET /2 "));
    });
}

#[test]
fn cve_2023_47633_a_backend_that_is_us_is_a_loop() {
    run(async {
        let proxy = Proxy::to([]).await;
        let url = format!("http://{}", proxy.address);
        proxy.reload(crate::testing::service([&*url], json!({})));
        let (head, _) = proxy.get("/").await.response().await;
        assert!(head.starts_with("HTTP/1.1 508 "), "{head}");
    });
}

#[test]
fn a13_1_http2_clients_reach_http1_backends() {
    run(async {
        let origin = Origin::listen().await;
        let proxy = Proxy::to([&*origin.url]).await;
        let mut client = http2(proxy.address).await;
        let request = Request::get("http://web.example.com/a//b")
            .body(http_body_util::Full::default())
            .unwrap();
        let answer = client.send_request(request);
        let play = async {
            let mut backend = origin.accept().await;
            let head = backend.head().await;
            assert!(head.starts_with("GET /a/b HTTP/1.1\r\n"), "{head}");
            assert_eq!(header(&head, "host"), Some("web.example.com"));
            backend
                .send("HTTP/1.1 200 OK\r\nConnection: x-hop\r\nX-Hop: 1\r\nContent-Length: 2\r\n\r\nok")
                .await;
            backend
        };
        let (answer, _backend) = futures_util::future::join(answer, play).await;
        let answer = answer.unwrap();
        assert_eq!(
            (answer.status(), answer.version()),
            (StatusCode::OK, Version::HTTP_2)
        );
        assert!(!answer.headers().contains_key("x-hop"));
        assert_eq!(text(answer.into_body()).await, "ok");
    });
}

#[test]
fn a6_15_h2c_backends_share_one_connection() {
    run(async {
        // A second proxy plays the HTTP/2 server: our own listener takes prior knowledge.
        let origin = Origin::listen().await;
        let inner = Proxy::to([&*origin.url]).await;
        let outer = Proxy::to([&*format!("h2c://{}", inner.address)]).await;
        let mut client = outer.get("/1").await;
        let mut backend = origin.accept().await;
        for next in 2..4 {
            let head = backend.head().await;
            assert_eq!(header(&head, "host"), Some("web.example.com"));
            backend.send(OK).await;
            assert_eq!(client.response().await.1, "ok");
            client
                .send(&format!("GET /{next} HTTP/1.1\r\nHost: web.example.com\r\n\r\n"))
                .await;
        }
        assert_eq!(inner.accepted(), 1);
    });
}

#[test]
fn a6_15_h2c_servers_get_upgrades_over_http1() {
    run(async {
        let origin = Origin::listen().await;
        let proxy = Proxy::to([&*origin.url.replace("http:", "h2c:")]).await;
        let mut client = proxy.client().await;
        client.send(WEBSOCKET).await;
        let mut backend = origin.accept().await;
        let head = backend.head().await;
        assert!(head.starts_with("GET /chat HTTP/1.1\r\n"), "{head}");
        assert_eq!(header(&head, "upgrade"), Some("websocket"));
    });
}

#[test]
fn a6_3_the_servers_own_host() {
    run(async {
        let origin = Origin::listen().await;
        let mut dynamic = crate::testing::service([&*origin.url], json!({}));
        dynamic["http"]["services"]["web"]["loadBalancer"]["passHostHeader"] = json!(false);
        let proxy = Proxy::start(dynamic, ForwardedTrust::default()).await;
        let _client = proxy.get("/").await;
        let mut backend = origin.accept().await;
        let head = backend.head().await;
        assert_eq!(
            header(&head, "host"),
            Some(origin.url.trim_start_matches("http://"))
        );
        assert_eq!(header(&head, "x-forwarded-host"), Some("web.example.com"));
    });
}

#[test]
fn c9_server_wide_options_are_ours() {
    run(async {
        let proxy = Proxy::to([]).await;
        let mut client = proxy.client().await;
        client.send("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert!(client.head().await.starts_with("HTTP/1.1 200 "));
    });
}

#[test]
fn a13_5_problem_json_on_request() {
    run(async {
        let proxy = Proxy::to([]).await;
        let mut client = proxy.client().await;
        client
            .send("GET / HTTP/1.1\r\nHost: a\r\nAccept: application/problem+json\r\n\r\n")
            .await;
        let (head, body) = client.response().await;
        assert_eq!(header(&head, "content-type"), Some("application/problem+json"));
        let problem: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(problem["status"], 503);
        assert_eq!(problem["code"], "no_server");
    });
}
