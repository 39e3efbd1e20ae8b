//! What the proxy would make of a request, step by step and without a connection: for `viaduct trace`.
//!
//! The steps are those of [`request`](crate::request) and [`middleware`](crate::middleware), done by the same
//! functions. What depends on other requests (limits), on secrets (passwords) or on who the client really is
//! (address lists) is not guessed: see [`Step::Undecided`].

use std::net::{IpAddr, SocketAddr};

use http::header::{HOST, LOCATION};
use http::{HeaderMap, Response, StatusCode};
use viaduct_snapshot::{LoadBalancer, Middleware, MiddlewareKind, RouteRequest, Server};
use viaduct_tls::Fault;

use crate::answer::ProxyError;
use crate::body::Answer;
use crate::config::{ForwardedTrust, Hygiene};
use crate::headers::{self, Peer};
use crate::middleware::{headers as custom, path, redirect};
use crate::request::{Request, prefixed};

/// A request as it is on its way inwards.
pub struct Preview {
    request: Request<()>,
    client: SocketAddr,
    peer: Peer,
    secure: bool,
    sanitize: bool,
}

/// The proxy itself would answer so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub status: StatusCode,
    /// As in logs and metrics.
    pub code: &'static str,
    pub text: String,
}

/// What a middleware does to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It goes on as it is.
    Unchanged,
    /// Its path is another one now.
    Path(String),
    /// Its headers may be others now.
    Headers,
    /// The middleware answers.
    Answers {
        status: StatusCode,
        location: Option<String>,
    },
    /// What it does depends on what a preview does not know, which is this.
    Undecided(&'static str),
}

impl Preview {
    /// In its normal form, and with the headers that the proxy owns (I1, I3). `head`: the URI in origin-form with a
    /// `Host` header, or in absolute form. `secure`: by TLS. `forwarded`: what `client` is believed; `None`: nothing.
    pub fn new(
        head: http::Request<()>,
        hygiene: &Hygiene,
        client: SocketAddr,
        forwarded: Option<&ForwardedTrust>,
        secure: bool,
    ) -> Result<Self, Refusal> {
        let mut request = Request::normalize(head, hygiene)?;
        if request.is_server_wide() {
            return Err(ProxyError::NotFound.into());
        }
        let (port, peer) = (request.port(), Peer::new(client, forwarded));
        request.hop = headers::own(&mut request.parts, port, &peer, secure);
        Ok(Self {
            request,
            client,
            peer,
            secure,
            sanitize: hygiene.sanitize_path,
        })
    }

    /// As rules see it.
    pub fn for_rules(&self) -> RouteRequest<'_> {
        let client: IpAddr = self.client.ip().to_canonical();
        self.request.for_rules(client)
    }

    /// As a backend sees it.
    pub fn path(&self) -> &str {
        self.request.path()
    }

    /// Goes through a middleware.
    pub fn meet(&mut self, middleware: &Middleware) -> Result<Step, Refusal> {
        let (sanitize, before) = (self.sanitize, self.path().to_owned());
        let request = &mut self.request;
        match &middleware.kind {
            MiddlewareKind::AddPrefix(add) => path::add_prefix(add, sanitize, request)?,
            MiddlewareKind::StripPrefix(strip) => path::strip_prefix(strip, sanitize, request)?,
            MiddlewareKind::StripPrefixRegex(strip) => path::strip_prefix_regex(strip, sanitize, request)?,
            MiddlewareKind::ReplacePath(replace) => path::replace(replace, request)?,
            MiddlewareKind::ReplacePathRegex(replace) => path::replace_regex(replace, sanitize, request)?,
            MiddlewareKind::EncodedCharacters(allowed) => {
                request.check_escapes(*allowed).map_err(ProxyError::from)?;
            }
            MiddlewareKind::RedirectScheme(target) => {
                return Ok(answered(redirect::scheme(target, self.secure, request)?));
            }
            MiddlewareKind::RedirectRegex(target) => {
                return Ok(answered(redirect::regex(target, self.secure, request)?));
            }
            MiddlewareKind::Headers(rules) => {
                if let Some(answer) = rules
                    .cors
                    .as_ref()
                    .and_then(|cors| custom::preflight(cors, request))
                {
                    return Ok(answered(Some(answer)));
                }
                custom::apply_to_request(&rules.request, &mut request.parts.headers);
                if let Some(security) = &rules.security {
                    custom::check_host(security, &request.parts.headers)?;
                }
                return Ok(Step::Headers);
            }
            MiddlewareKind::BasicAuth(_) => return Ok(Step::Undecided("it asks for a password")),
            MiddlewareKind::IpAllowList(_) => {
                return Ok(Step::Undecided("it goes by the client's address"));
            }
            MiddlewareKind::InFlightReq(_) => {
                return Ok(Step::Undecided("it goes by how many requests there are"));
            }
            // A preview has no client certificate to tell of, and no answer to look into.
            MiddlewareKind::PassTlsClientCert(_) | MiddlewareKind::ContentType => {}
        }
        Ok(if self.path() == before {
            Step::Unchanged
        } else {
            Step::Path(self.path().to_owned())
        })
    }

    /// As the server would get it, for [`probe::ask`](crate::probe::ask).
    pub fn outgoing(self, balancer: &LoadBalancer, server: &Server) -> Result<http::Request<()>, Refusal> {
        let mut parts = self.request.parts;
        headers::append_forwarded_for(&mut parts.headers, &self.peer);
        if !balancer.pass_host_header || !parts.headers.contains_key(HOST) {
            parts.headers.insert(HOST, server.authority.clone());
        }
        if !server.base_path.is_empty() {
            parts.uri = prefixed(&server.base_path, &parts.uri).map_err(ProxyError::from)?;
        }
        Ok(http::Request::from_parts(parts, ()))
    }
}

/// The status that a client gets for a fault of the backend leg.
pub fn status_of(fault: &Fault) -> StatusCode {
    ProxyError::from(fault.clone()).status()
}

fn answered(answer: Option<Response<Answer>>) -> Step {
    let Some(answer) = answer else {
        return Step::Unchanged;
    };
    Step::Answers {
        status: answer.status(),
        location: text(answer.headers(), LOCATION),
    }
}

fn text(headers: &HeaderMap, name: http::HeaderName) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    Some(value.to_owned())
}

impl From<ProxyError> for Refusal {
    fn from(error: ProxyError) -> Self {
        Self {
            status: error.status(),
            code: error.reason(),
            text: error.to_string(),
        }
    }
}

#[cfg(test)]
mod tests;
