use viaduct_config::dynamic::http::Service;
use viaduct_config::finding::Code;
use viaduct_config::{Element, Update};

use super::{
    BACKEND, assert_clean, broken, broken_service, codes, object, route, router, update, update_under,
};
use crate::policy::Policy;

fn composed(name: &str, spec: &str) -> String {
    object("TraefikService", "web", name, spec)
}

fn service<'a>(update: &'a Update, name: &str) -> &'a Service {
    &update.dynamic.http.services[name]
}

fn element(name: &str) -> Element {
    Element::Service(name.to_owned())
}

#[test]
fn a9_7_a_weighted_traefik_service_is_named_by_its_route() {
    let update = update(&[
        BACKEND,
        &composed(
            "shares",
            "{weighted: {sticky: {cookie: {name: c}}, services: [{name: backend, port: 443, weight: 3}, {name: backend, port: 80}]}}",
        ),
        &route("[{name: shares, kind: TraefikService}]"),
    ]);
    assert_clean(&update);
    assert_eq!(router(&update).service, "web-shares");
    let weighted = service(&update, "web-shares").weighted.as_ref().unwrap();
    let shares: Vec<_> = weighted
        .services
        .iter()
        .map(|child| (child.name.as_str(), child.weight))
        .collect();
    assert_eq!(
        shares,
        [("web-backend-443", Some(3)), ("web-backend-80", Some(1))]
    );
    assert!(weighted.sticky.is_some());
    assert!(service(&update, "web-backend-80").load_balancer.is_some());
}

#[test]
fn a6_11_a_mirroring_traefik_service_names_every_part() {
    let spec = "{mirroring: {name: backend, port: 443, mirrorBody: false, maxBodySize: 9, \
                 mirrors: [{name: backend, port: 80, percent: 5}, {name: inner, kind: TraefikService, percent: 7}]}}";
    let inner = "{weighted: {services: [{name: backend, port: 80}]}}";
    let update = update(&[BACKEND, &composed("outer", spec), &composed("inner", inner)]);
    assert_clean(&update);
    let mirroring = service(&update, "web-outer").mirroring.as_ref().unwrap();
    assert_eq!(mirroring.service, "web-backend-443");
    assert_eq!(
        (mirroring.mirror_body, mirroring.max_body_size),
        (Some(false), Some(9))
    );
    let mirrors: Vec<_> = mirroring
        .mirrors
        .iter()
        .map(|mirror| (mirror.name.as_str(), mirror.percent))
        .collect();
    assert_eq!(mirrors, [("web-backend-80", Some(5)), ("web-inner", Some(7))]);
}

#[test]
fn a6_12_a_failover_traefik_service_names_both() {
    let spec = "{failover: {service: {name: backend, port: 443}, fallback: {name: backend, port: 80}, \
                 errors: {status: ['500-599'], maxRequestBodyBytes: 4}}}";
    let update = update(&[BACKEND, &composed("f", spec)]);
    assert_clean(&update);
    let failover = service(&update, "web-f").failover.as_ref().unwrap();
    assert_eq!(failover.service, "web-backend-443");
    assert_eq!(failover.fallback, "web-backend-80");
    assert_eq!(failover.errors.as_ref().unwrap().status, ["500-599"]);
}

#[test]
fn a6_10_a_traefik_service_by_client_address_is_translated() {
    let spec = "{highestRandomWeight: {services: [{name: backend, port: 443, weight: 2}]}}";
    let update = update(&[BACKEND, &composed("h", spec)]);
    assert_clean(&update);
    let random = service(&update, "web-h").highest_random_weight.as_ref().unwrap();
    assert_eq!(random.services[0].weight, Some(2));
}

#[test]
fn a9_7_a_traefik_service_that_is_missing_or_undecided_is_broken() {
    let missing = update(&[&route("[{name: x, kind: TraefikService}]")]);
    assert_eq!(broken_service(&missing).code, Code::MissingReference);
    for spec in [
        "{}",
        "{weighted: {services: []}, mirroring: {name: backend, port: 80}}",
    ] {
        let update = update(&[BACKEND, &composed("x", spec)]);
        assert_eq!(
            broken(&update, &element("web-x")).code,
            Code::InvalidService,
            "{spec}"
        );
    }
    let part = composed(
        "x",
        "{weighted: {services: [{name: gone, kind: TraefikService}]}}",
    );
    let update = update(&[&part]);
    assert_eq!(broken(&update, &element("web-x")).code, Code::MissingReference);
}

#[test]
fn a9_7_traefik_services_that_contain_themselves_are_broken_and_no_other() {
    let one = |name: &str, next: &str| {
        composed(
            name,
            &format!("{{mirroring: {{name: {next}, kind: TraefikService}}}}"),
        )
    };
    let update = update(&[
        BACKEND,
        &one("a", "b"),
        &one("b", "c"),
        &one("c", "a"),
        &one("self", "self"),
        &one("before", "a"),
        &one("apart", "leaf"),
        &composed("leaf", "{weighted: {services: [{name: backend, port: 80}]}}"),
    ]);
    let circular: Vec<_> = update.broken.iter().map(|(element, _)| element.clone()).collect();
    assert_eq!(circular, ["web-a", "web-b", "web-c", "web-self"].map(element));
    let finding = broken(&update, &element("web-a"));
    assert_eq!(
        finding.object.as_ref().unwrap().to_string(),
        "TraefikService web/a"
    );
}

#[test]
fn a9_7_a_circle_through_element_names_is_found_too() {
    let policy = Policy {
        allow_cross_namespace: true,
        ..Policy::directory()
    };
    let spec = "{weighted: {services: [{name: web-a@kubernetescrd, kind: TraefikService}]}}";
    let update = update_under(&policy, &[&composed("a", spec)]);
    broken(&update, &element("web-a"));
}

#[test]
fn cve_2026_44774_internal_services_are_no_part_of_a_traefik_service() {
    for spec in [
        "{weighted: {services: [{name: api@internal, kind: TraefikService}]}}",
        "{highestRandomWeight: {services: [{name: rest@internal, kind: TraefikService}]}}",
        "{mirroring: {name: api@internal, kind: TraefikService}}",
        "{mirroring: {name: backend, port: 80, mirrors: [{name: dashboard@internal, kind: TraefikService}]}}",
        "{failover: {errors: {}, service: {name: backend, port: 80}, fallback: {name: api@internal, kind: TraefikService}}}",
    ] {
        let update = update(&[BACKEND, &composed("x", spec)]);
        let finding = broken(&update, &element("web-x"));
        assert_eq!(finding.code, Code::ForbiddenReference, "{spec}");
    }
}

#[test]
fn cve_2026_54765_a_traefik_service_cannot_take_the_name_of_a_route_s_service() {
    let plain = update(&[BACKEND, &route("[{name: backend, port: 80}]")]);
    let name = router(&plain).service.clone();
    let squatter = name.strip_prefix("web-").unwrap();
    let update = update(&[
        BACKEND,
        &route("[{name: backend, port: 80}]"),
        &composed(squatter, "{mirroring: {name: backend, port: 443}}"),
    ]);
    assert_eq!(update.broken, []);
    let balancer = service(&update, &router(&update).service).load_balancer.as_ref();
    assert_eq!(balancer.unwrap().servers[0].url, "http://10.1.0.1:8080");
    assert!(!update.dynamic.http.services.contains_key(&name));
    assert_eq!(codes(&update.notes), [Code::DuplicateObject; 2]);
}

#[test]
fn cve_2026_71327_a_part_cannot_take_the_name_of_a_traefik_service() {
    // `web-backend-80` is what both a share of the route and the TraefikService would be called.
    let update = update(&[
        BACKEND,
        &composed("backend-80", "{mirroring: {name: backend, port: 443}}"),
        &route("[{name: backend, port: 80}, {name: backend, port: 443}]"),
    ]);
    assert_clean(&update);
    assert!(service(&update, "web-backend-80").mirroring.is_some());
    let weighted = service(&update, &router(&update).service)
        .weighted
        .as_ref()
        .unwrap();
    let first = service(&update, &weighted.services[0].name);
    assert_eq!(
        first.load_balancer.as_ref().unwrap().servers[0].url,
        "http://10.1.0.1:8080"
    );
}

#[test]
fn cve_2026_71327_a_broken_traefik_service_takes_no_part_of_another_out_of_service() {
    let update = update(&[
        BACKEND,
        &composed("backend-80", "{weighted: {services: 5}}"),
        &route("[{name: backend, port: 80}, {name: backend, port: 443}]"),
    ]);
    let elements: Vec<_> = update.broken.iter().map(|(element, _)| element).collect();
    assert_eq!(elements, [&element("web-backend-80")]);
    let weighted = service(&update, &router(&update).service)
        .weighted
        .as_ref()
        .unwrap();
    assert_ne!(weighted.services[0].name, "web-backend-80");
    let first = service(&update, &weighted.services[0].name);
    assert_eq!(
        first.load_balancer.as_ref().unwrap().servers[0].url,
        "http://10.1.0.1:8080"
    );
}

#[test]
fn a4_28_service_middlewares_are_written_at_the_service() {
    let strip = object("Middleware", "web", "m", "{addPrefix: {prefix: /x}}");
    let services = "[{name: backend, port: 80, middlewares: [{name: m}]}]";
    let good = update(&[BACKEND, &strip, &route(services)]);
    assert_clean(&good);
    assert_eq!(service(&good, &router(&good).service).middlewares, ["web-m"]);
    let missing = update(&[BACKEND, &route(services)]);
    assert_eq!(broken_service(&missing).code, Code::MissingReference);
}

#[test]
fn a9_7_what_has_no_effect_beside_a_traefik_service_is_said() {
    let target = composed("x", "{weighted: {services: [{name: backend, port: 80}]}}");
    let with = |more: &str| {
        update(&[
            BACKEND,
            &target,
            &route(&format!("[{{name: x, kind: TraefikService, {more}}}]")),
        ])
    };
    let transport = with("serversTransport: t, scheme: https");
    assert_eq!(codes(&transport.notes), [Code::MisplacedField; 2]);
    assert_eq!(transport.broken, []);
    let guarded = with("middlewares: [{name: m}]");
    assert_eq!(broken_service(&guarded).code, Code::InvalidService);
}
