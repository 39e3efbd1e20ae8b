//! Gathers what an HTTP/2 connection writes during one turn, to send it as one.
//!
//! h2 writes and flushes every DATA frame by itself. Each such write would be a TLS record, a system call
//! and a segment of its own, which is most of what a small answer costs. Here writes only gather; the
//! connection's own task sends them when h2 has had its turn.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::ClientIo;
use super::h2::frames::{Ledger, Unborn};

/// The end that hyper holds.
pub(super) struct Corked(Rc<RefCell<State>>);

/// The end that sends.
pub(super) struct Cork(Rc<RefCell<State>>);

struct State {
    io: ClientIo,
    gathered: Vec<u8>,
    sent: usize,
    /// Read in this turn.
    read: usize,
    /// What passes through here, for those who ask what became of a stream.
    ledger: Ledger,
}

pub(super) fn cork(io: ClientIo) -> (Corked, Cork) {
    let state = Rc::new(RefCell::new(State {
        io,
        gathered: Vec::new(),
        sent: 0,
        read: 0,
        ledger: Ledger::default(),
    }));
    (Corked(Rc::clone(&state)), Cork(state))
}

impl Cork {
    /// Another [`MOST_PER_TURN`] may be read.
    pub(super) fn begin_turn(&self) {
        self.0.borrow_mut().read = 0;
    }

    /// Streams that ended before they became one of the `taken` requests, since this was last asked.
    pub(super) fn unborn(&self, taken: u64) -> Vec<Unborn> {
        self.0.borrow_mut().ledger.unborn(taken).collect()
    }

    /// Sends what was gathered. Pending when the client does not take it; `cx` is woken when it does.
    pub(super) fn poll_send(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().poll_send(cx)
    }
}

impl State {
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.gathered.is_empty() {
            return Poll::Ready(Ok(()));
        }
        while let Some(rest) = self.gathered.get(self.sent..).filter(|rest| !rest.is_empty()) {
            let count = ready!(Pin::new(&mut self.io).poll_write(cx, rest))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += count;
        }
        self.sent = 0;
        if self.gathered.capacity() > KEPT {
            self.gathered = Vec::new();
        } else {
            self.gathered.clear();
        }
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn note_written(&mut self, slices: &[IoSlice<'_>], mut count: usize) {
        for slice in slices {
            let written = slice.get(..count).unwrap_or(slice);
            count -= written.len();
            self.ledger.written(written);
        }
    }

    /// Room for more, or a client that is too slow for it.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.gathered.len() < MOST {
            return Poll::Ready(Ok(()));
        }
        self.poll_send(cx)
    }
}

impl AsyncRead for Corked {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.0.borrow_mut();
        if state.read >= MOST_PER_TURN {
            state.ledger.drained();
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut state.io).poll_read(cx, buffer);
        state.read += buffer.filled().len().saturating_sub(before);
        match &outcome {
            Poll::Ready(Ok(())) => state
                .ledger
                .read(buffer.filled().get(before..).unwrap_or_default()),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => state.ledger.drained(),
        }
        outcome
    }
}

impl AsyncWrite for Corked {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.0.borrow_mut();
        let length: usize = slices.iter().map(|slice| slice.len()).sum();
        if length >= LARGE {
            // Not worth copying.
            ready!(state.poll_send(cx))?;
            let written = ready!(Pin::new(&mut state.io).poll_write_vectored(cx, slices))?;
            state.note_written(slices, written);
            return Poll::Ready(Ok(written));
        }
        ready!(state.poll_room(cx))?;
        for slice in slices {
            state.gathered.extend_from_slice(slice);
        }
        state.note_written(slices, length);
        Poll::Ready(Ok(length))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// The connection's task does it behind this turn.
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.borrow_mut();
        ready!(state.poll_send(cx))?;
        Pin::new(&mut state.io).poll_shutdown(cx)
    }
}

/// Read per turn at most: what a client asks for is looked at, and refused if it is too much, before it can
/// ask for more. HPACK makes a hundred bytes of one (C25).
const MOST_PER_TURN: usize = 64 * 1024;
/// Gathered at most, and one write more.
const MOST: usize = 64 * 1024;
/// From here on a write goes out by itself: a full record.
const LARGE: usize = 8 * 1024;
/// Kept for the next turn; more is given back.
const KEPT: usize = 4 * 1024;
