use std::time::{Duration, Instant};

use http::Request;
use http_body_util::{BodyExt, Full};

use super::*;
use crate::hello::{self, Arrival};
use crate::testing::{Origin, Proxy, Raw, http2, run};

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(200);

fn patient() -> RespondingTimeouts {
    RespondingTimeouts {
        read: LONG,
        write: Duration::ZERO,
        idle: LONG,
        tunnel: LONG,
        handshake: LONG,
    }
}

async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::task::yield_now().await;
    }
}

async fn ask(client: &mut Raw) {
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
}

async fn answer(backend: &mut Raw) {
    backend.head().await;
    backend
        .send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        .await;
}

/// Asserts that the connection ends, without an answer, after `SHORT` and not much later.
async fn assert_cut_off(mut client: Raw, since: Instant) {
    assert_eq!(client.rest().await, "");
    let took = since.elapsed();
    assert!(took >= SHORT && took < LONG / 2, "{took:?}");
}

#[test]
fn r9_an_idle_connection_rests_and_wakes_again() {
    run(async {
        let origin = Origin::listen().await;
        let proxy = Proxy::timed(&origin.url, patient()).await;
        let mut client = proxy.client().await;
        ask(&mut client).await;
        let mut backend = origin.accept().await;
        for _ in 0..3 {
            answer(&mut backend).await;
            assert_eq!(client.response().await.1, "ok");
            assert_eq!(proxy.worker.drain.resting(), 0);
            until(|| proxy.worker.drain.resting() == 1).await;
            ask(&mut client).await;
        }
        assert_eq!(proxy.accepted(), 1);
    });
}

#[test]
fn r9_nothing_rests_while_a_request_body_is_on_its_way() {
    run(async {
        let origin = Origin::listen().await;
        let proxy = Proxy::timed(&origin.url, patient()).await;
        let mut client = proxy.client().await;
        client
            .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
            .await;
        let mut backend = origin.accept().await;
        backend.until("ab").await;
        // Several times the second after which a connection rests (shorter in tests).
        tokio::time::sleep(SHORT).await;
        assert_eq!(proxy.worker.drain.resting(), 0);
        client.send("cd").await;
        backend.until("cd").await;
        backend
            .send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            .await;
        assert_eq!(client.response().await.1, "ok");
        until(|| proxy.worker.drain.resting() == 1).await;
    });
}

#[test]
fn r11_a_head_in_slow_pieces_survives_rests() {
    run(async {
        let origin = Origin::listen().await;
        let proxy = Proxy::timed(&origin.url, patient()).await;
        let mut client = proxy.client().await;
        for piece in ["GET / HT", "TP/1.1\r\nHo", "st: a\r\n\r"] {
            client.send(piece).await;
            until(|| proxy.worker.drain.resting() == 0).await;
            until(|| proxy.worker.drain.resting() == 1).await;
        }
        client.send("\n").await;
        answer(&mut origin.accept().await).await;
        assert_eq!(client.response().await.1, "ok");
    });
}

#[test]
fn r11_a_silent_connection_is_cut_off() {
    run(async {
        let handshake = SHORT;
        let proxy = Proxy::timed(
            "http://127.0.0.1:9",
            RespondingTimeouts {
                handshake,
                ..patient()
            },
        )
        .await;
        let since = Instant::now();
        assert_cut_off(proxy.client().await, since).await;
    });
}

#[test]
fn r11_a_head_that_never_ends_is_cut_off() {
    run(async {
        let read = SHORT;
        let proxy = Proxy::timed("http://127.0.0.1:9", RespondingTimeouts { read, ..patient() }).await;
        let since = Instant::now();
        let mut client = proxy.client().await;
        client.send("GET / HTTP/1.1\r\nHost").await;
        assert_cut_off(client, since).await;
    });
}

#[test]
fn cve_2024_28869_a_body_that_never_comes_ends_at_the_read_timeout() {
    run(async {
        let origin = Origin::listen().await;
        let read = SHORT;
        let proxy = Proxy::timed(&origin.url, RespondingTimeouts { read, ..patient() }).await;
        let since = Instant::now();
        let mut client = proxy.client().await;
        client
            .send("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n")
            .await;
        let mut backend = origin.accept().await;
        backend.head().await;
        backend.rest().await;
        client.rest().await;
        assert!(since.elapsed() >= SHORT && since.elapsed() < LONG / 2);
        until(|| proxy.worker.drain.open() == 0).await;
    });
}

#[test]
fn a2_11_an_idle_connection_is_closed_at_the_idle_timeout() {
    run(async {
        let origin = Origin::listen().await;
        let idle = SHORT;
        let proxy = Proxy::timed(&origin.url, RespondingTimeouts { idle, ..patient() }).await;
        let mut client = proxy.client().await;
        let since = Instant::now();
        ask(&mut client).await;
        answer(&mut origin.accept().await).await;
        client.response().await;
        assert_cut_off(client, since).await;
    });
}

#[test]
fn a2_11_a_connection_rests_before_its_idle_time_is_over() {
    let second = Duration::from_secs(1);
    for milliseconds in [100, 200, 500, 1_000, 1_999, 3_000, 180_000] {
        let idle = Duration::from_millis(milliseconds);
        assert!(2 * h1::interval(idle, second) <= idle, "{idle:?}");
    }
    assert_eq!(h1::interval(Duration::ZERO, second), second);
    assert_eq!(h1::interval(180 * second, second), second);
}

#[test]
fn a2_11_an_answer_that_takes_too_long_is_cut_off() {
    run(async {
        let origin = Origin::listen().await;
        let write = SHORT;
        let proxy = Proxy::timed(&origin.url, RespondingTimeouts { write, ..patient() }).await;
        let since = Instant::now();
        let mut client = proxy.client().await;
        ask(&mut client).await;
        let _silent = origin.accept().await;
        assert_cut_off(client, since).await;
    });
}

#[test]
fn r11_a_client_that_does_not_read_is_cut_off() {
    run(async {
        let origin = Origin::listen().await;
        let idle = SHORT;
        let proxy = Proxy::timed(&origin.url, RespondingTimeouts { idle, ..patient() }).await;
        let mut client = proxy.client().await;
        ask(&mut client).await;
        let mut backend = origin.accept().await;
        backend.head().await;
        let body = "b".repeat(64 << 20);
        let send = async {
            backend
                .send(&format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
                    body.len()
                ))
                .await;
            tokio::io::AsyncWriteExt::write_all(&mut backend.stream, body.as_bytes()).await
        };
        assert!(send.await.is_err(), "the backend's answer was taken in whole");
        until(|| proxy.worker.drain.open() == 0).await;
    });
}

#[test]
fn r19_the_drain_answers_what_is_in_flight_and_closes() {
    run(async {
        let origin = Origin::listen().await;
        let proxy = Proxy::timed(&origin.url, patient()).await;
        let mut client = proxy.client().await;
        ask(&mut client).await;
        let mut backend = origin.accept().await;
        proxy.worker.drain.begin(0);
        answer(&mut backend).await;
        let (head, body) = client.response().await;
        assert!(head.contains("connection: close\r\n"), "{head}");
        assert_eq!(body, "ok");
        assert_eq!(client.rest().await, "");
        assert!(
            proxy
                .worker
                .drain
                .emptied(tokio::time::Instant::now() + LONG)
                .await
        );
    });
}

#[test]
fn r19_a_request_that_crosses_the_drain_is_answered() {
    run(async {
        let origin = Origin::listen().await;
        let proxy = Proxy::timed(&origin.url, patient()).await;
        let mut clients = [proxy.client().await, proxy.client().await];
        let mut backends = Vec::new();
        for client in &mut clients {
            ask(client).await;
            let mut backend = origin.accept().await;
            backend.head().await;
            backends.push(backend);
        }
        for (client, backend) in clients.iter_mut().zip(&mut backends) {
            backend
                .send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                .await;
            client.response().await;
        }
        until(|| proxy.worker.drain.resting() == 2).await;
        proxy.worker.drain.begin(0);
        let [mut asks, mut silent] = clients;
        ask(&mut asks).await;
        let busy = async {
            let mut backends = backends.into_iter();
            // The newest connection of the pool comes first.
            answer(&mut backends.next_back().unwrap()).await;
        };
        busy.await;
        let (head, _) = asks.response().await;
        assert!(head.contains("connection: close\r\n"), "{head}");
        assert_eq!(silent.rest().await, "");
        assert!(
            proxy
                .worker
                .drain
                .emptied(tokio::time::Instant::now() + LONG)
                .await
        );
    });
}

#[test]
fn r19_http2_streams_in_flight_end_before_the_connection() {
    run(async {
        let origin = Origin::listen().await;
        let proxy = Proxy::timed(&origin.url, patient()).await;
        let mut client = http2(proxy.address).await;
        let request = Request::get("http://a/").body(Full::default()).unwrap();
        let response = tokio::task::spawn_local(client.send_request(request));
        let mut backend = origin.accept().await;
        backend.head().await;
        proxy.worker.drain.begin(0);
        backend
            .send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            .await;
        let response = response.await.unwrap().unwrap();
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "ok");
        assert!(
            proxy
                .worker
                .drain
                .emptied(tokio::time::Instant::now() + LONG)
                .await
        );
        until(|| client.is_closed()).await;
    });
}

#[test]
fn a2_11_an_idle_http2_connection_is_closed_with_goaway() {
    run(async {
        let idle = SHORT;
        let proxy = Proxy::timed("http://127.0.0.1:9", RespondingTimeouts { idle, ..patient() }).await;
        let since = Instant::now();
        let client = http2(proxy.address).await;
        until(|| client.is_closed()).await;
        assert!(since.elapsed() >= SHORT);
        until(|| proxy.worker.drain.open() == 0).await;
    });
}

#[test]
fn a13_1_the_preface_tells_even_in_pieces() {
    run(async {
        let origin = Origin::listen().await;
        let proxy = Proxy::timed(&origin.url, patient()).await;
        let mut client = proxy.client().await;
        for piece in [
            "P",
            "RI * HTT",
            "P/2.0\r\n\r\nSM\r\n\r\n",
            "\0\0\0\u{4}\0\0\0\0\0",
        ] {
            client.send(piece).await;
        }
        // A SETTINGS frame.
        assert_eq!(&client.exactly(4).await.as_bytes()[3..], [4]);

        let mut client = proxy.client().await;
        client.send("P").await;
        client
            .send("UT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
            .await;
        answer(&mut origin.accept().await).await;
        assert_eq!(client.response().await.1, "ok");
    });
}

/// What every idle connection and every request costs in memory; the limits are today's sizes with a little
/// room. A connection's task stays for as long as the client does.
#[test]
fn r9_tasks_stay_small() {
    fn size<A, F>(_: impl Fn(A) -> F) -> usize {
        size_of::<F>()
    }
    type Greeting = (Rc<Worker>, tokio::net::TcpStream, Arrival);
    let connection = size(|(worker, socket, arrival): Greeting| hello::greet(worker, socket, arrival));
    assert!(connection <= 1400, "{connection}");
    let http3 = size(|(connection, quic): (Rc<Connection>, quinn::Connection)| h3::serve(connection, quic));
    assert!(http3 <= 2100, "{http3}");
    let request = size(|(connection, raw): (Rc<Connection>, Box<Request<ClientBody>>)| {
        crate::request::serve(connection, raw)
    });
    assert!(request <= 1200, "{request}");
}
