//! One request over a connection of its own.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::response::Parts;
use http::uri::{Authority, PathAndQuery, Scheme as UriScheme};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, Version};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout};
use viaduct_snapshot::Scheme;
use viaduct_tls::{Fault, Reason};

use super::Target;
use crate::answer::ProxyError;
use crate::upstream::link::Link;
use crate::upstream::watched::{Notes, Watched};
use crate::upstream::{dial, fault, refusal};

/// The head of an answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub version: Version,
    pub headers: HeaderMap,
    /// From sending the request to having the head.
    pub took: Duration,
}

/// Sends the request and waits for the head of its answer; with the fault that the server tells in it.
pub(super) async fn ask<IO>(
    target: &Target,
    stream: IO,
    http2: bool,
    (link, notes): (Link, Arc<Notes>),
    request: Request<()>,
) -> Result<(Answer, Option<Fault>), Fault>
where
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let request = addressed(target, http2, request)?;
    let io = TokioIo::new(Watched::new(stream, notes));
    let timeouts = target.transport.timeouts;
    let limit = timeouts.response_header.unwrap_or(Target::LONGEST);
    let started = Instant::now();
    let outcome = if http2 {
        let builder = dial::http2_builder(TokioExecutor::new(), timeouts);
        let (mut sender, connection) = dial::preface(timeouts.handshake, builder.handshake(io)).await?;
        timeout(limit, driven(connection, begun(sender.send_request(request)))).await
    } else {
        let (mut sender, connection) = dial::http1_builder()
            .handshake(io)
            .await
            .map_err(|error| fault::of_http1(&error))?;
        timeout(limit, driven(connection, begun(sender.send_request(request)))).await
    };
    match outcome {
        Ok(Ok((head, beginning))) => {
            let complaint = refusal::fault(&beginning, &link);
            Ok((answer(head, started.elapsed()), complaint))
        }
        Ok(Err(error)) => Err(match fault::of_exchange(&error, &link) {
            ProxyError::Backend(fault) => {
                let wants_tls = link.is_left(&fault) && dial::wants_tls(&target.host, target.port).await;
                if wants_tls {
                    fault::silent_to_plain_text()
                } else {
                    *fault
                }
            }
            _ => fault::new(Reason::BadResponse, "an HTTP answer", error.to_string()),
        }),
        Err(_) => Err(fault::timed_out(
            Reason::ResponseTimeout,
            "the head of an answer",
            limit,
        )),
    }
}

/// Waits for the answer, and keeps the connection going meanwhile.
async fn driven<T>(connection: impl Future, exchange: impl Future<Output = T>) -> T {
    let mut exchange = pin!(exchange);
    tokio::select! {
        biased;
        answer = &mut exchange => return answer,
        _ended = connection => {}
    }
    exchange.await
}

/// The head of an answer, and of one that may complain of us the first part of its body.
async fn begun(
    response: impl Future<Output = hyper::Result<Response<Incoming>>>,
) -> hyper::Result<(Parts, Bytes)> {
    let (parts, mut body) = response.await?.into_parts();
    let mut beginning = Bytes::new();
    if refusal::may_complain(parts.status)
        && let Some(Ok(frame)) = body.frame().await
    {
        beginning = frame.into_data().unwrap_or_default();
    }
    Ok((parts, beginning))
}

fn answer(parts: Parts, took: Duration) -> Answer {
    Answer {
        status: parts.status,
        version: parts.version,
        headers: parts.headers,
        took,
    }
}

/// HTTP/1.1 has the host in a header and the path alone in its first line, HTTP/2 has both as parts of one address.
fn addressed(target: &Target, http2: bool, request: Request<()>) -> Result<Request<Empty<Bytes>>, Fault> {
    let (mut parts, ()) = request.into_parts();
    let path = parts
        .uri
        .path_and_query()
        .cloned()
        .unwrap_or(PathAndQuery::from_static("/"));
    let unusable = |what: &str| fault::new(Reason::BadResponse, "a request that can be sent", what);
    let host = match parts.headers.remove(HOST) {
        Some(host) => host,
        None => HeaderValue::try_from(own_host(target)).map_err(|_| unusable("a server without a host"))?,
    };
    parts.uri = if http2 {
        parts.version = Version::HTTP_2;
        let authority = Authority::try_from(host.as_bytes()).map_err(|_| unusable("another Host"))?;
        let mut uri = http::uri::Parts::default();
        uri.scheme = Some(match target.scheme {
            Scheme::Https => UriScheme::HTTPS,
            Scheme::Http | Scheme::H2c => UriScheme::HTTP,
        });
        uri.authority = Some(authority);
        uri.path_and_query = Some(path);
        Uri::from_parts(uri).map_err(|_| unusable("another path"))?
    } else {
        parts.version = Version::HTTP_11;
        parts.headers.insert(HOST, host);
        Uri::from(path)
    };
    Ok(Request::from_parts(parts, Empty::new()))
}

fn own_host(target: &Target) -> String {
    if target.host.contains(':') {
        format!("[{}]:{}", target.host, target.port)
    } else {
        target.address()
    }
}
