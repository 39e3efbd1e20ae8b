//! How much the requests of one connection of HTTP/2 or HTTP/3 make us hold together (C25): each alone may be within its
//! limit. And how much those of all connections do: each connection alone may be within its own.

use std::rc::Rc;

use http::{HeaderMap, Request, Version};

use super::Connection;

/// A request's headers, counted for as long as its exchange lasts.
pub(crate) struct HeldHeaders {
    connection: Rc<Connection>,
    bytes: usize,
}

impl HeldHeaders {
    /// `None` for HTTP/1, which has one request at a time.
    pub(crate) fn of<B>(connection: &Rc<Connection>, request: &Request<B>) -> Option<Self> {
        (request.version() >= Version::HTTP_2).then(|| {
            let mut held = Self::none(connection);
            held.set(weight(request.headers()));
            held
        })
    }

    /// Nothing so far.
    pub(super) fn none(connection: &Rc<Connection>) -> Self {
        Self {
            connection: Rc::clone(connection),
            bytes: 0,
        }
    }

    pub(super) fn set(&mut self, bytes: usize) {
        for held in [
            &self.connection.headers_held,
            &self.connection.worker.headers_held,
        ] {
            held.set(held.get().saturating_sub(self.bytes) + bytes);
        }
        self.bytes = bytes;
    }

    /// See [`Connection::holds_too_much`]; who holds nothing is not to blame.
    pub(super) fn is_too_much(&self) -> bool {
        self.bytes > 0 && self.connection.holds_too_much()
    }
}

impl Drop for HeldHeaders {
    fn drop(&mut self) {
        self.set(0);
    }
}

impl Connection {
    /// Whether its requests, the newest included, hold more than one client may make us hold; or those of all
    /// clients together more than a worker's share.
    pub(crate) fn holds_too_much(&self) -> bool {
        let share = MOST_HELD_BY_ALL / self.worker.config.workers.max(1);
        self.headers_held.get() > MOST_HELD || self.worker.headers_held.get() > share.max(MOST_HELD)
    }
}

fn weight(headers: &HeaderMap) -> usize {
    let values: usize = headers.values().map(http::HeaderValue::len).sum();
    values + headers.len() * PER_FIELD
}

/// What a field costs beside its value.
const PER_FIELD: usize = 104;
/// Per connection: 250 streams with 16 KiB each.
const MOST_HELD: usize = 4 << 20;
/// Per process; workers share nothing, so each has its part of it.
const MOST_HELD_BY_ALL: usize = 64 << 20;
