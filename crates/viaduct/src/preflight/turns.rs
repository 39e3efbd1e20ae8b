//! Whose turn it is to be tried: few handshakes at once, at a measured pace, and nobody's many before others' few.
//!
//! There is one of it for the process: pre-flight's rounds, the gate's checks and rehearsals share it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

/// Who wants to try whom.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    /// Tenants take turns: a namespace, or a service where there is none.
    pub(super) tenant: Arc<str>,
    /// Name or address.
    pub(super) host: Arc<str>,
}

#[derive(Debug, Default)]
pub(super) struct Turns {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Of each tenant, in the order of their coming.
    waiting: HashMap<Arc<str>, VecDeque<Waiter>>,
    /// The tenants of `waiting`, whose turn is next first.
    order: VecDeque<Arc<str>>,
    running: Vec<Claim>,
    /// When the next one may begin.
    begins: Option<Instant>,
}

#[derive(Debug)]
struct Waiter {
    host: Arc<str>,
    granted: oneshot::Sender<Turn>,
}

/// To be dropped when the handshake is over.
#[derive(Debug)]
pub(super) struct Turn {
    turns: Arc<Turns>,
    claim: Claim,
    begins: Instant,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.lock().release(&self.claim);
        self.turns.grant();
    }
}

impl Turns {
    pub(super) fn of_process() -> Arc<Self> {
        static TURNS: OnceLock<Arc<Turns>> = OnceLock::new();
        Arc::clone(TURNS.get_or_init(Arc::default))
    }

    /// Waits for a turn. Cancel safe: who does not wait any more has none.
    pub(super) async fn take(self: &Arc<Self>, claim: Claim) -> Turn {
        let (granted, turn) = oneshot::channel();
        self.lock().wait(claim, granted);
        self.grant();
        let Ok(turn) = turn.await else {
            // Only those that have gone are forgotten, and this one is here.
            return std::future::pending().await;
        };
        sleep_until(turn.begins).await;
        turn
    }

    fn grant(self: &Arc<Self>) {
        loop {
            // The lock is not held where a turn may be dropped: that takes it, too.
            let next = self.lock().next(Instant::now());
            let Some((claim, granted, begins)) = next else {
                return;
            };
            let turn = Turn {
                turns: Arc::clone(self),
                claim,
                begins,
            };
            // Who has gone this very moment gives it back by dropping it.
            let _gone = granted.send(turn);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wait(&mut self, claim: Claim, granted: oneshot::Sender<Turn>) {
        let queue = self.waiting.entry(Arc::clone(&claim.tenant)).or_default();
        if queue.is_empty() && !self.order.contains(&claim.tenant) {
            self.order.push_back(claim.tenant);
        }
        // Now and then, so that those that have gone do not pile up while all turns are taken.
        if queue.len().is_power_of_two() {
            queue.retain(|waiter| !waiter.granted.is_closed());
        }
        queue.push_back(Waiter {
            host: claim.host,
            granted,
        });
    }

    /// The next one whose turn it is, and when it begins. `None`: nobody's for now.
    fn next(&mut self, now: Instant) -> Option<(Claim, oneshot::Sender<Turn>, Instant)> {
        if self.running.len() >= AT_ONCE {
            return None;
        }
        for _ in 0..self.order.len() {
            let tenant = self.order.pop_front()?;
            let Some(queue) = self.waiting.get_mut(&tenant) else {
                continue;
            };
            queue.retain(|waiter| !waiter.granted.is_closed());
            if queue.is_empty() {
                self.waiting.remove(&tenant);
                continue;
            }
            let running = &self.running;
            let has_turn = running.iter().filter(|other| other.tenant == tenant).count() < OF_A_TENANT;
            let is_free =
                |host: &Arc<str>| running.iter().filter(|other| other.host == *host).count() < OF_A_HOST;
            let found = queue
                .iter()
                .position(|waiter| has_turn && is_free(&waiter.host))
                .and_then(|position| queue.remove(position));
            self.order.push_back(Arc::clone(&tenant));
            if let Some(Waiter { host, granted }) = found {
                let claim = Claim { tenant, host };
                self.running.push(claim.clone());
                let begins = self.begins.map_or(now, |begins| begins.max(now));
                self.begins = Some(begins + PACE);
                return Some((claim, granted, begins));
            }
        }
        None
    }

    fn release(&mut self, claim: &Claim) {
        let is_same = |other: &Claim| other.tenant == claim.tenant && other.host == claim.host;
        if let Some(place) = self.running.iter().position(is_same) {
            self.running.swap_remove(place);
        }
    }
}

/// The first of each tenant, then the second of each, and so on; a tenant's own stay in their order.
pub(super) fn in_turn<T>(items: Vec<T>, tenant: impl Fn(&T) -> Arc<str>) -> Vec<T> {
    let mut seen: HashMap<Arc<str>, usize> = HashMap::new();
    let mut numbered: Vec<(usize, T)> = Vec::with_capacity(items.len());
    for item in items {
        let count = seen.entry(tenant(&item)).or_default();
        numbered.push((*count, item));
        *count += 1;
    }
    numbered.sort_by_key(|(number, _)| *number);
    numbered.into_iter().map(|(_, item)| item).collect()
}

/// Handshakes at once.
const AT_ONCE: usize = 16;
/// Of these for one tenant: others find turns also while all of its servers are silent.
const OF_A_TENANT: usize = 8;
/// Of these to one host, whoever wants them.
const OF_A_HOST: usize = 4;
/// From one beginning to the next: at most 50 a second.
const PACE: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests;
