//! Bodies: the answer to a client, and what is sent to a backend. Both count bytes and know their end.

mod gate;
mod upload;

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::answer::ProxyError;
use crate::exchange::Exchange;
use crate::forward::tunnel::Tunnel;
use crate::headers;
use crate::upstream::Lease;

pub(crate) use gate::{Gate, GateKey, Shut};
pub(crate) use upload::{RequestBody, UploadError};

/// Where an answer's body comes from.
pub(crate) enum Answer {
    /// Our own words.
    Text(Bytes),
    /// The backend's, as they come; the connection goes back to its pool behind the last byte.
    Backend { body: Incoming, lease: Lease },
    /// The backend's, of which a middleware has looked at the beginning.
    Begun {
        first: Frame<Bytes>,
        body: Incoming,
        lease: Lease,
    },
    /// None: the connection changes its protocol (101).
    Switch(Box<Tunnel>),
}

/// A response body on its way to the client. Its end (or drop) finishes the exchange.
pub(crate) struct ResponseBody {
    source: Source,
    /// `None` when a tunnel tells the end of the exchange.
    exchange: Option<Box<Exchange>>,
}

enum Source {
    Done,
    Text(Bytes),
    Backend {
        body: Incoming,
        lease: Option<Lease>,
    },
    Begun {
        first: Frame<Bytes>,
        body: Incoming,
        lease: Lease,
    },
}

impl ResponseBody {
    pub(crate) fn text(text: Bytes, exchange: Box<Exchange>) -> Self {
        let source = if text.is_empty() {
            Source::Done
        } else {
            Source::Text(text)
        };
        Self {
            source,
            exchange: Some(exchange),
        }
    }

    pub(crate) fn backend(body: Incoming, lease: Lease, exchange: Box<Exchange>) -> Self {
        if body.is_end_stream() {
            lease.release();
            return Self {
                source: Source::Done,
                exchange: Some(exchange),
            };
        }
        Self {
            source: Source::Backend {
                body,
                lease: Some(lease),
            },
            exchange: Some(exchange),
        }
    }

    /// As [`ResponseBody::backend`], behind what has been read of it already.
    pub(crate) fn begun(first: Frame<Bytes>, body: Incoming, lease: Lease, exchange: Box<Exchange>) -> Self {
        Self {
            source: Source::Begun { first, body, lease },
            exchange: Some(exchange),
        }
    }

    /// The head is all.
    pub(crate) fn none() -> Self {
        Self {
            source: Source::Done,
            exchange: None,
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Self { source, exchange } = &mut *self;
        let (body, lease) = match source {
            Source::Done => return Poll::Ready(None),
            Source::Text(text) => {
                let text = std::mem::take(text);
                if let Some(exchange) = exchange {
                    exchange.sent(text.len());
                }
                *source = Source::Done;
                return Poll::Ready(Some(Ok(Frame::data(text))));
            }
            Source::Begun { .. } => {
                return Poll::Ready(source.first().map(|frame| Ok(told(frame, exchange))));
            }
            Source::Backend { body, lease } => (body, lease),
        };
        let frame = ready!(Pin::new(&mut *body).poll_frame(cx));
        if let (Some(lease), Some(Ok(frame))) = (&lease, &frame)
            && frame.data_ref().is_some_and(|data| !data.is_empty())
        {
            lease.progressed();
        }
        let ended = frame.is_none() || body.is_end_stream();
        if let Some(lease) = lease.take_if(|_| ended) {
            lease.release();
        }
        Poll::Ready(match frame {
            Some(Ok(frame)) => Some(Ok(told(frame, exchange))),
            Some(Err(error)) => {
                if let Some(exchange) = exchange {
                    exchange.body_broken(&error);
                }
                *source = Source::Done;
                Some(Err(BodyError::Backend(error)))
            }
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Done => true,
            Source::Text(_) | Source::Begun { .. } => false,
            Source::Backend { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Done => SizeHint::with_exact(0),
            Source::Text(text) => SizeHint::with_exact(text.len() as u64),
            Source::Backend { body, .. } => body.size_hint(),
            Source::Begun { first, body, .. } => {
                let begun = first.data_ref().map_or(0, |data| data.len() as u64);
                let mut hint = body.size_hint();
                if let Some(upper) = hint.upper() {
                    hint.set_upper(upper.saturating_add(begun));
                }
                hint.set_lower(hint.lower().saturating_add(begun));
                hint
            }
        }
    }
}

impl Drop for ResponseBody {
    /// Nobody wants the rest.
    fn drop(&mut self) {
        let unfinished = match &self.source {
            Source::Backend { body, lease } => lease.is_some() && !body.is_end_stream(),
            Source::Begun { .. } => true,
            Source::Done | Source::Text(_) => false,
        };
        if unfinished && let Some(exchange) = &mut self.exchange {
            exchange.failed(ProxyError::ClientGone);
        }
    }
}

impl Source {
    /// The beginning of a body that has begun; what is left is the backend's.
    fn first(&mut self) -> Option<Frame<Bytes>> {
        match std::mem::replace(self, Self::Done) {
            Self::Begun { first, body, lease } => {
                lease.progressed();
                let lease = if body.is_end_stream() {
                    lease.release();
                    None
                } else {
                    Some(lease)
                };
                *self = Self::Backend { body, lease };
                Some(first)
            }
            other => {
                *self = other;
                None
            }
        }
    }
}

/// A frame as the client gets it.
fn told(mut frame: Frame<Bytes>, exchange: &mut Option<Box<Exchange>>) -> Frame<Bytes> {
    if let Some(data) = frame.data_ref() {
        if let Some(exchange) = exchange {
            exchange.passed(data);
        }
    } else if let Some(trailers) = frame.trailers_mut() {
        headers::clean_trailers(trailers);
    }
    frame
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the backend broke off inside the body")]
    Backend(#[source] hyper::Error),
}
