//! `tracing`, and what entry points say of it.

use opentelemetry_proto::tonic::trace::v1::Span;
use viaduct_testkit::http1;
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::wait::wait_for;

use super::Seen;
use crate::entry_points::Edge;
use crate::observability::collectors::spans;

pub(super) fn seen() -> Vec<Seen> {
    vec![
        seen!(a11_10_spans_hold_what_the_options_say =>
            "tracing.capturedRequestHeaders",
            "tracing.capturedResponseHeaders",
            "tracing.globalAttributes._name_",
            "tracing.safeQueryParams",
        ),
        seen!(a11_10_internal_services_are_traced_where_asked_for => "tracing.addInternals"),
        seen!(a11_10_a_sampled_parent_counts_more_than_the_rate => "tracing.sampleRate"),
    ]
}

const APP: &str = "
http:
  routers:
    app: {rule: PathPrefix(`/`), service: app}
    alive: {rule: Path(`/alive`) && Method(`GET`), service: ping@internal, observability: {tracing: true}}
  services:
    app: {loadBalancer: {servers: [{url: 'http://{origin}'}]}}
";

fn ask(edge: &Edge, entry_point: &str, path: &str, headers: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: a.example\r\n{headers}\r\n");
    assert_eq!(
        http1::once(edge.address(entry_point), request).status,
        200,
        "{path}"
    );
}

fn all_spans(collector: &Origin) -> Vec<Span> {
    let requests = collector.requests();
    requests.iter().flat_map(|export| spans(&export.body)).collect()
}

/// The spans of the request to `path`, when they have come.
#[track_caller]
fn spans_of(collector: &Origin, path: &str) -> Vec<Span> {
    wait_for(&format!("spans of {path}"), || {
        let all = all_spans(collector);
        let of_path = |span: &&Span| format!("{:?}", span.attributes).contains(&format!("{path:?}"));
        let trace = all.iter().find(of_path)?.trace_id.clone();
        Some(all.into_iter().filter(|span| span.trace_id == trace).collect())
    })
}

fn traced(collector: &Origin, more: &str) -> String {
    format!(
        "tracing: {{{more} otlp: {{http: {{endpoint: 'http://{}'}}}}}}",
        collector.address()
    )
}

const WEB: &str = "entryPoints: {web: {address: '127.0.0.1:0'}}";

#[test]
fn a11_10_spans_hold_what_the_options_say() {
    let (origin, collector) = (Origin::http(|_| ok("backend")), Origin::http(|_| ok("")));
    let options = "capturedRequestHeaders: [X-Team], capturedResponseHeaders: [Content-Type], \
                   safeQueryParams: [page], globalAttributes: {region: north},";
    let edge = Edge::serving(&format!("{WEB}\n{}", traced(&collector, options)), APP, &origin);
    ask(&edge, "web", "/seen?page=7&token=hush", "X-Team: blue\r\n");
    let told = format!("{:?}", spans_of(&collector, "/seen"));
    for wanted in [
        "http.request.header.x-team",
        "blue",
        "http.response.header.content-type",
        "page=7&token=REDACTED",
    ] {
        assert!(told.contains(wanted), "{wanted}: {told}");
    }
    let export = &collector.requests()[0].body;
    let has = |text: &str| export.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(has("region") && has("north"));
}

#[test]
fn a11_10_internal_services_are_traced_where_asked_for() {
    for (option, traced_too) in [("", false), ("addInternals: true,", true)] {
        let (origin, collector) = (Origin::http(|_| ok("backend")), Origin::http(|_| ok("")));
        let install = format!(
            "{WEB}\nping: {{manualRouting: true}}\n{}",
            traced(&collector, option)
        );
        let edge = Edge::serving(&install, APP, &origin);
        ask(&edge, "web", "/alive", "");
        ask(&edge, "web", "/after", "");
        spans_of(&collector, "/after");
        let told = format!("{:?}", all_spans(&collector));
        assert_eq!(told.contains("/alive"), traced_too, "{told}");
    }
}

#[test]
fn a11_10_a_sampled_parent_counts_more_than_the_rate() {
    let (origin, collector) = (Origin::http(|_| ok("backend")), Origin::http(|_| ok("")));
    let edge = Edge::serving(
        &format!("{WEB}\n{}", traced(&collector, "sampleRate: 0,")),
        APP,
        &origin,
    );
    ask(&edge, "web", "/unsampled", "");
    let parent = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n";
    ask(&edge, "web", "/sampled", parent);
    spans_of(&collector, "/sampled");
    let told = format!("{:?}", all_spans(&collector));
    assert!(!told.contains("/unsampled"), "{told}");
}

#[test]
pub(crate) fn a2_19_an_entry_point_may_leave_its_requests_untraced_or_trace_them_in_detail() {
    let (origin, collector) = (Origin::http(|_| ok("backend")), Origin::http(|_| ok("")));
    let install = format!(
        "
entryPoints:
  web: {{address: '127.0.0.1:0'}}
  untraced: {{address: '127.0.0.1:0', observability: {{tracing: false}}}}
  detailed: {{address: '127.0.0.1:0', observability: {{traceVerbosity: detailed}}}}
{}",
        traced(&collector, "")
    );
    let edge = Edge::serving(&install, APP, &origin);
    for entry_point in ["untraced", "detailed", "web"] {
        ask(&edge, entry_point, &format!("/{entry_point}"), "");
    }
    let names = |path: &str| {
        let spans = spans_of(&collector, path);
        spans.into_iter().map(|span| span.name).collect::<Vec<_>>()
    };
    assert_eq!(names("/web"), ["EntryPoint", "ReverseProxy"]);
    assert_eq!(
        names("/detailed"),
        ["EntryPoint", "Router", "Service", "ReverseProxy"]
    );
    let told = format!("{:?}", all_spans(&collector));
    assert!(!told.contains("/untraced"), "{told}");
}
