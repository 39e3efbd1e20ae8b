//! What this process answers itself: API, dashboard, ping, metrics (A6.16).
//!
//! A request comes here like any other: by a router, through its middlewares. Who answers is somebody outside
//! this crate, behind [`Internal`], so that the data plane knows nothing of what is shown.

use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use viaduct_snapshot::InternalService;

use crate::answer::ProxyError;
use crate::body::Answer;
use crate::wire::{ClientBody, Connection};

/// A request for an internal service.
#[derive(Debug)]
pub struct Asked {
    pub service: InternalService,
    pub method: Method,
    /// In origin-form, its path normalised (I1).
    pub uri: Uri,
    /// As a backend would see them: the headers we own are ours (I3).
    pub headers: HeaderMap,
    /// Read only where [`Internal::most_body`] wants one.
    pub body: Bytes,
    /// Whether the process has been told to end: ping says so, lest new requests be sent here.
    pub terminating: bool,
}

/// An answer on its way.
pub type Answering = Pin<Box<dyn Future<Output = Response<Bytes>>>>;

/// Answers for internal services. Called on a worker's thread, which serves other requests too: what takes
/// more than a moment is done elsewhere and awaited.
pub trait Internal: Send + Sync {
    /// How many bytes of the request's body are read before it is answered; 0: none is looked at. A longer one is
    /// refused with 413.
    fn most_body(&self, asked: &Asked) -> usize;

    /// Cancel safe: the future is dropped when the client leaves.
    fn answer(&self, asked: Asked) -> Answering;
}

pub(crate) async fn answer(
    service: InternalService,
    connection: &Rc<Connection>,
    parts: Parts,
    body: ClientBody,
) -> Result<Response<Answer>, ProxyError> {
    if service == InternalService::Noop {
        return Ok(teapot());
    }
    let worker = &connection.worker;
    let internal = worker.internal.as_ref().ok_or(ProxyError::NotFound)?;
    let mut asked = Asked {
        service,
        method: parts.method,
        uri: parts.uri,
        headers: parts.headers,
        body: Bytes::new(),
        terminating: worker.terminating.get(),
    };
    let most = internal.most_body(&asked);
    if most > 0 {
        match whole(body, most).await {
            Ok(whole) => asked.body = whole,
            Err(status) => return Ok(unread(status)),
        }
    }
    Ok(internal.answer(asked).await.map(Answer::Text))
}

/// The status says why there is none.
async fn whole(body: ClientBody, most: usize) -> Result<Bytes, StatusCode> {
    let reading = Limited::new(body, most).collect();
    match tokio::time::timeout(PATIENCE, reading).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Ok(Err(_)) => Err(StatusCode::BAD_REQUEST),
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
    }
}

fn unread(status: StatusCode) -> Response<Answer> {
    let text = format!("{}\n", status.canonical_reason().unwrap_or_default());
    let mut response = Response::new(Answer::Text(text.into()));
    *response.status_mut() = status;
    response
}

/// `noop@internal`, which is there whatever is switched on, and nobody looks behind it.
fn teapot() -> Response<Answer> {
    let mut response = Response::new(Answer::Text(Bytes::new()));
    *response.status_mut() = StatusCode::IM_A_TEAPOT;
    response
}

/// For a body of this size, whatever the entry point allows.
const PATIENCE: Duration = Duration::from_secs(10);
