//! What a connection's bytes say that hyper's errors do not: a TLS record on a plain port, the TLS error
//! behind a failed read, which the h2 crate turns into text, and a server that sends and sends and says
//! nothing (C10, C12): interim answers, frames or chunk headers without end.
//!
//! And what hyper would not wait for: the answer of a server that takes no more of an upload. hyper gives a connection
//! up when it cannot write; here what is written to nobody is dropped, and reading tells how the connection ends.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::dial;

/// Noticed at most once per connection. Shared with the [`Link`](super::Link); `Sync`, because hyper
/// asks upgradable connections to be `Send`.
#[derive(Debug)]
pub(crate) struct Notes {
    seen: OnceLock<Seen>,
    /// Bytes that may be read before there is progress. The connection's task and its exchanges are on one
    /// thread.
    left: AtomicI64,
    /// The server takes no more.
    deaf: AtomicBool,
}

impl Default for Notes {
    fn default() -> Self {
        Self {
            seen: OnceLock::new(),
            left: AtomicI64::new(MOST_NOISE),
            deaf: AtomicBool::new(false),
        }
    }
}

#[derive(Debug)]
enum Seen {
    /// Too much of nothing.
    Noise,
    /// The first bytes of a plain-text answer were a TLS record.
    TlsRecord,
    TlsError(rustls::Error),
}

impl Notes {
    pub(super) fn answered_with_tls(&self) -> bool {
        matches!(self.seen.get(), Some(Seen::TlsRecord))
    }

    pub(super) fn tls_error(&self) -> Option<&rustls::Error> {
        match self.seen.get() {
            Some(Seen::TlsError(error)) => Some(error),
            Some(Seen::TlsRecord | Seen::Noise) | None => None,
        }
    }

    pub(super) fn is_deaf(&self) -> bool {
        self.deaf.load(Ordering::Relaxed)
    }

    pub(super) fn was_noisy(&self) -> bool {
        matches!(self.seen.get(), Some(Seen::Noise))
    }

    /// Of a connection that carries its first request: nothing was read.
    pub(super) fn is_silent(&self) -> bool {
        self.seen.get().is_none() && self.left.load(Ordering::Relaxed) == MOST_NOISE
    }

    /// A head or a part of a body has come of what was read.
    pub(super) fn progressed(&self) {
        if self.left.load(Ordering::Relaxed) <= MOST_NOISE {
            self.left.store(MOST_NOISE, Ordering::Relaxed);
        }
    }

    /// From now on the bytes are nobody's business.
    pub(super) fn opened(&self) {
        self.left.store(i64::MAX, Ordering::Relaxed);
    }

    fn take(&self, read: usize) -> io::Result<()> {
        let left = self.left.load(Ordering::Relaxed);
        if left == i64::MAX {
            return Ok(());
        }
        let left = left.saturating_sub(i64::try_from(read).unwrap_or(i64::MAX));
        self.left.store(left, Ordering::Relaxed);
        if left < 0 {
            self.note(Seen::Noise);
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the server sends without end and says nothing",
            ));
        }
        Ok(())
    }

    /// An upload is progress, although its server says no more than that it goes on. An answer to a PING is as
    /// long as the PING: it earns less than it cost.
    fn give(&self, written: usize) {
        let left = self.left.load(Ordering::Relaxed);
        if left < MOST_NOISE {
            let earned = i64::try_from(written / EARNED).unwrap_or(MOST_NOISE);
            self.left
                .store(left.saturating_add(earned).min(MOST_NOISE), Ordering::Relaxed);
        }
    }

    /// What came of a write of `length` bytes, and whether they went anywhere.
    fn note_write(&self, written: io::Result<usize>, length: usize) -> io::Result<usize> {
        match written {
            Ok(count) => {
                self.give(count);
                Ok(count)
            }
            Err(error) if is_hang_up(&error) => {
                self.deaf.store(true, Ordering::Relaxed);
                Ok(length)
            }
            Err(error) => Err(error),
        }
    }

    /// The first of all stays.
    fn note(&self, seen: Seen) {
        self.seen.get_or_init(|| seen);
    }
}

/// Looks at the first bytes read, and at errors.
pub(crate) struct Watched<IO> {
    io: IO,
    notes: Arc<Notes>,
    /// Nothing has been read.
    fresh: bool,
}

impl<IO> Watched<IO> {
    pub(crate) fn new(io: IO, notes: Arc<Notes>) -> Self {
        Self {
            io,
            notes,
            fresh: true,
        }
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Watched<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = ready!(Pin::new(&mut self.io).poll_read(cx, buffer));
        self.notes.take(buffer.filled().len().saturating_sub(before))?;
        match &outcome {
            Ok(()) if self.fresh => {
                self.fresh = false;
                if buffer.filled().get(before..).is_some_and(dial::is_tls_record) {
                    self.notes.note(Seen::TlsRecord);
                }
            }
            Ok(()) => {}
            Err(error) => {
                if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
                    self.notes.note(Seen::TlsError(rustls::Error::clone(error)));
                }
            }
        }
        Poll::Ready(outcome)
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Watched<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        if self.notes.is_deaf() {
            return Poll::Ready(Ok(data.len()));
        }
        let written = ready!(Pin::new(&mut self.io).poll_write(cx, data));
        Poll::Ready(self.notes.note_write(written, data.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.notes.is_deaf() {
            return Poll::Ready(Ok(()));
        }
        let flushed = ready!(Pin::new(&mut self.io).poll_flush(cx));
        Poll::Ready(self.notes.note_write(flushed.map(|()| 0), 0).map(|_| ()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = data.iter().map(|slice| slice.len()).sum();
        if self.notes.is_deaf() {
            return Poll::Ready(Ok(length));
        }
        let written = ready!(Pin::new(&mut self.io).poll_write_vectored(cx, data));
        Poll::Ready(self.notes.note_write(written, length))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

/// The server has closed the connection; what it said before can still be read.
fn is_hang_up(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted
    )
}

/// More than a window of HTTP/2 that waits for a slow client.
const MOST_NOISE: i64 = 16 << 20;
/// Bytes written that make up for one read.
const EARNED: usize = 4;
