//! Answers that were found good, by certificate: how they travel from whoever asked to the certificates.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use crate::certificate::Fingerprint;

/// What the authority says of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Good,
    Revoked,
}

/// A verified answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staple {
    pub(super) response: Vec<u8>,
    pub(super) status: Status,
    pub(super) this_update: SystemTime,
    pub(super) next_update: Option<SystemTime>,
}

impl Staple {
    /// The OCSPResponse as it came, DER.
    pub fn response(&self) -> &[u8] {
        &self.response
    }

    pub fn status(&self) -> Status {
        self.status
    }

    /// When what it says was known to be true.
    pub fn this_update(&self) -> SystemTime {
        self.this_update
    }

    /// When it ends to be valid; `None`: the authority always has newer information (RFC 6960 2.4).
    pub fn next_update(&self) -> Option<SystemTime> {
        self.next_update
    }
}

/// How it stands with one certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stapling {
    /// What to staple; `None`: nothing that is in date.
    pub staple: Option<Arc<Staple>>,
    /// Why the last attempt to get an answer failed; `None`: it did not.
    pub fault: Option<Arc<str>>,
}

/// By the leaf's fingerprint. A certificate that is not here has not been asked about yet, or names no
/// responder.
pub type Staples = BTreeMap<Fingerprint, Stapling>;
