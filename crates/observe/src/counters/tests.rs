use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};

use super::{Carrier, HeaderLabel, Leg, Metering, Method, Protocol, RequestKey, Totals, WorkerCounters};
use crate::record::tests::record;
use crate::record::{Cause, ClientLeg, Members};

fn worker() -> WorkerCounters {
    WorkerCounters::new([Arc::from("web"), Arc::from("websecure")])
}

fn key(code: u16, method: Method, protocol: Protocol) -> RequestKey {
    RequestKey::new(code, method, protocol)
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
    assert_eq!(router.count(&key(200, Method::Get, Protocol::Http)), 2);
    assert_eq!(router.count(&key(418, Method::Extension, Protocol::Http)), 2);
    let kind = &router.requests[&key(200, Method::Get, Protocol::Http)];
    assert_eq!(
        (kind.request_bytes, kind.response_bytes, router.retries),
        (10, 14, 0)
    );
    assert_eq!(kind.durations.sum(), Duration::from_millis(4));
    assert_eq!(totals.services[&700].retries, 8);
    assert_eq!(totals.entry_points["websecure"].tally.total(), 4);
    assert_eq!(totals.entry_points["web"].tally.total(), 0);
    assert_eq!((totals.routers.len(), totals.services.len()), (1, 1));
}

#[test]
fn a11_7_websockets_and_event_streams_have_their_own_label() {
    let headers = HeaderMap::new();
    let worker = worker();
    let mut record = record(&headers, 1);
    record.event_stream = true;
    worker.count(&record);
    record.status = 101;
    worker.count(&record);
    let totals = Totals::of([&worker]);
    let tally = &totals.entry_points["websecure"].tally;
    assert_eq!(tally.count(&key(200, Method::Get, Protocol::Sse)), 1);
    assert_eq!(tally.count(&key(101, Method::Get, Protocol::Websocket)), 1);
}

#[test]
fn r25_a_client_cannot_make_the_table_grow_and_no_request_is_lost() {
    let headers = HeaderMap::new();
    let worker = worker();
    for status in 100..900 {
        let mut record = record(&headers, 1);
        record.status = status;
        worker.count(&record);
    }
    let totals = Totals::of([&worker]);
    let tally = &totals.entry_points["websecure"].tally;
    assert_eq!(tally.total(), 800);
    let class = |class| tally.count(&key(class, Method::Extension, Protocol::Http));
    assert_eq!([0, 1, 2, 3, 4, 5].map(class), [300, 0, 0, 44, 100, 100]);
    assert_eq!(tally.requests.len(), 256 + 4);
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

const MILLI: Duration = Duration::from_millis(1);

#[test]
fn b38_handshakes_and_faults_are_counted_by_leg() {
    let headers = HeaderMap::new();
    let worker = worker();
    worker.handshake(Leg::Client, false, MILLI);
    worker.handshake(Leg::Client, true, MILLI);
    worker.handshake(Leg::Backend, true, 20 * MILLI);
    worker.fault(Leg::Client, "handshake_failed");
    let mut record = record(&headers, 1);
    record.fault = Some(Cause {
        code: "unknown_ca",
        detail: "",
        fix: None,
        leg: Leg::Backend,
    });
    worker.count(&record);
    worker.count(&record);
    let totals = Totals::of([&worker]);
    let (client, backend) = (&totals.legs[&Leg::Client], &totals.legs[&Leg::Backend]);
    assert_eq!((client.full_handshakes, client.resumed_handshakes), (1, 1));
    assert_eq!((backend.full_handshakes, backend.resumed_handshakes), (0, 1));
    assert_eq!((client.durations.count(), client.durations.at(0.001)), (2, 2));
    assert_eq!((backend.durations.at(0.01), backend.durations.at(0.025)), (0, 1));
    assert_eq!(client.faults["handshake_failed"], 1);
    assert_eq!(backend.faults["unknown_ca"], 2);
}

#[test]
fn a11_6_open_connections_are_opened_less_closed() {
    let worker = worker();
    worker.connection_opened(1, Carrier::Tcp);
    worker.connection_opened(1, Carrier::Tcp);
    worker.connection_closed(1, Carrier::Tcp);
    worker.connection_opened(9, Carrier::Tcp);
    worker.connection_opened(1, Carrier::Quic);
    worker.connection_closed(1, Carrier::Quic);
    let totals = Totals::of([&worker]);
    assert_eq!(totals.entry_points["websecure"].open_connections, 1);
    assert_eq!(totals.entry_points["websecure"].open_quic_connections, Some(0));
    assert_eq!(totals.entry_points["web"].open_quic_connections, None);
    assert_eq!(totals.entry_points["web"].open_connections, 0);
}

#[test]
fn a11_7_durations_are_counted_up_to_their_bound() {
    let headers = HeaderMap::new();
    let worker = WorkerCounters::with(
        ["web".into()],
        Metering::default().with_buckets(&[0.3, 0.1, -1.0]),
    );
    for millis in [100, 101, 300, 5_000] {
        let mut record = record(&headers, 1);
        (record.slots.entry_point, record.duration) = (0, Duration::from_millis(millis));
        worker.count(&record);
    }
    let totals = Totals::of([&worker]);
    let tally = &totals.entry_points["web"].tally;
    let durations = &tally.requests[&key(200, Method::Get, Protocol::Http)].durations;
    assert_eq!([0.05, 0.1, 0.3].map(|bound| durations.at(bound)), [0, 1, 3]);
    assert_eq!(
        (durations.count(), durations.sum()),
        (4, Duration::from_millis(5_501))
    );
}

#[test]
fn a11_7_requests_by_tls_are_counted_by_version_and_cipher() {
    let headers = HeaderMap::new();
    let leg = ClientLeg {
        version: "1.3",
        cipher: "TLS_AES_128_GCM_SHA256",
        group: None,
        sni: None,
        resumed: false,
        took: MILLI,
        client_subject: None,
        members: Members::default(),
    };
    let worker = worker();
    let mut record = record(&headers, 1);
    record.client_leg = Some(&leg);
    worker.count(&record);
    worker.count(&record);
    let totals = Totals::of([&worker]);
    let tls = &totals.entry_points["websecure"].tally.tls;
    assert_eq!(tls[&("1.3", "TLS_AES_128_GCM_SHA256")], 2);
}

#[test]
fn a11_8_header_labels_are_counted_apart_within_bounds() {
    let label = HeaderLabel {
        label: "tenant".to_owned(),
        header: http::HeaderName::from_static("x-tenant"),
    };
    let metering = Metering::default().with_header_labels([label]);
    let worker = WorkerCounters::with(["web".into(), "websecure".into()], metering);
    for number in 0..1_000 {
        let mut headers = HeaderMap::new();
        headers.insert("x-tenant", HeaderValue::from(number));
        worker.count(&record(&headers, 1));
    }
    let totals = Totals::of([&worker]);
    let tally = &totals.entry_points["websecure"].tally;
    let by_headers = &tally.requests[&key(200, Method::Get, Protocol::Http)].by_headers;
    assert_eq!(by_headers[&Box::from([Box::from("7")])], 1);
    // The rest has an empty value: nothing is lost, and no client fills the memory.
    assert_eq!(by_headers[&Box::from([Box::from("")])], 800);
    assert_eq!(tally.total(), 1_000);
}

#[test]
fn a11_8_what_is_not_asked_for_is_not_counted() {
    let headers = HeaderMap::new();
    let worker = WorkerCounters::with(["web".into(), "websecure".into()], Metering::least());
    let mut record = record(&headers, 1);
    (record.slots.router, record.slots.service) = (Some(1), Some(1));
    worker.count(&record);
    record.internal = true;
    worker.count(&record);
    let totals = Totals::of([&worker]);
    assert!(totals.routers.is_empty() && totals.services.is_empty());
    assert_eq!(totals.entry_points["websecure"].tally.total(), 1);
}
