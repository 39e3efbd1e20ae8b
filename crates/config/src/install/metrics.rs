//! `metrics`.

use serde::{Deserialize, Serialize};

use super::otlp::{Exporter, OtlpGrpc, OtlpHttp, SERVICE_NAME};
use super::{Map, section};
use crate::duration::GoDuration;
use crate::dynamic::Secret;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Metrics {
    /// Requests to internal services, too. Default false.
    pub add_internals: bool,
    #[serde(deserialize_with = "section::read", skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<Prometheus>,
    #[serde(deserialize_with = "section::read", skip_serializing_if = "Option::is_none")]
    pub datadog: Option<Datadog>,
    #[serde(
        rename = "statsD",
        deserialize_with = "section::read",
        skip_serializing_if = "Option::is_none"
    )]
    pub stats_d: Option<StatsD>,
    #[serde(
        rename = "influxDB2",
        deserialize_with = "section::read",
        skip_serializing_if = "Option::is_none"
    )]
    pub influx_db2: Option<InfluxDb2>,
    #[serde(deserialize_with = "section::read", skip_serializing_if = "Option::is_none")]
    pub otlp: Option<OtlpMetrics>,
}

/// `metrics.prometheus`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Prometheus {
    /// Upper bounds of the histograms, seconds. Default 0.1, 0.3, 1.2, 5.
    pub buckets: Vec<f64>,
    /// Default true.
    pub add_entry_points_labels: bool,
    /// Default false.
    pub add_routers_labels: bool,
    /// Default true.
    pub add_services_labels: bool,
    /// Where `/metrics` is served. Default `traefik`.
    pub entry_point: String,
    /// No router is made; users route to `prometheus@internal`. Default false.
    pub manual_routing: bool,
    /// Labels of the entry points' request counters: label to header name.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub header_labels: Map<String>,
}

impl Default for Prometheus {
    fn default() -> Self {
        Self {
            buckets: vec![0.1, 0.3, 1.2, 5.0],
            add_entry_points_labels: true,
            add_routers_labels: false,
            add_services_labels: true,
            entry_point: super::INTERNAL_ENTRY_POINT.to_owned(),
            manual_routing: false,
            header_labels: Map::new(),
        }
    }
}

macro_rules! pushed {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        pub struct $name {
            /// `host:port`. Default `localhost:8125`.
            pub address: String,
            /// Default 10 s.
            pub push_interval: GoDuration,
            /// Default true.
            pub add_entry_points_labels: bool,
            /// Default false.
            pub add_routers_labels: bool,
            /// Default true.
            pub add_services_labels: bool,
            /// Before every name. Default `traefik`.
            pub prefix: String,
        }

        impl Default for $name {
            fn default() -> Self {
                Self {
                    address: "localhost:8125".to_owned(),
                    push_interval: GoDuration::from_secs(10),
                    add_entry_points_labels: true,
                    add_routers_labels: false,
                    add_services_labels: true,
                    prefix: "traefik".to_owned(),
                }
            }
        }
    };
}

pushed!(
    /// `metrics.datadog`.
    Datadog
);
pushed!(
    /// `metrics.statsD`.
    StatsD
);

/// `metrics.influxDB2`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct InfluxDb2 {
    /// A URL. Default `http://localhost:8086`.
    pub address: String,
    #[serde(skip_serializing_if = "Secret::is_empty")]
    pub token: Secret,
    /// Default 10 s.
    pub push_interval: GoDuration,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub org: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub bucket: String,
    /// Default true.
    pub add_entry_points_labels: bool,
    /// Default false.
    pub add_routers_labels: bool,
    /// Default true.
    pub add_services_labels: bool,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub additional_labels: Map<String>,
}

impl Default for InfluxDb2 {
    fn default() -> Self {
        Self {
            address: "http://localhost:8086".to_owned(),
            token: Secret::default(),
            push_interval: GoDuration::from_secs(10),
            org: String::new(),
            bucket: String::new(),
            add_entry_points_labels: true,
            add_routers_labels: false,
            add_services_labels: true,
            additional_labels: Map::new(),
        }
    }
}

/// `metrics.otlp`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OtlpMetrics {
    #[serde(deserialize_with = "section::read", skip_serializing_if = "Option::is_none")]
    pub grpc: Option<OtlpGrpc>,
    #[serde(deserialize_with = "section::read", skip_serializing_if = "Option::is_none")]
    pub http: Option<OtlpHttp>,
    /// Default true.
    pub add_entry_points_labels: bool,
    /// Default false.
    pub add_routers_labels: bool,
    /// Default true.
    pub add_services_labels: bool,
    /// Upper bounds of the histograms, seconds. Default 0.005 to 10, as Prometheus clients have it.
    pub explicit_boundaries: Vec<f64>,
    /// Default 10 s.
    pub push_interval: GoDuration,
    /// Default `traefik`.
    pub service_name: String,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub resource_attributes: Map<String>,
}

impl OtlpMetrics {
    pub fn exporter(&self) -> Exporter {
        Exporter::of(self.grpc.as_ref(), self.http.as_ref())
    }
}

impl Default for OtlpMetrics {
    fn default() -> Self {
        Self {
            grpc: None,
            http: None,
            add_entry_points_labels: true,
            add_routers_labels: false,
            add_services_labels: true,
            explicit_boundaries: EXPLICIT_BOUNDARIES.to_vec(),
            push_interval: GoDuration::from_secs(10),
            service_name: SERVICE_NAME.to_owned(),
            resource_attributes: Map::new(),
        }
    }
}

const EXPLICIT_BOUNDARIES: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];
