//! Who is asked when, and what is stapled meanwhile. Pure: the time is an argument.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use viaduct_tls::ocsp::{Question, Staple, Staples, Stapling, Unasked};
use viaduct_tls::{Fingerprint, Identity};

/// How long to wait where an answer does not say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// After a failure, and for an answer without an end. Default one hour, as Traefik's ticker.
    pub(super) retry: Duration,
    /// The least time between two questions about one certificate, whatever its answers say. Default one
    /// minute.
    pub(super) least: Duration,
    /// How long an answer without an end is stapled. Default one day.
    pub(super) endless: Duration,
    /// By so much before its end an answer is dropped, so that none is on its way to a client when it ends.
    /// Default ten seconds.
    pub(super) margin: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            retry: Duration::from_secs(60 * 60),
            least: Duration::from_secs(60),
            endless: Duration::from_secs(24 * 60 * 60),
            margin: Duration::from_secs(10),
        }
    }
}

/// All certificates that are served, and how it stands with each.
#[derive(Debug)]
pub(super) struct Schedule {
    pace: Pace,
    /// Drawn once per process: many processes with one certificate do not ask in step.
    jitter: RandomState,
    entries: BTreeMap<Fingerprint, Entry>,
}

#[derive(Debug)]
struct Entry {
    /// `None`: nobody can be asked.
    question: Option<Arc<Question>>,
    next: SystemTime,
    /// When `next` was decided.
    since: SystemTime,
    /// How often it was asked.
    asked: u64,
    /// `None`: nothing to tell yet, or ever.
    stapling: Option<Stapling>,
}

impl Schedule {
    pub(super) fn new(pace: Pace) -> Self {
        Self {
            pace,
            jitter: RandomState::new(),
            entries: BTreeMap::new(),
        }
    }

    /// Takes the certificates that are served from now on. Those that are new are due at once; whether
    /// there is anything to tell of them.
    pub(super) fn serve(&mut self, identities: &[Arc<Identity>], now: SystemTime) -> bool {
        let mut changed = false;
        let mut before = std::mem::take(&mut self.entries);
        for identity in identities {
            let fingerprint = identity.facts().fingerprint;
            let entry = before.remove(&fingerprint).unwrap_or_else(|| {
                let entry = Entry::new(identity, now);
                changed |= entry.stapling.is_some();
                entry
            });
            // The same certificate may be there twice.
            self.entries.entry(fingerprint).or_insert(entry);
        }
        changed
    }

    /// At most `most` questions whose time has come. Should one be lost, it is due again after a retry's time.
    pub(super) fn due(&mut self, now: SystemTime, most: usize) -> Vec<Arc<Question>> {
        let pace = self.pace;
        let due = self.entries.values_mut().filter(|entry| entry.is_due(now));
        due.filter_map(|entry| {
            let question = entry.question.clone()?;
            entry.wait(now, now + pace.retry);
            entry.asked += 1;
            Some(question)
        })
        .take(most)
        .collect()
    }

    /// Takes a good answer; whether anything is different now.
    pub(super) fn answered(&mut self, certificate: Fingerprint, staple: Staple, now: SystemTime) -> bool {
        let Some(entry) = self.entries.get_mut(&certificate) else {
            return false;
        };
        entry.wait(now, self.pace.refresh(&staple, now));
        let stapling = Some(Stapling {
            staple: Some(Arc::new(staple)),
            fault: None,
        });
        let changed = entry.stapling != stapling;
        entry.stapling = stapling;
        changed
    }

    /// Takes the reason for no answer; whether anything is different now. What is stapled stays.
    pub(super) fn failed(&mut self, certificate: Fingerprint, why: &str, now: SystemTime) -> bool {
        let Some(entry) = self.entries.get_mut(&certificate) else {
            return false;
        };
        let draw = self.jitter.hash_one((certificate, entry.asked));
        let mut next = now + jittered(self.pace.retry, draw);
        let stapling = entry.stapling.get_or_insert_default();
        if let Some(staple) = &stapling.staple {
            // Before it ends there is another chance.
            next = next.min(self.pace.halfway(now, self.pace.end(staple)));
        }
        let changed = stapling.fault.as_deref() != Some(why);
        stapling.fault = Some(why.into());
        entry.wait(now, next);
        changed
    }

    /// Drops what has come to its end; whether there was anything.
    pub(super) fn expire(&mut self, now: SystemTime) -> bool {
        let mut changed = false;
        for stapling in self
            .entries
            .values_mut()
            .filter_map(|entry| entry.stapling.as_mut())
        {
            let ended = stapling
                .staple
                .as_ref()
                .is_some_and(|staple| self.pace.end(staple) <= now);
            if ended {
                stapling.staple = None;
                stapling
                    .fault
                    .get_or_insert_with(|| "the last answer has expired".into());
                changed = true;
            }
        }
        changed
    }

    /// When there is next something to ask or to drop.
    pub(super) fn wake(&self) -> Option<SystemTime> {
        let ends = |entry: &Entry| Some(self.pace.end(entry.stapling.as_ref()?.staple.as_ref()?));
        let questions = self.entries.values().filter(|entry| entry.question.is_some());
        questions
            .flat_map(|entry| [Some(entry.next), ends(entry)])
            .flatten()
            .min()
    }

    pub(super) fn staples(&self) -> Staples {
        self.entries
            .iter()
            .filter_map(|(certificate, entry)| Some((*certificate, entry.stapling.clone()?)))
            .collect()
    }
}

impl Entry {
    fn new(identity: &Identity, now: SystemTime) -> Self {
        let (question, fault) = match Question::of(identity) {
            Ok(question) => (Some(Arc::new(question)), None),
            // Most certificates of private authorities; nothing is wrong with them.
            Err(Unasked::NoResponder) if !identity.must_staple() => (None, None),
            Err(why) => (None, Some(why.to_string().into())),
        };
        Self {
            question,
            next: now,
            since: now,
            asked: 0,
            stapling: fault.map(|fault| Stapling {
                staple: None,
                fault: Some(fault),
            }),
        }
    }

    fn wait(&mut self, now: SystemTime, next: SystemTime) {
        (self.since, self.next) = (now, next);
    }

    /// A clock that has been set back must not make us wait until it is where it was.
    fn is_due(&self, now: SystemTime) -> bool {
        self.next <= now || now + SET_BACK < self.since
    }
}

impl Pace {
    /// When to ask again: at half of the answer's life, as Traefik. Responders hand out stored answers, which
    /// may be beyond that; then half-way to their end.
    fn refresh(&self, staple: &Staple, now: SystemTime) -> SystemTime {
        let Some(next_update) = staple.next_update() else {
            return now + self.retry;
        };
        let life = next_update
            .duration_since(staple.this_update())
            .unwrap_or_default();
        let half = staple.this_update() + life / 2;
        if half > now + self.least {
            return half;
        }
        self.halfway(now, self.end(staple)).min(now + self.retry)
    }

    /// Until when an answer is stapled.
    fn end(&self, staple: &Staple) -> SystemTime {
        match staple.next_update() {
            Some(next_update) => next_update - self.margin,
            None => staple.this_update() + self.endless,
        }
    }

    fn halfway(&self, now: SystemTime, end: SystemTime) -> SystemTime {
        let left = end.duration_since(now).unwrap_or_default();
        now + (left / 2).max(self.least)
    }
}

/// `wait`, give or take a tenth.
fn jittered(wait: Duration, draw: u64) -> Duration {
    let thousandths = u32::try_from(draw % 201).unwrap_or_default();
    wait * (900 + thousandths) / 1000
}

/// A clock that goes back by less is only being adjusted.
const SET_BACK: Duration = Duration::from_secs(60 * 60);

#[cfg(test)]
mod tests;
