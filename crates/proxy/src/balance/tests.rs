use std::sync::Arc;

use serde_json::{Value, json};
use viaduct_snapshot::{RouterState, Service, Snapshot};

use super::Balancers;
use crate::answer::ProxyError;
use crate::testing::snapshot;

fn weighted(servers: &[(&str, i64)]) -> Value {
    let servers: Vec<_> = servers
        .iter()
        .map(|(host, weight)| json!({ "url": format!("http://{host}"), "weight": weight }))
        .collect();
    json!({ "loadBalancer": { "servers": servers } })
}

fn with_services(services: Value, previous: Option<&Snapshot>) -> Arc<Snapshot> {
    let routers = json!({ "web": { "rule": "PathPrefix(`/`)", "service": "web" } });
    snapshot(
        json!({ "http": { "routers": routers, "services": services } }),
        previous,
    )
}

fn service(snapshot: &Snapshot) -> &Arc<Service> {
    match &snapshot.routers["web@file"].state {
        RouterState::Ready(service) => service,
        RouterState::OutOfService { finding, .. } => panic!("{finding:?}"),
    }
}

fn turns(balancers: &Balancers, snapshot: &Snapshot, count: usize) -> String {
    (0..count)
        .map(|_| balancers.pick(service(snapshot)).unwrap().server.host.to_string())
        .collect()
}

#[test]
fn a6_1_equal_weights_take_turns() {
    let snapshot = with_services(json!({ "web": weighted(&[("a", 1), ("b", 1), ("c", 1)]) }), None);
    assert_eq!(turns(&Balancers::default(), &snapshot, 7), "abcabca");
}

#[test]
fn a6_1_weights_are_spread_smoothly() {
    let snapshot = with_services(json!({ "web": weighted(&[("a", 5), ("b", 1), ("c", 1)]) }), None);
    assert_eq!(turns(&Balancers::default(), &snapshot, 14), "aabacaaaabacaa");
}

#[test]
fn a6_1_weight_zero_gets_nothing() {
    let snapshot = with_services(json!({ "web": weighted(&[("a", 1), ("b", 0), ("c", 1)]) }), None);
    assert_eq!(turns(&Balancers::default(), &snapshot, 4), "acac");
}

#[test]
fn a6_13_nobody_left_is_no_server() {
    let none = with_services(json!({ "web": weighted(&[]) }), None);
    let balancers = Balancers::default();
    assert!(matches!(
        balancers.pick(service(&none)),
        Err(ProxyError::NoServers)
    ));
    let all_zero = with_services(json!({ "web": weighted(&[("a", 0)]) }), Some(&none));
    assert!(matches!(
        balancers.pick(service(&all_zero)),
        Err(ProxyError::NoServers)
    ));
}

#[test]
fn a6_9_services_take_weighted_turns() {
    let snapshot = with_services(
        json!({
            "web": { "weighted": { "services": [
                { "name": "one", "weight": 3 }, { "name": "two", "weight": 1 }, { "name": "never", "weight": 0 },
            ] } },
            "one": weighted(&[("a", 1), ("b", 1)]),
            "two": weighted(&[("x", 1)]),
            "never": weighted(&[("n", 1)]),
        }),
        None,
    );
    assert_eq!(turns(&Balancers::default(), &snapshot, 8), "abxabaxb");
}

#[test]
fn a13_7_turns_survive_a_new_snapshot() {
    let balancers = Balancers::default();
    let first = with_services(json!({ "web": weighted(&[("a", 1), ("b", 1)]) }), None);
    assert_eq!(turns(&balancers, &first, 1), "a");
    let second = with_services(
        json!({ "web": weighted(&[("a", 1), ("b", 1), ("c", 1)]) }),
        Some(&first),
    );
    assert_eq!(turns(&balancers, &second, 2), "bc");
    let third = with_services(json!({ "web": weighted(&[("a", 2), ("b", 1)]) }), Some(&second));
    assert_eq!(turns(&balancers, &third, 1), "a");
    // `a` has paid for its turn; a change elsewhere does not give it the next one.
    let fourth = with_services(
        json!({ "web": weighted(&[("a", 2), ("b", 1), ("c", 1)]) }),
        Some(&third),
    );
    assert_eq!(turns(&balancers, &fourth, 1), "b");
}
