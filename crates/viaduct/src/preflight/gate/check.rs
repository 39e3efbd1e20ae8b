//! What the servers of one transport come to under a new trust, over as many rounds as they take (C11).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use viaduct_proxy::probe::{Seen, Target};
use viaduct_tls::{Backend, Fault, Reason, Trust};

use super::super::endpoints::Endpoint;
use super::super::round::{Attempt, is_silent, round};

/// The servers, and what is known of each. Who had no turn in a round stays as he was, and comes first in the next.
pub(super) struct Check {
    servers: Vec<(Endpoint, Known)>,
    /// The trust in force.
    held: Backend<Trust>,
    /// So many were begun.
    rounds: u32,
}

#[derive(Debug, Clone)]
enum Known {
    /// Not tried to the end yet.
    Nothing,
    /// Passes under the trust in force and not under the new one.
    Broken(Fault),
    /// Passes under the new trust, or the new trust is not what makes it fail.
    NoWorse,
    /// It cannot be reached, so nobody knows by what it is vouched for.
    Away(Fault),
    /// Likewise: it takes connections and says nothing.
    Silent(Fault),
}

/// What is known by now of all of them.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Who would fail: URL and fault, in the order of URLs.
    pub(super) broken: Vec<(Arc<str>, Fault)>,
    /// Who cannot be tried now, likewise.
    pub(super) away: Vec<(Arc<str>, Fault)>,
    /// How many had no turn yet.
    pub(super) undecided: usize,
    pub(super) of: usize,
}

impl Check {
    pub(super) fn new(servers: Vec<Endpoint>, held: Backend<Trust>) -> Self {
        let servers = servers.into_iter();
        Self {
            servers: servers.map(|endpoint| (endpoint, Known::Nothing)).collect(),
            held,
            rounds: 0,
        }
    }

    /// One round: each server under the trust of its transport, and who is refused there under the one in force. Each
    /// of the two ends after `limit`.
    pub(super) async fn go_on(&mut self, limit: Duration) {
        let mut refused = HashMap::new();
        for (index, seen) in round(self.due(), limit).await {
            match (refusal(&seen), away(&seen)) {
                (Some(fault), _) => {
                    self.doubt(index);
                    refused.insert(index, fault);
                }
                (None, Some(away)) => self.note(index, away),
                (None, None) => self.note(index, Known::NoWorse),
            }
        }
        let mut again = Vec::new();
        for index in refused.keys() {
            let Some((endpoint, _)) = self.servers.get(*index) else {
                continue;
            };
            match endpoint.target().trusting(self.held.clone()) {
                Ok(target) => again.push(attempt(*index, endpoint, target)),
                // The trust in force goes with nothing that is configured now: it does not help this server.
                Err(_) => self.note(*index, Known::NoWorse),
            }
        }
        for (index, seen) in round(again, limit).await {
            match (refused.remove(&index), away(&seen)) {
                (Some(fault), _) if passes(&seen) => self.note(index, Known::Broken(fault)),
                (_, Some(away)) => self.note(index, away),
                _ => self.note(index, Known::NoWorse),
            }
        }
    }

    /// Those whose turn it is in the next round.
    fn due(&mut self) -> Vec<Attempt<usize>> {
        let with_silent = self.rounds.is_multiple_of(SILENT_EVERY);
        self.rounds = self.rounds.wrapping_add(1);
        let servers = self.servers.iter().enumerate();
        let mut due: Vec<(u8, usize, &Endpoint)> = servers
            .filter(|(_, (_, known))| with_silent || !matches!(known, Known::Silent(_)))
            .map(|(index, (endpoint, known))| (known.rank(), index, endpoint))
            .collect();
        due.sort_by_key(|(rank, index, _)| (*rank, *index));
        due.truncate(MOST);
        let due = due.into_iter();
        due.map(|(_, index, endpoint)| attempt(index, endpoint, endpoint.target()))
            .collect()
    }

    /// Refused now: what was good about it before is not known any more until it has been tried under the trust in force.
    fn doubt(&mut self, index: usize) {
        if let Some((_, known @ (Known::NoWorse | Known::Away(_) | Known::Silent(_)))) =
            self.servers.get_mut(index)
        {
            *known = Known::Nothing;
        }
    }

    fn note(&mut self, index: usize, known: Known) {
        if let Some((_, before)) = self.servers.get_mut(index) {
            *before = known;
        }
    }

    pub(super) fn outcome(&self) -> Outcome {
        let mut outcome = Outcome {
            of: self.servers.len(),
            ..Outcome::default()
        };
        for (endpoint, known) in &self.servers {
            match known {
                Known::Nothing => outcome.undecided += 1,
                Known::Broken(fault) => {
                    let url = Arc::clone(&endpoint.server.url);
                    outcome.broken.push((url, fault.clone()));
                }
                Known::Away(fault) | Known::Silent(fault) => {
                    let url = Arc::clone(&endpoint.server.url);
                    outcome.away.push((url, fault.clone()));
                }
                Known::NoWorse => {}
            }
        }
        outcome.broken.sort_by(|(a, _), (b, _)| a.cmp(b));
        outcome.away.sort_by(|(a, _), (b, _)| a.cmp(b));
        outcome
    }
}

impl Known {
    /// Whose turn comes first.
    fn rank(&self) -> u8 {
        match self {
            Self::Nothing => 0,
            Self::Broken(_) => 1,
            Self::Away(_) => 2,
            Self::NoWorse => 3,
            Self::Silent(_) => 4,
        }
    }
}

impl Outcome {
    /// Whether all of them were tried, and the new trust makes it worse for nobody.
    pub(super) fn is_good(&self) -> bool {
        self.broken.is_empty() && self.away.is_empty() && self.undecided == 0
    }

    /// Without times and without how many are left, so that the same state is said once.
    pub(super) fn why(&self) -> String {
        let of = self.of;
        let told = |servers: &[(Arc<str>, Fault)], what: &str| {
            let (url, fault) = servers.first()?;
            let (count, reason, got) = (servers.len(), fault.reason, &fault.got);
            Some(format!("{count} of {of} servers {what}: {url}: {reason}: {got}"))
        };
        let untried = format!("not all of {of} servers have been tried yet");
        let parts = [
            told(&self.broken, "would fail"),
            told(&self.away, "cannot be tried now"),
            (self.undecided > 0).then_some(untried),
        ];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        parts.join("; ")
    }
}

fn attempt(index: usize, endpoint: &Endpoint, target: Target) -> Attempt<usize> {
    Attempt {
        key: index,
        tenant: endpoint.tenant(),
        target,
    }
}

fn passes(seen: &Seen) -> bool {
    seen.is_verified() && seen.fault.is_none()
}

/// The verifier's faults come with the chain that it refused. Who fails for another reason than the server's
/// certificate is not made worse.
fn refusal(seen: &Seen) -> Option<Fault> {
    let fault = seen.fault.as_ref()?;
    let is_about_trust = !fault.presented.is_empty() || fault.reason == Reason::CaMissing;
    is_about_trust.then(|| fault.clone())
}

/// A server that did not get so far as to show a certificate may show any when it is back. One that answers, and with
/// something else than a handshake, fails whatever is trusted.
fn away(seen: &Seen) -> Option<Known> {
    let fault = seen.fault.as_ref()?;
    match fault.reason {
        Reason::ConnectTimeout | Reason::HandshakeTimeout if is_silent(seen) => {
            Some(Known::Silent(fault.clone()))
        }
        Reason::Dns
        | Reason::ConnectRefused
        | Reason::ConnectTimeout
        | Reason::ConnectFailed
        | Reason::HandshakeTimeout
        | Reason::HandshakeClosed => Some(Known::Away(fault.clone())),
        _ => None,
    }
}

/// Servers tried in one round; the others have their turn in the next.
const MOST: usize = 1024;
/// Servers that were silent have a turn in one of so many rounds: each turn of theirs is long.
const SILENT_EVERY: u32 = 4;
