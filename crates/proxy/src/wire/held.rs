//! How much the requests of one HTTP/2 connection make us hold together (C25): each alone may be within its
//! limit.

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
        (request.version() == Version::HTTP_2).then(|| {
            let bytes = weight(request.headers());
            let held = &connection.headers_held;
            held.set(held.get() + bytes);
            Self {
                connection: Rc::clone(connection),
                bytes,
            }
        })
    }
}

impl Drop for HeldHeaders {
    fn drop(&mut self) {
        let held = &self.connection.headers_held;
        held.set(held.get().saturating_sub(self.bytes));
    }
}

impl Connection {
    /// Whether its requests, the newest included, hold more than one client may make us hold.
    pub(crate) fn holds_too_much(&self) -> bool {
        self.headers_held.get() > MOST_HELD
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
