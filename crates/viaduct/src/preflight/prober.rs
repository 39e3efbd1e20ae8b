//! When which servers are tried.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use viaduct_config::install::PreflightMode;
use viaduct_kubernetes::events::Events;
use viaduct_snapshot::{PoolId, Revocations, Snapshot};

use super::Settings;
use super::endpoints::{Endpoint, endpoints};
use super::report::{Outcome, Report};
use super::round::{Attempt, is_silent, round};
use super::tell::Teller;
use super::turns::in_turn;

pub(super) struct Prober {
    settings: Settings,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    publisher: watch::Sender<Arc<Report>>,
    teller: Teller,
    endpoints: Vec<Endpoint>,
    /// Of servers that the snapshot in force has. A server under another trust has another pool.
    outcomes: HashMap<PoolId, Arc<Outcome>>,
    /// What `outcomes` were found under.
    revocations: Arc<Revocations>,
    /// Servers that were silent when they were tried last.
    silent: HashMap<PoolId, Silence>,
    /// When what is new is tried; `None`: nothing is.
    change: Option<Instant>,
    /// When everything is tried again.
    again: Option<Instant>,
}

/// How a silent server is spared, as each turn of its own is long.
#[derive(Debug, Clone, Copy, Default)]
struct Silence {
    /// One after the other.
    times: u32,
    /// Rounds in which it has no turn.
    sits_out: u32,
}

impl Prober {
    pub(super) fn new(
        settings: Settings,
        mut snapshots: watch::Receiver<Arc<Snapshot>>,
        publisher: watch::Sender<Arc<Report>>,
        events: Option<Events>,
    ) -> Self {
        // The one that is there is news, too.
        snapshots.mark_changed();
        Self {
            settings,
            snapshots,
            publisher,
            teller: Teller::new(events),
            endpoints: Vec::new(),
            outcomes: HashMap::new(),
            revocations: Arc::default(),
            silent: HashMap::new(),
            change: None,
            again: None,
        }
    }

    /// Until nobody changes the configuration any more.
    pub(super) async fn run(mut self) {
        self.schedule_again();
        loop {
            tokio::select! {
                changed = self.snapshots.changed() => match changed {
                    Ok(()) => self.take(),
                    Err(_) => return,
                },
                () = at(self.change) => self.try_new().await,
                () = at(self.again) => self.try_all().await,
            }
        }
    }

    /// Takes up a configuration. What it does not have any more is forgotten.
    fn take(&mut self) {
        let snapshot = Arc::clone(&self.snapshots.borrow_and_update());
        self.endpoints = endpoints(&snapshot);
        if self.revocations != snapshot.revocations {
            self.revocations = Arc::clone(&snapshot.revocations);
            self.outcomes.clear();
        }
        drop(snapshot);
        let live: HashSet<_> = self.endpoints.iter().map(Endpoint::pool).collect();
        self.outcomes.retain(|pool, _| live.contains(pool));
        self.silent.retain(|pool, _| live.contains(pool));
        self.publish();
        self.schedule_new();
    }

    async fn try_new(&mut self) {
        self.change = None;
        let started = Instant::now();
        let new = self.due(|pool| !self.outcomes.contains_key(&pool));
        self.try_some(new).await;
        let count = self.publisher.borrow().count();
        tracing::info!(
            passed = count.passed,
            failed = count.failed,
            unchecked = count.unchecked,
            milliseconds = started.elapsed().as_millis(),
            "pre-flight"
        );
        self.schedule_new();
    }

    async fn try_all(&mut self) {
        let all = self.due(|pool| self.silent.get(&pool).is_none_or(|silence| silence.sits_out == 0));
        for silence in self.silent.values_mut() {
            silence.sits_out = silence.sits_out.saturating_sub(1);
        }
        self.try_some(all).await;
        self.schedule_again();
    }

    /// Those that were never tried come first, then those whose outcome is oldest; tenants take turns.
    fn due(&self, is_due: impl Fn(PoolId) -> bool) -> Vec<Attempt<PoolId>> {
        let mut due: Vec<(Option<SystemTime>, Attempt<PoolId>)> = Vec::new();
        let mut once = HashSet::new();
        for endpoint in &self.endpoints {
            let pool = endpoint.pool();
            if is_due(pool) && once.insert(pool) {
                let attempt = Attempt {
                    key: pool,
                    tenant: endpoint.tenant(),
                    target: endpoint.target(),
                };
                due.push((self.outcomes.get(&pool).map(|outcome| outcome.at), attempt));
            }
        }
        due.sort_by_key(|(at, _)| *at);
        let mut due = in_turn(due, |(_, attempt)| Arc::clone(&attempt.tenant));
        due.truncate(MOST);
        due.into_iter().map(|(_, attempt)| attempt).collect()
    }

    async fn try_some(&mut self, due: Vec<Attempt<PoolId>>) {
        let seen = round(due, LONGEST_ROUND).await;
        for (pool, seen) in &seen {
            self.note_silence(*pool, is_silent(seen));
        }
        let now = SystemTime::now();
        let seen = seen.into_iter();
        self.outcomes
            .extend(seen.map(|(pool, seen)| (pool, Arc::new(Outcome::of(&seen, now)))));
        let report = self.publish();
        self.teller.tell(&report);
    }

    fn note_silence(&mut self, pool: PoolId, is_silent: bool) {
        if is_silent {
            let silence = self.silent.entry(pool).or_default();
            silence.times = silence.times.saturating_add(1);
            silence.sits_out = if silence.times == 1 { 1 } else { MOST_SAT_OUT };
        } else {
            self.silent.remove(&pool);
        }
    }

    fn publish(&self) -> Arc<Report> {
        let report = Report::new(&self.endpoints, &self.outcomes, SystemTime::now());
        let report = Arc::new(report);
        self.publisher.send_replace(Arc::clone(&report));
        report
    }

    /// Changes come in swarms, and replicas see them together: a little later is early enough.
    fn schedule_new(&mut self) {
        let is_new = |endpoint: &Endpoint| !self.outcomes.contains_key(&endpoint.pool());
        if self.settings.mode != PreflightMode::Off
            && self.change.is_none()
            && self.endpoints.iter().any(is_new)
        {
            self.change = Some(Instant::now() + SETTLE + SETTLE.mul_f64(chance() / 2.0));
        }
    }

    fn schedule_again(&mut self) {
        let interval = self.settings.interval;
        let interval = interval.filter(|_| self.settings.mode != PreflightMode::Off);
        self.again = interval.map(|interval| Instant::now() + interval.mul_f64(0.9 + chance() / 5.0));
    }
}

/// Cancel safe.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// From 0 to 1; another one each time, which is all that is asked of it.
fn chance() -> f64 {
    let random = RandomState::new().hash_one(0_u8);
    f64::from(u32::try_from(random >> 32).unwrap_or(u32::MAX)) / f64::from(u32::MAX)
}

const SETTLE: Duration = Duration::from_secs(2);
/// Servers tried in one round; the others have their turn in the next.
const MOST: usize = 1024;
const LONGEST_ROUND: Duration = Duration::from_secs(60);
/// Rounds of all servers that one sits out that was silent twice or more; after the first time it is one.
const MOST_SAT_OUT: u32 = 3;
