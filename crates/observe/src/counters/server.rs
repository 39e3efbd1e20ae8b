//! Requests to servers, as OpenTelemetry's conventions tell of them (`http.client.request.duration`, A11.9).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use super::histogram::{Buckets, Place};
use super::key::{HttpVersion, Method};
use super::metering::Metering;

/// Whom requests are sent to. Services with the same server share its counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerAddress {
    /// DNS name or address, without brackets.
    pub host: Arc<str>,
    pub port: u16,
    /// Over TLS.
    pub secure: bool,
}

/// How a request to a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// With the head of an answer.
    Answer { status: u16, version: HttpVersion },
    /// Without one: the code of the reason.
    Failure(&'static str),
    /// One of those that had no room of their own.
    Other,
}

/// What is told apart of the requests to one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServerKey {
    pub method: Method,
    pub outcome: Outcome,
}

/// One worker's counts of one server; only that worker adds to them.
#[derive(Debug)]
pub struct ServerTally {
    bounds: Arc<[u64]>,
    /// Most servers see no more kinds than these.
    first: [OnceLock<Box<ServerKind>>; FIRST],
    more: OnceLock<Box<[OnceLock<Box<ServerKind>>; MORE]>>,
    rest: OnceLock<Box<ServerKind>>,
}

#[derive(Debug)]
pub(super) struct ServerKind {
    pub(super) key: ServerKey,
    pub(super) durations: Buckets,
}

impl ServerTally {
    fn new(metering: &Metering) -> Self {
        Self {
            bounds: Arc::clone(metering.bounds()),
            first: Default::default(),
            more: OnceLock::new(),
            rest: OnceLock::new(),
        }
    }

    /// A request to this server has been answered, or has failed.
    pub fn count(&self, method: &http::Method, outcome: Outcome, took: Duration) {
        let key = ServerKey {
            method: Method::of(method.as_str()),
            outcome,
        };
        let kind = self.kind(key);
        kind.durations.add(Place::of(took, &self.bounds));
    }

    fn kind(&self, key: ServerKey) -> &ServerKind {
        if let Some(kind) = self.find(&self.first, key) {
            return kind;
        }
        let more = self
            .more
            .get_or_init(|| Box::new(std::array::from_fn(|_| OnceLock::new())));
        if let Some(kind) = self.find(&**more, key) {
            return kind;
        }
        self.rest.get_or_init(|| {
            self.fresh(ServerKey {
                method: Method::Extension,
                outcome: Outcome::Other,
            })
        })
    }

    /// The kind's place; a free one becomes its own. `None`: all are taken.
    fn find<'a>(&self, places: &'a [OnceLock<Box<ServerKind>>], key: ServerKey) -> Option<&'a ServerKind> {
        places.iter().find_map(|place| {
            let kind = place.get_or_init(|| self.fresh(key));
            (kind.key == key).then_some(&**kind)
        })
    }

    fn fresh(&self, key: ServerKey) -> Box<ServerKind> {
        Box::new(ServerKind {
            key,
            durations: Buckets::new(self.bounds.len()),
        })
    }

    /// The kinds seen so far.
    pub(super) fn kinds(&self) -> impl Iterator<Item = &ServerKind> {
        let more = self.more.get().into_iter().flat_map(|more| more.iter());
        self.first
            .iter()
            .chain(more)
            .chain([&self.rest])
            .filter_map(|place| place.get().map(Box::as_ref))
    }
}

/// One worker's servers. The lock is taken when a worker meets a service of a new configuration, and by readers of
/// the metrics for as long as it takes to copy the list.
#[derive(Debug, Default)]
pub(super) struct ServerTallies(Mutex<HashMap<ServerAddress, Arc<ServerTally>>>);

impl ServerTallies {
    pub(super) fn get(&self, address: &ServerAddress, metering: &Metering) -> Option<Arc<ServerTally>> {
        let mut known = self.0.lock().ok()?;
        if let Some(tally) = known.get(address) {
            return Some(Arc::clone(tally));
        }
        let fresh = (known.len() < MOST).then(|| Arc::new(ServerTally::new(metering)))?;
        known.insert(address.clone(), Arc::clone(&fresh));
        Some(fresh)
    }

    pub(super) fn all(&self) -> Vec<(ServerAddress, Arc<ServerTally>)> {
        self.0.lock().map_or_else(
            |_| Vec::new(),
            |known| {
                let known = known.iter();
                known
                    .map(|(address, tally)| (address.clone(), Arc::clone(tally)))
                    .collect()
            },
        )
    }

    /// A worker may be ahead of whoever asks: what it holds stays.
    pub(super) fn retain(&self, is_configured: impl Fn(&ServerAddress) -> bool) {
        if let Ok(mut known) = self.0.lock() {
            known.retain(|address, tally| is_configured(address) || Arc::strong_count(tally) > 1);
        }
    }
}

const FIRST: usize = 4;
/// Kinds of one server, beside the first: methods, statuses and reasons are closed sets, but a server may answer
/// with any status.
const MORE: usize = 60;
/// Servers.
const MOST: usize = 65_536;
