//! Whom a leg trusts. The legs are different types, so that trust for one cannot be used for the other.

use std::num::NonZeroU64;
use std::sync::Arc;

use crate::certificate::CertificateFacts;

/// Of the client leg: client == TLS ==> us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client<T>(pub T);

/// Of the backend leg: us == TLS ==> server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend<T>(pub T);

/// Where trust comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// Exactly these roots.
    Bundle(Arc<TrustBundle>),
    /// The operating system's roots (`SSL_CERT_FILE`, `SSL_CERT_DIR`, then the usual places).
    System,
}

/// At least one root certificate. Order and repetition do not matter for equality.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustBundle {
    roots: Vec<Root>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Root {
    pub(crate) der: rustls_pki_types::CertificateDer<'static>,
    pub(crate) facts: CertificateFacts,
}

impl TrustBundle {
    /// Reads one or more PEM texts. A text without a readable certificate, or any certificate in it
    /// that cannot be read, is an error: trust is never silently smaller or larger than written.
    pub fn from_pem<'a>(_texts: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, TrustError> {
        todo!()
    }

    pub fn roots(&self) -> impl Iterator<Item = &CertificateFacts> {
        self.roots.iter().map(|root| &root.facts)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    #[error("no CA certificate given")]
    Empty,
    #[error("no certificate in the PEM text #{0}")]
    NoCertificate(usize),
    #[error("certificate #{index} of PEM text #{text} cannot be read: {why}")]
    Unreadable { text: usize, index: usize, why: String },
}

/// Which trust a pooled connection was made under; it changes whenever the transport's trust, name or
/// client identity does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TrustGeneration(pub NonZeroU64);
