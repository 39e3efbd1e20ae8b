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
    /// h2 has something to say, and the client does not take it; in this turn, in the one before.
    stuck: [bool; 2],
    /// Frames that came meanwhile: each may have made h2 say more.
    owed: u32,
    /// The client has closed its half.
    ended: bool,
}

pub(super) fn cork(io: ClientIo) -> (Corked, Cork) {
    let state = Rc::new(RefCell::new(State {
        io,
        gathered: Vec::new(),
        sent: 0,
        read: 0,
        ledger: Ledger::default(),
        stuck: [false; 2],
        owed: 0,
        ended: false,
    }));
    (Corked(Rc::clone(&state)), Cork(state))
}

impl Cork {
    /// Another [`MOST_PER_TURN`] may be read.
    pub(super) fn begin_turn(&self) {
        let mut state = self.0.borrow_mut();
        state.read = 0;
        let [now, _] = state.stuck;
        state.stuck = [false, now];
        if !now {
            // A turn in which nothing was held up leaves nothing behind.
            state.owed = 0;
        }
    }

    /// See [`Ledger::is_misused`].
    pub(super) fn is_misused(&self) -> bool {
        self.0.borrow().ledger.is_misused()
    }

    /// Says why the connection ends, behind what has been gathered.
    pub(super) fn say_goaway(&self) {
        let mut state = self.0.borrow_mut();
        if let Some(goaway) = state.ledger.goaway() {
            state.gathered.extend(goaway);
        }
    }

    /// The socket, once hyper has let go of its end. `None`: the client has closed.
    pub(super) fn into_io(self) -> Option<ClientIo> {
        let state = Rc::into_inner(self.0)?.into_inner();
        (!state.ended).then_some(state.io)
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

    fn poll_write(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let length: usize = slices.iter().map(|slice| slice.len()).sum();
        if length >= LARGE {
            // Not worth copying.
            ready!(self.poll_send(cx))?;
            let written = ready!(Pin::new(&mut self.io).poll_write_vectored(cx, slices))?;
            self.note_written(slices, written);
            return Poll::Ready(Ok(written));
        }
        ready!(self.poll_room(cx))?;
        for slice in slices {
            self.gathered.extend_from_slice(slice);
        }
        self.note_written(slices, length);
        Poll::Ready(Ok(length))
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
            Poll::Ready(Ok(())) => {
                let bytes = buffer.filled().get(before..).unwrap_or_default();
                state.ended |= bytes.is_empty();
                let frames = state.ledger.read(bytes);
                if let [_, true] = state.stuck {
                    state.owed = state.owed.saturating_add(frames);
                }
            }
            Poll::Ready(Err(_)) => state.ended = true,
            Poll::Pending => state.ledger.drained(),
        }
        if state.owed > MOST_OWED {
            return Poll::Ready(Err(io::Error::other("the client sends, and takes nothing")));
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
        let outcome = state.poll_write(cx, slices);
        let [stuck, _] = &mut state.stuck;
        *stuck = outcome.is_pending();
        outcome
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
/// Frames of a client that takes nothing, as long as something waits for it. Its windows leave room for a megabyte of
/// DATA; what answers the rest would pile up in h2 (RUSTSEC-2024-0003).
const MOST_OWED: u32 = 4096;
