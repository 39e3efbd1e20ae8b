//! Request bodies that nobody wants any more, because their answer came before they had ended.
//!
//! A client that is in the middle of its upload may have sent much of it already, and some look at the answer only
//! when all is sent. So a short rest is read and dropped: the connection (HTTP/1.1) stays usable, and the stream
//! (HTTP/2) ends without a reset. A long one is not: HTTP/2 asks by RST_STREAM with NO_ERROR that no more is sent
//! (RFC 9113, 8.1), HTTP/1.1 says `Connection: close` and [lingers](super::linger).

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::Body;
use hyper::body::Incoming;
use tokio::time::{Sleep, sleep};

use super::service::Open;

/// The rest of a body, while it is read for nobody.
#[derive(Debug)]
pub(super) struct Leftover {
    body: Incoming,
    /// Bytes that are still read.
    left: u64,
    patience: Pin<Box<Sleep>>,
    open: Open,
}

impl Leftover {
    /// `None`: too long to be read. Where a stream can be ended alone it is read all the same as far as that goes: some
    /// clients lose an answer that comes together with the reset behind it, such as curl 7.88.
    pub(super) fn new(body: Incoming, open: Open) -> Option<Self> {
        if body.size_hint().lower() > MOST && !open.is_of_stream() {
            open.abandon();
            return None;
        }
        Some(Self {
            body,
            left: MOST,
            patience: Box::pin(sleep(PATIENCE)),
            open,
        })
    }

    /// Ready when the body has ended, or has been given up.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            let data = match frame {
                None => {
                    self.open.settle();
                    return Poll::Ready(());
                }
                Some(Ok(frame)) => frame.data_ref().map_or(0, |data| data.len() as u64),
                Some(Err(_)) => {
                    self.open.abandon();
                    return Poll::Ready(());
                }
            };
            let Some(left) = self.left.checked_sub(data) else {
                self.open.abandon();
                return Poll::Ready(());
            };
            self.left = left;
        }
        self.patience.as_mut().poll(cx).map(|()| self.open.abandon())
    }

    pub(super) fn give_up(self) {
        self.open.abandon();
    }
}

/// As Go's server.
const MOST: u64 = 256 * 1024;
/// As long as nginx waits for a client that is silent.
const PATIENCE: Duration = Duration::from_secs(5);
