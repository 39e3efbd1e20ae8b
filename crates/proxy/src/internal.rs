//! What this process answers itself: API, dashboard, ping, metrics (A6.16).
//!
//! A request comes here like any other: by a router, through its middlewares. Who answers is somebody outside
//! this crate, behind [`Internal`], so that the data plane knows nothing of what is shown.

use std::pin::Pin;
use std::rc::Rc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, Response, StatusCode, Uri};
use viaduct_snapshot::InternalService;

use crate::answer::ProxyError;
use crate::body::Answer;
use crate::wire::Connection;

/// A request for an internal service. Its body is not read.
#[derive(Debug)]
pub struct Asked {
    pub service: InternalService,
    pub method: Method,
    /// In origin-form, its path normalised (I1).
    pub uri: Uri,
    /// As a backend would see them: the headers we own are ours (I3).
    pub headers: HeaderMap,
    /// Whether the process has been told to end: ping says so, lest new requests be sent here.
    pub terminating: bool,
}

/// An answer on its way.
pub type Answering = Pin<Box<dyn Future<Output = Response<Bytes>>>>;

/// Answers for internal services. Called on a worker's thread, which serves other requests too: what takes
/// more than a moment is done elsewhere and awaited.
pub trait Internal: Send + Sync {
    /// Cancel safe: the future is dropped when the client leaves.
    fn answer(&self, asked: Asked) -> Answering;
}

pub(crate) async fn answer(
    service: InternalService,
    connection: &Rc<Connection>,
    parts: Parts,
) -> Result<Response<Answer>, ProxyError> {
    if service == InternalService::Noop {
        return Ok(teapot());
    }
    let worker = &connection.worker;
    let internal = worker.internal.as_ref().ok_or(ProxyError::NotFound)?;
    let asked = Asked {
        service,
        method: parts.method,
        uri: parts.uri,
        headers: parts.headers,
        terminating: worker.terminating.get(),
    };
    Ok(internal.answer(asked).await.map(Answer::Text))
}

/// `noop@internal`, which is there whatever is switched on, and nobody looks behind it.
fn teapot() -> Response<Answer> {
    let mut response = Response::new(Answer::Text(Bytes::new()));
    *response.status_mut() = StatusCode::IM_A_TEAPOT;
    response
}
