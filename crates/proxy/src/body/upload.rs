//! A request body on its way to a backend.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::headers;
use crate::wire::ClientBody;
use crate::wire::body::ClientBodyError;

use super::gate::Gate;

/// What a backend is sent behind the head.
pub(crate) enum RequestBody {
    Empty,
    Streaming(Box<Upload>),
}

pub(crate) struct Upload {
    body: ClientBody,
    sent: Rc<Cell<u64>>,
    /// Closed while the backend has not said that it wants the body.
    gate: Option<Gate>,
}

impl RequestBody {
    /// `sent` counts the bytes of the body.
    pub(crate) fn new(body: ClientBody, sent: impl FnOnce() -> Rc<Cell<u64>>) -> Self {
        if body.is_end_stream() {
            return Self::Empty;
        }
        Self::Streaming(Box::new(Upload {
            body,
            sent: sent(),
            gate: None,
        }))
    }

    /// Holds the body back until the gate opens.
    pub(crate) fn hold(&mut self, gate: Gate) {
        if let Self::Streaming(upload) = self {
            upload.gate = Some(gate);
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = UploadError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        let Self::Streaming(upload) = self.get_mut() else {
            return Poll::Ready(None);
        };
        if let Some(gate) = &mut upload.gate {
            ready!(gate.poll_open(cx))?;
            upload.gate = None;
        }
        let frame = ready!(Pin::new(&mut upload.body).poll_frame(cx));
        Poll::Ready(frame.map(|frame| {
            let mut frame = frame.map_err(UploadError::Client)?;
            if let Some(data) = frame.data_ref() {
                upload.sent.set(upload.sent.get() + data.len() as u64);
            } else if let Some(trailers) = frame.trailers_mut() {
                headers::clean_trailers(trailers);
            }
            Ok(frame)
        }))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Streaming(upload) => upload.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Streaming(upload) => upload.body.size_hint(),
        }
    }
}

/// Why a request body ended before its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UploadError {
    #[error(transparent)]
    Client(ClientBodyError),
    #[error("the backend answered without asking for the request body")]
    Unwanted,
}
