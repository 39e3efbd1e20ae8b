//! What the server knows, behind one lock, and the signal that something has changed.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use jiff::Timestamp;
use rustls::crypto::aws_lc_rs;
use tokio::sync::watch;

use super::access::{Denial, Tokens};
use super::faults::Plan;
use super::record::Request;
use super::resource::Kinds;
use super::store::Store;

/// Shared by the connections, the watches and the test.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    /// Counts changes of anything that a watch looks at.
    changed: watch::Sender<u64>,
    /// Counts resets: each connection ends when it goes up.
    pub(crate) resets: watch::Sender<u64>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) kinds: Kinds,
    pub(crate) tokens: Tokens,
    pub(crate) denials: Vec<Denial>,
    pub(crate) plan: Plan,
    pub(crate) requests: Vec<Request>,
    /// Where the test has set the clock.
    pub(crate) clock: Option<SystemTime>,
}

impl Shared {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                store: Store::new(),
                kinds: Kinds::builtin(),
                tokens: Tokens::default(),
                denials: Vec::new(),
                plan: Plan::default(),
                requests: Vec::new(),
                clock: None,
            }),
            changed: watch::Sender::new(0),
            resets: watch::Sender::new(0),
        }
    }

    /// To look, without waking anybody.
    pub(crate) fn look(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To change; the watches look again afterwards.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.look());
        self.changed.send_modify(|count| *count += 1);
        result
    }

    /// For requests: the watches look again only if something was stored.
    pub(crate) fn serve<T>(&self, serve: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.look();
        let before = state.store.revision();
        let result = serve(&mut state);
        let is_changed = state.store.revision() != before;
        drop(state);
        if is_changed {
            self.changed.send_modify(|count| *count += 1);
        }
        result
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub(crate) fn reset_connections(&self) {
        self.resets.send_modify(|count| *count += 1);
    }
}

impl State {
    /// As objects write it, in whole seconds.
    pub(crate) fn now(&self) -> String {
        let now = self.clock.unwrap_or_else(SystemTime::now);
        let seconds = now
            .duration_since(SystemTime::UNIX_EPOCH)
            .map(|since| i64::try_from(since.as_secs()).unwrap_or_default())
            .unwrap_or_default();
        Timestamp::from_second(seconds)
            .map(|time| time.to_string())
            .unwrap_or_default()
    }
}

/// Random, in the form of a UUID of version 4.
pub(crate) fn uid() -> String {
    let mut bytes = [0_u8; 16];
    fill_random(&mut bytes);
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

/// What `generateName` appends.
pub(crate) fn suffix() -> String {
    let mut bytes = [0_u8; 5];
    fill_random(&mut bytes);
    bytes
        .iter()
        .map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]))
        .collect()
}

fn fill_random(bytes: &mut [u8]) {
    aws_lc_rs::default_provider()
        .secure_random
        .fill(bytes)
        .expect("the system has randomness");
}

/// Kubernetes' own: nothing that spells a word.
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
