//! Certificates and keys as values that have been checked once.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::SystemTime;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

mod details;
mod facts;
mod issued;
pub use details::CertificateDetails;
pub(crate) use facts::{Extensions, read, rfc4514};
pub use issued::is_signed_by;

/// SHA-256 of a certificate's DER. Displays as lower-case hex.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    pub fn of(der: &[u8]) -> Self {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der);
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest.as_ref());
        Self(bytes)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Fingerprint {
    type Err = BadFingerprint;

    /// 64 hexadecimal digits in either case, perhaps with colons between the bytes, perhaps behind `sha256:`.
    fn from_str(text: &str) -> Result<Self, BadFingerprint> {
        let text = text.trim();
        let digits = match text.split_at_checked(PREFIX.len()) {
            Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) => rest,
            Some(_) | None => text,
        };
        let mut bytes = [0; 32];
        let mut digits = digits.bytes().filter(|byte| *byte != b':');
        let mut digit = || {
            let byte = digits.next().ok_or(BadFingerprint)?;
            char::from(byte).to_digit(16).ok_or(BadFingerprint)
        };
        for byte in &mut bytes {
            let value = digit()? * 16 + digit()?;
            *byte = u8::try_from(value).map_err(|_| BadFingerprint)?;
        }
        match digits.next() {
            None => Ok(Self(bytes)),
            Some(_) => Err(BadFingerprint),
        }
    }
}

const PREFIX: &str = "sha256:";

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "no SHA-256 fingerprint: 64 hexadecimal digits are wanted, as `openssl x509 -noout -fingerprint -sha256` prints them"
)]
pub struct BadFingerprint;

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
    /// Lower-case hex.
    pub serial: String,
    pub not_before: SystemTime,
    pub not_after: SystemTime,
    pub is_ca: bool,
    /// Subject and issuer are the same name.
    pub self_issued: bool,
}

impl CertificateFacts {
    pub fn from_der(der: &[u8]) -> Result<Self, UnreadableCertificate> {
        read(der).map(|(facts, _)| facts)
    }

    /// What to call the certificate in a message: its subject, else its first name, else its fingerprint.
    pub fn label(&self) -> String {
        if !self.subject.is_empty() {
            return self.subject.clone();
        }
        let name = self.dns_names.first().or_else(|| self.uris.first());
        match (name, self.ip_addresses.first()) {
            (Some(name), _) => name.escape_debug().to_string(),
            (None, Some(address)) => address.to_string(),
            (None, None) => format!("certificate {}", self.fingerprint),
        }
    }
}

/// The bytes are not an X.509 certificate, or one of the extensions we rely on is damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnreadableCertificate(pub(crate) String);

/// A certificate chain and the private key that belongs to it.
#[derive(Clone)]
pub struct Identity {
    pub(crate) key: Arc<rustls::sign::CertifiedKey>,
    facts: Arc<CertificateFacts>,
    /// The issuer names of the chain, in DER, leaf first: what a CertificateRequest's list is compared with.
    issuers: Arc<[Vec<u8>]>,
    must_staple: bool,
}

impl Identity {
    /// The most a chain's or key's PEM text may have, in bytes.
    pub const MAX_PEM: usize = 1 << 20;
    /// The most certificates a chain may have; TLS stacks refuse longer ones.
    pub const MAX_CHAIN: usize = 32;

    /// Reads a PEM chain (leaf first) and a PEM key (PKCS#8, PKCS#1, SEC1) and checks that they belong
    /// together.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, IdentityError> {
        if chain.len() > Self::MAX_PEM || key.len() > Self::MAX_PEM {
            return Err(IdentityError::TooLarge);
        }
        let chain = read_chain(chain)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| match error {
            rustls_pki_types::pem::Error::NoItemsFound => IdentityError::NoKey,
            other => IdentityError::BadPem(other.to_string()),
        })?;
        Self::from_der(chain, key)
    }

    fn from_der(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, IdentityError> {
        let mut read_chain = Vec::with_capacity(chain.len());
        for der in &chain {
            read_chain.push(read(der).map_err(|error| IdentityError::BadCertificate(error.to_string()))?);
        }
        let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key)
            .map_err(|error| IdentityError::BadKey(error.to_string()))?;
        let issuers = read_chain
            .iter()
            .map(|(_, extensions)| extensions.issuer_der.clone())
            .collect();
        let Some((facts, extensions)) = read_chain.into_iter().next() else {
            return Err(IdentityError::NoCertificate);
        };
        let Some(public_key) = key.public_key() else {
            return Err(IdentityError::BadKey(
                "its public half cannot be computed".to_owned(),
            ));
        };
        if public_key.as_ref() != extensions.public_key.as_slice() {
            return Err(IdentityError::Mismatch);
        }
        Ok(Self {
            key: Arc::new(rustls::sign::CertifiedKey::new(chain, key)),
            facts: Arc::new(facts),
            issuers,
            must_staple: extensions.must_staple,
        })
    }

    /// What only those ask who look at the certificate itself.
    pub fn details(&self) -> Option<CertificateDetails> {
        CertificateDetails::from_der(self.key.cert.first()?)
    }

    pub fn facts(&self) -> &CertificateFacts {
        &self.facts
    }

    /// The chain in DER, leaf first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.key.cert
    }

    /// What a rustls certificate resolver gives.
    pub fn certified_key(&self) -> &Arc<rustls::sign::CertifiedKey> {
        &self.key
    }

    /// Whether clients are to refuse the certificate without a stapled OCSP answer (RFC 7633).
    pub fn must_staple(&self) -> bool {
        self.must_staple
    }

    /// The OCSP response that is stapled, DER.
    pub fn ocsp(&self) -> Option<&[u8]> {
        self.key.ocsp.as_deref()
    }

    /// The same identity with an OCSP response (DER) stapled to its handshakes; empty removes it.
    #[must_use]
    pub fn with_ocsp(&self, response: Vec<u8>) -> Self {
        let mut key = (*self.key).clone();
        key.ocsp = (!response.is_empty()).then_some(response);
        Self {
            key: Arc::new(key),
            facts: Arc::clone(&self.facts),
            issuers: Arc::clone(&self.issuers),
            must_staple: self.must_staple,
        }
    }

    /// Whether one of the chain's issuers is among `subjects` (DER names).
    pub(crate) fn issued_by_any(&self, subjects: &[&[u8]]) -> bool {
        self.issuers
            .iter()
            .any(|issuer| subjects.contains(&issuer.as_slice()))
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
    /// Same leaf, same chain, same staple; the key follows from the leaf.
    fn eq(&self, other: &Self) -> bool {
        self.key.cert == other.key.cert && self.key.ocsp == other.key.ocsp
    }
}

impl Eq for Identity {}

/// Why a certificate and key cannot be used. Closed set.
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
    #[error("the PEM text is larger than {} bytes", Identity::MAX_PEM)]
    TooLarge,
    #[error("the chain has more than {} certificates", Identity::MAX_CHAIN)]
    TooManyCertificates,
}

/// The certificates of a PEM text that is in order, DER; none of one that is damaged or too long.
pub fn pem_chain(text: &[u8]) -> Vec<CertificateDer<'static>> {
    if text.len() > Identity::MAX_PEM {
        return Vec::new();
    }
    read_chain(text).unwrap_or_default()
}

fn read_chain(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    let mut chain = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(text) {
        if chain.len() == Identity::MAX_CHAIN {
            return Err(IdentityError::TooManyCertificates);
        }
        chain.push(certificate.map_err(|error| IdentityError::BadPem(error.to_string()))?);
    }
    if chain.is_empty() {
        Err(IdentityError::NoCertificate)
    } else {
        Ok(chain)
    }
}

#[cfg(test)]
mod tests;
