//! The updates of all providers, ready to be looked up in.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use viaduct_config::{Balanced, Element, Finding, ProviderName, Update};

use crate::book::{Book, KeptSource};
use crate::resolve::qualified;

/// One provider.
pub(crate) struct Source<'a> {
    /// Distinct among the sources of one compile.
    pub(crate) index: usize,
    pub(crate) update: &'a Arc<Update>,
    broken: HashMap<&'a Element, &'a Finding>,
    /// Its update at the previous compile.
    pub(crate) kept: Option<&'a KeptSource>,
}

impl<'a> Source<'a> {
    fn new(index: usize, update: &'a Arc<Update>, book: Option<&'a Book>) -> Self {
        Self {
            index,
            update,
            // Of several reasons the first counts, as in the order in which they are told.
            broken: update
                .broken
                .iter()
                .rev()
                .map(|(element, finding)| (element, finding))
                .collect(),
            kept: book.and_then(|book| book.sources.get(&update.provider)),
        }
    }

    pub(crate) fn provider(&self) -> &'a ProviderName {
        &self.update.provider
    }

    pub(crate) fn qualified(&self, name: &str) -> Arc<str> {
        qualified(name, self.provider()).into()
    }

    /// Whether anything of it must not be served.
    pub(crate) fn has_broken(&self) -> bool {
        !self.broken.is_empty()
    }

    /// Why `element` must not be served.
    pub(crate) fn broken(&self, element: &Element) -> Option<&'a Finding> {
        self.broken.get(element).copied()
    }

    /// The Kubernetes Service that a service balances.
    pub(crate) fn balanced(&self, service: &str) -> Option<Balanced> {
        let known = &self.update.balanced;
        // Most providers know none: no name is copied for them.
        (!known.is_empty()).then(|| known.get(&Element::Service(service.to_owned())).cloned())?
    }

    /// Gives `finding` the name and place of `element`.
    pub(crate) fn at(&self, element: Element, mut finding: Finding) -> Finding {
        if let Some(origin) = self.update.origins.get(&element) {
            finding.object.clone_from(&origin.object);
            finding.location.clone_from(&origin.location);
        }
        finding.element = Some(element);
        finding.provider = Some(self.provider().clone());
        finding
    }
}

/// All providers, in the order of their names.
pub(crate) struct Sources<'a> {
    by_provider: BTreeMap<&'a ProviderName, Source<'a>>,
}

impl<'a> Sources<'a> {
    pub(crate) fn new(updates: &'a [Arc<Update>], book: Option<&'a Book>) -> Self {
        Self {
            by_provider: updates
                .iter()
                .enumerate()
                .map(|(index, update)| (&update.provider, Source::new(index, update, book)))
                .collect(),
        }
    }

    pub(crate) fn get(&self, provider: &ProviderName) -> Option<&Source<'a>> {
        self.by_provider.get(provider)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Source<'a>> {
        self.by_provider.values()
    }
}
