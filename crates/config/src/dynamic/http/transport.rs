//! `http.serversTransports.<name>`.

use serde::{Deserialize, Serialize};

use crate::duration::GoDuration;
use crate::dynamic::tls::CertificatePair;

/// `http.serversTransports.<name>`: the backend leg.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServersTransport {
    /// SNI and verified name of every server of the service. Default: the server URL's host.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub server_name: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub insecure_skip_verify: bool,
    /// PEM contents (or file names in the file provider). `None`: the system's roots. A list that
    /// yields no certificate is broken, never the system's roots (A14.1).
    #[serde(rename = "rootCAs", skip_serializing_if = "Option::is_none")]
    pub root_cas: Option<Vec<String>>,
    /// Client certificates offered to the backend.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<CertificatePair>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cipher_suites: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub min_version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub max_version: String,
    /// Idle connections kept per server. Default 200 (A14.4); negative: no reuse.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_idle_conns_per_host: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forwarding_timeouts: Option<ForwardingTimeouts>,
    #[serde(rename = "disableHTTP2", skip_serializing_if = "std::ops::Not::not")]
    pub disable_http2: bool,
    #[serde(rename = "peerCertURI", skip_serializing_if = "String::is_empty")]
    pub peer_cert_uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spiffe: Option<Spiffe>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ForwardingTimeouts {
    /// Default 30 s; 0: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dial_timeout: Option<GoDuration>,
    /// Default 0: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_header_timeout: Option<GoDuration>,
    /// Default 90 s; 0: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_conn_timeout: Option<GoDuration>,
    /// HTTP/2 ping after this much silence. Default 0: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_idle_timeout: Option<GoDuration>,
    /// Default 15 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ping_timeout: Option<GoDuration>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct Spiffe {
    /// Identities that are accepted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<String>,
    /// The trust domain whose identities are accepted.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub trust_domain: String,
}
