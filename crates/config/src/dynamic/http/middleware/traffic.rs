//! Middlewares that combine, repeat, convert or answer.

use serde::{Deserialize, Serialize};

use super::Map;
use crate::duration::GoDuration;

/// Other middlewares, in order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Chain {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub middlewares: Vec<String>,
}

/// Stops asking a backend that fails.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct CircuitBreaker {
    /// When it opens.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub expression: String,
    /// Default 100 ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check_period: Option<GoDuration>,
    /// How long it stays open. Default 10 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback_duration: Option<GoDuration>,
    /// How long it takes to close. Default 10 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery_duration: Option<GoDuration>,
    /// Default 503.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_code: Option<i64>,
}

/// Compresses responses. `{}` takes every default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct Compress {
    /// Content types that stay as they are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub excluded_content_types: Vec<String>,
    /// Default all but the excluded ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub included_content_types: Vec<String>,
    /// Default 1024.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_response_body_bytes: Option<i64>,
    /// Default gzip, br and zstd.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encodings: Option<Vec<String>>,
    /// For clients that send no `Accept-Encoding`. Default none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub default_encoding: String,
}

/// Finds out the content type of responses that lack it. `{}` is enough.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ContentType {
    /// Deprecated by Traefik.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_detect: Option<bool>,
}

/// Another service's page instead of an error.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Errors {
    /// Codes and ranges, such as `404` and `500-599`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub status: Vec<String>,
    /// The code that the client gets, by code or range.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub status_rewrites: Map<i64>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub service: String,
    /// Path and query that are asked for; `{status}`, `{originalStatus}` and `{url}` are replaced.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub query: String,
    /// Headers of the request that the service gets. Default all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub error_request_headers: Vec<String>,
}

/// Turns gRPC-Web into gRPC.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct GrpcWeb {
    /// Origins that pages may ask from; `*` is any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow_origins: Vec<String>,
}

/// Sends a failed request again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct Retry {
    /// How often a request is sent at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<i64>,
    /// Of all attempts together. Default 0: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<GoDuration>,
    /// Before the second attempt; later ones wait longer. Default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial_interval: Option<GoDuration>,
    /// Larger requests are not sent again. Default 2 MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_request_body_bytes: Option<i64>,
    /// Codes and ranges that count as failed. Default none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub status: Vec<String>,
    /// Default false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub disable_retry_on_network_error: bool,
    /// Default false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub retry_non_idempotent_method: bool,
}
