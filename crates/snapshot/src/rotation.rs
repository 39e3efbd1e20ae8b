//! Bundles that were replaced and are believed for a while yet (C8). Which, and how long, is the caller's to know:
//! there is no clock here.

use std::collections::HashMap;
use std::sync::Arc;

use viaduct_tls::backend_leg::Verification;
use viaduct_tls::{Backend, BackendPolicy, Trust, TrustBundle};

/// What may still be believed, by transport.
#[derive(Debug, Clone, Default)]
pub struct Overlaps {
    by_transport: HashMap<Arc<str>, Vec<Arc<TrustBundle>>>,
}

impl Overlaps {
    /// Previous bundles of one transport, at most: a third rotation within the time ends the first overlap.
    pub const MOST: usize = 2;

    pub fn insert(&mut self, transport: &Arc<str>, bundle: &Arc<TrustBundle>) {
        let of_transport = self.by_transport.entry(Arc::clone(transport)).or_default();
        of_transport.push(Arc::clone(bundle));
    }

    /// Whether nothing may be.
    pub fn is_empty(&self) -> bool {
        self.by_transport.is_empty()
    }

    /// Whether every root of `bundle` may still be believed.
    fn covers(&self, transport: &str, bundle: &TrustBundle) -> bool {
        let of_transport = self.by_transport.get(transport);
        of_transport.is_some_and(|known| known.iter().any(|known| !bundle.brings_roots_to(known)))
    }
}

/// What to believe beside `policy`'s own bundle, where `before` was the policy of the same transport; the latest
/// first.
///
/// It is a rotation only if one bundle takes the place of another and brings a root that was not there, and the
/// names that are verified stay. Roots that are taken away without others in their place are gone at once, from
/// earlier bundles as well.
pub(crate) fn still_believed(
    transport: &str,
    policy: &BackendPolicy,
    before: &BackendPolicy,
    overlaps: &Overlaps,
) -> Vec<Arc<TrustBundle>> {
    let (Some(now), Some(then)) = (bundle(policy), bundle(before)) else {
        return Vec::new();
    };
    if policy.server_name != before.server_name || policy.peer_uri != before.peer_uri {
        return Vec::new();
    }
    let earlier = then.previous().iter();
    let earlier = earlier
        .filter(|bundle| overlaps.covers(transport, bundle))
        .cloned();
    let mut believed: Vec<Arc<TrustBundle>> = if now.brings_roots_to(then) {
        let replaced = Arc::new(then.after(Vec::new()));
        std::iter::once(replaced).chain(earlier).collect()
    } else {
        // The same roots, or fewer of them.
        let taken_away = |root: &viaduct_tls::Fingerprint| then.has(root) && !now.has(root);
        earlier
            .filter_map(|bundle| bundle.without(taken_away).map(Arc::new))
            .collect()
    };
    // What adds nothing is no overlap.
    believed.retain(|bundle| bundle.brings_roots_to(now));
    believed.truncate(Overlaps::MOST);
    believed
}

/// `policy`, with `previous` believed as well, and no others.
pub(crate) fn believing(policy: BackendPolicy, previous: Vec<Arc<TrustBundle>>) -> BackendPolicy {
    match &policy.verification {
        Verification::Full(Backend(Trust::Bundle(bundle))) if bundle.previous() != previous => {
            let bundle = Arc::new(bundle.after(previous));
            BackendPolicy {
                verification: Verification::Full(Backend(Trust::Bundle(bundle))),
                ..policy
            }
        }
        Verification::Full(_) | Verification::DangerSkip => policy,
    }
}

/// The bundle that a policy verifies by; the system's roots are none.
pub fn bundle(policy: &BackendPolicy) -> Option<&Arc<TrustBundle>> {
    match &policy.verification {
        Verification::Full(Backend(Trust::Bundle(bundle))) => Some(bundle),
        Verification::Full(Backend(Trust::System)) | Verification::DangerSkip => None,
    }
}
