//! `/api/trace`: this process follows a request, as it would serve it (C10).
//!
//! It makes connections, only to servers of the configuration (as `/api/rehearse` does). It is for programs:
//! without [`HEADER`] it is refused, and a page of another site cannot send that, as nothing here answers its
//! browser's question whether it may.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Response, StatusCode, Uri};
use viaduct_proxy::internal::Asked;

use super::{View, reply};
use crate::settings::entry_points;
use crate::trace::{self, Listening, Question, Wording};

/// Has to be there, with any value.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-viaduct-trace");

/// Runs on the control plane.
pub(super) async fn answer(view: Arc<View>, asked: Asked) -> Response<Bytes> {
    if !asked.headers.contains_key(HEADER) {
        let message = format!("a trace makes connections: ask for it with the header `{HEADER}: 1`");
        return reply::message(StatusCode::FORBIDDEN, message);
    }
    let Some(published) = view.published() else {
        return reply::message(StatusCode::SERVICE_UNAVAILABLE, "there is no configuration yet");
    };
    let question = match question(&asked.body, &asked.headers) {
        Ok(question) => question,
        Err(message) => return reply::message(StatusCode::BAD_REQUEST, message),
    };
    let client = question.client.ip();
    let url = told(&question.url);
    tracing::info!(%client, method = %question.method, %url, send = question.send, "a request is traced");
    let report = trace::ask(Arc::clone(&published.snapshot), &listening(&view), &question).await;
    match serde_json::to_value(&report) {
        Ok(report) => reply::json(&report),
        Err(error) => {
            tracing::error!(%error, "a trace could not be told");
            reply::message(StatusCode::INTERNAL_SERVER_ERROR, "the answer could not be made")
        }
    }
}

/// Without the query, which may hold what nobody is to read in a log, as a user and a password before the host may.
fn told(url: &Uri) -> String {
    let scheme = url.scheme_str().unwrap_or_default();
    let host = url.host().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{scheme}://{host}{port}{}", url.path())
}

fn question(body: &[u8], headers: &HeaderMap) -> Result<Question, String> {
    let wording: Wording = serde_json::from_slice(body)
        .map_err(|error| format!("the body has to say which request, as JSON with a `url`: {error}"))?;
    let mut question = Question::of(&wording)?;
    // Ours, so it is who asks (I3).
    let asks = headers
        .get("x-real-ip")
        .and_then(|ip| ip.to_str().ok()?.parse::<IpAddr>().ok());
    if let Some(ip) = asks {
        question.client = SocketAddr::new(ip, 0);
    }
    Ok(question)
}

fn listening(view: &View) -> Vec<Listening> {
    let configured = view.install.entry_points.iter();
    configured
        .map(|(name, entry_point)| Listening {
            name: name.clone(),
            address: view
                .address_of(name)
                .map_or_else(|| entry_point.address.clone(), |address| address.to_string()),
            reach: view.address_of(name).map(reachable),
            hygiene: entry_points::hygiene(&entry_point.http),
            // It was understood at the start.
            forwarded: entry_points::forwarded(name, &entry_point.forwarded_headers).unwrap_or_default(),
        })
        .collect()
}

/// Who listens on every address is there on this machine's own.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}
