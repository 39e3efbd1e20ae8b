//! HTTP/2 with a client. Every limit is written down (C20-C29); none is left to a library's default.

pub(super) mod frames;
pub(super) mod streams;
#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use http::StatusCode;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::{Instant, sleep, timeout};

use super::cork::{self, Cork};
use super::linger::{self, linger};
use super::service::{Account, Keeper, service};
use super::{ClientIo, Connection};
use crate::config::Limits;
use crate::exchange::Unread;

use frames::Unborn;
use streams::{Executor, Patience, Streams};

/// Serves the connection to its end.
pub(crate) async fn serve(connection: Rc<Connection>, io: ClientIo) {
    let timeouts = connection.timeouts();
    let streams = Rc::new(Streams::default());
    let account = Keeper::of(Account::of_streams(&streams));
    let gauge = io.gauge();
    let service = service(Rc::clone(&connection), Rc::clone(&account));
    let (io, cork) = cork::cork(io);
    let settings = settings(&connection.limits(), &streams);
    let mut serving = settings.serve_connection(TokioIo::new(io), service);
    let interval = if timeouts.write.is_zero() {
        TICK
    } else {
        SHORT_TICK
    };
    let patience = Patience::new(timeouts.idle, timeouts.write, interval);
    let mut tick = pin!(sleep(interval));
    let mut taken = 0;
    let mut written = 0;
    let mut moved = Instant::now();
    let mut leaving: Option<Instant> = None;
    let mut yielded = false;
    poll_fn(|cx| {
        // Whoever is ready behind us may have answers for this connection: one turn later they go out in
        // one write, where each would have been a write of its own.
        yielded = !yielded;
        if yielded {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        account.poll_leftovers(cx);
        cork.begin_turn();
        if let Poll::Ready(outcome) = Pin::new(&mut serving).poll(cx) {
            if outcome.is_ok() {
                tell_unborn(&connection, &cork, account.taken());
            }
            if let Err(error) = outcome {
                tell_unread(&connection, &error);
                tracing::debug!(%error, "a client connection ended");
            }
            return Poll::Ready(());
        }
        tell_unborn(&connection, &cork, account.taken());
        if let Poll::Ready(Err(error)) = cork.poll_send(cx) {
            tracing::debug!(%error, "a client connection broke");
            return Poll::Ready(());
        }
        if cork.is_misused() {
            let reason = h2::Reason::ENHANCE_YOUR_CALM;
            tell_protocol_error(&connection, reason);
            tracing::debug!("a client made us reset too many streams");
            cork.say_goaway();
            return Poll::Ready(());
        }
        if leaving.is_none() && (connection.is_draining() || account.is_retired()) {
            leaving = Some(Instant::now());
            account.give_up_leftovers();
            Pin::new(&mut serving).graceful_shutdown();
            cx.waker().wake_by_ref();
        }
        while tick.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            let cut = streams.look(patience);
            if cut > 0 {
                tracing::debug!(streams = cut, "ended streams that took too long");
            }
            // Answers to PING are no progress: a client may send those for ever.
            let progress = account.taken() != taken || gauge.is_blocked() && gauge.written() != written;
            if progress || !(account.is_idle() || gauge.is_blocked()) {
                let rested = account
                    .rested()
                    .filter(|_| account.is_idle() && !gauge.is_blocked());
                (taken, written, moved) = (account.taken(), gauge.written(), rested.unwrap_or(now));
            }
            let end = moved + timeouts.idle;
            if timeouts.idle.is_zero() || now < end {
                let sooner = Some(end).filter(|_| !timeouts.idle.is_zero());
                let next = now + interval;
                tick.as_mut().reset(sooner.map_or(next, |end| end.min(next)));
                continue;
            }
            tick.as_mut().reset(now + interval);
            match leaving {
                // GOAWAY was sent, and even that is not answered.
                Some(since) if now >= since + GOODBYE => return Poll::Ready(()),
                Some(_) => {}
                None => {
                    leaving = Some(now);
                    Pin::new(&mut serving).graceful_shutdown();
                    cx.waker().wake_by_ref();
                }
            }
        }
        Poll::Pending
    })
    .await;
    // What hyper had to say last, such as GOAWAY; the client may be gone.
    drop(timeout(GOODBYE, poll_fn(|cx| cork.poll_send(cx))).await);
    drop(serving);
    drop(account);
    if let Some(io) = cork.into_io() {
        linger(&connection, io, linger::GOAWAY).await;
    }
}

/// What the client sent was no HTTP/2: it was told so by GOAWAY, and no request came of it (R25).
fn tell_unread(connection: &Connection, error: &hyper::Error) {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<h2::Error>());
    let Some(reason) = source
        .filter(|error| error.is_library())
        .and_then(h2::Error::reason)
        .filter(|reason| *reason != h2::Reason::NO_ERROR)
    else {
        return;
    };
    tell_protocol_error(connection, reason);
}

fn tell_protocol_error(connection: &Connection, reason: h2::Reason) {
    let unread = Unread {
        status: StatusCode::BAD_REQUEST,
        code: "protocol_error",
        detail: reason.description(),
        protocol: "HTTP/2.0",
    };
    unread.tell(connection);
}

/// A stream ended before there was a request: each is told of as a failed request (R25).
fn tell_unborn(connection: &Connection, cork: &Cork, taken: u64) {
    for unborn in cork.unborn(taken) {
        let (status, code, detail) = match &unborn {
            Unborn::Reset(reason) => (StatusCode::BAD_REQUEST, "protocol_error", reason.description()),
            Unborn::TooLarge => (
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "headers_too_large",
                "the head is larger than allowed",
            ),
        };
        let unread = Unread {
            status,
            code,
            detail,
            protocol: "HTTP/2.0",
        };
        unread.tell(connection);
    }
}

fn settings(limits: &Limits, streams: &Rc<Streams>) -> http2::Builder<Executor> {
    let header_bytes = limits.header_bytes.min(LARGEST_HEADERS);
    let mut settings = http2::Builder::new(Executor(Rc::clone(streams)));
    settings
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.h2_streams)
        .max_header_list_size(u32::try_from(header_bytes).unwrap_or(u32::MAX))
        .header_table_size(limits.h2_decoder_table)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .adaptive_window(false)
        .max_frame_size(FRAME)
        .max_send_buf_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(20)
        // The frames are counted in `frames`, which knows more of them, and in `cork`.
        .max_local_error_reset_streams(None)
        // As Go: a silent client is found by the idle time-out.
        .keep_alive_interval(None);
    settings
}

/// How often the time-outs are looked at.
const TICK: Duration = if cfg!(test) {
    Duration::from_millis(20)
} else {
    Duration::from_secs(5)
};
/// The same, where an answer has a time-out of its own.
const SHORT_TICK: Duration = if cfg!(test) { TICK } else { Duration::from_secs(1) };
/// Between GOAWAY and the end.
const GOODBYE: Duration = Duration::from_secs(5);
/// Decoded, with 32 bytes for each field: HPACK multiplies what a client sends. What all its streams may hold
/// is bounded by [`HeldHeaders`](super::HeldHeaders) (C25).
const LARGEST_HEADERS: usize = 1 << 20;
/// As Go: what one client may make us hold of its uploads.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 1 << 20;
const FRAME: u32 = 16 * 1024;
/// Of each stream's answer, while the client does not take it.
const SEND_BUFFER: usize = 64 * 1024;
