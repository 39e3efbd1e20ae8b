//! `IngressRoute`: HTTP routers and their services.

use schemars::JsonSchema;
use serde::Deserialize;
use viaduct_config::dynamic::http::RouterObservability;
use viaduct_config::dynamic::tls::Domain;

use super::Reference;
pub use super::service_ref::ServiceRef;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct IngressRoute {
    /// Annotation `kubernetes.io/ingress.class`.
    pub class_annotation: Option<String>,
    pub spec: Spec,
}

/// `spec`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Spec {
    /// Entry points at which the routes are served. Default: the default entry points.
    #[serde(default)]
    pub entry_points: Vec<String>,
    /// The class of instances that serve the object. Default: the annotation
    /// `kubernetes.io/ingress.class`; without it, any.
    pub ingress_class_name: Option<String>,
    /// IngressRoutes whose routes these are children of (multi-layer routing). Default: none.
    #[serde(default)]
    pub parent_refs: Vec<Reference>,
    /// The routes. Each is a router of its own.
    pub routes: Vec<Route>,
    /// TLS towards clients. An empty mapping turns it on with every default. Default: that of the entry
    /// point.
    pub tls: Option<Tls>,
}

/// `spec.routes[]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    /// The rule that requests have to match.
    #[serde(rename = "match")]
    pub rule: String,
    /// `Rule`, the only one and the default.
    #[schemars(extend("enum" = ["Rule"]))]
    pub kind: Option<String>,
    /// Of several routes that match, the one with the highest priority is taken. Default 0: the length of
    /// the rule. At most 9223372036854775000.
    pub priority: Option<i64>,
    /// Syntax of the rule: `v3` (default) or `v2`; deprecated by Traefik.
    #[serde(default)]
    pub syntax: String,
    /// Who answers: one service, or several by their weights.
    #[serde(default)]
    pub services: Vec<ServiceRef>,
    /// Middlewares, in the order in which they see the request. Default: none.
    #[serde(default)]
    pub middlewares: Vec<Reference>,
    /// What is recorded of the route's requests. Default: as the entry point says.
    pub observability: Option<RouterObservability>,
    /// Not part of the schema: `spec.tls.secretName`, written here by mistake.
    #[schemars(skip)]
    pub secret_name: Option<String>,
    /// Not part of the schema: `services[].serversTransport`, written here by mistake.
    #[schemars(skip)]
    pub servers_transport: Option<String>,
}

/// `spec.tls`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tls {
    /// A Secret with `tls.crt` and `tls.key`, in the route's namespace. Default: whichever certificate
    /// has the host's name.
    pub secret_name: Option<String>,
    /// The TLSOption that clients have to meet. Default: the one named `default`.
    pub options: Option<Reference>,
    /// The TLSStore. Only the one named `default` exists.
    pub store: Option<Reference>,
    /// The certificate resolver that obtains certificates. Default: none.
    #[serde(default)]
    pub cert_resolver: String,
    /// The names it obtains certificates for. Default: the hosts of the rule.
    #[serde(default)]
    pub domains: Vec<Domain>,
}
