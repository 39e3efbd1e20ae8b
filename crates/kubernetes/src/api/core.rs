//! Kubernetes' own kinds, reduced to what routing needs. Read through `k8s-openapi`'s types, which
//! know the whole schema; only Secrets have a wire type of their own, because an error about a
//! Secret must not quote it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use k8s_openapi::api::core::v1 as k8s;
use k8s_openapi::api::discovery::v1 as discovery;
use serde::Deserialize;

use super::Revoked;
use super::annotations::Annotations;
use super::ingress::IngressAddress;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Service {
    pub target: ServiceTarget,
    /// TCP ports.
    pub ports: Box<[ServicePort]>,
    /// UDP ports.
    pub udp_ports: Box<[ServicePort]>,
    /// What Ingresses that name the Service make of it.
    pub annotations: Annotations,
    /// `spec.externalIPs`.
    pub external_ips: Vec<String>,
    /// `status.loadBalancer.ingress`.
    pub load_balancer: Vec<IngressAddress>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ServiceTarget {
    /// Endpoints of pods, behind a virtual address unless headless.
    Cluster {
        /// `None`: headless, or not known.
        cluster_ip: Option<IpAddr>,
        /// Also reachable on a port of each node: type NodePort.
        node_port: bool,
    },
    /// A DNS name outside the cluster.
    ExternalName(String),
    /// `type: ExternalName` without a name, or a type that does not exist.
    #[default]
    Nothing,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServicePort {
    /// Empty for an unnamed port.
    pub name: Box<str>,
    pub number: i64,
    /// The port of every node that leads here. 0: none.
    pub node_port: i64,
}

impl From<k8s::Service> for Service {
    fn from(service: k8s::Service) -> Self {
        let spec = service.spec.unwrap_or_default();
        let cluster_ip = spec.cluster_ip.as_deref().and_then(|ip| ip.parse().ok());
        let target = match spec.type_.as_deref().unwrap_or("ClusterIP") {
            "ExternalName" => spec
                .external_name
                .map_or(ServiceTarget::Nothing, ServiceTarget::ExternalName),
            "ClusterIP" => ServiceTarget::Cluster {
                cluster_ip,
                node_port: false,
            },
            "NodePort" => ServiceTarget::Cluster {
                cluster_ip,
                node_port: true,
            },
            "LoadBalancer" => ServiceTarget::Cluster {
                cluster_ip,
                node_port: false,
            },
            _ => ServiceTarget::Nothing,
        };
        let balancer = service.status.and_then(|status| status.load_balancer?.ingress);
        let (ports, udp_ports) = by_protocol(spec.ports.unwrap_or_default(), |port| {
            let read = ServicePort {
                name: port.name.unwrap_or_default().into(),
                number: i64::from(port.port),
                node_port: port.node_port.map_or(0, i64::from),
            };
            (port.protocol, Some(read))
        });
        Self {
            target,
            ports,
            udp_ports,
            annotations: Annotations::of(service.metadata.annotations),
            external_ips: spec.external_ips.unwrap_or_default(),
            load_balancer: balancer
                .unwrap_or_default()
                .into_iter()
                .map(|address| IngressAddress {
                    ip: address.ip,
                    hostname: address.hostname,
                })
                .collect(),
        }
    }
}

/// Those of TCP and those of UDP, without those of any other protocol and those that are nothing.
fn by_protocol<W, P>(
    written: Vec<W>,
    read: impl Fn(W) -> (Option<String>, Option<P>),
) -> (Box<[P]>, Box<[P]>) {
    let (mut tcp, mut udp) = (Vec::new(), Vec::new());
    for port in written {
        let (protocol, port) = read(port);
        match protocol.as_deref() {
            None | Some("TCP") => tcp.extend(port),
            Some("UDP") => udp.extend(port),
            Some(_) => {}
        }
    }
    (tcp.into(), udp.into())
}

/// Endpoints that share their ports.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndpointGroup {
    /// TCP ports: name (empty for an unnamed port) and number.
    pub ports: Box<[(Box<str>, i64)]>,
    /// UDP ports.
    pub udp_ports: Box<[(Box<str>, i64)]>,
    /// One for each address.
    pub endpoints: Box<[Endpoint]>,
}

impl EndpointGroup {
    fn new(
        ports: Vec<(Option<String>, Option<String>, Option<i32>)>,
        endpoints: impl Iterator<Item = Endpoint>,
    ) -> Self {
        let (ports, udp_ports) = by_protocol(ports, |(protocol, name, number)| {
            // A slice may leave the number out: any port, which nobody can connect to.
            let read = number.map(|number| (name.unwrap_or_default().into(), i64::from(number)));
            (protocol, read)
        });
        Self {
            ports,
            udp_ports,
            endpoints: endpoints.collect(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub address: EndpointAddress,
    /// Terminating, but still serving: takes only sticky traffic.
    pub fenced: bool,
}

/// As it is written. Nearly all are IP addresses, and there are many: those take no text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndpointAddress {
    Ip(IpAddr),
    /// A name, or an address in another form than the one that an address is printed in.
    Text(Box<str>),
}

impl From<String> for EndpointAddress {
    fn from(text: String) -> Self {
        match text.parse::<IpAddr>() {
            Ok(address) if address.to_string() == text => Self::Ip(address),
            Ok(_) | Err(_) => Self::Text(text.into()),
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndpointSlice {
    /// Label `kubernetes.io/service-name`.
    pub service: Option<Arc<str>>,
    pub group: EndpointGroup,
}

impl From<discovery::EndpointSlice> for EndpointSlice {
    fn from(slice: discovery::EndpointSlice) -> Self {
        let service = slice
            .metadata
            .labels
            .and_then(|mut labels| labels.remove("kubernetes.io/service-name"));
        let ports = slice.ports.unwrap_or_default().into_iter();
        Self {
            service: service.map(Arc::from),
            group: EndpointGroup::new(
                ports.map(|port| (port.protocol, port.name, port.port)).collect(),
                slice.endpoints.into_iter().flat_map(serving),
            ),
        }
    }
}

/// The addresses of an endpoint that is ready, or that serves while it terminates; none of all others.
fn serving(endpoint: discovery::Endpoint) -> impl Iterator<Item = Endpoint> {
    let conditions = endpoint.conditions.unwrap_or_default();
    let ready = conditions.ready.unwrap_or(true);
    let terminating = conditions.terminating.unwrap_or(false);
    let serving = conditions.serving.unwrap_or(ready);
    let fenced = terminating && serving;
    let addresses = (ready || fenced).then_some(endpoint.addresses);
    addresses.into_iter().flatten().map(move |address| Endpoint {
        address: address.into(),
        fenced,
    })
}

/// The kind before EndpointSlices.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoints {
    pub groups: Vec<EndpointGroup>,
}

impl From<k8s::Endpoints> for Endpoints {
    fn from(endpoints: k8s::Endpoints) -> Self {
        let group = |subset: k8s::EndpointSubset| {
            let ports = subset.ports.unwrap_or_default().into_iter();
            let addresses = subset.addresses.unwrap_or_default().into_iter();
            EndpointGroup::new(
                ports
                    .map(|port| (port.protocol, port.name, Some(port.port)))
                    .collect(),
                addresses.map(|address| Endpoint {
                    address: address.ip.into(),
                    fenced: false,
                }),
            )
        };
        Self {
            groups: endpoints
                .subsets
                .unwrap_or_default()
                .into_iter()
                .map(group)
                .collect(),
        }
    }
}

/// A machine of the cluster. It has no namespace; its [`Name`](super::Name) says `default`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node {
    /// Where it is reached from within the cluster, in its own order.
    pub internal_addresses: Vec<String>,
    /// Where it is reached from outside.
    pub external_addresses: Vec<String>,
}

impl From<k8s::Node> for Node {
    fn from(node: k8s::Node) -> Self {
        let mut read = Self::default();
        for address in node.status.unwrap_or_default().addresses.unwrap_or_default() {
            match address.type_.as_str() {
                "InternalIP" => read.internal_addresses.push(address.address),
                "ExternalIP" => read.external_addresses.push(address.address),
                _ => {}
            }
        }
        read
    }
}

/// A namespace of the cluster. It has none itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Namespace {
    /// The label and the annotation `viaduct.io/require`: what its routes have to be.
    pub demands: Vec<String>,
}

/// `data` of a Secret or a ConfigMap.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Data(
    /// In the order of the keys.
    Box<[Entry]>,
);

/// A key and its value.
type Entry = (Box<str>, Value);

/// A value of `data`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// Shared with the configuration that is made of it: there are tens of thousands of certificates.
    Text(Arc<str>),
    Bytes(Box<[u8]>),
}

impl Value {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => Self::Text(text.into()),
            Err(error) => Self::Bytes(error.into_bytes().into()),
        }
    }
}

impl Data {
    fn new(entries: BTreeMap<String, Vec<u8>>) -> Self {
        let entries = entries.into_iter();
        Self(entries.map(|(key, value)| (key.into(), value.into())).collect())
    }

    pub fn get(&self, key: &str) -> Option<&[u8]> {
        self.value(key).map(Value::bytes)
    }

    pub(crate) fn value(&self, key: &str) -> Option<&Value> {
        let found = self.0.binary_search_by(|(known, _)| (**known).cmp(key)).ok()?;
        self.0.get(found).map(|(_, value)| value)
    }

    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| &**key)
    }

    /// The key and the value, if there is exactly one.
    pub(crate) fn only(&self) -> Option<(&str, &Value)> {
        match &*self.0 {
            [(key, value)] => Some((key, value)),
            _ => None,
        }
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.keys().map(|key| (key, "REDACTED")))
            .finish()
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Secret {
    /// `type`, such as `kubernetes.io/tls`. Empty: `Opaque`.
    pub kind: String,
    pub data: Data,
    pub revoked: Revoked,
}

/// A Secret as written.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SecretWire {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    data: BTreeMap<String, String>,
    #[serde(default)]
    string_data: BTreeMap<String, String>,
}

/// A value of `data` that is not base64.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`data.{key}` is not base64")]
pub(crate) struct NotBase64 {
    pub(crate) key: String,
}

impl TryFrom<SecretWire> for Secret {
    type Error = NotBase64;

    /// `stringData` goes over `data`, as the API server does it.
    fn try_from(wire: SecretWire) -> Result<Self, NotBase64> {
        let mut data = BTreeMap::new();
        for (key, text) in wire.data {
            let Some(value) = decode(&text) else {
                return Err(NotBase64 { key });
            };
            data.insert(key, value);
        }
        for (key, text) in wire.string_data {
            data.insert(key, text.into_bytes());
        }
        Ok(Self {
            kind: wire.kind,
            data: Data::new(data),
            revoked: Revoked::default(),
        })
    }
}

/// Base64 as Go decodes it: line breaks anywhere, padding required.
fn decode(text: &str) -> Option<Vec<u8>> {
    const GO: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::RequireCanonical)
            .with_decode_allow_trailing_bits(true),
    );
    let packed: Vec<u8> = text
        .bytes()
        .filter(|byte| !matches!(byte, b'\n' | b'\r'))
        .collect();
    GO.decode(packed).ok()
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigMap {
    pub data: Data,
    pub revoked: Revoked,
}

impl From<k8s::ConfigMap> for ConfigMap {
    fn from(map: k8s::ConfigMap) -> Self {
        let data = map.data.unwrap_or_default().into_iter();
        Self {
            data: Data::new(data.map(|(key, text)| (key, text.into_bytes())).collect()),
            revoked: Revoked::default(),
        }
    }
}
