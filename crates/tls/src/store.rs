//! The client leg's certificates, and which of them answers a ClientHello.

use std::sync::Arc;

use crate::certificate::Identity;

/// Immutable; built with the snapshot. Choice: exact SAN, then one-label wildcard, then the default.
/// Among several for one name (RSA and ECDSA side by side, A14.11) the first that the ClientHello's
/// signature schemes can use, ECDSA before RSA, then the one that expires last.
#[derive(Debug)]
pub struct CertificateStore {
    _private: (),
}

impl CertificateStore {
    pub fn new(_identities: Vec<Arc<Identity>>, _default: Arc<Identity>) -> Self {
        todo!()
    }

    /// Whether a certificate other than the default matches `name` (lower case, no trailing dot).
    pub fn covers(&self, _name: &str) -> bool {
        todo!()
    }

    pub fn identities(&self) -> impl Iterator<Item = &Arc<Identity>> {
        std::iter::empty()
    }

    /// A self-signed certificate in the place of Traefik's `TRAEFIK DEFAULT CERT` (A8.14). Uses
    /// randomness and the clock: called by the binary at start, handed to the snapshot.
    pub fn generate_default() -> Identity {
        todo!()
    }
}
