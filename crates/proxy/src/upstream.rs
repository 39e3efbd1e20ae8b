//! Step 9: the backend leg: pools, connections, proof.

use viaduct_snapshot::Snapshot;

/// The backend pools of one worker.
#[derive(Default)]
pub(crate) struct Upstreams {
    _private: (),
}

impl Upstreams {
    /// Closes the pools that `snapshot` does not know: idle connections at once, busy ones after their
    /// exchange.
    pub(crate) fn retain(&self, _snapshot: &Snapshot) {}
}
