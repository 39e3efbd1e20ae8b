//! `metrics`.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use prost::Message;
use viaduct_testkit::http1;
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::wait::wait_for;

use super::Seen;
use crate::observability::{Observed, metrics};

pub(super) fn seen() -> Vec<Seen> {
    vec![
        seen!(metrics::r25_what_clients_saw_is_what_log_and_metrics_say => "metrics.prometheus"),
        seen!(a11_8_what_is_counted_and_how_is_that_of_the_options =>
            "metrics.prometheus.addEntryPointsLabels",
            "metrics.prometheus.addRoutersLabels",
            "metrics.prometheus.addServicesLabels",
            "metrics.prometheus.buckets",
            "metrics.prometheus.headerLabels._name_",
        ),
        seen!(a11_8_metrics_are_served_where_the_options_say =>
            "metrics.prometheus.entryPoint",
            "metrics.prometheus.manualRouting",
        ),
        seen!(a11_8_internal_services_are_counted_where_asked_for => "metrics.addInternals"),
        seen!(a11_9_what_a_collector_gets_is_that_of_the_options =>
            "metrics.otlp.addEntryPointsLabels",
            "metrics.otlp.addRoutersLabels",
            "metrics.otlp.addServicesLabels",
            "metrics.otlp.explicitBoundaries",
        ),
    ]
}

fn scrape(observed: &Observed, entry_point: &str, path: &str) -> String {
    let answer = observed.get(entry_point, "localhost", path);
    assert_eq!(answer.status, 200, "{path}");
    answer.text()
}

#[test]
fn a11_8_what_is_counted_and_how_is_that_of_the_options() {
    let ask = |observed: &Observed| {
        http1::once(
            observed.address("web"),
            "GET / HTTP/1.1\r\nHost: there.example\r\nUser-Agent: tester\r\n\r\n",
        );
        scrape(observed, "traefik", "/metrics")
    };
    let usual = ask(&Observed::start("metrics: {prometheus: {}}"));
    for (wanted, there) in [
        ("traefik_entrypoint_requests_total{", true),
        ("traefik_router_requests_total{", false),
        ("traefik_service_requests_total{", true),
        ("le=\"1.2\"", true),
        ("tester", false),
    ] {
        assert_eq!(usual.contains(wanted), there, "{wanted}: {usual}");
    }
    let other = ask(&Observed::start(
        "metrics: {prometheus: {addEntryPointsLabels: false, addRoutersLabels: true, addServicesLabels: false, \
         buckets: [0.5, 7], headerLabels: {agent: User-Agent}}}",
    ));
    for (wanted, there) in [
        ("traefik_entrypoint_requests_total{", false),
        ("traefik_router_requests_total{", true),
        ("traefik_service_requests_total{", false),
        ("le=\"0.5\"", true),
        ("le=\"7\"", true),
        ("le=\"1.2\"", false),
        ("agent=\"tester\"", true),
    ] {
        assert_eq!(other.contains(wanted), there, "{wanted}: {other}");
    }
}

#[test]
fn a11_8_metrics_are_served_where_the_options_say() {
    let elsewhere = Observed::start("metrics: {prometheus: {entryPoint: web}}");
    scrape(&elsewhere, "web", "/metrics");
    assert_eq!(elsewhere.get("traefik", "localhost", "/metrics").status, 404);
    let by_hand = Observed::start("metrics: {prometheus: {manualRouting: true}}");
    for entry_point in ["web", "traefik"] {
        assert_eq!(by_hand.get(entry_point, "localhost", "/metrics").status, 404);
    }
    // The router `metrics` of the fixture names `prometheus@internal`.
    let answer = by_hand.get("web", "metrics.example", "/anywhere");
    assert!(
        answer.text().contains("traefik_config_reloads_total"),
        "{answer:?}"
    );
}

#[test]
fn a11_8_internal_services_are_counted_where_asked_for() {
    for (section, counted) in [
        ("metrics: {prometheus: {manualRouting: true}}", false),
        (
            "metrics: {addInternals: true, prometheus: {manualRouting: true}}",
            true,
        ),
    ] {
        let observed = Observed::start(section);
        observed.get("web", "metrics.example", "/");
        let text = observed.get("web", "metrics.example", "/").text();
        let told = text.contains("traefik_entrypoint_requests_total{");
        assert_eq!(told, counted, "{section}: {text}");
    }
}

#[test]
fn a11_9_what_a_collector_gets_is_that_of_the_options() {
    let collector = Origin::http(|_| ok(""));
    let observed = Observed::start(&format!(
        "metrics: {{otlp: {{pushInterval: 1, addEntryPointsLabels: false, addRoutersLabels: true, \
         addServicesLabels: false, explicitBoundaries: [0.5, 7], http: {{endpoint: 'http://{}'}}}}}}",
        collector.address()
    ));
    assert_eq!(observed.get("web", "there.example", "/").status, 200);
    let (names, bounds) = wait_for("metrics of the request", || {
        let requests = collector.requests();
        let last = requests.last()?;
        let export = ExportMetricsServiceRequest::decode(&*last.body).expect("an export of metrics");
        let scopes = export
            .resource_metrics
            .into_iter()
            .flat_map(|resource| resource.scope_metrics);
        let metrics: Vec<_> = scopes.flat_map(|scope| scope.metrics).collect();
        let bounds = metrics.iter().find_map(|metric| match &metric.data {
            Some(Data::Histogram(histogram)) if metric.name == "traefik_router_request_duration_seconds" => {
                Some(histogram.data_points.first()?.explicit_bounds.clone())
            }
            _ => None,
        })?;
        let names: Vec<_> = metrics.into_iter().map(|metric| metric.name).collect();
        Some((names, bounds))
    });
    assert_eq!(bounds, [0.5, 7.0]);
    let has = |name: &str| names.iter().any(|known| known == name);
    assert!(has("traefik_router_requests_total"), "{names:?}");
    assert!(!has("traefik_entrypoint_requests_total"), "{names:?}");
    assert!(!has("traefik_service_requests_total"), "{names:?}");
}
