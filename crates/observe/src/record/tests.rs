//! A plain record for the tests of this crate.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use super::{Record, Slots};

pub(crate) fn record(headers: &http::HeaderMap, count: u64) -> Record<'_> {
    Record {
        start: SystemTime::UNIX_EPOCH,
        duration: Duration::from_millis(2),
        origin_duration: None,
        entry_point: "websecure",
        internal: false,
        event_stream: false,
        router: None,
        service: None,
        server_url: None,
        server_addr: None,
        client: SocketAddr::from(([127, 0, 0, 1], 1)),
        forwarded_for: None,
        client_user: None,
        method: "GET",
        path: "/",
        host: "web.example.com",
        protocol: "HTTP/1.1",
        scheme: "https",
        request_headers: headers,
        request_bytes: 0,
        status: 200,
        origin_status: 0,
        origin_bytes: 0,
        response_headers: None,
        response_bytes: 0,
        retries: 0,
        client_leg: None,
        backend_leg: None,
        fault: None,
        count,
        slots: Slots {
            entry_point: 1,
            ..Slots::default()
        },
        origin_headers: None,
        ingress: None,
        kubernetes_service: None,
        trace: None,
    }
}
