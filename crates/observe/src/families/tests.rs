use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::HeaderMap;

use super::{
    BridgeCount, Credential, CredentialKind, Detail, Names, Reloads, RouterName, Scrape, ServerState,
    ServiceName, Value,
};
use crate::counters::{
    DEFAULT_BUCKETS, HttpVersion, Leg, Metering, Outcome, SeenLeaf, ServerAddress, Totals, WorkerCounters,
};
use crate::prometheus;
use crate::record::tests::record;

fn detail() -> Detail {
    Detail {
        entry_points: true,
        routers: true,
        services: true,
        conventions: false,
        buckets: DEFAULT_BUCKETS.to_vec(),
        header_labels: Vec::new(),
    }
}

fn names(router: &str) -> Names {
    Names {
        routers: vec![RouterName {
            slot: 3,
            name: router.to_owned(),
            service: "svc@file".to_owned(),
            class: Some("plaintext"),
        }],
        services: vec![ServiceName {
            slot: 4,
            name: "svc@file".to_owned(),
        }],
        servers: vec![ServerState {
            service: "svc@file".to_owned(),
            url: "https://10.0.0.1:443".to_owned(),
            up: true,
        }],
        bridges: vec![BridgeCount {
            class: "plaintext",
            client_leg: "TLS",
            state: "served",
            count: 2,
        }],
    }
}

fn worker() -> WorkerCounters {
    let worker = WorkerCounters::new([Arc::from("web"), Arc::from("websecure")]);
    let headers = HeaderMap::new();
    let mut record = record(&headers, 1);
    (record.slots.router, record.slots.service) = (Some(3), Some(4));
    (record.retries, record.request_bytes, record.response_bytes) = (1, 5, 7);
    worker.count(&record);
    worker.handshake(Leg::Backend, false, Duration::from_millis(3));
    worker.fault(Leg::Client, "handshake_failed");
    worker
}

fn text(worker: &WorkerCounters, names: &Names, credentials: &[Credential], detail: &Detail) -> String {
    let scrape = Scrape {
        totals: &Totals::of([worker]),
        names,
        credentials,
        reloads: Reloads {
            count: 2,
            last_success: Some(at(1_700_000_000)),
        },
    };
    prometheus::text(&scrape.families(detail))
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

#[track_caller]
fn has(text: &str, line: &str) {
    assert!(text.lines().any(|there| there == line), "no `{line}` in\n{text}");
}

#[test]
fn a11_6_and_a11_7_names_and_labels_are_traefiks() {
    let text = text(&worker(), &names("web@file"), &[], &detail());
    for line in [
        "traefik_config_reloads_total 2",
        "traefik_config_last_reload_success 1700000000",
        "traefik_open_connections{entrypoint=\"web\",protocol=\"TCP\"} 0",
        "traefik_entrypoint_requests_total{code=\"200\",entrypoint=\"websecure\",method=\"GET\",protocol=\"http\"} 1",
        "traefik_router_requests_total{code=\"200\",method=\"GET\",protocol=\"http\",router=\"web@file\",service=\"svc@file\"} 1",
        "traefik_service_requests_total{code=\"200\",method=\"GET\",protocol=\"http\",service=\"svc@file\"} 1",
        "traefik_service_requests_bytes_total{code=\"200\",method=\"GET\",protocol=\"http\",service=\"svc@file\"} 5",
        "traefik_service_responses_bytes_total{code=\"200\",method=\"GET\",protocol=\"http\",service=\"svc@file\"} 7",
        "traefik_service_request_duration_seconds_bucket{code=\"200\",method=\"GET\",protocol=\"http\",service=\"svc@file\",le=\"0.1\"} 1",
        "traefik_service_request_duration_seconds_bucket{code=\"200\",method=\"GET\",protocol=\"http\",service=\"svc@file\",le=\"+Inf\"} 1",
        "traefik_service_request_duration_seconds_sum{code=\"200\",method=\"GET\",protocol=\"http\",service=\"svc@file\"} 0.002",
        "traefik_service_retries_total{service=\"svc@file\"} 1",
        "traefik_service_server_up{service=\"svc@file\",url=\"https://10.0.0.1:443\"} 1",
        "viaduct_handshakes_total{leg=\"backend\",kind=\"full\"} 1",
        "viaduct_handshake_duration_seconds_bucket{leg=\"backend\",le=\"0.005\"} 1",
        "viaduct_faults_total{leg=\"client\",reason=\"handshake_failed\"} 1",
    ] {
        has(&text, line);
    }
}

#[test]
fn a11_7_series_of_removed_routers_vanish_and_the_others_go_on() {
    let worker = worker();
    let gone = Names {
        routers: Vec::new(),
        ..names("web@file")
    };
    let text = text(&worker, &gone, &[], &detail());
    assert!(!text.contains("traefik_router_requests_total"));
    assert!(text.contains("traefik_service_requests_total"));
}

#[test]
fn a11_8_levels_are_told_as_asked() {
    let detail = Detail {
        routers: false,
        services: false,
        ..detail()
    };
    let text = text(&worker(), &names("web@file"), &[], &detail);
    assert!(!text.contains("traefik_router_") && !text.contains("traefik_service_"));
    assert!(text.contains("traefik_entrypoint_requests_total"));
}

#[test]
fn c67_a_label_cannot_end_its_line() {
    let text = text(&worker(), &names("a\"b\\c\nd@file"), &[], &detail());
    assert!(text.contains("router=\"a\\\"b\\\\c\\nd@file\""), "{text}");
}

#[test]
fn b39_everything_that_expires_is_told_with_its_owner() {
    let credential = |kind, owner: &str| Credential {
        kind,
        owner: owner.to_owned(),
        common_name: "web".to_owned(),
        serial: "01".to_owned(),
        sans: "a.example.com,b.example.com".to_owned(),
        not_after: at(1_800_000_000),
    };
    let credentials = [
        credential(CredentialKind::FrontLeaf, "default"),
        credential(CredentialKind::FrontLeaf, "other"),
        credential(CredentialKind::BackendCa, "transport@file"),
    ];
    let text = text(&worker(), &names("web@file"), &credentials, &detail());
    let told = "traefik_tls_certs_not_after{cn=\"web\",serial=\"01\",sans=\"a.example.com,b.example.com\"} 1800000000";
    assert_eq!(text.matches(told).count(), 1, "{text}");
    has(
        &text,
        "viaduct_credential_not_after_seconds{kind=\"backend_ca\",owner=\"transport@file\",cn=\"web\",\
         serial=\"01\",sans=\"a.example.com,b.example.com\"} 1800000000",
    );
}

#[test]
fn c20_a_rotated_server_certificate_takes_the_place_of_the_one_before() {
    let worker = worker();
    let server: Arc<str> = "https://10.0.0.1:443".into();
    let leaf = |pool, serial: &str, end| SeenLeaf {
        at: at(end),
        pool,
        common_name: "web".into(),
        serial: serial.into(),
        sans: "".into(),
        fingerprint: "aa11".into(),
        not_after: at(end),
    };
    worker.saw_leaf(&server, leaf(0, "01", 10));
    worker.saw_leaf(&server, leaf(0, "02", 20));
    assert_eq!(Totals::of([&worker]).leafs[&server], [leaf(0, "02", 20)]);
    // Under another trust or name the same server may show another one.
    worker.saw_leaf(&server, leaf(1, "03", 15));
    let both = [leaf(0, "02", 20), leaf(1, "03", 15)];
    assert_eq!(Totals::of([&worker]).leafs[&server], both);
    for pool in 2..100 {
        worker.saw_leaf(&server, leaf(pool, "04", 30));
    }
    let kept = &Totals::of([&worker]).leafs[&server];
    assert!(
        kept.len() < 20 && !kept.contains(&both[1]),
        "the oldest goes: {kept:?}"
    );
    worker.retain_leafs(|_| false);
    assert!(Totals::of([&worker]).leafs.is_empty());
}

/// By OpenTelemetry's conventions: name, attributes, how many.
fn conventions(worker: &WorkerCounters) -> Vec<(&'static str, String, u64)> {
    let detail = Detail {
        conventions: true,
        ..detail()
    };
    let scrape = Scrape {
        totals: &Totals::of([worker]),
        names: &names("web@file"),
        credentials: &[],
        reloads: Reloads::default(),
    };
    let families = scrape.families(&detail).into_iter();
    let series = families.filter(|family| family.name.starts_with("http."));
    let series = series.flat_map(|family| family.series.into_iter().map(move |series| (family.name, series)));
    series
        .map(|(name, series)| {
            let labels = series.labels.iter();
            let labels: Vec<_> = labels.map(|(name, value)| format!("{name}={value}")).collect();
            let Value::Histogram { count, .. } = series.value else {
                panic!("{name} is no histogram")
            };
            (name, labels.join(" "), count)
        })
        .collect()
}

fn counting_conventions() -> WorkerCounters {
    let mut metering = Metering::default();
    metering.conventions = true;
    WorkerCounters::with(["web".into(), "websecure".into()], metering)
}

#[test]
fn a11_9_requests_are_told_by_the_conventions_of_opentelemetry_as_well() {
    let (worker, headers) = (counting_conventions(), HeaderMap::new());
    let mut record = record(&headers, 1);
    worker.count(&record);
    // The same on another entry point is one and the same series.
    record.slots.entry_point = 0;
    record.event_stream = true;
    worker.count(&record);
    (record.protocol, record.scheme, record.method, record.status) = ("HTTP/2.0", "http", "BREW", 418);
    worker.count(&record);
    let server = "http.server.request.duration";
    assert_eq!(
        conventions(&worker),
        [
            (
                server,
                "http.response.status_code=200 http.request.method=GET network.protocol.name=http/1.1 \
                 network.protocol.version=1.1 url.scheme=https"
                    .to_owned(),
                2
            ),
            (
                server,
                "error.type=418 http.response.status_code=418 http.request.method=_OTHER \
                 network.protocol.name=http/2.0 network.protocol.version=2 url.scheme=http"
                    .to_owned(),
                1
            ),
        ]
    );
    // Prometheus does not see the difference.
    let totals = Totals::of([&worker]);
    assert_eq!(totals.entry_points["websecure"].tally.requests.len(), 1);
}

#[test]
fn a11_9_requests_to_servers_are_told_by_server_and_outcome() {
    let worker = counting_conventions();
    let address = |host: &str| ServerAddress {
        host: host.into(),
        port: 8443,
        secure: true,
    };
    let (one, same) = (
        worker.server(&address("a.example")),
        worker.server(&address("a.example")),
    );
    let took = Duration::from_millis(1);
    for tally in [one, same].into_iter().flatten() {
        let answer = Outcome::Answer {
            status: 200,
            version: HttpVersion::Http2,
        };
        tally.count(&http::Method::GET, answer, took);
        tally.count(&http::Method::PUT, Outcome::Failure("unknown_ca"), took);
    }
    let client = "http.client.request.duration";
    assert_eq!(
        conventions(&worker),
        [
            (
                client,
                "http.response.status_code=200 network.protocol.name=http/2.0 network.protocol.version=2 \
                 http.request.method=GET server.address=a.example server.port=8443 url.scheme=https"
                    .to_owned(),
                2
            ),
            (
                client,
                "error.type=unknown_ca http.request.method=PUT server.address=a.example server.port=8443 \
                 url.scheme=https"
                    .to_owned(),
                2
            ),
        ]
    );
    worker.retain_servers(|_| false);
    assert!(conventions(&worker).is_empty(), "nobody holds it any more");
}

#[test]
fn r25_no_client_and_no_server_makes_the_conventions_series_grow() {
    let (worker, headers) = (counting_conventions(), HeaderMap::new());
    let tally = worker.server(&ServerAddress {
        host: "a.example".into(),
        port: 80,
        secure: false,
    });
    let tally = tally.expect("room for one server");
    for status in 100..900 {
        let mut record = record(&headers, 1);
        record.status = status;
        worker.count(&record);
        let answer = Outcome::Answer {
            status,
            version: HttpVersion::Http11,
        };
        tally.count(&http::Method::GET, answer, Duration::ZERO);
    }
    let series = conventions(&worker);
    let of = |name| series.iter().filter(move |series| series.0 == name);
    assert_eq!(of("http.server.request.duration").count(), 256 + 2);
    assert_eq!(of("http.client.request.duration").count(), 64 + 1);
    assert_eq!(series.iter().map(|series| series.2).sum::<u64>(), 2 * 800);
    let mut attributes: Vec<_> = series.iter().map(|series| (series.0, &series.1)).collect();
    attributes.sort_unstable();
    attributes.dedup();
    assert_eq!(
        attributes.len(),
        series.len(),
        "no two series have the same attributes"
    );
}

#[test]
fn a11_9_a_worker_keeps_the_counts_of_a_server_that_it_still_holds() {
    let worker = counting_conventions();
    let address = ServerAddress {
        host: "a.example".into(),
        port: 80,
        secure: false,
    };
    let held = worker.server(&address).expect("room for one server");
    worker.retain_servers(|_| false);
    held.count(
        &http::Method::GET,
        Outcome::Failure("connect_refused"),
        Duration::ZERO,
    );
    assert_eq!(conventions(&worker).len(), 1);
    let quiet = WorkerCounters::default();
    assert!(quiet.server(&address).is_none(), "nobody asked for it");
}

#[test]
fn c6_bridges_are_counted_by_class_and_routers_have_one_where_they_are_asked_for() {
    let (worker, names) = (worker(), names("web@file"));
    let told = text(&worker, &names, &[], &detail());
    for line in [
        "viaduct_bridges{class=\"plaintext\",client_leg=\"TLS\",state=\"served\"} 2",
        "viaduct_router_bridge_class{router=\"web@file\",class=\"plaintext\"} 1",
    ] {
        assert!(told.lines().any(|known| known == line), "{line}\n{told}");
    }
    let coarse = Detail {
        routers: false,
        ..detail()
    };
    let told = text(&worker, &names, &[], &coarse);
    assert!(
        told.contains("viaduct_bridges{") && !told.contains("viaduct_router_bridge_class"),
        "{told}"
    );
}
