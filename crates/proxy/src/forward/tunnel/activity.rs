//! Whether anything comes through a tunnel, and how much.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Shared by both ends of a tunnel.
#[derive(Default)]
pub(super) struct Activity(Cell<bool>);

impl Activity {
    /// Resolves when nothing has come for `limit`, and at most a quarter later; zero: never.
    pub(super) async fn ceased(&self, limit: Duration) {
        if limit.is_zero() {
            return std::future::pending().await;
        }
        let mut quiet = 0;
        while quiet < PARTS {
            tokio::time::sleep(limit / PARTS).await;
            quiet = if self.0.take() { 0 } else { quiet + 1 };
        }
    }
}

/// One end of a tunnel: counts what is read from it.
pub(super) struct Observed<'a, IO> {
    io: IO,
    activity: &'a Activity,
    read: u64,
}

impl<'a, IO> Observed<'a, IO> {
    pub(super) fn new(io: IO, activity: &'a Activity) -> Self {
        Self {
            io,
            activity,
            read: 0,
        }
    }

    /// Bytes so far.
    pub(super) fn read(&self) -> u64 {
        self.read
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Observed<'_, IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buffer))?;
        let count = buffer.filled().len().saturating_sub(before);
        self.read += count as u64;
        self.activity.0.set(true);
        Poll::Ready(Ok(()))
    }
}

/// What is taken counts as well: a slow reader is not idle.
impl<IO: AsyncWrite + Unpin> AsyncWrite for Observed<'_, IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.io).poll_write(cx, data))?;
        self.activity.0.set(true);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// Looks per limit.
const PARTS: u32 = 4;
