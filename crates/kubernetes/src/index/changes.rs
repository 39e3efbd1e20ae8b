//! What is different since somebody looked last.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Entry;
use crate::api::{Kind, Name, Object};

/// Objects that others look at and that are different. An EndpointSlice counts as a change of what its Service's
/// name leads to: its key is the kind with the name of that Service.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    everything: bool,
    objects: BTreeSet<(Kind, Name)>,
}

impl Changes {
    /// Nothing may be taken for what it was.
    pub fn everything() -> Self {
        Self {
            everything: true,
            objects: BTreeSet::new(),
        }
    }

    /// The objects, if it is known which.
    pub(crate) fn objects(&self) -> Option<&BTreeSet<(Kind, Name)>> {
        (!self.everything).then_some(&self.objects)
    }

    /// Notes a state that an object had or has. What names others (Traefik's kinds, Ingresses) decides who looks at
    /// what, and a finding about an object is told whoever looks at it: either may change everything.
    pub(super) fn note(&mut self, entry: Entry<'_>, withheld: bool) {
        if !is_looked_at(entry.kind) || (!withheld && entry.state.findings().next().is_some()) {
            self.all();
        } else {
            let object = entry.state.good.as_ref().map(|good| &good.object);
            self.object(entry.kind, service_of(entry.name, object));
        }
    }

    /// Notes that an object is different, or is not there.
    pub(super) fn object(&mut self, kind: Kind, name: Option<Name>) {
        if let Some(name) = name.filter(|_| !self.everything) {
            self.objects.insert((kind, name));
        }
        if self.objects.len() > MOST {
            self.all();
        }
    }

    pub(super) fn all(&mut self) {
        self.everything = true;
        self.objects.clear();
    }
}

/// Whether objects of the kind name no others, so that what is made of one depends on who looks at it alone.
pub(crate) const fn is_looked_at(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Service | Kind::EndpointSlice | Kind::Endpoints | Kind::Node | Kind::Secret | Kind::ConfigMap
    )
}

/// The Service whose endpoints a slice has; any other object's own name.
pub(super) fn service_of(name: &Name, object: Option<&Object>) -> Option<Name> {
    match object {
        Some(Object::EndpointSlice(slice)) => {
            let service = slice.service.as_ref()?;
            Some(Name {
                namespace: Arc::clone(&name.namespace),
                name: Arc::clone(service),
            })
        }
        Some(_) | None => Some(name.clone()),
    }
}

/// So many at once are no small change.
const MOST: usize = 512;
