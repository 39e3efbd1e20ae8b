//! `addPrefix`, `stripPrefix`, `stripPrefixRegex`, `replacePath`, `replacePathRegex`.
//!
//! What they make of a path has to be a path in its normal form again, or the request is refused (I1): with the
//! prefix `/api`, a request for `/api../admin` is none for `/admin` (CVE-2026-48020). `sanitize`: as the entry
//! point says ([`Hygiene::sanitize_path`](crate::Hygiene::sanitize_path)).

use http::{HeaderName, HeaderValue};
use viaduct_snapshot::middleware::{AddPrefix, ReplacePath, ReplacePathRegex, StripPrefix, StripPrefixRegex};

use crate::answer::ProxyError;
use crate::headers;
use crate::request::{BadRequest, Request};

pub(crate) fn add_prefix<B>(
    add: &AddPrefix,
    sanitize: bool,
    request: &mut Request<B>,
) -> Result<(), ProxyError> {
    let path = format!("{}{}", add.prefix, request.path());
    Ok(request.rewrite(&path, sanitize)?)
}

pub(crate) fn strip_prefix<B>(
    strip: &StripPrefix,
    sanitize: bool,
    request: &mut Request<B>,
) -> Result<(), ProxyError> {
    let stripped = strip
        .prefixes
        .iter()
        .find_map(|prefix| Some((prefix, request.path().strip_prefix(&*prefix.escaped)?)));
    let Some((prefix, rest)) = stripped else {
        return Ok(());
    };
    let path = if strip.force_slash {
        format!("/{}", rest.strip_prefix('/').unwrap_or(rest))
    } else {
        with_slash(rest)
    };
    request.rewrite(&path, sanitize)?;
    headers::append_prefix(&mut request.parts.headers, prefix.told.clone());
    Ok(())
}

pub(crate) fn strip_prefix_regex<B>(
    strip: &StripPrefixRegex,
    sanitize: bool,
    request: &mut Request<B>,
) -> Result<(), ProxyError> {
    // Expressions are written for what people read, not for escapes.
    let readable = request.readable_path();
    let prefix = strip.expressions.iter().find_map(|expression| {
        let found = expression.find(&readable)?;
        (!found.is_empty() && readable.starts_with(found)).then(|| found.to_owned())
    });
    drop(readable);
    let Some(prefix) = prefix else {
        return Ok(());
    };
    let path = with_slash(request.path_behind(prefix.len()));
    request.rewrite(&path, sanitize)?;
    let told = HeaderValue::from_bytes(prefix.as_bytes()).map_err(|_| BadRequest::Path)?;
    headers::append_prefix(&mut request.parts.headers, told);
    Ok(())
}

pub(crate) fn replace<B>(replace: &ReplacePath, request: &mut Request<B>) -> Result<(), ProxyError> {
    tell_replaced(request);
    // Nothing of it comes from the client: it stands as it is written.
    Ok(request.set_path(&replace.path)?)
}

pub(crate) fn replace_regex<B>(
    replace: &ReplacePathRegex,
    sanitize: bool,
    request: &mut Request<B>,
) -> Result<(), ProxyError> {
    if replace.replacement.is_empty() || !replace.expression.is_match(request.path()) {
        return Ok(());
    }
    let path = with_slash(
        &replace
            .expression
            .replace_all(request.path(), &replace.replacement),
    );
    tell_replaced(request);
    Ok(request.rewrite(&path, sanitize)?)
}

fn tell_replaced<B>(request: &mut Request<B>) {
    if let Ok(path) = HeaderValue::from_str(request.path()) {
        headers::claim(&mut request.parts.headers, REPLACED_PATH, path);
    }
}

/// Nothing stays nothing, which is sent as `/`.
fn with_slash(path: &str) -> String {
    if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    }
}

const REPLACED_PATH: HeaderName = HeaderName::from_static("x-replaced-path");
