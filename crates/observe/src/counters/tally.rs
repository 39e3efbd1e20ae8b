//! What is counted of the requests of one entry point, router or service.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::add;
use super::histogram::{Buckets, Place};
use super::key::RequestKey;
use crate::record::{ClientLeg, Record};

/// Counts for each kind of request. A kind gets its place when it is first seen; the table is bounded,
/// and what comes beyond it is counted by class of status: no client can make it grow.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Most tallies see no more kinds than these.
    first: [OnceLock<Box<Kind>>; FIRST],
    more: OnceLock<Box<More>>,
    tls: OnceLock<Box<[OnceLock<TlsKind>; TLS_KINDS]>>,
    retries: AtomicU64,
}

#[derive(Debug)]
pub(super) struct Kind {
    pub(super) key: RequestKey,
    pub(super) durations: Buckets,
    pub(super) request_bytes: AtomicU64,
    pub(super) response_bytes: AtomicU64,
}

#[derive(Debug)]
struct More {
    kinds: [OnceLock<Box<Kind>>; MORE],
    /// By first digit of the status.
    classes: [OnceLock<Box<Kind>>; 6],
}

#[derive(Debug)]
pub(super) struct TlsKind {
    pub(super) version: &'static str,
    pub(super) cipher: &'static str,
    pub(super) count: AtomicU64,
}

/// What is the same for every tally of one request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Count {
    pub(super) key: RequestKey,
    pub(super) place: Place,
    /// Bounds of the histogram.
    pub(super) bounds: usize,
}

impl Tally {
    pub(super) fn add(&self, count: Count, record: &Record<'_>) {
        let kind = self.kind(count);
        kind.durations.add(count.place);
        add(&kind.request_bytes, record.request_bytes);
        add(&kind.response_bytes, record.response_bytes);
        if let Some(leg) = record.client_leg {
            self.tls(leg);
        }
    }

    pub(super) fn retried(&self, times: u32) {
        if times > 0 {
            add(&self.retries, u64::from(times));
        }
    }

    fn kind(&self, count: Count) -> &Kind {
        if let Some(kind) = find(&self.first, count) {
            return kind;
        }
        let more = self.more.get_or_init(Box::default);
        if let Some(kind) = find(&more.kinds, count) {
            return kind;
        }
        let class = count.key.class();
        let [none, ..] = &more.classes;
        more.classes
            .get(usize::from(class.code))
            .unwrap_or(none)
            .get_or_init(|| Kind::new(class, count.bounds))
    }

    fn tls(&self, leg: &ClientLeg) {
        let table = self
            .tls
            .get_or_init(|| Box::new(std::array::from_fn(|_| OnceLock::new())));
        // Versions and suites are ours to choose from: the table has room for all.
        let kind = table.iter().find_map(|place| {
            let kind = place.get_or_init(|| TlsKind {
                version: leg.version,
                cipher: leg.cipher,
                count: AtomicU64::new(0),
            });
            (kind.cipher == leg.cipher && kind.version == leg.version).then_some(kind)
        });
        if let Some(kind) = kind {
            add(&kind.count, 1);
        }
    }

    /// The kinds seen so far.
    pub(super) fn kinds(&self) -> impl Iterator<Item = &Kind> {
        let more = self.more.get().into_iter();
        let more = more.flat_map(|more| more.kinds.iter().chain(&more.classes));
        self.first
            .iter()
            .chain(more)
            .filter_map(|place| place.get().map(Box::as_ref))
    }

    pub(super) fn tls_kinds(&self) -> impl Iterator<Item = &TlsKind> {
        let table = self.tls.get().into_iter();
        table.flat_map(|table| table.iter()).filter_map(OnceLock::get)
    }

    pub(super) fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }
}

/// The kind's place; a free one becomes its own. `None`: all are taken.
fn find(places: &[OnceLock<Box<Kind>>], count: Count) -> Option<&Kind> {
    places.iter().find_map(|place| {
        let kind = place.get_or_init(|| Kind::new(count.key, count.bounds));
        (kind.key == count.key).then_some(&**kind)
    })
}

impl Kind {
    fn new(key: RequestKey, bounds: usize) -> Box<Self> {
        Box::new(Self {
            key,
            durations: Buckets::new(bounds),
            request_bytes: AtomicU64::new(0),
            response_bytes: AtomicU64::new(0),
        })
    }
}

impl Default for More {
    fn default() -> Self {
        Self {
            kinds: std::array::from_fn(|_| OnceLock::new()),
            classes: Default::default(),
        }
    }
}

const FIRST: usize = 4;
const MORE: usize = 252;
const TLS_KINDS: usize = 24;
