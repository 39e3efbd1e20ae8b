//! A service that a route, a `TraefikService` or the middleware `errors` names, and how it is used.
//!
//! Three schemas share these fields. They are written out for each of them, because serde's `flatten`
//! would swallow the fields that no schema has.

use schemars::JsonSchema;
use serde::Deserialize;
use viaduct_config::dynamic::http::{PassiveHealthCheck, ResponseForwarding, ServerHealthCheck, Sticky};

use super::{Port, Reference};

macro_rules! service_schema {
    ($(#[$attribute:meta])* $visibility:vis struct $name:ident { $($more:tt)* }) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase")]
        $visibility struct $name {
            /// Name of the Service or TraefikService. A TraefikService may also be an element of another
            /// provider, written `name@provider`.
            pub name: String,
            /// `Service` (default) or `TraefikService`.
            #[schemars(extend("enum" = ["Service", "TraefikService"]))]
            pub kind: Option<String>,
            /// Where it is. Default: the namespace of the object that names it. Another one needs
            /// `allowCrossNamespace`.
            pub namespace: Option<String>,
            /// Port of the Service, by number or by name. Required for `kind: Service`.
            pub port: Option<Port>,
            /// How servers are spoken to: `http`, `https` or `h2c`. Default: `https` for port 443 and for
            /// ports whose name begins with `https`, else `http`.
            #[serde(default)]
            pub scheme: String,
            /// How a server is chosen: `wrr` (default; `RoundRobin` is its old name), `p2c`, `hrw` or
            /// `leasttime`.
            #[serde(default)]
            #[schemars(extend("enum" = ["wrr", "p2c", "hrw", "leasttime", "RoundRobin"]))]
            pub strategy: String,
            /// Its share beside other services of the same list. Default 1; 0: no requests.
            #[schemars(range(min = 0))]
            pub weight: Option<i64>,
            /// Keeps a client at one server, by a cookie. Default: off.
            pub sticky: Option<Box<Sticky>>,
            /// Whether servers get the `Host` that the client sent. Default true.
            pub pass_host_header: Option<bool>,
            /// When pieces of a response are passed on. Default: every 100 ms.
            pub response_forwarding: Option<Box<ResponseForwarding>>,
            /// The ServersTransport to reach servers with, in the namespace of the Service, or
            /// `name@provider`. Default: the built-in one.
            #[serde(default)]
            pub servers_transport: String,
            /// Go to the Service's cluster IP and let Kubernetes choose an endpoint. Default: the
            /// provider's `nativeLBByDefault`.
            #[serde(rename = "nativeLB")]
            pub native_lb: Option<bool>,
            /// Go to the nodes' addresses, at the node port of a Service of type NodePort. Default false.
            #[serde(rename = "nodePortLB", default)]
            pub node_port_lb: bool,
            /// Requests that ask servers how they are. Only for Services of type ExternalName; Kubernetes
            /// itself checks the others. Default: none.
            pub health_check: Option<Box<ServerHealthCheck>>,
            /// Leaves out servers whose requests fail. Default: off.
            pub passive_health_check: Option<Box<PassiveHealthCheck>>,
            /// Middlewares that run once this service is chosen, in this order. Default: none.
            #[serde(default)]
            pub middlewares: Vec<Reference>,
            $($more)*
        }
    };
}

service_schema! {
    /// A service, and how it is used.
    pub struct ServiceRef {}
}

service_schema! {
    /// [`Mirroring`] as it is written.
    struct WrittenMirroring {
        /// Whether the copies have the request's body. Default true.
        mirror_body: Option<bool>,
        /// Bytes; requests with a larger body are not copied. Default -1: any size.
        max_body_size: Option<i64>,
        /// Services that get copies. Their answers are dropped.
        #[serde(default)]
        mirrors: Vec<Mirror>,
    }
}

service_schema! {
    /// [`Mirror`] as it is written.
    struct WrittenMirror {
        /// How many of 100 requests it gets a copy of. Default 0.
        percent: Option<i64>,
    }
}

/// `TraefikService.spec.mirroring`: a service that answers, and services that get copies.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(from = "WrittenMirroring")]
pub struct Mirroring {
    /// Who answers.
    pub service: ServiceRef,
    pub mirror_body: Option<bool>,
    pub max_body_size: Option<i64>,
    pub mirrors: Vec<Mirror>,
}

/// `TraefikService.spec.mirroring.mirrors[]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(from = "WrittenMirror")]
pub struct Mirror {
    pub service: ServiceRef,
    pub percent: Option<i64>,
}

macro_rules! service_of {
    ($written:ident) => {
        ServiceRef {
            name: $written.name,
            kind: $written.kind,
            namespace: $written.namespace,
            port: $written.port,
            scheme: $written.scheme,
            strategy: $written.strategy,
            weight: $written.weight,
            sticky: $written.sticky,
            pass_host_header: $written.pass_host_header,
            response_forwarding: $written.response_forwarding,
            servers_transport: $written.servers_transport,
            native_lb: $written.native_lb,
            node_port_lb: $written.node_port_lb,
            health_check: $written.health_check,
            passive_health_check: $written.passive_health_check,
            middlewares: $written.middlewares,
        }
    };
}

impl From<WrittenMirroring> for Mirroring {
    fn from(written: WrittenMirroring) -> Self {
        Self {
            mirror_body: written.mirror_body,
            max_body_size: written.max_body_size,
            mirrors: written.mirrors,
            service: service_of!(written),
        }
    }
}

impl From<WrittenMirror> for Mirror {
    fn from(written: WrittenMirror) -> Self {
        Self {
            percent: written.percent,
            service: service_of!(written),
        }
    }
}
