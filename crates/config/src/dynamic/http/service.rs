//! `http.services.<name>`: who answers.

use serde::{Deserialize, Serialize};

use super::Map;
use crate::duration::GoDuration;

/// Exactly one of the kinds is set. A service that has none, or several, is a value too (so that it alone is
/// out of service): see [`Service::kinds`]. What few services have is in boxes, here and in [`LoadBalancer`]: there are
/// tens of thousands of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Service {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_balancer: Option<LoadBalancer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weighted: Option<Box<Weighted>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirroring: Option<Box<Mirroring>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failover: Option<Box<Failover>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub highest_random_weight: Option<Box<HighestRandomWeight>>,
    /// Run after this service was chosen by another one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub middlewares: Vec<String>,
}

impl Service {
    /// Every kind that is set, by its name in the file format.
    pub fn kinds(&self) -> impl Iterator<Item = &'static str> {
        [
            ("loadBalancer", self.load_balancer.is_some()),
            ("weighted", self.weighted.is_some()),
            ("mirroring", self.mirroring.is_some()),
            ("failover", self.failover.is_some()),
            ("highestRandomWeight", self.highest_random_weight.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, set)| set.then_some(name))
    }

    /// The one kind; `None` if there is none, or more than one.
    pub fn kind_name(&self) -> Option<&'static str> {
        let mut kinds = self.kinds();
        kinds.next().filter(|_| kinds.next().is_none())
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LoadBalancer {
    pub servers: Vec<Server>,
    /// `wrr` (default), `p2c`, `hrw`, `leasttime`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub strategy: String,
    /// Default true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pass_host_header: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_forwarding: Option<ResponseForwarding>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub servers_transport: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sticky: Option<Box<Sticky>>,
    /// Active checks. Default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_check: Option<Box<ServerHealthCheck>>,
    /// Counting of failed requests. Default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passive_health_check: Option<Box<PassiveHealthCheck>>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Server {
    /// `scheme://host[:port]`, scheme `http`, `https` or `h2c`.
    pub url: String,
    /// Default 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preserve_path: Option<bool>,
    /// A terminating endpoint: takes only sticky traffic. Not part of the file format.
    #[serde(skip)]
    pub fenced: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ResponseForwarding {
    /// Default 100 ms; negative: after each write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flush_interval: Option<GoDuration>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct Sticky {
    /// The cookie that keeps a client where it is. Default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cookie: Option<Cookie>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct Cookie {
    /// Default: made from the service's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Whether browsers send it by TLS only. Default false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub secure: bool,
    /// Whether scripts of a page cannot read it. Default false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub http_only: bool,
    /// `none`, `lax` or `strict`. Default: not said.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[cfg_attr(feature = "schema", schemars(extend("enum" = ["none", "lax", "strict", "None", "Lax", "Strict"])))]
    pub same_site: String,
    /// Seconds. Default 0: until the browser closes.
    #[serde(skip_serializing_if = "is_zero")]
    pub max_age: i64,
    /// Default `/`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Where browsers send it. Default: to the host that they have it from.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Weighted {
    pub services: Vec<WeightedService>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sticky: Option<Sticky>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_check: Option<HealthCheck>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WeightedService {
    pub name: String,
    /// Default 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<i64>,
}

/// `loadBalancer.healthCheck`: requests that ask servers how they are.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ServerHealthCheck {
    /// Default that of the server.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub scheme: String,
    /// `http` (default) or `grpc`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mode: String,
    /// What is asked for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// Default GET.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub method: String,
    /// The code that means health. Default any of 2xx and 3xx.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<i64>,
    /// Default that of the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<i64>,
    /// Default 30 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<GoDuration>,
    /// Default `interval`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unhealthy_interval: Option<GoDuration>,
    /// Default 5 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<GoDuration>,
    /// The `Host` that is asked for. Default the server's.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hostname: String,
    /// Default true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub follow_redirects: Option<bool>,
    /// Headers of the requests.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub headers: Map<String>,
}

/// `loadBalancer.passiveHealthCheck`: servers whose requests fail are left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct PassiveHealthCheck {
    /// Default 10 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_window: Option<GoDuration>,
    /// Default 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_failed_attempts: Option<i64>,
}

/// Says that health is reported upwards; it has no options.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HealthCheck {}

/// Services by weight and client address: the same client, the same service.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HighestRandomWeight {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<WeightedService>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_check: Option<HealthCheck>,
}

/// A service, and others that get copies of its requests.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Mirroring {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub service: String,
    /// Default true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirror_body: Option<bool>,
    /// Bytes; requests with larger bodies are not mirrored. Default -1: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_body_size: Option<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mirrors: Vec<Mirror>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_check: Option<HealthCheck>,
}

/// An entry of `mirroring.mirrors`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Mirror {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Of the requests. Default 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<i64>,
}

/// A service, and another one for when it is down.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Failover {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub service: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub fallback: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_check: Option<HealthCheck>,
    /// Responses that count as down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<FailoverErrors>,
}

/// `failover.errors`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct FailoverErrors {
    /// Larger requests are not sent again. Default -1: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_request_body_bytes: Option<i64>,
    /// Codes and ranges, such as `500-599`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub status: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}
