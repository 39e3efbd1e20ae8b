//! Paths of the API.

use std::borrow::Cow;

use bytes::Bytes;
use http::{Response, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use viaduct_config::render;
use viaduct_proxy::internal::Asked;

use super::catalogue::{Catalogue, Object};
use super::listing::{self, Query};
use super::{
    View, bridges, certificates, dump, last_faults, overview, preflight, reply, revoked, rotations, shadow,
};

/// The answer to a GET below `<base>/api`.
pub(super) fn answer(view: &View, asked: &Asked) -> Response<Bytes> {
    let Some(published) = view.published() else {
        return reply::message(StatusCode::SERVICE_UNAVAILABLE, "there is no configuration yet");
    };
    let query = Query::new(asked.uri.query().unwrap_or_default());
    let path = asked.uri.path();
    let path = path
        .strip_prefix(view.settings.base_path.as_str())
        .unwrap_or(path);
    // A name may hold an escaped slash, so segments are decoded one by one.
    let segments: Vec<Cow<'_, str>> = path
        .split('/')
        .skip(1)
        .map(|segment| percent_decode_str(segment).decode_utf8_lossy())
        .collect();
    let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
    let catalogue = || published.catalogue();
    match segments.as_slice() {
        ["api", "version"] => reply::json(&overview::version(view)),
        ["api", "overview"] => reply::json(&overview::overview(view, catalogue())),
        ["api", "rawdata"] => catalogue().raw().map_or_else(unmade, reply::json_text),
        ["api", "support-dump"] => dump::answer(view, catalogue()),
        ["api", "entrypoints"] => listing::list(&entry_points(view), &query),
        ["api", "entrypoints", name] => one(&entry_points(view), name, "entry point"),
        ["api", "certificates"] => listing::list(&certificates::all(&published.snapshot), &query),
        ["api", "certificates", name] => one(&certificates::all(&published.snapshot), name, "certificate"),
        ["api", "rotations"] | ["api", "viaduct", "rotations"] => match view.metrics.get() {
            Some(metrics) => reply::json(&rotations::all(metrics)),
            None => reply::not_found(),
        },
        ["api", "shadow"] | ["api", "viaduct", "shadow"] => match view.metrics.get() {
            Some(metrics) => reply::json(&shadow::all(&published.snapshot, metrics)),
            None => reply::not_found(),
        },
        ["api", "revoked"] | ["api", "viaduct", "revoked"] => match view.metrics.get() {
            Some(metrics) => reply::json(&revoked::all(&published.snapshot, metrics)),
            None => reply::not_found(),
        },
        ["api", "faults"] => listing::list(&last_faults::all(view), &query),
        ["api", "viaduct", "about"] => reply::json(&overview::about(view)),
        ["api", "bridges"] => bridges::rows(view, &published.snapshot, &query),
        ["api", "viaduct", "bridges"] => bridges::list(&published.snapshot, &query),
        ["api", "viaduct", "preflight"] => match view.preflight.get() {
            Some(running) => reply::json(&preflight::all(running, &published.snapshot)),
            None => reply::not_found(),
        },
        ["api", "viaduct", "findings"] => reply::json(&bridges::findings(&published)),
        ["api", layer, kind] => match section(catalogue(), layer, kind) {
            Some((objects, _)) => listing::list(objects, &query),
            None => reply::not_found(),
        },
        ["api", "http", "services", name] => {
            let services = &catalogue().http.services;
            match services.iter().find(|service| *service.name == **name) {
                Some(service) => reply::json(&last_faults::with_faults(view, service)),
                None => one(services, name, "service"),
            }
        }
        ["api", layer, kind, name] => match section(catalogue(), layer, kind) {
            Some((objects, noun)) => one(objects, name, noun),
            None => reply::not_found(),
        },
        _ => reply::not_found(),
    }
}

/// The objects of a path, and what one of them is called.
fn section<'c>(catalogue: &'c Catalogue, layer: &str, kind: &str) -> Option<(&'c [Object], &'static str)> {
    let objects = match layer {
        "http" => &catalogue.http,
        "tcp" => &catalogue.tcp,
        "udp" if kind != "middlewares" => &catalogue.udp,
        _ => return None,
    };
    match kind {
        "routers" => Some((&objects.routers, "router")),
        "services" => Some((&objects.services, "service")),
        "middlewares" => Some((&objects.middlewares, "middleware")),
        _ => None,
    }
}

/// Texts and numbers are all that is written, and to memory.
fn unmade(error: serde_json::Error) -> Response<Bytes> {
    reply::message(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}

fn one(objects: &[Object], name: &str, noun: &str) -> Response<Bytes> {
    match objects.iter().find(|object| *object.name == *name) {
        Some(object) => reply::json(&object.view()),
        None => reply::message(StatusCode::NOT_FOUND, format!("{noun} not found: {name}")),
    }
}

fn entry_points(view: &View) -> Vec<Object> {
    let install = render::redacted_install(&view.install);
    let Some(Value::Object(written)) = install.get("entryPoints").cloned() else {
        return Vec::new();
    };
    let objects = written.into_iter().map(|(name, value)| {
        let body = match value {
            Value::Object(mut body) => {
                body.insert("name".to_owned(), json!(name));
                body
            }
            _ => serde_json::Map::new(),
        };
        Object::plain(name, body)
    });
    objects.collect()
}
