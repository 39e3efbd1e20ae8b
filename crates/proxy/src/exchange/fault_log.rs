//! One line per cause of a fault, not one per request.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime};

use viaduct_snapshot::{Router, Service, Slot, Snapshot, Transport};
use viaduct_tls::{Fault, Reason};

use super::open_faults::{OpenFaults, Success};
use crate::balance::Endpoint;
use crate::wire::Connection;

/// Remembers which faults were told lately: the first of a cause (router, service, server, reason) at once, then one
/// line per ten seconds with the number of those not told. A change of configuration that reaches the service (its servers, its
/// transport) makes it another service: whoever mends a fault and errs again is told again.
#[derive(Default)]
pub(crate) struct FaultLog {
    told: RefCell<HashMap<Kind, Muted>>,
    witness: Option<Arc<dyn FaultWitness>>,
    open: Arc<OpenFaults>,
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
    /// What mends it, in a line.
    pub hint: Option<&'a str>,
    /// The same as YAML.
    pub suggestion: Option<&'a str>,
    /// Counts on, also what the log does not tell. One per worker and cause.
    pub tally: &'a Arc<FaultTally>,
}

/// How often one worker has met a fault, and when. The worker counts; anybody may look.
#[derive(Debug)]
pub struct FaultTally {
    first: SystemTime,
    count: AtomicU64,
    /// Milliseconds after `first`.
    last: AtomicU64,
    /// Milliseconds after `first`, and one more: of the first success since `last`; 0: there was none.
    over: AtomicU64,
    /// Nobody looks for its end.
    forgotten: AtomicBool,
}

impl FaultTally {
    /// None so far.
    pub(super) fn new() -> Self {
        Self {
            first: SystemTime::now(),
            count: AtomicU64::new(0),
            last: AtomicU64::new(0),
            over: AtomicU64::new(0),
            forgotten: AtomicBool::new(false),
        }
    }

    /// Whether it was thought to be over, is new, or was forgotten.
    pub(super) fn add(&self) -> bool {
        self.last.fetch_max(self.since(), Ordering::Relaxed);
        let was_over = self.over.swap(0, Ordering::Relaxed) != 0;
        let before = self.count.fetch_add(1, Ordering::Relaxed);
        let forgotten =
            self.forgotten.load(Ordering::Relaxed) && self.forgotten.swap(false, Ordering::Relaxed);
        was_over || before == 0 || forgotten
    }

    /// A request went well where this one did not.
    pub(super) fn end(&self) {
        let since = self.since().max(self.last.load(Ordering::Relaxed));
        self.over.store(since.saturating_add(1), Ordering::Relaxed);
    }

    /// There is no room to look for its end, unless it is met again.
    pub(super) fn forget(&self) {
        self.forgotten.store(true, Ordering::Relaxed);
    }

    /// A clock that was set back says nothing new.
    fn since(&self) -> u64 {
        let since = self.first.elapsed().unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    pub fn first(&self) -> SystemTime {
        self.first
    }

    pub fn last(&self) -> SystemTime {
        self.first + Duration::from_millis(self.last.load(Ordering::Relaxed))
    }

    /// The first success at the server since the last fault, whichever worker had it; `None`: there was none.
    pub fn over(&self) -> Option<SystemTime> {
        let after = self.over.load(Ordering::Relaxed).checked_sub(1)?;
        Some(self.first + Duration::from_millis(after))
    }
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
    /// The server's position in the service.
    server: usize,
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
    tally: Arc<FaultTally>,
}

/// A fault that is told.
struct Admitted {
    /// Those that were not told since the last one.
    suppressed: u64,
    tally: Arc<FaultTally>,
}

impl FaultLog {
    /// `open`: shared by all workers.
    pub(crate) fn with(witness: Option<Arc<dyn FaultWitness>>, open: Arc<OpenFaults>) -> Self {
        Self {
            witness,
            open,
            ..Self::default()
        }
    }

    /// A server has answered: what failed there is over. Nobody asks where nobody is told.
    pub(super) fn succeeded(&self, endpoint: &Endpoint<'_>, success: Success) {
        if self.witness.is_some() {
            let (service, server) = (&endpoint.service.name, &endpoint.server.url);
            self.open.succeeded(service, server, success);
        }
    }

    /// What fails may not be there any more.
    pub(crate) fn follow(&self, snapshot: &Arc<Snapshot>) {
        if self.witness.is_some() {
            self.open.follow(snapshot);
        }
    }

    /// `hint`: what mends it; made only where it is told.
    pub(super) fn tell(
        &self,
        fault: &Fault,
        router: Option<&Router>,
        endpoint: &Endpoint<'_>,
        hint: impl FnOnce() -> Option<String>,
    ) {
        let slot = router.map(|router| router.slot);
        let service = Arc::downgrade(endpoint.service);
        let what = What::Fault(fault.reason);
        let (told, begun) = self.admit(slot, what, service, endpoint.index, Instant::now());
        if let (Some(tally), Some(_)) = (begun, &self.witness) {
            let (service, server) = (&endpoint.service.name, &endpoint.server.url);
            self.open.begin(service, server, fault.reason, &tally);
        }
        let Some(told) = told else { return };
        let transport = &endpoint.balancer.transport;
        let hint = hint();
        if let Some(witness) = &self.witness {
            let suggestion =
                router.and_then(|router| viaduct_snapshot::explain::suggestion(fault, transport, router));
            witness.witness(&ToldFault {
                fault,
                router,
                transport,
                service: &endpoint.service.name,
                server: &endpoint.server.url,
                hint: hint.as_deref(),
                suggestion: suggestion.as_deref(),
                tally: &told.tally,
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
            suppressed = (told.suppressed > 0).then_some(told.suppressed),
            "backend leg failed"
        );
    }

    /// `router`: the one that the request would have found.
    pub(crate) fn tell_stray(&self, stray: Stray, router: &Router, connection: &Connection) {
        let what = What::Stray(stray);
        let (Some(told), _) = self.admit(Some(router.slot), what, Weak::new(), 0, Instant::now()) else {
            return;
        };
        let muted = told.suppressed;
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

    /// Counts it; says whether it is told, and of a fault that begins (or does so again, as it was over) the tally.
    fn admit(
        &self,
        router: Option<Slot>,
        what: What,
        service: Weak<Service>,
        server: usize,
        now: Instant,
    ) -> (Option<Admitted>, Option<Arc<FaultTally>>) {
        let kind = Kind {
            router,
            what,
            service: service.as_ptr().addr(),
            server,
        };
        let mut told = self.told.borrow_mut();
        if let Some(muted) = told.get_mut(&kind) {
            let begun = muted.tally.add().then(|| Arc::clone(&muted.tally));
            if now.duration_since(muted.since) < QUIET {
                muted.count += 1;
                return (None, begun);
            }
            muted.since = now;
            let told = Admitted {
                suppressed: std::mem::take(&mut muted.count),
                tally: Arc::clone(&muted.tally),
            };
            return (Some(told), begun);
        }
        if told.len() >= KINDS {
            told.retain(|_, muted| now.duration_since(muted.since) < QUIET);
        }
        if told.len() >= KINDS {
            return (None, None);
        }
        let tally = Arc::new(FaultTally::new());
        tally.add();
        let muted = Muted {
            service,
            since: now,
            count: 0,
            tally: Arc::clone(&tally),
        };
        told.insert(kind, muted);
        let begun = Some(Arc::clone(&tally));
        (Some(Admitted { suppressed: 0, tally }), begun)
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
            let service = Arc::downgrade(&service);
            let (told, _) = log.admit(Some(Slot(1)), What::Fault(reason), service, 0, now);
            let told = told?;
            Some((told.suppressed, told.tally.count()))
        };
        assert_eq!(admit(Reason::UnknownCa, 0), Some((0, 1)));
        assert_eq!(admit(Reason::UnknownCa, 1), None);
        assert_eq!(admit(Reason::UnknownCa, 9), None);
        assert_eq!(admit(Reason::UnknownCa, 10), Some((2, 4)), "all are counted");
        assert_eq!(admit(Reason::Expired, 0), Some((0, 1)));
    }

    #[test]
    fn c2_each_server_is_a_cause_of_its_own() {
        let log = FaultLog::default();
        let service = service();
        let admit = |server| {
            let what = What::Fault(Reason::Expired);
            log.admit(
                Some(Slot(1)),
                what,
                Arc::downgrade(&service),
                server,
                Instant::now(),
            )
            .0
            .is_some()
        };
        assert_eq!(
            [admit(0), admit(1), admit(0), admit(1)],
            [true, true, false, false]
        );
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
                    0,
                    now,
                )
                .0
                .is_some()
            };
            assert!(admit());
            assert!(!admit());
        }
    }

    #[test]
    fn i5_the_memory_of_faults_is_bounded() {
        let log = FaultLog::default();
        let service = service();
        let start = Instant::now();
        for slot in 0..KINDS + 10 {
            let router = Some(Slot(u32::try_from(slot).unwrap()));
            let what = What::Fault(Reason::Dns);
            let told = log.admit(router, what, Arc::downgrade(&service), 0, start);
            assert_eq!(told.0.is_some(), slot < KINDS);
        }
        assert_eq!(log.told.borrow().len(), KINDS);
    }
}
