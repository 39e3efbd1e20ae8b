//! Prometheus's own parser reads what `/metrics` says, and what it says is what clients saw.

use std::collections::BTreeMap;

use serde_json::Value;
use viaduct_testkit::http1;
use viaduct_testkit::python::{self, Module};

use super::Observed;

const PARSE: &str = include_str!("../scripts/prometheus_parse.py");

struct Sample {
    name: String,
    labels: Value,
    value: f64,
}

#[track_caller]
fn scrape(observed: &Observed) -> Vec<Sample> {
    let answer = observed.get("traefik", "localhost", "/metrics");
    assert_eq!(answer.status, 200);
    let parsed = python::script_with_input(Module::Prometheus, PARSE, &[], &answer.text());
    assert!(parsed.status.success(), "{}", parsed.output);
    let sample = |line: &str| {
        let mut parts = line.split(' ');
        Some(Sample {
            name: parts.next()?.to_owned(),
            labels: serde_json::from_str(parts.next()?).ok()?,
            value: parts.next()?.parse().ok()?,
        })
    };
    let samples: Option<Vec<_>> = parsed.output.lines().map(sample).collect();
    samples.unwrap_or_else(|| panic!("{}", parsed.output))
}

/// The samples of a name whose labels have this value.
fn by_code(samples: &[Sample], name: &str, label: &str, value: &str) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for sample in samples {
        if sample.name == name && sample.labels[label] == value {
            let code = sample.labels["code"].as_str().expect("a code").to_owned();
            *counts.entry(code).or_default() += sample.value as u64;
        }
    }
    counts
}

#[test]
pub(crate) fn r25_what_clients_saw_is_what_log_and_metrics_say() {
    let observed = Observed::start(
        "
metrics: {prometheus: {addRoutersLabels: true}}
accessLog: {format: json, filePath: access.log}",
    );
    let mut seen = BTreeMap::<u64, usize>::new();
    for (host, path, times) in [
        ("there.example", "/ok", 5),
        ("gone.example", "/down", 4),
        ("nobody.example", "/", 3),
        ("bad host", "/", 2),
        ("there.example", "/%zz", 2),
    ] {
        for _ in 0..times {
            *seen
                .entry(observed.get("web", host, path).status.into())
                .or_default() += 1;
        }
    }
    // Heads that never become requests.
    for head in [
        "GET / HTTP/1.1\r\nHost there.example\r\n\r\n",
        "G@T / HTTP/1.1\r\n\r\n",
    ] {
        let status = http1::once(observed.running.address("web"), head).status;
        *seen.entry(status.into()).or_default() += 1;
    }
    assert_eq!(seen, BTreeMap::from([(200, 5), (400, 6), (404, 3), (502, 4)]));

    let mut told = BTreeMap::<u64, usize>::new();
    for entry in observed.entries(18) {
        let status = entry["DownstreamStatus"].as_u64().expect("a status");
        *told.entry(status).or_default() += 1;
        assert_eq!(entry.get("Fault").is_some(), status >= 400, "{entry}");
    }
    assert_eq!(told, seen, "the access log");

    let samples = scrape(&observed);
    let codes = |name, label, value| by_code(&samples, name, label, value);
    let all: BTreeMap<String, u64> = seen
        .iter()
        .map(|(code, count)| (code.to_string(), *count as u64))
        .collect();
    assert_eq!(
        codes("traefik_entrypoint_requests_total", "entrypoint", "web"),
        all
    );
    assert_eq!(
        codes(
            "traefik_entrypoint_request_duration_seconds_count",
            "entrypoint",
            "web"
        ),
        all
    );
    let failed = BTreeMap::from([("502".to_owned(), 4)]);
    assert_eq!(
        codes("traefik_service_requests_total", "service", "gone@file"),
        failed
    );
    assert_eq!(
        codes("traefik_router_requests_total", "service", "gone@file"),
        failed
    );
    let faults = samples
        .iter()
        .filter(|sample| sample.name == "viaduct_faults_total");
    assert_eq!(faults.map(|sample| sample.value as u64).sum::<u64>(), 13);
}

#[test]
fn a2_19_a_router_may_be_left_untold_and_internal_services_are() {
    let observed = Observed::start(
        "
metrics: {prometheus: {}}
accessLog: {format: json, filePath: access.log}",
    );
    assert_eq!(observed.get("web", "quiet.example", "/secret").status, 200);
    scrape(&observed);
    assert_eq!(observed.get("web", "there.example", "/told").status, 200);
    let entries = observed.entries(1);
    assert_eq!((entries.len(), &entries[0]["RequestPath"]), (1, &"/told".into()));
    let samples = scrape(&observed);
    let told = by_code(
        &samples,
        "traefik_service_requests_total",
        "service",
        "there@file",
    );
    assert_eq!(told, BTreeMap::from([("200".to_owned(), 1)]));
    assert!(
        by_code(
            &samples,
            "traefik_entrypoint_requests_total",
            "entrypoint",
            "traefik"
        )
        .is_empty()
    );
}
