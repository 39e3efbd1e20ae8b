//! What is counted of the requests of one entry point, router or service.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use http::header::ACCEPT;

use super::add;
use crate::record::Record;

/// Labels of one kind of request: code, method, protocol (A11.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestKey {
    pub code: u16,
    pub method: Method,
    pub protocol: Protocol,
}

/// Closed set: a client cannot invent a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Patch,
    Options,
    Connect,
    Trace,
    /// `EXTENSION_METHOD`, as Traefik calls the rest.
    Extension,
}

/// Traefik's `protocol` label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Protocol {
    Http = 1,
    Websocket,
    /// The client accepts only an event stream.
    Sse,
}

impl RequestKey {
    pub(super) fn of(record: &Record<'_>) -> Self {
        Self {
            code: record.status,
            method: Method::of(record.method),
            protocol: Protocol::of(record),
        }
    }

    /// Never 0, the mark of a free place, because no protocol is 0.
    fn pack(self) -> u32 {
        (u32::from(self.code) << 16) | (u32::from(self.method as u8) << 8) | u32::from(self.protocol as u8)
    }

    fn unpack(packed: u32) -> Option<Self> {
        let [_, _, method, protocol] = packed.to_be_bytes();
        Some(Self {
            code: u16::try_from(packed >> 16).ok()?,
            method: Method::ALL.into_iter().find(|known| *known as u8 == method)?,
            protocol: Protocol::ALL.into_iter().find(|known| *known as u8 == protocol)?,
        })
    }
}

impl Method {
    pub const ALL: [Self; 10] = [
        Self::Get,
        Self::Head,
        Self::Post,
        Self::Put,
        Self::Delete,
        Self::Patch,
        Self::Options,
        Self::Connect,
        Self::Trace,
        Self::Extension,
    ];

    fn of(method: &str) -> Self {
        match method {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "DELETE" => Self::Delete,
            "PATCH" => Self::Patch,
            "OPTIONS" => Self::Options,
            "CONNECT" => Self::Connect,
            "TRACE" => Self::Trace,
            _ => Self::Extension,
        }
    }

    /// The metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Patch => "PATCH",
            Self::Options => "OPTIONS",
            Self::Connect => "CONNECT",
            Self::Trace => "TRACE",
            Self::Extension => "EXTENSION_METHOD",
        }
    }
}

impl Protocol {
    pub const ALL: [Self; 3] = [Self::Http, Self::Websocket, Self::Sse];

    fn of(record: &Record<'_>) -> Self {
        if record.status == 101 {
            return Self::Websocket;
        }
        match record.request_headers.get(ACCEPT) {
            Some(accept) if accept.as_bytes() == b"text/event-stream" => Self::Sse,
            _ => Self::Http,
        }
    }

    /// The metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Websocket => "websocket",
            Self::Sse => "sse",
        }
    }
}

/// Exact counts for the first few kinds of request; classes of status for what comes beyond them, so
/// that no client can make the table grow.
#[derive(Debug, Default)]
pub(super) struct Tally {
    kinds: [(AtomicU32, AtomicU64); KINDS],
    /// By first digit of the status; 0: no valid status.
    other: [AtomicU64; 6],
    pub(super) request_bytes: AtomicU64,
    pub(super) response_bytes: AtomicU64,
    pub(super) retries: AtomicU64,
    /// Sum of all durations; the histogram's `_sum`.
    pub(super) nanos: AtomicU64,
}

impl Tally {
    pub(super) fn add(&self, key: RequestKey, record: &Record<'_>) {
        add(self.place(key), 1);
        add(&self.request_bytes, record.request_bytes);
        add(&self.response_bytes, record.response_bytes);
        add(
            &self.nanos,
            u64::try_from(record.duration.as_nanos()).unwrap_or(u64::MAX),
        );
    }

    pub(super) fn retried(&self, times: u32) {
        if times > 0 {
            add(&self.retries, u64::from(times));
        }
    }

    fn place(&self, key: RequestKey) -> &AtomicU64 {
        let packed = key.pack();
        for (kind, count) in &self.kinds {
            match kind.load(Ordering::Relaxed) {
                0 => kind.store(packed, Ordering::Relaxed),
                known if known != packed => continue,
                _ => {}
            }
            return count;
        }
        let [none, ..] = &self.other;
        self.other.get(usize::from(key.code / 100)).unwrap_or(none)
    }

    /// The exact kinds seen so far.
    pub(super) fn kinds(&self) -> impl Iterator<Item = (RequestKey, u64)> {
        self.kinds.iter().filter_map(|(kind, count)| {
            Some((
                RequestKey::unpack(kind.load(Ordering::Relaxed))?,
                count.load(Ordering::Relaxed),
            ))
        })
    }

    /// Requests beyond the exact kinds, by first digit of the status.
    pub(super) fn other(&self) -> [u64; 6] {
        std::array::from_fn(|class| {
            self.other
                .get(class)
                .map_or(0, |count| count.load(Ordering::Relaxed))
        })
    }
}

const KINDS: usize = 8;
