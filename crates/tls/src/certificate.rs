//! Certificates and keys as values that have been checked once.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

/// SHA-256 of a certificate's DER. Displays as lower-case hex.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub [u8; 32]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What people ask of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    pub fingerprint: Fingerprint,
    /// RFC 4514 text.
    pub subject: String,
    pub issuer: String,
    pub common_name: Option<String>,
    pub dns_names: Vec<String>,
    pub ip_addresses: Vec<std::net::IpAddr>,
    pub uris: Vec<String>,
    pub serial: String,
    pub not_before: SystemTime,
    pub not_after: SystemTime,
    pub is_ca: bool,
    pub self_issued: bool,
}

/// A certificate chain and the private key that belongs to it.
#[derive(Clone)]
pub struct Identity {
    pub(crate) key: Arc<rustls::sign::CertifiedKey>,
    facts: Arc<CertificateFacts>,
}

impl Identity {
    /// Reads a PEM chain (leaf first) and a PEM key (PKCS#8, PKCS#1, SEC1) and checks that they belong
    /// together.
    pub fn from_pem(_chain: &[u8], _key: &[u8]) -> Result<Self, IdentityError> {
        todo!()
    }

    pub fn facts(&self) -> &CertificateFacts {
        &self.facts
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("certificate", &self.facts.fingerprint)
            .finish_non_exhaustive()
    }
}

impl PartialEq for Identity {
    /// Same leaf and same chain; the key follows from the leaf.
    fn eq(&self, other: &Self) -> bool {
        self.key.cert == other.key.cert
    }
}

impl Eq for Identity {}

/// Why a certificate and key cannot be used. Closed set;
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    #[error("no certificate in the PEM text")]
    NoCertificate,
    #[error("no private key in the PEM text")]
    NoKey,
    #[error("the PEM text is damaged: {0}")]
    BadPem(String),
    #[error("the certificate cannot be read: {0}")]
    BadCertificate(String),
    #[error("the private key cannot be used: {0}")]
    BadKey(String),
    #[error("the private key does not belong to the certificate")]
    Mismatch,
}
