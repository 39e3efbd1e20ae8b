//! The objects, typed. Field names, types and meaning are those of Traefik's CRD schemas (group
//! `traefik.io/v1alpha1`) and of Kubernetes; what Viaduct does with a field is said where it is
//! translated.

pub mod annotations;
pub mod core;
pub mod ingress;
pub mod ingress_route;
pub mod ingress_route_tcp;
pub mod ingress_route_udp;
pub mod middleware;
pub mod middleware_tcp;
mod revoked;
pub mod servers_transport;
pub mod servers_transport_tcp;
mod service_ref;
pub mod tls_option;
pub mod tls_store;
pub mod traefik_service;

use std::fmt;
use std::sync::{Arc, OnceLock};

use schemars::JsonSchema;
use serde::Deserialize;
use viaduct_config::ObjectRef;

pub use self::core::{ConfigMap, EndpointSlice, Endpoints, Namespace, Node, Secret, Service};
pub use ingress::{Ingress, IngressClass};
pub use ingress_route::IngressRoute;
pub use ingress_route_tcp::IngressRouteTcp;
pub use ingress_route_udp::IngressRouteUdp;
pub use middleware::Middleware;
pub use middleware_tcp::MiddlewareTcp;
pub use revoked::{Revoked, TooMany};
pub use servers_transport::ServersTransport;
pub use servers_transport_tcp::ServersTransportTcp;
pub use service_ref::ServiceRef;
pub use tls_option::TlsOption;
pub use tls_store::TlsStore;
pub use traefik_service::TraefikService;

/// The kinds that are read. All others are left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    IngressRoute,
    IngressRouteTcp,
    IngressRouteUdp,
    Middleware,
    MiddlewareTcp,
    TraefikService,
    TlsOption,
    TlsStore,
    ServersTransport,
    ServersTransportTcp,
    Service,
    EndpointSlice,
    Endpoints,
    Node,
    Secret,
    ConfigMap,
    Ingress,
    IngressClass,
    Namespace,
}

/// The name of the TLS options that every router has unless it names others, and of the one store.
pub(crate) const DEFAULT: &str = "default";

impl Kind {
    pub const ALL: [Self; 19] = [
        Self::IngressRoute,
        Self::IngressRouteTcp,
        Self::IngressRouteUdp,
        Self::Middleware,
        Self::MiddlewareTcp,
        Self::TraefikService,
        Self::TlsOption,
        Self::TlsStore,
        Self::ServersTransport,
        Self::ServersTransportTcp,
        Self::Service,
        Self::EndpointSlice,
        Self::Endpoints,
        Self::Node,
        Self::Secret,
        Self::ConfigMap,
        Self::Ingress,
        Self::IngressClass,
        Self::Namespace,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::IngressRoute => "IngressRoute",
            Self::IngressRouteTcp => "IngressRouteTCP",
            Self::IngressRouteUdp => "IngressRouteUDP",
            Self::Middleware => "Middleware",
            Self::MiddlewareTcp => "MiddlewareTCP",
            Self::TraefikService => "TraefikService",
            Self::TlsOption => "TLSOption",
            Self::TlsStore => "TLSStore",
            Self::ServersTransport => "ServersTransport",
            Self::ServersTransportTcp => "ServersTransportTCP",
            Self::Service => "Service",
            Self::EndpointSlice => "EndpointSlice",
            Self::Endpoints => "Endpoints",
            Self::Node => "Node",
            Self::Secret => "Secret",
            Self::ConfigMap => "ConfigMap",
            Self::Ingress => "Ingress",
            Self::IngressClass => "IngressClass",
            Self::Namespace => "Namespace",
        }
    }

    /// The same text, for the many references that hold it.
    fn shared(self) -> Arc<str> {
        static TEXTS: [OnceLock<Arc<str>>; Kind::ALL.len()] = [const { OnceLock::new() }; Kind::ALL.len()];
        // In the order of their declaration, as `ALL` is.
        let text = TEXTS
            .get(self as usize)
            .map(|text| text.get_or_init(|| Arc::from(self.as_str())));
        text.map_or_else(|| Arc::from(self.as_str()), Arc::clone)
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// The resource that an API server has of it, as it stands in URLs, RBAC rules and names of CRDs.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::IngressRoute => "ingressroutes",
            Self::IngressRouteTcp => "ingressroutetcps",
            Self::IngressRouteUdp => "ingressrouteudps",
            Self::Middleware => "middlewares",
            Self::MiddlewareTcp => "middlewaretcps",
            Self::TraefikService => "traefikservices",
            Self::TlsOption => "tlsoptions",
            Self::TlsStore => "tlsstores",
            Self::ServersTransport => "serverstransports",
            Self::ServersTransportTcp => "serverstransporttcps",
            Self::Service => "services",
            Self::EndpointSlice => "endpointslices",
            Self::Endpoints => "endpoints",
            Self::Node => "nodes",
            Self::Secret => "secrets",
            Self::ConfigMap => "configmaps",
            Self::Ingress => "ingresses",
            Self::IngressClass => "ingressclasses",
            Self::Namespace => "namespaces",
        }
    }

    /// The `apiVersion` it is read from.
    pub const fn api_version(self) -> &'static str {
        match self {
            Self::IngressRoute
            | Self::IngressRouteTcp
            | Self::IngressRouteUdp
            | Self::Middleware
            | Self::MiddlewareTcp
            | Self::TraefikService
            | Self::TlsOption
            | Self::TlsStore
            | Self::ServersTransport
            | Self::ServersTransportTcp => "traefik.io/v1alpha1",
            Self::Service
            | Self::Endpoints
            | Self::Node
            | Self::Secret
            | Self::ConfigMap
            | Self::Namespace => "v1",
            Self::EndpointSlice => "discovery.k8s.io/v1",
            Self::Ingress | Self::IngressClass => "networking.k8s.io/v1",
        }
    }

    /// The `apiVersion` it had before Traefik 3.
    pub const fn old_api_version(self) -> Option<&'static str> {
        match self {
            Self::IngressRoute
            | Self::IngressRouteTcp
            | Self::IngressRouteUdp
            | Self::Middleware
            | Self::MiddlewareTcp
            | Self::TraefikService
            | Self::TlsOption
            | Self::TlsStore
            | Self::ServersTransport
            | Self::ServersTransportTcp => Some("traefik.containo.us/v1alpha1"),
            Self::Service
            | Self::Endpoints
            | Self::Node
            | Self::Secret
            | Self::ConfigMap
            | Self::EndpointSlice
            | Self::Ingress
            | Self::IngressClass
            | Self::Namespace => None,
        }
    }

    /// Whether objects of the kind belong to no namespace.
    pub const fn is_cluster_scoped(self) -> bool {
        matches!(self, Self::Node | Self::IngressClass | Self::Namespace)
    }

    /// Whether objects of the kind carry certificates, keys and passwords, and whatever else somebody keeps in
    /// them: of these a watch holds only what is referred to.
    pub const fn holds_data(self) -> bool {
        matches!(self, Self::Secret | Self::ConfigMap)
    }

    /// Whether the kind is Traefik's own.
    pub const fn is_traefik(self) -> bool {
        self.old_api_version().is_some()
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which object of its kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    /// `default` where none is written; empty for an object of the whole cluster.
    pub namespace: Arc<str>,
    pub name: Arc<str>,
}

impl Name {
    pub fn new(namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    pub fn of_kind(&self, kind: Kind) -> ObjectRef {
        ObjectRef::new(kind.shared(), Arc::clone(&self.namespace), Arc::clone(&self.name))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.namespace {
            "" => f.write_str(&self.name),
            namespace => write!(f, "{namespace}/{}", self.name),
        }
    }
}

/// One object, whatever its kind. In a box of its own, since most are much smaller than the largest.
#[derive(Debug, Clone, PartialEq)]
pub enum Object {
    IngressRoute(Box<IngressRoute>),
    IngressRouteTcp(Box<IngressRouteTcp>),
    IngressRouteUdp(Box<IngressRouteUdp>),
    Middleware(Box<Middleware>),
    MiddlewareTcp(Box<MiddlewareTcp>),
    TraefikService(Box<TraefikService>),
    TlsOption(Box<TlsOption>),
    TlsStore(Box<TlsStore>),
    ServersTransport(Box<ServersTransport>),
    ServersTransportTcp(Box<ServersTransportTcp>),
    Service(Box<Service>),
    EndpointSlice(Box<EndpointSlice>),
    Endpoints(Box<Endpoints>),
    Node(Box<Node>),
    Secret(Box<Secret>),
    ConfigMap(Box<ConfigMap>),
    Ingress(Box<Ingress>),
    IngressClass(Box<IngressClass>),
    Namespace(Box<Namespace>),
}

impl Object {
    /// What it says must not be trusted, if it is of a kind that may.
    pub(crate) fn revoked_mut(&mut self) -> Option<&mut Revoked> {
        match self {
            Self::ServersTransport(transport) => Some(&mut transport.revoked),
            Self::Secret(secret) => Some(&mut secret.revoked),
            Self::ConfigMap(map) => Some(&mut map.revoked),
            _ => None,
        }
    }
}

/// A reference to another object of a kind that its place implies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct Reference {
    /// Name of the object, or `name@provider` for an element of another provider.
    pub name: String,
    /// Where it is. Default: the namespace of the object that refers to it. Another one needs
    /// `allowCrossNamespace`.
    pub namespace: Option<String>,
}

impl Reference {
    /// The object that is meant, for a referrer in `namespace`.
    pub(crate) fn of(&self, namespace: &Arc<str>) -> Name {
        let own = self.namespace.as_deref().filter(|own| !own.is_empty());
        Name::new(
            own.map_or_else(|| Arc::clone(namespace), Arc::from),
            self.name.as_str(),
        )
    }
}

/// `x-kubernetes-int-or-string`: a port by number or by name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Port {
    Number(i64),
    Name(String),
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// A type that is one kind of [`Object`].
pub(crate) trait Typed: Sized {
    const KIND: Kind;

    fn of(object: &Object) -> Option<&Self>;
}

macro_rules! typed {
    ($($kind:ident => $type:ty),+ $(,)?) => {$(
        impl Typed for $type {
            const KIND: Kind = Kind::$kind;

            fn of(object: &Object) -> Option<&Self> {
                match object {
                    Object::$kind(object) => Some(object),
                    _ => None,
                }
            }
        }
    )+};
}

typed! {
    IngressRoute => IngressRoute,
    IngressRouteTcp => IngressRouteTcp,
    IngressRouteUdp => IngressRouteUdp,
    Middleware => Middleware,
    MiddlewareTcp => MiddlewareTcp,
    TraefikService => TraefikService,
    TlsOption => TlsOption,
    TlsStore => TlsStore,
    ServersTransport => ServersTransport,
    ServersTransportTcp => ServersTransportTcp,
    Service => Service,
    EndpointSlice => EndpointSlice,
    Endpoints => Endpoints,
    Node => Node,
    Secret => Secret,
    ConfigMap => ConfigMap,
    Ingress => Ingress,
    IngressClass => IngressClass,
    Namespace => Namespace,
}
