//! `metrics`.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::HistogramDataPoint;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use prost::Message;
use serde_json::json;
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

#[test]
fn a11_9_a_collector_hears_of_requests_by_the_conventions_for_http() {
    let collector = Origin::http(|_| ok(""));
    let observed = Observed::start(&format!(
        "metrics: {{otlp: {{pushInterval: 1, addEntryPointsLabels: false, addServicesLabels: false, \
         http: {{endpoint: 'http://{}'}}}}}}",
        collector.address()
    ));
    assert_eq!(observed.get("web", "there.example", "/").status, 200);
    assert_eq!(observed.get("web", "gone.example", "/").status, 502);
    assert_eq!(observed.get("web", "quiet.example", "/").status, 200);
    let histogram = |name: &str, points: usize| {
        wait_for(&format!("{points} series of {name}"), || {
            let requests = collector.requests();
            let export = ExportMetricsServiceRequest::decode(&*requests.last()?.body).expect("an export");
            let scopes = export.resource_metrics.into_iter();
            let mut metrics = scopes
                .flat_map(|resource| resource.scope_metrics)
                .flat_map(|scope| scope.metrics);
            let metric = metrics.find(|metric| metric.name == name)?;
            assert_eq!(metric.unit, "s");
            let Some(Data::Histogram(histogram)) = metric.data else {
                panic!("{name} is no histogram")
            };
            (histogram.data_points.len() == points).then_some(histogram.data_points)
        })
    };
    let attributes = |points: &[HistogramDataPoint]| {
        let mut told: Vec<_> = points
            .iter()
            .map(|point| {
                let attributes = point.attributes.iter();
                let attributes: serde_json::Map<_, _> = attributes
                    .map(|attribute| {
                        let value = attribute.value.as_ref().and_then(|value| value.value.clone());
                        (
                            attribute.key.clone(),
                            match value {
                                Some(Value::StringValue(text)) => text.into(),
                                Some(Value::IntValue(number)) => number.into(),
                                other => panic!("{}: {other:?}", attribute.key),
                            },
                        )
                    })
                    .collect();
                (point.count, serde_json::Value::Object(attributes))
            })
            .collect();
        told.sort_unstable_by_key(|(_, attributes)| attributes.to_string());
        told
    };
    // The request to the router without metrics is in neither.
    let arrivals = histogram("http.server.request.duration", 2);
    let arrival = |status: u16| {
        json!({
            "http.request.method": "GET", "http.response.status_code": status, "url.scheme": "http",
            "network.protocol.name": "http/1.1", "network.protocol.version": "1.1",
        })
    };
    let mut failed = arrival(502);
    failed["error.type"] = "502".into();
    assert_eq!(attributes(&arrivals), [(1, failed), (1, arrival(200))]);
    let requests = histogram("http.client.request.duration", 2);
    let [there, gone] = ["there", "gone"].map(|service| observed.port_of(service));
    let server = |port: u16| {
        json!({
            "http.request.method": "GET", "url.scheme": "http", "server.address": "127.0.0.1", "server.port": port,
        })
    };
    let (mut failed, mut answered) = (server(gone), server(there));
    failed["error.type"] = "connect_refused".into();
    answered["http.response.status_code"] = 200.into();
    answered["network.protocol.name"] = "http/1.1".into();
    answered["network.protocol.version"] = "1.1".into();
    assert_eq!(attributes(&requests), [(1, failed), (1, answered)]);
}
