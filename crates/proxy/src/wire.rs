//! Step 4: HTTP/1.1 and HTTP/2 on an accepted connection; what every request of it shares.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use viaduct_observe::ClientLeg;
use viaduct_snapshot::PolicyId;

use crate::config::Limits;
use crate::headers::Peer;
use crate::request;
use crate::runtime::LocalExecutor;
use crate::worker::Worker;

/// One client connection, shared by its requests.
pub(crate) struct Connection {
    pub(crate) worker: Rc<Worker>,
    /// Index into `Config::entry_points`.
    pub(crate) entry_point: usize,
    pub(crate) client: SocketAddr,
    pub(crate) local: SocketAddr,
    pub(crate) leg: Leg,
    /// What the owned headers say of this client.
    pub(crate) peer: Peer,
}

impl Connection {
    /// `entry_point` is an index into `Config::entry_points`.
    pub(crate) fn new(
        worker: Rc<Worker>,
        entry_point: usize,
        client: SocketAddr,
        local: SocketAddr,
        leg: Leg,
    ) -> Rc<Self> {
        let trust = worker
            .config
            .entry_points
            .get(entry_point)
            .map(|entry| &entry.forwarded);
        let peer = Peer::new(client, trust);
        Rc::new(Self {
            worker,
            entry_point,
            client,
            local,
            leg,
            peer,
        })
    }

    /// Whether this worker listens on `port`.
    pub(crate) fn is_our_port(&self, port: u16) -> bool {
        let mut entry_points = self.worker.config.entry_points.iter();
        self.local.port() == port || entry_points.any(|entry_point| entry_point.address.port() == port)
    }

    pub(crate) fn entry_point_name(&self) -> &str {
        let entry_points = &self.worker.config.entry_points;
        entry_points
            .get(self.entry_point)
            .map_or("", |entry_point| entry_point.name.as_str())
    }
}

/// How the client reached us.
pub(crate) enum Leg {
    Plain,
    Secure { policy: PolicyId, facts: Arc<ClientLeg> },
}

/// Serves the connection to its end.
pub(crate) async fn serve<IO>(connection: Rc<Connection>, io: IO, h2: bool)
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let worker = Rc::clone(&connection.worker);
    let Some(entry) = worker.config.entry_points.get(connection.entry_point) else {
        return;
    };
    worker.counters.connection_opened(connection.entry_point);
    let entry_point = connection.entry_point;
    let service = service_fn(move |raw| {
        let connection = Rc::clone(&connection);
        async move { Ok::<_, Infallible>(request::serve(connection, raw).await) }
    });
    let io = TokioIo::new(io);
    let outcome = if h2 {
        let serving = h2_settings(&entry.limits).serve_connection(io, service);
        let mut serving = std::pin::pin!(serving);
        tokio::select! {
            outcome = &mut serving => outcome,
            _grace = worker.drain.begun() => {
                serving.as_mut().graceful_shutdown();
                serving.await
            }
        }
    } else {
        let mut settings = http1::Builder::new();
        settings
            .half_close(true)
            .max_buf_size(entry.limits.header_bytes.max(8192))
            .timer(TokioTimer::new())
            .header_read_timeout(entry.timeouts.read);
        let serving = settings.serve_connection(io, service).with_upgrades();
        let mut serving = std::pin::pin!(serving);
        tokio::select! {
            outcome = &mut serving => outcome,
            _grace = worker.drain.begun() => {
                serving.as_mut().graceful_shutdown();
                serving.await
            }
        }
    };
    worker.counters.connection_closed(entry_point);
    if let Err(error) = outcome {
        tracing::debug!(%error, "a client connection ended");
    }
}

/// Every limit is written down (C20-C29); none is left to a library's default.
fn h2_settings(limits: &Limits) -> http2::Builder<LocalExecutor> {
    let mut settings = http2::Builder::new(LocalExecutor);
    settings
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.h2_streams)
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .header_table_size(4096)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(FRAME)
        .max_send_buf_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(20)
        .max_local_error_reset_streams(256);
    settings
}

/// Bytes that were read before the protocol was known, then the socket.
pub(crate) struct Replayed {
    first: Vec<u8>,
    taken: usize,
    socket: TcpStream,
}

impl Replayed {
    pub(crate) fn new(first: Vec<u8>, socket: TcpStream) -> Self {
        Self {
            first,
            taken: 0,
            socket,
        }
    }
}

impl AsyncRead for Replayed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let rest = this.first.get(this.taken..).unwrap_or_default();
        if rest.is_empty() {
            this.first = Vec::new();
            this.taken = 0;
            return Pin::new(&mut this.socket).poll_read(cx, buffer);
        }
        let (now, _later) = rest.split_at(rest.len().min(buffer.remaining()));
        buffer.put_slice(now);
        this.taken += now.len();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Replayed {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 1 << 22;
const FRAME: u32 = 16 * 1024;
const SEND_BUFFER: usize = 256 * 1024;
