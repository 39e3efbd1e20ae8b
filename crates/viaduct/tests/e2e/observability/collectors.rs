//! Traces, metrics and logs reach a collector, by HTTP and by gRPC.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use viaduct_testkit::child::run;
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::python::{self, Module};
use viaduct_testkit::wait::wait_for;

use super::{COLLECTOR, Observed};

pub(crate) fn spans(body: &[u8]) -> Vec<Span> {
    let request = ExportTraceServiceRequest::decode(body).expect("an export of spans");
    let scopes = request
        .resource_spans
        .into_iter()
        .flat_map(|resource| resource.scope_spans);
    scopes.flat_map(|scope| scope.spans).collect()
}

#[test]
fn a11_10_spans_reach_a_collector_by_http_and_the_backend_hears_of_them() {
    let collector = Origin::http(|_| ok(""));
    let observed = Observed::start(&format!(
        "
accessLog: {{format: json, filePath: access.log}}
tracing:
  otlp: {{http: {{endpoint: 'http://{}', headers: {{x-tenant: mine}}}}}}",
        collector.address()
    ));
    assert_eq!(
        observed
            .get("web", "there.example", "/traced?token=secret")
            .status,
        200
    );
    let export = collector.wait_request("/v1/traces");
    assert_eq!(export.header("x-tenant"), Some("mine"));
    assert_eq!(export.header("content-type"), Some("application/x-protobuf"));
    let spans = spans(&export.body);
    let names: Vec<_> = spans.iter().map(|span| &*span.name).collect();
    assert_eq!(names, ["EntryPoint", "ReverseProxy"]);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let sent = observed.origin.wait_request("/traced?token=secret");
    let (trace, client) = (hex(&spans[1].trace_id), hex(&spans[1].span_id));
    assert_eq!(
        sent.header("traceparent"),
        Some(&*format!("00-{trace}-{client}-01"))
    );
    let entry = &observed.entries(1)[0];
    assert_eq!(entry["trace_id"], trace);
    assert_eq!(entry["span_id"], hex(&spans[0].span_id));
    let text = format!("{spans:?}");
    assert!(
        text.contains("token=REDACTED") && !text.contains("secret"),
        "{text}"
    );
}

#[test]
pub(crate) fn a11_5_a11_9_everything_reaches_a_collector_by_grpc() {
    let collector = python::server(Module::Grpc, COLLECTOR, &[]);
    let port: u16 = collector
        .find_line(|line| line.strip_prefix("port ")?.parse().ok())
        .unwrap_or_else(|| panic!("the collector did not start:\n{}", collector.output()));
    let otlp = format!(
        "{{grpc: {{endpoint: '127.0.0.1:{port}', insecure: true, headers: {{authorization: let-me}}}}}}"
    );
    let pushed = otlp.replacen('{', "{pushInterval: 1, ", 1);
    let observed = Observed::start(&format!(
        "
experimental: {{otlpLogs: true}}
accessLog: {{otlp: {otlp}}}
log: {{level: INFO, otlp: {otlp}}}
metrics: {{otlp: {pushed}}}
tracing: {{otlp: {otlp}}}"
    ));
    assert_eq!(observed.get("web", "gone.example", "/down").status, 502);
    let message = |kind: &str, wanted: &dyn Fn(&[u8]) -> bool| {
        wait_for(&format!("{kind} at the collector"), || {
            collector.output().lines().find_map(|line| {
                let body = line.strip_prefix(kind)?.strip_prefix(" let-me ")?;
                let body: Option<Vec<u8>> = (0..body.len())
                    .step_by(2)
                    .map(|at| u8::from_str_radix(body.get(at..at + 2)?, 16).ok())
                    .collect();
                wanted(&body?).then_some(())
            })
        });
    };
    message("trace", &|body| {
        let spans = spans(body);
        spans
            .iter()
            .any(|span| span.name == "EntryPoint" && span.status.is_some())
    });
    message("logs", &|body| {
        let request = ExportLogsServiceRequest::decode(body).expect("an export of logs");
        format!("{request:?}").contains("connect_refused")
    });
    message("logs", &|body| {
        let request = ExportLogsServiceRequest::decode(body).expect("an export of logs");
        format!("{request:?}").contains("configuration applied")
    });
    message("metrics", &|body| {
        let request = ExportMetricsServiceRequest::decode(body).expect("an export of metrics");
        let text = format!("{request:?}");
        text.contains("traefik_service_requests_total") && text.contains("gone@file")
    });
}

#[test]
pub(crate) fn a11_5_without_the_experiment_logs_are_not_exported() {
    let work = tempfile::tempdir().expect("a temporary directory");
    let option = "--accesslog.otlp.http.endpoint=http://127.0.0.1:1";
    let finished = run(crate::fixture::root(work.path()).arg(option), b"");
    assert_eq!(finished.status.code(), Some(1), "{}", finished.output);
    assert!(
        finished
            .output
            .contains("set `experimental.otlpLogs` to true as well"),
        "{}",
        finished.output
    );
}
