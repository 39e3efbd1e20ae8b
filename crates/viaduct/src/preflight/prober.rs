//! When which servers are tried.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use viaduct_config::install::PreflightMode;
use viaduct_kubernetes::events::Events;
use viaduct_proxy::probe::Target;
use viaduct_snapshot::{PoolId, Snapshot};

use super::Settings;
use super::endpoints::{Endpoint, endpoints};
use super::report::{Outcome, Report};
use super::round::round;
use super::tell::Teller;

pub(super) struct Prober {
    settings: Settings,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    publisher: watch::Sender<Arc<Report>>,
    teller: Teller,
    endpoints: Vec<Endpoint>,
    /// Of servers that the snapshot in force has. A server under another trust has another pool.
    outcomes: HashMap<PoolId, Arc<Outcome>>,
    /// When what is new is tried; `None`: nothing is.
    change: Option<Instant>,
    /// When everything is tried again.
    again: Option<Instant>,
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
        drop(snapshot);
        let live: HashSet<_> = self.endpoints.iter().map(Endpoint::pool).collect();
        self.outcomes.retain(|pool, _| live.contains(pool));
        self.publish();
        self.schedule_new();
    }

    async fn try_new(&mut self) {
        self.change = None;
        let started = Instant::now();
        self.try_some(|known| known.is_none()).await;
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
        self.try_some(|_| true).await;
        self.schedule_again();
    }

    /// Those that were never tried come first, then those whose outcome is oldest.
    async fn try_some(&mut self, is_due: impl Fn(Option<&Outcome>) -> bool) {
        let mut due: Vec<(Option<SystemTime>, PoolId, Target)> = Vec::new();
        let mut once = HashSet::new();
        for endpoint in &self.endpoints {
            let pool = endpoint.pool();
            let known = self.outcomes.get(&pool);
            if is_due(known.map(Arc::as_ref)) && once.insert(pool) {
                due.push((known.map(|outcome| outcome.at), pool, endpoint.target()));
            }
        }
        due.sort_by_key(|(at, ..)| *at);
        due.truncate(MOST);
        let due = due.into_iter().map(|(_, pool, target)| (pool, target)).collect();
        let seen = round(due, LONGEST_ROUND).await;
        let now = SystemTime::now();
        let seen = seen.into_iter();
        self.outcomes
            .extend(seen.map(|(pool, seen)| (pool, Arc::new(Outcome::of(&seen, now)))));
        let report = self.publish();
        self.teller.tell(&report);
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
