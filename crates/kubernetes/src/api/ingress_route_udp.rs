//! `IngressRouteUDP`: UDP routers and their services.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Port;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct IngressRouteUdp {
    /// Annotation `kubernetes.io/ingress.class`.
    pub class_annotation: Option<String>,
    pub spec: Spec,
}

/// `spec`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Spec {
    /// Entry points at which the routes are served. Default: all that take UDP.
    #[serde(default)]
    pub entry_points: Vec<String>,
    /// The class of instances that serve the object. Default: the annotation
    /// `kubernetes.io/ingress.class`; without it, any.
    pub ingress_class_name: Option<String>,
    /// The routes. An entry point has one at most.
    pub routes: Vec<Route>,
}

/// `spec.routes[]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    /// Who answers: one service, or several by their weights.
    #[serde(default)]
    pub services: Vec<ServiceRef>,
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
    /// Its share beside other services of the route. Default 1; 0: no sessions.
    #[schemars(range(min = 0))]
    pub weight: Option<i64>,
    /// Go to the Service's cluster IP and let Kubernetes choose an endpoint. Default: the provider's
    /// `nativeLBByDefault`.
    #[serde(rename = "nativeLB")]
    pub native_lb: Option<bool>,
    /// Go to the nodes' addresses, at the node port of a Service of type NodePort. Default false.
    #[serde(rename = "nodePortLB", default)]
    pub node_port_lb: bool,
}
