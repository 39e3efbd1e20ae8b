//! What is told of an exchange: one line and one count, whatever became of it (R25).

use viaduct_observe::counters::{Leg, Totals};

use crate::testing::{Origin, Proxy, run};

#[test]
fn a11_3_a_served_request() {
    run(async {
        let origin = Origin::listen().await;
        let (proxy, log) = Proxy::logged([&*origin.url]).await;
        let mut client = proxy.client().await;
        client
            .send("POST /a//b?c=d HTTP/1.1\r\nHost: web.example.com\r\nContent-Length: 5\r\n\r\nhello")
            .await;
        let mut backend = origin.accept().await;
        backend.head().await;
        backend.exactly(5).await;
        backend
            .send("HTTP/1.1 201 Created\r\nContent-Length: 3\r\n\r\nyes")
            .await;
        client.response().await;
        let entry = &log.entries(&proxy.worker, 1).await[0];
        assert_eq!(entry["RouterName"], "web@file");
        assert_eq!(entry["ServiceName"], "web@file");
        assert_eq!(entry["ServiceURL"], *origin.url);
        assert_eq!(entry["ServiceAddr"], origin.url.trim_start_matches("http://"));
        assert_eq!(entry["RequestMethod"], "POST");
        assert_eq!(entry["RequestPath"], "/a//b?c=d");
        assert_eq!(entry["RequestContentSize"], 5);
        assert_eq!(entry["DownstreamStatus"], 201);
        assert_eq!(entry["OriginStatus"], 201);
        assert_eq!(entry["DownstreamContentSize"], 3);
        assert_eq!(entry.get("Fault"), None);
    });
}

#[test]
fn b36_a_failed_bridge_says_why() {
    run(async {
        let origin = Origin::listen().await;
        let url = origin.url.clone();
        drop(origin);
        let (proxy, log) = Proxy::logged([&*url]).await;
        proxy.get("/").await.response().await;
        let entry = &log.entries(&proxy.worker, 1).await[0];
        assert_eq!(entry["DownstreamStatus"], 502);
        assert_eq!(entry["Fault"], "connect_refused");
        assert_eq!(entry["ServiceURL"], *url);
        let totals = Totals::of([&*proxy.worker.counters]);
        assert_eq!(totals.legs[&Leg::Backend].faults["connect_refused"], 1);
    });
}

#[test]
fn a13_5_a_client_that_leaves_is_499() {
    run(async {
        let origin = Origin::listen().await;
        let (proxy, log) = Proxy::logged([&*origin.url]).await;
        let client = proxy.get("/").await;
        let mut backend = origin.accept().await;
        backend.head().await;
        drop(client);
        let entry = &log.entries(&proxy.worker, 1).await[0];
        assert_eq!(entry["DownstreamStatus"], 499);
        assert_eq!(entry.get("OriginStatus"), None);
        assert_eq!(entry["Fault"], "client_gone");
        let legs = Totals::of([&*proxy.worker.counters]).legs;
        assert_eq!(legs[&Leg::Client].faults["client_gone"], 1);
        assert!(
            legs[&Leg::Backend].faults.is_empty(),
            "the backend did nothing wrong"
        );
    });
}

#[test]
fn c1_a_body_that_breaks_off() {
    run(async {
        let origin = Origin::listen().await;
        let (proxy, log) = Proxy::logged([&*origin.url]).await;
        let mut client = proxy.get("/").await;
        let mut backend = origin.accept().await;
        backend.head().await;
        backend
            .send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
            .await;
        client.head().await;
        assert_eq!(client.exactly(4).await, "half");
        drop(backend);
        assert_eq!(client.rest().await, "", "cut, not ended");
        let entry = &log.entries(&proxy.worker, 1).await[0];
        assert_eq!(entry["DownstreamStatus"], 200);
        assert_eq!(entry["DownstreamContentSize"], 4);
        assert_eq!(entry["Fault"], "body_broken");
    });
}

#[test]
fn r25_an_upgraded_connection_is_one_entry_at_its_end() {
    run(async {
        let origin = Origin::listen().await;
        let (proxy, log) = Proxy::logged([&*origin.url]).await;
        let mut client = proxy.client().await;
        client
            .send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
            .await;
        let mut backend = origin.accept().await;
        backend.head().await;
        backend
            .send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
            .await;
        client.head().await;
        client.send("four").await;
        assert_eq!(backend.exactly(4).await, "four");
        backend.send("three").await;
        assert_eq!(client.exactly(5).await, "three");
        drop((client, backend));
        let entry = &log.entries(&proxy.worker, 1).await[0];
        assert_eq!(entry["DownstreamStatus"], 101);
        assert_eq!(entry["RequestContentSize"], 4);
        assert_eq!(entry["DownstreamContentSize"], 5);
    });
}

#[test]
fn r25_every_request_is_counted_once() {
    run(async {
        let proxy = Proxy::to([]).await;
        let mut client = proxy.client().await;
        for _ in 0..3 {
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
            client.response().await;
        }
        client.send("GET / HTTP/1.1\r\nHost: a:b\r\n\r\n").await;
        client.rest().await;
        let totals = Totals::of([&*proxy.worker.counters]);
        let tally = &totals.entry_points["web"].tally;
        assert_eq!(tally.total(), 4);
        assert_eq!(totals.routers.values().map(|tally| tally.total()).sum::<u64>(), 3);
    });
}

#[test]
#[expect(
    clippy::await_holding_refcell_ref,
    reason = "what is borrowed makes the request panic where it looks at the snapshot"
)]
fn r22_r25_a_panic_costs_its_own_request_and_is_told() {
    run(async {
        let origin = Origin::listen().await;
        let (proxy, log) = Proxy::logged([&*origin.url]).await;
        let borrowed = proxy.worker.snapshot.borrow_mut();
        let mut client = proxy.get("/panics").await;
        let (head, _) = client.response().await;
        assert!(head.starts_with("HTTP/1.1 500 "), "{head}");
        assert_eq!(client.rest().await, "", "the connection ends");
        drop(borrowed);
        let entry = &log.entries(&proxy.worker, 1).await[0];
        assert_eq!(entry["DownstreamStatus"], 500);
        assert_eq!(entry["Fault"], "panicked");

        let mut client = proxy.get("/serves").await;
        let mut backend = origin.accept().await;
        backend.head().await;
        backend
            .send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            .await;
        assert_eq!(client.response().await.1, "ok");
    });
}

#[test]
fn r25_an_answer_that_its_client_does_not_take_whole_has_a_cause() {
    run(async {
        let origin = Origin::listen().await;
        let (proxy, log) = Proxy::logged([&*origin.url]).await;
        let mut client = proxy.get("/").await;
        let mut backend = origin.accept().await;
        backend.head().await;
        backend
            .send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")
            .await;
        client.until("he").await;
        drop(client);
        let entry = &log.entries(&proxy.worker, 1).await[0];
        assert_eq!(entry["DownstreamStatus"], 200);
        assert_eq!(entry["Fault"], "client_gone");
    });
}

#[test]
fn r25_a_head_that_cannot_be_read_is_one_line_and_one_count() {
    run(async {
        let (proxy, log) = Proxy::logged(["http://127.0.0.1:9"]).await;
        let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "u".repeat(70_000));
        let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(600));
        let rows = [
            ("GET / HTTP/1.1\r\nHost a\r\n\r\n", 400, "malformed"),
            ("G@T / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed"),
            ("GET /?a=<b> HTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed"),
            ("GET /?a=\"b HTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed"),
            ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", 400, "http_version"),
            ("GET / HTTP/9.9\r\nHost: a\r\n\r\n", 400, "http_version"),
            (&*many, 431, "headers_too_large"),
            (&*long, 414, "uri_too_long"),
        ];
        for (index, (head, status, code)) in rows.iter().enumerate() {
            let mut client = proxy.client().await;
            client.send(head).await;
            let (answered, _) = client.response().await;
            assert!(answered.contains(&status.to_string()), "{code}: {answered}");
            let entries = log.entries(&proxy.worker, index + 1).await;
            assert_eq!(entries.len(), index + 1);
            let entry = &entries[index];
            assert_eq!(entry["DownstreamStatus"], *status, "{entry}");
            assert_eq!(entry["Fault"], *code);
            assert_eq!(entry["RequestPath"], "-");
            assert_eq!(entry["entryPointName"], "web");
        }
        let totals = Totals::of([&*proxy.worker.counters]);
        let faults = &totals.legs[&Leg::Client].faults;
        assert_eq!((faults["malformed"], faults["http_version"]), (4, 2));
    });
}

#[test]
fn r25_c29_an_http2_connection_that_breaks_the_protocol_is_one_line_and_one_count() {
    run(async {
        let (proxy, log) = Proxy::logged(["http://127.0.0.1:9"]).await;
        let mut client = proxy.client().await;
        // DATA on stream 0.
        client
            .send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0\0\0\0\0\0\0\0\0\0")
            .await;
        client.rest().await;
        let entries = log.entries(&proxy.worker, 1).await;
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0]["Fault"], "protocol_error", "{}", entries[0]);
        assert_eq!(entries[0]["RequestProtocol"], "HTTP/2.0");
        let totals = Totals::of([&*proxy.worker.counters]);
        assert_eq!(totals.legs[&Leg::Client].faults["protocol_error"], 1);
    });
}
