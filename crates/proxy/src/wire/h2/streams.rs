//! Looks after each stream of an HTTP/2 connection: how long its answer takes, and how long its client takes
//! nothing of it (C25, C26, A2.11).
//!
//! hyper keeps the flow control to itself, but asks an answer's body for more only when the window had room
//! for what it got before. A body that gave and was not asked again waits for its client; its stream can be
//! ended alone, by ending the task that hyper runs it in.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use slab::Slab;
use tokio::task::AbortHandle;

/// The streams of one connection that have no whole answer yet.
#[derive(Debug, Default)]
pub(in crate::wire) struct Streams {
    places: RefCell<Slab<Stream>>,
    /// Taken by the service, not yet run by the [`Executor`].
    newest: Cell<Option<usize>>,
    /// Looks so far: the clock of all streams, which costs them nothing.
    looks: Cell<u32>,
}

#[derive(Debug)]
struct Stream {
    since: u32,
    /// The client has had a frame since then, and nothing more was asked for.
    waits_since: Option<u32>,
    task: Option<AbortHandle>,
}

/// A stream's place; dropped with its answer.
#[derive(Debug)]
pub(in crate::wire) struct Place {
    streams: Rc<Streams>,
    key: usize,
}

/// In looks; `None`: for ever.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    stall: Option<u32>,
    answer: Option<u32>,
}

impl Patience {
    /// Zero: for ever. `tick`: between two looks.
    pub(super) fn new(stall: Duration, answer: Duration, tick: Duration) -> Self {
        let looks = |limit: Duration| {
            let looks = limit.as_millis().div_ceil(tick.as_millis().max(1));
            (looks > 0).then(|| u32::try_from(looks).unwrap_or(u32::MAX))
        };
        Self {
            stall: looks(stall),
            answer: looks(answer),
        }
    }
}

impl Streams {
    pub(in crate::wire) fn open(self: &Rc<Self>) -> Place {
        let key = self.places.borrow_mut().insert(Stream {
            since: self.looks.get(),
            waits_since: None,
            task: None,
        });
        self.newest.set(Some(key));
        Place {
            streams: Rc::clone(self),
            key,
        }
    }

    /// Ends the streams whose client or whose answer takes too long: the client gets RST_STREAM. Returns how
    /// many.
    pub(super) fn look(&self, patience: Patience) -> usize {
        let now = self.looks.get().wrapping_add(1);
        self.looks.set(now);
        // A limit may begin anywhere between two looks.
        let over =
            |since: u32, limit: Option<u32>| limit.is_some_and(|limit| now.wrapping_sub(since) > limit);
        let mut ended = 0;
        for (_, stream) in &*self.places.borrow() {
            let stalled = stream
                .waits_since
                .is_some_and(|since| over(since, patience.stall));
            if let Some(task) = &stream.task
                && (stalled || over(stream.since, patience.answer))
            {
                task.abort();
                ended += 1;
            }
        }
        ended
    }
}

impl Place {
    /// The answer's body gave a frame; or (`false`) it is asked for the next.
    pub(in crate::wire) fn waits(&self, waits: bool) {
        let looks = self.streams.looks.get();
        if let Some(stream) = self.streams.places.borrow_mut().get_mut(self.key) {
            stream.waits_since = waits.then_some(looks);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.streams.places.borrow_mut().try_remove(self.key));
    }
}

/// Runs hyper's task for each stream.
#[derive(Clone)]
pub(super) struct Executor(pub(super) Rc<Streams>);

impl<F> hyper::rt::Executor<F> for Executor
where
    F: Future + 'static,
    F::Output: 'static,
{
    /// hyper asks for this directly behind the service, so the newest place is this stream's.
    fn execute(&self, future: F) {
        let task = tokio::task::spawn_local(future);
        if let Some(key) = self.0.newest.take()
            && let Some(stream) = self.0.places.borrow_mut().get_mut(key)
        {
            stream.task = Some(task.abort_handle());
        }
    }
}
