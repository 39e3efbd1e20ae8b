//! What the control plane says of each configuration that it puts in force.

use std::sync::{Arc, OnceLock};

use tokio::sync::watch;
use viaduct_config::{Finding, Update};
use viaduct_snapshot::Snapshot;

use super::catalogue::Catalogue;

/// Where it says so.
pub(crate) type Board = watch::Sender<Option<Arc<Published>>>;

/// One configuration: what the providers wrote, and what became of it.
pub(crate) struct Published {
    pub(super) updates: Vec<Arc<Update>>,
    pub(super) snapshot: Arc<Snapshot>,
    catalogue: OnceLock<Catalogue>,
}

impl Published {
    pub(crate) fn new(updates: Vec<Arc<Update>>, snapshot: Arc<Snapshot>) -> Self {
        Self {
            updates,
            snapshot,
            catalogue: OnceLock::new(),
        }
    }

    /// What is to be said of it.
    pub(super) fn findings(&self) -> &[Finding] {
        self.snapshot.findings()
    }

    /// Whether a provider has written a service of this name, `name@provider`.
    pub(crate) fn has_service(&self, name: &str) -> bool {
        name.rsplit_once('@').is_some_and(|(name, provider)| {
            let mut updates = self.updates.iter();
            updates.any(|update| {
                update.provider.as_str() == provider && update.dynamic.http.services.contains_key(name)
            })
        })
    }

    /// Made when it is first asked for.
    pub(super) fn catalogue(&self) -> &Catalogue {
        self.catalogue.get_or_init(|| Catalogue::new(self))
    }
}
