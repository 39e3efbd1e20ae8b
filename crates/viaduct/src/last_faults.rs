//! The last faults of the backend leg, by service: what API and dashboard show.
//!
//! ```text
//!  worker --ToldFault (the first of a cause, then one in ten seconds)--> bounded channel --> LastFaults <-- API
//!  worker --counts every failure-->  FaultTally  <--------------- read -------------------------+
//! ```
//! A worker never waits: what does not fit into the channel comes again ten seconds later. The numbers are exact, as
//! each worker counts by itself.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tokio::sync::{mpsc, watch};
use viaduct_config::ObjectRef;
use viaduct_proxy::{FaultTally, FaultWitness, ToldFault};
use viaduct_tls::Reason;

use crate::api::Published;

/// What is known, of at most [`SERVICES`] services and [`CAUSES`] causes of each.
#[derive(Default)]
pub(crate) struct LastFaults {
    by_service: Mutex<BTreeMap<Arc<str>, Vec<Cause>>>,
}

/// A reason why a server cannot be used, as it was told last.
#[derive(Debug, Clone)]
pub(crate) struct Cause {
    pub(crate) reason: Reason,
    pub(crate) server: Box<str>,
    pub(crate) router: Option<Box<str>>,
    pub(crate) transport: Box<str>,
    /// At fault: the servers transport, or the route where there is none.
    pub(crate) object: Option<ObjectRef>,
    pub(crate) wanted: Box<str>,
    pub(crate) got: Box<str>,
    pub(crate) hint: Option<Box<str>>,
    pub(crate) suggestion: Option<Box<str>>,
    /// Counted by workers that still do.
    tallies: Vec<Arc<FaultTally>>,
    /// Counted by those that have finished.
    past: Option<Seen>,
}

/// How often, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) count: u64,
    pub(crate) first: SystemTime,
    pub(crate) last: SystemTime,
}

impl Seen {
    fn of(tally: &FaultTally) -> Self {
        Self {
            count: tally.count(),
            first: tally.first(),
            last: tally.last(),
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            count: self.count.saturating_add(other.count),
            first: self.first.min(other.first),
            last: self.last.max(other.last),
        }
    }
}

impl Cause {
    /// By all workers together.
    pub(crate) fn seen(&self) -> Option<Seen> {
        let counted = self.tallies.iter().map(|tally| Seen::of(tally));
        counted.chain(self.past).reduce(Seen::and)
    }

    /// When a request went well for the first time since it was met last, by whichever worker; `None`: none has, as far
    /// as anybody knows.
    pub(crate) fn over(&self) -> Option<SystemTime> {
        let ends = self.tallies.iter().map(|tally| tally.over());
        let ends: Option<Vec<SystemTime>> = ends.collect();
        ends?.into_iter().max()
    }

    fn last(&self) -> SystemTime {
        self.seen().map_or(SystemTime::UNIX_EPOCH, |seen| seen.last)
    }

    fn is(&self, other: &Self) -> bool {
        self.reason == other.reason && self.server == other.server
    }

    /// Takes what was told now of the same cause, and adds up what nobody counts on.
    fn renew(&mut self, newer: Self) {
        let mut tallies = std::mem::take(&mut self.tallies);
        tallies.retain(|tally| {
            let is_kept_up = Arc::strong_count(tally) > 1;
            if !is_kept_up {
                let seen = Seen::of(tally);
                self.past = Some(self.past.map_or(seen, |past| past.and(seen)));
            }
            is_kept_up
        });
        for tally in &newer.tallies {
            if !tallies.iter().any(|known| Arc::ptr_eq(known, tally)) {
                tallies.push(Arc::clone(tally));
            }
        }
        let past = self.past;
        *self = Self {
            tallies,
            past,
            ..newer
        };
    }
}

impl LastFaults {
    /// Starts to gather; ends with the last witness. Needs a tokio runtime.
    pub(crate) fn gather(
        self: &Arc<Self>,
        board: watch::Receiver<Option<Arc<Published>>>,
    ) -> Arc<dyn FaultWitness> {
        let (to, told) = mpsc::channel(WAITING);
        drop(tokio::spawn(follow(Arc::clone(self), told, board)));
        Arc::new(Reporter(to))
    }

    /// Of all services, in the order of their names; the latest cause of each first.
    pub(crate) fn all(&self) -> Vec<(Arc<str>, Vec<Cause>)> {
        let known = self.lock().clone();
        known
            .into_iter()
            .map(|(service, causes)| (service, latest_first(causes)))
            .collect()
    }

    /// The latest first.
    pub(crate) fn of(&self, service: &str) -> Vec<Cause> {
        let causes = self.lock().get(service).cloned();
        latest_first(causes.unwrap_or_default())
    }

    fn add(&self, service: Arc<str>, cause: Cause) {
        let mut known = self.lock();
        if known.len() >= SERVICES && !known.contains_key(&service) {
            let oldest = known.iter().min_by_key(|(_, causes)| last_of(causes));
            let oldest = oldest.map(|(service, _)| Arc::clone(service));
            if let Some(oldest) = oldest {
                known.remove(&oldest);
            }
        }
        let causes = match known.entry(service) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(Vec::new()),
        };
        if let Some(same) = causes.iter_mut().find(|known| known.is(&cause)) {
            return same.renew(cause);
        }
        if causes.len() >= CAUSES {
            let oldest = causes.iter().enumerate().min_by_key(|(_, cause)| cause.last());
            if let Some(oldest) = oldest.map(|(index, _)| index) {
                causes.remove(oldest);
            }
        }
        causes.push(cause);
    }

    fn keep(&self, is_there: impl Fn(&str) -> bool) {
        self.lock().retain(|service, _| is_there(service));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Vec<Cause>>> {
        self.by_service.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn last_of(causes: &[Cause]) -> SystemTime {
    let last = causes.iter().map(Cause::last).max();
    last.unwrap_or(SystemTime::UNIX_EPOCH)
}

fn latest_first(mut causes: Vec<Cause>) -> Vec<Cause> {
    causes.sort_by_cached_key(|cause| std::cmp::Reverse(cause.last()));
    causes
}

/// On the workers' side.
struct Reporter(mpsc::Sender<(Arc<str>, Cause)>);

impl FaultWitness for Reporter {
    fn witness(&self, told: &ToldFault<'_>) {
        let fault = told.fault;
        let cause = Cause {
            reason: fault.reason,
            server: told.server.into(),
            router: told.router.map(|router| (&*router.name).into()),
            transport: (&*told.transport.name).into(),
            object: told
                .transport
                .origin
                .clone()
                .or_else(|| told.router.and_then(|router| router.origin.clone())),
            wanted: fault.wanted.as_str().into(),
            got: fault.got.as_str().into(),
            hint: told.hint.map(Into::into),
            suggestion: told.suggestion.map(Into::into),
            tallies: vec![Arc::clone(told.tally)],
            past: None,
        };
        if self.0.try_send((told.service.into(), cause)).is_err() {
            tracing::debug!("too many faults at once: one is shown when it is told again");
        }
    }
}

/// Gathers what is told, and lets go of services that are gone.
async fn follow(
    faults: Arc<LastFaults>,
    mut told: mpsc::Receiver<(Arc<str>, Cause)>,
    mut board: watch::Receiver<Option<Arc<Published>>>,
) {
    loop {
        tokio::select! {
            next = told.recv() => match next {
                Some((service, cause)) => faults.add(service, cause),
                None => return,
            },
            changed = board.changed() => match changed {
                Ok(()) => {
                    let published = board.borrow_and_update().clone();
                    if let Some(published) = published {
                        faults.keep(|service| published.has_service(service));
                    }
                }
                // The control plane has ended; the workers may go on for a while.
                Err(_) => return,
            },
        }
    }
}

const SERVICES: usize = 1024;
const CAUSES: usize = 8;
/// Told and not yet taken.
const WAITING: usize = 1024;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn cause(reason: Reason, server: &str, at: u64, count: u64) -> Cause {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(at);
        Cause {
            reason,
            server: server.into(),
            router: None,
            transport: "t@file".into(),
            object: None,
            wanted: "a".into(),
            got: format!("b at {at}").into(),
            hint: None,
            suggestion: None,
            tallies: Vec::new(),
            past: Some(Seen {
                count,
                first: time,
                last: time,
            }),
        }
    }

    #[test]
    fn c2_the_latest_causes_of_a_service_are_kept() {
        let faults = LastFaults::default();
        for at in 0..20 {
            let server = format!("https://10.0.0.{at}");
            faults.add("app@file".into(), cause(Reason::Expired, &server, at, 1));
        }
        let kept = faults.of("app@file");
        assert_eq!(kept.len(), CAUSES);
        assert_eq!(&*kept[0].server, "https://10.0.0.19", "the latest first");
        assert_eq!(&*kept[CAUSES - 1].server, "https://10.0.0.12");
    }

    #[test]
    fn c2_the_same_cause_is_one_with_its_latest_words() {
        let faults = LastFaults::default();
        faults.add("app@file".into(), cause(Reason::Expired, "s", 1, 2));
        faults.add("app@file".into(), cause(Reason::Expired, "s", 5, 0));
        faults.add("app@file".into(), cause(Reason::UnknownCa, "s", 3, 7));
        let kept = faults.of("app@file");
        let expired = kept.iter().find(|cause| cause.reason == Reason::Expired);
        let expired = expired.expect("the cause");
        assert_eq!((kept.len(), &*expired.got), (2, "b at 5"));
        let seen = expired.seen().expect("counted");
        assert_eq!(
            (seen.count, seen.first),
            (2, SystemTime::UNIX_EPOCH + Duration::from_secs(1))
        );
    }

    #[test]
    fn i5_services_are_bounded_and_go_with_the_configuration() {
        let faults = LastFaults::default();
        for at in 0..SERVICES as u64 + 3 {
            faults.add(format!("s{at}@file").into(), cause(Reason::Dns, "s", at, 1));
        }
        assert_eq!(faults.all().len(), SERVICES);
        assert!(faults.of("s2@file").is_empty(), "the oldest went");
        faults.keep(|service| service == "s9@file");
        let left = faults.all();
        assert_eq!(left.len(), 1);
        assert_eq!(&*left[0].0, "s9@file");
    }
}
