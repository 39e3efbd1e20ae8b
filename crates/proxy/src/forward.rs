//! Copies a request to a bridge and its answer back: bodies, trailers, 1xx, upgrades.
//!
//! Nothing is held back in either direction: hyper writes every frame as it comes, so a flush interval
//! (A6.5) has nothing to flush. Of 1xx, `100 Continue` reaches the client when the backend asks for the
//! body (A7.10); others end here, because hyper's server side cannot send them.

mod outgoing;
pub(crate) mod tunnel;

use std::time::Duration;

use http::header::{CONNECTION, CONTENT_LENGTH, UPGRADE};
use http::response::Parts;
use http::{HeaderValue, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use viaduct_tls::{Fault, Reason};

use crate::answer::{ProxyError, Retry};
use crate::body::{Answer, RequestBody};
use crate::exchange::Exchange;
use crate::headers::{self, TransferCoding, Upgrade};
use crate::upstream::{Bridged, Lease, SendFailure};

pub(crate) use outgoing::Outgoing;
use outgoing::{Plan, restored};
use tunnel::Tunnel;

/// Sends the request and returns the answer's head with its body to come. A connection that has been
/// used before may turn out to be closed; then the request goes once more over a new one, if the server
/// cannot have seen it or sending twice harms nobody (E27).
pub(crate) async fn exchange(
    outgoing: Outgoing,
    bridge: Bridged,
    exchange: &mut Exchange,
) -> Result<Response<Answer>, ProxyError> {
    let mut lease = bridge.into_lease();
    let spare = lease.is_reused().then(|| outgoing.copy()).flatten();
    let Outgoing { head, plan, client } = outgoing;
    let response = match send(head, &mut lease, &plan, exchange).await {
        Ok(response) => response,
        Err(failure) => {
            let again = if lease.is_reused() {
                repeat(failure, spare)?
            } else {
                return Err(failure.error);
            };
            lease = lease.replaced(plan.needs()).await?;
            exchange.retried();
            // Boxed: few requests are sent twice.
            let second = Box::pin(send(again, &mut lease, &plan, exchange)).await;
            second.map_err(|failure| failure.error)?
        }
    };
    exchange.answered(&response);
    answer(response, lease, plan.upgrade, client)
}

/// The request to send once more; or the failure, if there is none.
fn repeat(
    failure: SendFailure,
    spare: Option<Request<RequestBody>>,
) -> Result<Request<RequestBody>, ProxyError> {
    let SendFailure { error, unsent } = failure;
    match (unsent, spare) {
        (Some(unsent), _) => Ok(restored(*unsent)),
        (None, Some(spare)) if error.retry() == Retry::Connection => Ok(spare),
        (None, _) => Err(error),
    }
}

/// One attempt over one connection.
async fn send(
    mut request: Request<RequestBody>,
    lease: &mut Lease,
    plan: &Plan,
    exchange: &mut Exchange,
) -> Result<Response<Incoming>, SendFailure> {
    if exchange.leads_back(lease) {
        if plan.visits >= MOST_VISITS {
            return Err(SendFailure::own(ProxyError::Loop));
        }
        headers::mark_visit(request.headers_mut(), plan.visits);
    }
    let key = plan.shape(&mut request, lease).map_err(SendFailure::own)?;
    exchange.asked(lease);
    let response = match plan.timeout {
        None => lease.send(request).await?,
        Some(limit) => Box::pin(tokio::time::timeout(limit, lease.send(request)))
            .await
            .unwrap_or_else(|_| Err(SendFailure::own(late(limit).into())))?,
    };
    if let Some(unwanted) = key.and_then(crate::body::GateKey::shut) {
        lease.leave_body(unwanted);
    }
    Ok(response)
}

/// From the backend's answer to ours.
fn answer(
    response: Response<Incoming>,
    mut lease: Lease,
    upgrade: Option<Upgrade>,
    client: Option<OnUpgrade>,
) -> Result<Response<Answer>, ProxyError> {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return switch(response, lease, upgrade, client);
    }
    let (mut parts, body) = response.into_parts();
    if settle_framing(&mut parts)? {
        lease.spend();
    }
    headers::clean_response(&mut parts.headers, false);
    parts.version = Version::HTTP_11;
    if lease.leaves_body() {
        // The client may or may not be sending it: nobody knows what its next bytes are.
        parts
            .headers
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(Response::from_parts(parts, Answer::Backend { body, lease }))
}

/// What stands in the head about the body's end is what hyper has read it by, and nothing else (C10). Whether
/// it was ambiguous: then nobody knows what follows on the connection.
fn settle_framing(parts: &mut Parts) -> Result<bool, Fault> {
    if parts.status == StatusCode::NO_CONTENT {
        // A length of nothing (RFC 9110, 8.6); HTTP/2 clients take it for an error.
        parts.headers.remove(CONTENT_LENGTH);
        return Ok(false);
    }
    match headers::transfer_coding(&parts.headers) {
        TransferCoding::None => Ok(false),
        TransferCoding::Chunked => Ok(parts.headers.remove(CONTENT_LENGTH).is_some()),
        TransferCoding::Other => Err(Fault {
            reason: Reason::BadResponse,
            wanted: "no transfer coding but `chunked`".to_owned(),
            got: "another one".to_owned(),
            presented: std::sync::Arc::default(),
            remedy: None,
        }),
    }
}

/// 101: only if asked for, and only to the protocol asked for (C10).
fn switch(
    mut response: Response<Incoming>,
    lease: Lease,
    upgrade: Option<Upgrade>,
    client: Option<OnUpgrade>,
) -> Result<Response<Answer>, ProxyError> {
    let offered = response.headers().get(UPGRADE);
    let agreed = upgrade
        .as_ref()
        .zip(offered)
        .is_some_and(|(wanted, offered)| wanted.allows(offered));
    let Some(client) = client.filter(|_| agreed) else {
        return Err(unasked_switch(upgrade.as_ref(), offered).into());
    };
    let backend = hyper::upgrade::on(&mut response);
    let (mut parts, _) = response.into_parts();
    headers::clean_response(&mut parts.headers, true);
    parts.version = Version::HTTP_11;
    let tunnel = Tunnel::new(client, backend, lease);
    Ok(Response::from_parts(parts, Answer::Switch(Box::new(tunnel))))
}

fn unasked_switch(wanted: Option<&Upgrade>, offered: Option<&HeaderValue>) -> Fault {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Fault {
        reason: Reason::BadResponse,
        wanted: wanted.map_or_else(
            || "no change of protocol".to_owned(),
            |Upgrade(value)| text(value),
        ),
        got: offered.map_or_else(|| "101 without a protocol".to_owned(), text),
        presented: std::sync::Arc::default(),
        remedy: None,
    }
}

fn late(limit: Duration) -> Fault {
    Fault {
        reason: Reason::ResponseTimeout,
        wanted: "a response head".to_owned(),
        got: format!("nothing within {limit:?}"),
        presented: std::sync::Arc::default(),
        remedy: None,
    }
}

/// Visits of one request before it counts as a loop (CVE-2023-47633).
const MOST_VISITS: u8 = 8;

#[cfg(test)]
mod tests;
