//! What pre-flight says aloud: each cause when it appears and when it is gone, whatever the number of servers.

use std::collections::{BTreeMap, HashSet};

use viaduct_kubernetes::events::{Events, Notice};
use viaduct_tls::Reason;

use super::report::{Checked, Report};

pub(super) struct Teller {
    told: HashSet<String>,
    events: Option<Events>,
}

/// One cause, and whom it concerns.
struct Cause<'r> {
    first: &'r Checked,
    servers: Vec<&'r str>,
    what: What<'r>,
}

#[derive(Clone, Copy)]
enum What<'r> {
    Fault(&'r viaduct_tls::Fault),
    Drift(&'r super::drift::Drift),
    /// Only a CA that has been replaced vouches for it.
    ReplacedCa,
}

impl Teller {
    pub(super) fn new(events: Option<Events>) -> Self {
        Self {
            told: HashSet::new(),
            events,
        }
    }

    /// Says what is new in `report`, in few lines.
    pub(super) fn tell(&mut self, report: &Report) {
        let causes = causes(report);
        let mut lines = 0;
        for (key, cause) in &causes {
            if self.told.contains(key) {
                continue;
            }
            lines += 1;
            if lines <= MOST_LINES {
                cause.log();
                if let (Some(events), Some(notice)) = (&self.events, cause.notice()) {
                    events.tell(notice);
                }
            }
        }
        if lines > MOST_LINES {
            let more = lines - MOST_LINES;
            tracing::warn!(
                more,
                "pre-flight: more causes are in the API, /api/viaduct/preflight"
            );
        }
        let gone = self.told.iter().filter(|key| !causes.contains_key(*key)).count();
        if gone > 0 {
            tracing::info!(gone, remaining = causes.len(), "pre-flight: causes are gone");
        }
        self.told = causes.into_keys().collect();
    }
}

/// By what makes them distinct.
fn causes(report: &Report) -> BTreeMap<String, Cause<'_>> {
    let mut causes = BTreeMap::new();
    for checked in &report.checked {
        let endpoint = &checked.endpoint;
        let place = format!("{} {}", endpoint.service, endpoint.transport.name);
        let mut add = |key: String, what| {
            let cause = causes.entry(key).or_insert_with(|| Cause {
                first: checked,
                servers: Vec::new(),
                what,
            });
            cause.servers.push(&*endpoint.server.url);
        };
        if let Some(fault) = checked.fault() {
            add(format!("{place} {}", fault.reason), What::Fault(fault));
        }
        if checked.needs_replaced_ca() {
            add(format!("{place} replaced_ca"), What::ReplacedCa);
        }
        for drift in &checked.drift {
            add(format!("{place} {}", drift.kind), What::Drift(drift));
        }
    }
    causes
}

impl Cause<'_> {
    fn log(&self) {
        let endpoint = &self.first.endpoint;
        let (service, transport) = (&*endpoint.service, &*endpoint.transport.name);
        let servers = self.servers();
        match self.what {
            // What `backend leg failed` will say once a request comes; as loud.
            What::Fault(fault) => tracing::error!(
                service,
                servers,
                transport,
                reason = fault.reason.code(),
                wanted = fault.wanted,
                got = fault.got,
                hint = self.first.hint(),
                "pre-flight: requests to a server would fail"
            ),
            // As loud: it will be a fault when the overlap ends.
            What::ReplacedCa => tracing::error!(
                service,
                servers,
                transport,
                reason = Reason::UnknownCa.code(),
                hint = REPLACED_CA,
                "pre-flight: requests to a server would fail but for the CA that was replaced, which is trusted for a while \
                 only"
            ),
            What::Drift(drift) => tracing::warn!(
                service,
                servers,
                transport,
                drift = drift.kind.code(),
                detail = drift.detail,
                "pre-flight: {}",
                drift.kind.meaning()
            ),
        }
    }

    fn servers(&self) -> String {
        let shown = self.servers.get(..MOST_SERVERS).unwrap_or(&self.servers);
        let shown = shown.join(", ");
        match self.servers.len().checked_sub(MOST_SERVERS) {
            None | Some(0) => shown,
            Some(more) => format!("{shown} and {more} more"),
        }
    }

    /// On the servers transport, or on the route that has none.
    fn notice(&self) -> Option<Notice> {
        let endpoint = &self.first.endpoint;
        let object = endpoint.transport.origin.clone();
        let object = object.or_else(|| endpoint.router.origin.clone())?;
        let place = format!("of service {}: {}", endpoint.service, self.servers());
        let (reason, mut message) = match self.what {
            What::Fault(fault) => (
                "PreflightFault",
                format!(
                    "{}: requests to servers {place} would fail; wanted: {}; got: {}",
                    fault.reason, fault.wanted, fault.got
                ),
            ),
            What::ReplacedCa => (
                "PreflightFault",
                format!(
                    "unknown_ca: requests to servers {place} will fail once the CA that was replaced is no longer trusted; \
                     fix: {REPLACED_CA}"
                ),
            ),
            What::Drift(drift) => (
                "PreflightDrift",
                format!("{}, {place}; {}", drift.kind.meaning(), drift.detail),
            ),
        };
        if let (What::Fault(_), Some(hint)) = (self.what, self.first.hint()) {
            message = format!("{message}; fix: {hint}");
        }
        Some(Notice::new(object, reason, message))
    }
}

/// Of one round.
const MOST_LINES: usize = 16;
/// What to do about servers that the CA in force does not vouch for.
const REPLACED_CA: &str = "give these servers certificates of the new CA, or put the CA from before back; `/api/rotations` says until when";
const MOST_SERVERS: usize = 8;
