//! Heads of answers: media types, and what keeps other sites away.

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    LOCATION, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Value, json};
use viaduct_observe::prometheus;

pub(crate) fn json(value: &Value) -> Response<Bytes> {
    json_text(value.to_string())
}

/// JSON that has been written.
pub(super) fn json_text(text: String) -> Response<Bytes> {
    body(StatusCode::OK, "application/json", text, NOTHING)
}

/// One page of a list, and where the next one is: 1 behind the last, as in Traefik.
pub(super) fn page(value: &Value, next: usize) -> Response<Bytes> {
    let mut response = json(value);
    response
        .headers_mut()
        .insert(HeaderName::from_static("x-next-page"), HeaderValue::from(next));
    response
}

/// Traefik's form of an error: `{"message": "..."}`.
pub(super) fn message(status: StatusCode, message: impl Into<String>) -> Response<Bytes> {
    let value = json!({ "message": message.into() });
    body(status, "application/json", value.to_string(), NOTHING)
}

pub(crate) fn text(status: StatusCode, text: &'static str) -> Response<Bytes> {
    body(status, PLAIN, text, NOTHING)
}

pub(crate) fn not_found() -> Response<Bytes> {
    text(StatusCode::NOT_FOUND, "404 page not found\n")
}

/// `allowed`: the methods that are.
pub(super) fn method_not_allowed(allowed: &'static str) -> Response<Bytes> {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "405 method not allowed\n");
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

/// The text exposition format.
pub(super) fn metrics(text: String) -> Response<Bytes> {
    body(StatusCode::OK, prometheus::CONTENT_TYPE, text, NOTHING)
}

pub(super) fn archive(bytes: Vec<u8>) -> Response<Bytes> {
    let mut response = body(StatusCode::OK, "application/gzip", bytes, NOTHING);
    response.headers_mut().insert(
        CONTENT_DISPOSITION,
        HeaderValue::from_static("attachment; filename=support-dump.tar.gz"),
    );
    response
}

pub(crate) fn redirect(location: &str) -> Response<Bytes> {
    let Ok(location) = HeaderValue::from_str(location) else {
        return not_found();
    };
    let mut response = body(StatusCode::FOUND, PLAIN, Bytes::new(), NOTHING);
    response.headers_mut().insert(LOCATION, location);
    response
}

/// A file of the dashboard. Its page loads nothing from elsewhere, and no script but the one beside it.
pub(crate) fn asset(media_type: &'static str, text: &'static str) -> Response<Bytes> {
    body(StatusCode::OK, media_type, text, OWN_FILES)
}

/// The head of an answer to HEAD, its length told.
pub(super) fn without_body(response: Response<Bytes>) -> Response<Bytes> {
    let (mut parts, body) = response.into_parts();
    parts
        .headers
        .insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    Response::from_parts(parts, Bytes::new())
}

/// Every answer forbids what nobody needs: framing (CVE-2021-27375), guessing of types, storing, and being
/// loaded by other sites. There are no CORS headers, so no other site's script reads anything.
fn body(
    status: StatusCode,
    media_type: &'static str,
    body: impl Into<Bytes>,
    policy: &'static str,
) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, media_type),
        (CONTENT_SECURITY_POLICY, policy),
        (X_FRAME_OPTIONS, "DENY"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
        (RESOURCE_POLICY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const PLAIN: &str = "text/plain; charset=utf-8";
const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";
const OWN_FILES: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
