//! Certificates that are not to be trusted, whatever vouches for them (C9): CAs and servers' own.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use viaduct_config::ObjectRef;
use viaduct_tls::Fingerprint;

/// Fingerprints.
pub type Revoked = BTreeSet<Fingerprint>;

/// What is on either list; no new list where one will do.
pub(crate) fn both(a: &Arc<Revoked>, b: &Arc<Revoked>) -> Arc<Revoked> {
    if Arc::ptr_eq(a, b) || b.is_subset(a) {
        Arc::clone(a)
    } else if a.is_empty() {
        Arc::clone(b)
    } else {
        Arc::new(a.union(b).copied().collect())
    }
}

/// What is revoked for which transport.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Revocations {
    everywhere: Arc<Revoked>,
    /// Only of transports that revoke something themselves.
    by_transport: HashMap<Arc<str>, Arc<Revoked>>,
    /// Which object says so.
    by_object: BTreeMap<ObjectRef, Arc<Revoked>>,
}

impl Revocations {
    /// Revoked for every transport.
    pub fn everywhere(revoked: &Arc<Revoked>) -> Self {
        Self {
            everywhere: Arc::clone(revoked),
            by_transport: HashMap::new(),
            by_object: BTreeMap::new(),
        }
    }

    pub(crate) fn for_one(&mut self, transport: &Arc<str>, revoked: Arc<Revoked>) {
        self.by_transport.insert(Arc::clone(transport), revoked);
    }

    pub(crate) fn said_by(&mut self, object: &ObjectRef, revoked: &Arc<Revoked>) {
        let said = self.by_object.entry(object.clone()).or_default();
        *said = both(said, revoked);
    }

    /// What each object revokes for the transports that it is for.
    pub fn by_object(&self) -> impl Iterator<Item = (&ObjectRef, &Revoked)> {
        self.by_object
            .iter()
            .map(|(object, revoked)| (object, &**revoked))
    }

    /// For every transport.
    pub fn for_all(&self) -> &Revoked {
        &self.everywhere
    }

    /// What transports revoke beside that for themselves, by their names.
    pub fn by_transport(&self) -> impl Iterator<Item = (&Arc<str>, &Revoked)> {
        self.by_transport
            .iter()
            .map(|(transport, revoked)| (transport, &**revoked))
    }

    pub fn is_empty(&self) -> bool {
        self.everywhere.is_empty() && self.by_transport.is_empty()
    }

    /// The first certificate of `path` that a connection of `transport` must not rest on.
    pub fn find(&self, transport: &str, path: &[Fingerprint]) -> Option<Fingerprint> {
        let own = self.by_transport.get(transport);
        let is_revoked = |certificate: &&Fingerprint| {
            self.everywhere.contains(certificate) || own.is_some_and(|own| own.contains(certificate))
        };
        path.iter().find(is_revoked).copied()
    }
}
