//! `/api/rehearse`: this process tries its servers under a trust to be (C26). It changes nothing.
//!
//! It connects to servers of the configuration only, at pre-flight's pace, one rehearsal at a time. The CAs come in a
//! header, which a page of another site cannot send: nothing here answers its browser's question whether it may.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderName, Response, StatusCode};
use viaduct_proxy::internal::Asked;
use viaduct_tls::TrustBundle;

use super::listing::Query;
use super::{View, reply};
use crate::preflight::rehearse::{self, MOST_PEM};

/// The PEM text of the CAs, in Base64.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-viaduct-rehearse");

/// Runs on pre-flight's thread.
pub(super) async fn answer(view: Arc<View>, asked: Asked) -> Response<Bytes> {
    let bundle = match bundle(&asked) {
        Ok(bundle) => bundle,
        Err((status, message)) => return reply::message(status, message),
    };
    let Some(published) = view.published() else {
        return reply::message(StatusCode::SERVICE_UNAVAILABLE, "there is no configuration yet");
    };
    let query = Query::new(asked.uri.query().unwrap_or_default());
    let service = query.get("service");
    let rehearsal = rehearse::rehearse(&published.snapshot, bundle, service).await;
    match rehearsal.map(serde_json::to_value) {
        None => reply::message(StatusCode::NOT_FOUND, "there is no such server that speaks TLS"),
        Some(Ok(rehearsal)) => reply::json(&rehearsal),
        Some(Err(error)) => {
            tracing::error!(%error, "a rehearsal could not be told");
            reply::message(StatusCode::INTERNAL_SERVER_ERROR, "the answer could not be made")
        }
    }
}

fn bundle(asked: &Asked) -> Result<TrustBundle, (StatusCode, String)> {
    let Some(given) = asked.headers.get(HEADER) else {
        let message = format!("a rehearsal makes connections: send the CAs in the header `{HEADER}`");
        return Err((StatusCode::FORBIDDEN, message));
    };
    let wrong = |why: &str| (StatusCode::BAD_REQUEST, format!("the header `{HEADER}`: {why}"));
    if given.len() > MOST_PEM * 4 / 3 + 4 {
        return Err(wrong("it is too large"));
    }
    let pem = STANDARD
        .decode(given.as_bytes())
        .map_err(|_| wrong("it is not Base64"))?;
    rehearse::trust(&pem).map_err(|why| wrong(&why))
}
