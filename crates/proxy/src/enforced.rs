//! What the workers hold connections against by now, for whoever has to know that a revocation is in force (C9).

use std::sync::{Arc, Mutex, PoisonError};

use viaduct_snapshot::Revocations;

/// By worker. Each writes its own place when it has taken up a snapshot and cut what rests on a revoked certificate.
#[derive(Debug)]
pub struct Enforced(Box<[Mutex<Option<Arc<Revocations>>>]>);

impl Enforced {
    /// Nothing by anybody yet.
    pub fn new(workers: usize) -> Self {
        Self((0..workers).map(|_| Mutex::default()).collect())
    }

    pub(crate) fn by(&self, worker: usize, revocations: &Arc<Revocations>) {
        if let Some(place) = self.0.get(worker) {
            let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
            *place = Some(Arc::clone(revocations));
        }
    }

    /// Whether no worker has a connection that these forbid, or makes one.
    pub fn by_all(&self, revocations: &Revocations) -> bool {
        self.0.iter().all(|place| {
            let place = place.lock().unwrap_or_else(PoisonError::into_inner);
            place.as_deref() == Some(revocations)
        })
    }
}
