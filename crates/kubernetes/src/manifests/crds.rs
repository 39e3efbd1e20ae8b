//! The CustomResourceDefinitions of group `traefik.io`, with the schemas of [`api`](crate::api)'s types.

#[cfg(test)]
mod tests;

use serde_json::{Value, json};

use super::structural::schema;
use crate::api::middleware::Middleware;
use crate::api::middleware_tcp::MiddlewareTcp;
use crate::api::servers_transport::ServersTransport;
use crate::api::servers_transport_tcp::ServersTransportTcp;
use crate::api::tls_option::TlsOption;
use crate::api::tls_store::TlsStore;
use crate::api::traefik_service::TraefikService;
use crate::api::{Kind, ingress_route, ingress_route_tcp, ingress_route_udp};

/// One for each kind of Traefik's that is read. They take every object that Traefik's own take.
pub fn crds() -> Vec<Value> {
    let kinds = Kind::ALL.into_iter().filter(|kind| kind.is_traefik());
    kinds.filter_map(crd).collect()
}

fn crd(kind: Kind) -> Option<Value> {
    let (meaning, spec) = spec(kind)?;
    let plural = kind.plural();
    let (group, version) = kind.api_version().split_once('/')?;
    Some(json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("{plural}.{group}") },
        "spec": {
            "group": group,
            "names": {
                "kind": kind.as_str(),
                "listKind": format!("{kind}List"),
                "plural": plural,
                "singular": kind.as_str().to_lowercase(),
            },
            "scope": "Namespaced",
            "versions": [{
                "name": version,
                "served": true,
                "storage": true,
                "schema": { "openAPIV3Schema": object(meaning, &spec) },
            }],
        },
    }))
}

/// The schema of a whole object.
fn object(meaning: &str, spec: &Value) -> Value {
    json!({
        "description": meaning,
        "type": "object",
        "required": ["metadata", "spec"],
        "properties": {
            "apiVersion": { "type": "string", "description": "Version of this schema." },
            "kind": { "type": "string", "description": "Name of this schema." },
            "metadata": { "type": "object" },
            "spec": spec,
        },
    })
}

/// What the kind is for, and the schema of its `spec`. `None`: no kind of Traefik's.
fn spec(kind: Kind) -> Option<(&'static str, Value)> {
    Some(match kind {
        Kind::IngressRoute => (
            "HTTP routers: rules, the services that answer, TLS of the client leg.",
            schema::<ingress_route::Spec>(),
        ),
        Kind::IngressRouteTcp => (
            "TCP routers: rules, the services that answer, TLS of the client leg or none.",
            schema::<ingress_route_tcp::Spec>(),
        ),
        Kind::IngressRouteUdp => (
            "UDP routers: the services that answer at an entry point.",
            schema::<ingress_route_udp::Spec>(),
        ),
        Kind::Middleware => (
            "What is done to HTTP requests and responses between router and service.",
            schema::<Middleware>(),
        ),
        Kind::MiddlewareTcp => (
            "What is done to connections between TCP router and service.",
            schema::<MiddlewareTcp>(),
        ),
        Kind::TraefikService => (
            "A service made of services: by weight, with copies, with a fallback.",
            schema::<TraefikService>(),
        ),
        Kind::TlsOption => (
            "TLS parameters of the client leg: versions, cipher suites, client certificates.",
            schema::<TlsOption>(),
        ),
        Kind::TlsStore => (
            "Certificates of the client leg; only the store named `default` counts.",
            schema::<TlsStore>(),
        ),
        Kind::ServersTransport => (
            "The backend leg: whom it trusts, what it presents, how long it waits.",
            schema::<ServersTransport>(),
        ),
        Kind::ServersTransportTcp => (
            "The backend leg of TCP routers: whom it trusts, what it presents, how long it waits.",
            schema::<ServersTransportTcp>(),
        ),
        Kind::Service
        | Kind::EndpointSlice
        | Kind::Endpoints
        | Kind::Node
        | Kind::Secret
        | Kind::ConfigMap
        | Kind::Ingress
        | Kind::IngressClass
        | Kind::Namespace => {
            return None;
        }
    })
}
