//! Going down without losing a request.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{Notify, watch};

/// What the whole process is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Serving,
    /// No new connections; those that are open get this long.
    Draining {
        grace: Duration,
    },
}

/// The worker's switch: set once, awaited by every connection.
pub(crate) struct Drain {
    phase: watch::Receiver<Phase>,
    open: Cell<usize>,
    closed: Notify,
}

/// Keeps the worker alive as long as a connection is; dropped with it.
pub(crate) struct Guard {
    worker: Rc<crate::worker::Worker>,
}

impl Drain {
    pub(crate) fn new(phase: watch::Receiver<Phase>) -> Self {
        Self {
            phase,
            open: Cell::new(0),
            closed: Notify::new(),
        }
    }

    /// Connections open now.
    pub(crate) fn open(&self) -> usize {
        self.open.get()
    }

    /// Resolves when no connection may be accepted any more.
    pub(crate) async fn begun(&self) -> Duration {
        let mut phase = self.phase.clone();
        let draining = phase
            .wait_for(|phase| *phase != Phase::Serving)
            .await
            .map(|phase| *phase);
        match draining {
            Ok(Phase::Draining { grace }) => grace,
            // The control plane has gone: nothing is left to wait for.
            Ok(Phase::Serving) | Err(_) => Duration::ZERO,
        }
    }

    /// Resolves when the worker may end: every connection has closed, or the grace time is over.
    pub(crate) async fn ended(&self) {
        let grace = self.begun().await;
        let closed = async {
            while self.open.get() > 0 {
                self.closed.notified().await;
            }
        };
        if tokio::time::timeout(grace, closed).await.is_err() {
            tracing::warn!(
                connections = self.open.get(),
                "closing what the grace time did not suffice for"
            );
        }
    }

    /// Resolves when a slot is free.
    pub(crate) async fn below(&self, limit: usize) {
        while self.open.get() >= limit {
            self.closed.notified().await;
        }
    }
}

impl Guard {
    pub(crate) fn new(worker: Rc<crate::worker::Worker>) -> Self {
        worker.drain.open.set(worker.drain.open.get() + 1);
        Self { worker }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let drain = &self.worker.drain;
        drain.open.set(drain.open.get().saturating_sub(1));
        drain.closed.notify_waiters();
    }
}
