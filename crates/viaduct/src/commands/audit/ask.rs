//! The rows of a running process, by its API.

use std::io;
use std::time::Duration;

use http::{HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use viaduct_tls::backend_leg::Offer;
use viaduct_tls::{BackendPolicy, BackendTls};

use crate::bridges::Row;
use crate::failure::Failure;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// All pages of `/api/bridges`, of one configuration.
pub(super) async fn rows(url: &str) -> Result<Vec<Row>, Failure> {
    let base: Uri = url.parse().map_err(|error| unusable(url).because(error))?;
    if !matches!(base.scheme_str(), Some("http" | "https")) || base.host().is_none() {
        return Err(unusable(url));
    }
    for _ in 0..TRIES {
        let before = generation(&base).await?;
        let rows = pages(&base).await?;
        if generation(&base).await? == before {
            return Ok(rows);
        }
    }
    Err(Failure::new(format!(
        "the configuration of `{url}` changed while it was read, {TRIES} times"
    )))
}

async fn pages(base: &Uri) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    let mut page = 1;
    loop {
        let path = format!("/api/bridges?per_page={PER_PAGE}&page={page}");
        let (more, next): (Vec<Row>, _) = ask(base, &path).await?;
        rows.extend(more);
        if rows.len() > MOST_ROWS {
            return Err(Failure::new(format!(
                "`{base}` has more than {MOST_ROWS} bridges"
            )));
        }
        if next <= page {
            return Ok(rows);
        }
        page = next;
    }
}

async fn generation(base: &Uri) -> Result<serde_json::Value, Failure> {
    let (about, _): (serde_json::Value, _) = ask(base, "/api/viaduct/about").await?;
    Ok(about.get("generation").cloned().unwrap_or_default())
}

/// What a path says, and the number of its next page.
async fn ask<T: DeserializeOwned>(base: &Uri, path: &str) -> Result<(T, usize), Failure> {
    let late = || Err(io::Error::new(io::ErrorKind::TimedOut, "no answer within 30 s").into());
    let answer = tokio::time::timeout(PATIENCE, answer(base, path)).await;
    answer.unwrap_or_else(|_| late()).map_err(|error: Error| {
        Failure::new(format!("cannot ask `{base}` for `{path}`"))
            .because(error)
            .hint("name the address of the API, such as `http://127.0.0.1:8080` (`--api`, `api.insecure`)")
    })
}

async fn answer<T: DeserializeOwned>(base: &Uri, path: &str) -> Result<(T, usize), Error> {
    let tls = base.scheme_str() == Some("https");
    let host = base.host().unwrap_or_default();
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let port = base.port_u16().unwrap_or(if tls { 443 } else { 80 });
    let stream = TcpStream::connect((bare.unwrap_or(host), port)).await?;
    if !tls {
        return exchange(stream, base, path).await;
    }
    // The system's roots; `SSL_CERT_FILE` names others.
    let endpoint = BackendTls::new(BackendPolicy::default())?.endpoint(host, Offer::Http1)?;
    let (stream, _) = viaduct_tls::stream::connect(stream, &endpoint)
        .await
        .map_err(|fault| fault.to_string())?;
    exchange(stream, base, path).await
}

async fn exchange<IO, T>(io: IO, base: &Uri, path: &str) -> Result<(T, usize), Error>
where
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    T: DeserializeOwned,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(io)).await?;
    tokio::spawn(connection);
    let authority = base.authority().map_or("", |authority| authority.as_str());
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let request = Request::get(format!("{}{path}", base.path().trim_end_matches('/')))
        .header(http::header::HOST, authority)
        .body(Empty::<Bytes>::new())?;
    let (head, body) = sender.send_request(request).await?.into_parts();
    if head.status != StatusCode::OK {
        return Err(format!("the answer is {}", head.status).into());
    }
    let next = head.headers.get("x-next-page").map(HeaderValue::to_str);
    let next = next.and_then(|text| text.ok()?.parse().ok()).unwrap_or(1);
    let body = Limited::new(body, MOST_BYTES).collect().await?.to_bytes();
    Ok((serde_json::from_slice(&body)?, next))
}

fn unusable(url: &str) -> Failure {
    Failure::new(format!("`{url}` is no URL of an API")).hint("write it as `http://127.0.0.1:8080`")
}

const PER_PAGE: usize = 1000;
const TRIES: usize = 3;
const PATIENCE: Duration = Duration::from_secs(30);
/// Of one page.
const MOST_BYTES: usize = 64 << 20;
const MOST_ROWS: usize = 1_000_000;
