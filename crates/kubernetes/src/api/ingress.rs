//! `Ingress` and `IngressClass` of `networking.k8s.io/v1`.

use k8s_openapi::api::networking::v1 as k8s;

use super::Port;
use super::annotations::Annotations;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ingress {
    pub annotations: Annotations,
    /// `spec.ingressClassName`.
    pub class_name: Option<String>,
    /// `spec.defaultBackend`.
    pub default_backend: Option<IngressBackend>,
    pub rules: Vec<IngressRule>,
    pub tls: Vec<IngressTls>,
    /// `status.loadBalancer.ingress`.
    pub addresses: Vec<IngressAddress>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IngressRule {
    /// Empty: every host.
    pub host: String,
    /// `None`: the rule has no `http`.
    pub paths: Option<Vec<IngressPath>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngressPath {
    /// Empty: every path.
    pub path: String,
    pub path_type: PathType,
    pub backend: IngressBackend,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathType {
    Exact,
    Prefix,
    ImplementationSpecific,
    /// A type that does not exist.
    Other(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IngressBackend {
    Service {
        name: String,
        /// `None`: none is written.
        port: Option<Port>,
    },
    /// `resource`: an object of any kind.
    Resource {
        kind: String,
        name: String,
    },
    Nothing,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IngressTls {
    /// Empty: all hosts of the object.
    pub hosts: Vec<String>,
    /// A `kubernetes.io/tls` Secret of the same namespace.
    pub secret_name: Option<String>,
}

/// Where clients reach an Ingress; one of the two.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct IngressAddress {
    pub ip: Option<String>,
    pub hostname: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IngressClass {
    /// Who serves the Ingresses of this class.
    pub controller: String,
}

impl Ingress {
    pub(crate) fn new(
        annotations: Annotations,
        spec: k8s::IngressSpec,
        status: Option<k8s::IngressStatus>,
    ) -> Self {
        let addresses = status
            .and_then(|status| status.load_balancer?.ingress)
            .unwrap_or_default();
        Self {
            annotations,
            class_name: spec.ingress_class_name,
            default_backend: spec.default_backend.map(IngressBackend::from),
            rules: spec.rules.into_iter().flatten().map(IngressRule::from).collect(),
            tls: spec.tls.into_iter().flatten().map(IngressTls::from).collect(),
            addresses: addresses
                .into_iter()
                .map(|address| IngressAddress {
                    ip: address.ip,
                    hostname: address.hostname,
                })
                .collect(),
        }
    }
}

impl From<k8s::IngressRule> for IngressRule {
    fn from(rule: k8s::IngressRule) -> Self {
        Self {
            host: rule.host.unwrap_or_default(),
            paths: rule
                .http
                .map(|http| http.paths.into_iter().map(IngressPath::from).collect()),
        }
    }
}

impl From<k8s::HTTPIngressPath> for IngressPath {
    fn from(path: k8s::HTTPIngressPath) -> Self {
        Self {
            path: path.path.unwrap_or_default(),
            path_type: match path.path_type.as_str() {
                "Exact" => PathType::Exact,
                "Prefix" => PathType::Prefix,
                "ImplementationSpecific" | "" => PathType::ImplementationSpecific,
                _ => PathType::Other(path.path_type),
            },
            backend: path.backend.into(),
        }
    }
}

impl From<k8s::IngressBackend> for IngressBackend {
    fn from(backend: k8s::IngressBackend) -> Self {
        match (backend.service, backend.resource) {
            (_, Some(resource)) => Self::Resource {
                kind: resource.kind,
                name: resource.name,
            },
            (Some(service), None) => {
                let port = service.port.unwrap_or_default();
                let name = port.name.filter(|name| !name.is_empty());
                let number = port.number.filter(|number| *number != 0);
                Self::Service {
                    name: service.name,
                    port: name
                        .map(Port::Name)
                        .or_else(|| number.map(|number| Port::Number(number.into()))),
                }
            }
            (None, None) => Self::Nothing,
        }
    }
}

impl From<k8s::IngressTLS> for IngressTls {
    fn from(tls: k8s::IngressTLS) -> Self {
        Self {
            hosts: tls.hosts.unwrap_or_default(),
            secret_name: tls.secret_name.filter(|name| !name.is_empty()),
        }
    }
}

impl From<k8s::IngressClass> for IngressClass {
    fn from(class: k8s::IngressClass) -> Self {
        Self {
            controller: class.spec.and_then(|spec| spec.controller).unwrap_or_default(),
        }
    }
}
