use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use opentelemetry_proto::tonic::common::v1::any_value::Value;

use super::{Propagator, Route, Span, TraceOptions, Tracer, Verbosity};
use crate::counters::Leg;
use crate::otlp::{Inbox, queue};
use crate::record::Cause;
use crate::record::tests::record;

fn tracer(options: TraceOptions) -> (Tracer, Inbox<Span>) {
    let (outbox, inbox) = queue();
    (Tracer::new(Arc::new(options), outbox), inbox)
}

fn headers<const N: usize>(pairs: [(&'static str, &str); N]) -> HeaderMap {
    let pairs = pairs.into_iter();
    pairs
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect()
}

const ROUTE: Route<'_> = Route {
    verbosity: Verbosity::Minimal,
    rule: None,
    asked_after: Some(Duration::from_micros(500)),
};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[test]
fn a11_10_a_w3c_parent_is_continued_and_told_to_the_backend() {
    let (tracer, _inbox) = tracer(TraceOptions {
        sample_rate: 0.0,
        ..TraceOptions::default()
    });
    let mut headers = headers([("traceparent", PARENT), ("tracestate", "a=b")]);
    let trace = tracer.begin(&headers);
    assert!(trace.is_sampled(), "as its parent, whatever our rate");
    assert_eq!(trace.ids().unwrap().trace_id[..2], [0x0a, 0xf7]);
    tracer.inject(&trace, &mut headers);
    let told = headers["traceparent"].to_str().unwrap();
    assert!(
        told.starts_with("00-0af7651916cd43dd8448eb211c80319c-") && told.ends_with("-01"),
        "{told}"
    );
    assert_ne!(told, PARENT);
    assert_eq!(headers["tracestate"], "a=b");
}

#[test]
fn a11_10_an_unsampled_parent_stays_unsampled() {
    let (tracer, _inbox) = tracer(TraceOptions::default());
    let parent = PARENT.replace("-01", "-00");
    let mut headers = headers([("traceparent", &parent)]);
    let trace = tracer.begin(&headers);
    assert!(!trace.is_sampled() && trace.ids().is_none());
    tracer.inject(&trace, &mut headers);
    assert!(headers["traceparent"].to_str().unwrap().ends_with("-00"));
}

#[test]
fn a11_10_what_is_no_parent_begins_a_trace() {
    let (tracer, _inbox) = tracer(TraceOptions::default());
    for value in [
        "",
        "00",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333\u{7f}-01",
    ] {
        let mut headers = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert("traceparent", value);
        }
        let trace = tracer.begin(&headers);
        assert_eq!(trace.parent, None, "{value}");
        assert_ne!(trace.trace_id[..2], [0x0a, 0xf7], "{value}");
    }
}

#[test]
fn a11_10_b3_is_read_and_written_in_both_forms() {
    let single = headers([("b3", "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-0")]);
    let multi = headers([
        ("x-b3-traceid", "64fe8b2a57d3eff7"),
        ("x-b3-spanid", "e457b5a2e4d86bd1"),
        ("x-b3-flags", "1"),
    ]);
    for (propagator, mut headers, sampled, id) in [
        (Propagator::B3, single, false, "80f198ee56343ba864fe8b2a57d3eff7"),
        (
            Propagator::B3Multi,
            multi,
            true,
            "000000000000000064fe8b2a57d3eff7",
        ),
    ] {
        let (tracer, _inbox) = tracer(TraceOptions {
            propagators: vec![propagator],
            ..TraceOptions::default()
        });
        let trace = tracer.begin(&headers);
        assert_eq!(trace.is_sampled(), sampled);
        assert!(trace.parent.is_some());
        headers.clear();
        tracer.inject(&trace, &mut headers);
        let again = tracer.begin(&headers);
        assert_eq!((again.trace_id, again.is_sampled()), (trace.trace_id, sampled));
        assert_eq!(again.parent, Some(trace.client));
        let told = headers
            .values()
            .any(|value| value.to_str().unwrap().starts_with(id));
        assert!(told, "{headers:?}");
    }
}

#[test]
fn a11_10_the_rate_decides_where_a_trace_begins() {
    let sampled = |sample_rate| {
        let (tracer, _inbox) = tracer(TraceOptions {
            sample_rate,
            ..TraceOptions::default()
        });
        let headers = HeaderMap::new();
        (0..2_000).filter(|_| tracer.begin(&headers).is_sampled()).count()
    };
    assert_eq!((sampled(0.0), sampled(1.0), sampled(f64::NAN)), (0, 2_000, 0));
    assert!((300..700).contains(&sampled(0.25)));
}

#[tokio::test]
async fn a11_10_a_request_is_two_spans_and_four_in_detail() {
    let (tracer, mut inbox) = tracer(TraceOptions {
        safe_query: vec!["b".to_owned()],
        request_headers: vec!["x-tenant".parse().unwrap()],
        ..TraceOptions::default()
    });
    let headers = headers([("x-tenant", "a"), ("traceparent", PARENT)]);
    let mut record = record(&headers, 1);
    (record.router, record.service) = (Some("web@file"), Some("svc@file"));
    (record.path, record.server_url, record.status) = ("/p?a=1&b=2", Some("https://10.0.0.1"), 502);
    record.fault = Some(Cause {
        code: "unknown_ca",
        detail: "wanted this, got that",
        fix: Some("set this"),
        leg: Leg::Backend,
    });
    let trace = tracer.begin(&headers);
    tracer.finish(&trace, ROUTE, &record);
    tracer.flush();
    let spans = inbox.next().await.unwrap();
    let names: Vec<_> = spans.iter().map(|span| &*span.name).collect();
    assert_eq!(names, ["EntryPoint", "ReverseProxy"]);
    let [server, client] = &*spans else { panic!() };
    assert_eq!(client.parent_span_id, server.span_id);
    assert_eq!(
        server.parent_span_id,
        [0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31]
    );
    assert_eq!(server.end_time_unix_nano - server.start_time_unix_nano, 2_000_000);
    assert_eq!(client.start_time_unix_nano - server.start_time_unix_nano, 500_000);
    assert_eq!(text(server, "url.query"), "a=REDACTED&b=2");
    assert_eq!(text(client, "url.full"), "https://10.0.0.1/p?a=REDACTED&b=2");
    assert_eq!(text(server, "error.type"), "unknown_ca");
    assert_eq!(server.status.as_ref().unwrap().message, "wanted this, got that");
    assert!(
        server
            .attributes
            .iter()
            .any(|kv| kv.key == "http.request.header.x-tenant")
    );

    let route = Route {
        verbosity: Verbosity::Detailed,
        rule: Some("Path(`/p`)"),
        ..ROUTE
    };
    tracer.finish(&trace, route, &record);
    tracer.flush();
    let spans = inbox.next().await.unwrap();
    let names: Vec<_> = spans.iter().map(|span| &*span.name).collect();
    assert_eq!(names, ["EntryPoint", "Router", "Service", "ReverseProxy"]);
    for pair in spans.windows(2) {
        assert_eq!(pair[1].parent_span_id, pair[0].span_id);
    }
    assert_eq!(text(&spans[1], "http.route"), "Path(`/p`)");
}

#[test]
fn a11_10_internal_requests_are_traced_where_asked_for() {
    let (tracer, mut inbox) = tracer(TraceOptions::default());
    let headers = HeaderMap::new();
    let mut record = record(&headers, 1);
    record.internal = true;
    tracer.finish(&tracer.begin(&headers), ROUTE, &record);
    tracer.flush();
    drop(tracer);
    let next = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert!(next.block_on(inbox.next()).is_none());
}

#[track_caller]
fn text(span: &Span, key: &str) -> String {
    let known = span.attributes.iter().find(|attribute| attribute.key == key);
    match known.and_then(|attribute| attribute.value.clone()?.value) {
        Some(Value::StringValue(text)) => text,
        other => panic!("{key}: {other:?}"),
    }
}
