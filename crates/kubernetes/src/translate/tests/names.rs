use std::collections::BTreeSet;

use viaduct_config::finding::Code;
use viaduct_config::{Element, Update};

use super::{BACKEND, codes, object, update};
use crate::translate::names;

fn route(namespace: &str, name: &str, services: &str) -> String {
    object(
        "IngressRoute",
        namespace,
        name,
        &format!("{{routes: [{{match: Host(`x`), services: {services}}}]}}"),
    )
}

fn backend(namespace: &str, name: &str, address: &str) -> String {
    BACKEND
        .replace("web", namespace)
        .replace("backend", name)
        .replace("10.1.0.1", address)
}

/// The servers that each route leads to.
fn led_to(update: &Update) -> BTreeSet<(String, String)> {
    let http = &update.dynamic.http;
    http.routers
        .iter()
        .map(|(name, router)| {
            let origin = &update.origins[&Element::Router(name.clone())];
            let balancer = http.services[&router.service].load_balancer.as_ref().unwrap();
            (
                origin.object.as_ref().unwrap().to_string(),
                balancer.servers[0].url.clone(),
            )
        })
        .collect()
}

#[test]
fn a9_2_a_router_has_the_name_and_its_service_the_same() {
    let update = update(&[BACKEND, &route("web", "r", "[{name: backend, port: 443}]")]);
    let (name, router) = update.dynamic.http.routers.first_key_value().unwrap();
    assert!(
        name.starts_with("web-r-") && name.len() == "web-r-".len() + 20,
        "{name}"
    );
    assert_eq!(*name, router.service);
}

#[test]
fn cve_2026_54765_joined_names_do_not_mix() {
    let update = update(&[
        &backend("a", "s", "10.0.0.1"),
        &backend("a-b", "s", "10.0.0.2"),
        &route("a", "b-c", "[{name: s, port: 80}]"),
        &route("a-b", "c", "[{name: s, port: 80}]"),
    ]);
    assert_eq!(update.broken, []);
    let expected = [
        ("IngressRoute a-b/c", "http://10.0.0.2:8080"),
        ("IngressRoute a/b-c", "http://10.0.0.1:8080"),
    ];
    assert_eq!(
        led_to(&update),
        expected
            .map(|(object, url)| (object.to_owned(), url.to_owned()))
            .into()
    );
    assert_eq!(
        codes(&update.notes),
        [Code::DuplicateObject, Code::DuplicateObject]
    );
}

#[test]
fn cve_2026_54765_joined_names_of_transports_do_not_mix() {
    let update = update(&[
        &backend("a", "s", "10.0.0.1"),
        &backend("a-b", "s", "10.0.0.2"),
        &route("a", "one", "[{name: s, port: 443, serversTransport: b-c}]"),
        &route("a-b", "two", "[{name: s, port: 443, serversTransport: c}]"),
        &object("ServersTransport", "a", "b-c", "{serverName: of-a}"),
        &object("ServersTransport", "a-b", "c", "{serverName: of-a-b}"),
    ]);
    assert_eq!(update.broken, []);
    let http = &update.dynamic.http;
    for (router, expected) in &http.routers {
        let balancer = http.services[&expected.service].load_balancer.as_ref().unwrap();
        let transport = &http.servers_transports[&balancer.servers_transport];
        let wanted = if router.starts_with("a-one") {
            "of-a"
        } else {
            "of-a-b"
        };
        assert_eq!(transport.server_name, wanted, "{router}");
    }
    // Nobody can say the name that both would have.
    assert!(!http.servers_transports.contains_key("a-b-c"));
}

#[test]
fn cve_2026_54765_a_suffix_cannot_be_claimed_in_advance() {
    let suffix = names::unique(&["a-b", "c"]);
    let squatter = format!("b-c-{suffix}");
    let update = update(&[
        &object("ServersTransport", "a-b", "c", "{serverName: victim}"),
        &object("ServersTransport", "a", "b-c", "{serverName: one}"),
        &object("ServersTransport", "a", &squatter, "{serverName: two}"),
    ]);
    let transports = &update.dynamic.http.servers_transports;
    assert_eq!(transports.len(), 3);
    assert_eq!(transports[&format!("a-b-c-{suffix}")].server_name, "victim");
}

#[test]
fn cve_2026_54765_routes_that_use_one_port_differently_do_not_mix() {
    let two = "[{name: backend, port: 443}, {name: backend, port: 80}]";
    let other = "[{name: backend, port: 443, scheme: http}, {name: backend, port: 80}]";
    let update = update(&[BACKEND, &route("web", "one", two), &route("web", "two", other)]);
    let http = &update.dynamic.http;
    let first_url = |router: &str| {
        let (_, router) = http
            .routers
            .iter()
            .find(|(name, _)| name.starts_with(router))
            .unwrap();
        let weighted = http.services[&router.service].weighted.as_ref().unwrap();
        let child = &http.services[&weighted.services[0].name];
        child.load_balancer.as_ref().unwrap().servers[0].url.clone()
    };
    assert_eq!(first_url("web-one"), "https://10.1.0.1:8443");
    assert_eq!(first_url("web-two"), "http://10.1.0.1:8443");
    assert!(!http.services.contains_key("web-backend-443"));
    assert!(http.services.contains_key("web-backend-80"), "used alike, shared");
}

#[test]
fn c64_names_do_not_depend_on_the_order_of_objects() {
    let mut documents = vec![
        backend("a", "s", "10.0.0.1"),
        backend("a-b", "s", "10.0.0.2"),
        route("a", "b-c", "[{name: s, port: 80}, {name: s, port: 443}]"),
        route("a-b", "c", "[{name: s, port: 80}]"),
        object("ServersTransport", "a", "b-c", "{}"),
        object("ServersTransport", "a-b", "c", "{}"),
    ];
    let texts =
        |documents: &[String]| update(&documents.iter().map(String::as_str).collect::<Vec<_>>()).dynamic;
    let forwards = texts(&documents);
    documents.reverse();
    assert_eq!(texts(&documents), forwards);
}

#[test]
fn a9_2_the_last_of_two_equal_rules_of_an_object_wins() {
    let spec = "{routes: [{match: Host(`x`), priority: 1, services: [{name: backend, port: 443}]}, \
                          {match: Host(`x`), priority: 2, services: [{name: backend, port: 443}]}]}";
    let update = update(&[BACKEND, &object("IngressRoute", "web", "r", spec)]);
    let priorities: Vec<_> = update
        .dynamic
        .http
        .routers
        .values()
        .map(|router| router.priority)
        .collect();
    assert_eq!(priorities, [Some(2)]);
    assert_eq!(codes(&update.notes), [Code::DuplicateObject]);
    assert_eq!(update.notes[0].field.as_deref(), Some("spec.routes[0].match"));
}
