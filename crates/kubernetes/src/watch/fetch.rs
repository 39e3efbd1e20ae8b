//! Secrets and ConfigMaps that somebody began to refer to after their data had been dropped.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::backoff::Backoff;
use super::connection::{ApiError, Connection};
use super::follower::path;
use crate::api::{Kind, Name};
use crate::index::{Arrival, Collection, Index};

type Wanted = (Kind, Name);

/// Asks for them, a few at a time, until each is there or nobody wants it any more.
pub(super) struct Fetches {
    connection: Arc<Connection>,
    queue: BTreeSet<Wanted>,
    asked: BTreeSet<Wanted>,
    tasks: JoinSet<Fetched>,
    failed: BTreeMap<Wanted, Backoff>,
    /// Since when something is wanted and not there.
    since: Option<Instant>,
}

/// An answer.
pub(super) struct Fetched {
    wanted: Wanted,
    outcome: Result<Json, ApiError>,
    collection: Collection,
    stood: bool,
}

impl Fetched {
    /// Puts it into the index. Returns whether that says anything new.
    pub(super) fn settle(self, index: &mut Index) -> bool {
        let (kind, name) = &self.wanted;
        match self.outcome {
            Ok(object) => match Arrival::read(&self.collection, object, |_| true) {
                Some(arrival) => index.put(&self.collection, arrival),
                None => false,
            },
            Err(error) => {
                index.unfetched(*kind, name, &error.to_string());
                // What waits for it need not wait any longer.
                self.stood
            }
        }
    }
}

impl Fetches {
    pub(super) fn new(connection: Arc<Connection>) -> Self {
        Self {
            connection,
            queue: BTreeSet::new(),
            asked: BTreeSet::new(),
            tasks: JoinSet::new(),
            failed: BTreeMap::new(),
            since: None,
        }
    }

    /// Asks for what is lacking. Whether to wait with an update until it has come, because waiting is not in vain yet.
    pub(super) fn hold(&mut self, lacking: Vec<Wanted>) -> bool {
        let wanted: BTreeSet<Wanted> = lacking.into_iter().collect();
        self.failed.retain(|known, _| wanted.contains(known));
        self.queue = wanted.difference(&self.asked).cloned().collect();
        self.ask();
        if wanted.is_empty() {
            self.since = None;
            return false;
        }
        let since = *self.since.get_or_insert_with(Instant::now);
        since.elapsed() < PATIENCE
    }

    /// When waiting begins to be in vain.
    pub(super) fn patience(&self) -> Option<Instant> {
        let end = self.since? + PATIENCE;
        (end > Instant::now()).then_some(end)
    }

    /// Whether an update that was held back may have to wait no longer.
    pub(super) fn is_due(&self) -> bool {
        self.since.is_some_and(|since| since.elapsed() >= PATIENCE)
    }

    /// The next answer; for ever pending while nothing is asked for. Cancel safe.
    pub(super) async fn next(&mut self) -> Fetched {
        loop {
            match self.tasks.join_next().await {
                Some(Ok(mut fetched)) => {
                    self.asked.remove(&fetched.wanted);
                    if fetched.outcome.is_err() {
                        fetched.stood = self.is_due();
                        self.failed.entry(fetched.wanted.clone()).or_default();
                        self.queue.insert(fetched.wanted.clone());
                    } else {
                        self.failed.remove(&fetched.wanted);
                    }
                    self.ask();
                    return fetched;
                }
                Some(Err(error)) => tracing::error!(%error, "fetching an object failed"),
                None => std::future::pending().await,
            }
        }
    }

    fn ask(&mut self) {
        while self.asked.len() < AT_ONCE
            && let Some(wanted) = self.queue.pop_first()
        {
            let wait = match self.failed.get_mut(&wanted) {
                Some(backoff) => backoff.next(),
                None => Duration::ZERO,
            };
            let connection = Arc::clone(&self.connection);
            self.asked.insert(wanted.clone());
            self.tasks.spawn(fetch(connection, wanted, wait));
        }
    }
}

async fn fetch(connection: Arc<Connection>, wanted: Wanted, wait: Duration) -> Fetched {
    sleep(wait).await;
    let (kind, name) = &wanted;
    let collection = Collection {
        kind: *kind,
        old: false,
        namespace: None,
    };
    let path = path(&collection, kind.plural(), Some(name));
    Fetched {
        outcome: connection.get(&path).await,
        collection,
        stood: false,
        wanted,
    }
}

const AT_ONCE: usize = 16;
/// How long an update is held back for what it lacks; what is served meanwhile is what was served before.
const PATIENCE: Duration = Duration::from_secs(5);
