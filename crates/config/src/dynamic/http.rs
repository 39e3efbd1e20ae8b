//! `http`: routers, services, middlewares, servers transports.

mod middleware;
mod service;
mod transport;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Elements;

pub use middleware::{
    AddPrefix, AuthTls, BasicAuth, Buffering, CertificateInfo, Chain, CircuitBreaker, Compress, ContentType,
    DigestAuth, EncodedCharacters, Errors, ForwardAuth, GrpcWeb, Headers, InFlightReq, IpAllowList,
    IpStrategy, IssuerInfo, Middleware, PassTlsClientCert, RateLimit, RedirectRegex, RedirectScheme, Redis,
    RedisTls, ReplacePath, ReplacePathRegex, Retry, SourceCriterion, StripPrefix, StripPrefixRegex,
    SubjectInfo,
};
pub use service::{
    Cookie, Failover, FailoverErrors, HealthCheck, HighestRandomWeight, LoadBalancer, Mirror, Mirroring,
    PassiveHealthCheck, ResponseForwarding, Server, ServerHealthCheck, Service, Sticky, Weighted,
    WeightedService,
};
pub use transport::{ForwardingTimeouts, ServersTransport, Spiffe};

type Map<T> = BTreeMap<String, T>;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Http {
    #[serde(skip_serializing_if = "Elements::is_empty")]
    pub routers: Elements<Router>,
    #[serde(skip_serializing_if = "Elements::is_empty")]
    pub services: Elements<Service>,
    #[serde(skip_serializing_if = "Elements::is_empty")]
    pub middlewares: Elements<Middleware>,
    #[serde(skip_serializing_if = "Elements::is_empty")]
    pub servers_transports: Elements<ServersTransport>,
}

impl Http {
    pub fn is_empty(&self) -> bool {
        self.routers.is_empty()
            && self.services.is_empty()
            && self.middlewares.is_empty()
            && self.servers_transports.is_empty()
    }
}

/// `http.routers.<name>`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Router {
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
    pub tls: Option<RouterTls>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observability: Option<RouterObservability>,
    /// Routers of another layer that this one is a child of (multi-layer routing).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parent_refs: Vec<String>,
}

/// `tls` of a router; an empty mapping turns TLS on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RouterTls {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub options: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cert_resolver: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<super::tls::Domain>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct RouterObservability {
    /// Whether requests are in the access log. Default: as the entry point says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_logs: Option<bool>,
    /// Whether requests are counted. Default: as the entry point says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics: Option<bool>,
    /// Whether requests have spans. Default: as the entry point says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracing: Option<bool>,
    /// `minimal` (default) or `detailed`: which spans a request has.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[cfg_attr(feature = "schema", schemars(extend("enum" = ["minimal", "detailed"])))]
    pub trace_verbosity: String,
}
