//! OpenTelemetry collectors: one shape for logs, metrics and traces.

use serde::{Deserialize, Serialize};

use super::providers::ClientTls;
use super::{Map, section};
use crate::dynamic::Secret;

/// `otlp.grpc`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OtlpGrpc {
    /// `host:port`. Default `localhost:4317`.
    pub endpoint: String,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub headers: Map<Secret>,
    /// Without TLS. Default false.
    pub insecure: bool,
    #[serde(deserialize_with = "section::read", skip_serializing_if = "Option::is_none")]
    pub tls: Option<ClientTls>,
}

impl Default for OtlpGrpc {
    fn default() -> Self {
        Self {
            endpoint: "localhost:4317".to_owned(),
            headers: Map::new(),
            insecure: false,
            tls: None,
        }
    }
}

/// `otlp.http`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OtlpHttp {
    /// A URL. Default `https://localhost:4318`.
    pub endpoint: String,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub headers: Map<Secret>,
    #[serde(deserialize_with = "section::read", skip_serializing_if = "Option::is_none")]
    pub tls: Option<ClientTls>,
}

impl Default for OtlpHttp {
    fn default() -> Self {
        Self {
            endpoint: "https://localhost:4318".to_owned(),
            headers: Map::new(),
            tls: None,
        }
    }
}

/// How records reach the collector.
#[derive(Debug, Clone, PartialEq)]
pub enum Exporter {
    Grpc(OtlpGrpc),
    Http(OtlpHttp),
}

impl Exporter {
    /// gRPC where it is configured, else HTTP, with its defaults if need be.
    pub(super) fn of(grpc: Option<&OtlpGrpc>, http: Option<&OtlpHttp>) -> Self {
        match grpc {
            Some(grpc) => Self::Grpc(grpc.clone()),
            None => Self::Http(http.cloned().unwrap_or_default()),
        }
    }
}

/// `log.otlp` and `accessLog.otlp`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OtlpLog {
    /// Default `traefik`.
    pub service_name: String,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub resource_attributes: Map<String>,
    #[serde(deserialize_with = "section::read", skip_serializing_if = "Option::is_none")]
    pub grpc: Option<OtlpGrpc>,
    #[serde(deserialize_with = "section::read", skip_serializing_if = "Option::is_none")]
    pub http: Option<OtlpHttp>,
}

impl OtlpLog {
    pub fn exporter(&self) -> Exporter {
        Exporter::of(self.grpc.as_ref(), self.http.as_ref())
    }
}

impl Default for OtlpLog {
    fn default() -> Self {
        Self {
            service_name: SERVICE_NAME.to_owned(),
            resource_attributes: Map::new(),
            grpc: None,
            http: None,
        }
    }
}

/// What Traefik calls itself; kept, so that dashboards and alerts find what they look for.
pub(super) const SERVICE_NAME: &str = "traefik";
