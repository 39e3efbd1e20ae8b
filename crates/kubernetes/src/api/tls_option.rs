//! `TLSOption`: the client leg's TLS parameters.

use schemars::JsonSchema;
use serde::Deserialize;

/// `spec`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TlsOption {
    /// Lowest TLS version, such as `VersionTLS12`. Default `VersionTLS12`.
    pub min_version: String,
    /// Highest TLS version. Default `VersionTLS13`.
    pub max_version: String,
    /// TLS 1.2 cipher suites, by Go's names. Default: all that are safe.
    pub cipher_suites: Vec<String>,
    /// Key exchanges, the preferred one first. Default: all that are safe.
    pub curve_preferences: Vec<String>,
    /// Certificates of clients. Default: none is asked for.
    pub client_auth: Option<ClientAuth>,
    /// Refuses connections whose server name no certificate has. Default false.
    pub sni_strict: bool,
    /// Protocols offered by ALPN, the preferred one first. Default `h2`, `http/1.1`, `acme-tls/1`.
    pub alpn_protocols: Option<Vec<String>>,
    /// Whether clients have to do a whole handshake for each connection. Default false.
    pub disable_session_tickets: bool,
    /// Without effect; deprecated by Traefik.
    pub prefer_server_cipher_suites: Option<bool>,
}

/// `spec.clientAuth`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientAuth {
    /// Secrets with the CAs (`tls.ca`, then `ca.crt`) that client certificates must chain to.
    pub secret_names: Vec<String>,
    /// `NoClientCert`, `RequestClientCert`, `RequireAnyClientCert`, `VerifyClientCertIfGiven` or
    /// `RequireAndVerifyClientCert`. Default: the last where there are CAs, else the first.
    #[schemars(extend("enum" = [
        "NoClientCert",
        "RequestClientCert",
        "RequireAnyClientCert",
        "VerifyClientCertIfGiven",
        "RequireAndVerifyClientCert",
    ]))]
    pub client_auth_type: String,
}
