//! What a source of configuration hands over: one whole [`Dynamic`], and what it could not offer.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::dynamic::Dynamic;
use crate::finding::{Finding, Location};
use crate::map::Map;
use crate::name::{ObjectRef, ProviderName};
use crate::shared::Shared;

/// A configuration element of one provider, by its unqualified name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Element {
    Router(String),
    Service(String),
    Middleware(String),
    ServersTransport(String),
    TcpRouter(String),
    TcpService(String),
    TcpMiddleware(String),
    TcpServersTransport(String),
    UdpRouter(String),
    UdpService(String),
    TlsOptions(String),
    TlsStore(String),
    /// An entry of `tls.certificates`, by its position.
    Certificate(usize),
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Router(name) => write!(f, "router `{name}`"),
            Self::Service(name) => write!(f, "service `{name}`"),
            Self::Middleware(name) => write!(f, "middleware `{name}`"),
            Self::ServersTransport(name) => write!(f, "servers transport `{name}`"),
            Self::TcpRouter(name) => write!(f, "TCP router `{name}`"),
            Self::TcpService(name) => write!(f, "TCP service `{name}`"),
            Self::TcpMiddleware(name) => write!(f, "TCP middleware `{name}`"),
            Self::TcpServersTransport(name) => write!(f, "TCP servers transport `{name}`"),
            Self::UdpRouter(name) => write!(f, "UDP router `{name}`"),
            Self::UdpService(name) => write!(f, "UDP service `{name}`"),
            Self::TlsOptions(name) => write!(f, "TLS options `{name}`"),
            Self::TlsStore(name) => write!(f, "TLS store `{name}`"),
            Self::Certificate(index) => write!(f, "certificate #{index}"),
        }
    }
}

/// Where an element was written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    pub object: Option<ObjectRef>,
    pub location: Option<Location>,
}

/// Where a PEM text of an element came from, for messages.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Material {
    /// Such as a Secret.
    pub object: ObjectRef,
    /// Its key, such as `ca.crt`.
    pub key: String,
    pub location: Option<Location>,
}

/// Where the PEM texts of an element came from: each list beside the element's own, or empty where that is
/// not known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Materials {
    /// Beside `rootCAs` or `clientAuth.caFiles`.
    pub cas: Vec<Material>,
    /// Beside `certificates`.
    pub certificates: Vec<Material>,
    /// Certificates that this servers transport must not trust. One that cannot be read breaks the transport.
    pub revoked: Vec<RevokedHere>,
}

/// Certificates that an object says must not be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokedHere {
    pub what: RevokedWhat,
    /// Who says so; `None`: the transport's own object.
    pub by: Option<ObjectRef>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RevokedWhat {
    /// SHA-256 fingerprints in whatever form they were written. One list for all transports that the object is for.
    Listed(Arc<[String]>),
    /// All certificates of this PEM.
    AllOf(String),
}

/// The Kubernetes Service whose endpoints are a service's servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balanced {
    pub service: ObjectRef,
    /// As written where the Service is referred to: a number or a name.
    pub port: Arc<str>,
}

/// One provider's whole configuration. It replaces the provider's previous one, and shares with it what is the same
/// where the source has made the one out of the other: it is copied, and compared with that one, for what differs.
#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    pub provider: ProviderName,
    /// Complete and inline: PEM contents, not paths (the source has read the files).
    pub dynamic: Dynamic,
    /// Elements that exist but must not be served, each with the reason. An element named here may
    /// be absent from `dynamic`; what refers to it is out of service with the same reason.
    pub broken: Shared<Vec<(Element, Finding)>>,
    /// Where elements were written, for messages.
    pub origins: Map<Element, Origin>,
    /// What HTTP services balance, for the access log.
    pub balanced: Map<Element, Balanced>,
    /// Where the PEM texts of servers transports and TLS options came from, for messages.
    pub materials: Map<Element, Materials>,
    /// Routers that ask for a certificate of their own, each with its position in `tls.certificates`: without it
    /// they are not served.
    pub own_certificates: Map<Element, usize>,
    /// What Namespaces demand of the routes in them, as written (`viaduct.io/require`).
    pub demands: BTreeMap<Arc<str>, Vec<String>>,
    /// Whether Namespaces are asked what they demand, and have not said so: they might demand anything.
    pub demands_unknown: bool,
    /// What the source wants said that takes nothing out of service.
    pub notes: Shared<Vec<Finding>>,
}

impl Update {
    pub fn new(provider: ProviderName, dynamic: Dynamic) -> Self {
        Self {
            provider,
            dynamic,
            broken: Shared::default(),
            origins: Map::new(),
            balanced: Map::new(),
            materials: Map::new(),
            own_certificates: Map::new(),
            demands: BTreeMap::new(),
            demands_unknown: false,
            notes: Shared::default(),
        }
    }
}
