//! HTTP/1.1 with a client.
//!
//! ```text
//!        +--------- nothing for a second ----------+
//!        v                                         |
//!  Parked (socket only) -- a byte comes --> Awake (hyper's state) --> closed, or upgraded
//! ```
//! Most connections are idle most of the time. One that rests holds its socket and its TLS keys, and no
//! buffers.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::StatusCode;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, Sleep, sleep, sleep_until, timeout};

use super::io::Gauge;
use super::linger::{self, linger};
use super::service::{Account, Keeper, service};
use super::{ClientIo, Connection, MOST_FIELDS};
use crate::exchange::Unread;

/// Serves the connection to its end.
pub(crate) async fn serve(connection: Rc<Connection>, mut io: ClientIo) {
    let timeouts = connection.timeouts();
    let account = Keeper::of(Account::of_wire(io.gauge()));
    // The first request has to come as fast as it has to be sent.
    let mut rest = Rest {
        since: Instant::now(),
        limit: timeouts.read,
        head_since: None,
    };
    loop {
        if !io.has_early() || rest.head_since.is_some() {
            match park(&connection, &mut io, &rest).await {
                Ok(true) => {}
                Ok(false) => return close(io).await,
                Err(error) => return tracing::debug!(%error, "a resting client connection ended"),
            }
        }
        let before = account.taken();
        // Boxed, so that it takes no room while the connection rests.
        let rested = match Box::pin(awake(&connection, io, &account)).await {
            Some((back, rested)) => {
                io = back;
                rested
            }
            None => return,
        };
        let now = Instant::now();
        let served = account.taken() > before;
        if served || rest.head_since.is_none() {
            rest.head_since = io.has_early().then_some(now);
        }
        if served {
            rest = Rest {
                since: rested,
                limit: timeouts.idle,
                ..rest
            };
        }
        if rest
            .head_since
            .is_some_and(|since| !timeouts.read.is_zero() && now >= since + timeouts.read)
        {
            tracing::debug!("a client did not finish its request head in time");
            return close(io).await;
        }
    }
}

/// Since when nothing was asked, and how long that may last.
struct Rest {
    since: Instant,
    /// Zero: for ever.
    limit: Duration,
    /// Part of a head has come, by then at the latest.
    head_since: Option<Instant>,
}

impl Rest {
    fn deadline(&self, connection: &Connection) -> Option<Instant> {
        let read = connection.timeouts().read;
        let own = match self.head_since {
            Some(head) => (!read.is_zero()).then(|| head + read),
            None => (!self.limit.is_zero()).then(|| self.since + self.limit),
        };
        let linger = connection
            .worker
            .drain
            .lingers_until(connection.entry_point, self.since);
        own.into_iter().chain(linger).min()
    }
}

/// Waits for the client, holding nothing but the socket. `Ok(false)`: the connection is to be closed.
async fn park(connection: &Connection, io: &mut ClientIo, rest: &Rest) -> io::Result<bool> {
    let _resting = connection.worker.drain.rest();
    let mut alarm = pin!(None::<Sleep>);
    let mut draining = connection.is_draining();
    let mut deadline = rest.deadline(connection);
    alarm.set(deadline.map(sleep_until));
    poll_fn(|cx| {
        if let Poll::Ready(outcome) = io.poll_readable(cx) {
            return Poll::Ready(outcome);
        }
        if !draining && connection.is_draining() {
            draining = true;
            deadline = rest.deadline(connection);
            alarm.set(deadline.map(sleep_until));
        }
        match alarm.as_mut().as_pin_mut() {
            Some(alarm) => alarm.poll(cx).map(|()| Ok(false)),
            None => Poll::Pending,
        }
    })
    .await
}

/// Lets hyper work. `Some`: the connection has come to rest, since when; what came of a next request is in it.
async fn awake(
    connection: &Rc<Connection>,
    io: ClientIo,
    account: &Rc<Account>,
) -> Option<(ClientIo, Instant)> {
    let gauge = io.gauge();
    let service = service(Rc::clone(connection), Rc::clone(account));
    let mut serving = settings(connection)
        .serve_connection(TokioIo::new(io), service)
        .with_upgrades();
    let mut watch = pin!(Watch::new(connection, account, &gauge));
    let end = poll_fn(|cx| {
        account.poll_leftovers(cx);
        if let Poll::Ready(outcome) = Pin::new(&mut serving).poll(cx) {
            return Poll::Ready(End::Over(outcome));
        }
        watch
            .as_mut()
            .poll(cx, || Pin::new(&mut serving).graceful_shutdown())
    })
    .await;
    match end {
        End::Over(outcome) => {
            if let Err(error) = outcome {
                tell_unread(connection, &error);
                tracing::debug!(%error, "a client connection ended");
            }
            if gauge.is_unsettled()
                && let Some(parts) = serving.into_parts()
            {
                linger(connection, parts.io.into_inner(), linger::WHOLE_UPLOAD).await;
            }
            None
        }
        End::Stuck => {
            tracing::debug!("a client does not take its answer");
            None
        }
        End::Rest(since) => {
            let parts = serving.into_parts()?;
            let mut io = parts.io.into_inner();
            io.unread(&parts.read_buf);
            Some((io, since))
        }
    }
}

enum End {
    Over(hyper::Result<()>),
    /// Nothing is in progress, since then.
    Rest(Instant),
    /// No byte has gone out for too long, or the answer as a whole took too long.
    Stuck,
}

pin_project_lite::pin_project! {
    /// Looks after a connection once a second, or sooner where it may not be idle for long; one timer does for
    /// all its deadlines.
    struct Watch<'c> {
        connection: &'c Connection,
        account: &'c Account,
        gauge: &'c Gauge,
        #[pin]
        tick: Sleep,
        interval: Duration,
        // As of the last tick.
        taken: u64,
        written: u64,
        moved: Instant,
        // When the client was last seen not to take what there was for it.
        blocked: Option<Instant>,
        told: bool,
    }
}

impl<'c> Watch<'c> {
    fn new(connection: &'c Connection, account: &'c Account, gauge: &'c Gauge) -> Self {
        let interval = interval(connection.timeouts().idle, TICK);
        Self {
            connection,
            account,
            gauge,
            tick: sleep(interval),
            interval,
            taken: account.taken(),
            written: gauge.written(),
            moved: Instant::now(),
            blocked: None,
            told: false,
        }
    }

    /// `last`: tells hyper that the answer in progress is the last.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>, last: impl FnOnce()) -> Poll<End> {
        let idle = self.account.is_idle() && !self.gauge.is_blocked();
        if !self.told && self.connection.is_draining() {
            if idle {
                return Poll::Ready(End::Rest(self.rested()));
            }
            *self.as_mut().project().told = true;
            self.account.give_up_leftovers();
            last();
        }
        while self.as_mut().project().tick.poll(cx).is_ready() {
            if let Some(end) = self.as_mut().look(idle) {
                return Poll::Ready(end);
            }
            let next = Instant::now() + self.interval;
            self.as_mut().project().tick.reset(next);
        }
        Poll::Pending
    }

    /// Since when nothing is in progress.
    fn rested(&self) -> Instant {
        let since = self.account.rested().max(self.blocked);
        since.unwrap_or_else(Instant::now)
    }

    fn look(self: Pin<&mut Self>, idle: bool) -> Option<End> {
        let rested = self.rested();
        let this = self.project();
        let (taken, written) = (this.account.taken(), this.gauge.written());
        let quiet = taken == *this.taken && written == *this.written;
        *this.taken = taken;
        let now = Instant::now();
        if this.gauge.is_blocked() {
            *this.blocked = Some(now);
        }
        if written != *this.written || !this.gauge.is_blocked() {
            *this.written = written;
            *this.moved = now;
        }
        if idle {
            return quiet.then_some(End::Rest(rested));
        }
        let timeouts = this.connection.timeouts();
        let stalled = !timeouts.idle.is_zero() && now >= *this.moved + timeouts.idle;
        let newest = this.account.newest().filter(|_| !timeouts.write.is_zero());
        let late = newest.is_some_and(|newest| now >= newest + timeouts.write);
        (stalled || late).then_some(End::Stuck)
    }
}

fn settings(connection: &Connection) -> http1::Builder {
    let limits = connection.limits();
    let mut settings = http1::Builder::new();
    settings
        // As in Go, a client that closes its half has left.
        .half_close(false)
        // The deadline of the head is kept here, without a timer per request.
        .header_read_timeout(None)
        .max_buf_size(limits.header_bytes.max(SMALLEST_BUFFER))
        .max_headers(MOST_FIELDS)
        .keep_alive(!connection.is_draining());
    settings
}

/// A head that hyper could not read never becomes a request; hyper answered it, and it is told of all the same
/// (R25).
fn tell_unread(connection: &Connection, error: &hyper::Error) {
    let detail = error.to_string();
    let (status, code) = match detail.as_str() {
        // hyper has no other names for these.
        "invalid HTTP version parsed" => (StatusCode::BAD_REQUEST, "http_version"),
        "URI too long" => (StatusCode::URI_TOO_LONG, "uri_too_long"),
        _ if error.is_parse_too_large() => (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large"),
        _ if error.is_parse() => (StatusCode::BAD_REQUEST, "malformed"),
        _ => return,
    };
    let unread = Unread {
        status,
        code,
        detail: &detail,
        protocol: "HTTP/1.1",
    };
    unread.tell(connection);
}

/// A connection comes to rest after two intervals at most: before its idle time is over, so that it ends on time.
pub(super) fn interval(idle: Duration, most: Duration) -> Duration {
    if idle.is_zero() {
        return most;
    }
    (idle / 4).clamp(SHORTEST_TICK.min(most), most)
}

/// Takes leave of an idle client.
async fn close(mut io: ClientIo) {
    let _closed = timeout(GOODBYE, io.shutdown()).await;
}

/// How long a connection keeps its HTTP state after the last request.
const TICK: Duration = if cfg!(test) {
    Duration::from_millis(20)
} else {
    Duration::from_secs(1)
};
const SHORTEST_TICK: Duration = Duration::from_millis(50);
/// hyper's lower bound.
const SMALLEST_BUFFER: usize = 8192;
/// For close_notify, where the client's window is shut.
const GOODBYE: Duration = Duration::from_secs(1);
