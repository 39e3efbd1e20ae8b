//! Bodies: the answer to a client, and what is sent to a backend. Both count bytes and know their end.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;

/// A response body on its way to the client. Its end (or drop) finishes the exchange.
pub(crate) struct ResponseBody {
    _private: (),
}

impl http_body::Body for ResponseBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        todo!()
    }
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the backend broke off inside the body")]
    Backend(#[source] hyper::Error),
}
