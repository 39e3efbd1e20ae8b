//! What pre-flight knows of every server.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use viaduct_proxy::probe::Seen;
use viaduct_snapshot::{PoolId, explain};
use viaduct_tls::backend_leg::ClientAuthRecord;
use viaduct_tls::{CertificateFacts, Fault};

use super::drift::{Drift, drifts};
use super::endpoints::Endpoint;

/// One state of knowledge; never changed.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// In the order of routers' names.
    pub(crate) checked: Vec<Checked>,
}

/// A server, and what is known of it.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) endpoint: Endpoint,
    /// `None`: it has not been tried yet.
    pub(crate) outcome: Option<Arc<Outcome>>,
    pub(crate) drift: Vec<Drift>,
}

/// What a handshake came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) at: SystemTime,
    pub(crate) took: Duration,
    /// `None`: a request would have got a connection.
    pub(crate) fault: Option<Fault>,
    pub(crate) verified: bool,
    /// Its certificate leads to a CA that has been replaced and is believed for a while only (C8).
    pub(crate) by_previous: bool,
    /// As presented, also where it was refused.
    pub(crate) leaf: Option<CertificateFacts>,
    pub(crate) version: Option<&'static str>,
    pub(crate) alpn: Option<String>,
    pub(crate) client_auth: Option<ClientAuthRecord>,
}

impl Outcome {
    pub(super) fn of(seen: &Seen, at: SystemTime) -> Self {
        let handshake = seen.handshake();
        Self {
            at,
            took: seen.took,
            fault: seen.fault.clone(),
            verified: seen.is_verified(),
            by_previous: handshake.is_some_and(|done| done.by_previous),
            leaf: seen.presented().first().cloned(),
            version: handshake.map(|done| done.version),
            alpn: handshake.and_then(|done| done.alpn.clone()),
            client_auth: seen.tls.as_ref().and_then(|tls| tls.client_auth.clone()),
        }
    }
}

impl Checked {
    pub(crate) fn fault(&self) -> Option<&Fault> {
        self.outcome.as_ref()?.fault.as_ref()
    }

    /// Whether requests get a connection only as long as a replaced CA is believed.
    pub(crate) fn needs_replaced_ca(&self) -> bool {
        self.outcome.as_ref().is_some_and(|outcome| outcome.by_previous)
    }

    /// What would mend the fault.
    pub(crate) fn hint(&self) -> Option<String> {
        explain::hint(self.fault()?, &self.endpoint.transport, &self.endpoint.router)
    }

    pub(crate) fn leaf(&self) -> Option<&CertificateFacts> {
        self.outcome.as_ref()?.leaf.as_ref()
    }
}

/// How many servers are in which state.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) unchecked: usize,
}

impl Report {
    pub(super) fn new(
        endpoints: &[Endpoint],
        outcomes: &HashMap<PoolId, Arc<Outcome>>,
        now: SystemTime,
    ) -> Self {
        let checked = endpoints.iter().map(|endpoint| Checked {
            outcome: outcomes.get(&endpoint.pool()).cloned(),
            endpoint: endpoint.clone(),
            drift: Vec::new(),
        });
        let mut report = Self {
            checked: checked.collect(),
        };
        report.compare_siblings(now);
        report
    }

    pub(crate) fn count(&self) -> Count {
        let mut count = Count::default();
        for checked in &self.checked {
            let state = match &checked.outcome {
                None => &mut count.unchecked,
                Some(outcome) if outcome.fault.is_some() => &mut count.failed,
                Some(_) => &mut count.passed,
            };
            *state += 1;
        }
        count
    }

    /// The servers of a service stand side by side.
    fn compare_siblings(&mut self, now: SystemTime) {
        let same_service = |a: &Checked, b: &Checked| a.endpoint.service == b.endpoint.service;
        for siblings in self.checked.chunk_by_mut(same_service) {
            let leafs: Vec<_> = siblings.iter().filter_map(Checked::leaf).collect();
            let mut found = drifts(&leafs, now).into_iter();
            for checked in siblings {
                if checked.leaf().is_some() {
                    checked.drift = found.next().unwrap_or_default();
                }
            }
        }
    }
}
