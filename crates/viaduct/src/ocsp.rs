//! OCSP stapling (A8.22): asks the authorities about the certificates that are served, and hands their answers
//! to the control plane, which puts them into the next snapshot. No handshake ever waits for a responder.
//!
//! ```text
//!  control --certificates--> stapler --questions--> ask (HTTP POST) ...
//!     ^                         |  ^                      |
//!     +-------- Staples --------+  +------- answers ------+
//! ```
//! Answers live in memory only. [`schedule`] decides when who is asked, and is pure.

mod ask;
mod responder;
mod schedule;
mod stapler;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;
use viaduct_snapshot::Snapshot;
use viaduct_tls::Identity;
use viaduct_tls::ocsp::Staples;

pub(crate) use responder::{BadResponder, Responder};
use schedule::Pace;
use stapler::Stapler;

/// Traefik's `ocsp`. Stapling is off where there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    /// `ocsp.responderOverrides`: whom to ask instead of the responder of this URL, as it is written in
    /// certificates. Default: empty.
    pub(crate) responder_overrides: BTreeMap<String, Responder>,
}

/// The control plane's end of a running stapler, which ends with it.
#[derive(Debug)]
pub(crate) struct Stapling {
    certificates: watch::Sender<Vec<Arc<Identity>>>,
    staples: watch::Receiver<Arc<Staples>>,
}

impl Stapling {
    /// Needs a tokio runtime.
    pub(crate) fn start(settings: Settings) -> Self {
        Self::with_pace(settings, Pace::default())
    }

    fn with_pace(settings: Settings, pace: Pace) -> Self {
        let (certificates, served) = watch::channel(Vec::new());
        let (publisher, staples) = watch::channel(Arc::default());
        tokio::spawn(Stapler::new(settings, pace, served, publisher).run());
        Self {
            certificates,
            staples,
        }
    }

    /// Says which certificates are served from now on.
    pub(crate) fn serve(&self, snapshot: &Snapshot) {
        let store = snapshot.certificates();
        let certificates = store.identities().chain([store.default_identity()]);
        self.certificates.send_replace(certificates.cloned().collect());
    }

    /// The latest answers.
    pub(crate) fn staples(&self) -> Arc<Staples> {
        Arc::clone(&self.staples.borrow())
    }

    /// Waits until the answers are others than when they were last looked for here. Cancel safe.
    pub(crate) async fn changed(&mut self) {
        if self.staples.changed().await.is_err() {
            // The stapler ends after us only; were it otherwise, there would be nothing more to wait for.
            std::future::pending::<()>().await;
        }
    }
}
