//! `tls`: certificates, options and stores of the client leg.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Elements;
use crate::shared::Shared;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Tls {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub certificates: Shared<Vec<StoredCertificate>>,
    #[serde(skip_serializing_if = "Elements::is_empty")]
    pub options: Elements<TlsOptions>,
    #[serde(skip_serializing_if = "Elements::is_empty")]
    pub stores: Elements<TlsStore>,
}

impl Tls {
    pub fn is_empty(&self) -> bool {
        self.certificates.is_empty() && self.options.is_empty() && self.stores.is_empty()
    }
}

/// An entry of `tls.certificates`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "WrittenCertificate", into = "WrittenCertificate")]
pub struct StoredCertificate {
    pub pair: CertificatePair,
    /// Default: `default`, the only store that counts.
    pub stores: Vec<String>,
}

/// [`StoredCertificate`] as it is written. Not by `flatten`, which would swallow unknown fields.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WrittenCertificate {
    cert_file: Arc<str>,
    key_file: Arc<str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stores: Vec<String>,
}

impl From<WrittenCertificate> for StoredCertificate {
    fn from(written: WrittenCertificate) -> Self {
        Self {
            pair: CertificatePair {
                cert_file: written.cert_file,
                key_file: written.key_file,
            },
            stores: written.stores,
        }
    }
}

impl From<StoredCertificate> for WrittenCertificate {
    fn from(stored: StoredCertificate) -> Self {
        Self {
            cert_file: stored.pair.cert_file,
            key_file: stored.pair.key_file,
            stores: stored.stores,
        }
    }
}

/// A certificate chain and its key: PEM contents, or file names in the file provider.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CertificatePair {
    pub cert_file: Arc<str>,
    pub key_file: Arc<str>,
}

impl std::fmt::Debug for CertificatePair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CertificatePair")
            .field("cert_file", &self.cert_file)
            .field("key_file", &"REDACTED")
            .finish()
    }
}

/// `tls.options.<name>`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TlsOptions {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub min_version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub max_version: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cipher_suites: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub curve_preferences: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_auth: Option<ClientAuth>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub sni_strict: bool,
    /// Default `h2, http/1.1, acme-tls/1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alpn_protocols: Option<Vec<String>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub disable_session_tickets: bool,
    /// Deprecated by Traefik; accepted and ignored with a warning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefer_server_cipher_suites: Option<bool>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientAuth {
    /// PEM contents (or file names in the file provider).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ca_files: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub client_auth_type: String,
}

/// `tls.stores.<name>`; only `default` counts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TlsStore {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_certificate: Option<CertificatePair>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_generated_cert: Option<GeneratedCertificate>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct GeneratedCertificate {
    /// The certificate resolver that obtains it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub resolver: String,
    /// The names it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<Domain>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct Domain {
    /// A DNS name.
    pub main: String,
    /// Further names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sans: Vec<String>,
}
