//! Options of entry points over real connections.

use std::time::Duration;

use http::{Request, StatusCode};
use http_body_util::Full;
use serde_json::json;

use super::*;
use crate::testing::{Origin, Proxy, Raw, http2, run, service};

async fn proxy(origin: &Origin, set: impl FnOnce(&mut EntryPointConfig)) -> Proxy {
    Proxy::configured(service([&*origin.url], json!({})), set).await
}

/// Serves one request, over the connection that is open or a new one.
async fn serve(origin: &Origin, open: &mut Option<Raw>) -> String {
    let mut server = match open.take() {
        Some(server) => server,
        None => origin.accept().await,
    };
    let head = server.head().await;
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    *open = Some(server);
    head
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn a2_13_a_connection_ends_behind_its_last_request() {
    run(async {
        let origin = Origin::listen().await;
        let proxy = proxy(&origin, |entry| entry.keep_alive.max_requests = 2).await;
        let mut client = proxy.client().await;
        let mut server = None;
        for last in [false, true] {
            client.send(GET).await;
            serve(&origin, &mut server).await;
            let (head, _) = client.response().await;
            assert_eq!(
                head.to_ascii_lowercase().contains("connection: close"),
                last,
                "{head}"
            );
        }
        assert_eq!(client.rest().await, "");
    });
}

#[test]
fn a2_13_an_old_connection_ends_behind_its_next_request() {
    run(async {
        let origin = Origin::listen().await;
        let proxy = proxy(&origin, |entry| {
            entry.keep_alive.max_time = Duration::from_millis(100)
        })
        .await;
        let mut client = proxy.client().await;
        let mut server = None;
        client.send(GET).await;
        serve(&origin, &mut server).await;
        let (head, _) = client.response().await;
        assert!(!head.to_ascii_lowercase().contains("connection: close"), "{head}");
        tokio::time::sleep(Duration::from_millis(150)).await;
        client.send(GET).await;
        serve(&origin, &mut server).await;
        let (head, _) = client.response().await;
        assert!(head.to_ascii_lowercase().contains("connection: close"), "{head}");
        assert_eq!(client.rest().await, "");
    });
}

#[test]
fn a2_13_http2_says_goaway() {
    run(async {
        let origin = Origin::listen().await;
        let proxy = proxy(&origin, |entry| entry.keep_alive.max_requests = 2).await;
        let mut client = http2(proxy.address).await;
        let mut server = None;
        for _ in 0..2 {
            let request = Request::get("http://a/").body(Full::default()).unwrap();
            let (response, _) = tokio::join!(client.send_request(request), serve(&origin, &mut server));
            assert_eq!(response.unwrap().status(), StatusCode::OK);
        }
        while client.ready().await.is_ok() {
            tokio::task::yield_now().await;
        }
    });
}

#[test]
fn a2_8_headers_with_underscores() {
    run(async {
        let origin = Origin::listen().await;
        let request = "GET / HTTP/1.1\r\nHost: a\r\nX_A: 1\r\nX-B: 2\r\n\r\n";
        for (strategy, seen) in [
            (UnderscoreHeaders::Keep, Some(true)),
            (UnderscoreHeaders::Delete, Some(false)),
            (UnderscoreHeaders::Reject, None),
        ] {
            let proxy = proxy(&origin, |entry| entry.hygiene.underscores = strategy).await;
            let mut client = proxy.client().await;
            client.send(request).await;
            let Some(seen) = seen else {
                let (head, _) = client.response().await;
                assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
                continue;
            };
            let head = serve(&origin, &mut None).await;
            assert_eq!(head.contains("x_a: 1"), seen, "{head}");
            assert!(head.contains("x-b: 2"), "{head}");
        }
    });
}

#[test]
fn a2_7_a2_8_paths_before_routing() {
    run(async {
        let origin = Origin::listen().await;
        let strict = proxy(&origin, |entry| {
            let mut allowed = [true; 7];
            allowed[0] = false;
            entry.hygiene.encoded_characters = EncodedCharacters::allowing(allowed);
        })
        .await;
        let mut client = strict.client().await;
        client.send("GET /a%2Fb HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let (head, body) = client.response().await;
        assert!(
            head.starts_with("HTTP/1.1 400 ") && body.contains("encoded_character"),
            "{head}{body}"
        );
        let loose = proxy(&origin, |entry| entry.hygiene.sanitize_path = false).await;
        let mut client = loose.client().await;
        client.send("GET /a/../b//%7Ec HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let head = serve(&origin, &mut None).await;
        assert!(head.starts_with("GET /a/../b//~c "), "{head}");
    });
}

#[test]
fn a2_8_a_head_that_is_too_large_is_refused() {
    run(async {
        let origin = Origin::listen().await;
        let proxy = proxy(&origin, |entry| entry.limits.header_bytes = 8192).await;
        let mut client = proxy.client().await;
        client
            .send(&format!(
                "GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
                "x".repeat(9000)
            ))
            .await;
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 431 "), "{head}");
    });
}
