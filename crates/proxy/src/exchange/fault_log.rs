//! One line per kind of fault, not one per request.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use viaduct_snapshot::{Router, Service, Slot, Transport};
use viaduct_tls::{Fault, Reason};

use crate::balance::Endpoint;
use crate::wire::Connection;

/// Remembers which faults were told lately: the first of a kind at once, then one line per ten seconds
/// with the number of those not told. A change of configuration that reaches the service (its servers, its
/// transport) makes it another service: whoever mends a fault and errs again is told again.
#[derive(Default)]
pub(crate) struct FaultLog {
    told: RefCell<HashMap<Kind, Muted>>,
    witness: Option<Arc<dyn FaultWitness>>,
}

/// A fault of the backend leg that the log tells of.
pub struct ToldFault<'a> {
    pub fault: &'a Fault,
    /// `None`: the request belonged to no router.
    pub router: Option<&'a Router>,
    pub transport: &'a Transport,
    /// The service's name and the server's URL.
    pub service: &'a str,
    pub server: &'a str,
    /// What mends it.
    pub hint: Option<&'a str>,
}

/// Told of each fault of the backend leg that the log tells of, by the workers: it must not wait.
pub trait FaultWitness: Send + Sync {
    fn witness(&self, told: &ToldFault<'_>);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Kind {
    router: Option<Slot>,
    what: What,
    /// The address of the service (none for strays), which is no other's while [`Muted::service`] is there.
    service: usize,
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
    #[expect(dead_code, reason = "held, so that no other service has its address")]
    service: Weak<Service>,
    since: Instant,
    count: u64,
}

impl FaultLog {
    pub(crate) fn with(witness: Option<Arc<dyn FaultWitness>>) -> Self {
        Self {
            witness,
            ..Self::default()
        }
    }

    pub(super) fn tell(&self, fault: &Fault, router: Option<&Router>, endpoint: &Endpoint<'_>) {
        let slot = router.map(|router| router.slot);
        let service = Arc::downgrade(endpoint.service);
        let Some(muted) = self.admit(slot, What::Fault(fault.reason), service, Instant::now()) else {
            return;
        };
        let transport = &endpoint.balancer.transport;
        let hint = super::hint(fault, transport, router);
        if let Some(witness) = &self.witness {
            witness.witness(&ToldFault {
                fault,
                router,
                transport,
                service: &endpoint.service.name,
                server: &endpoint.server.url,
                hint: hint.as_deref(),
            });
        }
        tracing::error!(
            router = router.map(|router| &*router.name),
            service = &*endpoint.service.name,
            server = &*endpoint.server.url,
            transport = &*transport.name,
            reason = fault.reason.code(),
            wanted = fault.wanted,
            got = fault.got,
            hint,
            suppressed = (muted > 0).then_some(muted),
            "backend leg failed"
        );
    }

    /// `router`: the one that the request would have found.
    pub(crate) fn tell_stray(&self, stray: Stray, router: &Router, connection: &Connection) {
        let told = self.admit(Some(router.slot), What::Stray(stray), Weak::new(), Instant::now());
        let Some(muted) = told else {
            return;
        };
        let (entry_point, router) = (connection.entry_point_name(), &*router.name);
        match stray {
            Stray::PlainForTls => tracing::warn!(
                entry_point,
                router,
                client = %connection.client,
                hint = "let the client use `https://`, or give its requests a router without `tls`",
                suppressed = (muted > 0).then_some(muted),
                "a client sent plain HTTP to a router with TLS: answered with 404"
            ),
            Stray::TlsForPlain => tracing::warn!(
                entry_point,
                router,
                client = %connection.client,
                hint = "add `tls: {}` to the router, or let the client use `http://`",
                suppressed = (muted > 0).then_some(muted),
                "a client used TLS for a router without: answered with 404"
            ),
        }
    }

    /// Whether this one is told; with the number of those that were not since the last.
    fn admit(&self, router: Option<Slot>, what: What, service: Weak<Service>, now: Instant) -> Option<u64> {
        let kind = Kind {
            router,
            what,
            service: service.as_ptr().addr(),
        };
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
        let muted = Muted {
            service,
            since: now,
            count: 0,
        };
        told.insert(kind, muted);
        Some(0)
    }
}

const QUIET: Duration = Duration::from_secs(10);
/// Kinds remembered at once, per worker; more than that within ten seconds are not told.
const KINDS: usize = 4096;

#[cfg(test)]
mod tests {
    use viaduct_snapshot::ServiceKind;

    use super::*;

    fn service() -> Arc<Service> {
        Arc::new(Service {
            name: "app@file".into(),
            kind: ServiceKind::Weighted(Vec::new()),
            weakest: None,
            slot: Slot(0),
            balances: None,
        })
    }

    #[test]
    fn c2_first_at_once_then_every_ten_seconds_with_the_count() {
        let log = FaultLog::default();
        let service = service();
        let start = Instant::now();
        let admit = |reason, seconds| {
            let now = start + Duration::from_secs(seconds);
            log.admit(Some(Slot(1)), What::Fault(reason), Arc::downgrade(&service), now)
        };
        assert_eq!(admit(Reason::UnknownCa, 0), Some(0));
        assert_eq!(admit(Reason::UnknownCa, 1), None);
        assert_eq!(admit(Reason::UnknownCa, 9), None);
        assert_eq!(admit(Reason::UnknownCa, 10), Some(2));
        assert_eq!(admit(Reason::Expired, 0), Some(0));
    }

    #[test]
    fn c2_the_same_fault_under_another_configuration_is_told_at_once() {
        let log = FaultLog::default();
        let now = Instant::now();
        for _edit in 0..100 {
            // Each edit makes a service of its own and lets go of the one before.
            let service = service();
            let admit = || {
                log.admit(
                    Some(Slot(1)),
                    What::Fault(Reason::NameMismatch),
                    Arc::downgrade(&service),
                    now,
                )
            };
            assert_eq!(admit(), Some(0));
            assert_eq!(admit(), None);
        }
    }

    #[test]
    fn i5_the_memory_of_faults_is_bounded() {
        let log = FaultLog::default();
        let service = service();
        let start = Instant::now();
        for slot in 0..KINDS + 10 {
            let router = Some(Slot(u32::try_from(slot).unwrap()));
            let told = log.admit(router, What::Fault(Reason::Dns), Arc::downgrade(&service), start);
            assert_eq!(told, (slot < KINDS).then_some(0));
        }
        assert_eq!(log.told.borrow().len(), KINDS);
    }
}
