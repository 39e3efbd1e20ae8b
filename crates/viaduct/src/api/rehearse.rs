//! `/api/rehearse`: this process tries its servers under a trust to be (C26). It changes nothing.
//!
//! It connects to servers of the configuration only, at pre-flight's pace, one rehearsal at a time. It is for programs:
//! without [`HEADER`] it is refused, and a page of another site cannot send that, as nothing here answers its
//! browser's question whether it may.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, Response, StatusCode};
use viaduct_proxy::internal::Asked;

use super::listing::Query;
use super::{View, reply};
use crate::preflight::rehearse;

/// Has to be there, with any value.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-viaduct-rehearse");

/// Runs on pre-flight's thread.
pub(super) async fn answer(view: Arc<View>, asked: Asked) -> Response<Bytes> {
    if !asked.headers.contains_key(HEADER) {
        let message = format!("a rehearsal makes connections: ask for it with the header `{HEADER}: 1`");
        return reply::message(StatusCode::FORBIDDEN, message);
    }
    let bundle = match rehearse::trust(&asked.body) {
        Ok(bundle) => bundle,
        Err(why) => {
            let message = format!("the body has to be the CAs as PEM: {why}");
            return reply::message(StatusCode::BAD_REQUEST, message);
        }
    };
    let Some(published) = view.published() else {
        return reply::message(StatusCode::SERVICE_UNAVAILABLE, "there is no configuration yet");
    };
    let query = Query::new(asked.uri.query().unwrap_or_default());
    let service = query.get("service");
    let rehearsal = rehearse::rehearse(&published.snapshot, bundle, service).await;
    match rehearsal.map(serde_json::to_value) {
        Err(nobody) => reply::message(StatusCode::NOT_FOUND, nobody),
        Ok(Ok(rehearsal)) => reply::json(&rehearsal),
        Ok(Err(error)) => {
            tracing::error!(%error, "a rehearsal could not be told");
            reply::message(StatusCode::INTERNAL_SERVER_ERROR, "the answer could not be made")
        }
    }
}
