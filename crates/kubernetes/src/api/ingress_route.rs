//! `IngressRoute`: routers and their services.

use serde::Deserialize;
use viaduct_config::dynamic::http::{
    PassiveHealthCheck, ResponseForwarding, RouterObservability, ServerHealthCheck, Sticky,
};
use viaduct_config::dynamic::tls::Domain;

use super::{Port, Reference};

#[derive(Debug, Clone, Default, PartialEq)]
pub struct IngressRoute {
    /// Annotation `kubernetes.io/ingress.class`.
    pub class_annotation: Option<String>,
    pub spec: Spec,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Spec {
    /// Default: the default entry points.
    #[serde(default)]
    pub entry_points: Vec<String>,
    pub ingress_class_name: Option<String>,
    /// Multi-layer routing.
    #[serde(default)]
    pub parent_refs: Vec<Reference>,
    pub routes: Vec<Route>,
    /// An empty mapping turns TLS on.
    pub tls: Option<Tls>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    #[serde(rename = "match")]
    pub rule: String,
    /// `Rule`, the only one and the default.
    pub kind: Option<String>,
    pub priority: Option<i64>,
    /// `v3` (default) or `v2`; deprecated by Traefik.
    #[serde(default)]
    pub syntax: String,
    #[serde(default)]
    pub services: Vec<ServiceRef>,
    #[serde(default)]
    pub middlewares: Vec<Reference>,
    pub observability: Option<RouterObservability>,
    /// Not part of the schema: `spec.tls.secretName`, written here by mistake.
    pub secret_name: Option<String>,
    /// Not part of the schema: `services[].serversTransport`, written here by mistake.
    pub servers_transport: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceRef {
    pub name: String,
    /// `Service` (default) or `TraefikService`.
    pub kind: Option<String>,
    pub namespace: Option<String>,
    pub port: Option<Port>,
    /// `http`, `https` or `h2c`. Default: by the port.
    #[serde(default)]
    pub scheme: String,
    /// `wrr` (default; also the old `RoundRobin`), `p2c`, `hrw`, `leasttime`.
    #[serde(default)]
    pub strategy: String,
    /// Counts only beside other services of the route. Default 1.
    pub weight: Option<i64>,
    pub sticky: Option<Sticky>,
    /// Default true.
    pub pass_host_header: Option<bool>,
    pub response_forwarding: Option<ResponseForwarding>,
    #[serde(default)]
    pub servers_transport: String,
    /// Go to the Service's cluster IP, not to its endpoints.
    #[serde(rename = "nativeLB")]
    pub native_lb: Option<bool>,
    /// Go to the nodes' ports.
    #[serde(rename = "nodePortLB", default)]
    pub node_port_lb: bool,
    pub health_check: Option<ServerHealthCheck>,
    pub passive_health_check: Option<PassiveHealthCheck>,
    #[serde(default)]
    pub middlewares: Vec<Reference>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tls {
    /// A Secret with `tls.crt` and `tls.key`, in the route's namespace.
    pub secret_name: Option<String>,
    pub options: Option<Reference>,
    /// Only the store `default` exists.
    pub store: Option<Reference>,
    #[serde(default)]
    pub cert_resolver: String,
    #[serde(default)]
    pub domains: Vec<Domain>,
}
