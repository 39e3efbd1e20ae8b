//! HTTP/3 with a client: QUIC by quinn, frames and QPACK by h3. Every limit is written down (C30-C34); none is left
//! to a library's default.
//!
//! ```text
//!  quinn::Connection --streams--> transport (frames cut, bounded) --> h3 --> exchange: one task per request
//! ```
//! A connection ends in two steps, as RFC 9114 (5.2) has it: GOAWAY that asks for no more requests, and, when those
//! that were on their way have come, GOAWAY that names the first that was not served.

mod exchange;
pub(crate) mod frames;
mod transport;
mod upload;

use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h3::error::Code;
use h3::server::{self, RequestResolver};
use http::{HeaderMap, Request, Version};
use quinn::{IdleTimeout, TransportConfig, VarInt};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};

use super::Connection;
use crate::config::{KeepAlive, Limits, RespondingTimeouts};

use transport::{Gate, Transport};
pub(crate) use upload::Upload;

type Requests = server::Connection<Transport, Bytes>;

/// Serves the connection to its end.
pub(crate) async fn serve(connection: Rc<Connection>, quic: quinn::Connection) {
    // Boxed, because a connection lives much longer than its beginning.
    let Some(mut served) = Box::pin(open(connection, quic.clone())).await else {
        return quic.close(code(Code::H3_INTERNAL_ERROR), b"");
    };
    served.serve().await;
    // quinn's task sends the last GOAWAY before it is told to close.
    tokio::task::yield_now().await;
    quic.close(code(Code::H3_NO_ERROR), b"");
}

/// Opens the streams of our own. `None`: the client did not let us.
async fn open(connection: Rc<Connection>, quic: quinn::Connection) -> Option<Box<Served>> {
    let gate = Rc::new(Gate::default());
    let mut builder = server::builder();
    builder
        .max_field_section_size(LARGEST_HEADERS as u64)
        .send_grease(false);
    let transport = Transport::new(quic, Rc::clone(&connection), LARGEST_HEADERS, Rc::clone(&gate));
    let opening = timeout(connection.timeouts().handshake, builder.build(transport));
    let requests = opening.await.ok()?.ok()?;
    Some(Box::new(Served {
        load: Rc::new(Load::new()),
        leaving: Leaving::No,
        requests,
        gate,
        connection,
    }))
}

struct Served {
    connection: Rc<Connection>,
    requests: Requests,
    gate: Rc<Gate>,
    load: Rc<Load>,
    leaving: Leaving,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leaving {
    No,
    /// The client has been told, then; its requests are still taken.
    Announced(Instant),
    /// No more requests.
    Shut,
}

impl Served {
    async fn serve(&mut self) {
        let connection = Rc::clone(&self.connection);
        let load = Rc::clone(&self.load);
        loop {
            if self.leaving == Leaving::Shut && load.is_idle() {
                return;
            }
            let alarm = self.alarm();
            tokio::select! {
                biased;
                () = connection.worker.drain.begun(connection.entry_point), if self.leaving == Leaving::No => {
                    Box::pin(self.announce()).await;
                }
                accepted = self.requests.accept() => match accepted {
                    Ok(Some(resolver)) => self.begin(resolver),
                    Ok(None) => return,
                    Err(error) => return tracing::debug!(%error, "a client connection ended"),
                },
                () = load.freed.notified() => {}
                // A client that is idle, or knows already.
                () = until(alarm) => Box::pin(self.shut()).await,
            }
            if self.leaving == Leaving::No && self.is_retired() {
                Box::pin(self.announce()).await;
            }
        }
    }

    /// A request has come; its head may still be on its way.
    fn begin(&self, resolver: RequestResolver<Transport, Bytes>) {
        let Some(gone) = self.gate.take_newest() else {
            return;
        };
        let busy = Busy::start(&self.load);
        let connection = Rc::clone(&self.connection);
        drop(tokio::task::spawn_local(exchange::serve(
            connection, resolver, busy, gone,
        )));
    }

    /// When [`Self::shut`] is due.
    fn alarm(&self) -> Option<Instant> {
        match self.leaving {
            Leaving::Announced(then) => Some(then + LINGER),
            Leaving::Shut => None,
            Leaving::No => {
                let idle = self.connection.timeouts().idle;
                (!idle.is_zero() && self.load.is_idle()).then(|| self.load.since.get() + idle)
            }
        }
    }

    fn is_retired(&self) -> bool {
        let KeepAlive {
            max_time,
            max_requests,
        } = self.connection.keep_alive();
        let taken = self.load.taken.get();
        let enough = max_requests != 0 && taken >= max_requests;
        let old = !max_time.is_zero() && taken > 0 && self.load.opened.elapsed() >= max_time;
        enough || old
    }

    async fn announce(&mut self) {
        if self.load.taken.get() == 0 {
            // There is no number to tell that would not mean the first request.
            return self.shut().await;
        }
        self.leaving = Leaving::Announced(Instant::now());
        self.say_goaway(usize::MAX).await;
    }

    async fn shut(&mut self) {
        self.leaving = Leaving::Shut;
        self.gate.shut.set(true);
        self.say_goaway(1).await;
    }

    /// `more`: requests that would still be taken; h3 counts from the last one, which it takes itself.
    async fn say_goaway(&mut self, more: usize) {
        if let Ok(Err(error)) = timeout(GOODBYE, self.requests.shutdown(more)).await {
            tracing::debug!(%error, "a client did not take GOAWAY");
        }
    }
}

async fn until(alarm: Option<Instant>) {
    match alarm {
        Some(alarm) => sleep_until(alarm).await,
        None => pending().await,
    }
}

/// What the requests of a connection come to.
struct Load {
    opened: Instant,
    taken: Cell<u64>,
    busy: Cell<usize>,
    /// Since when there is no request.
    since: Cell<Instant>,
    freed: Notify,
}

impl Load {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            opened: now,
            taken: Cell::new(0),
            busy: Cell::new(0),
            since: Cell::new(now),
            freed: Notify::new(),
        }
    }

    fn is_idle(&self) -> bool {
        self.busy.get() == 0
    }
}

/// A request in progress: until its answer is delivered and nobody reads its body.
struct Busy(Rc<Load>);

impl Busy {
    fn start(load: &Rc<Load>) -> Rc<Self> {
        load.taken.set(load.taken.get() + 1);
        load.busy.set(load.busy.get() + 1);
        Rc::new(Self(Rc::clone(load)))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.set(self.0.busy.get().saturating_sub(1));
        self.0.since.set(Instant::now());
        self.0.freed.notify_one();
    }
}

/// Whether a head is larger than its entry point allows, as RFC 9114 (4.2.2) counts. What is larger than
/// [`LARGEST_HEADERS`] has not come so far.
pub(crate) fn is_too_large<B>(connection: &Connection, request: &Request<B>) -> bool {
    request.version() == Version::HTTP_3 && section_size(request.headers()) > connection.limits().header_bytes
}

fn section_size(headers: &HeaderMap) -> usize {
    let fields = headers.iter();
    fields
        .map(|(name, value)| name.as_str().len() + value.len() + PER_FIELD)
        .sum()
}

/// What QUIC lets one client do.
pub(crate) fn transport(timeouts: &RespondingTimeouts, limits: &Limits) -> Arc<TransportConfig> {
    let idle = if timeouts.idle.is_zero() {
        SILENCE
    } else {
        timeouts.idle.min(LONGEST_SILENCE)
    };
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(limits.h2_streams.min(MOST_REQUESTS)))
        .max_concurrent_uni_streams(VarInt::from_u32(UNIDIRECTIONAL))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(CONNECTION_WINDOW))
        .send_window(SEND_WINDOW)
        .max_idle_timeout(IdleTimeout::try_from(idle).ok())
        // A request may wait longer for its answer than the line may be silent.
        .keep_alive_interval(Some((idle / 3).min(KEEPALIVE)))
        .crypto_buffer_size(CRYPTO_BUFFER)
        .datagram_receive_buffer_size(None);
    Arc::new(transport)
}

fn code(code: Code) -> VarInt {
    VarInt::from_u64(code.value()).unwrap_or(VarInt::MAX)
}

/// A header block, as it comes and decoded. More fields than this has room for (33 bytes each) h3 could not put into
/// a map.
const LARGEST_HEADERS: usize = 768 << 10;
/// RFC 9114, 4.2.2.
const PER_FIELD: usize = 32;
/// As quic-go: requests at once.
const MOST_REQUESTS: u32 = 100;
/// Control and QPACK are three; others are told to stop.
const UNIDIRECTIONAL: u32 = 8;
/// As over HTTP/2: what one client may make us hold of its uploads.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 1 << 20;
/// Of answers that the client has not acknowledged.
const SEND_WINDOW: u64 = 1 << 20;
const CRYPTO_BUFFER: usize = 16 << 10;
/// Without `idleTimeout`, a client that answers nothing is gone after this, as over TCP.
const SILENCE: Duration = Duration::from_secs(180);
/// More than QUIC can say is as good as for ever.
const LONGEST_SILENCE: Duration = Duration::from_secs(30 * 24 * 3600);
/// PINGs, at most this far apart.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// Longer than a request takes from a client's socket to ours.
const LINGER: Duration = Duration::from_millis(500);
const GOODBYE: Duration = Duration::from_secs(1);
