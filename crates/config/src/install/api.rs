//! `api` and `ping`.

use serde::{Deserialize, Serialize};

/// `api`: the API and the dashboard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Api {
    /// Path in front of API and dashboard. Default `/`.
    pub base_path: String,
    /// Serve both on the entry point `traefik`, to anyone. Default false.
    pub insecure: bool,
    /// Default true.
    pub dashboard: bool,
    /// Default false.
    pub debug: bool,
    pub disable_dashboard_ad: bool,
    /// Shown by the dashboard.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub dashboard_name: String,
}

impl Default for Api {
    fn default() -> Self {
        Self {
            base_path: "/".to_owned(),
            insecure: false,
            dashboard: true,
            debug: false,
            disable_dashboard_ad: false,
            dashboard_name: String::new(),
        }
    }
}

/// `ping`: the health check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Ping {
    /// Where `/ping` is served. Default `traefik`.
    pub entry_point: String,
    /// No router is made; users route to `ping@internal`. Default false.
    pub manual_routing: bool,
    /// Status of `/ping` while the process ends: 200 to 999, else the start fails. Default 503.
    pub terminating_status_code: u16,
}

impl Default for Ping {
    fn default() -> Self {
        Self {
            entry_point: super::INTERNAL_ENTRY_POINT.to_owned(),
            manual_routing: false,
            terminating_status_code: 503,
        }
    }
}
