//! A client's request body and the answer's body, as they hold on to the connection.

use std::error::Error as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};

use super::h3::Upload;
use super::service::{Busy, Open};
use super::unshare;
use crate::body::{BodyError, ResponseBody};

/// A request body, to be read before `respondingTimeouts.readTimeout` is over.
#[derive(Debug)]
pub(crate) struct ClientBody {
    source: Source,
    clock: Option<Clock>,
    /// The connection must not be put to rest before this is dropped. HTTP/3 has no use for it.
    open: Option<Open>,
    /// The client waits for somebody to read before it sends.
    asks: bool,
    /// Whole, or broken.
    ended: bool,
}

#[derive(Debug)]
enum Source {
    Hyper(Incoming),
    /// HTTP/3.
    Stream(Box<Upload>),
    /// Left to the connection.
    Left,
}

/// The client did not deliver its body.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientBodyError {
    #[error("the client broke off inside the request body")]
    Broken(#[source] hyper::Error),
    #[error("the client broke off inside the request body")]
    StreamBroken(#[source] h3::error::StreamError),
    #[error("the request body is not as long as the request says")]
    LengthMismatch,
    #[error("the request body is malformed")]
    Malformed(#[source] hyper::Error),
    #[error("the client did not finish its request within {0:?}")]
    TooSlow(Duration),
}

impl From<hyper::Error> for ClientBodyError {
    /// hyper reports chunks that are none as invalid input, a client that left otherwise.
    fn from(error: hyper::Error) -> Self {
        let cause = error
            .source()
            .and_then(|source| source.downcast_ref::<io::Error>());
        match cause.map(io::Error::kind) {
            Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => Self::Malformed(error),
            _ => Self::Broken(error),
        }
    }
}

#[derive(Debug)]
struct Clock {
    limit: Duration,
    deadline: Instant,
    /// Made at the first wait: most bodies come with their head.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl ClientBody {
    /// `limit` is for the whole request, whose head has just come; zero: none.
    /// `asks`: reading it tells the client to send it.
    pub(super) fn new(body: Incoming, limit: Duration, asks: bool, open: impl FnOnce() -> Open) -> Self {
        let ended = body.is_end_stream();
        Self {
            source: Source::Hyper(body),
            clock: (!ended).then(|| Clock::new(limit, Instant::now())).flatten(),
            open: (!ended).then(open),
            asks,
            ended,
        }
    }

    /// Of HTTP/3; `begun`: when the request did.
    pub(super) fn of_stream(upload: Upload, limit: Duration, begun: Instant) -> Self {
        let clock = if upload.is_end_stream() {
            None
        } else {
            Clock::new(limit, begun)
        };
        Self {
            source: Source::Stream(Box::new(upload)),
            clock,
            open: None,
            asks: false,
            ended: false,
        }
    }
}

impl Drop for ClientBody {
    /// Somebody has lost interest: see [`super::leftover`].
    fn drop(&mut self) {
        let Some(open) = self.open.take() else { return };
        let Source::Hyper(body) = std::mem::replace(&mut self.source, Source::Left) else {
            return;
        };
        if body.is_end_stream() {
            open.settle();
        } else if self.ended || self.asks {
            open.abandon();
        } else {
            open.leave(body);
        }
    }
}

impl Body for ClientBody {
    type Data = Bytes;
    type Error = ClientBodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ClientBodyError>>> {
        let this = &mut *self;
        this.asks = false;
        let frame = match &mut this.source {
            Source::Hyper(body) => Pin::new(body)
                .poll_frame(cx)
                .map(|frame| frame.map(|frame| frame.map_err(ClientBodyError::from))),
            Source::Stream(upload) => Pin::new(&mut **upload).poll_frame(cx),
            Source::Left => Poll::Ready(None),
        };
        let frame = match (frame, &mut this.clock) {
            (Poll::Pending, Some(clock)) => clock.poll(cx).map(|error| Some(Err(error))),
            (frame, _) => frame,
        };
        match &frame {
            Poll::Ready(None) => {
                this.ended = true;
                if let Some(open) = this.open.take() {
                    open.settle();
                }
            }
            Poll::Ready(Some(Err(_))) => this.ended = true,
            Poll::Ready(Some(Ok(_))) | Poll::Pending => {}
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Hyper(body) => body.is_end_stream(),
            Source::Stream(upload) => upload.is_end_stream(),
            Source::Left => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Hyper(body) => body.size_hint(),
            Source::Stream(upload) => upload.size_hint(),
            Source::Left => SizeHint::with_exact(0),
        }
    }
}

impl Clock {
    /// Zero: none.
    fn new(limit: Duration, begun: Instant) -> Option<Self> {
        (!limit.is_zero()).then(|| Self {
            limit,
            deadline: begun + limit,
            alarm: None,
        })
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ClientBodyError> {
        let deadline = self.deadline;
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        alarm
            .as_mut()
            .poll(cx)
            .map(|()| ClientBodyError::TooSlow(self.limit))
    }
}

/// An answer's body.
pub(super) struct AnswerBody {
    pub(super) body: ResponseBody,
    pub(super) busy: Busy,
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.busy.waits_for_client(false);
        let mut frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &mut frame {
            if let Some(trailers) = frame.trailers_mut() {
                unshare(trailers);
            }
            self.busy.waits_for_client(true);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
