//! `tcp`: routers, services, middlewares and servers transports of raw connections.

use serde::{Deserialize, Serialize};

use super::Elements;
use super::http::{HealthCheck, Spiffe};
use super::tls::{CertificatePair, Domain};
use crate::duration::GoDuration;

/// The section `tcp`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Tcp {
    #[serde(skip_serializing_if = "Elements::is_empty")]
    pub routers: Elements<TcpRouter>,
    #[serde(skip_serializing_if = "Elements::is_empty")]
    pub services: Elements<TcpService>,
    #[serde(skip_serializing_if = "Elements::is_empty")]
    pub middlewares: Elements<TcpMiddleware>,
    #[serde(skip_serializing_if = "Elements::is_empty")]
    pub servers_transports: Elements<TcpServersTransport>,
}

impl Tcp {
    pub fn is_empty(&self) -> bool {
        self.routers.is_empty()
            && self.services.is_empty()
            && self.middlewares.is_empty()
            && self.servers_transports.is_empty()
    }
}

/// `tcp.routers.<name>`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TcpRouter {
    /// Entry points served; empty means the default ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entry_points: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub middlewares: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub service: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub rule: String,
    /// `v3` (default) or `v2`; deprecated by Traefik.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub rule_syntax: String,
    /// 0 or absent: the rule's length.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TcpRouterTls>,
}

/// `tls` of a TCP router; an empty mapping turns TLS on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TcpRouterTls {
    /// Whether TLS goes to the backend as it is. Default false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub passthrough: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub options: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cert_resolver: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<Domain>,
}

/// Exactly one of the kinds is set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TcpService {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_balancer: Option<TcpLoadBalancer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weighted: Option<TcpWeighted>,
}

/// `tcp.services.<name>.loadBalancer`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TcpLoadBalancer {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub servers: Vec<TcpServer>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub servers_transport: String,
    /// Deprecated by Traefik: that of the servers transport.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_protocol: Option<ProxyProtocol>,
    /// Milliseconds; deprecated by Traefik: that of the servers transport.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub termination_delay: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_check: Option<TcpHealthCheck>,
}

/// A server.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TcpServer {
    /// `host:port`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// Whether it is spoken to by TLS. Default false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub tls: bool,
}

/// Connections that ask servers how they are.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TcpHealthCheck {
    /// Default that of the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<i64>,
    /// What is sent. Default nothing.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub send: String,
    /// What must come back. Default nothing.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub expect: String,
    /// Default 30 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<GoDuration>,
    /// Default `interval`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unhealthy_interval: Option<GoDuration>,
    /// Default 5 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<GoDuration>,
}

/// The PROXY protocol towards servers. `{}` is version 2.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ProxyProtocol {
    /// 1 or 2. Default 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
}

/// Services by weight.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TcpWeighted {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<TcpWeightedService>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_check: Option<HealthCheck>,
}

/// An entry of `weighted.services`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TcpWeightedService {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Default 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<i64>,
}

/// A middleware has exactly one kind.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TcpMiddleware {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_flight_conn: Option<InFlightConn>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_allow_list: Option<TcpIpAllowList>,
    /// The former name of `ipAllowList`; deprecated by Traefik.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_white_list: Option<TcpIpAllowList>,
}

/// Bounds the connections of each address.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct InFlightConn {
    /// Connections of one address at once, at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<i64>,
}

/// Lets some addresses in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct TcpIpAllowList {
    /// Addresses and networks that are let in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub source_range: Vec<String>,
}

/// `tcp.serversTransports.<name>`: the backend leg.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TcpServersTransport {
    /// Between keep-alive probes. Default 15 s; negative: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dial_keep_alive: Option<GoDuration>,
    /// Default 30 s; 0: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dial_timeout: Option<GoDuration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_protocol: Option<ProxyProtocol>,
    /// After one side stopped writing. Default 100 ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub termination_delay: Option<GoDuration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TcpClientTls>,
}

/// TLS towards servers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TcpClientTls {
    /// SNI and verified name. Default the server's host.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub server_name: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub insecure_skip_verify: bool,
    /// PEM contents (or file names in the file provider). `None`: the system's roots.
    #[serde(rename = "rootCAs", skip_serializing_if = "Option::is_none")]
    pub root_cas: Option<Vec<String>>,
    /// Client certificates offered to the backend.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<CertificatePair>,
    #[serde(rename = "peerCertURI", skip_serializing_if = "String::is_empty")]
    pub peer_cert_uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spiffe: Option<Spiffe>,
}
