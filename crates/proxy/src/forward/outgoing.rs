//! A request on its way to a backend, and the forms it takes there.

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONNECTION, EXPECT, HOST, TRANSFER_ENCODING, UPGRADE};
use http::uri::{self, Authority, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, Version};
use http_body::Body;
use hyper::upgrade::OnUpgrade;

use crate::answer::ProxyError;
use crate::balance::Endpoint;
use crate::body::{Gate, GateKey, RequestBody};
use crate::exchange::Exchange;
use crate::headers::{self, Upgrade};
use crate::request::{self, BadRequest, prefixed};
use crate::upstream::{Lease, Needs, binds_connection};
use crate::wire::Connection;

/// A request as its backend will get it, whichever protocol the bridge speaks: in origin-form, with the
/// host in the `Host` header.
pub(crate) struct Outgoing {
    pub(super) head: Request<RequestBody>,
    pub(super) plan: Plan,
    /// The client's half of an upgrade.
    pub(super) client: Option<OnUpgrade>,
}

/// What is the same for every attempt to send a request.
pub(super) struct Plan {
    pub(super) upgrade: Option<Upgrade>,
    needs: Needs,
    /// How often the request has been here before.
    pub(super) visits: u8,
    /// For the response's head.
    pub(super) timeout: Option<Duration>,
}

impl Outgoing {
    pub(crate) fn new(
        request: request::Request,
        endpoint: &Endpoint<'_>,
        connection: &Connection,
        exchange: &mut Exchange,
    ) -> Result<Self, ProxyError> {
        let request::Request {
            mut parts, body, hop, ..
        } = request;
        headers::append_forwarded_for(&mut parts.headers, &connection.peer);
        if parts.version >= Version::HTTP_2 {
            headers::join_cookies(&mut parts.headers);
        }
        if !endpoint.balancer.pass_host_header || !parts.headers.contains_key(HOST) {
            parts.headers.insert(HOST, endpoint.server.authority.clone());
        }
        if !endpoint.server.base_path.is_empty() {
            parts.uri = prefixed(&endpoint.server.base_path, &parts.uri)?;
        }
        let needs = needs(&parts.headers, hop.upgrade.as_ref());
        let client = hop.upgrade.is_some().then(|| parts.extensions.remove()).flatten();
        let body = RequestBody::new(body, || exchange.upload_meter());
        Ok(Self {
            head: Request::from_parts(parts, body),
            plan: Plan {
                upgrade: hop.upgrade,
                needs,
                visits: hop.visits,
                timeout: endpoint.balancer.transport.timeouts.response_header,
            },
            client,
        })
    }

    pub(crate) fn needs(&self) -> Needs {
        self.plan.needs()
    }

    /// A copy to send again, where that may come to be allowed: the request has no body, and `lease` speaks HTTP/2,
    /// which can say that nobody has looked at it, or sending it twice harms nobody.
    pub(super) fn spare(&self, lease: &Lease) -> Option<Request<RequestBody>> {
        let head = &self.head;
        let allowed = lease.is_http2() || lease.is_reused() && may_repeat(head);
        let bare = self.plan.upgrade.is_none() && head.body().is_end_stream();
        (allowed && bare).then(|| copied(head))
    }
}

impl Plan {
    pub(super) fn needs(&self) -> Needs {
        self.needs
    }

    /// Gives a request the form of the lease's protocol. With a key where the body waits for a 100.
    pub(super) fn shape(
        &self,
        request: &mut Request<RequestBody>,
        lease: &Lease,
    ) -> Result<Option<GateKey>, ProxyError> {
        if lease.is_http2() {
            let scheme = if lease.is_secure() {
                Scheme::HTTPS
            } else {
                Scheme::HTTP
            };
            for_http2(request, scheme)?;
            Ok(None)
        } else {
            Ok(for_http1(request, self.upgrade.as_ref()))
        }
    }
}

fn needs(headers: &HeaderMap, upgrade: Option<&Upgrade>) -> Needs {
    if headers.get_all(AUTHORIZATION).iter().any(binds_connection) {
        Needs::Own
    } else if upgrade.is_some() {
        Needs::Http1
    } else {
        Needs::Any
    }
}

fn for_http1(request: &mut Request<RequestBody>, upgrade: Option<&Upgrade>) -> Option<GateKey> {
    *request.version_mut() = Version::HTTP_11;
    if let Some(Upgrade(protocol)) = upgrade {
        let headers = request.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, protocol.clone());
    }
    if request.body().is_end_stream() {
        return None;
    }
    // hyper would leave the body of a GET away unless told how it is framed.
    if request.body().size_hint().exact().is_none() {
        let chunked = HeaderValue::from_static("chunked");
        request.headers_mut().insert(TRANSFER_ENCODING, chunked);
    }
    expects_continue(request.headers()).then(|| hold_body(request))
}

/// The body waits until the backend asks for it.
fn hold_body(request: &mut Request<RequestBody>) -> GateKey {
    let gate = Gate::new();
    let (key, opener) = (gate.key(), gate.key());
    request.body_mut().hold(gate);
    hyper::ext::on_informational(request, move |response| {
        if response.status() == StatusCode::CONTINUE {
            opener.open();
        }
    });
    key
}

/// HTTP/2 carries scheme and host in pseudo-headers. `Expect` stays behind: hyper has no way to wait
/// for a 100 there, and the body follows at once.
fn for_http2(request: &mut Request<RequestBody>, scheme: Scheme) -> Result<(), ProxyError> {
    *request.version_mut() = Version::HTTP_2;
    let headers = request.headers_mut();
    headers.remove(EXPECT);
    let host = headers.remove(HOST).ok_or(BadRequest::NoHost)?;
    let authority = Authority::from_maybe_shared(Bytes::copy_from_slice(host.as_bytes()));
    let mut parts = uri::Parts::default();
    parts.scheme = Some(scheme);
    parts.authority = Some(authority.map_err(|_| BadRequest::Host)?);
    parts.path_and_query = request.uri().path_and_query().cloned();
    *request.uri_mut() = Uri::from_parts(parts).map_err(|_| BadRequest::Path)?;
    Ok(())
}

/// Undoes [`for_http2`] for a request that was not sent after all.
pub(super) fn restored(mut request: Request<RequestBody>) -> Request<RequestBody> {
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

/// Of a request without a body.
pub(super) fn copied(head: &Request<RequestBody>) -> Request<RequestBody> {
    let mut copy = Request::new(RequestBody::Empty);
    copy.method_mut().clone_from(head.method());
    copy.uri_mut().clone_from(head.uri());
    copy.headers_mut().clone_from(head.headers());
    copy
}

/// Whether sending it twice harms nobody: a method that only reads, or a key that says so (as Go).
pub(super) fn may_repeat(head: &Request<RequestBody>) -> bool {
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
