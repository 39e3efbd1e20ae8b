//! Cost of finding the router of a request: one route, ten thousand host routes, ten thousand paths.
//! `cargo bench -p viaduct-snapshot --bench matching`

use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use viaduct_config::finding::Code;
use viaduct_config::rule::Rule;
use viaduct_config::{EntryPointName, Finding};
use viaduct_snapshot::table::RoutingTable;
use viaduct_snapshot::{RouteRequest, RouteRule, Router, RouterState, Slot};

fn table(rules: impl Iterator<Item = String>) -> RoutingTable {
    let routers = rules.map(|text| {
        let rule = Rule::parse_http(&text).expect("a benchmark's rule is well-formed");
        Arc::new(Router {
            name: text.as_str().into(),
            written_name: text.as_str().into(),
            priority: i64::try_from(text.len()).expect("a short rule"),
            rule_text: text.into(),
            rule: Some(Arc::new(RouteRule::new(rule))),
            entry_point: Some(EntryPointName::new("web")),
            tls: false,
            demanded_policy: None,
            service_name: "none".into(),
            named_service: None,
            middlewares: Box::default(),
            state: RouterState::OutOfService {
                status: 503,
                finding: Arc::new(Finding::error(Code::NoServers, "a benchmark has none")),
            },
            observability: Default::default(),
            origin: None,
            slot: Slot(0),
        })
    });
    RoutingTable::new(routers.collect())
}

/// Finds a different request each time, so that no table is favoured by the processor's caches more
/// than its size allows.
fn measure(criterion: &mut Criterion, name: &str, table: &RoutingTable, requests: &[(String, String)]) {
    let headers = http::HeaderMap::new();
    let mut next = requests.iter().cycle();
    criterion.bench_function(name, |bencher| {
        bencher.iter(|| {
            let (host, path) = next.next().expect("a cycle has no end");
            let found = table.find(&RouteRequest {
                host: black_box(host),
                path: black_box(path),
                query: None,
                method: "GET",
                headers: &headers,
                client_ip: IpAddr::from([192, 0, 2, 1]),
            });
            assert!(black_box(found).is_some());
        });
    });
}

fn matching(criterion: &mut Criterion) {
    let host = |n: usize| format!("app-{n}.example.com");
    // The same number of distinct requests for every table; which ones, a stride spreads out.
    let spread = |n: usize| (n * 7919) % ROUTES;
    let hosts: Vec<_> = (0..ROUTES)
        .map(|n| (host(spread(n)), "/api/v1/items".to_owned()))
        .collect();
    let one = [(host(0), "/api/v1/items".to_owned())];

    let single = table(std::iter::once(format!("Host(`{}`)", host(0))));
    measure(criterion, "hosts/1", &single, &one);
    let many = table((0..ROUTES).map(|n| format!("Host(`{}`)", host(n))));
    measure(criterion, "hosts/10000", &many, &hosts);
    measure(criterion, "hosts/10000 same request", &many, &one);

    let prefix = |n: usize| format!("/team-{}/app-{n}", n % 100);
    let paths: Vec<_> = (0..ROUTES)
        .map(|n| (host(0), format!("{}/items/1", prefix(spread(n)))))
        .collect();
    let prefixes = table((0..ROUTES).map(|n| format!("PathPrefix(`{}`)", prefix(n))));
    measure(criterion, "prefixes/10000", &prefixes, &paths);
    let single = table(std::iter::once(format!("PathPrefix(`{}`)", prefix(0))));
    measure(
        criterion,
        "prefixes/1",
        &single,
        &[(host(0), format!("{}/items/1", prefix(0)))],
    );
}

const ROUTES: usize = 10_000;

criterion_group!(benches, matching);
criterion_main!(benches);
