//! One question to one responder over HTTP: a POST (RFC 6960 A.1). Every wait has a deadline, the answer has a
//! bound, and redirections are not followed.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE, HOST};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::Responder;

/// Why there is no answer. Closed set.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    #[error("its name cannot be resolved: {0}")]
    Resolve(#[source] io::Error),
    #[error("it has no address")]
    NoAddress,
    #[error("cannot connect: {0}")]
    Connect(#[source] io::Error),
    #[error("no request can be made of its URL")]
    Url(#[source] http::Error),
    #[error("the exchange failed: {0}")]
    Http(#[source] hyper::Error),
    #[error("it answered with status {}", .0.as_u16())]
    Status(StatusCode),
    #[error("its answer ends early, or has more than {MAX_RESPONSE} bytes")]
    Body,
    #[error("no {what} within {} s", limit.as_secs())]
    Late { what: &'static str, limit: Duration },
}

/// The body of the responder's answer. Cancel safe: nothing is left behind.
pub(super) async fn ask(responder: &Responder, question: Bytes) -> Result<Bytes, AskError> {
    let stream = connect(responder).await?;
    let request = request(responder, question).map_err(AskError::Url)?;
    let mut builder = http1::Builder::new();
    builder.max_buf_size(MAX_HEAD);
    let (mut sender, connection) = builder
        .handshake(TokioIo::new(stream))
        .await
        .map_err(AskError::Http)?;
    let exchange = async {
        let response = within("answer", HEAD, sender.send_request(request)).await?;
        read(response.map_err(AskError::Http)?).await
    };
    tokio::pin!(connection);
    tokio::pin!(exchange);
    tokio::select! {
        answer = &mut exchange => answer,
        // The connection's end may be a whole answer's end; its error is the exchange's too.
        _ended = &mut connection => exchange.await,
    }
}

/// To the first address that lets us in.
async fn connect(responder: &Responder) -> Result<TcpStream, AskError> {
    let lookup = lookup_host((responder.host(), responder.port()));
    let addresses: Vec<SocketAddr> = within("address", CONNECT, lookup)
        .await?
        .map_err(AskError::Resolve)?
        .take(MAX_ADDRESSES)
        .collect();
    let mut last = AskError::NoAddress;
    for address in addresses {
        match within("connection", CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = AskError::Connect(error),
            Err(late) => last = late,
        }
    }
    Err(last)
}

fn request(responder: &Responder, question: Bytes) -> Result<Request<Full<Bytes>>, http::Error> {
    Request::post(responder.path())
        .header(HOST, responder.authority())
        .header(CONTENT_TYPE, HeaderValue::from_static("application/ocsp-request"))
        .header(ACCEPT, HeaderValue::from_static("application/ocsp-response"))
        .body(Full::new(question))
}

async fn read(response: Response<Incoming>) -> Result<Bytes, AskError> {
    // As Traefik, which takes every 2xx.
    if !response.status().is_success() {
        return Err(AskError::Status(response.status()));
    }
    let body = Limited::new(response.into_body(), MAX_RESPONSE).collect();
    let body = within("complete answer", BODY, body).await?;
    Ok(body.map_err(|_| AskError::Body)?.to_bytes())
}

async fn within<T>(
    what: &'static str,
    limit: Duration,
    wait: impl Future<Output = T>,
) -> Result<T, AskError> {
    timeout(limit, wait)
        .await
        .map_err(|_| AskError::Late { what, limit })
}

/// For the name, and again for each address.
const CONNECT: Duration = Duration::from_secs(3);

/// From the request to the answer's head.
const HEAD: Duration = Duration::from_secs(10);

/// For the rest of the answer.
const BODY: Duration = Duration::from_secs(5);

/// So many addresses of a responder are tried.
const MAX_ADDRESSES: usize = 4;

/// Of an answer's head, in bytes.
const MAX_HEAD: usize = 16 << 10;

/// Of an answer, in bytes: some carry a chain of certificates, and all are sent in handshakes.
const MAX_RESPONSE: usize = 32 << 10;
