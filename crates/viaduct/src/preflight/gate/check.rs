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
    /// No worse, too: it says nothing to anybody.
    Silent,
}

/// What is known by now of all of them.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Who would fail: URL and fault, in the order of URLs.
    pub(super) broken: Vec<(Arc<str>, Fault)>,
    /// Of how many nothing is known yet.
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
            let silent = is_silent(&seen);
            match seen.fault.filter(is_about_trust) {
                Some(fault) => drop(refused.insert(index, fault)),
                None if silent => self.note(index, Known::Silent),
                None => self.note(index, Known::NoWorse),
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
            match refused.remove(&index) {
                Some(fault) if passes(&seen) => self.note(index, Known::Broken(fault)),
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
            .filter(|(_, (_, known))| with_silent || !matches!(known, Known::Silent))
            .map(|(index, (endpoint, known))| (known.rank(), index, endpoint))
            .collect();
        due.sort_by_key(|(rank, index, _)| (*rank, *index));
        due.truncate(MOST);
        let due = due.into_iter();
        due.map(|(_, index, endpoint)| attempt(index, endpoint, endpoint.target()))
            .collect()
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
                Known::NoWorse | Known::Silent => {}
            }
        }
        outcome.broken.sort_by(|(a, _), (b, _)| a.cmp(b));
        outcome
    }
}

impl Known {
    /// Whose turn comes first.
    fn rank(&self) -> u8 {
        match self {
            Self::Nothing => 0,
            Self::Broken(_) => 1,
            Self::NoWorse => 2,
            Self::Silent => 3,
        }
    }
}

impl Outcome {
    /// Whether the new trust makes it worse for nobody, as far as all of them were tried.
    pub(super) fn is_good(&self) -> bool {
        self.broken.is_empty() && self.undecided == 0
    }

    /// Without times and without how many are left, so that the same state is said once.
    pub(super) fn why(&self) -> String {
        let of = self.of;
        let untried = format!("not all of {of} servers have been tried yet");
        let Some((url, fault)) = self.broken.first() else {
            return untried;
        };
        let broken = self.broken.len();
        let why = format!(
            "{broken} of {of} servers would fail: {url}: {}: {}",
            fault.reason, fault.got
        );
        match self.undecided {
            0 => why,
            _ => format!("{why}; {untried}"),
        }
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
fn is_about_trust(fault: &Fault) -> bool {
    !fault.presented.is_empty() || fault.reason == Reason::CaMissing
}

/// Servers tried in one round; the others have their turn in the next.
const MOST: usize = 1024;
/// Servers that were silent have a turn in one of so many rounds: each turn of theirs is long.
const SILENT_EVERY: u32 = 4;
