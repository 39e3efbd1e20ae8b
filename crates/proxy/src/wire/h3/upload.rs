//! A request's body, as an HTTP/3 client sends it.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use h3::server::RequestStream;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Method};
use http_body::{Body, Frame, SizeHint};

use super::Busy;
use super::transport::RecvHalf;
use crate::wire::body::ClientBodyError;

/// DATA and trailers of one request; as long as the request said, or broken (C11).
pub(crate) struct Upload {
    stream: RequestStream<RecvHalf, Bytes>,
    /// Read before anybody asked.
    first: Option<Bytes>,
    /// What `Content-Length` still promises.
    left: Option<u64>,
    at: At,
    /// The connection stays while somebody reads.
    _busy: Rc<Busy>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Data,
    Trailers,
    End,
}

/// Several `Content-Length`, or one that is no number: a malformed request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadLength;

/// What a head says of its body's length.
pub(super) fn announced_length(headers: &HeaderMap) -> Result<Option<u64>, BadLength> {
    let mut values = headers.get_all(CONTENT_LENGTH).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let digits = value.as_bytes();
    if values.next().is_some() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(BadLength);
    }
    let text = str::from_utf8(digits).map_err(|_| BadLength)?;
    text.parse().map(Some).map_err(|_| BadLength)
}

impl Upload {
    pub(super) fn new(stream: RequestStream<RecvHalf, Bytes>, length: Option<u64>, busy: &Rc<Busy>) -> Self {
        Self {
            stream,
            first: None,
            left: length,
            at: At::Data,
            _busy: Rc::clone(busy),
        }
    }

    /// Finds out whether there is a body at all: HTTP/3 says so by the stream's end, which usually comes with the
    /// head. Waits for it where a body would be unusual, so that a backend is not told of one (the caller bounds the
    /// time); otherwise only looks.
    pub(super) async fn settle(&mut self, method: &Method) -> Result<(), ClientBodyError> {
        let unusual = self.left.is_none()
            && matches!(
                *method,
                Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE | Method::DELETE
            );
        let frame = std::future::poll_fn(|cx| match self.poll_next(cx) {
            Poll::Pending if !unusual => Poll::Ready(None),
            other => other.map(Some),
        });
        match frame.await {
            None | Some(None) => Ok(()),
            Some(Some(frame)) => {
                // Trailers without a body are nobody's: they go.
                self.first = frame?.into_data().ok();
                Ok(())
            }
        }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ClientBodyError>>> {
        loop {
            match self.at {
                At::End => return Poll::Ready(None),
                At::Data => match ready!(self.stream.poll_recv_data(cx)) {
                    Ok(Some(mut data)) => {
                        let data = data.copy_to_bytes(data.remaining());
                        return Poll::Ready(Some(self.count(data)));
                    }
                    Ok(None) if self.left.is_none_or(|left| left == 0) => self.at = At::Trailers,
                    Ok(None) => return self.broken(ClientBodyError::LengthMismatch),
                    Err(error) => return self.broken(ClientBodyError::StreamBroken(error)),
                },
                At::Trailers => match ready!(self.stream.poll_recv_trailers(cx)) {
                    Ok(trailers) => {
                        self.at = At::End;
                        return Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))));
                    }
                    Err(error) => return self.broken(ClientBodyError::StreamBroken(error)),
                },
            }
        }
    }

    fn count(&mut self, data: Bytes) -> Result<Frame<Bytes>, ClientBodyError> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(data.len() as u64).ok_or_else(|| {
                self.at = At::End;
                ClientBodyError::LengthMismatch
            })?;
        }
        Ok(Frame::data(data))
    }

    fn broken(&mut self, error: ClientBodyError) -> Poll<Option<Result<Frame<Bytes>, ClientBodyError>>> {
        self.at = At::End;
        Poll::Ready(Some(Err(error)))
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = ClientBodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ClientBodyError>>> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(Ok(Frame::data(first)))),
            None => self.poll_next(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.at == At::End
    }

    fn size_hint(&self) -> SizeHint {
        let first = self.first.as_ref().map_or(0, |first| first.len() as u64);
        match self.left {
            Some(left) => SizeHint::with_exact(left.saturating_add(first)),
            None if self.is_end_stream() => SizeHint::with_exact(0),
            None => SizeHint::default(),
        }
    }
}

impl std::fmt::Debug for Upload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upload")
            .field("left", &self.left)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn c11_a_length_is_one_number() {
        let of = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_LENGTH, HeaderValue::from_static(value));
            }
            announced_length(&headers)
        };
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&["17"]), Ok(Some(17)));
        for bad in [
            &["1", "1"][..],
            &["+1"],
            &["1, 1"],
            &[""],
            &["-1"],
            &["18446744073709551616"],
        ] {
            assert_eq!(of(bad), Err(BadLength), "{bad:?}");
        }
    }
}
