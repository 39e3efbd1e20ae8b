//! `headers`: custom headers, CORS, security headers.

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, HOST, ORIGIN, STRICT_TRANSPORT_SECURITY, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response};
use viaduct_snapshot::middleware::{Cors, Headers, Security, Value};

use crate::answer::{self, ProxyError};
use crate::body::Answer;
use crate::exchange::Exchange;
use crate::headers;
use crate::request::Request;
use crate::wire::Connection;

use super::Next;

/// The order is Traefik's: preflights are answered first; then the request gets its headers; then its host is
/// checked. On the way back security headers come first, and custom ones may still change them.
pub(super) async fn run(
    rules: &Headers,
    next: Next<'_>,
    mut request: Request,
    exchange: &mut Exchange,
) -> Result<Response<Answer>, ProxyError> {
    if let Some(cors) = &rules.cors
        && let Some(answer) = preflight(cors, &request)
    {
        return Ok(answer);
    }
    let origin = rules
        .cors
        .as_ref()
        .map(|_| request.parts.headers.get(ORIGIN).cloned());
    apply_to_request(&rules.request, &mut request.parts.headers);
    if let Some(security) = &rules.security {
        check_host(security, &request.parts.headers)?;
    }
    let secure = rules
        .security
        .as_ref()
        .is_some_and(|security| is_secure(security, next.connection(), &request.parts.headers));
    // A failure is an answer too, and gets the same headers.
    let outcome = next.run(request, exchange).await;
    let mut response = outcome.unwrap_or_else(|error| answer::from_error(error, exchange));
    let headers = response.headers_mut();
    if let Some(security) = &rules.security {
        secure_answer(security, secure, headers);
    }
    apply(&rules.response, headers);
    if let Some(cors) = &rules.cors {
        share(cors, origin.flatten(), headers);
    }
    Ok(response)
}

/// A custom header is the only one of its name, in every spelling (I3).
pub(crate) fn apply_to_request(custom: &[(HeaderName, Value)], headers: &mut HeaderMap) {
    for (name, value) in custom {
        match value {
            Value::Set(value) => headers::claim(headers, name.clone(), value.clone()),
            // The host is what routing went by: there has to be one.
            Value::Remove if *name == HOST => {}
            Value::Remove => headers::disclaim(headers, name),
        }
    }
}

fn apply(custom: &[(HeaderName, Value)], headers: &mut HeaderMap) {
    for (name, value) in custom {
        match value {
            Value::Set(value) => drop(headers.insert(name, value.clone())),
            Value::Remove => drop(headers.remove(name)),
        }
    }
}

/// The answer to the question whether a page of another origin may ask.
pub(crate) fn preflight<B>(cors: &Cors, request: &Request<B>) -> Option<Response<Answer>> {
    let parts = &request.parts;
    let origin = parts.headers.get(ORIGIN).filter(|origin| !origin.is_empty())?;
    let asks = parts
        .headers
        .get(ACCESS_CONTROL_REQUEST_METHOD)
        .is_some_and(|method| !method.is_empty());
    if parts.method != Method::OPTIONS || !asks {
        return None;
    }
    let mut response = Response::new(Answer::Text(Bytes::new()));
    let headers = response.headers_mut();
    if cors.allow_credentials {
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    if let Some(allowed) = &cors.allow_headers {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed.clone());
    }
    if let Some(allowed) = &cors.allow_methods {
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, allowed.clone());
    }
    if let Some(allowed) = cors.origins.allowed(origin) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    }
    headers.insert(ACCESS_CONTROL_MAX_AGE, cors.max_age.clone());
    Some(response)
}

/// Whether a page of another origin may read the answer.
fn share(cors: &Cors, origin: Option<HeaderValue>, headers: &mut HeaderMap) {
    let origin = origin.unwrap_or_else(|| HeaderValue::from_static(""));
    if let Some(allowed) = cors.origins.allowed(&origin) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    }
    if cors.allow_credentials {
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    if let Some(exposed) = &cors.expose_headers {
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed.clone());
    }
    if cors.add_vary {
        vary_by_origin(headers);
    }
}

fn vary_by_origin(headers: &mut HeaderMap) {
    let says_so = headers
        .get_all(VARY)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .any(|name| name.trim_ascii().eq_ignore_ascii_case(b"origin"));
    if !says_so {
        headers.append(VARY, HeaderValue::from_static("Origin"));
    }
}

pub(crate) fn check_host(security: &Security, headers: &HeaderMap) -> Result<(), ProxyError> {
    if security.allowed_hosts.is_empty() {
        return Ok(());
    }
    let asked = security
        .host_headers
        .iter()
        .chain(&[HOST])
        .find_map(|name| headers.get(name).filter(|host| !host.is_empty()));
    let good = asked.is_some_and(|asked| {
        let allowed = &security.allowed_hosts;
        allowed
            .iter()
            .any(|host| asked.as_bytes().eq_ignore_ascii_case(host.as_bytes()))
    });
    if good {
        Ok(())
    } else {
        Err(ProxyError::HostRefused)
    }
}

fn is_secure(security: &Security, connection: &Connection, headers: &HeaderMap) -> bool {
    connection.is_secure()
        || security
            .tls_headers
            .iter()
            .any(|(name, value)| headers.get(name) == Some(value))
}

fn secure_answer(security: &Security, secure: bool, headers: &mut HeaderMap) {
    if let Some(sts) = security.sts.as_ref().filter(|_| secure || security.force_sts) {
        headers.insert(STRICT_TRANSPORT_SECURITY, sts.clone());
    }
    for (name, value) in &security.fixed {
        headers.insert(name, value.clone());
    }
}
