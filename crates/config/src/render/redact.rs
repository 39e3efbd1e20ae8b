//! Takes the secrets out of a configuration that is about to be shown.
//!
//! Twice: where a secret is expected, by type; and wherever else one may have strayed (a key pasted below a
//! certificate, a password in a URL), by its looks.

use std::borrow::Cow;

use serde_json::Value;

use crate::dynamic::Dynamic;
use crate::dynamic::http::{Middleware, ServersTransport, Service};
use crate::dynamic::secret::Secret;
use crate::dynamic::tls::CertificatePair;

pub(super) fn value(dynamic: &Dynamic) -> Result<Value, serde_json::Error> {
    let mut dynamic = dynamic.clone();
    dynamic
        .http
        .middlewares
        .values_mut()
        .for_each(|written| middleware(written));
    dynamic
        .http
        .services
        .values_mut()
        .for_each(|written| service(written));
    dynamic
        .http
        .servers_transports
        .values_mut()
        .for_each(|written| transport(written));
    dynamic
        .tcp
        .servers_transports
        .values_mut()
        .filter_map(|transport| transport.tls.as_mut())
        .flat_map(|tls| &mut tls.certificates)
        .for_each(pair);
    dynamic
        .tls
        .certificates
        .iter_mut()
        .for_each(|stored| pair(&mut stored.pair));
    dynamic
        .tls
        .stores
        .values_mut()
        .filter_map(|store| store.default_certificate.as_mut())
        .for_each(pair);
    let mut value = serde_json::to_value(&dynamic)?;
    strays(&mut value);
    Ok(value)
}

/// What has strayed to where no secret is expected.
pub(super) fn strays(value: &mut Value) {
    every_text(value, &|text| Some(stray_secrets(text)));
}

fn middleware(middleware: &mut Middleware) {
    if let Some(auth) = &mut middleware.basic_auth {
        auth.users.iter_mut().for_each(secret);
    }
    if let Some(auth) = &mut middleware.digest_auth {
        auth.users.iter_mut().for_each(secret);
    }
    if let Some(tls) = middleware
        .forward_auth
        .as_mut()
        .and_then(|auth| auth.tls.as_mut())
    {
        secret(&mut tls.key);
    }
    if let Some(redis) = middleware
        .rate_limit
        .as_mut()
        .and_then(|limit| limit.redis.as_mut())
    {
        secret(&mut redis.password);
        if let Some(tls) = &mut redis.tls {
            secret(&mut tls.key);
        }
    }
    if let Some(headers) = &mut middleware.headers {
        self::headers(&mut headers.custom_request_headers);
        self::headers(&mut headers.custom_response_headers);
    }
    // Nobody but the plugin knows what its options mean.
    for options in middleware.plugin.values_mut() {
        every_text(options, &|_| None);
    }
}

fn service(service: &mut Service) {
    let check = service
        .load_balancer
        .as_mut()
        .and_then(|balancer| balancer.health_check.as_mut());
    if let Some(check) = check {
        headers(&mut check.headers);
    }
}

fn transport(transport: &mut ServersTransport) {
    transport.certificates.iter_mut().for_each(pair);
}

fn pair(pair: &mut CertificatePair) {
    if !pair.key_file.is_empty() {
        pair.key_file = REDACTED.into();
    }
}

pub(super) fn secret(secret: &mut Secret) {
    if !secret.is_empty() {
        *secret = Secret::new(REDACTED);
    }
}

fn headers<'a>(headers: impl IntoIterator<Item = (&'a String, &'a mut String)>) {
    for (name, value) in headers {
        let name = name.to_ascii_lowercase();
        if !value.is_empty() && SECRET_HEADERS.iter().any(|part| name.contains(part)) {
            REDACTED.clone_into(value);
        }
    }
}

/// Replaces every text in `value`; `None` redacts, and numbers too.
fn every_text(value: &mut Value, replace: &dyn Fn(&str) -> Option<Cow<'_, str>>) {
    match value {
        Value::String(text) => match replace(text) {
            None => *value = Value::from(REDACTED),
            Some(Cow::Owned(text)) => *value = Value::from(text),
            Some(Cow::Borrowed(_)) => {}
        },
        Value::Number(number) => {
            if replace(&number.to_string()).is_none() {
                *value = Value::from(REDACTED);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| every_text(item, replace)),
        Value::Object(fields) => fields.values_mut().for_each(|field| every_text(field, replace)),
        Value::Null | Value::Bool(_) => {}
    }
}

fn stray_secrets(text: &str) -> Cow<'_, str> {
    match without_private_keys(text) {
        Cow::Borrowed(text) => without_url_password(text),
        Cow::Owned(text) => Cow::Owned(without_url_password(&text).into_owned()),
    }
}

/// Replaces PEM blocks whose label ends in `PRIVATE KEY`; one without an end goes on to the end.
fn without_private_keys(text: &str) -> Cow<'_, str> {
    const BEGIN: &str = "-----BEGIN ";
    const LABEL: &str = "PRIVATE KEY-----";
    let mut kept = String::new();
    let mut rest = text;
    let mut from = 0;
    while let Some(found) = rest.get(from..).and_then(|text| text.find(BEGIN)) {
        let begin = from + found;
        let block = rest.get(begin..).unwrap_or_default();
        let label = block.get(BEGIN.len()..).unwrap_or_default();
        let label_ends = label.find("-----").map_or(label.len(), |end| end + "-----".len());
        if !label
            .get(..label_ends)
            .is_some_and(|label| label.ends_with(LABEL))
        {
            from = begin + BEGIN.len();
            continue;
        }
        let body = label.get(label_ends..).unwrap_or_default();
        kept.push_str(rest.get(..begin).unwrap_or_default());
        kept.push_str(REDACTED);
        rest = body.split_once(LABEL).map_or("", |(_, after)| after);
        from = 0;
    }
    if kept.is_empty() {
        return Cow::Borrowed(text);
    }
    kept.push_str(rest);
    Cow::Owned(kept)
}

/// `scheme://user:password@host` -> `scheme://user:REDACTED@host`.
fn without_url_password(text: &str) -> Cow<'_, str> {
    let redacted = text.split_once("://").and_then(|(scheme, rest)| {
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end)?;
        let (user_info, host) = authority.rsplit_once('@')?;
        // Without a colon all of it may be a token.
        let user = user_info
            .split_once(':')
            .map(|(user, _)| format!("{user}:"))
            .unwrap_or_default();
        Some(format!("{scheme}://{user}{REDACTED}@{host}{path}"))
    });
    redacted.map_or(Cow::Borrowed(text), Cow::Owned)
}

/// Parts of the names of headers that carry credentials.
const SECRET_HEADERS: [&str; 7] = [
    "auth",
    "cookie",
    "token",
    "secret",
    "password",
    "key",
    "credential",
];
pub(super) const REDACTED: &str = "REDACTED";
