//! The same update as [`translate_noting`] gives, without looking again at what did not change.
//!
//! Kinds that name others (Traefik's own) decide who looks at what: when one of them changes, everything is translated
//! again. While only Services, endpoints, nodes, Secrets and ConfigMaps change, it is known which IngressRoutes looked
//! at them, and those alone are translated again. Whatever is not plain falls back to everything: an IngressRoute
//! with something to be said about it or with more than one service behind a router, names that are ambiguous, and
//! whatever else looked at what changed.
//!
//! ```text
//!  Changes --dependants--> IngressRoutes --routes::translate_one--> Draft --patch--> the update before
//!     |                         | not plain                           | not plain
//!     +-- not known which ------+-------------------------------------+--> translate_noting
//! ```

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use smallvec::SmallVec;
use viaduct_config::{Element, Map, Update};

use super::composed::Composed;
use super::names::Names;
use super::routes::{self, Routed};
use super::{Context, Draft, PROVIDER, ingress, near, translate_whole};
use crate::api::{IngressRoute, Kind, Name};
use crate::index::{Changes, Index, Looked, Needs};
use crate::policy::{IngressPolicy, Policy};

#[cfg(test)]
mod tests;

/// Translates one index again and again.
#[derive(Debug, Default)]
pub struct Translator(Option<Memory>);

/// The last translation.
#[derive(Debug)]
struct Memory {
    update: Update,
    needs: Arc<Needs>,
    traces: Traces,
    /// The Secrets of `tls.certificates`, in its order.
    certificates: Vec<Name>,
}

/// What a translation looked at, and who did.
#[derive(Debug, Default)]
pub(super) struct Traces {
    /// What anything but an IngressRoute looked at.
    pub(super) others: Looked,
    routes: Vec<Trace>,
    /// Positions in `routes` by what they looked at, [`settled`]; nearly everything is looked at by one.
    dependants: HashMap<(Kind, Option<Name>), SmallVec<[u32; 4]>>,
    /// Whether every element has the name that Traefik gives it.
    named_plainly: bool,
}

/// One IngressRoute.
#[derive(Debug)]
struct Trace {
    name: Name,
    /// Whether its routers have a Service each or a service by name, and nothing is said about it.
    is_plain: bool,
}

impl Traces {
    pub(super) fn new(named_plainly: bool) -> Self {
        Self {
            named_plainly,
            ..Self::default()
        }
    }

    pub(super) fn route(&mut self, name: &Name, is_plain: bool, looked: Looked) {
        let Ok(position) = u32::try_from(self.routes.len()) else {
            // Nothing looks at so many; one that cannot be counted is translated with everything.
            self.others.extend(looked);
            return;
        };
        let name = name.clone();
        self.routes.push(Trace { name, is_plain });
        self.depends(position, looked);
    }

    fn depends(&mut self, position: u32, looked: Looked) {
        for key in looked {
            let dependants = self.dependants.entry(settled(key)).or_default();
            if !dependants.contains(&position) {
                dependants.push(position);
            }
        }
    }

    /// The routes to be translated again. `None`: more than routes is.
    fn touched(&self, changed: &BTreeSet<(Kind, Name)>) -> Option<BTreeSet<u32>> {
        let mut touched = BTreeSet::new();
        for key in changed.iter().flat_map(keys) {
            if self.others.contains(&key) {
                return None;
            }
            touched.extend(self.dependants.get(&settled(key)).into_iter().flatten());
        }
        Some(touched)
    }
}

/// What has the name of a Service counts as the Service: nearly everybody who looks at one of them looks at all.
/// Whoever looks at every Service, for a hint say, does not look at every endpoint.
fn settled((kind, name): (Kind, Option<Name>)) -> (Kind, Option<Name>) {
    let kind = match (kind, &name) {
        (Kind::EndpointSlice | Kind::Endpoints, Some(_)) => Kind::Service,
        (other, _) => other,
    };
    (kind, name)
}

/// What one may have looked at to be concerned by an object.
fn keys((kind, name): &(Kind, Name)) -> [(Kind, Option<Name>); 2] {
    [(*kind, Some(name.clone())), (*kind, None)]
}

impl Translator {
    /// What [`translate_noting`](super::translate_noting) says of `index`, sharing with what it said before what is the
    /// same. `changes`: all that has changed since the last call.
    pub fn translate(&mut self, index: &Index, policy: &Policy, changes: &Changes) -> (Update, Arc<Needs>) {
        // Taken out: if this panics, nothing is remembered.
        let memory = self.0.take().and_then(|mut memory| {
            let changed = changes.objects()?;
            memory.follow(index, policy, changed)?;
            Some(memory)
        });
        let memory = memory.unwrap_or_else(|| Memory::of(index, policy));
        let said = (memory.update.clone(), Arc::clone(&memory.needs));
        self.0 = Some(memory);
        said
    }
}

/// The same for Ingresses: all of them again, as soon as anything changes that one of them looked at.
#[derive(Debug, Default)]
pub struct IngressTranslator(Option<(Update, Arc<Needs>, Looked)>);

impl IngressTranslator {
    /// What [`translate_ingresses`](super::translate_ingresses) says of `index`. `changes`: all that has changed since the last call.
    pub fn translate(
        &mut self,
        index: &Index,
        policy: &IngressPolicy,
        changes: &Changes,
    ) -> (Update, Arc<Needs>) {
        let still_so = |looked: &Looked| {
            let changed = changes.objects();
            changed.is_some_and(|changed| !changed.iter().flat_map(keys).any(|key| looked.contains(&key)))
        };
        let known = self.0.take().filter(|(_, _, looked)| still_so(looked));
        let known = known.unwrap_or_else(|| {
            let (update, needs, looked) = ingress::translate_whole(index, policy);
            (update, Arc::new(needs), looked)
        });
        let (update, needs, _) = self.0.insert(known);
        (update.clone(), Arc::clone(needs))
    }
}

impl Memory {
    fn of(index: &Index, policy: &Policy) -> Self {
        let (update, needs, mut traces) = translate_whole(index, policy);
        traces.routes.shrink_to_fit();
        traces.dependants.shrink_to_fit();
        let secret = |position| {
            let origin = update.origins.get(&Element::Certificate(position))?;
            let object = origin.object.as_ref()?;
            Some(Name::new(object.namespace.clone(), object.name.clone()))
        };
        let mut certificates: Vec<_> = (0..update.dynamic.tls.certificates.len())
            .map_while(secret)
            .collect();
        certificates.shrink_to_fit();
        Self {
            certificates,
            update,
            needs: Arc::new(needs),
            traces,
        }
    }

    /// Makes it what it would be now. `None`: that takes more than this can; what is left is of no use.
    fn follow(&mut self, index: &Index, policy: &Policy, changed: &BTreeSet<(Kind, Name)>) -> Option<()> {
        let touched = self.traces.touched(changed)?;
        if touched.is_empty() {
            return Some(());
        }
        if !self.traces.named_plainly {
            return None;
        }
        let view = index.glance();
        let names = Names::plain();
        let cx = Context {
            view: &view,
            policy,
            names: &names,
            hints_left: Cell::new(near::MAX_HINTS),
        };
        let mut draft = Draft::new(PROVIDER);
        let mut routers = BTreeMap::new();
        for position in touched {
            let trace = self.traces.routes.get(usize::try_from(position).ok()?)?;
            let (name, state) = view
                .find::<IngressRoute>(&trace.name)
                .filter(|_| trace.is_plain)?;
            let subject = view.subject(Kind::IngressRoute, name)?;
            routes::translate_one(&cx, &mut draft, subject, state.ok()?, false, &mut routers);
            self.traces.depends(position, view.looked());
        }
        let is_plain = draft.says_nothing() && routers.values().all(Routed::is_plain);
        let known = view.needs().is_subset(&self.needs);
        (is_plain && known).then_some(())?;
        let composed: Vec<Composed<'_>> = routers
            .into_values()
            .filter_map(|routed| routed.finish(&mut draft))
            .collect();
        super::composed::place_plain(composed, &mut draft);
        self.patch(draft)
    }

    /// Puts elements in the place of those of the same names. What is equal stays, so that it is shared.
    fn patch(&mut self, draft: Draft) -> Option<()> {
        for (secret, stored) in draft.certificates {
            let position = self.certificates.binary_search(&secret).ok()?;
            let certificates = &mut self.update.dynamic.tls.certificates;
            if certificates.get(position)?.pair != stored.pair {
                certificates.get_mut(position)?.pair = stored.pair;
            }
        }
        let (http, new) = (&mut self.update.dynamic.http, draft.update.dynamic.http);
        let is_known = new.routers.keys().all(|name| http.routers.contains_key(name))
            && new.services.keys().all(|name| http.services.contains_key(name));
        is_known.then_some(())?;
        put(&mut http.routers, new.routers);
        put(&mut http.services, new.services);
        put(&mut self.update.origins, draft.update.origins);
        put(&mut self.update.balanced, draft.update.balanced);
        Some(())
    }
}

/// Adds entries, and touches nothing where they are there.
fn put<K: Ord + Clone, V: Clone + PartialEq>(into: &mut Map<K, V>, entries: Map<K, V>) {
    for (key, value) in entries {
        if into.get(&key) != Some(&value) {
            into.insert(key, value);
        }
    }
}
