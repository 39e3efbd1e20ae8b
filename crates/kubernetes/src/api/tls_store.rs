//! `TLSStore`: default certificate and further certificates. Only a store named `default` counts.

use schemars::JsonSchema;
use serde::Deserialize;
use viaduct_config::dynamic::tls::GeneratedCertificate;

/// `spec`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TlsStore {
    /// What clients are shown where no certificate has the server's name. Default: one made at the start.
    pub default_certificate: Option<SecretName>,
    /// The same, obtained by a certificate resolver. Default: none.
    pub default_generated_cert: Option<GeneratedCertificate>,
    /// Further certificates, chosen by the server's name. Default: none.
    pub certificates: Vec<SecretName>,
}

/// A Secret with a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretName {
    /// Name of a Secret with `tls.crt` and `tls.key`, in the store's namespace.
    pub secret_name: String,
}
