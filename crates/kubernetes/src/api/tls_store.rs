//! `TLSStore`: default certificate and further certificates. Only a store named `default` counts.

use serde::Deserialize;
use viaduct_config::dynamic::tls::GeneratedCertificate;

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TlsStore {
    pub default_certificate: Option<SecretName>,
    pub default_generated_cert: Option<GeneratedCertificate>,
    pub certificates: Vec<SecretName>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretName {
    pub secret_name: String,
}
