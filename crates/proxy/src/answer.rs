//! The one place where a failure becomes a status, a reason and an answer.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use http::header::{ACCEPT, CONNECTION, CONTENT_TYPE, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Version};
use memchr::memmem::Finder;
use viaduct_config::Finding;
use viaduct_tls::{Fault, Reason};

use crate::body::Answer;
use crate::exchange::Exchange;
use crate::request::BadRequest;

/// Why a request got no answer from a backend. Closed: a new cause does not compile until it has a leg,
/// a reason and a status.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProxyError {
    #[error(transparent)]
    BadRequest(#[from] BadRequest),
    #[error("the request's headers are too many, or its connection holds too many")]
    HeadersTooLarge,
    #[error("the request expects something other than `100-continue`")]
    Expectation,
    #[error("CONNECT asks for a forward proxy, and this is none")]
    ConnectMethod,
    #[error("no router matches")]
    NotFound,
    #[error("the host's TLS options are not those of this connection")]
    Misdirected,
    #[error("the router is out of service: {}", finding.message)]
    OutOfService { status: u16, finding: Arc<Finding> },
    #[error("the service has no available server")]
    NoServers,
    #[error("the request came back to us too often")]
    Loop,
    #[error("the client left")]
    ClientGone,
    #[error("handling the request panicked; the program's log says where")]
    Panicked,
    #[error("the client's address is not in the list")]
    AddressRefused { status: StatusCode },
    #[error("the client did not say who it is")]
    Unauthenticated { challenge: HeaderValue },
    #[error("too many passwords are being looked into")]
    TooManyPasswords,
    #[error("max connections reached: {amount}")]
    TooManyInFlight { amount: u64 },
    #[error("the host is not among those allowed")]
    HostRefused,
    #[error(transparent)]
    Backend(Box<Fault>),
}

impl From<Fault> for ProxyError {
    fn from(fault: Fault) -> Self {
        Self::Backend(Box::new(fault))
    }
}

/// Whose fault it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BlamedLeg {
    Client,
    Own,
    Backend,
}

impl BlamedLeg {
    /// As metrics and spans name it.
    fn label(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Own => "own",
            Self::Backend => "backend",
        }
    }
}

/// What may do better with the same request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    /// Nothing.
    Never,
    /// A new connection: a used one turned out to be closed.
    Connection,
    /// Another server, or this one later.
    Server,
}

impl ProxyError {
    pub(crate) fn leg(&self) -> BlamedLeg {
        match self {
            Self::BadRequest(_)
            | Self::HeadersTooLarge
            | Self::Expectation
            | Self::ConnectMethod
            | Self::Misdirected
            | Self::ClientGone
            | Self::AddressRefused { .. }
            | Self::Unauthenticated { .. }
            | Self::TooManyInFlight { .. }
            | Self::HostRefused => BlamedLeg::Client,
            Self::NotFound
            | Self::OutOfService { .. }
            | Self::NoServers
            | Self::Loop
            | Self::Panicked
            | Self::TooManyPasswords => BlamedLeg::Own,
            Self::Backend(_) => BlamedLeg::Backend,
        }
    }

    /// The stable code for logs, metrics and (opt-in) clients.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::BadRequest(bad) => bad.code(),
            Self::HeadersTooLarge => "headers_too_large",
            Self::Expectation => "expectation",
            Self::ConnectMethod => "connect_method",
            Self::NotFound => "no_router",
            Self::Misdirected => "misdirected",
            Self::OutOfService { .. } => "out_of_service",
            Self::NoServers => "no_server",
            Self::Loop => "loop",
            Self::ClientGone => "client_gone",
            Self::Panicked => "panicked",
            Self::AddressRefused { .. } => "address_refused",
            Self::Unauthenticated { .. } => "unauthenticated",
            Self::TooManyPasswords => "too_many_passwords",
            Self::TooManyInFlight { .. } => "too_many_in_flight",
            Self::HostRefused => "host_refused",
            Self::Backend(fault) => fault.reason.code(),
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Expectation => StatusCode::EXPECTATION_FAILED,
            Self::ConnectMethod => StatusCode::NOT_IMPLEMENTED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Self::OutOfService { status, .. } => {
                StatusCode::from_u16(*status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE)
            }
            Self::NoServers => StatusCode::SERVICE_UNAVAILABLE,
            Self::Loop => StatusCode::LOOP_DETECTED,
            Self::ClientGone => client_closed_request(),
            Self::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
            Self::AddressRefused { status } => *status,
            Self::Unauthenticated { .. } => StatusCode::UNAUTHORIZED,
            Self::TooManyPasswords => StatusCode::SERVICE_UNAVAILABLE,
            Self::TooManyInFlight { .. } => StatusCode::TOO_MANY_REQUESTS,
            // As Traefik.
            Self::HostRefused => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Backend(fault) => status_of(fault.reason),
        }
    }

    pub(crate) fn retry(&self) -> Retry {
        match self {
            Self::BadRequest(_)
            | Self::HeadersTooLarge
            | Self::Expectation
            | Self::ConnectMethod
            | Self::NotFound
            | Self::Misdirected
            | Self::OutOfService { .. }
            | Self::Loop
            | Self::ClientGone
            | Self::Panicked
            | Self::AddressRefused { .. }
            | Self::Unauthenticated { .. }
            | Self::TooManyPasswords
            | Self::TooManyInFlight { .. }
            | Self::HostRefused => Retry::Never,
            Self::NoServers => Retry::Server,
            Self::Backend(fault) if fault.reason == Reason::ClosedBeforeResponse => Retry::Connection,
            Self::Backend(_) => Retry::Server,
        }
    }

    /// The sentence that goes with [`reason`](Self::reason), without repeating it.
    fn detail(&self) -> String {
        if let Self::Backend(fault) = self {
            format!("wanted {}, got {}", fault.wanted, fault.got)
        } else {
            self.to_string()
        }
    }

    /// Traefik's wording, for those who look for it; like Traefik's, only the 404 ends its line.
    fn text(&self, status: StatusCode) -> &'static str {
        match self {
            Self::NotFound => "404 page not found\n",
            Self::NoServers => "no available server",
            Self::OutOfService { .. } if status == StatusCode::NOT_FOUND => "404 page not found\n",
            Self::ClientGone => "Client Closed Request",
            Self::Unauthenticated { .. } => "401 Unauthorized\n",
            Self::HostRefused => "Bad Host\n",
            Self::BadRequest(_)
            | Self::HeadersTooLarge
            | Self::Expectation
            | Self::ConnectMethod
            | Self::Misdirected
            | Self::OutOfService { .. }
            | Self::Loop
            | Self::Panicked
            | Self::AddressRefused { .. }
            | Self::TooManyPasswords
            | Self::TooManyInFlight { .. }
            | Self::Backend(_) => status.canonical_reason().unwrap_or_default(),
        }
    }

    /// Whether the connection is worth keeping after this answer.
    fn ends_connection(&self) -> bool {
        matches!(
            self,
            Self::BadRequest(_) | Self::Expectation | Self::ConnectMethod | Self::Panicked
        )
    }
}

/// The status of an answer that says that the backend leg failed so.
pub fn status_of(reason: Reason) -> StatusCode {
    match reason {
        Reason::ConnectTimeout | Reason::HandshakeTimeout | Reason::ResponseTimeout => {
            StatusCode::GATEWAY_TIMEOUT
        }
        Reason::UnknownCa
        | Reason::NameMismatch
        | Reason::NoIpSan
        | Reason::UriMismatch
        | Reason::Expired
        | Reason::NotYetValid
        | Reason::WrongUsage
        | Reason::NameConstraint
        | Reason::BadCertificate
        | Reason::Revoked
        | Reason::CaMissing
        | Reason::ClientCertUnusable
        | Reason::ClientCertMissing
        | Reason::ClientCertRefused
        | Reason::PlaintextOnTlsPort
        | Reason::TlsOnPlainPort
        | Reason::VersionOrCipher
        | Reason::Alpn
        | Reason::UnrecognizedName
        | Reason::HandshakeClosed
        | Reason::HandshakeFailed
        | Reason::Dns
        | Reason::ConnectRefused
        | Reason::ConnectFailed
        | Reason::ClosedBeforeResponse
        | Reason::BadResponse
        | Reason::BodyBroken => StatusCode::BAD_GATEWAY,
    }
}

/// The answer to a request that failed; the exchange is told why.
pub(crate) fn from_error(error: ProxyError, exchange: &mut Exchange) -> Response<Answer> {
    let told = exchange.exposes_faults().then(|| exchange.fix());
    let answer = write(&error, exchange.accepts(), told.as_ref().map(Option::as_deref));
    exchange.failed(error);
    answer
}

/// `OPTIONS *`, as Go's server answers it: we are here.
pub(crate) fn server_options() -> Response<Answer> {
    Response::new(Answer::Text(Bytes::new()))
}

/// What a client would like to read of a failure. Asked for every request: the headers are gone when the answer is
/// known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accepts {
    /// RFC 9457 problem details, by name, and no less than plain text.
    Problem,
    /// JSON, and no less than plain text: problem details where there is something to say in them.
    Json,
    Text,
}

impl Accepts {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        static WANTED: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("json"));
        let mut accepts = Self::Text;
        for value in headers.get_all(ACCEPT) {
            if WANTED.find(value.as_bytes()).is_none() {
                continue;
            }
            let Ok(value) = value.to_str() else { continue };
            if prefers(value, PROBLEM_JSON) {
                return Self::Problem;
            }
            if prefers(value, JSON) {
                accepts = Self::Json;
            }
        }
        accepts
    }
}

/// For a value that may name the media type.
fn prefers(accept: &str, wanted: &str) -> bool {
    let weight = quality(accept, wanted).unwrap_or(0.0);
    weight > 0.0 && weight >= quality(accept, "text/plain").unwrap_or(0.0)
}

/// The weight of a media type (RFC 9110, 12.4.2); `None` where it is not listed.
fn quality(accept: &str, wanted: &str) -> Option<f32> {
    accept.split(',').find_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        if !parts.next()?.eq_ignore_ascii_case(wanted) {
            return None;
        }
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        // A weight that is none asks for nothing.
        Some(weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0)))
    })
}

/// `expose`: the client may know, and what mends it, if that is known.
fn write(error: &ProxyError, accepts: Accepts, expose: Option<Option<&str>>) -> Response<Answer> {
    let status = error.status();
    let text = error.text(status);
    let title = text.trim_end();
    let (media_type, body) = match (accepts, expose) {
        (Accepts::Problem, None) => {
            let problem = serde_json::json!({ "title": title, "status": status.as_u16() });
            (PROBLEM_JSON, problem.to_string().into())
        }
        (Accepts::Problem | Accepts::Json, Some(fix)) => (PROBLEM_JSON, problem(error, status, title, fix)),
        (Accepts::Text, Some(fix)) => {
            let mut body = format!("{title}\n{}: {}\n", error.reason(), error.detail());
            if let Some(fix) = fix {
                body = format!("{body}fix: {fix}\n");
            }
            (PLAIN_TEXT, body.into())
        }
        (Accepts::Json | Accepts::Text, None) => (PLAIN_TEXT, Bytes::from_static(text.as_bytes())),
    };
    let mut response = Response::new(Answer::Text(body));
    *response.status_mut() = status;
    *response.version_mut() = Version::HTTP_11;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if expose.is_some() {
        headers.insert(FAULT, HeaderValue::from_static(error.reason()));
    }
    if let ProxyError::Unauthenticated { challenge } = error {
        headers.insert(WWW_AUTHENTICATE, challenge.clone());
    }
    if error.ends_connection() {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// RFC 9457 with everything that may be said.
fn problem(error: &ProxyError, status: StatusCode, title: &str, fix: Option<&str>) -> Bytes {
    let code = error.reason();
    let mut problem = serde_json::json!({
        "type": format!("{PROBLEM_TYPE}{code}"),
        "title": title,
        "status": status.as_u16(),
        "detail": error.detail(),
        "code": code,
        "leg": error.leg().label(),
    });
    if let Some(members) = problem.as_object_mut() {
        if let ProxyError::Backend(fault) = error {
            members.insert("title".to_owned(), fault.reason.meaning().into());
            members.insert("wanted".to_owned(), fault.wanted.as_str().into());
            members.insert("got".to_owned(), fault.got.as_str().into());
        }
        if let Some(fix) = fix {
            members.insert("fix".to_owned(), fix.into());
        }
    }
    problem.to_string().into()
}

/// Not in IANA's registry; nginx's number for a client that left before its answer.
pub(crate) fn client_closed_request() -> StatusCode {
    StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST)
}

const PLAIN_TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
/// Before the code. A name, not a place: nothing is to be fetched there.
const PROBLEM_TYPE: &str = "tag:viaduct.io,2026:fault:";
const PROBLEM_JSON: &str = "application/problem+json";
const FAULT: HeaderName = HeaderName::from_static("x-viaduct-fault");

#[cfg(test)]
mod tests;
