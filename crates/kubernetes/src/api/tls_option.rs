//! `TLSOption`: the client leg's TLS parameters.

use serde::Deserialize;

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TlsOption {
    pub min_version: String,
    pub max_version: String,
    pub cipher_suites: Vec<String>,
    pub curve_preferences: Vec<String>,
    pub client_auth: Option<ClientAuth>,
    pub sni_strict: bool,
    pub alpn_protocols: Option<Vec<String>>,
    pub disable_session_tickets: bool,
    pub prefer_server_cipher_suites: Option<bool>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientAuth {
    /// Secrets with the CAs (`tls.ca`, then `ca.crt`) that client certificates must chain to.
    pub secret_names: Vec<String>,
    pub client_auth_type: String,
}
