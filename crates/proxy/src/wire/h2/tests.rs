//! Time-outs of streams and of their connection (A2.11, C25, C26).

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use tokio::io::AsyncWriteExt;

use crate::config::RespondingTimeouts;
use crate::testing::{Origin, Proxy, Raw, http2, run};

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(200);

type Client = SendRequest<Full<Bytes>>;

fn patient() -> RespondingTimeouts {
    RespondingTimeouts {
        read: LONG,
        write: Duration::ZERO,
        idle: LONG,
        tunnel: LONG,
        handshake: LONG,
    }
}

fn request(path: &str) -> Request<Full<Bytes>> {
    Request::get(format!("http://a{path}"))
        .body(Full::default())
        .unwrap()
}

async fn ok(backend: &mut Raw) {
    backend.head().await;
    backend
        .send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        .await;
}

async fn whole(response: Response<Incoming>) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

/// Another stream of the same connection is served.
async fn still_serves(client: &mut Client, origin: &Origin) {
    let response = tokio::task::spawn_local(client.send_request(request("/other")));
    let mut backend = loop {
        let backend = origin.accept().await;
        // A server that closed connections without a word is asked whether it wants TLS.
        if !backend.is_tls().await {
            break backend;
        }
    };
    ok(&mut backend).await;
    assert_eq!(whole(response.await.unwrap().unwrap()).await, "ok");
}

#[test]
fn c26_a_stream_whose_client_opens_no_window_is_ended_alone() {
    run(async {
        let origin = Origin::listen().await;
        let idle = SHORT;
        let proxy = Proxy::timed(&origin.url, RespondingTimeouts { idle, ..patient() }).await;
        let mut client = http2(proxy.address).await;
        let response = tokio::task::spawn_local(client.send_request(request("/held")));
        let mut backend = origin.accept().await;
        backend.head().await;
        let length = 64 << 20;
        let since = Instant::now();
        backend
            .send(&format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n"))
            .await;
        // Nobody reads the body, so its window closes.
        let response = response.await.unwrap().unwrap();
        let sent = backend.stream.write_all(&vec![b'x'; length]).await;
        assert!(sent.is_err(), "the backend's answer was taken in whole");
        assert!(since.elapsed() >= SHORT && since.elapsed() < LONG / 2);
        still_serves(&mut client, &origin).await;
        assert!(response.into_body().collect().await.is_err());
    });
}

#[test]
fn c26_a_stream_that_waits_for_its_backend_is_left_alone() {
    run(async {
        let origin = Origin::listen().await;
        let idle = SHORT;
        let proxy = Proxy::timed(&origin.url, RespondingTimeouts { idle, ..patient() }).await;
        let mut client = http2(proxy.address).await;
        let response = tokio::task::spawn_local(client.send_request(request("/slow")));
        let mut backend = origin.accept().await;
        backend.head().await;
        backend
            .send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nsl")
            .await;
        let response = response.await.unwrap().unwrap();
        tokio::time::sleep(3 * SHORT).await;
        backend.send("ow").await;
        assert_eq!(whole(response).await, "slow");
    });
}

#[test]
fn a2_11_a_stream_whose_answer_takes_too_long_is_reset_alone() {
    run(async {
        let origin = Origin::listen().await;
        let write = SHORT;
        let proxy = Proxy::timed(&origin.url, RespondingTimeouts { write, ..patient() }).await;
        let mut client = http2(proxy.address).await;
        let since = Instant::now();
        // No head at all, and a body that goes on for ever.
        let headless = tokio::task::spawn_local(client.send_request(request("/headless")));
        let mut silent = origin.accept().await;
        silent.head().await;
        let endless = tokio::task::spawn_local(client.send_request(request("/endless")));
        let mut backend = origin.accept().await;
        backend.head().await;
        backend
            .send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            .await;
        let endless = tokio::task::spawn_local(endless.await.unwrap().unwrap().into_body().collect());
        while backend.stream.write_all(b"1\r\nx\r\n").await.is_ok() {
            tokio::time::sleep(SHORT / 10).await;
        }
        assert!(endless.await.unwrap().is_err());
        assert!(headless.await.unwrap().is_err());
        assert!(since.elapsed() >= SHORT && since.elapsed() < LONG / 2);
        still_serves(&mut client, &origin).await;
    });
}

#[test]
fn a2_11_pings_do_not_keep_an_idle_connection() {
    run(async {
        let idle = SHORT;
        let proxy = Proxy::timed("http://127.0.0.1:9", RespondingTimeouts { idle, ..patient() }).await;
        let since = Instant::now();
        let mut client = proxy.client().await;
        client
            .send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0")
            .await;
        let ping = b"\0\0\x08\x06\0\0\0\0\0pingping";
        while client.stream.write_all(ping).await.is_ok() {
            assert!(since.elapsed() < LONG / 2, "kept for ever");
            tokio::time::sleep(SHORT / 10).await;
        }
        assert!(since.elapsed() >= SHORT);
    });
}

#[test]
fn c25_more_fields_than_anybody_sends_are_refused_and_logged() {
    run(async {
        let (proxy, log) = Proxy::logged(["http://127.0.0.1:9"]).await;
        let mut client = http2(proxy.address).await;
        let mut many = request("/many");
        for number in 0..=super::super::MOST_FIELDS {
            let value = http::HeaderValue::from(number);
            many.headers_mut().append("x-a", value);
        }
        let response = client.send_request(many).await.unwrap();
        assert_eq!(response.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        let entry = &log.entries(&proxy.worker, 1).await[0];
        assert_eq!(entry["Fault"], "headers_too_large");
    });
}

#[test]
fn c25_the_streams_of_a_connection_share_one_budget_for_their_headers() {
    run(async {
        let origin = Origin::listen().await;
        let proxy = Proxy::to([&*origin.url]).await;
        let mut client = http2(proxy.address).await;
        let large = http::HeaderValue::from_bytes(&vec![b'x'; 200 * 1024]).unwrap();
        let mut held = Vec::new();
        let refused = loop {
            let mut request = request("/large");
            request.headers_mut().insert("x-large", large.clone());
            let mut response = tokio::task::spawn_local(client.send_request(request));
            tokio::select! {
                backend = origin.accept() => held.push((backend, response)),
                answer = &mut response => break answer.unwrap().unwrap(),
            }
            assert!(held.len() < 60, "12 MiB of headers are held");
        };
        assert_eq!(refused.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        assert!(held.len() >= 10, "{} were served", held.len());
        held.clear();
        still_serves(&mut client, &origin).await;
    });
}
