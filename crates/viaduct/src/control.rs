//! The control plane: updates in, one atomic snapshot out, findings told once.

mod report;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, watch};
use viaduct_config::{Finding, Update};
use viaduct_snapshot::{Inputs, Install, RouterState, Snapshot, compile};
use viaduct_tls::{CertificateStore, Identity};

use crate::telemetry::ReloadCount;

pub(crate) use report::{Report, gather, text};

/// Holds the latest update of every provider and the snapshot made of them.
pub(crate) struct Control {
    install: Install,
    generated_default: Arc<Identity>,
    updates: Vec<Arc<Update>>,
    current: Option<Arc<Snapshot>>,
    report: Report,
    reloads: Arc<ReloadCount>,
}

impl Control {
    pub(crate) fn new(install: Install, reloads: Arc<ReloadCount>) -> Self {
        Self {
            install,
            generated_default: Arc::new(CertificateStore::generate_default()),
            updates: Vec::new(),
            current: None,
            report: Report::default(),
            reloads,
        }
    }

    /// Takes a provider's new configuration. `None`: it is what the provider said before.
    pub(crate) fn apply(&mut self, update: Update) -> Option<Arc<Snapshot>> {
        if !self.replace(update) {
            tracing::debug!("configuration unchanged");
            return None;
        }
        let started = Instant::now();
        let inputs = Inputs {
            install: &self.install,
            updates: &self.updates,
            generated_default: Arc::clone(&self.generated_default),
        };
        let (snapshot, findings) = compile(&inputs, self.current.as_deref());
        self.report.tell(findings);
        self.tell_applied(&snapshot, started);
        self.reloads.applied();
        self.current = Some(Arc::clone(&snapshot));
        Some(snapshot)
    }

    /// Applies updates until their source ends. Cancel safe: an update is applied whole or not at all.
    pub(crate) async fn follow(
        mut self,
        mut updates: mpsc::Receiver<Update>,
        snapshots: watch::Sender<Arc<Snapshot>>,
    ) {
        while let Some(update) = updates.recv().await {
            if let Some(snapshot) = self.apply(update) {
                snapshots.send_replace(snapshot);
            }
        }
    }

    /// Whether the update says anything new.
    fn replace(&mut self, update: Update) -> bool {
        match self
            .updates
            .iter_mut()
            .find(|known| known.provider == update.provider)
        {
            Some(known) if **known == update => false,
            Some(known) => {
                *known = Arc::new(update);
                true
            }
            None => {
                self.updates.push(Arc::new(update));
                true
            }
        }
    }

    /// Says what is in force now, and nothing of having applied what changed nothing.
    fn tell_applied(&self, snapshot: &Snapshot, started: Instant) {
        let before = self.current.as_ref().map(|current| current.generation);
        if before == Some(snapshot.generation) {
            tracing::info!(
                generation = snapshot.generation,
                "configuration read: what is served stays as it was"
            );
            return;
        }
        let out_of_service = snapshot
            .routers
            .values()
            .filter(|router| matches!(router.state, RouterState::OutOfService { .. }))
            .count();
        tracing::info!(
            generation = snapshot.generation,
            routers = snapshot.routers.len(),
            out_of_service,
            milliseconds = started.elapsed().as_millis(),
            "configuration applied"
        );
    }
}

/// Whether any finding is an error.
pub(crate) fn has_errors(findings: &[Finding]) -> bool {
    findings
        .iter()
        .any(|finding| finding.severity == viaduct_config::Severity::Error)
}
