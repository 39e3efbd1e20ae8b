//! A client's socket, with or without TLS, and what its use tells of the connection.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use viaduct_tls::TlsStream;

/// The bytes that were read too early, then the socket. Goes into hyper and, when the connection falls
/// idle, comes out again.
pub(crate) struct ClientIo {
    socket: Socket,
    early: Bytes,
    gauge: Arc<Gauge>,
}

enum Socket {
    Plain(TcpStream),
    Tls(TlsStream<TcpStream>),
}

/// How writing goes. Shared with whoever drives the connection, because hyper does not let look at a socket
/// it was given; atomic only because hyper wants an upgradable socket to be `Send`.
#[derive(Debug, Default)]
pub(super) struct Gauge {
    blocked: AtomicBool,
    written: AtomicU64,
    /// The client has sent something that is no part of a request whose end has come.
    unsettled: AtomicBool,
}

impl Gauge {
    /// The last write or flush had to wait for the client.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked.load(Ordering::Relaxed)
    }

    /// Bytes taken by the socket so far.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Whether the client may be in the middle of something: a head that could not be read, or a body that nobody
    /// wanted.
    pub(super) fn is_unsettled(&self) -> bool {
        self.unsettled.load(Ordering::Relaxed)
    }

    /// A request has come to its end; or (`false`) more of one has come.
    pub(super) fn settle(&self, settled: bool) {
        self.unsettled.store(!settled, Ordering::Relaxed);
    }

    fn note<T>(&self, outcome: &Poll<T>) {
        self.blocked.store(outcome.is_pending(), Ordering::Relaxed);
    }

    fn note_written(&self, outcome: &Poll<io::Result<usize>>) {
        self.note(outcome);
        if let Poll::Ready(Ok(count)) = outcome {
            // This connection's task is the only writer.
            self.written
                .store(self.written() + *count as u64, Ordering::Relaxed);
        }
    }
}

impl ClientIo {
    /// `early`: what has been read of the first request.
    pub(crate) fn plain(socket: TcpStream, early: Vec<u8>) -> Self {
        Self::new(Socket::Plain(socket), early.into())
    }

    pub(crate) fn tls(stream: TlsStream<TcpStream>) -> Self {
        Self::new(Socket::Tls(stream), Bytes::new())
    }

    fn new(socket: Socket, early: Bytes) -> Self {
        Self {
            socket,
            early,
            gauge: Arc::default(),
        }
    }

    pub(super) fn gauge(&self) -> Arc<Gauge> {
        Arc::clone(&self.gauge)
    }

    /// Puts back what hyper has read and not used. Copied: `unused`, empty or not, keeps hyper's whole
    /// buffer alive.
    pub(super) fn unread(&mut self, unused: &[u8]) {
        self.early = Bytes::copy_from_slice(unused);
    }

    /// Whether part of a request has come.
    pub(super) fn has_early(&self) -> bool {
        !self.early.is_empty()
    }

    /// Reads what comes and drops it, as it is on the wire; 0: the client has closed.
    pub(super) fn poll_discard(&self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let socket = match &self.socket {
            Socket::Plain(socket) => socket,
            Socket::Tls(stream) => stream.get_ref(),
        };
        let mut dropped = [0; DISCARDED];
        loop {
            ready!(socket.poll_read_ready(cx))?;
            match socket.try_read(&mut dropped) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return Poll::Ready(outcome),
            }
        }
    }

    /// Waits for bytes from the client, behind those put back. `Ok(false)`: it has closed. Holds no buffer
    /// meanwhile.
    pub(super) fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        match &mut self.socket {
            // Its end is readable too, and hyper will find it.
            Socket::Plain(socket) => socket.poll_read_ready(cx).map_ok(|()| true),
            Socket::Tls(stream) => stream.poll_readable(cx),
        }
    }
}

impl Socket {
    fn pinned(&mut self) -> Pin<&mut dyn Duplex> {
        match self {
            Self::Plain(socket) => Pin::new(socket),
            Self::Tls(stream) => Pin::new(stream),
        }
    }
}

trait Duplex: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Duplex for T {}

impl AsyncRead for ClientIo {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.early.is_empty() {
            let before = buf.filled().len();
            ready!(this.socket.pinned().poll_read(cx, buf))?;
            // A client that has closed is in the middle of nothing.
            this.gauge.settle(buf.filled().len() == before);
            return Poll::Ready(Ok(()));
        }
        this.gauge.settle(false);
        let now = this.early.split_to(this.early.len().min(buf.remaining()));
        buf.put_slice(&now);
        if this.early.is_empty() {
            this.early = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ClientIo {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = this.socket.pinned().poll_write(cx, bytes);
        this.gauge.note_written(&outcome);
        outcome
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = this.socket.pinned().poll_write_vectored(cx, slices);
        this.gauge.note_written(&outcome);
        outcome
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = this.socket.pinned().poll_flush(cx);
        this.gauge.note(&outcome);
        outcome
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().socket.pinned().poll_shutdown(cx)
    }
}

/// At once.
const DISCARDED: usize = 16 * 1024;
