//! Step 5: one request, from its head to its answer. `serve` is the whole path, readable in one place.

mod host;
mod path;
mod rewrite;

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{self, Either, LocalBoxFuture};
use http::header::EXPECT;
use http::request::Parts;
use http::{Method, Uri, uri};
use viaduct_snapshot::{
    EntryPoint, RouteRequest, Routed, Router, RouterState, Service, ServiceKind, Snapshot,
};

use crate::answer::{self, ProxyError};
use crate::balance::Endpoint;
use crate::body::{Answer, ResponseBody};
use crate::config::{Hygiene, UnderscoreHeaders};
use crate::exchange::{Exchange, Stray};
use crate::forward::{self, Outgoing};
use crate::headers::{self, Hop, TransferCoding};
use crate::internal;
use crate::middleware::{Next, Way};
use crate::wire::{self, ClientBody, Connection, Leg, MOST_FIELDS};

use host::HostName;

/// Answers one request; never fails: a failure is an answer ([`crate::answer`]).
///
/// Cancel safe: dropping it is how a client leaves, and the exchange says so.
///
/// A request in progress is as large as what has to be remembered of it between two polls, and hundreds are in
/// progress at once: so what is large is boxed, and every step that waits for nobody is done by functions that do
/// not wait, whose values have no place in the future.
pub(crate) async fn serve(
    connection: Rc<Connection>,
    raw: Box<http::Request<ClientBody>>,
) -> http::Response<ResponseBody> {
    let mut exchange = Exchange::start(Rc::clone(&connection), &raw);
    let outcome = guarded(handle(&connection, raw, &mut exchange)).await;
    let response = outcome.unwrap_or_else(|error| answer::from_error(error, &mut exchange));
    exchange.respond(response)
}

async fn handle(
    connection: &Rc<Connection>,
    raw: Box<http::Request<ClientBody>>,
    exchange: &mut Exchange,
) -> Result<http::Response<Answer>, ProxyError> {
    // The snapshot is held to the end of this request.
    let snapshot = connection.worker.snapshot();
    let Some((way, request)) = admit(connection, &snapshot, raw, exchange)? else {
        return Ok(answer::server_options());
    };
    // 7: through its middlewares, if there are any.
    if way.router.middlewares.is_empty() {
        cross(way, request, exchange).await
    } else {
        Box::pin(Next::new(way).run(request, exchange)).await
    }
}

/// Which way a request has to go. `None`: it is about the server itself.
fn admit<'w>(
    connection: &'w Rc<Connection>,
    snapshot: &'w Snapshot,
    raw: Box<http::Request<ClientBody>>,
    exchange: &mut Exchange,
) -> Result<Option<(Way<'w>, Request)>, ProxyError> {
    if raw.headers().len() > MOST_FIELDS
        || connection.holds_too_much()
        || wire::h3::is_too_large(connection, &raw)
    {
        return Err(ProxyError::HeadersTooLarge);
    }
    // 5: one form for everyone behind this line (I1), and our headers are ours (I3).
    let mut request = Request::normalize(*raw, connection.hygiene())?;
    if request.is_server_wide() {
        return Ok(None);
    }
    let (port, secure) = (request.port(), connection.is_secure());
    request.hop = headers::own(&mut request.parts, port, &connection.peer, secure);
    // 6: which router.
    let router = route(snapshot, connection, &request)?;
    exchange.matched(router);
    let service = service(router)?;
    let way = Way {
        connection,
        router,
        service,
    };
    Ok(Some((way, request)))
}

/// The innermost part of the way.
///
/// Cancel safe: dropping it is how a client leaves.
pub(crate) fn cross<'w>(
    way: Way<'w>,
    request: Request,
    exchange: &'w mut Exchange,
) -> impl Future<Output = Result<http::Response<Answer>, ProxyError>> + use<'w> {
    let connection = way.connection;
    if let ServiceKind::Internal(service) = way.service.kind {
        return rarely(internal::answer(service, connection, request.parts, request.body));
    }
    let (endpoint, outgoing) = match set_out(way, request, exchange) {
        Ok(set_out) => set_out,
        Err(error) => return rarely(future::ready(Err(error))),
    };
    // 9: a bridge to it, then both ways.
    let upstreams = &connection.worker.upstreams;
    if let Some(bridge) = upstreams.standing(connection, &endpoint, outgoing.needs()) {
        return Either::Right(forward::exchange(outgoing, bridge, endpoint, exchange));
    }
    rarely(async move {
        match upstreams.bridge(connection, &endpoint, outgoing.needs()).await {
            Ok(bridge) => forward::exchange(outgoing, bridge, endpoint, exchange).await,
            Err(fault) => {
                let error = fault.into();
                exchange.tell(&error, &endpoint);
                Err(error)
            }
        }
    })
}

/// 8: which server; what it will be sent.
fn set_out<'w>(
    way: Way<'w>,
    mut request: Request,
    exchange: &mut Exchange,
) -> Result<(Endpoint<'w>, Outgoing), ProxyError> {
    let endpoint = way.connection.worker.balancers.pick(way.service)?;
    exchange.chosen(&endpoint);
    exchange.trace_onward(&mut request.parts.headers);
    let outgoing = Outgoing::new(request, &endpoint, way.connection, exchange)?;
    Ok((endpoint, outgoing))
}

/// Boxed: what few requests do takes no room in the futures of all.
fn rarely<'f, T, F>(future: impl Future<Output = T> + 'f) -> Either<LocalBoxFuture<'f, T>, F> {
    Either::Left(Box::pin(future))
}

/// A panic costs its own request, which is answered and told of as any other failure (R22, R25). Not an async
/// function, which would hold the whole request twice.
pub(crate) fn guarded<T>(
    handling: impl Future<Output = Result<T, ProxyError>>,
) -> impl Future<Output = Result<T, ProxyError>> {
    AssertUnwindSafe(handling)
        .catch_unwind()
        .map(|outcome| outcome.unwrap_or(Err(ProxyError::Panicked)))
}

/// A request in the one form that rules, log and backend share. `B`: its body; nobody but the backend's
/// [`Outgoing`] asks for it.
#[derive(Debug)]
pub(crate) struct Request<B = ClientBody> {
    /// The URI is in origin-form; the `Host` header holds the host as the client wrote it.
    pub(crate) parts: Parts,
    pub(crate) body: B,
    host: HostName,
    /// The path as rules see it, where that differs.
    rule_path: Option<String>,
    /// What its hop-by-hop headers asked of us.
    pub(crate) hop: Hop,
}

impl<B> Request<B> {
    pub(crate) fn normalize(raw: http::Request<B>, hygiene: &Hygiene) -> Result<Self, ProxyError> {
        let (mut parts, body) = raw.into_parts();
        let (host, rule_path) = normalize_head(&mut parts, hygiene)?;
        Ok(Self {
            parts,
            body,
            host,
            rule_path,
            hop: Hop::default(),
        })
    }

    /// As written behind the host.
    pub(crate) fn port(&self) -> Option<u16> {
        self.host.port()
    }

    /// `OPTIONS *`: about the server, not about anything behind it.
    pub(crate) fn is_server_wide(&self) -> bool {
        self.parts.uri.path() == "*"
    }

    pub(crate) fn for_rules(&self, client_ip: IpAddr) -> RouteRequest<'_> {
        RouteRequest {
            host: self.host.as_str(),
            path: self.rule_path.as_deref().unwrap_or_else(|| self.parts.uri.path()),
            query: self.parts.uri.query(),
            method: self.parts.method.as_str(),
            headers: &self.parts.headers,
            client_ip,
        }
    }
}

/// Host and path in their normal form, the URI in origin-form; the path for rules where it differs.
pub(crate) fn normalize_head(
    parts: &mut Parts,
    hygiene: &Hygiene,
) -> Result<(HostName, Option<String>), ProxyError> {
    if parts.method == Method::CONNECT {
        return Err(ProxyError::ConnectMethod);
    }
    check_framing(parts)?;
    match hygiene.underscores {
        UnderscoreHeaders::Keep => {}
        UnderscoreHeaders::Delete => headers::delete_underscored(&mut parts.headers),
        UnderscoreHeaders::Reject if headers::has_underscored(&parts.headers) => {
            return Err(BadRequest::UnderscoreHeader.into());
        }
        UnderscoreHeaders::Reject => {}
    }
    let host = host::settle(parts)?;
    let Some(raw) = parts.uri.path_and_query() else {
        return Err(BadRequest::Path.into());
    };
    if raw.as_str() == "*" {
        return match parts.method {
            Method::OPTIONS => Ok((host, None)),
            _ => Err(BadRequest::Path.into()),
        };
    }
    let normal = path::normalize(raw, hygiene)?;
    let rule_path = path::for_rules(normal.as_ref().unwrap_or(raw).path());
    match normal {
        Some(normal) => parts.uri = origin_form(normal),
        None if parts.uri.authority().is_some() => parts.uri = origin_form(raw.clone()),
        None => {}
    }
    Ok((host, rule_path))
}

/// The one transfer coding we undo is `chunked`, once; the one expectation we meet is `100-continue`, once, as
/// Go's server (C2, C8).
fn check_framing(parts: &Parts) -> Result<(), ProxyError> {
    if headers::transfer_coding(&parts.headers) == TransferCoding::Other {
        return Err(BadRequest::TransferCoding.into());
    }
    let mut expectations = parts.headers.get_all(EXPECT).iter();
    match (expectations.next(), expectations.next()) {
        (None, _) => Ok(()),
        (Some(only), None) if only.as_bytes().eq_ignore_ascii_case(b"100-continue") => Ok(()),
        (Some(_), _) => Err(ProxyError::Expectation),
    }
}

/// `prefix` before the path of `uri`, for servers whose URL has one.
pub(crate) fn prefixed(prefix: &str, uri: &Uri) -> Result<Uri, BadRequest> {
    let joined = match uri.query() {
        Some(query) => format!("{prefix}{}?{query}", uri.path()),
        None => format!("{prefix}{}", uri.path()),
    };
    let target = uri::PathAndQuery::try_from(joined).map_err(|_| BadRequest::Path)?;
    Ok(origin_form(target))
}

/// Never empty: of `http://host#fragment` the http crate leaves an empty target.
fn origin_form(target: uri::PathAndQuery) -> Uri {
    let uri = Uri::from(target);
    if uri.path().is_empty() {
        Uri::from_static("/")
    } else {
        uri
    }
}

/// The router for a request, judged under the TLS policy its connection was made with (I2).
fn route<'s>(
    snapshot: &'s Snapshot,
    connection: &Connection,
    request: &Request,
) -> Result<&'s Arc<Router>, ProxyError> {
    let entry_point = connection
        .worker
        .config
        .entry_points
        .get(connection.entry_point)
        .and_then(|configured| snapshot.entry_points.get(&configured.name))
        .ok_or(ProxyError::NotFound)?;
    let request = request.for_rules(connection.client.ip().to_canonical());
    let routed = match &connection.leg {
        Leg::Plain => entry_point.route_plain(&request),
        Leg::Secure { policy, .. } => entry_point.route_secure(&request, *policy),
    };
    match routed {
        Routed::Router(router) => Ok(router),
        Routed::Misdirected => Err(ProxyError::Misdirected),
        Routed::NotFound => {
            tell_stray(entry_point, connection, &request);
            Err(ProxyError::NotFound)
        }
    }
}

/// Nobody is served over the wrong protocol, but operators learn why (A2.21).
fn tell_stray(entry_point: &EntryPoint, connection: &Connection, request: &RouteRequest<'_>) {
    let (stray, missed) = match connection.leg {
        Leg::Plain => (Stray::PlainForTls, &entry_point.secure),
        Leg::Secure { .. } => (Stray::TlsForPlain, &entry_point.plain),
    };
    if let Some(router) = missed.find(request) {
        connection.worker.fault_log.tell_stray(stray, router, connection);
    }
}

fn service(router: &Router) -> Result<&Arc<Service>, ProxyError> {
    match &router.state {
        RouterState::Ready(service) => Ok(service),
        RouterState::OutOfService { status, finding } => Err(ProxyError::OutOfService {
            status: *status,
            finding: Arc::clone(finding),
        }),
    }
}

/// What is wrong with a request: 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadRequest {
    #[error("the request has no host")]
    NoHost,
    #[error("the request has several Host headers")]
    SeveralHosts,
    #[error("the Host header and the request target name different hosts")]
    HostMismatch,
    #[error("the host is malformed")]
    Host,
    #[error("the port behind the host is malformed")]
    Port,
    #[error("the path is malformed")]
    Path,
    #[error("the transfer coding is not `chunked` alone")]
    TransferCoding,
    #[error("the body is malformed")]
    Body,
    #[error("the path holds an escaped character that is not allowed here")]
    EncodedCharacter,
    #[error("what a middleware makes of the path is no normal path")]
    Rewritten,
    #[error("a header has an underscore in its name")]
    UnderscoreHeader,
}

impl BadRequest {
    /// The stable code for logs and metrics.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::NoHost => "no_host",
            Self::SeveralHosts => "several_hosts",
            Self::HostMismatch => "host_mismatch",
            Self::Host => "bad_host",
            Self::Port => "bad_port",
            Self::Path => "bad_path",
            Self::TransferCoding => "bad_transfer_coding",
            Self::Body => "bad_body",
            Self::EncodedCharacter => "encoded_character",
            Self::Rewritten => "bad_rewrite",
            Self::UnderscoreHeader => "underscore_header",
        }
    }
}

#[cfg(test)]
mod tests;
