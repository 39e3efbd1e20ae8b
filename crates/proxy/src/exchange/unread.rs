//! Requests that never became one: their head, or the frames around it, could not be read. They are told of as
//! any other failed request, with what is known of them (R25).

use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode};
use viaduct_observe::record::Slots;
use viaduct_observe::{Cause, Record, counters};

use crate::wire::{Connection, Leg};

/// What is known of a request that could not be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unread<'a> {
    /// What the client was told; for HTTP/2, whose GOAWAY has none, 400.
    pub(crate) status: StatusCode,
    /// The stable code.
    pub(crate) code: &'static str,
    pub(crate) detail: &'a str,
    pub(crate) protocol: &'static str,
}

impl Unread<'_> {
    /// One line and one count.
    pub(crate) fn tell(&self, connection: &Connection) {
        let blank = HeaderMap::new();
        let worker = &connection.worker;
        let record = self.record(connection, &blank);
        let wanted = connection.observability();
        if wanted.metrics {
            worker.counters.count(&record);
        }
        if let Some(log) = worker.access_log.as_ref().filter(|_| wanted.access_log) {
            log.borrow_mut().write(&record);
        }
    }

    fn record<'a>(&'a self, connection: &'a Connection, blank: &'a HeaderMap) -> Record<'a> {
        let leg = match &connection.leg {
            Leg::Plain => None,
            Leg::Secure { facts, .. } => Some(&**facts),
        };
        Record {
            start: SystemTime::now(),
            duration: Duration::ZERO,
            origin_duration: None,
            entry_point: connection.entry_point_name(),
            internal: false,
            event_stream: false,
            router: None,
            service: None,
            server_url: None,
            server_addr: None,
            client: connection.client,
            forwarded_for: None,
            client_user: None,
            method: UNKNOWN,
            path: UNKNOWN,
            host: "",
            protocol: self.protocol,
            scheme: if leg.is_some() { "https" } else { "http" },
            request_headers: blank,
            request_bytes: 0,
            status: self.status.as_u16(),
            origin_status: 0,
            origin_bytes: 0,
            response_headers: None,
            response_bytes: 0,
            retries: 0,
            client_leg: leg,
            backend_leg: None,
            fault: Some(Cause {
                code: self.code,
                detail: self.detail,
                fix: None,
                leg: counters::Leg::Client,
            }),
            count: super::COUNT.fetch_add(1, Ordering::Relaxed) + 1,
            slots: Slots {
                entry_point: connection.entry_point,
                ..Slots::default()
            },
            origin_headers: None,
            ingress: None,
            kubernetes_service: None,
            trace: None,
        }
    }
}

/// Stands for a method and a path that nobody knows, as in Apache's logs.
const UNKNOWN: &str = "-";
