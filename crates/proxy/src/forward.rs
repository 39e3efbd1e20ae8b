//! Copies a request to a bridge and its answer back: bodies, trailers, 1xx, upgrades.
//!
//! Nothing is held back in either direction: hyper writes every frame as it comes, so a flush interval
//! (A6.5) has nothing to flush. Of 1xx, `100 Continue` reaches the client when the backend asks for the
//! body (A7.10); others end here, because hyper's server side cannot send them.

pub(crate) mod tunnel;

use http::header::{EXPECT, HOST, TRANSFER_ENCODING, UPGRADE};
use http::uri::{self, Authority, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use http_body::Body;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use viaduct_tls::{Fault, Reason};

use crate::answer::ProxyError;
use crate::balance::Endpoint;
use crate::body::{Answer, Gate, RequestBody};
use crate::exchange::Exchange;
use crate::headers::{self, Hop, Upgrade};
use crate::request::{self, prefixed};
use crate::upstream::{Bridged, Lease, Needs, SendFailure};
use crate::wire::Connection;

use tunnel::Tunnel;

/// A request as its backend will get it, whichever protocol the bridge speaks: in origin-form, with the
/// host in the `Host` header.
pub(crate) struct Outgoing {
    head: Request<RequestBody>,
    upgrade: Option<Upgrade>,
    /// The client's half of an upgrade.
    client: Option<OnUpgrade>,
    visits: u8,
    timeout: Option<std::time::Duration>,
}

impl Outgoing {
    pub(crate) fn new(
        request: request::Request,
        hop: Hop,
        endpoint: &Endpoint<'_>,
        connection: &Connection,
        exchange: &mut Exchange,
    ) -> Result<Self, ProxyError> {
        let request::Request { mut parts, body, .. } = request;
        headers::append_forwarded_for(&mut parts.headers, &connection.peer);
        if !endpoint.balancer.pass_host_header || !parts.headers.contains_key(HOST) {
            parts.headers.insert(HOST, endpoint.server.authority.clone());
        }
        if !endpoint.server.base_path.is_empty() {
            parts.uri = prefixed(&endpoint.server.base_path, &parts.uri)?;
        }
        let Hop { upgrade, visits } = hop;
        let client = upgrade.is_some().then(|| parts.extensions.remove()).flatten();
        let body = RequestBody::new(body, || exchange.upload_meter());
        Ok(Self {
            head: Request::from_parts(parts, body),
            upgrade,
            client,
            visits,
            timeout: endpoint.balancer.transport.timeouts.response_header,
        })
    }

    pub(crate) fn needs(&self) -> Needs {
        if self.upgrade.is_some() {
            Needs::Http1
        } else {
            Needs::Any
        }
    }

    /// A copy to send again, if sending twice harms nobody: no body, and a method that only reads or a
    /// key that says so (as Go).
    fn copy(&self) -> Option<Request<RequestBody>> {
        let (head, may_repeat) = (&self.head, repeatable(&self.head));
        (may_repeat && head.body().is_end_stream() && self.upgrade.is_none()).then(|| {
            let mut copy = Request::new(RequestBody::Empty);
            *copy.method_mut() = head.method().clone();
            *copy.uri_mut() = head.uri().clone();
            *copy.headers_mut() = head.headers().clone();
            copy
        })
    }
}

/// Sends the request and returns the answer's head with its body to come. A connection that has been
/// used before may turn out to be closed; then the request goes once more over a new one, if the server
/// cannot have seen it or sending twice harms nobody (E27).
pub(crate) async fn exchange(
    mut outgoing: Outgoing,
    bridge: Bridged,
    exchange: &mut Exchange,
) -> Result<Response<Answer>, ProxyError> {
    let mut lease = bridge.into_lease();
    let needs = outgoing.needs();
    let spare = if lease.is_reused() { outgoing.copy() } else { None };
    let (visits, timeout) = (outgoing.visits, outgoing.timeout);
    let request = outgoing.head;
    let first = send(
        request,
        &mut lease,
        visits,
        timeout,
        outgoing.upgrade.as_ref(),
        exchange,
    )
    .await;
    let response = match first {
        Ok(response) => response,
        Err(failure) if lease.is_reused() => {
            let again = failure
                .unsent
                .map(|unsent| restored(*unsent))
                .or(spare.filter(|_| failure.stale));
            let Some(request) = again else {
                return Err(failure.error);
            };
            lease = lease.replaced(needs).await?;
            exchange.retried();
            send(
                request,
                &mut lease,
                visits,
                timeout,
                outgoing.upgrade.as_ref(),
                exchange,
            )
            .await
            .map_err(|failure| failure.error)?
        }
        Err(failure) => return Err(failure.error),
    };
    exchange.answered(&response);
    answer(response, lease, outgoing.upgrade, outgoing.client.take())
}

/// One attempt over one connection.
async fn send(
    mut request: Request<RequestBody>,
    lease: &mut Lease,
    visits: u8,
    timeout: Option<std::time::Duration>,
    upgrade: Option<&Upgrade>,
    exchange: &mut Exchange,
) -> Result<Response<Incoming>, SendFailure> {
    if exchange.leads_back(lease) {
        if visits >= MOST_VISITS {
            return Err(SendFailure::own(ProxyError::Loop));
        }
        headers::mark_visit(request.headers_mut(), visits);
    }
    if lease.is_http2() {
        for_http2(&mut request).map_err(SendFailure::own)?;
    } else {
        for_http1(&mut request, upgrade);
    }
    exchange.asked(lease);
    let Some(limit) = timeout else {
        return lease.send(request).await;
    };
    match tokio::time::timeout(limit, lease.send(request)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(SendFailure::own(late(limit).into())),
    }
}

fn for_http1(request: &mut Request<RequestBody>, upgrade: Option<&Upgrade>) {
    *request.version_mut() = Version::HTTP_11;
    if let Some(Upgrade(protocol)) = upgrade {
        let headers = request.headers_mut();
        headers.insert(http::header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, protocol.clone());
    }
    let body = request.body();
    if body.is_end_stream() {
        return;
    }
    // hyper would leave the body of a GET away unless told how it is framed.
    if body.size_hint().exact().is_none() {
        request
            .headers_mut()
            .insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    if expects_continue(request.headers()) {
        let (gate, key) = Gate::new();
        request.body_mut().hold(gate);
        hyper::ext::on_informational(request, move |response| {
            if response.status() == StatusCode::CONTINUE {
                key.open();
            }
        });
    }
}

/// HTTP/2 carries scheme and host in pseudo-headers. `Expect` stays behind: hyper has no way to wait
/// for a 100 there, and the body follows at once.
fn for_http2(request: &mut Request<RequestBody>) -> Result<(), ProxyError> {
    *request.version_mut() = Version::HTTP_2;
    let headers = request.headers_mut();
    headers.remove(EXPECT);
    let host = headers.remove(HOST).ok_or(request::BadRequest::NoHost)?;
    let authority = Authority::from_maybe_shared(bytes::Bytes::copy_from_slice(host.as_bytes()))
        .map_err(|_| request::BadRequest::Host)?;
    let mut parts = uri::Parts::default();
    parts.scheme = Some(Scheme::HTTPS);
    parts.authority = Some(authority);
    parts.path_and_query = request.uri().path_and_query().cloned();
    *request.uri_mut() = Uri::from_parts(parts).map_err(|_| request::BadRequest::Path)?;
    Ok(())
}

/// Undoes [`for_http2`] for a request that was not sent after all.
fn restored(mut request: Request<RequestBody>) -> Request<RequestBody> {
    let uri = request.uri();
    let host = uri
        .authority()
        .and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
    let target = uri.path_and_query().cloned().map(Uri::from);
    if let (Some(host), Some(target)) = (host, target) {
        request.headers_mut().insert(HOST, host);
        *request.uri_mut() = target;
    }
    request
}

/// From the backend's answer to ours.
fn answer(
    response: Response<Incoming>,
    lease: Lease,
    upgrade: Option<Upgrade>,
    client: Option<OnUpgrade>,
) -> Result<Response<Answer>, ProxyError> {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return switch(response, lease, upgrade, client);
    }
    let (mut parts, body) = response.into_parts();
    headers::clean_response(&mut parts.headers, false);
    parts.version = Version::HTTP_11;
    Ok(Response::from_parts(parts, Answer::Backend { body, lease }))
}

/// 101: only if asked for, and only to the protocol asked for (C10).
fn switch(
    mut response: Response<Incoming>,
    lease: Lease,
    upgrade: Option<Upgrade>,
    client: Option<OnUpgrade>,
) -> Result<Response<Answer>, ProxyError> {
    let offered = response.headers().get(UPGRADE);
    let agreed = upgrade.as_ref().is_some_and(|Upgrade(wanted)| {
        offered.is_some_and(|offered| offered.as_bytes().eq_ignore_ascii_case(wanted.as_bytes()))
    });
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

fn late(limit: std::time::Duration) -> Fault {
    Fault {
        reason: Reason::ResponseTimeout,
        wanted: "a response head".to_owned(),
        got: format!("nothing within {limit:?}"),
        presented: std::sync::Arc::default(),
        remedy: None,
    }
}

fn repeatable(head: &Request<RequestBody>) -> bool {
    matches!(
        *head.method(),
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE
    ) || head.headers().contains_key(IDEMPOTENCY_KEY)
        || head.headers().contains_key(X_IDEMPOTENCY_KEY)
}

fn expects_continue(headers: &HeaderMap) -> bool {
    headers
        .get(EXPECT)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const X_IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("x-idempotency-key");
/// Visits of one request before it counts as a loop (CVE-2023-47633).
const MOST_VISITS: u8 = 8;

#[cfg(test)]
mod tests;
