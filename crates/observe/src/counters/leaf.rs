//! Certificates that servers showed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

/// What tells when a server's certificate ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenLeaf {
    pub at: SystemTime,
    /// The server under the trust, name and client certificates that it was connected to with.
    pub pool: u32,
    pub common_name: Arc<str>,
    pub serial: Arc<str>,
    /// Comma-separated.
    pub sans: Arc<str>,
    /// SHA-256.
    pub fingerprint: Arc<str>,
    pub not_after: SystemTime,
}

/// The latest certificate of each server, by its URL, of each way to it ([`SeenLeaf::pool`]). Written once per new connection to a server,
/// never per request; the lock is shared with readers of the metrics alone.
#[derive(Debug, Default)]
pub(super) struct SeenLeafs(Mutex<HashMap<Arc<str>, Vec<SeenLeaf>>>);

impl SeenLeafs {
    pub(super) fn saw(&self, server: &Arc<str>, leaf: SeenLeaf) {
        // A worker does not wait: the next connection tells it again.
        if let Ok(mut seen) = self.0.try_lock()
            && (seen.len() < MOST || seen.contains_key(server))
        {
            keep(seen.entry(Arc::clone(server)).or_default(), leaf);
        }
    }

    pub(super) fn all(&self) -> Vec<(Arc<str>, Vec<SeenLeaf>)> {
        self.0.lock().map_or_else(
            |_| Vec::new(),
            |seen| {
                seen.iter()
                    .map(|(server, leafs)| (Arc::clone(server), leafs.clone()))
                    .collect()
            },
        )
    }

    /// Forgets servers that are no longer configured.
    pub(super) fn retain(&self, known: impl Fn(&str) -> bool) {
        if let Ok(mut seen) = self.0.lock() {
            seen.retain(|server, _| known(server));
        }
    }
}

/// The latest of each way, of no more ways than are kept: which of them are configured now is not known here.
pub(super) fn keep(known: &mut Vec<SeenLeaf>, leaf: SeenLeaf) {
    if let Some(same) = known.iter_mut().find(|same| same.pool == leaf.pool) {
        if same.at <= leaf.at {
            *same = leaf;
        }
        return;
    }
    if known.len() >= WAYS {
        let oldest = known.iter().enumerate().min_by_key(|(_, leaf)| leaf.at);
        if let Some((index, _)) = oldest {
            known.swap_remove(index);
        }
    }
    known.push(leaf);
}

const MOST: usize = 65_536;
/// To one server.
const WAYS: usize = 16;
