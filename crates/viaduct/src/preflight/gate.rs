//! `bridge.preflight: gate`: a change of trust waits while servers that pass under the trust in force would fail under
//! the new one (C11).
//!
//! ```text
//!  control: what is configured --hold--> which trust of before stays --> compile
//!     ^                                    | check: handshakes under the new trust, then under the old one
//!     +------------- Verdict --------------+
//! ```
//! It fails closed. What is held is the trust that was in force before, never more; it takes the place of another
//! *verified* trust only: a trust that cannot be used is out of service, and a transport that begins or ceases to verify
//! does so at once. Everything else that a change says (names, client certificates, versions) is in force at once, too.
//! It ends when the servers pass, after [`LONGEST`], or with the process, which knows no trust of before.

mod check;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};
use viaduct_snapshot::{HeldTrust, Revocations, Snapshot, Transport};
use viaduct_tls::backend_leg::Verification;
use viaduct_tls::{Backend, Trust};

use super::endpoints::{Endpoint, endpoints};
use check::{Check, Outcome};

pub(crate) struct Gate {
    /// Of the pre-flight's thread.
    runtime: Handle,
    pending: BTreeMap<Arc<str>, Pending>,
    /// What the servers passed under, until it is in force.
    approved: HashMap<Arc<str>, Backend<Trust>>,
    said: mpsc::Sender<Verdict>,
    verdicts: mpsc::Receiver<Verdict>,
    /// A rotation that takes longer is not waited for.
    longest: Duration,
}

/// A change of one transport's trust that waits.
struct Pending {
    wanted: Backend<Trust>,
    held: Backend<Trust>,
    why: Option<String>,
    /// When the trust in force began to stay, whatever has been wanted in its place since.
    since: Instant,
    /// URLs.
    servers: Vec<Arc<str>>,
    /// What the check is made under.
    revocations: Option<Arc<Revocations>>,
    check: AbortHandle,
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.check.abort();
    }
}

/// What a check came to.
struct Verdict {
    transport: Arc<str>,
    wanted: Backend<Trust>,
    outcome: Outcome,
}

impl Gate {
    pub(crate) fn new(runtime: Handle) -> Self {
        let (said, verdicts) = mpsc::channel(WAITING);
        Self {
            runtime,
            pending: BTreeMap::new(),
            approved: HashMap::new(),
            said,
            verdicts,
            longest: LONGEST,
        }
    }

    /// Which trust of `current` stays in force where `candidate`, compiled without any, has another.
    pub(crate) fn hold(&mut self, current: &Snapshot, candidate: &Snapshot) -> BTreeMap<Arc<str>, HeldTrust> {
        let in_force: HashMap<&Arc<str>, &Arc<Transport>> = current
            .transports()
            .map(|transport| (&transport.name, transport))
            .collect();
        let mut before = std::mem::take(&mut self.pending);
        let mut servers: Option<Vec<Endpoint>> = None;
        for transport in candidate.transports() {
            let name = &transport.name;
            let in_force = in_force.get(name).copied();
            let (Some(held), Some(wanted)) = (in_force.and_then(verified), verified(transport)) else {
                self.approved.remove(name);
                continue;
            };
            if same_roots(held, wanted) {
                self.approved.remove(name);
                continue;
            }
            if self.approved.get(name) == Some(wanted) || !may_keep(held) {
                continue;
            }
            let all = servers.get_or_insert_with(|| endpoints(candidate));
            let own = all.iter().filter(|endpoint| endpoint.transport.name == *name);
            let own: Vec<Endpoint> = own.cloned().collect();
            if own.is_empty() {
                continue;
            }
            let waiting = before
                .remove(name)
                .filter(|waiting| same_roots(&waiting.held, held));
            if waiting.as_ref().is_some_and(|waiting| self.is_late(waiting)) {
                tracing::warn!(
                    transport = &**name,
                    "pre-flight: the trust of before has stayed for a day: the new one is put in force"
                );
                self.approved.insert(Arc::clone(name), wanted.clone());
                continue;
            }
            let pending = match waiting {
                Some(waiting) if waiting.is_about(wanted, held, &own) => waiting,
                other => self.check(name, wanted, held, own, other.as_ref()),
            };
            self.pending.insert(Arc::clone(name), pending);
        }
        let pending = self.pending.iter();
        pending
            .map(|(name, pending)| (Arc::clone(name), pending.held_trust()))
            .collect()
    }

    /// Waits until something is known that makes another snapshot. Cancel safe.
    pub(crate) async fn changed(&mut self) {
        loop {
            let since = self.pending.values().map(|pending| pending.since).min();
            tokio::select! {
                // We hold a sender ourselves: it does not end.
                Some(verdict) = self.verdicts.recv() => {
                    if self.judge(verdict) {
                        return;
                    }
                }
                // Whatever the checks come to.
                () = over(since, self.longest) => return,
            }
        }
    }

    fn is_late(&self, pending: &Pending) -> bool {
        pending.since.elapsed() >= self.longest
    }

    fn judge(&mut self, verdict: Verdict) -> bool {
        let name = &verdict.transport;
        let pending = self.pending.get_mut(name);
        let Some(pending) = pending.filter(|pending| pending.wanted == verdict.wanted) else {
            return false;
        };
        let waited = pending.since.elapsed();
        if verdict.outcome.is_good() {
            tracing::info!(
                transport = &**name,
                seconds = waited.as_secs(),
                "pre-flight: no server would fail: the new trust is put in force"
            );
            self.pending.remove(name);
            self.approved.insert(Arc::clone(name), verdict.wanted);
            return true;
        }
        let undecided = verdict.outcome.undecided;
        if undecided > 0 {
            tracing::warn!(
                transport = &**name,
                undecided,
                of = verdict.outcome.of,
                "pre-flight: servers had no turn yet under the new trust: it waits until they had"
            );
        }
        let why = Some(verdict.outcome.why());
        let news = pending.why != why;
        pending.why = why;
        news
    }

    fn check(
        &self,
        name: &Arc<str>,
        wanted: &Backend<Trust>,
        held: &Backend<Trust>,
        servers: Vec<Endpoint>,
        before: Option<&Pending>,
    ) -> Pending {
        let urls = servers
            .iter()
            .map(|endpoint| Arc::clone(&endpoint.server.url))
            .collect();
        let (transport, said) = (Arc::clone(name), self.said.clone());
        let wanted_then = wanted.clone();
        let revocations = servers.first().map(|endpoint| Arc::clone(&endpoint.revocations));
        let mut check = Check::new(servers, held.clone());
        let checking = self.runtime.spawn(async move {
            let mut pause = SHORTEST_PAUSE;
            loop {
                check.go_on(LONGEST_ROUND).await;
                let outcome = check.outcome();
                let (done, undecided) = (outcome.is_good(), outcome.undecided > 0);
                let verdict = Verdict {
                    transport: Arc::clone(&transport),
                    wanted: wanted_then.clone(),
                    outcome,
                };
                if said.send(verdict).await.is_err() || done {
                    return;
                }
                tokio::time::sleep(pause).await;
                // Who had no turn does not wait for those that fail.
                pause = if undecided {
                    SHORTEST_PAUSE
                } else {
                    (pause * 2).min(LONGEST_PAUSE)
                };
            }
        });
        Pending {
            wanted: wanted.clone(),
            held: held.clone(),
            why: before
                .filter(|before| before.wanted == *wanted)
                .and_then(|before| before.why.clone()),
            since: before.map_or_else(Instant::now, |before| before.since),
            servers: urls,
            revocations,
            check: checking.abort_handle(),
        }
    }
}

impl Pending {
    fn is_about(&self, wanted: &Backend<Trust>, held: &Backend<Trust>, servers: &[Endpoint]) -> bool {
        let urls = servers.iter().map(|endpoint| &endpoint.server.url);
        let revocations = servers.first().map(|endpoint| &endpoint.revocations);
        self.wanted == *wanted
            && self.held == *held
            && self.servers.iter().eq(urls)
            && self.revocations.as_ref() == revocations
    }

    fn held_trust(&self) -> HeldTrust {
        HeldTrust {
            trust: self.held.clone(),
            why: self.why.clone(),
        }
    }
}

/// Cancel safe.
async fn over(since: Option<Instant>, longest: Duration) {
    match since {
        Some(since) => sleep_until(since + longest).await,
        None => std::future::pending().await,
    }
}

/// `None`: it verifies nothing.
fn verified(transport: &Arc<Transport>) -> Option<&Backend<Trust>> {
    match &transport.tls.policy().verification {
        Verification::Full(trust) => Some(trust),
        Verification::DangerSkip => None,
    }
}

/// Bundles that one of them has replaced do not count: when they end is the rotation's business.
fn same_roots(one: &Backend<Trust>, other: &Backend<Trust>) -> bool {
    match (&one.0, &other.0) {
        (Trust::System, Trust::System) => true,
        (Trust::Bundle(one), Trust::Bundle(other)) => {
            !one.brings_roots_to(other) && !other.brings_roots_to(one)
        }
        (Trust::System, Trust::Bundle(_)) | (Trust::Bundle(_), Trust::System) => false,
    }
}

/// Whether a trust may outlive its configuration. One that holds nothing valid any more may not: nothing passes under
/// it. Removal for cause has its say here.
fn may_keep(trust: &Backend<Trust>) -> bool {
    let now = std::time::SystemTime::now();
    match &trust.0 {
        Trust::System => true,
        Trust::Bundle(bundle) => bundle.roots().any(|root| root.not_after > now),
    }
}

const WAITING: usize = 16;
const LONGEST_ROUND: Duration = Duration::from_secs(60);
/// From one check to the next.
const SHORTEST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(24 * 3600);
