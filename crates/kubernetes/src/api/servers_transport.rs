//! `ServersTransport`: the backend leg.

use schemars::JsonSchema;
use serde::Deserialize;
use viaduct_config::dynamic::http::{ForwardingTimeouts, Spiffe};

use super::Revoked;

/// `spec`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ServersTransport {
    #[serde(skip)]
    pub revoked: Revoked,
    /// SNI and verified name. Default: the server's address.
    pub server_name: String,
    /// Takes any certificate. Default false.
    pub insecure_skip_verify: bool,
    /// CAs that server certificates must chain to. Default: the system's roots. An empty list is a list
    /// without a CA, and is refused.
    #[serde(rename = "rootCAs")]
    pub root_cas: Option<Vec<RootCa>>,
    /// The old form of `rootCAs`: names of Secrets. Deprecated by Traefik.
    #[serde(rename = "rootCAsSecrets")]
    pub root_cas_secrets: Option<Vec<String>>,
    /// Secrets with client certificates (`tls.crt`, `tls.key`) for the server. Default: none.
    pub certificates_secrets: Vec<String>,
    /// TLS 1.2 cipher suites, by Go's names. Default: all that are safe.
    pub cipher_suites: Vec<String>,
    /// Lowest TLS version, such as `VersionTLS12`. Default `VersionTLS12`.
    pub min_version: String,
    /// Highest TLS version. Default `VersionTLS13`.
    pub max_version: String,
    /// Idle connections kept for each server. Default 200; negative: none is used again.
    #[schemars(range(min = -1))]
    pub max_idle_conns_per_host: Option<i64>,
    /// How long servers may take.
    pub forwarding_timeouts: Option<ForwardingTimeouts>,
    /// Speaks HTTP/1.1 only. Default false.
    #[serde(rename = "disableHTTP2")]
    pub disable_http2: bool,
    /// A URI that server certificates must name, beside the server's name. Default: none.
    #[serde(rename = "peerCertURI")]
    pub peer_cert_uri: String,
    /// SPIFFE identities of servers. Default: none.
    pub spiffe: Option<Spiffe>,
}

/// Where CAs come from: exactly one of the two; the Secret wins, as in Traefik.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "!(has(self.secret) && has(self.configMap))",
    "message": "a root CA is in a Secret or in a ConfigMap, not in both",
}]))]
pub struct RootCa {
    /// A Secret with the CAs under `tls.ca` or `ca.crt`.
    pub secret: Option<String>,
    /// A ConfigMap with the CAs under `tls.ca` or `ca.crt`.
    pub config_map: Option<String>,
}
