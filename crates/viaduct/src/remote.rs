//! The API of a running process, as commands ask it.

use std::io;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use viaduct_tls::backend_leg::Offer;
use viaduct_tls::{BackendPolicy, BackendTls};

use crate::failure::Failure;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Where it is.
pub(crate) struct Remote {
    base: Uri,
    /// For an answer.
    patience: Duration,
}

/// One answer.
pub(crate) struct Told<T> {
    pub(crate) value: T,
    /// The number of the next page, 1 behind the last; `None`: it does not come in pages.
    pub(crate) next: Option<usize>,
}

impl Remote {
    /// `url`: `http` or `https`, with `api.basePath` where there is one.
    pub(crate) fn new(url: &str, patience: Duration) -> Result<Self, Failure> {
        let base: Uri = url.parse().map_err(|error| unusable(url).because(error))?;
        if !matches!(base.scheme_str(), Some("http" | "https")) || base.host().is_none() {
            return Err(unusable(url));
        }
        Ok(Self { base, patience })
    }

    /// What a path below the URL says.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        header: Option<(HeaderName, HeaderValue)>,
    ) -> Result<Told<T>, Failure> {
        let late = || {
            let text = format!("no answer within {} s", self.patience.as_secs());
            Err(io::Error::new(io::ErrorKind::TimedOut, text).into())
        };
        let answer = tokio::time::timeout(self.patience, self.answer(path, header)).await;
        answer.unwrap_or_else(|_| late()).map_err(|error: Error| {
            let what = path.split_once('?').map_or(path, |(path, _)| path);
            Failure::new(format!("cannot ask `{}` for `{what}`", self.base))
                .because(error)
                .hint(
                    "name the address of the API, such as `http://127.0.0.1:8080` (`--api`, `api.insecure`)",
                )
        })
    }

    async fn answer<T: DeserializeOwned>(
        &self,
        path: &str,
        header: Option<(HeaderName, HeaderValue)>,
    ) -> Result<Told<T>, Error> {
        let tls = self.base.scheme_str() == Some("https");
        let host = self.base.host().unwrap_or_default();
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let port = self.base.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let stream = TcpStream::connect((bare.unwrap_or(host), port)).await?;
        if !tls {
            return self.exchange(stream, path, header).await;
        }
        // The system's roots; `SSL_CERT_FILE` names others.
        let endpoint = BackendTls::new(BackendPolicy::default())?.endpoint(host, Offer::Http1)?;
        let (stream, _) = viaduct_tls::stream::connect(stream, &endpoint)
            .await
            .map_err(|fault| fault.to_string())?;
        self.exchange(stream, path, header).await
    }

    async fn exchange<IO, T>(
        &self,
        io: IO,
        path: &str,
        header: Option<(HeaderName, HeaderValue)>,
    ) -> Result<Told<T>, Error>
    where
        IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
        T: DeserializeOwned,
    {
        let (mut sender, connection) = http1::handshake(TokioIo::new(io)).await?;
        tokio::spawn(connection);
        let authority = self.base.authority().map_or("", |authority| authority.as_str());
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let mut request = Request::get(format!("{}{path}", self.base.path().trim_end_matches('/')))
            .header(http::header::HOST, authority);
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let request = request.body(Empty::<Bytes>::new())?;
        let (head, body) = sender.send_request(request).await?.into_parts();
        let next = head.headers.get("x-next-page").map(HeaderValue::to_str);
        let next = next.and_then(|text| text.ok()?.parse().ok());
        let body = Limited::new(body, MOST_BYTES).collect().await?.to_bytes();
        if head.status != StatusCode::OK {
            return Err(refused(head.status, &body).into());
        }
        Ok(Told {
            value: serde_json::from_slice(&body)?,
            next,
        })
    }
}

/// With what the API says of it.
fn refused(status: StatusCode, body: &[u8]) -> String {
    let said: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    match said.as_ref().and_then(|said| said.get("message")?.as_str()) {
        Some(message) => format!("the answer is {status}: {}", message.escape_debug()),
        None => format!("the answer is {status}"),
    }
}

fn unusable(url: &str) -> Failure {
    Failure::new(format!("`{url}` is no URL of an API")).hint("write it as `http://127.0.0.1:8080`")
}

/// Of one answer.
const MOST_BYTES: usize = 64 << 20;
