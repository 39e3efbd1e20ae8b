//! A connection to a server, with what was proved about the server in its type.

use std::marker::PhantomData;

use viaduct_tls::backend_leg::Verification;
use viaduct_tls::verify::Verified;
use viaduct_tls::{BackendHandshake, BackendPolicy, Fault, Reason};

use super::fault;
use super::lease::Lease;

/// Nobody checked who the server is: plain text, or a transport that skips verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unverified {
    PlainText,
    SkippedByPolicy,
}

/// What a connection was established to be. Kept with it in the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Assurance {
    Verified(Verified),
    Unverified(Unverified),
}

impl Assurance {
    /// The assurance of a finished handshake. No proof under a policy that demands one is a fault: the
    /// bridge is not built.
    pub(crate) fn of(policy: &BackendPolicy, handshake: &BackendHandshake) -> Result<Self, Fault> {
        match (handshake.proof.verified, &policy.verification) {
            (Some(proof), _) => Ok(Self::Verified(proof)),
            (None, Verification::DangerSkip) => Ok(Self::danger_unverified(Unverified::SkippedByPolicy)),
            (None, Verification::Full(_)) => Err(fault::new(
                Reason::HandshakeFailed,
                "a verified server certificate",
                "a handshake that proved nothing",
            )),
        }
    }

    /// The only way to an unverified bridge.
    pub(super) fn danger_unverified(why: Unverified) -> Self {
        Self::Unverified(why)
    }
}

/// A leased connection to a server. `P`: [`Verified`] or [`Unverified`].
pub(crate) struct Bridge<P> {
    lease: Lease,
    proof: PhantomData<P>,
}

/// Either kind; whoever cares which must match.
pub(crate) enum Bridged {
    Verified(Bridge<Verified>),
    Unverified(Bridge<Unverified>),
}

impl Bridged {
    pub(super) fn new(lease: Lease, assurance: Assurance) -> Self {
        match assurance {
            Assurance::Verified(_) => Self::Verified(Bridge {
                lease,
                proof: PhantomData,
            }),
            Assurance::Unverified(_) => Self::Unverified(Bridge {
                lease,
                proof: PhantomData,
            }),
        }
    }

    /// Ready to carry a request.
    pub(crate) fn into_lease(self) -> Lease {
        match self {
            Self::Verified(bridge) => bridge.lease,
            Self::Unverified(bridge) => bridge.lease,
        }
    }
}
