//! `tracing`.

use serde::{Deserialize, Serialize};

use super::otlp::{Exporter, OtlpGrpc, OtlpHttp, SERVICE_NAME};
use super::{Map, section};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Tracing {
    /// Default `traefik`.
    pub service_name: String,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub resource_attributes: Map<String>,
    /// The former name of `resourceAttributes`; deprecated by Traefik.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub global_attributes: Map<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub captured_request_headers: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub captured_response_headers: Vec<String>,
    /// Query parameters whose values may be told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub safe_query_params: Vec<String>,
    /// Share of the requests that begin a trace here, 0 to 1. Default 1.
    pub sample_rate: f64,
    /// Requests to internal services, too. Default false.
    pub add_internals: bool,
    #[serde(deserialize_with = "section::read", skip_serializing_if = "Option::is_none")]
    pub otlp: Option<OtlpTracing>,
}

impl Default for Tracing {
    fn default() -> Self {
        Self {
            service_name: SERVICE_NAME.to_owned(),
            resource_attributes: Map::new(),
            global_attributes: Map::new(),
            captured_request_headers: Vec::new(),
            captured_response_headers: Vec::new(),
            safe_query_params: Vec::new(),
            sample_rate: 1.0,
            add_internals: false,
            otlp: None,
        }
    }
}

impl Tracing {
    /// Where spans go: what `otlp` says, or its defaults.
    pub fn exporter(&self) -> Exporter {
        let (grpc, http) = match &self.otlp {
            Some(otlp) => (otlp.grpc.as_ref(), otlp.http.as_ref()),
            None => (None, None),
        };
        Exporter::of(grpc, http)
    }
}

/// `tracing.otlp`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OtlpTracing {
    #[serde(deserialize_with = "section::read", skip_serializing_if = "Option::is_none")]
    pub grpc: Option<OtlpGrpc>,
    #[serde(deserialize_with = "section::read", skip_serializing_if = "Option::is_none")]
    pub http: Option<OtlpHttp>,
}
