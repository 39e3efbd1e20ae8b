use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};

use super::{Leg, Method, Protocol, RequestKey, Totals, WorkerCounters};
use crate::record::tests::record;

fn worker() -> WorkerCounters {
    WorkerCounters::new([Arc::from("web"), Arc::from("websecure")])
}

fn key(code: u16, method: Method, protocol: Protocol) -> RequestKey {
    RequestKey {
        code,
        method,
        protocol,
    }
}

#[test]
fn a11_7_requests_are_summed_over_workers_by_code_method_and_protocol() {
    let headers = HeaderMap::new();
    let workers = [worker(), worker()];
    for worker in &workers {
        let mut record = record(&headers, 1);
        (record.slots.router, record.slots.service) = (Some(3), Some(700));
        (record.request_bytes, record.response_bytes, record.retries) = (5, 7, 2);
        worker.count(&record);
        (record.method, record.status) = ("BREW", 418);
        worker.count(&record);
    }
    let totals = Totals::of(&workers);
    let router = &totals.routers[&3];
    assert_eq!(router.requests[&key(200, Method::Get, Protocol::Http)], 2);
    assert_eq!(router.requests[&key(418, Method::Extension, Protocol::Http)], 2);
    assert_eq!(
        (router.request_bytes, router.response_bytes, router.retries),
        (20, 28, 0)
    );
    assert_eq!(router.duration, Duration::from_millis(8));
    assert_eq!(totals.services[&700].retries, 8);
    assert_eq!(totals.entry_points["websecure"].tally.total(), 4);
    assert_eq!(totals.entry_points["web"].tally.total(), 0);
    assert_eq!((totals.routers.len(), totals.services.len()), (1, 1));
}

#[test]
fn a11_7_websockets_and_event_streams_have_their_own_label() {
    let mut headers = HeaderMap::new();
    headers.insert("accept", HeaderValue::from_static("text/event-stream"));
    let worker = worker();
    let mut record = record(&headers, 1);
    worker.count(&record);
    record.status = 101;
    worker.count(&record);
    let totals = Totals::of([&worker]);
    let requests = &totals.entry_points["websecure"].tally.requests;
    assert_eq!(requests[&key(200, Method::Get, Protocol::Sse)], 1);
    assert_eq!(requests[&key(101, Method::Get, Protocol::Websocket)], 1);
}

#[test]
fn r25_a_client_cannot_make_the_table_grow_and_no_request_is_lost() {
    let headers = HeaderMap::new();
    let worker = worker();
    for status in 0..600 {
        let mut record = record(&headers, 1);
        record.status = status;
        worker.count(&record);
    }
    let totals = Totals::of([&worker]);
    let tally = &totals.entry_points["websecure"].tally;
    assert_eq!(tally.requests.len(), 8);
    assert_eq!(tally.other, [92, 100, 100, 100, 100, 100]);
    assert_eq!(tally.total(), 600);
}

#[test]
fn a11_7_slots_grow_to_their_bound_and_not_beyond() {
    let headers = HeaderMap::new();
    let worker = worker();
    let slots = [0, 63, 64, 127, 128, 255, 256, (1 << 17) - 1, 1 << 17, u32::MAX];
    for slot in slots {
        let mut record = record(&headers, 1);
        record.slots.router = Some(slot);
        worker.count(&record);
    }
    let seen: Vec<u32> = Totals::of([&worker]).routers.into_keys().collect();
    assert_eq!(seen, slots[..8]);
}

#[test]
fn b38_handshakes_and_faults_are_counted_by_leg() {
    let headers = HeaderMap::new();
    let worker = worker();
    worker.handshake(Leg::Client, false);
    worker.handshake(Leg::Client, true);
    worker.handshake(Leg::Backend, true);
    worker.fault(Leg::Client, "handshake_failed");
    let mut record = record(&headers, 1);
    record.fault = Some(("unknown_ca", ""));
    worker.count(&record);
    worker.count(&record);
    let totals = Totals::of([&worker]);
    let (client, backend) = (&totals.legs[&Leg::Client], &totals.legs[&Leg::Backend]);
    assert_eq!((client.full_handshakes, client.resumed_handshakes), (1, 1));
    assert_eq!((backend.full_handshakes, backend.resumed_handshakes), (0, 1));
    assert_eq!(client.faults["handshake_failed"], 1);
    assert_eq!(backend.faults["unknown_ca"], 2);
}

#[test]
fn a11_6_open_connections_are_opened_less_closed() {
    let worker = worker();
    worker.connection_opened(1);
    worker.connection_opened(1);
    worker.connection_closed(1);
    worker.connection_opened(9);
    let totals = Totals::of([&worker]);
    assert_eq!(totals.entry_points["websecure"].open_connections, 1);
    assert_eq!(totals.entry_points["web"].open_connections, 0);
}
