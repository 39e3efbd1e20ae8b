//! One question and its answer. Everything together has one deadline, the answer has a bound, and redirections
//! are not followed.

use std::fmt;
use std::io;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{ACCEPT, AUTHORIZATION, HOST, HeaderMap, HeaderName, HeaderValue, LOCATION, USER_AGENT};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use viaduct_tls::Fault;

use super::trust::Trusted;
use super::{HttpProviderError, HttpSettings};

/// Why there is no answer. Closed set.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("cannot connect: {0}")]
    Connect(#[source] io::Error),
    #[error("TLS: {0}")]
    Settings(String),
    #[error("TLS: {}: wanted {}, got {}", .0.reason, .0.wanted, .0.got)]
    Tls(Box<Fault>),
    #[error("the exchange failed: {}", Whole(.0))]
    Http(#[source] hyper::Error),
    #[error("received non-ok response code: {}{}", status.as_u16(), Towards(location.as_deref()))]
    Status {
        status: StatusCode,
        location: Option<String>,
    },
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    #[error("the answer ends early")]
    Body,
    #[error("the answer is not UTF-8 text")]
    NotText,
    #[error("no whole answer within {0:?}")]
    Late(Duration),
}

/// hyper says what failed, its source why.
struct Whole<'e>(&'e hyper::Error);

impl fmt::Display for Whole<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)?;
        match std::error::Error::source(self.0) {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

/// Whom to ask, and what.
#[derive(Debug)]
pub(super) struct Endpoint {
    secure: bool,
    host: String,
    port: u16,
    path: String,
    /// Without user and password.
    shown: String,
    headers: HeaderMap,
    limit: Duration,
    max_body: usize,
}

impl Endpoint {
    pub(super) fn new(settings: HttpSettings) -> Result<Self, HttpProviderError> {
        let wrong = |why: &str| HttpProviderError::Endpoint(why.to_owned());
        if settings.endpoint.is_empty() {
            return Err(wrong("non-empty endpoint is required"));
        }
        let uri: Uri = settings
            .endpoint
            .parse()
            .map_err(|_| wrong("this is not a URL"))?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong("the URL has to begin with `http://` or `https://`")),
        };
        let authority = uri.authority().ok_or_else(|| wrong("the URL has no host"))?;
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        if host.is_empty() {
            return Err(wrong("the URL has no host"));
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let (user, shown_authority) = match authority.as_str().rsplit_once('@') {
            Some((user, rest)) => (Some(user), rest),
            None => (None, authority.as_str()),
        };
        let headers = headers(shown_authority, user, &settings)?;
        let scheme = if secure { "https" } else { "http" };
        Ok(Self {
            port: authority.port_u16().unwrap_or(if secure { 443 } else { 80 }),
            // A query may hold a token.
            shown: format!("{scheme}://{shown_authority}{}", uri.path()),
            secure,
            host,
            path,
            headers,
            limit: settings.poll_timeout,
            max_body: settings.max_response_body_size.unwrap_or(MAX_BODY).min(MAX_BODY),
        })
    }

    /// The URL, for messages.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// The text of the answer. Cancel safe: nothing is left behind.
    pub(super) async fn fetch(&self, trusted: &mut Trusted) -> Result<String, FetchError> {
        timeout(self.limit, self.exchange(trusted))
            .await
            .unwrap_or(Err(FetchError::Late(self.limit)))
    }

    async fn exchange(&self, trusted: &mut Trusted) -> Result<String, FetchError> {
        let stream = TcpStream::connect((self.host.as_str(), self.port))
            .await
            .map_err(FetchError::Connect)?;
        if !self.secure {
            return self.ask(stream).await;
        }
        let tls = trusted.endpoint(&self.host).map_err(FetchError::Settings)?;
        let (stream, _) = viaduct_tls::stream::connect(stream, &tls)
            .await
            .map_err(|fault| FetchError::Tls(Box::new(fault)))?;
        self.ask(stream).await
    }

    async fn ask<IO: AsyncRead + AsyncWrite + Unpin>(&self, stream: IO) -> Result<String, FetchError> {
        let mut request = Request::new(Empty::<Bytes>::new());
        // It was part of a URL.
        *request.uri_mut() = self.path.parse().unwrap_or_default();
        request.headers_mut().clone_from(&self.headers);
        let mut builder = http1::Builder::new();
        builder.max_buf_size(MAX_HEAD);
        let (mut sender, connection) = builder
            .handshake(TokioIo::new(stream))
            .await
            .map_err(FetchError::Http)?;
        let exchange = async {
            let response = sender.send_request(request).await.map_err(FetchError::Http)?;
            let status = response.status();
            if status != StatusCode::OK {
                let location = response.headers().get(LOCATION);
                let location = location.and_then(|value| value.to_str().ok()).map(str::to_owned);
                return Err(FetchError::Status { status, location });
            }
            let body = Limited::new(response.into_body(), self.max_body).collect().await;
            let body = body.map_err(|error| match error.downcast_ref::<LengthLimitError>() {
                Some(_) => FetchError::TooLarge(self.max_body),
                None => FetchError::Body,
            })?;
            String::from_utf8(body.to_bytes().into()).map_err(|_| FetchError::NotText)
        };
        tokio::pin!(connection);
        tokio::pin!(exchange);
        tokio::select! {
            answer = &mut exchange => answer,
            // The connection's end may be a whole answer's end; its error is the exchange's too.
            _ended = &mut connection => exchange.await,
        }
    }
}

/// What is sent with every question. The operator's own headers win.
fn headers(
    authority: &str,
    user: Option<&str>,
    settings: &HttpSettings,
) -> Result<HeaderMap, HttpProviderError> {
    let mut headers = HeaderMap::new();
    headers.insert(
        ACCEPT,
        HeaderValue::from_static("application/json, application/yaml, */*;q=0.5"),
    );
    headers.insert(
        USER_AGENT,
        HeaderValue::from_static(concat!("viaduct/", env!("CARGO_PKG_VERSION"))),
    );
    headers.insert(HOST, value("Host", authority)?);
    if let Some(user) = user {
        headers.insert(AUTHORIZATION, basic(user)?);
    }
    for (name, written) in &settings.headers {
        let unusable = || HttpProviderError::Header(name.clone());
        let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unusable())?;
        headers.insert(parsed, value(name, written.expose())?);
    }
    Ok(headers)
}

/// ` (to URL)`, where a redirection was answered.
struct Towards<'a>(Option<&'a str>);

impl fmt::Display for Towards<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(location) => write!(f, " (to `{location}`, which is not followed)"),
            None => Ok(()),
        }
    }
}

/// `user:password`, percent-encoded as in a URL.
fn basic(user: &str) -> Result<HeaderValue, HttpProviderError> {
    let decoded = percent_encoding::percent_decode_str(user).decode_utf8_lossy();
    let with_colon = if decoded.contains(':') {
        decoded.into_owned()
    } else {
        format!("{decoded}:")
    };
    value("Authorization", &format!("Basic {}", STANDARD.encode(with_colon)))
}

fn value(name: &str, text: &str) -> Result<HeaderValue, HttpProviderError> {
    let mut value = HeaderValue::from_str(text).map_err(|_| HttpProviderError::Header(name.to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// What a configuration may have, in bytes.
const MAX_BODY: usize = 32 * 1024 * 1024;
/// Of an answer's head, in bytes.
const MAX_HEAD: usize = 64 * 1024;
