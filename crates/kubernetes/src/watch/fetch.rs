//! Secrets and ConfigMaps that somebody began to refer to after their data had been dropped.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;
use tokio::task::{Id, JoinSet};
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
    asked: HashMap<Id, Wanted>,
    tasks: JoinSet<Fetched>,
    failed: BTreeMap<Wanted, Backoff>,
    /// What is wanted and not there.
    missed: BTreeMap<Wanted, Missed>,
    /// Whether an update is held back.
    held: bool,
}

/// Each is waited for by itself: one that cannot be had neither holds up updates for ever, nor makes them go without
/// what is missed later.
struct Missed {
    since: Instant,
    /// The API server has said that it cannot be had.
    denied: bool,
    /// Why it is not there, as it was told last.
    told: Option<String>,
}

impl Missed {
    fn is_awaited(&self) -> bool {
        !self.denied && self.since.elapsed() < PATIENCE
    }
}

/// An answer.
pub(super) struct Fetched {
    wanted: Wanted,
    outcome: Result<Json, ApiError>,
    collection: Collection,
    /// Whether a failure is to be told: nobody waits for it any longer, and it is not what was told before.
    news: bool,
}

impl Fetched {
    /// Puts it into the index. Returns whether that says anything new.
    pub(super) fn settle(self, index: &mut Index) -> bool {
        let (kind, name) = &self.wanted;
        match self.outcome {
            Ok(object) => match Arrival::read(&self.collection, object, |_| true) {
                Some(arrival) => index.fill(&self.collection, arrival),
                None => false,
            },
            Err(error) => {
                index.unfetched(*kind, name, &error.to_string());
                self.news
            }
        }
    }
}

impl Fetches {
    pub(super) fn new(connection: Arc<Connection>) -> Self {
        Self {
            connection,
            queue: BTreeSet::new(),
            asked: HashMap::new(),
            tasks: JoinSet::new(),
            failed: BTreeMap::new(),
            missed: BTreeMap::new(),
            held: false,
        }
    }

    /// Asks for what is lacking. Whether to wait with an update until it has come, because waiting is not in vain yet.
    pub(super) fn hold(&mut self, lacking: Vec<Wanted>) -> bool {
        let wanted: BTreeSet<Wanted> = lacking.into_iter().collect();
        self.failed.retain(|known, _| wanted.contains(known));
        self.missed.retain(|known, _| wanted.contains(known));
        for one in &wanted {
            self.missed.entry(one.clone()).or_insert_with(|| Missed {
                since: Instant::now(),
                denied: false,
                told: None,
            });
        }
        let asked: BTreeSet<_> = self.asked.values().cloned().collect();
        self.queue = wanted.difference(&asked).cloned().collect();
        self.ask();
        self.held = self.is_awaiting();
        self.held
    }

    /// Whether everything that is wanted is there.
    pub(super) fn lack_nothing(&self) -> bool {
        self.missed.is_empty() && !self.held
    }

    fn is_awaiting(&self) -> bool {
        self.missed.values().any(Missed::is_awaited)
    }

    /// When waiting for one of them begins to be in vain.
    pub(super) fn patience(&self) -> Option<Instant> {
        let awaited = self.missed.values().filter(|missed| missed.is_awaited());
        awaited.map(|missed| missed.since + PATIENCE).min()
    }

    /// Whether an update that was held back has to wait no longer.
    pub(super) fn is_due(&self) -> bool {
        self.held && !self.is_awaiting()
    }

    /// The next answer; for ever pending while nothing is asked for. Cancel safe.
    pub(super) async fn next(&mut self) -> Fetched {
        loop {
            match self.tasks.join_next_with_id().await {
                Some(Ok((task, mut fetched))) => {
                    self.asked.remove(&task);
                    match &fetched.outcome {
                        Ok(_) => drop(self.failed.remove(&fetched.wanted)),
                        Err(error) => {
                            fetched.news = self.miss(&fetched.wanted, error);
                            self.again(&fetched.wanted);
                        }
                    }
                    self.ask();
                    return fetched;
                }
                Some(Err(error)) => {
                    tracing::error!(%error, "fetching an object failed: it is asked for again");
                    if let Some(wanted) = self.asked.remove(&error.id()) {
                        self.again(&wanted);
                    }
                    self.ask();
                }
                None => std::future::pending().await,
            }
        }
    }

    /// Notes why one could not be had. Whether that is to be told.
    fn miss(&mut self, wanted: &Wanted, error: &ApiError) -> bool {
        let Some(missed) = self.missed.get_mut(wanted) else {
            return false;
        };
        missed.denied |= matches!(error.code(), Some(403 | 404));
        let why = error.to_string();
        let news = !missed.is_awaited() && missed.told.as_ref() != Some(&why);
        if news {
            missed.told = Some(why);
        }
        news
    }

    fn again(&mut self, wanted: &Wanted) {
        self.failed.entry(wanted.clone()).or_default();
        self.queue.insert(wanted.clone());
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
            let task = self.tasks.spawn(fetch(connection, wanted.clone(), wait));
            self.asked.insert(task.id(), wanted);
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
        news: false,
        wanted,
    }
}

const AT_ONCE: usize = 16;
/// How long an update is held back for what it lacks; what is served meanwhile is what was served before.
const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::super::Access;
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn r14_a_secret_that_never_comes_does_not_end_the_waiting_for_others() {
        // It accepts connections, and never answers.
        let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
        let access = Access {
            endpoint: Some(format!("http://{}", silent.local_addr().expect("an address"))),
            ..Access::default()
        };
        let connection = Connection::open(access).await.expect("a client");
        let mut fetches = Fetches::new(Arc::new(connection));
        let secret = |name: &str| (Kind::Secret, Name::new("web", name));
        assert!(fetches.hold(vec![secret("lost")]));
        sleep(PATIENCE).await;
        assert!(fetches.is_due(), "the update that was held back");
        assert!(
            !fetches.hold(vec![secret("lost")]),
            "it was waited for long enough"
        );
        assert!(!fetches.is_due(), "told");
        let both = || vec![secret("lost"), secret("new")];
        assert!(fetches.hold(both()), "another one is waited for as well");
        let forbidden = ApiError::Status {
            code: 403,
            message: String::new(),
            retry_after: None,
        };
        assert!(
            fetches.miss(&secret("new"), &forbidden),
            "an answer, so it is told"
        );
        assert!(!fetches.miss(&secret("new"), &forbidden), "once");
        assert!(fetches.is_due(), "nobody waits after an answer");
        assert!(!fetches.hold(both()));
    }
}
