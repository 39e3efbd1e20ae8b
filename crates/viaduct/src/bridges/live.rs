//! What a running process knows of its servers beside the configuration: what handshakes with them showed, and what
//! verification would say where it is skipped. Nothing of a configuration that nobody serves.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::SystemTime;

use viaduct_observe::counters::SeenLeaf;
use viaduct_snapshot::bridge::Backend;
use viaduct_snapshot::{PoolId, Server};

use super::Trial;
use crate::preflight::Report;

#[derive(Debug, Default)]
pub(crate) struct Live {
    tried: HashMap<PoolId, Seen>,
    /// Of requests' connections, by URL.
    leafs: BTreeMap<Arc<str>, Vec<SeenLeaf>>,
    /// Likewise, of those that there were none of, by service.
    failed: HashMap<Arc<str>, Vec<Failed>>,
    /// By transport.
    trials: BTreeMap<Arc<str>, Trial>,
}

/// The last handshake with a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) at: SystemTime,
    /// `passed`, or the code of the reason.
    pub(crate) result: &'static str,
    pub(crate) shown: Option<Shown>,
}

/// The certificate that a server showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    /// SHA-256.
    pub(crate) fingerprint: Arc<str>,
    pub(crate) not_after: SystemTime,
}

/// A request that got no connection to a server.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) server: Box<str>,
    pub(crate) transport: Box<str>,
    pub(crate) at: SystemTime,
    /// The code of the reason.
    pub(crate) result: &'static str,
}

impl Live {
    pub(crate) fn new(
        report: Option<&Report>,
        leafs: BTreeMap<Arc<str>, Vec<SeenLeaf>>,
        failed: HashMap<Arc<str>, Vec<Failed>>,
        trials: BTreeMap<Arc<str>, Trial>,
    ) -> Self {
        let checked = report.into_iter().flat_map(|report| &report.checked);
        let tried = checked.filter_map(|checked| {
            let outcome = checked.outcome.as_ref()?;
            let fault = outcome.fault.as_ref();
            let seen = Seen {
                at: outcome.at,
                result: fault.map_or("passed", |fault| fault.reason.code()),
                shown: outcome.leaf.as_ref().map(|leaf| Shown {
                    fingerprint: leaf.fingerprint.to_string().into(),
                    not_after: leaf.not_after,
                }),
            };
            Some((checked.endpoint.pool(), seen))
        });
        Self {
            tried: tried.collect(),
            leafs,
            failed,
            trials,
        }
    }

    /// The latest of what pre-flight saw and of what the connections of requests came to.
    pub(crate) fn seen(&self, backend: &Backend<'_>, server: &Server) -> Option<Seen> {
        let tried = self.tried.get(&server.pool).cloned();
        let leafs = self.leafs.get(&server.url).into_iter().flatten();
        let used = leafs.filter(|leaf| leaf.pool == server.pool.0).map(|leaf| Seen {
            at: leaf.at,
            result: "passed",
            shown: Some(Shown {
                fingerprint: Arc::clone(&leaf.fingerprint),
                not_after: leaf.not_after,
            }),
        });
        let transport = &backend.balancer.transport.name;
        let failed = self.failed.get(&backend.service.name).into_iter().flatten();
        let failed = failed
            .filter(|failed| *failed.server == *server.url && *failed.transport == **transport)
            .map(|failed| Seen {
                at: failed.at,
                result: failed.result,
                shown: None,
            });
        used.chain(failed).chain(tried).max_by_key(|seen| seen.at)
    }

    pub(super) fn trial(&self, transport: &str) -> Option<&Trial> {
        self.trials.get(transport)
    }
}
