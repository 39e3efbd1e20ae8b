//! One line per kind of fault, not one per request.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use viaduct_snapshot::{Router, Slot};
use viaduct_tls::{Fault, Reason};

use crate::balance::Endpoint;
use crate::wire::Connection;

/// Remembers which faults were told lately: the first of a kind at once, then one line per ten seconds
/// with the number of those not told.
#[derive(Default)]
pub(crate) struct FaultLog {
    told: RefCell<HashMap<Kind, Muted>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Kind {
    router: Option<Slot>,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum What {
    Fault(Reason),
    Stray(Stray),
}

/// A request that its client sent over the wrong protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Stray {
    /// In plain text, where the router has TLS.
    PlainForTls,
    /// Over TLS, where the router has none.
    TlsForPlain,
}

struct Muted {
    since: Instant,
    count: u64,
}

impl FaultLog {
    pub(super) fn tell(&self, fault: &Fault, router: Option<&Router>, endpoint: &Endpoint<'_>) {
        let kind = Kind {
            router: router.map(|router| router.slot),
            what: What::Fault(fault.reason),
        };
        let Some(muted) = self.admit(kind, Instant::now()) else {
            return;
        };
        let transport = &endpoint.balancer.transport;
        tracing::error!(
            router = router.map(|router| &*router.name),
            service = &*endpoint.service.name,
            server = &*endpoint.server.url,
            transport = &*transport.name,
            reason = fault.reason.code(),
            wanted = fault.wanted,
            got = fault.got,
            hint = super::hint(fault, transport, router),
            suppressed = muted,
            "backend leg failed"
        );
    }

    /// `router`: the one that the request would have found.
    pub(crate) fn tell_stray(&self, stray: Stray, router: &Router, connection: &Connection) {
        let kind = Kind {
            router: Some(router.slot),
            what: What::Stray(stray),
        };
        let Some(muted) = self.admit(kind, Instant::now()) else {
            return;
        };
        let (entry_point, router) = (connection.entry_point_name(), &*router.name);
        match stray {
            Stray::PlainForTls => tracing::warn!(
                entry_point,
                router,
                client = %connection.client,
                hint = "let the client use `https://`, or give its requests a router without `tls`",
                suppressed = muted,
                "a client sent plain HTTP to a router with TLS: answered with 404"
            ),
            Stray::TlsForPlain => tracing::warn!(
                entry_point,
                router,
                client = %connection.client,
                hint = "add `tls: {}` to the router, or let the client use `http://`",
                suppressed = muted,
                "a client used TLS for a router without: answered with 404"
            ),
        }
    }

    /// Whether this one is told; with the number of those that were not since the last.
    fn admit(&self, kind: Kind, now: Instant) -> Option<u64> {
        let mut told = self.told.borrow_mut();
        if let Some(muted) = told.get_mut(&kind) {
            if now.duration_since(muted.since) < QUIET {
                muted.count += 1;
                return None;
            }
            muted.since = now;
            return Some(std::mem::take(&mut muted.count));
        }
        if told.len() >= KINDS {
            told.retain(|_, muted| now.duration_since(muted.since) < QUIET);
        }
        if told.len() >= KINDS {
            return None;
        }
        told.insert(kind, Muted { since: now, count: 0 });
        Some(0)
    }
}

const QUIET: Duration = Duration::from_secs(10);
/// Kinds remembered at once, per worker; more than that within ten seconds are not told.
const KINDS: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c2_first_at_once_then_every_ten_seconds_with_the_count() {
        let log = FaultLog::default();
        let kind = Kind {
            router: Some(Slot(1)),
            what: What::Fault(Reason::UnknownCa),
        };
        let start = Instant::now();
        assert_eq!(log.admit(kind, start), Some(0));
        assert_eq!(log.admit(kind, start + Duration::from_secs(1)), None);
        assert_eq!(log.admit(kind, start + Duration::from_secs(9)), None);
        assert_eq!(log.admit(kind, start + Duration::from_secs(10)), Some(2));
        let other = Kind {
            what: What::Fault(Reason::Expired),
            ..kind
        };
        assert_eq!(log.admit(other, start), Some(0));
    }

    #[test]
    fn i5_the_memory_of_faults_is_bounded() {
        let log = FaultLog::default();
        let start = Instant::now();
        for slot in 0..KINDS + 10 {
            let kind = Kind {
                router: Some(Slot(u32::try_from(slot).unwrap())),
                what: What::Fault(Reason::Dns),
            };
            assert_eq!(log.admit(kind, start), (slot < KINDS).then_some(0));
        }
        assert_eq!(log.told.borrow().len(), KINDS);
    }
}
