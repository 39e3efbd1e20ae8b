//! One request of an HTTP/3 connection: its head, its body both ways, its end.

use std::rc::Rc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::future::poll_fn;
use h3::error::{Code, StreamError};
use h3::server::{RequestResolver, RequestStream};
use http::header::{CONNECTION, CONTENT_LENGTH, DATE, HeaderValue, TE, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, Method, Response, StatusCode};
use http_body::Body;
use tokio::time::{Instant, timeout, timeout_at};

use super::Busy;
use super::transport::{Gone, SendHalf, Transport};
use super::upload::{Upload, announced_length};
use crate::body::ResponseBody;
use crate::exchange::Unread;
use crate::request;
use crate::wire::{ClientBody, Connection};

type Answering = RequestStream<SendHalf, Bytes>;

/// Serves one request; ends early when the client wants no answer any more.
pub(super) async fn serve(
    connection: Rc<Connection>,
    resolver: RequestResolver<Transport, Bytes>,
    busy: Rc<Busy>,
    mut gone: Gone,
) {
    let patience = connection.timeouts().write;
    let exchange = async {
        let exchange = Box::pin(exchange(&connection, resolver, busy));
        if patience.is_zero() {
            exchange.await
        } else {
            timeout(patience, exchange).await.ok().flatten()
        }
    };
    // What is dropped unfinished is reset: see `SendHalf`.
    let finished = tokio::select! {
        biased;
        () = &mut gone => None,
        finished = exchange => finished,
    };
    if let Some(_kept) = finished {
        // The connection must not close before the client has it all.
        drop(timeout(DELIVERY, gone).await);
    }
}

/// What has to stay until an answer is delivered.
struct Finished {
    _send: Answering,
    _busy: Rc<Busy>,
}

/// `None`: the stream has to be reset.
async fn exchange(
    connection: &Rc<Connection>,
    resolver: RequestResolver<Transport, Bytes>,
    busy: Rc<Busy>,
) -> Option<Finished> {
    let begun = Instant::now();
    let limit = connection.timeouts().read;
    let head = within(limit, begun, resolver.resolve_request()).await?;
    let (request, stream) = head.map_err(|error| note(connection, &error)).ok()?;
    let (mut send, receive) = stream.split();
    let length = match check(request.headers()) {
        Ok(length) => length,
        Err(what) => {
            tell(connection, StatusCode::BAD_REQUEST, "malformed", what);
            send.stop_stream(Code::H3_MESSAGE_ERROR);
            return None;
        }
    };
    let mut upload = Upload::new(receive, length, &busy);
    let settled = within(limit, begun, upload.settle(request.method())).await?;
    if let Err(error) = settled {
        tell(
            connection,
            StatusCode::BAD_REQUEST,
            "malformed",
            &error.to_string(),
        );
        send.stop_stream(Code::H3_MESSAGE_ERROR);
        return None;
    }
    let headless = request.method() == Method::HEAD;
    let request = Box::new(request.map(|()| ClientBody::of_stream(upload, limit, begun)));
    let answer = request::serve(Rc::clone(connection), request).await;
    deliver(&mut send, answer, headless, connection.timeouts().idle).await?;
    Some(Finished {
        _send: send,
        _busy: busy,
    })
}

/// Zero: for ever. `None`: it took too long.
async fn within<T>(limit: Duration, begun: Instant, what: impl Future<Output = T>) -> Option<T> {
    if limit.is_zero() {
        Some(what.await)
    } else {
        timeout_at(begun + limit, what).await.ok()
    }
}

/// Why a head never became a request.
fn note(connection: &Connection, error: &StreamError) {
    let detail = error.to_string();
    match error {
        StreamError::HeaderTooBig { .. } => {
            let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            tell(connection, status, "headers_too_large", &detail);
        }
        StreamError::StreamError { .. } => tell(connection, StatusCode::BAD_REQUEST, "malformed", &detail),
        _ => tracing::debug!("a request ended before its head did: {detail}"),
    }
}

/// Of a head that cannot be read (R25); a stream that is reset has no room for the status.
fn tell(connection: &Connection, status: StatusCode, code: &'static str, detail: &str) {
    let unread = Unread {
        status,
        code,
        detail,
        protocol: "HTTP/3.0",
    };
    unread.tell(connection);
}

/// What HTTP/3 forbids in a head and h3 lets through (RFC 9114, 4.2; C29). Returns the body's length.
fn check(headers: &HeaderMap) -> Result<Option<u64>, &'static str> {
    if CONNECTION_SPECIFIC.iter().any(|name| headers.contains_key(name)) {
        return Err("a header that speaks of a connection");
    }
    if headers.get_all(TE).iter().any(|value| value != "trailers") {
        return Err("a transfer coding");
    }
    announced_length(headers).map_err(|_| "an ambiguous content length")
}

/// Sends the answer; a client that takes nothing for `stall` gets no more of it (C26). `None`: it is not whole.
async fn deliver(
    send: &mut Answering,
    answer: Response<ResponseBody>,
    headless: bool,
    stall: Duration,
) -> Option<()> {
    let (mut parts, body) = answer.into_parts();
    let bodiless = headless
        || matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
        || body.is_end_stream();
    if !headless && let Some(length) = body.size_hint().exact() {
        frame(&mut parts.headers, parts.status, length);
    }
    complete(&mut parts.headers);
    let head = Response::from_parts(parts, ());
    patiently(stall, send.send_response(head)).await?;
    if bodiless {
        drop(body);
    } else {
        copy(send, body, stall).await?;
    }
    patiently(stall, send.finish()).await
}

async fn copy(send: &mut Answering, body: ResponseBody, stall: Duration) -> Option<()> {
    let mut body = std::pin::pin!(body);
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        let frame = frame.map_err(|error| tracing::debug!(%error, "an answer broke off"));
        let Ok(frame) = frame else {
            send.stop_stream(Code::H3_INTERNAL_ERROR);
            return None;
        };
        match frame.into_data() {
            Ok(data) if data.is_empty() => {}
            Ok(data) => patiently(stall, send.send_data(data)).await?,
            Err(frame) => {
                if let Ok(trailers) = frame.into_trailers() {
                    patiently(stall, send.send_trailers(trailers)).await?;
                }
            }
        }
    }
    Some(())
}

async fn patiently(stall: Duration, sending: impl Future<Output = Result<(), StreamError>>) -> Option<()> {
    let outcome = within(stall, Instant::now(), sending).await;
    match outcome {
        Some(Ok(())) => Some(()),
        Some(Err(error)) => {
            tracing::debug!(%error, "a client's stream ended");
            None
        }
        None => {
            tracing::debug!("a client does not take its answer");
            None
        }
    }
}

/// The length of a body that is known, as hyper says it in the other versions.
fn frame(headers: &mut HeaderMap, status: StatusCode, length: u64) {
    let without =
        status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if !without && !headers.contains_key(CONTENT_LENGTH) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
}

/// What hyper adds to an answer, and removes from it, in the other versions.
fn complete(headers: &mut HeaderMap) {
    for name in &CONNECTION_SPECIFIC {
        headers.remove(name);
    }
    if !headers.contains_key(DATE)
        && let Ok(now) = HeaderValue::from_str(&httpdate::fmt_http_date(SystemTime::now()))
    {
        headers.insert(DATE, now);
    }
}

/// RFC 9114, 4.2.
const CONNECTION_SPECIFIC: [HeaderName; 5] = [
    CONNECTION,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];
/// How long the connection waits for the client to acknowledge an answer.
const DELIVERY: Duration = Duration::from_secs(5);
