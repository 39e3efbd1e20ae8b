//! Routers of TCP and UDP.

use viaduct_config::dynamic::tcp::TcpRouter;
use viaduct_config::finding::Code;
use viaduct_config::{Element, Update};

use super::{BACKEND, assert_clean, broken, codes, object, secret, update, update_under};
use crate::policy::Policy;

const DNS: &str = "
apiVersion: v1
kind: Service
metadata: {name: dns, namespace: web}
spec: {clusterIP: 10.0.0.53, ports: [{name: dns, port: 53, protocol: UDP}, {name: dns, port: 53, protocol: TCP}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: dns-1, namespace: web, labels: {kubernetes.io/service-name: dns}}
addressType: IPv4
ports: [{name: dns, port: 5353, protocol: UDP}, {name: dns, port: 5354, protocol: TCP}]
endpoints: [{addresses: [10.1.0.53]}, {addresses: [10.1.0.54], conditions: {ready: false, serving: true, terminating: true}}]
";

fn tcp(spec: &str) -> String {
    object("IngressRouteTCP", "web", "db", spec)
}

fn tcp_with(services: &str) -> String {
    tcp(&format!(
        "{{routes: [{{match: HostSNI(`a`), services: {services}}}]}}"
    ))
}

fn router(update: &Update) -> (&str, &TcpRouter) {
    let routers = &update.dynamic.tcp.routers;
    assert_eq!(routers.len(), 1, "{routers:#?}");
    let (name, router) = routers.first_key_value().unwrap();
    (name, router)
}

fn addresses<'a>(update: &'a Update, service: &str) -> Vec<&'a str> {
    let balancer = update.dynamic.tcp.services[service]
        .load_balancer
        .as_ref()
        .unwrap();
    let servers = balancer.servers.iter();
    servers.map(|server| server.address.as_str()).collect()
}

#[test]
fn a9_5_a_tcp_route_is_a_router_with_a_service_of_its_name() {
    let update = update(&[
        BACKEND,
        &secret("web", "pair", "{tls.crt: C, tls.key: K}"),
        &object("TLSOption", "web", "o", "{}"),
        &object("MiddlewareTCP", "web", "few", "{inFlightConn: {amount: 4}}"),
        &object(
            "ServersTransportTCP",
            "web",
            "t",
            "{dialTimeout: 5, tls: {serverName: db}}",
        ),
        &tcp(
            "{entryPoints: [db], routes: [{match: HostSNI(`a`), priority: 7, syntax: v3, middlewares: [{name: few}], \
              services: [{name: backend, port: 443, tls: true, serversTransport: t, proxyProtocol: {version: 1}, terminationDelay: 50}]}], \
              tls: {secretName: pair, options: {name: o}, certResolver: le, domains: [{main: a}]}}",
        ),
    ]);
    assert_clean(&update);
    let (name, router) = router(&update);
    assert!(name.starts_with("web-db-"), "{name}");
    assert_eq!((router.service.as_str(), router.priority), (name, Some(7)));
    assert_eq!(router.middlewares, ["web-few"]);
    let tls = router.tls.as_ref().unwrap();
    assert_eq!(
        (tls.options.as_str(), tls.cert_resolver.as_str(), tls.passthrough),
        ("web-o", "le", false)
    );
    assert_eq!(&*update.dynamic.tls.certificates[0].pair.cert_file, "C");
    let owner = Element::TcpRouter(name.to_owned());
    assert_eq!(update.own_certificates.get(&owner), Some(&0));
    let balancer = update.dynamic.tcp.services[name].load_balancer.as_ref().unwrap();
    assert_eq!(balancer.servers[0].address, "10.1.0.1:8443");
    assert!(balancer.servers[0].tls);
    assert_eq!(balancer.servers_transport, "web-t");
    assert_eq!(balancer.termination_delay, Some(50));
    let transport = &update.dynamic.tcp.servers_transports["web-t"];
    assert_eq!(transport.tls.as_ref().unwrap().server_name, "db");
}

#[test]
fn s12_passthrough_is_carried() {
    let update = update(&[
        BACKEND,
        &tcp(
            "{routes: [{match: HostSNI(`*`), services: [{name: backend, port: 443}]}], tls: {passthrough: true}}",
        ),
    ]);
    assert_clean(&update);
    assert!(router(&update).1.tls.as_ref().unwrap().passthrough);
}

#[test]
fn a9_5_several_services_of_a_tcp_route_have_their_weights() {
    let update = update(&[
        BACKEND,
        &tcp_with(
            "[{name: backend, port: 443, weight: 3}, {name: backend, port: app}, {name: backend, port: app}]",
        ),
    ]);
    assert_clean(&update);
    let (name, router) = router(&update);
    let weighted = update.dynamic.tcp.services[&router.service]
        .weighted
        .as_ref()
        .unwrap();
    let parts: Vec<_> = weighted
        .services
        .iter()
        .map(|part| (part.name.clone(), part.weight))
        .collect();
    assert_eq!(parts[0], (format!("{name}-backend-443"), Some(3)));
    assert_eq!(parts[1], (format!("{name}-backend-app"), Some(1)));
    assert!(parts[2].0.starts_with(&parts[1].0) && parts[2].0 != parts[1].0);
    assert_eq!(addresses(&update, &parts[2].0), ["10.1.0.1:8443"]);
}

#[test]
fn a9_9_endpoints_that_terminate_are_no_tcp_servers() {
    let update = update(&[DNS, &tcp_with("[{name: dns, port: dns}]")]);
    assert_eq!(addresses(&update, router(&update).0), ["10.1.0.53:5354"]);
}

#[test]
fn a9_6_a_udp_route_goes_to_the_udp_port() {
    let spec = "{entryPoints: [dns], routes: [{services: [{name: dns, port: 53}]}, {services: [{name: dns, port: 53, weight: 2}, {name: dns, port: dns, nativeLB: true}]}]}";
    let update = update(&[DNS, &object("IngressRouteUDP", "web", "dns", spec)]);
    assert_clean(&update);
    let udp = &update.dynamic.udp;
    assert_eq!(udp.routers["web-dns-0"].service, "web-dns-0");
    let first = udp.services["web-dns-0"].load_balancer.as_ref().unwrap();
    assert_eq!(first.servers.len(), 1);
    assert_eq!(first.servers[0].address, "10.1.0.53:5353");
    let weighted = udp.services["web-dns-1"].weighted.as_ref().unwrap();
    let parts: Vec<_> = weighted
        .services
        .iter()
        .map(|part| (part.name.as_str(), part.weight))
        .collect();
    assert_eq!(
        parts,
        [("web-dns-1-dns-53", Some(2)), ("web-dns-1-dns-dns", Some(1))]
    );
    let native = udp.services["web-dns-1-dns-dns"].load_balancer.as_ref().unwrap();
    assert_eq!(native.servers[0].address, "10.0.0.53:53");
}

#[test]
fn a9_6_a_udp_route_does_not_go_to_a_tcp_port() {
    let spec = "{routes: [{services: [{name: backend, port: 443}]}]}";
    let update = update(&[BACKEND, &object("IngressRouteUDP", "web", "dns", spec)]);
    let finding = broken(&update, &Element::UdpService("web-dns-0".to_owned()));
    assert_eq!(finding.code, Code::InvalidService);
}

#[test]
fn a9_5_what_a_tcp_route_lacks_breaks_it() {
    for (spec, element, code) in [
        (
            "{routes: [{match: m, services: []}]}",
            "service",
            Code::InvalidService,
        ),
        (
            "{routes: [{match: m, services: [{name: gone, port: 1}]}]}",
            "service",
            Code::MissingReference,
        ),
        (
            "{routes: [{match: m, services: [{name: backend, port: 1}]}]}",
            "service",
            Code::InvalidService,
        ),
        (
            "{routes: [{match: m, services: [{name: backend, port: 443, serversTransport: t}]}]}",
            "service",
            Code::MissingReference,
        ),
        (
            "{routes: [{match: m, middlewares: [{name: x}], services: [{name: backend, port: 443}]}]}",
            "router",
            Code::MissingReference,
        ),
        (
            "{routes: [{match: m, services: [{name: backend, port: 443}]}], tls: {secretName: x}}",
            "router",
            Code::MissingReference,
        ),
        (
            "{routes: [{match: m, services: [{name: backend, port: 443}]}], tls: {options: {name: x}}}",
            "router",
            Code::MissingReference,
        ),
    ] {
        let update = update(&[BACKEND, &tcp(spec)]);
        let name = router(&update).0.to_owned();
        let element = match element {
            "router" => Element::TcpRouter(name),
            _ => Element::TcpService(name),
        };
        assert_eq!(broken(&update, &element).code, code, "{spec}");
    }
    let ruleless = update(&[
        BACKEND,
        &tcp("{routes: [{match: ' ', services: [{name: backend, port: 443}]}]}"),
    ]);
    assert_eq!(codes(&ruleless.notes), [Code::InvalidRule]);
}

#[test]
fn a14_1_a_tcp_transport_without_its_ca_is_broken() {
    let with = |tls: &str| {
        update(&[&object(
            "ServersTransportTCP",
            "web",
            "t",
            &format!("{{tls: {tls}}}"),
        )])
    };
    let element = Element::TcpServersTransport("web-t".to_owned());
    for tls in [
        "{rootCAs: []}",
        "{rootCAs: [{secret: x}]}",
        "{rootCAs: [{}]}",
        "{certificatesSecrets: [x]}",
    ] {
        let update = with(tls);
        let field = broken(&update, &element).field.as_ref().unwrap();
        assert!(field.starts_with("spec.tls."), "{tls}: {field}");
    }
    assert_clean(&with("{insecureSkipVerify: true}"));
}

#[test]
fn cve_2026_65602_no_tcp_or_udp_reference_leads_into_another_namespace() {
    let infra = [
        BACKEND.replace("web", "infra"),
        DNS.replace("web", "infra"),
        object("TLSOption", "infra", "o", "{}"),
        object("MiddlewareTCP", "infra", "m", "{}"),
        object("ServersTransportTCP", "infra", "t", "{}"),
    ]
    .join("\n---\n");
    let reaches = [
        (
            "IngressRouteTCP",
            "{routes: [{match: m, services: [{name: backend, namespace: infra, port: 443}]}]}",
        ),
        (
            "IngressRouteTCP",
            "{routes: [{match: m, services: [{name: backend, port: 443}, {name: backend, namespace: infra, port: 443}]}]}",
        ),
        (
            "IngressRouteTCP",
            "{routes: [{match: m, middlewares: [{name: m, namespace: infra}], services: [{name: backend, port: 443}]}]}",
        ),
        (
            "IngressRouteTCP",
            "{routes: [{match: m, middlewares: [{name: infra-m@kubernetescrd}], services: [{name: backend, port: 443}]}]}",
        ),
        (
            "IngressRouteTCP",
            "{routes: [{match: m, services: [{name: backend, port: 443, serversTransport: infra-t@kubernetescrd}]}]}",
        ),
        (
            "IngressRouteTCP",
            "{routes: [{match: m, services: [{name: backend, port: 443}]}], tls: {options: {name: o, namespace: infra}}}",
        ),
        (
            "IngressRouteTCP",
            "{routes: [{match: m, services: [{name: backend, port: 443}]}], tls: {options: {name: infra-o@kubernetescrd}}}",
        ),
        (
            "IngressRouteUDP",
            "{routes: [{services: [{name: dns, namespace: infra, port: 53}]}]}",
        ),
        (
            "IngressRouteUDP",
            "{routes: [{services: [{name: dns, port: 53}, {name: dns, namespace: infra, port: 53}]}]}",
        ),
    ];
    let forbidden = |policy: &Policy, kind: &str, spec: &str| {
        let update = update_under(policy, &[BACKEND, DNS, &infra, &object(kind, "web", "r", spec)]);
        let broken = update.broken.iter();
        broken
            .filter(|(_, finding)| finding.code == Code::ForbiddenReference)
            .map(|(_, finding)| finding.object.as_ref().unwrap().to_string())
            .collect::<Vec<_>>()
    };
    let open = Policy {
        allow_cross_namespace: true,
        ..Policy::directory()
    };
    for (kind, spec) in reaches {
        for policy in [Policy::default(), Policy::directory()] {
            assert_eq!(
                forbidden(&policy, kind, spec),
                [format!("{kind} web/r")],
                "{spec}"
            );
        }
        assert_eq!(forbidden(&open, kind, spec), [""; 0], "{spec}");
    }
}

#[test]
fn cve_2026_54765_joined_names_of_tcp_objects_do_not_mix() {
    let update = update(&[
        &object("MiddlewareTCP", "a", "b-c", "{inFlightConn: {amount: 1}}"),
        &object("MiddlewareTCP", "a-b", "c", "{inFlightConn: {amount: 2}}"),
        &object("ServersTransportTCP", "a", "b-c", "{dialTimeout: 1}"),
        &object("ServersTransportTCP", "a-b", "c", "{dialTimeout: 2}"),
        &object("IngressRouteTCP", "a", "b-c", "{routes: [{match: m}]}"),
        &object("IngressRouteTCP", "a-b", "c", "{routes: [{match: m}]}"),
        &object("IngressRouteUDP", "a", "b-c", "{routes: [{}]}"),
        &object("IngressRouteUDP", "a-b", "c", "{routes: [{}]}"),
    ]);
    let tcp = &update.dynamic.tcp;
    let counts = [
        tcp.middlewares.len(),
        tcp.servers_transports.len(),
        tcp.routers.len(),
        update.dynamic.udp.routers.len(),
    ];
    assert_eq!(counts, [2; 4]);
}

#[test]
fn a9_8_tcp_and_udp_routes_of_another_class_are_left_alone() {
    let class = "ingressClassName: other, ";
    let update = update(&[
        BACKEND,
        &tcp(&format!(
            "{{{class}routes: [{{match: m, services: [{{name: backend, port: 443}}]}}]}}"
        )),
        &object(
            "IngressRouteUDP",
            "web",
            "u",
            &format!("{{{class}routes: [{{}}]}}"),
        ),
    ]);
    assert_clean(&update);
    assert!(update.dynamic.tcp.is_empty() && update.dynamic.udp.is_empty());
}
