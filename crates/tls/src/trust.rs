//! Whom a leg trusts. The legs are different types, so that trust for one cannot be used for the other.

use std::num::NonZeroU64;
use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, TrustAnchor};

use crate::certificate::{CertificateFacts, Extensions, Fingerprint, UnreadableCertificate, read};

mod system;
pub use system::load_system_roots;
pub(crate) use system::system_roots;

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
///
/// A root may be any certificate, as in Go: an authority, an intermediate, or a server's own leaf, which
/// then vouches for itself and for nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustBundle {
    anchors: Arc<Anchors>,
    /// Bundles that it has replaced and that are believed for a while yet, the latest first. They count for
    /// equality, and for nothing that [`roots`](Self::roots) tells.
    previous: Vec<Arc<Self>>,
}

impl TrustBundle {
    /// The most one PEM text may have, in bytes; the system's usual bundle has a quarter of a megabyte.
    pub const MAX_PEM: usize = 8 << 20;
    /// The most roots one bundle may have.
    pub const MAX_ROOTS: usize = 4096;

    /// Reads one or more PEM texts. A text without a readable certificate, or any certificate in it
    /// that cannot be read, is an error: trust is never silently smaller or larger than written.
    pub fn from_pem<'a>(texts: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, TrustError> {
        let mut roots = Vec::new();
        for (text, pem) in texts.into_iter().enumerate() {
            if pem.len() > Self::MAX_PEM {
                return Err(TrustError::TooLarge(text));
            }
            let before = roots.len();
            for (index, der) in CertificateDer::pem_slice_iter(pem).enumerate() {
                if roots.len() == Self::MAX_ROOTS {
                    return Err(TrustError::TooMany);
                }
                let unreadable = |why: String| TrustError::Unreadable { text, index, why };
                let der = der.map_err(|error| unreadable(error.to_string()))?;
                roots.push(Root::read(der).map_err(|error| unreadable(error.to_string()))?);
            }
            if let Some(label) = foreign_certificate_block(pem) {
                let why = format!("a `{label}` block is not read here: write it as `CERTIFICATE`");
                return Err(TrustError::Unreadable {
                    text,
                    index: roots.len() - before,
                    why,
                });
            }
            if roots.len() == before {
                return Err(TrustError::NoCertificate(text));
            }
        }
        if roots.is_empty() {
            return Err(TrustError::Empty);
        }
        Ok(Self::of(Anchors::new(roots)))
    }

    fn of(anchors: Anchors) -> Self {
        Self {
            anchors: Arc::new(anchors),
            previous: Vec::new(),
        }
    }

    /// The same roots, while `previous` are believed as well: a chain that ends in one of theirs alone is proved,
    /// and the proof says so.
    #[must_use]
    pub fn after(&self, previous: Vec<Arc<Self>>) -> Self {
        Self {
            anchors: Arc::clone(&self.anchors),
            previous,
        }
    }

    /// Bundles that are believed beside this one, the latest first.
    pub fn previous(&self) -> &[Arc<Self>] {
        &self.previous
    }

    /// Whether a root of it is none of `other`'s; previous bundles do not count.
    pub fn brings_roots_to(&self, other: &Self) -> bool {
        self.roots().any(|root| !other.has(&root.fingerprint))
    }

    /// Whether it has this root; previous bundles do not count.
    pub fn has(&self, fingerprint: &Fingerprint) -> bool {
        let roots = &self.anchors.roots;
        roots
            .binary_search_by(|root| root.facts.fingerprint.cmp(fingerprint))
            .is_ok()
    }

    /// Without the roots that `gone` names, here and in previous bundles. `None`: nothing is left of it.
    pub fn without(&self, gone: impl Fn(&Fingerprint) -> bool) -> Option<Self> {
        self.filtered(&gone)
    }

    fn filtered(&self, gone: &dyn Fn(&Fingerprint) -> bool) -> Option<Self> {
        let anchors = if self.roots().any(|root| gone(&root.fingerprint)) {
            let left = self.anchors.roots.iter();
            let left = left.filter(|root| !gone(&root.facts.fingerprint));
            Arc::new(Anchors::new(left.cloned().collect()))
        } else {
            Arc::clone(&self.anchors)
        };
        let previous = self.previous.iter();
        let previous = previous.filter_map(|bundle| bundle.filtered(gone).map(Arc::new));
        (!anchors.is_empty()).then(|| Self {
            anchors,
            previous: previous.collect(),
        })
    }

    pub fn roots(&self) -> impl Iterator<Item = &CertificateFacts> {
        self.anchors.roots.iter().map(|root| &root.facts)
    }

    pub(crate) fn anchors(&self) -> &Anchors {
        &self.anchors
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    #[error("no CA certificate given")]
    Empty,
    #[error("it holds no certificate in PEM form")]
    NoCertificate(usize),
    #[error("its certificate number {} cannot be read: {why}", index + 1)]
    Unreadable { text: usize, index: usize, why: String },
    #[error("it is larger than {max} bytes", max = TrustBundle::MAX_PEM)]
    TooLarge(usize),
    #[error("more than {} CA certificates", TrustBundle::MAX_ROOTS)]
    TooMany,
}

impl TrustError {
    /// Which of the texts is at fault, by its position; `None`: all of them together.
    pub fn text(&self) -> Option<usize> {
        match self {
            Self::NoCertificate(text) | Self::TooLarge(text) | Self::Unreadable { text, .. } => Some(*text),
            Self::Empty | Self::TooMany => None,
        }
    }
}

/// Which trust a pooled connection was made under; it changes whenever the transport's trust, name or
/// client identity does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TrustGeneration(pub NonZeroU64);

/// One trusted certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Root {
    pub(crate) der: CertificateDer<'static>,
    pub(crate) facts: CertificateFacts,
    pub(crate) extensions: Extensions,
    /// What webpki builds paths to; `None` for certificates that may not sign others.
    anchor: Option<TrustAnchor<'static>>,
}

impl Root {
    fn read(der: CertificateDer<'static>) -> Result<Self, UnreadableCertificate> {
        let (facts, extensions) = read(&der)?;
        let anchor = if extensions.may_sign {
            let anchor = webpki::anchor_from_trusted_cert(&der)
                .map_err(|error| UnreadableCertificate(error.to_string()))?
                .to_owned();
            Some(anchor)
        } else {
            None
        };
        Ok(Self {
            der,
            facts,
            extensions,
            anchor,
        })
    }
}

/// Roots, prepared for path building. Sorted and without repetition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Anchors {
    roots: Vec<Root>,
    /// The roots that may sign, in the same order as `signers`.
    anchors: Vec<TrustAnchor<'static>>,
    /// Positions in `roots`.
    signers: Vec<usize>,
}

impl Anchors {
    fn new(mut roots: Vec<Root>) -> Self {
        roots.sort_by_key(|root| root.facts.fingerprint);
        roots.dedup_by_key(|root| root.facts.fingerprint);
        let (signers, anchors) = roots
            .iter()
            .enumerate()
            .filter_map(|(at, root)| root.anchor.clone().map(|anchor| (at, anchor)))
            .unzip();
        Self {
            roots,
            anchors,
            signers,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.roots.is_empty()
    }

    pub(crate) fn roots(&self) -> &[Root] {
        &self.roots
    }

    pub(crate) fn trust_anchors(&self) -> &[TrustAnchor<'static>] {
        &self.anchors
    }

    /// The root behind one of [`Self::trust_anchors`], by identity: several may share name and key.
    pub(crate) fn root_of(&self, anchor: &TrustAnchor<'_>) -> Option<&Root> {
        let at = self
            .anchors
            .iter()
            .position(|known| std::ptr::addr_eq(known, anchor))?;
        self.signers.get(at).and_then(|&root| self.roots.get(root))
    }

    /// The root that is this very certificate.
    pub(crate) fn same(&self, der: &CertificateDer<'_>) -> Option<&Root> {
        self.roots.iter().find(|root| root.der == *der)
    }
}

/// The label of a PEM block that holds a certificate in a form the parser passes over.
fn foreign_certificate_block(pem: &[u8]) -> Option<&'static str> {
    let lines = pem.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    lines.into_iter().find_map(|line| match line {
        b"-----BEGIN X509 CERTIFICATE-----" => Some("X509 CERTIFICATE"),
        b"-----BEGIN TRUSTED CERTIFICATE-----" => Some("TRUSTED CERTIFICATE"),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
