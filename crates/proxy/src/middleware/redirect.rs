//! `redirectScheme` and `redirectRegex`.

use http::header::{CONTENT_TYPE, HOST, LOCATION};
use http::{HeaderValue, Method, Response, StatusCode};
use viaduct_snapshot::middleware::{RedirectRegex, RedirectScheme};

use crate::answer::ProxyError;
use crate::body::Answer;
use crate::headers;
use crate::request::{BadRequest, Request};

/// Where the request is to go instead; `None`: it is there already.
pub(crate) fn scheme<B>(
    target: &RedirectScheme,
    secure: bool,
    request: &Request<B>,
) -> Result<Option<Response<Answer>>, ProxyError> {
    let told = headers::told_scheme(&request.parts.headers);
    let scheme = told.unwrap_or_else(|| connection_scheme(secure));
    let (name, port) = split_port(host(request)?);
    let rest = request.target();
    let own_port = port.filter(|port| !matches!((scheme, *port), ("http", "80") | ("https", "443")));
    let old = url(scheme, name, own_port, rest);
    let new = url(&target.scheme, name, target.port.as_deref(), rest);
    Ok((new != old)
        .then(|| moved(&new, target.permanent, &request.parts.method))
        .transpose()?)
}

/// Where the expression leads; `None`: it does not match, or leads nowhere else.
pub(crate) fn regex<B>(
    target: &RedirectRegex,
    secure: bool,
    request: &Request<B>,
) -> Result<Option<Response<Answer>>, ProxyError> {
    let old = format!(
        "{}://{}{}",
        connection_scheme(secure),
        host(request)?,
        request.target()
    );
    if !target.expression.is_match(&old) {
        return Ok(None);
    }
    let new = target.expression.replace_all(&old, &target.replacement);
    Ok((new != old)
        .then(|| moved(&new, target.permanent, &request.parts.method))
        .transpose()?)
}

/// `secure`: the client came by TLS.
fn connection_scheme(secure: bool) -> &'static str {
    if secure { "https" } else { "http" }
}

/// As the client wrote it, port included.
fn host<B>(request: &Request<B>) -> Result<&str, BadRequest> {
    match request.parts.headers.get(HOST) {
        None => Ok(""),
        Some(host) => host.to_str().map_err(|_| BadRequest::Host),
    }
}

fn split_port(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        // The colons of an IPv6 address are between brackets.
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        _ => (host, None),
    }
}

fn url(scheme: &str, name: &str, port: Option<&str>, rest: &str) -> String {
    match port {
        Some(port) => format!("{scheme}://{name}:{port}{rest}"),
        None => format!("{scheme}://{name}{rest}"),
    }
}

/// 307 and 308 keep the method; 301 and 302 are for GET, whose method cannot change.
fn moved(location: &str, permanent: bool, method: &Method) -> Result<Response<Answer>, BadRequest> {
    let status = match (permanent, *method == Method::GET) {
        (true, true) => StatusCode::MOVED_PERMANENTLY,
        (true, false) => StatusCode::PERMANENT_REDIRECT,
        (false, true) => StatusCode::FOUND,
        (false, false) => StatusCode::TEMPORARY_REDIRECT,
    };
    let text = status.canonical_reason().unwrap_or_default();
    let mut response = Response::new(Answer::Text(text.into()));
    *response.status_mut() = status;
    let location = HeaderValue::from_str(&visible(location)).map_err(|_| BadRequest::Path)?;
    response.headers_mut().insert(LOCATION, location);
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    Ok(response)
}

/// What is not visible ASCII is escaped: a replacement may contain anything.
fn visible(location: &str) -> String {
    percent_encoding::utf8_percent_encode(location, percent_encoding::CONTROLS)
        .to_string()
        .replace(' ', "%20")
}
