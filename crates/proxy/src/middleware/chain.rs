//! The onion: a request goes inwards through the middlewares of its router, the answer comes back outwards.

use std::rc::Rc;
use std::sync::Arc;

use http::Response;
use viaduct_snapshot::{Middleware, MiddlewareKind, Router, Service};

use crate::answer::ProxyError;
use crate::body::Answer;
use crate::exchange::Exchange;
use crate::request::{self, Request};
use crate::wire::Connection;

use super::{basic_auth, client_cert, content_type, headers, in_flight, path, redirect, source};

/// Where a request is on its way to: the same for every middleware it meets.
#[derive(Clone, Copy)]
pub(crate) struct Way<'w> {
    pub(crate) connection: &'w Rc<Connection>,
    pub(crate) router: &'w Arc<Router>,
    pub(crate) service: &'w Arc<Service>,
}

/// What is left of the way.
pub(crate) struct Next<'w> {
    way: Way<'w>,
    rest: &'w [Arc<Middleware>],
}

impl<'w> Next<'w> {
    /// All of it.
    pub(crate) fn new(way: Way<'w>) -> Self {
        Self {
            way,
            rest: &way.router.middlewares,
        }
    }

    /// Goes the rest of the way. Most middlewares look at the request alone, and are a step of the loop; those
    /// that have a say in the answer as well go on by a call of their own.
    ///
    /// Cancel safe: dropping it is how a client leaves.
    pub(crate) async fn run(
        mut self,
        mut request: Request,
        exchange: &mut Exchange,
    ) -> Result<Response<Answer>, ProxyError> {
        let way = self.way;
        let (sanitize, secure) = (way.connection.sanitizes(), way.connection.is_secure());
        while let Some((middleware, rest)) = self.rest.split_first() {
            self.rest = rest;
            match &middleware.kind {
                MiddlewareKind::AddPrefix(add) => path::add_prefix(add, sanitize, &mut request)?,
                MiddlewareKind::StripPrefix(strip) => path::strip_prefix(strip, sanitize, &mut request)?,
                MiddlewareKind::StripPrefixRegex(strip) => {
                    path::strip_prefix_regex(strip, sanitize, &mut request)?
                }
                MiddlewareKind::ReplacePath(replace) => path::replace(replace, &mut request)?,
                MiddlewareKind::ReplacePathRegex(replace) => {
                    path::replace_regex(replace, sanitize, &mut request)?
                }
                MiddlewareKind::EncodedCharacters(allowed) => request.check_escapes(*allowed)?,
                MiddlewareKind::IpAllowList(list) => source::admit(list, way.connection, &request)?,
                MiddlewareKind::PassTlsClientCert(pass) => {
                    client_cert::pass(pass, way.connection, &mut request)
                }
                MiddlewareKind::BasicAuth(auth) => {
                    basic_auth::check(auth, way, &mut request, exchange).await?
                }
                MiddlewareKind::InFlightReq(limit) => {
                    exchange.hold(in_flight::enter(limit, middleware, way, &request)?);
                }
                MiddlewareKind::RedirectScheme(target) => {
                    if let Some(answer) = redirect::scheme(target, secure, &request)? {
                        return Ok(answer);
                    }
                }
                MiddlewareKind::RedirectRegex(target) => {
                    if let Some(answer) = redirect::regex(target, secure, &request)? {
                        return Ok(answer);
                    }
                }
                MiddlewareKind::ContentType => {
                    return Box::pin(content_type::run(self, request, exchange)).await;
                }
                MiddlewareKind::Headers(rules) => {
                    return Box::pin(headers::run(rules, self, request, exchange)).await;
                }
            }
        }
        request::cross(way, request, exchange).await
    }

    pub(super) fn connection(&self) -> &'w Connection {
        self.way.connection
    }
}
