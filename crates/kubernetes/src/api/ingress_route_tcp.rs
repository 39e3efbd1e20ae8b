//! `IngressRouteTCP`: TCP routers and their services.

use schemars::JsonSchema;
use serde::Deserialize;
use viaduct_config::dynamic::tcp::ProxyProtocol;
use viaduct_config::dynamic::tls::Domain;

use super::{Port, Reference};

#[derive(Debug, Clone, Default, PartialEq)]
pub struct IngressRouteTcp {
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
    /// The routes. Each is a router of its own.
    pub routes: Vec<Route>,
    /// TLS towards clients. An empty mapping turns it on with every default. Default: none.
    pub tls: Option<Tls>,
}

/// `spec.routes[]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    /// The rule that connections have to match.
    #[serde(rename = "match")]
    pub rule: String,
    /// Of several routes that match, the one with the highest priority is taken. Default 0: the length of
    /// the rule. At most 9223372036854775000.
    pub priority: Option<i64>,
    /// Syntax of the rule: `v3` (default) or `v2`; deprecated by Traefik.
    #[serde(default)]
    #[schemars(extend("enum" = ["v3", "v2"]))]
    pub syntax: String,
    /// Who answers: one service, or several by their weights.
    #[serde(default)]
    pub services: Vec<ServiceRef>,
    /// MiddlewareTCPs, in the order in which they see the connection. Default: none.
    #[serde(default)]
    pub middlewares: Vec<Reference>,
}

/// `spec.routes[].services[]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceRef {
    /// Name of the Service.
    pub name: String,
    /// Where it is. Default: the route's namespace. Another one needs `allowCrossNamespace`.
    pub namespace: Option<String>,
    /// Port of the Service, by number or by name.
    pub port: Option<Port>,
    /// Its share beside other services of the route. Default 1; 0: no connections.
    #[schemars(range(min = 0))]
    pub weight: Option<i64>,
    /// Whether servers are spoken to by TLS. Default false.
    #[serde(default)]
    pub tls: bool,
    /// The ServersTransportTCP to reach servers with, or `name@provider`. Default: the built-in one.
    #[serde(default)]
    pub servers_transport: String,
    /// The PROXY protocol towards servers; deprecated by Traefik: that of the ServersTransportTCP.
    /// Default: none.
    pub proxy_protocol: Option<ProxyProtocol>,
    /// Milliseconds after one side stopped writing; deprecated by Traefik: that of the
    /// ServersTransportTCP. Default 100; negative: no limit.
    pub termination_delay: Option<i64>,
    /// Go to the Service's cluster IP and let Kubernetes choose an endpoint. Default: the provider's
    /// `nativeLBByDefault`.
    #[serde(rename = "nativeLB")]
    pub native_lb: Option<bool>,
    /// Go to the nodes' addresses, at the node port of a Service of type NodePort. Default false.
    #[serde(rename = "nodePortLB", default)]
    pub node_port_lb: bool,
}

/// `spec.tls`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tls {
    /// A Secret with `tls.crt` and `tls.key`, in the route's namespace. Default: whichever certificate
    /// has the server's name.
    pub secret_name: Option<String>,
    /// The TLSOption that clients have to meet. Default: the one named `default`.
    pub options: Option<Reference>,
    /// The TLSStore. Only the one named `default` exists.
    pub store: Option<Reference>,
    /// Whether TLS goes to the servers as it is. Default false.
    #[serde(default)]
    pub passthrough: bool,
    /// The certificate resolver that obtains certificates. Default: none.
    #[serde(default)]
    pub cert_resolver: String,
    /// The names it obtains certificates for. Default: the names of the rule.
    #[serde(default)]
    pub domains: Vec<Domain>,
}
