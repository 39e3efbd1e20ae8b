//! `ServersTransport`: the backend leg.

use serde::Deserialize;
use viaduct_config::dynamic::http::{ForwardingTimeouts, Spiffe};

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServersTransport {
    /// SNI and verified name.
    pub server_name: String,
    pub insecure_skip_verify: bool,
    /// `None`: not written, the system's roots. An empty list is a list without a CA.
    #[serde(rename = "rootCAs")]
    pub root_cas: Option<Vec<RootCa>>,
    /// The old form of `root_cas`: names of Secrets.
    #[serde(rename = "rootCAsSecrets")]
    pub root_cas_secrets: Option<Vec<String>>,
    /// Secrets with client certificates for the backend.
    pub certificates_secrets: Vec<String>,
    pub cipher_suites: Vec<String>,
    pub min_version: String,
    pub max_version: String,
    pub max_idle_conns_per_host: Option<i64>,
    pub forwarding_timeouts: Option<ForwardingTimeouts>,
    #[serde(rename = "disableHTTP2")]
    pub disable_http2: bool,
    #[serde(rename = "peerCertURI")]
    pub peer_cert_uri: String,
    pub spiffe: Option<Spiffe>,
}

/// Exactly one of the two; the Secret wins, as in Traefik.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RootCa {
    pub secret: Option<String>,
    pub config_map: Option<String>,
}
