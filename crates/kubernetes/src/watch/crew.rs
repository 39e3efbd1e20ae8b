//! The tasks that follow collections. One that panics is begun again (R22): its kind would be stale for ever otherwise.

use std::collections::{BTreeMap, HashMap};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, sleep};

use super::backoff::Backoff;
use super::follower::told;
use crate::index::Collection;

type Following = Pin<Box<dyn Future<Output = ()> + Send>>;
type Begin = dyn Fn(Arc<Collection>) -> Following + Send;

/// One task for each collection.
pub(super) struct Crew {
    begin: Box<Begin>,
    tasks: JoinSet<()>,
    following: HashMap<Id, Arc<Collection>>,
    lost: BTreeMap<Arc<Collection>, Lost>,
}

/// How often a task has panicked, and when it did last.
struct Lost {
    backoff: Backoff,
    times: u32,
    last: Instant,
}

impl Crew {
    /// `begin` follows a collection.
    pub(super) fn new(begin: impl Fn(Arc<Collection>) -> Following + Send + 'static) -> Self {
        Self {
            begin: Box::new(begin),
            tasks: JoinSet::new(),
            following: HashMap::new(),
            lost: BTreeMap::new(),
        }
    }

    pub(super) fn start(&mut self, collection: Arc<Collection>) {
        self.start_after(Duration::ZERO, collection);
    }

    fn start_after(&mut self, wait: Duration, collection: Arc<Collection>) {
        let following = (self.begin)(Arc::clone(&collection));
        let task = self.tasks.spawn(async move {
            sleep(wait).await;
            following.await;
        });
        self.following.insert(task.id(), collection);
    }

    /// The next collection whose task panicked and has been begun again, and how often that has happened. Pending while
    /// none does. Cancel safe.
    pub(super) async fn restarted(&mut self) -> (Arc<Collection>, u32) {
        loop {
            match self.tasks.join_next_with_id().await {
                Some(Ok((task, ()))) => drop(self.following.remove(&task)),
                Some(Err(error)) => {
                    if let Some(collection) = self.following.remove(&error.id()) {
                        return self.restart(collection);
                    }
                }
                None => std::future::pending().await,
            }
        }
    }

    fn restart(&mut self, collection: Arc<Collection>) -> (Arc<Collection>, u32) {
        let lost = self.lost.entry(Arc::clone(&collection)).or_insert_with(|| Lost {
            backoff: Backoff::default(),
            times: 0,
            last: Instant::now(),
        });
        if lost.last.elapsed() > FORGIVEN {
            lost.backoff.reset();
        }
        lost.last = Instant::now();
        lost.times = lost.times.saturating_add(1);
        let (times, wait) = (lost.times, lost.backoff.next());
        tracing::error!(
            collection = %told(&collection),
            times,
            "following a collection failed: it is begun again, and what was known stays in service"
        );
        self.start_after(wait, Arc::clone(&collection));
        (collection, times)
    }
}

/// A panic so long ago does not make the next one wait longer.
const FORGIVEN: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::mpsc;

    use super::*;
    use crate::api::Kind;

    #[tokio::test(start_paused = true)]
    async fn r14_a_follower_that_panics_is_begun_again_and_counted() {
        let collection = |kind| {
            Arc::new(Collection {
                kind,
                old: false,
                namespace: None,
            })
        };
        let (to, mut lists) = mpsc::channel(8);
        let begun = Arc::new(AtomicU32::new(0));
        let mut crew = Crew::new(move |collection: Arc<Collection>| {
            let (to, begun) = (to.clone(), Arc::clone(&begun));
            Box::pin(async move {
                let bad = collection.kind == Kind::Secret;
                assert!(
                    !(bad && begun.fetch_add(1, Ordering::Relaxed) < 2),
                    "a fault of ours"
                );
                to.send(collection.kind).await.unwrap_or_default();
                std::future::pending::<()>().await;
            })
        });
        crew.start(collection(Kind::Service));
        crew.start(collection(Kind::Secret));
        assert_eq!(lists.recv().await, Some(Kind::Service));
        for times in 1..=2 {
            let (restarted, count) = crew.restarted().await;
            assert_eq!((restarted.kind, count), (Kind::Secret, times));
        }
        assert_eq!(lists.recv().await, Some(Kind::Secret));
        assert_eq!(crew.following.len(), 2);
    }
}
