use viaduct_config::duration::GoDuration;
use viaduct_config::finding::Code;
use viaduct_config::{Element, Severity, Update};

use super::{
    BACKEND, assert_clean, balancer, broken, broken_service, codes, object, route, router, router_element,
    secret, update, update_under, urls,
};
use crate::policy::Policy;

#[test]
fn a9_4_the_scheme_follows_the_port_unless_it_is_written() {
    for (service, url) in [
        ("{name: backend, port: 443}", "https://10.1.0.1:8443"),
        ("{name: backend, port: 80}", "http://10.1.0.1:8080"),
        ("{name: backend, port: 443, scheme: http}", "http://10.1.0.1:8443"),
        ("{name: backend, port: 443, scheme: h2c}", "h2c://10.1.0.1:8443"),
        (
            "{name: backend, port: 80, scheme: https}",
            "https://10.1.0.1:8080",
        ),
    ] {
        let update = update(&[BACKEND, &route(&format!("[{service}]"))]);
        assert_eq!(urls(&update), [url], "{service}");
    }
    let named = BACKEND.replace("plain", "https-alt");
    let update = update(&[&named, &route("[{name: backend, port: 80}]")]);
    assert_eq!(urls(&update), ["https://10.1.0.1:8080"]);
}

#[test]
fn a9_4_another_scheme_is_refused() {
    let update = update(&[BACKEND, &route("[{name: backend, port: 80, scheme: ftp}]")]);
    let finding = broken_service(&update);
    assert_eq!(finding.code, Code::InvalidService);
    assert_eq!(
        finding.field.as_deref(),
        Some("spec.routes[0].services[0].scheme")
    );
}

#[test]
fn a9_3_a_port_is_a_number_a_name_or_a_number_in_quotes() {
    for port in ["443", "app", "'443'"] {
        let update = update(&[
            BACKEND,
            &route(&format!("[{{name: backend, port: {port}, scheme: https}}]")),
        ]);
        assert_eq!(urls(&update), ["https://10.1.0.1:8443"], "{port}");
    }
    for port in ["8443", "other", "0", "''"] {
        let update = update(&[BACKEND, &route(&format!("[{{name: backend, port: {port}}}]"))]);
        let finding = broken_service(&update);
        assert_eq!(finding.code, Code::InvalidService, "{port}");
        assert_eq!(finding.wanted.as_deref(), Some("443 (app) or 80 (plain)"));
    }
    assert_eq!(
        broken_service(&update(&[BACKEND, &route("[{name: backend}]")])).code,
        Code::InvalidService
    );
}

#[test]
fn a9_3_everything_of_a_service_is_carried() {
    let update = update(&[
        BACKEND,
        &route(
            "[{name: backend, port: 443, passHostHeader: false, strategy: p2c, weight: 3, \
              responseForwarding: {flushInterval: 100ms}, sticky: {cookie: {name: c, maxAge: 7}}, \
              passiveHealthCheck: {failureWindow: 10, maxFailedAttempts: 2}}]",
        ),
    ]);
    assert_clean(&update);
    let balancer = balancer(&update);
    assert_eq!(balancer.pass_host_header, Some(false));
    assert_eq!(balancer.strategy, "p2c");
    let forwarding = balancer.response_forwarding.as_ref().unwrap();
    assert_eq!(
        forwarding.flush_interval,
        Some(GoDuration::from_nanos(100_000_000))
    );
    let cookie = balancer.sticky.as_ref().unwrap().cookie.as_ref().unwrap();
    assert_eq!((&*cookie.name, cookie.max_age), ("c", 7));
    let passive = balancer.passive_health_check.as_ref().unwrap();
    assert_eq!(passive.failure_window, Some(GoDuration::from_secs(10)));
}

#[test]
fn a6_2_the_old_strategy_name_is_read_and_unknown_ones_are_refused() {
    let old = update(&[
        BACKEND,
        &route("[{name: backend, port: 443, strategy: RoundRobin}]"),
    ]);
    assert_eq!(balancer(&old).strategy, "wrr");
    let unknown = update(&[BACKEND, &route("[{name: backend, port: 443, strategy: best}]")]);
    assert_eq!(broken_service(&unknown).code, Code::InvalidService);
}

#[test]
fn a6_3_pass_host_header_is_on_unless_it_is_written() {
    let update = update(&[BACKEND, &route("[{name: backend, port: 443}]")]);
    assert_eq!(balancer(&update).pass_host_header, Some(true));
}

#[test]
fn a6_9_several_services_are_weighted() {
    let update = update(&[
        BACKEND,
        &route("[{name: backend, port: 443, weight: 3}, {name: backend, port: 80}]"),
    ]);
    assert_clean(&update);
    let services = &update.dynamic.http.services;
    let weighted = services[&router(&update).service].weighted.as_ref().unwrap();
    let children: Vec<_> = weighted
        .services
        .iter()
        .map(|child| (child.name.as_str(), child.weight))
        .collect();
    assert_eq!(
        children,
        [("web-backend-443", Some(3)), ("web-backend-80", Some(1))]
    );
    assert!(services["web-backend-443"].load_balancer.is_some());
}

#[test]
fn a6_9_one_broken_service_of_several_is_named() {
    let update = update(&[
        BACKEND,
        &route("[{name: backend, port: 443}, {name: gone, port: 80}]"),
    ]);
    let element = Element::Service(update.broken[0].0.to_string());
    assert_eq!(update.broken.len(), 1, "{element}");
    let finding = &update.broken[0].1;
    assert_eq!(finding.code, Code::MissingReference);
    assert_eq!(finding.field.as_deref(), Some("spec.routes[0].services[1].name"));
    let weighted = update.dynamic.http.services[&router(&update).service]
        .weighted
        .as_ref()
        .unwrap();
    assert_eq!(
        Element::Service(weighted.services[1].name.clone()),
        update.broken[0].0
    );
}

#[test]
fn a6_13_a_service_that_does_not_exist_is_said_where_it_is_named() {
    let update = update(&[&route("[{name: gone, port: 443}]")]);
    let finding = broken_service(&update);
    assert_eq!(finding.code, Code::MissingReference);
    assert_eq!(finding.message, "Service `web/gone` does not exist");
    assert!(finding.location.is_some());
}

#[test]
fn a3_6_routes_below_others_name_the_routers_of_their_parents() {
    let parent = "{routes: [{match: Host(`a`)}, {match: Host(`b`)}]}";
    let child = "{parentRefs: [{name: parent}], routes: [{match: m, services: [{name: backend, port: 80}]}]}";
    let update = update(&[
        BACKEND,
        &object("IngressRoute", "web", "parent", parent),
        &object("IngressRoute", "web", "child", child),
    ]);
    let routers = &update.dynamic.http.routers;
    let (parents, children): (Vec<_>, Vec<_>) = routers
        .iter()
        .partition(|(name, _)| name.starts_with("web-parent"));
    let names: Vec<_> = parents.iter().map(|(name, _)| (*name).clone()).collect();
    let mut named = children[0].1.parent_refs.clone();
    named.sort();
    assert_eq!(named, names);
    // Those above have no service, and nobody is served by them yet.
    for (name, _) in parents {
        let finding = broken(&update, &Element::Router(name.clone()));
        assert_eq!(finding.code, Code::Unsupported);
    }
}

#[test]
fn a3_6_a_route_below_nothing_is_out_of_service() {
    let child = "{parentRefs: [{name: p}], routes: [{match: m, services: [{name: backend, port: 443}]}]}";
    let update = update(&[BACKEND, &object("IngressRoute", "web", "route", child)]);
    let finding = broken(&update, &router_element(&update));
    assert_eq!(finding.code, Code::MissingReference);
}

#[test]
fn a9_3_native_lb_goes_to_the_cluster_ip() {
    let update = update(&[BACKEND, &route("[{name: backend, port: 443, nativeLB: true}]")]);
    assert_eq!(urls(&update), ["https://10.0.0.7:443"]);
}

#[test]
fn a9_3_native_lb_needs_a_cluster_ip() {
    let headless = BACKEND.replace("10.0.0.7", "None");
    let update = update(&[&headless, &route("[{name: backend, port: 443, nativeLB: true}]")]);
    assert_eq!(broken_service(&update).code, Code::InvalidService);
}

/// A machine of the cluster.
fn node(name: &str, addresses: &str) -> String {
    format!("{{apiVersion: v1, kind: Node, metadata: {{name: {name}}}, status: {{addresses: {addresses}}}}}")
}

#[test]
fn a9_3_node_ports_are_those_of_every_node() {
    let node_port = BACKEND
        .replace("clusterIP", "type: NodePort, clusterIP")
        .replace("port: 443}", "port: 443, nodePort: 30443}");
    let services = route("[{name: backend, port: 443, nodePortLB: true}]");
    let nodes = [
        node(
            "two",
            "[{type: InternalIP, address: 10.9.0.2}, {type: InternalIP, address: '2001:db8::2'}]",
        ),
        node(
            "one",
            "[{type: ExternalIP, address: 203.0.113.1}, {type: InternalIP, address: 10.9.0.1}]",
        ),
    ];
    let good = update(&[&node_port, &nodes[0], &nodes[1], &services]);
    assert_clean(&good);
    assert_eq!(
        urls(&good),
        [
            "https://10.9.0.1:30443",
            "https://10.9.0.2:30443",
            "https://[2001:db8::2]:30443"
        ]
    );
    // A Service of another type has no such port, and is reached as always.
    assert_clean(&update(&[BACKEND, &nodes[0], &services]));
}

#[test]
fn a9_3_node_ports_without_a_node_or_a_port_are_broken() {
    let node_port = BACKEND.replace("clusterIP", "type: NodePort, clusterIP");
    let services = route("[{name: backend, port: 443, nodePortLB: true}]");
    let portless = update(&[&node_port, &services]);
    assert_eq!(broken_service(&portless).code, Code::InvalidService);
    let with_port = node_port.replace("port: 443}", "port: 443, nodePort: 30443}");
    let nodeless = update(&[&with_port, &services]);
    assert_eq!(broken_service(&nodeless).code, Code::NoServers);
    // A node cannot lead the proxy to itself (C62).
    let loopback = node(
        "x",
        "[{type: InternalIP, address: 127.0.0.1}, {type: InternalIP, address: 169.254.169.254}]",
    );
    let refused = update_under(&Policy::default(), &[&with_port, &loopback, &services]);
    assert_eq!(broken_service(&refused).code, Code::NoServers);
    assert_eq!(codes(&refused.notes), [Code::ForbiddenReference; 2]);
}

#[test]
fn a6_7_health_checks_are_for_external_names() {
    let check = "[{name: backend, port: 443, healthCheck: {path: /up, interval: 5}}]";
    assert_eq!(
        broken_service(&update(&[BACKEND, &route(check)])).code,
        Code::InvalidService
    );
    let external = "{apiVersion: v1, kind: Service, metadata: {name: backend, namespace: web}, \
                     spec: {type: ExternalName, externalName: example.org}}";
    let update = update(&[external, &route(check)]);
    let check = balancer(&update).health_check.as_ref().unwrap();
    assert_eq!(check.interval, Some(GoDuration::from_secs(5)));
}

#[test]
fn s1_a_route_without_a_service_or_a_rule_is_said() {
    let none = update(&[&route("[]")]);
    assert_eq!(broken_service(&none).code, Code::InvalidService);
    let spec = "{routes: [{match: '', services: []}]}";
    let no_rule = update(&[&object("IngressRoute", "web", "route", spec)]);
    assert_eq!(codes(&no_rule.notes), [Code::InvalidRule]);
    assert!(no_rule.dynamic.http.routers.is_empty());
}

#[test]
fn a9_2_everything_of_a_route_is_carried() {
    let spec = "{entryPoints: [websecure], routes: [{kind: Rule, match: Host(`a`), priority: 7, syntax: v3, \
                 services: [{name: backend, port: 443}], \
                 observability: {accessLogs: false, traceVerbosity: detailed}}], \
                 tls: {certResolver: le, domains: [{main: a, sans: [b]}], store: {name: default}}}";
    let update = update(&[BACKEND, &object("IngressRoute", "web", "route", spec)]);
    assert_clean(&update);
    let router = router(&update);
    assert_eq!(router.entry_points, ["websecure"]);
    assert_eq!((router.priority, &*router.rule_syntax), (Some(7), "v3"));
    assert_eq!(router.observability.as_ref().unwrap().access_logs, Some(false));
    let tls = router.tls.as_ref().unwrap();
    assert_eq!((&*tls.cert_resolver, &*tls.domains[0].main), ("le", "a"));
}

#[test]
fn a9_2_a_place_is_known_for_every_router() {
    let update = update(&[BACKEND, &route("[{name: backend, port: 443}]")]);
    let origin = &update.origins[&router_element(&update)];
    assert_eq!(
        origin.object.as_ref().unwrap().to_string(),
        "IngressRoute web/route"
    );
    let place = origin.location.as_ref().unwrap();
    assert_eq!((place.line, place.column), (15, 120));
}

#[test]
fn a9_8_routes_of_another_class_are_left_alone() {
    let plain = route("[{name: backend, port: 443}]");
    let of_class = |class: &str| plain.replace("{routes:", &format!("{{ingressClassName: {class}, routes:"));
    let annotated = plain.replace(
        "name: route",
        "name: route, annotations: {kubernetes.io/ingress.class: other}",
    );
    let count =
        |policy: &Policy, route: &str| update_under(policy, &[BACKEND, route]).dynamic.http.routers.len();
    let any = Policy::directory();
    let other = Policy {
        ingress_class: Some("other".to_owned()),
        ..Policy::directory()
    };
    for (policy, route, expected) in [
        (&any, plain.clone(), 1),
        (&any, of_class("traefik"), 1),
        (&any, of_class("other"), 0),
        (&any, annotated.clone(), 0),
        (&other, plain.clone(), 0),
        (&other, of_class("other"), 1),
        (&other, annotated, 1),
    ] {
        assert_eq!(count(policy, &route), expected, "{route}");
    }
}

#[test]
fn s4_a_transport_named_on_the_route_counts_for_its_services() {
    let spec = "{routes: [{match: Host(`a`), serversTransport: t, services: [{name: backend, port: 443}]}]}";
    let transport = object("ServersTransport", "web", "t", "{serverName: x}");
    let update = update(&[BACKEND, &transport, &object("IngressRoute", "web", "route", spec)]);
    assert_eq!(balancer(&update).servers_transport, "web-t");
    assert_eq!(update.broken, []);
    assert_eq!(codes(&update.notes), [Code::MisplacedField]);
    assert_eq!(
        update.notes[0].hint.as_deref(),
        Some("write `spec.routes[0].services[0].serversTransport: t`")
    );
}

#[test]
fn a7_16_a_transport_that_does_not_exist_is_said_with_those_that_do() {
    let services = route("[{name: backend, port: 443, serversTransport: tt}]");
    let transport = object("ServersTransport", "web", "t", "{}");
    let here = update(&[BACKEND, &transport, &services]);
    let finding = broken_service(&here);
    assert_eq!(finding.code, Code::MissingReference);
    assert_eq!(finding.hint.as_deref(), Some("namespace `web` has `t`"));

    let elsewhere = object("ServersTransport", "other", "tt", "{}");
    let there = update(&[BACKEND, &elsewhere, &services]);
    assert_eq!(
        broken_service(&there).hint.as_deref(),
        Some("there is one in namespace `other`; it must be in `web`")
    );
}

#[test]
fn a7_16_a_transport_of_another_provider_is_left_to_the_snapshot() {
    let services = route("[{name: backend, port: 443, serversTransport: shared@file}]");
    let update = update(&[BACKEND, &services]);
    assert_clean(&update);
    assert_eq!(balancer(&update).servers_transport, "shared@file");
}

#[test]
fn s2_the_front_certificate_comes_from_the_secret() {
    let spec =
        "{routes: [{match: Host(`a`), services: [{name: backend, port: 443}]}], tls: {secretName: cert}}";
    let documents = [
        BACKEND,
        &object("IngressRoute", "web", "route", spec),
        &secret("web", "cert", "{tls.crt: CERT, tls.key: KEY}"),
    ];
    let update = update(&documents);
    assert_clean(&update);
    let [certificate] = update.dynamic.tls.certificates.as_slice() else {
        panic!("{:#?}", update.dynamic.tls.certificates);
    };
    assert_eq!(&*certificate.pair.cert_file, "CERT");
    let origin = &update.origins[&Element::Certificate(0)];
    assert_eq!(origin.object.as_ref().unwrap().to_string(), "Secret web/cert");
}

#[test]
fn s2_a_missing_or_incomplete_certificate_takes_the_router_out() {
    let spec =
        "{routes: [{match: Host(`a`), services: [{name: backend, port: 443}]}], tls: {secretName: cert}}";
    let route = object("IngressRoute", "web", "route", spec);
    for (secret, code) in [
        (String::new(), Code::MissingReference),
        (
            secret("other", "cert", "{tls.crt: C, tls.key: K}"),
            Code::MissingReference,
        ),
        (secret("web", "cert", "{tls.crt: C}"), Code::InvalidCertificate),
        (
            secret("web", "cert", "{tls.crt: C, tls.key: ''}"),
            Code::InvalidCertificate,
        ),
        (
            "{apiVersion: v1, kind: Secret, metadata: {namespace: web, name: cert}, data: {tls.crt: '!'}}"
                .to_owned(),
            Code::InvalidCertificate,
        ),
    ] {
        let update = update(&[BACKEND, &route, &secret]);
        let finding = broken(&update, &router_element(&update));
        assert_eq!(finding.code, code, "{secret}");
        assert_eq!(finding.severity, Severity::Error);
        assert_eq!(finding.field.as_deref(), Some("spec.tls.secretName"));
        assert!(router(&update).tls.is_some(), "never served without TLS");
    }
}

#[test]
fn s2_a_misplaced_secret_does_not_beat_the_right_one() {
    let spec = "{routes: [{match: Host(`a`), secretName: wrong, services: [{name: backend, port: 443}]}], \
                 tls: {secretName: right}}";
    let update = update(&[
        BACKEND,
        &object("IngressRoute", "web", "route", spec),
        &secret("web", "right", "{tls.crt: RIGHT, tls.key: K}"),
        &secret("web", "wrong", "{tls.crt: WRONG, tls.key: K}"),
    ]);
    assert_eq!(update.broken, []);
    assert_eq!(update.dynamic.tls.certificates.len(), 1);
    assert_eq!(&*update.dynamic.tls.certificates[0].pair.cert_file, "RIGHT");
    assert_eq!(codes(&update.notes), [Code::MisplacedField]);
}

#[test]
fn c3_client_auth_is_not_trust_in_the_backend() {
    let spec = "{routes: [{match: Host(`a`), services: [SERVICE]}], tls: {options: {name: o}}}";
    let option = object("TLSOption", "web", "o", "{clientAuth: {secretNames: [ca]}}");
    let ca = secret("web", "ca", "{ca.crt: CA}");
    let with = |service: &str| {
        let spec = spec.replace("SERVICE", service);
        update(&[
            BACKEND,
            &option,
            &ca,
            &object("ServersTransport", "web", "t", "{rootCAs: [{secret: ca}]}"),
            &object("IngressRoute", "web", "route", &spec),
        ])
    };
    let without_transport = with("{name: backend, port: 443}");
    assert_eq!(codes(&without_transport.notes), [Code::MisplacedField]);
    assert!(
        without_transport.notes[0]
            .hint
            .as_ref()
            .unwrap()
            .contains("ServersTransport")
    );
    assert_eq!(without_transport.broken, [], "a diagnosis, not a refusal");
    assert_clean(&with("{name: backend, port: 443, serversTransport: t}"));
    assert_clean(&with("{name: backend, port: 80}"));
}

#[test]
fn a6_16_a_route_may_name_an_internal_service_as_its_one_traefik_service() {
    let update = update(&[&route("[{name: api@internal, kind: TraefikService}]")]);
    assert_clean(&update);
    assert_eq!(router(&update).service, "api@internal");
    assert_eq!(update.dynamic.http.services.len(), 0);
}

#[test]
fn cve_2026_44774_internal_services_are_no_services_and_no_share_of_traffic() {
    for services in [
        "[{name: api@internal, port: 80}]",
        "[{name: rest@internal, kind: Service, port: 80}]",
    ] {
        assert_eq!(
            broken_service(&update(&[&route(services)])).code,
            Code::ForbiddenReference
        );
    }
    let shared = "[{name: api@internal, kind: TraefikService}, {name: backend, port: 80}]";
    let update = update(&[BACKEND, &route(shared)]);
    assert_ne!(router(&update).service, "api@internal");
    assert!(
        update
            .broken
            .iter()
            .any(|(_, finding)| finding.code == Code::ForbiddenReference)
    );
}

#[test]
fn cve_2026_44774_a_namespace_that_may_not_leave_its_provider_reaches_nothing_internal() {
    let policy = Policy {
        cross_provider_namespaces: Some(Vec::new()),
        ..Policy::directory()
    };
    let update = update_under(&policy, &[&route("[{name: api@internal, kind: TraefikService}]")]);
    assert_eq!(broken_service(&update).code, Code::ForbiddenReference);
}

/// What each service balances: `namespace/name port`.
fn balanced(update: &Update) -> Vec<String> {
    let mut balanced: Vec<_> = update
        .balanced
        .values()
        .map(|balanced| format!("{} {}", balanced.service, balanced.port))
        .collect();
    balanced.sort_unstable();
    balanced
}

#[test]
fn a11_3_what_a_service_balances_is_known_by_name_and_port() {
    let plain = update(&[BACKEND, &route("[{name: backend, port: app}]")]);
    let element = Element::Service(router(&plain).service.clone());
    assert!(plain.balanced.contains_key(&element), "{:?}", plain.balanced);
    assert_eq!(balanced(&plain), ["Service web/backend app"]);
    let parts = update(&[
        BACKEND,
        &route("[{name: backend, port: 443, weight: 3}, {name: backend, port: 80}]"),
    ]);
    assert_eq!(
        balanced(&parts),
        ["Service web/backend 443", "Service web/backend 80"],
        "those of the parts, none of the whole"
    );
    let broken = update(&[BACKEND, &route("[{name: backend, port: 444}]")]);
    assert_eq!(balanced(&broken), [""; 0]);
}
