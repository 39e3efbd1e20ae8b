//! A request body on its way to a backend.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Sleep;

use crate::headers;

/// What a backend is sent behind the head.
pub(crate) enum RequestBody {
    Empty,
    Streaming(Box<Upload>),
}

pub(crate) struct Upload {
    body: Incoming,
    sent: Rc<Cell<u64>>,
    /// Closed while the backend has not said that it wants the body.
    gate: Option<Gate>,
}

impl RequestBody {
    /// `sent` counts the bytes of the body.
    pub(crate) fn new(body: Incoming, sent: impl FnOnce() -> Rc<Cell<u64>>) -> Self {
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
            ready!(gate.poll_open(cx));
            upload.gate = None;
        }
        let frame = ready!(Pin::new(&mut upload.body).poll_frame(cx));
        Poll::Ready(frame.map(|frame| {
            let mut frame = frame.map_err(UploadError)?;
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

/// The client broke off inside its body.
#[derive(Debug, thiserror::Error)]
#[error("the client broke off inside the request body")]
pub(crate) struct UploadError(#[source] hyper::Error);

/// `Expect: 100-continue` (A7.10): the body waits for the backend's 100, or for a second as Go does.
/// Polling the client's body is what makes our server ask the client for it.
pub(crate) struct Gate {
    key: GateKey,
    patience: Pin<Box<Sleep>>,
}

/// Opens a [`Gate`]. `Send`, because hyper asks that of callbacks.
#[derive(Clone, Default)]
pub(crate) struct GateKey(Arc<GateState>);

#[derive(Default)]
struct GateState {
    open: AtomicBool,
    waker: AtomicWaker,
}

impl Gate {
    pub(crate) fn new() -> (Self, GateKey) {
        let key = GateKey::default();
        let gate = Self {
            key: key.clone(),
            patience: Box::pin(tokio::time::sleep(EXPECT_CONTINUE_PATIENCE)),
        };
        (gate, key)
    }

    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.key.0.waker.register(cx.waker());
        if self.key.0.open.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        self.patience.as_mut().poll(cx)
    }
}

impl GateKey {
    pub(crate) fn open(&self) {
        self.0.open.store(true, Ordering::Release);
        self.0.waker.wake();
    }
}

/// Go's `ExpectContinueTimeout`, fixed in Traefik.
const EXPECT_CONTINUE_PATIENCE: Duration = Duration::from_secs(1);
