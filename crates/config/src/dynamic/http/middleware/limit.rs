//! Middlewares that refuse requests: by address, number, rate or size.

use serde::{Deserialize, Serialize};

use crate::duration::GoDuration;
use crate::dynamic::secret::Secret;

/// Lets some addresses in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct IpAllowList {
    /// Addresses and networks that are let in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub source_range: Vec<String>,
    /// Which address counts. Default the connection's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_strategy: Option<IpStrategy>,
    /// Default 403. Not in `ipWhiteList`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reject_status_code: Option<i64>,
}

/// Which address of a request counts as the client's.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct IpStrategy {
    /// The nth address of `X-Forwarded-For` from the right. Default 0: the connection's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depth: Option<i64>,
    /// The rightmost address of `X-Forwarded-For` that is none of these. Without effect beside `depth`.
    #[serde(rename = "excludedIPs", skip_serializing_if = "Vec::is_empty")]
    pub excluded_ips: Vec<String>,
    /// Prefix length that IPv6 addresses are cut to. Default 128.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipv6_subnet: Option<i64>,
}

/// Bounds the requests that are served at once.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct InFlightReq {
    /// Requests at once, at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<i64>,
    /// What is counted together. Default the request's host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_criterion: Option<SourceCriterion>,
}

/// What makes requests count together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct SourceCriterion {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_strategy: Option<IpStrategy>,
    /// The value of this header.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub request_header_name: String,
    /// The host.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub request_host: bool,
}

/// Bounds requests in time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RateLimit {
    /// Requests per `period`. Default 0: no bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average: Option<i64>,
    /// Default 1 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<GoDuration>,
    /// Requests that may come at once. Default 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<i64>,
    /// What is counted together. Default the connection's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_criterion: Option<SourceCriterion>,
    /// Counts in Redis, for several instances together. Default here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redis: Option<Redis>,
}

/// `rateLimit.redis`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Redis {
    /// Default `localhost:6379`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<RedisTls>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub username: String,
    #[serde(skip_serializing_if = "Secret::is_empty")]
    pub password: Secret,
    /// Default 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub db: Option<i64>,
    /// Default 0: ten for each CPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool_size: Option<i64>,
    /// Default 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_idle_conns: Option<i64>,
    /// Default 0: no bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_active_conns: Option<i64>,
    /// Default 3 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_timeout: Option<GoDuration>,
    /// Default 3 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub write_timeout: Option<GoDuration>,
    /// Default 5 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dial_timeout: Option<GoDuration>,
}

/// `rateLimit.redis.tls`. Files, or their contents.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RedisTls {
    /// Trust. Default the system's roots.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ca: String,
    /// Client certificate.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cert: String,
    /// Its key.
    #[serde(skip_serializing_if = "Secret::is_empty")]
    pub key: Secret,
    /// Default false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub insecure_skip_verify: bool,
}

/// Reads bodies whole, and bounds them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct Buffering {
    /// Larger ones are answered 413. Default 0: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_request_body_bytes: Option<i64>,
    /// What is kept in memory of a request. Default 1 MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mem_request_body_bytes: Option<i64>,
    /// Larger ones are answered 500. Default 0: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_response_body_bytes: Option<i64>,
    /// What is kept in memory of a response. Default 1 MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mem_response_body_bytes: Option<i64>,
    /// When a request is sent again. Default never.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub retry_expression: String,
}
