//! Requests that are sent again, to an HTTP/2 server whose frames are played by hand.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use super::super::Patience;
use crate::testing::{Proxy, Raw, run};

struct Server {
    listener: TcpListener,
    url: String,
}

impl Server {
    async fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("h2c://{}", listener.local_addr().unwrap());
        Self { listener, url }
    }

    async fn accept(&self) -> Peer {
        let (stream, _) = self.listener.accept().await.unwrap();
        let mut peer = Peer(stream);
        peer.exactly(24).await;
        peer.frame(SETTINGS, 0, 0, &[]).await;
        peer
    }

    /// Asserts that nobody waits to be accepted.
    async fn assert_quiet(&self) {
        let accepted = tokio::time::timeout(Duration::from_millis(50), self.listener.accept()).await;
        assert!(accepted.is_err(), "another connection");
    }
}

/// The server's end of a connection.
struct Peer(TcpStream);

impl Peer {
    async fn exactly(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes).await.unwrap();
        bytes
    }

    async fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let head = [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat();
        self.0.write_all(&head).await.unwrap();
    }

    /// The stream of the next request.
    async fn request(&mut self) -> u32 {
        loop {
            let head = self.exactly(9).await;
            let [a, b, c, kind, flags, stream @ ..] = <[u8; 9]>::try_from(head).unwrap();
            self.exactly(u32::from_be_bytes([0, a, b, c]) as usize).await;
            match kind {
                HEADERS => return u32::from_be_bytes(stream),
                SETTINGS if flags & ACK == 0 => self.frame(SETTINGS, ACK, 0, &[]).await,
                _ => {}
            }
        }
    }

    /// 200, without a body.
    async fn ok(&mut self, stream: u32) {
        self.frame(HEADERS, END_HEADERS | END_STREAM, stream, &[0x88])
            .await;
    }

    async fn refuse(&mut self, stream: u32) {
        self.frame(RST_STREAM, 0, stream, &REFUSED_STREAM.to_be_bytes())
            .await;
    }

    async fn goaway(&mut self, last: u32, reason: u32) {
        let payload = [last.to_be_bytes(), reason.to_be_bytes()].concat();
        self.frame(GOAWAY, 0, 0, &payload).await;
    }
}

async fn ask(client: &mut Raw, method: &str) {
    let head = format!("{method} / HTTP/1.1\r\nHost: web.example.com\r\n");
    let length = if method == "POST" {
        "Content-Length: 0\r\n"
    } else {
        ""
    };
    client.send(&format!("{head}{length}\r\n")).await;
}

async fn assert_status(client: &mut Raw, status: &str) {
    let (head, _) = client.response().await;
    assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
}

#[test]
fn e27_a_stream_that_a_new_connection_refuses_is_asked_for_again() {
    run(async {
        for method in ["GET", "POST"] {
            let server = Server::listen().await;
            let proxy = Proxy::to([&*server.url]).await;
            let mut client = proxy.client().await;
            ask(&mut client, method).await;
            let mut peer = server.accept().await;
            assert_eq!(peer.request().await, 1);
            peer.refuse(1).await;
            assert_eq!(peer.request().await, 3, "the connection is as good as before");
            peer.ok(3).await;
            assert_status(&mut client, "200").await;
        }
    });
}

#[test]
fn c68_what_is_above_the_last_stream_of_a_goaway_is_sent_over_another_connection() {
    run(async {
        let server = Server::listen().await;
        let proxy = Proxy::to([&*server.url]).await;
        let mut client = proxy.client().await;
        ask(&mut client, "POST").await;
        let mut first = server.accept().await;
        assert_eq!(first.request().await, 1);
        first.ok(1).await;
        assert_status(&mut client, "200").await;

        ask(&mut client, "POST").await;
        assert_eq!(first.request().await, 3);
        first.goaway(1, NO_ERROR).await;
        let mut second = server.accept().await;
        assert_eq!(second.request().await, 1);
        second.ok(1).await;
        assert_status(&mut client, "200").await;
    });
}

#[test]
fn e27_a_connection_that_goes_away_is_not_given_out_again() {
    run(async {
        let server = Server::listen().await;
        let proxy = Proxy::to([&*server.url]).await;
        let [mut held, mut client] = [proxy.client().await, proxy.client().await];
        ask(&mut held, "POST").await;
        let mut first = server.accept().await;
        assert_eq!(first.request().await, 1);
        first.goaway(1, NO_ERROR).await;
        // Until that is heard, requests go there, unprocessed.
        ask(&mut client, "POST").await;
        let mut second = server.accept().await;
        for stream in [1, 3, 5] {
            assert_eq!(second.request().await, stream);
            second.ok(stream).await;
            assert_status(&mut client, "200").await;
            ask(&mut client, "POST").await;
        }
        // What was under way before is not disturbed.
        first.ok(1).await;
        assert_status(&mut held, "200").await;
        server.assert_quiet().await;
    });
}

#[test]
fn c68_what_a_server_may_have_seen_is_sent_again_only_if_that_harms_nobody() {
    run(async {
        // Named by GOAWAY as perhaps processed; unnamed, but there is an error.
        for (last, reason) in [(3, NO_ERROR), (1, PROTOCOL_ERROR)] {
            for (method, status) in [("GET", "200"), ("POST", "502")] {
                let server = Server::listen().await;
                let proxy = Proxy::to([&*server.url]).await;
                let mut client = proxy.client().await;
                ask(&mut client, method).await;
                let mut first = server.accept().await;
                assert_eq!(first.request().await, 1);
                first.ok(1).await;
                assert_status(&mut client, "200").await;

                ask(&mut client, method).await;
                assert_eq!(first.request().await, 3);
                first.goaway(last, reason).await;
                drop(first);
                if method == "GET" {
                    let mut second = server.accept().await;
                    assert_eq!(second.request().await, 1);
                    second.ok(1).await;
                }
                assert_status(&mut client, status).await;
                server.assert_quiet().await;
            }
        }
    });
}

#[test]
fn c68_what_ends_one_new_connection_is_not_tried_on_the_next() {
    run(async {
        let server = Server::listen().await;
        let proxy = Proxy::to([&*server.url]).await;
        let mut client = proxy.client().await;
        ask(&mut client, "GET").await;
        let mut peer = server.accept().await;
        assert_eq!(peer.request().await, 1);
        peer.goaway(0, PROTOCOL_ERROR).await;
        assert_status(&mut client, "502").await;
        server.assert_quiet().await;
    });
}

#[test]
fn e27_a_server_that_refuses_everything_is_asked_six_times() {
    run(async {
        let server = Server::listen().await;
        let proxy = Proxy::to([&*server.url]).await;
        let mut client = proxy.client().await;
        ask(&mut client, "GET").await;
        for _ in 0..6 {
            let mut peer = server.accept().await;
            assert_eq!(peer.request().await, 1);
            peer.goaway(0, NO_ERROR).await;
        }
        assert_status(&mut client, "502").await;
        server.assert_quiet().await;
    });
}

#[test]
fn a7_10_all_attempts_have_one_response_header_timeout() {
    run(async {
        let server = Server::listen().await;
        let timeouts = json!({ "forwardingTimeouts": { "responseHeaderTimeout": "300ms" } });
        let proxy = Proxy::with_transport(&server.url, timeouts).await;
        let mut client = proxy.client().await;
        ask(&mut client, "GET").await;
        let mut peer = server.accept().await;
        assert_eq!(peer.request().await, 1);
        peer.refuse(1).await;
        assert_eq!(peer.request().await, 3);
        assert_status(&mut client, "504").await;
    });
    let limit = Duration::from_secs(60);
    let mut patience = Patience::new(Some(limit));
    assert_eq!(patience.begin(), Some(limit));
    patience.since = Some(Instant::now() - limit / 3);
    patience.pause();
    assert!(patience.begin() <= Some(limit * 2 / 3));
    patience.since = Some(Instant::now() - limit);
    patience.pause();
    assert_eq!(patience.begin(), Some(Duration::ZERO));
}

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const NO_ERROR: u32 = 0;
const PROTOCOL_ERROR: u32 = 1;
const REFUSED_STREAM: u32 = 7;
