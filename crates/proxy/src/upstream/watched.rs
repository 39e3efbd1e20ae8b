//! What a connection's bytes say that hyper's errors do not: a TLS record on a plain port, and the TLS
//! error behind a failed read, which the h2 crate turns into text.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Noticed at most once per connection. Shared with the [`Link`](super::Link); `Sync`, because hyper
/// asks upgradable connections to be `Send`.
#[derive(Debug, Default)]
pub(super) struct Notes {
    seen: OnceLock<Seen>,
}

#[derive(Debug)]
enum Seen {
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
            Some(Seen::TlsRecord) | None => None,
        }
    }

    /// The first of all stays.
    fn note(&self, seen: Seen) {
        self.seen.get_or_init(|| seen);
    }
}

/// Looks at the first bytes read, and at errors.
pub(super) struct Watched<IO> {
    io: IO,
    notes: Arc<Notes>,
    /// Nothing has been read.
    fresh: bool,
}

impl<IO> Watched<IO> {
    pub(super) fn new(io: IO, notes: Arc<Notes>) -> Self {
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
        match &outcome {
            Ok(()) if self.fresh => {
                self.fresh = false;
                // An alert or a handshake record of any TLS version. HTTP begins with `H`.
                if let Some([0x15 | 0x16, 3, ..]) = buffer.filled().get(before..) {
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
        Pin::new(&mut self.io).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
