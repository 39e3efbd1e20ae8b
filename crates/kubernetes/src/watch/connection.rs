//! One API server, asked with deadlines and bounds.

use std::error::Error;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::BytesMut;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use jiff::{SignedDuration, Timestamp};
use kube::Client;
use kube::client::Body;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use tokio::time::{Instant, timeout};

use super::access::{Access, AccessError, Credentials, Token};

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("the API server cannot be reached: {0}")]
    Unreachable(String),
    #[error("the API server answered {code}: {message}")]
    Status {
        code: u16,
        message: String,
        retry_after: Option<Duration>,
    },
    #[error("the API server did not answer in time")]
    Late,
    #[error("the API server's answer cannot be read: {0}")]
    Malformed(String),
    #[error("the API server's answer is larger than {0} bytes")]
    TooLarge(usize),
    /// Of a list, though each of its pages could be read.
    #[error("the list has more than {most} {what}")]
    TooLong { what: &'static str, most: usize },
}

impl ApiError {
    pub(crate) const fn code(&self) -> Option<u16> {
        match self {
            Self::Status { code, .. } => Some(*code),
            Self::Unreachable(_)
            | Self::Late
            | Self::Malformed(_)
            | Self::TooLarge(_)
            | Self::TooLong { .. } => None,
        }
    }

    /// Whether the API server answered, if not as it should; being asked to wait or to log in is none.
    pub(crate) const fn is_answer(&self) -> bool {
        match self {
            Self::Status { code, .. } => !matches!(code, 401 | 429),
            Self::Malformed(_) | Self::TooLarge(_) | Self::TooLong { .. } => true,
            Self::Unreachable(_) | Self::Late => false,
        }
    }

    pub(crate) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            Self::Unreachable(_)
            | Self::Late
            | Self::Malformed(_)
            | Self::TooLarge(_)
            | Self::TooLong { .. } => None,
        }
    }
}

/// A client of one API server. What it may do is renewed when it is refused, and tokens as their file changes.
pub struct Connection {
    access: Access,
    state: Mutex<State>,
    /// Where it is, for messages.
    pub(crate) endpoint: String,
    /// The namespace of this process.
    pub namespace: String,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

struct State {
    client: Client,
    token: Token,
    header: Option<HeaderValue>,
    read: Instant,
    renewed: Instant,
    /// When what a plugin gave is over.
    expires: Option<Timestamp>,
}

/// A request's body, and how it is to be understood.
pub(crate) enum Payload {
    Nothing,
    Json(Json),
    MergePatch(Json),
}

impl Connection {
    /// Makes a client; nobody is asked yet. Needs a tokio runtime.
    pub async fn open(access: Access) -> Result<Self, AccessError> {
        let credentials = access.credentials().await?;
        let endpoint = credentials.config.cluster_url.to_string();
        let namespace = credentials.config.default_namespace.clone();
        Ok(Self {
            state: Mutex::new(State::of(credentials)?),
            access,
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            namespace,
        })
    }

    /// Asks, and reads the whole answer.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        payload: Payload,
    ) -> Result<T, ApiError> {
        read(self.send(method, path, payload).await?).await
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ApiError> {
        self.ask(Method::GET, path, Payload::Nothing).await
    }

    /// As [`Connection::get`], for what a server under load needs time for.
    pub(crate) async fn list<T: DeserializeOwned>(&self, path: &str) -> Result<T, ApiError> {
        let answer = self.send_within(Method::GET, path, Payload::Nothing, LIST);
        read(answer.await?).await
    }

    /// Asks, and returns as soon as the answer begins.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        payload: Payload,
    ) -> Result<Response<Body>, ApiError> {
        self.send_within(method, path, payload, ANSWER).await
    }

    async fn send_within(
        &self,
        method: Method,
        path: &str,
        payload: Payload,
        limit: Duration,
    ) -> Result<Response<Body>, ApiError> {
        if self.is_expiring() {
            self.renew().await;
        }
        let client = self.client();
        let request = self.request(method, path, payload)?;
        let response = timeout(limit, client.send(request))
            .await
            .map_err(|_| ApiError::Late)?
            .map_err(|error| ApiError::Unreachable(chain(&error)))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let error = failure(response).await;
        if error.code() == Some(401) {
            self.renew().await;
        }
        Err(error)
    }

    fn request(&self, method: Method, path: &str, payload: Payload) -> Result<Request<Body>, ApiError> {
        let (kind, body) = match payload {
            Payload::Nothing => (None, Body::empty()),
            Payload::Json(json) => (Some("application/json"), text(&json)),
            Payload::MergePatch(json) => (Some("application/merge-patch+json"), text(&json)),
        };
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(ACCEPT, "application/json");
        if let Some(kind) = kind {
            request = request.header(CONTENT_TYPE, kind);
        }
        if let Some(header) = self.authorization() {
            request = request.header(AUTHORIZATION, header);
        }
        request
            .body(body)
            .map_err(|error| ApiError::Unreachable(error.to_string()))
    }

    fn is_expiring(&self) -> bool {
        let soon = Timestamp::now() + AHEAD;
        self.lock().expires.is_some_and(|expires| expires <= soon)
    }

    fn client(&self) -> Client {
        self.lock().client.clone()
    }

    /// The token; its file is read again now and then, as the kubelet replaces it long before it expires.
    fn authorization(&self) -> Option<HeaderValue> {
        let mut state = self.lock();
        if matches!(state.token, Token::File(_)) && state.read.elapsed() > TOKEN_AGE {
            state.read = Instant::now();
            match header(&state.token) {
                Ok(header) => state.header = header,
                Err(error) => tracing::warn!(%error, "the token in use stays"),
            }
        }
        state.header.clone()
    }

    /// Begins again from the files, because the credentials in use are refused.
    async fn renew(&self) {
        {
            let mut state = self.lock();
            // A plugin is a process each time, and may ask others.
            let least = match state.token {
                Token::Given(_) => ASK_EVERY,
                Token::None | Token::Fixed(_) | Token::File(_) => RENEW_EVERY,
            };
            if state.renewed.elapsed() < least {
                return;
            }
            state.renewed = Instant::now();
        }
        let renewed = match self.access.credentials().await {
            Ok(credentials) => State::of(credentials),
            Err(error) => Err(error),
        };
        match renewed {
            Ok(renewed) => *self.lock() = renewed,
            Err(error) => tracing::warn!(
                error = chain(&error),
                "the credentials for the API server stay as they were"
            ),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn of(credentials: Credentials) -> Result<Self, AccessError> {
        let Credentials {
            config,
            token,
            expires,
        } = credentials;
        let client = Client::try_from(config).map_err(|error| AccessError::Client(Box::new(error)))?;
        let now = Instant::now();
        Ok(Self {
            client,
            header: header(&token)?,
            token,
            read: now,
            renewed: now,
            expires,
        })
    }
}

fn header(token: &Token) -> Result<Option<HeaderValue>, AccessError> {
    let text = match token {
        Token::None => return Ok(None),
        Token::Fixed(text) | Token::Given(text) => text.clone(),
        Token::File(path) => std::fs::read_to_string(path).map_err(|source| AccessError::Token {
            path: path.clone(),
            source,
        })?,
    };
    let mut header =
        HeaderValue::from_str(&format!("Bearer {}", text.trim())).map_err(|_| AccessError::MalformedToken)?;
    header.set_sensitive(true);
    Ok(Some(header))
}

fn text(json: &Json) -> Body {
    Body::from(json.to_string().into_bytes())
}

/// What the API server says of a failure, in its own words where it has any.
async fn failure(response: Response<Body>) -> ApiError {
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Details {
        retry_after_seconds: Option<u64>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Status {
        message: String,
        details: Option<Details>,
    }
    let code = response.status().as_u16();
    let told = response.headers().get(RETRY_AFTER);
    let told = told.and_then(|value| value.to_str().ok()?.trim().parse::<u64>().ok());
    let reading = timeout(ANSWER, collect(response.into_body(), MAX_FAILURE)).await;
    let bytes = reading.ok().and_then(Result::ok).unwrap_or_default();
    let status = serde_json::from_slice::<Status>(&bytes).unwrap_or_default();
    let seconds = told.or_else(|| status.details.and_then(|details| details.retry_after_seconds));
    let message = if status.message.is_empty() {
        let text = String::from_utf8_lossy(&bytes);
        text.chars()
            .take(MAX_QUOTED)
            .filter(|c| !c.is_control())
            .collect()
    } else {
        status.message
    };
    ApiError::Status {
        code,
        message,
        retry_after: seconds.map(|seconds| Duration::from_secs(seconds).min(MOST_PATIENCE)),
    }
}

/// The whole answer.
async fn read<T: DeserializeOwned>(response: Response<Body>) -> Result<T, ApiError> {
    let bytes = timeout(READ, collect(response.into_body(), MAX_ANSWER));
    let bytes = bytes.await.map_err(|_| ApiError::Late)??;
    serde_json::from_slice(&bytes).map_err(|error| ApiError::Malformed(error.to_string()))
}

async fn collect(mut body: Body, limit: usize) -> Result<BytesMut, ApiError> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| ApiError::Unreachable(chain(&error)))?;
        if let Ok(data) = frame.into_data() {
            if bytes.len() + data.len() > limit {
                return Err(ApiError::TooLarge(limit));
            }
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes)
}

/// An error with its causes, each told once.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
        next = error.source();
    }
    text
}

/// Until an answer begins.
const ANSWER: Duration = Duration::from_secs(15);
/// Until a list begins, as long as an API server gives itself.
const LIST: Duration = Duration::from_secs(60);
/// Until it is whole: a page of a list, on a slow line.
const READ: Duration = Duration::from_secs(60);
/// One object has 3 MiB at most, and seldom more than some KiB. A page of a list that is larger is asked for in parts.
const MAX_ANSWER: usize = 256 * 1024 * 1024;
const MAX_FAILURE: usize = 64 * 1024;
const MAX_QUOTED: usize = 200;
const MOST_PATIENCE: Duration = Duration::from_secs(60);
const TOKEN_AGE: Duration = Duration::from_secs(30);
const RENEW_EVERY: Duration = Duration::from_secs(1);
const ASK_EVERY: Duration = Duration::from_secs(10);
/// So long before its end a plugin's credential is renewed.
const AHEAD: SignedDuration = SignedDuration::from_secs(60);
