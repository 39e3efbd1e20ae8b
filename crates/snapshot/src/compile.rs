//! Updates -> snapshot.

use std::sync::Arc;

use viaduct_config::{Finding, Update};
use viaduct_tls::Identity;

use crate::{Install, Snapshot};

pub struct Inputs<'a> {
    pub install: &'a Install,
    /// The latest update of each provider.
    pub updates: &'a [Arc<Update>],
    /// Answers where no certificate matches and no store names a default (A8.14).
    pub generated_default: Arc<Identity>,
}

/// Never fails: what is broken is left out or put out of service, and said.
pub fn compile(_inputs: &Inputs<'_>, _previous: Option<&Snapshot>) -> (Arc<Snapshot>, Vec<Finding>) {
    todo!()
}
