//! `ServersTransportTCP`: the backend leg of TCP routers.

use schemars::JsonSchema;
use serde::Deserialize;
use viaduct_config::duration::GoDuration;
use viaduct_config::dynamic::http::Spiffe;
use viaduct_config::dynamic::tcp::ProxyProtocol;

use super::servers_transport::RootCa;

/// `spec`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ServersTransportTcp {
    /// Time between keep-alive probes, in seconds or as a duration. Default 15 s; negative: none.
    pub dial_keep_alive: Option<GoDuration>,
    /// How long a connection may take to be made, in seconds or as a duration. Default 30 s; 0: any time.
    pub dial_timeout: Option<GoDuration>,
    /// The PROXY protocol towards servers. Default: none.
    pub proxy_protocol: Option<ProxyProtocol>,
    /// How long the other side may go on after one stopped writing, in seconds or as a duration.
    /// Default 100 ms.
    pub termination_delay: Option<GoDuration>,
    /// TLS towards servers, of services that say `tls: true`. Default: the system's roots.
    pub tls: Option<ClientTls>,
}

/// `spec.tls`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientTls {
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
    /// A URI that server certificates must name, beside the server's name. Default: none.
    #[serde(rename = "peerCertURI")]
    pub peer_cert_uri: String,
    /// SPIFFE identities of servers. Default: none.
    pub spiffe: Option<Spiffe>,
}
