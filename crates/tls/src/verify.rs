//! The backend leg's verifier, on webpki's primitives.
//!
//! It accepts what Go's x509 accepts (A7.18), among it a self-signed server certificate that is itself
//! the trust anchor, by exact match, with validity and name still checked (E59). When it refuses, the
//! typed [`Fault`](crate::Fault), with the presented chain, travels inside rustls's error
//! (`CertificateError::Other`), because rustls drops the chain.

use crate::certificate::{CertificateFacts, Fingerprint};
use crate::reason::Fault;

/// Proof that a peer's chain and name were checked; made only here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified(());

/// What verification established, for logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    pub verified: Option<Verified>,
    /// The trust anchor; `None` when verification was skipped.
    pub verified_by: Option<Fingerprint>,
    pub peer: std::sync::Arc<CertificateFacts>,
}

#[derive(Debug)]
pub struct BackendVerifier {
    _private: (),
}

impl BackendVerifier {
    /// After a handshake, full or resumed: what it proved. A small bounded cache remembers verified
    /// chains; validity is checked against the clock again each time (a resumed session must not
    /// outlive its certificate, R17).
    pub fn proof(
        &self,
        _chain: &[rustls_pki_types::CertificateDer<'static>],
        _expected: &crate::reason::ExpectedName,
    ) -> Result<Proof, Fault> {
        todo!()
    }
}

/// The [`Fault`] of a rustls error on the backend leg.
pub fn fault_of(
    _error: &rustls::Error,
    _expected: &crate::reason::ExpectedName,
    _sent_identity: bool,
) -> Fault {
    todo!("Other(Fault) downcast; alerts; protocol versions; InvalidContentType -> plaintext; ...")
}
