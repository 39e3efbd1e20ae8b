//! Objects in, updates out. Objects are written as YAML, because that is what users write.

mod composed;
mod endpoints;
mod fuzz;
mod ingress;
mod isolation;
mod material;
mod middlewares;
mod names;
mod order;
mod services;
mod streams;

use viaduct_config::dynamic::http::{LoadBalancer, Router, ServersTransport};
use viaduct_config::finding::Code;
use viaduct_config::{Element, Finding, Update};

use super::translate;
use crate::index::Index;
use crate::policy::Policy;

/// A Service with one endpoint, both in namespace `web`.
const BACKEND: &str = "
apiVersion: v1
kind: Service
metadata: {name: backend, namespace: web}
spec: {clusterIP: 10.0.0.7, ports: [{name: app, port: 443}, {name: plain, port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: backend-1, namespace: web, labels: {kubernetes.io/service-name: backend}}
addressType: IPv4
ports: [{name: app, port: 8443}, {name: plain, port: 8080}]
endpoints: [{addresses: [10.1.0.1]}]
";

fn update_under(policy: &Policy, documents: &[&str]) -> Update {
    let mut index = Index::new(|_| Ok(()));
    index.apply("test.yaml", &documents.join("\n---\n"));
    translate(&index, policy)
}

fn update(documents: &[&str]) -> Update {
    update_under(&Policy::directory(), documents)
}

/// Twenty orders of the same documents, each in a file of its own.
fn shuffled(mut documents: Vec<String>) -> impl Iterator<Item = Index> {
    // Fixed, and different each time: no luck, and no two alike within one run.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    (0..20).map(move |_| {
        for last in (1..documents.len()).rev() {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            documents.swap(last, (state >> 33) as usize % (last + 1));
        }
        let mut index = Index::new(|_| Ok(()));
        for (position, document) in documents.iter().enumerate() {
            index.apply(&format!("{position:02}.yaml"), document);
        }
        index
    })
}

/// An IngressRoute `web/route` with one route, whose `services` are given.
fn route(services: &str) -> String {
    object(
        "IngressRoute",
        "web",
        "route",
        &format!("{{routes: [{{match: Host(`a`), services: {services}}}]}}"),
    )
}

/// An object of Traefik's group.
fn object(kind: &str, namespace: &str, name: &str, spec: &str) -> String {
    format!(
        "{{apiVersion: traefik.io/v1alpha1, kind: {kind}, \
          metadata: {{namespace: {namespace}, name: {name}}}, spec: {spec}}}"
    )
}

fn secret(namespace: &str, name: &str, data: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Secret, metadata: {{namespace: {namespace}, name: {name}}}, stringData: {data}}}"
    )
}

fn router(update: &Update) -> &Router {
    let routers = &update.dynamic.http.routers;
    assert_eq!(routers.len(), 1, "{routers:#?}");
    routers.values().next().unwrap()
}

fn balancer(update: &Update) -> &LoadBalancer {
    let service = &update.dynamic.http.services[&router(update).service];
    service.load_balancer.as_ref().unwrap()
}

fn urls(update: &Update) -> Vec<&str> {
    let servers = balancer(update).servers.iter();
    servers.map(|server| server.url.as_str()).collect()
}

fn transport<'a>(update: &'a Update, name: &str) -> &'a ServersTransport {
    &update.dynamic.http.servers_transports[name]
}

/// Why the element is broken; panics if it is not.
fn broken<'a>(update: &'a Update, element: &Element) -> &'a Finding {
    let found = update.broken.iter().find(|(broken, _)| broken == element);
    let Some((_, finding)) = found else {
        panic!("{element} is not broken: {:#?}", update.broken);
    };
    finding
}

fn router_element(update: &Update) -> Element {
    Element::Router(update.dynamic.http.routers.keys().next().unwrap().clone())
}

/// Why the only router's only service is broken.
fn broken_service(update: &Update) -> &Finding {
    broken(update, &Element::Service(router(update).service.clone()))
}

fn codes(findings: &[Finding]) -> Vec<Code> {
    findings.iter().map(|finding| finding.code).collect()
}

fn assert_clean(update: &Update) {
    assert_eq!(update.broken, []);
    assert_eq!(update.notes, []);
}
