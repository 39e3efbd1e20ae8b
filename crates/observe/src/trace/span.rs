//! The spans of one request, under Traefik's names and OpenTelemetry's attributes.
//!
//! ```text
//!  EntryPoint (server) > [Router > Service, if detailed] > ReverseProxy (client)
//! ```

use std::time::SystemTime;

use http::HeaderMap;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};

use super::{Route, Trace, TraceOptions, Verbosity};
use crate::otlp::{Attributes, nanos};
use crate::record::Record;

pub(super) fn write(
    spans: &mut Vec<Span>,
    options: &TraceOptions,
    trace: &Trace,
    route: Route<'_>,
    record: &Record<'_>,
) {
    let end = record.start + record.duration;
    let mut server = span(trace, "EntryPoint", SpanKind::Server, trace.server, trace.parent);
    server.attributes = server_attributes(options, record).into_inner();
    server.status = status(record.status >= 500, record);
    timed(&mut server, record.start, end);
    spans.push(server);
    let mut parent = trace.server;
    if route.verbosity == Verbosity::Detailed
        && let Some(router) = record.router
    {
        let mut attributes = Attributes::default();
        attributes.text("traefik.router.name", router);
        attributes.optional("traefik.service.name", record.service);
        attributes.optional("http.route", route.rule);
        parent = inner(spans, trace, "Router", parent, attributes, (record.start, end));
        if let Some(service) = record.service {
            let mut attributes = Attributes::default();
            attributes.text("traefik.service.name", service);
            parent = inner(spans, trace, "Service", parent, attributes, (record.start, end));
        }
    }
    if let Some(after) = route.asked_after {
        let mut client = span(
            trace,
            "ReverseProxy",
            SpanKind::Client,
            trace.client,
            Some(parent),
        );
        client.attributes = client_attributes(options, record).into_inner();
        client.status = status(record.origin_status >= 400 || record.origin_status == 0, record);
        timed(&mut client, record.start + after, end);
        spans.push(client);
    }
}

/// A span between the request's and the backend's; its identifier follows from that of its parent.
fn inner(
    spans: &mut Vec<Span>,
    trace: &Trace,
    name: &str,
    parent: [u8; 8],
    attributes: Attributes,
    (start, end): (SystemTime, SystemTime),
) -> [u8; 8] {
    let own = u64::from_be_bytes(parent)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .max(1)
        .to_be_bytes();
    let mut inner = span(trace, name, SpanKind::Internal, own, Some(parent));
    inner.attributes = attributes.into_inner();
    timed(&mut inner, start, end);
    spans.push(inner);
    own
}

fn span(trace: &Trace, name: &str, kind: SpanKind, id: [u8; 8], parent: Option<[u8; 8]>) -> Span {
    Span {
        trace_id: trace.trace_id.to_vec(),
        span_id: id.to_vec(),
        parent_span_id: parent.map(Vec::from).unwrap_or_default(),
        flags: 1,
        name: name.to_owned(),
        kind: kind.into(),
        ..Span::default()
    }
}

fn timed(span: &mut Span, start: SystemTime, end: SystemTime) {
    span.start_time_unix_nano = nanos(start);
    span.end_time_unix_nano = nanos(end);
}

fn status(failed: bool, record: &Record<'_>) -> Option<Status> {
    failed.then(|| Status {
        code: StatusCode::Error.into(),
        message: record
            .fault
            .map(|fault| fault.detail.to_owned())
            .unwrap_or_default(),
    })
}

fn server_attributes(options: &TraceOptions, record: &Record<'_>) -> Attributes {
    let mut attributes = Attributes::default();
    let (path, query) = match record.path.split_once('?') {
        Some((path, query)) => (path, Some(redacted(options, query))),
        None => (record.path, None),
    };
    attributes.text("entry_point", record.entry_point);
    attributes.text("http.request.method", record.method);
    attributes.text("network.protocol.version", version(record.protocol));
    attributes.number("http.request.body.size", record.request_bytes);
    attributes.text("url.path", path);
    attributes.optional("url.query", query.as_deref());
    attributes.text("url.scheme", record.scheme);
    attributes.header(
        "user_agent.original",
        record.request_headers,
        &http::header::USER_AGENT,
    );
    attributes.text("server.address", record.host);
    attributes.text(
        "network.peer.address",
        &record.client.ip().to_canonical().to_string(),
    );
    attributes.number("network.peer.port", u64::from(record.client.port()));
    let client = record.forwarded_for.and_then(|list| list.split(',').next());
    match client {
        Some(first) => attributes.text("client.address", first.trim()),
        None => attributes.text("client.address", &record.client.ip().to_canonical().to_string()),
    }
    attributes.number("client.port", u64::from(record.client.port()));
    attributes.number("http.response.status_code", u64::from(record.status));
    attributes.number("http.response.body.size", record.response_bytes);
    if let Some(leg) = record.client_leg {
        attributes.text("tls.protocol.version", leg.version);
        attributes.text("tls.cipher", leg.cipher);
        attributes.flag("tls.resumed", leg.resumed);
    }
    if let Some(fault) = &record.fault {
        attributes.text("error.type", fault.code);
        attributes.text("viaduct.fault.leg", fault.leg.label());
        attributes.text("viaduct.fault.detail", fault.detail);
        attributes.optional("viaduct.fault.fix", fault.fix);
    }
    headers(
        &mut attributes,
        "http.request.header.",
        &options.request_headers,
        Some(record.request_headers),
    );
    headers(
        &mut attributes,
        "http.response.header.",
        &options.response_headers,
        record.response_headers,
    );
    attributes
}

fn client_attributes(options: &TraceOptions, record: &Record<'_>) -> Attributes {
    let mut attributes = Attributes::default();
    attributes.text("http.request.method", record.method);
    if let Some(url) = record.server_url {
        let path = match record.path.split_once('?') {
            Some((path, query)) => format!("{path}?{}", redacted(options, query)),
            None => record.path.to_owned(),
        };
        attributes.text("url.full", &format!("{url}{path}"));
        attributes.optional("url.scheme", url.split_once("://").map(|(scheme, _)| scheme));
    }
    if let Some((address, port)) = record.server_addr.and_then(|server| server.rsplit_once(':')) {
        attributes.text("network.peer.address", address);
        attributes.text("server.address", address);
        if let Ok(port) = port.parse() {
            attributes.number("network.peer.port", port);
            attributes.number("server.port", port);
        }
    }
    if record.origin_status > 0 {
        attributes.number("http.response.status_code", u64::from(record.origin_status));
    }
    if let Some(leg) = record.backend_leg {
        attributes.text("tls.protocol.version", leg.version);
        attributes.text("tls.cipher", leg.cipher);
        attributes.optional("tls.server.name", leg.server_name.as_deref());
        attributes.flag("tls.resumed", leg.resumed);
        attributes.flag("viaduct.backend.verified", leg.verified_by.is_some());
    }
    if let Some(fault) = &record.fault {
        attributes.text("error.type", fault.code);
    }
    attributes
}

fn headers(attributes: &mut Attributes, prefix: &str, names: &[http::HeaderName], map: Option<&HeaderMap>) {
    for name in names {
        let values = map.into_iter().flat_map(|map| map.get_all(name));
        let values: Vec<String> = values
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect();
        if !values.is_empty() {
            attributes.list(&format!("{prefix}{name}"), values);
        }
    }
}

/// `a=1&b=2` with the values that are not safe to tell replaced.
fn redacted(options: &TraceOptions, query: &str) -> String {
    let parameters = query.split('&').map(|parameter| match parameter.split_once('=') {
        Some((name, _)) if !options.safe_query.iter().any(|safe| safe == name) => format!("{name}=REDACTED"),
        _ => parameter.to_owned(),
    });
    parameters.collect::<Vec<_>>().join("&")
}

/// `HTTP/1.1` -> `1.1`, `HTTP/2.0` -> `2`.
fn version(protocol: &str) -> &str {
    let version = protocol.strip_prefix("HTTP/").unwrap_or(protocol);
    version
        .strip_suffix(".0")
        .filter(|major| *major != "1")
        .unwrap_or(version)
}
