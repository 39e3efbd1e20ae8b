//! `inFlightReq`: how many requests of one source are served at once.
//!
//! The one middleware so far whose state is of the whole process: a limit means the process, not each worker.
//! Only routers that have it touch the table.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::header::HOST;
use viaduct_snapshot::Middleware;
use viaduct_snapshot::middleware::{InFlightReq, SourceCriterion};

use crate::answer::ProxyError;
use crate::request::Request;

use super::{Way, source};

/// Requests in flight, by router, middleware and source. Shared by all workers; survives configurations.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    counts: Mutex<HashMap<Key, u64, foldhash::quality::RandomState>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    router: Arc<str>,
    middleware: Arc<str>,
    source: Box<str>,
}

/// One request in flight, until dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    table: Arc<InFlight>,
    key: Key,
}

/// Takes a place, or refuses: 429.
pub(super) fn enter(
    limit: &InFlightReq,
    middleware: &Middleware,
    way: Way<'_>,
    request: &Request,
) -> Result<Permit, ProxyError> {
    let key = Key {
        router: Arc::clone(&way.router.name),
        middleware: Arc::clone(&middleware.name),
        source: source_of(&limit.criterion, way, request).into(),
    };
    let table = &way.connection.worker.in_flight;
    table
        .enter(key, limit.amount)
        .ok_or(ProxyError::TooManyInFlight { amount: limit.amount })
}

impl InFlight {
    fn enter(self: &Arc<Self>, key: Key, amount: u64) -> Option<Permit> {
        if amount == 0 {
            return None;
        }
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        match counts.get_mut(&key) {
            Some(count) if *count >= amount => return None,
            Some(count) => *count += 1,
            None => {
                counts.insert(key.clone(), 1);
            }
        }
        drop(counts);
        Some(Permit {
            table: Arc::clone(self),
            key,
        })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut counts = self.table.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.key) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.key);
            }
        }
    }
}

fn source_of(criterion: &SourceCriterion, way: Way<'_>, request: &Request) -> String {
    let text = |name| {
        let value = request.parts.headers.get(name);
        value.map_or_else(String::new, |value| {
            String::from_utf8_lossy(value.as_bytes()).into_owned()
        })
    };
    match criterion {
        SourceCriterion::Address(choice) => {
            source::address(choice, way.connection, request).map_or_else(String::new, |ip| ip.to_string())
        }
        SourceCriterion::Header(name) => text(name),
        SourceCriterion::Host => text(&HOST),
    }
}
