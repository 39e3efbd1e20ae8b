//! The API of a running process, as commands ask it.

use std::io;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
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
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Told<T>, Failure> {
        self.ask(path, None).await
    }

    /// What comes of a body, at a path that wants `mark` in front of it.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        mark: HeaderName,
        body: Bytes,
    ) -> Result<T, Failure> {
        Ok(self.ask(path, Some((mark, body))).await?.value)
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        path: &str,
        posted: Option<(HeaderName, Bytes)>,
    ) -> Result<Told<T>, Failure> {
        let late = || {
            let text = format!("no answer within {} s", self.patience.as_secs());
            Err(io::Error::new(io::ErrorKind::TimedOut, text).into())
        };
        let answer = tokio::time::timeout(self.patience, self.answer(path, posted)).await;
        answer.unwrap_or_else(|_| late()).map_err(|error: Error| {
            let what = path.split_once('?').map_or(path, |(path, _)| path);
            // Who has an answer to give is the API.
            let is_there = error
                .downcast_ref::<Refused>()
                .is_some_and(|refused| refused.said.is_some());
            let failure = Failure::new(format!("cannot ask `{}` for `{what}`", self.base)).because(error);
            match is_there {
                true => failure,
                false => failure.hint(
                    "name the address of the API, such as `http://127.0.0.1:8080` (`--api`, `api.insecure`)",
                ),
            }
        })
    }

    async fn answer<T: DeserializeOwned>(
        &self,
        path: &str,
        posted: Option<(HeaderName, Bytes)>,
    ) -> Result<Told<T>, Error> {
        let tls = self.base.scheme_str() == Some("https");
        let host = self.base.host().unwrap_or_default();
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let port = self.base.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let stream = TcpStream::connect((bare.unwrap_or(host), port)).await?;
        if !tls {
            return self.exchange(stream, path, posted).await;
        }
        // The system's roots; `SSL_CERT_FILE` names others.
        let endpoint = BackendTls::new(BackendPolicy::default())?.endpoint(host, Offer::Http1)?;
        let (stream, _) = viaduct_tls::stream::connect(stream, &endpoint)
            .await
            .map_err(|fault| fault.to_string())?;
        self.exchange(stream, path, posted).await
    }

    async fn exchange<IO, T>(
        &self,
        io: IO,
        path: &str,
        posted: Option<(HeaderName, Bytes)>,
    ) -> Result<Told<T>, Error>
    where
        IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
        T: DeserializeOwned,
    {
        let (mut sender, connection) = http1::handshake(TokioIo::new(io)).await?;
        tokio::spawn(connection);
        let authority = self.base.authority().map_or("", |authority| authority.as_str());
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let target = format!("{}{path}", self.base.path().trim_end_matches('/'));
        let request = Request::builder()
            .uri(target)
            .header(http::header::HOST, authority);
        let request = match posted {
            None => request.body(Full::default())?,
            Some((mark, body)) => {
                let request = request.method(Method::POST).header(mark, "1");
                request.body(Full::new(body))?
            }
        };
        let (head, body) = sender.send_request(request).await?.into_parts();
        let next = head.headers.get("x-next-page").map(HeaderValue::to_str);
        let next = next.and_then(|text| text.ok()?.parse().ok());
        let body = Limited::new(body, MOST_BYTES).collect().await?.to_bytes();
        if head.status != StatusCode::OK {
            return Err(Refused::new(head.status, &body).into());
        }
        Ok(Told {
            value: serde_json::from_slice(&body)?,
            next,
        })
    }
}

/// Another status than 200.
#[derive(Debug)]
struct Refused {
    status: StatusCode,
    /// What the API says of it.
    said: Option<String>,
}

impl Refused {
    fn new(status: StatusCode, body: &[u8]) -> Self {
        let said: Option<serde_json::Value> = serde_json::from_slice(body).ok();
        let said = said.as_ref().and_then(|said| said.get("message")?.as_str());
        Self {
            status,
            said: said.map(|said| said.escape_debug().to_string()),
        }
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.said {
            Some(said) => write!(f, "the answer is {}: {said}", self.status),
            None => write!(f, "the answer is {}", self.status),
        }
    }
}

impl std::error::Error for Refused {}

fn unusable(url: &str) -> Failure {
    Failure::new(format!("`{url}` is no URL of an API")).hint("write it as `http://127.0.0.1:8080`")
}

/// Of one answer.
const MOST_BYTES: usize = 64 << 20;
