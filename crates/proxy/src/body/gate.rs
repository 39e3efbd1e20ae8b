//! `Expect: 100-continue` (A7.10): the body waits for the backend's 100, or for a second as Go does.
//!
//! Polling the client's body is what makes our server ask the client for it, so holding the body back
//! is enough. A backend that answers at once gets no body at all: its connection ends with the answer,
//! and so does the client's, because nobody can say what its next bytes are (C8).

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::time::Sleep;

use super::upload::UploadError;

/// Stands before a request body.
pub(crate) struct Gate {
    state: Arc<State>,
    patience: Pin<Box<Sleep>>,
}

/// Opens a [`Gate`]. `Send`, because hyper asks that of callbacks.
pub(crate) struct GateKey(Arc<State>);

/// Keeps a gate shut for good; dropped, it ends the body and with it the connection.
pub(crate) struct Shut(Arc<State>);

#[derive(Default)]
struct State {
    phase: AtomicU8,
    waker: AtomicWaker,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self {
            state: Arc::default(),
            patience: Box::pin(tokio::time::sleep(PATIENCE)),
        }
    }

    pub(crate) fn key(&self) -> GateKey {
        GateKey(Arc::clone(&self.state))
    }

    pub(super) fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), UploadError>> {
        self.state.waker.register(cx.waker());
        match self.state.phase.load(Ordering::Acquire) {
            WAITING => {
                ready!(self.patience.as_mut().poll(cx));
                // Whoever asks later is told that the body is on its way.
                self.state.phase.store(OPEN, Ordering::Release);
                Poll::Ready(Ok(()))
            }
            OPEN => Poll::Ready(Ok(())),
            SHUT => Poll::Pending,
            _ => Poll::Ready(Err(UploadError::Unwanted)),
        }
    }
}

impl GateKey {
    pub(crate) fn open(&self) {
        self.0.turn(WAITING, OPEN);
    }

    /// The final answer has come: if the body has not been asked for, it never is.
    pub(crate) fn shut(self) -> Option<Shut> {
        self.0.turn(WAITING, SHUT).then_some(Shut(self.0))
    }
}

impl State {
    fn turn(&self, from: u8, to: u8) -> bool {
        let turned = self
            .phase
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire)
            .is_ok();
        self.waker.wake();
        turned
    }
}

impl Drop for Shut {
    fn drop(&mut self) {
        self.0.turn(SHUT, ENDED);
    }
}

const WAITING: u8 = 0;
const OPEN: u8 = 1;
const SHUT: u8 = 2;
const ENDED: u8 = 3;

/// Go's `ExpectContinueTimeout`, fixed in Traefik.
const PATIENCE: Duration = Duration::from_secs(1);
