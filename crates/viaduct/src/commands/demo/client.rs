//! One request as a browser or curl would make it: SNI and Host `web.example.com`, trusting the edge's
//! authority and nothing else.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use viaduct_tls::backend_leg::{BackendPolicy, BackendTls, Offer, Verification};
use viaduct_tls::names::Versions;
use viaduct_tls::{Backend, BackendHandshake, Trust, TrustBundle};

/// What came of the request.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: String,
    /// From the first byte sent to the last received, handshakes included.
    pub(super) took: Duration,
    pub(super) handshake: BackendHandshake,
}

pub(super) async fn get(address: SocketAddr, host: &str, edge_ca: &str) -> anyhow::Result<Answer> {
    tokio::time::timeout(PATIENCE, request(address, host, edge_ca))
        .await
        .with_context(|| format!("no answer within {} seconds", PATIENCE.as_secs()))?
}

async fn request(address: SocketAddr, host: &str, edge_ca: &str) -> anyhow::Result<Answer> {
    let started = Instant::now();
    let trust = TrustBundle::from_pem([edge_ca.as_bytes()])?;
    let tls = BackendTls::new(BackendPolicy {
        shadow: None,
        verification: Verification::Full(Backend(Trust::Bundle(Arc::new(trust)))),
        server_name: Some(host.to_owned()),
        identities: Vec::new(),
        versions: Versions::from_names("", "")?,
        cipher_suites: None,
        peer_uri: None,
    })?;
    let socket = TcpStream::connect(address).await?;
    let (stream, handshake) = viaduct_tls::stream::connect(socket, &tls.endpoint(host, Offer::H2OrHttp1)?)
        .await
        .context("the client refused the ingress")?;
    let request = Request::get(format!("https://{host}:{}/", address.port()))
        .header(http::header::HOST, format!("{host}:{}", address.port()))
        .header(
            http::header::USER_AGENT,
            concat!("viaduct-demo/", env!("CARGO_PKG_VERSION")),
        )
        .body(Empty::<Bytes>::new())?;
    let io = TokioIo::new(stream);
    let response = if handshake.alpn_h2 {
        over_h2(io, request).await?
    } else {
        over_h1(io, request).await?
    };
    let status = response.status();
    let body = Limited::new(response.into_body(), BODY)
        .collect()
        .await
        .map_err(anyhow::Error::from_boxed)?;
    let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    Ok(Answer {
        status,
        body,
        took: started.elapsed(),
        handshake,
    })
}

async fn over_h2<IO>(io: IO, request: Request<Empty<Bytes>>) -> hyper::Result<Response<Incoming>>
where
    IO: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await?;
    // It ends when the response has been read and both halves are dropped.
    tokio::spawn(connection);
    sender.send_request(request).await
}

async fn over_h1<IO>(io: IO, mut request: Request<Empty<Bytes>>) -> hyper::Result<Response<Incoming>>
where
    IO: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    *request.uri_mut() = http::Uri::from_static("/");
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await?;
    tokio::spawn(connection);
    sender.send_request(request).await
}

const PATIENCE: Duration = Duration::from_secs(10);
const BODY: usize = 64 * 1024;
