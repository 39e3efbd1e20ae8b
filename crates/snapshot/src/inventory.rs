//! Everything that a snapshot holds, for those who tell of it: metrics, API.

use std::sync::Arc;

use viaduct_tls::{ClientAuth, Identity, TrustBundle};

use crate::Snapshot;
use crate::install::HeldTrust;
use crate::service::Service;
use crate::transport::Transport;

impl Snapshot {
    /// Every HTTP service that can be used.
    pub fn services(&self) -> impl Iterator<Item = &Arc<Service>> {
        self.book.services.values().map(|kept| &kept.service)
    }

    /// Every servers transport that can be used.
    pub fn transports(&self) -> impl Iterator<Item = &Arc<Transport>> {
        self.book.transports.ready()
    }

    /// Servers transports whose trust of before stays in force, by name.
    pub fn held_trust(&self) -> impl Iterator<Item = (&Arc<str>, &HeldTrust)> {
        self.book.install.held_trust.iter()
    }

    /// The certificates that clients may be shown; the default is the last.
    pub fn identities(&self) -> impl Iterator<Item = &Arc<Identity>> {
        let kept = &*self.book.store;
        kept.identities.iter().chain([&kept.default])
    }

    /// The CAs that clients' certificates are verified with, by the name of their TLS options.
    pub fn client_cas(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<TrustBundle>)> {
        self.book
            .tls_options
            .iter()
            .filter_map(|(name, policy)| match &policy.tls.policy().client_auth {
                ClientAuth::VerifyIfGiven(cas) | ClientAuth::RequireAndVerify(cas) => Some((name, &cas.0)),
                ClientAuth::None | ClientAuth::Request | ClientAuth::RequireAny => None,
            })
    }
}
