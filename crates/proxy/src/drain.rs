//! Going down without losing a request.
//!
//! Every connection holds a [`Seat`] from accept to its last byte, tunnels included. When the drain begins
//! each is woken once; from then on it asks [`Drain::is_draining`], which costs a read of a cell.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use slab::Slab;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::worker::Worker;

/// What the whole process is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Serving,
    /// Each entry point goes through the end of its [`crate::config::LifeCycle`].
    Draining,
}

/// The worker's switches, one for each entry point, and its list of connections.
pub(crate) struct Drain {
    since: Box<[Cell<Option<Instant>>]>,
    begun: Notify,
    /// A connection that has not been polled yet has no waker; it will see the switch itself.
    seats: RefCell<Slab<Option<Waker>>>,
    freed: Notify,
    resting: Cell<usize>,
}

/// A connection's place; dropped with it.
pub(crate) struct Seat {
    worker: Rc<Worker>,
    key: usize,
}

impl Drain {
    /// For so many entry points.
    pub(crate) fn new(entry_points: usize) -> Self {
        Self {
            since: std::iter::repeat_with(Cell::default).take(entry_points).collect(),
            begun: Notify::default(),
            seats: RefCell::default(),
            freed: Notify::default(),
            resting: Cell::default(),
        }
    }

    /// Turns the switch of an entry point and wakes every connection.
    pub(crate) fn begin(&self, entry_point: usize) {
        if let Some(since) = self.since.get(entry_point) {
            since.set(Some(Instant::now()));
        }
        self.begun.notify_waiters();
        for (_, waker) in &*self.seats.borrow() {
            if let Some(waker) = waker {
                waker.wake_by_ref();
            }
        }
    }

    pub(crate) fn is_draining(&self, entry_point: usize) -> bool {
        self.began(entry_point).is_some()
    }

    fn began(&self, entry_point: usize) -> Option<Instant> {
        self.since.get(entry_point)?.get()
    }

    /// When a connection that waits for a request since `waiting` may be closed: a request may be on its
    /// way to us when the drain begins, or the connection may just have been taken from the queue.
    pub(crate) fn lingers_until(&self, entry_point: usize, waiting: Instant) -> Option<Instant> {
        Some(self.began(entry_point)?.max(waiting) + LINGER)
    }

    /// Resolves when the drain of an entry point has begun.
    pub(crate) async fn begun(&self, entry_point: usize) {
        loop {
            let begun = self.begun.notified();
            if self.is_draining(entry_point) {
                return;
            }
            begun.await;
        }
    }

    /// Connections open now.
    pub(crate) fn open(&self) -> usize {
        self.seats.borrow().len()
    }

    /// Of those, the ones that hold nothing but their socket.
    pub(crate) fn resting(&self) -> usize {
        self.resting.get()
    }

    /// Counts a connection among the resting for as long as the value lives.
    pub(crate) fn rest(&self) -> Resting<'_> {
        self.resting.set(self.resting.get() + 1);
        Resting(self)
    }

    /// Resolves when fewer than `limit` connections are open.
    pub(crate) async fn below(&self, limit: usize) {
        while self.open() >= limit {
            self.freed.notified().await;
        }
    }

    /// Resolves when every connection has closed; false when they had not by `deadline`.
    pub(crate) async fn emptied(&self, deadline: Instant) -> bool {
        tokio::time::timeout_at(deadline, self.below(1)).await.is_ok()
    }
}

/// See [`Drain::rest`].
pub(crate) struct Resting<'d>(&'d Drain);

impl Drop for Resting<'_> {
    fn drop(&mut self) {
        self.0.resting.set(self.0.resting.get().saturating_sub(1));
    }
}

impl Seat {
    pub(crate) fn take(worker: Rc<Worker>) -> Self {
        let key = worker.drain.seats.borrow_mut().insert(None);
        Self { worker, key }
    }

    /// Names the current task as the one to wake.
    pub(crate) async fn enroll(&self) {
        poll_fn(|cx| {
            if let Some(waker) = self.worker.drain.seats.borrow_mut().get_mut(self.key) {
                *waker = Some(cx.waker().clone());
            }
            Poll::Ready(())
        })
        .await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let drain = &self.worker.drain;
        drop(drain.seats.borrow_mut().try_remove(self.key));
        drain.freed.notify_waiters();
        if std::thread::panicking() {
            tracing::error!("a connection's task panicked; the others go on");
        }
    }
}

/// Longer than a request takes from a client's socket to ours.
const LINGER: Duration = Duration::from_millis(500);
