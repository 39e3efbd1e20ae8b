//! How deep weighted services are nested.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use viaduct_config::dynamic::http::{Service as WrittenService, Weighted};
use viaduct_config::{Element, QualifiedName};

use super::{Key, Kind, Source, Sources, kind_of, refuse_unserved_weighted};

type ByKey<'s, V> = HashMap<Key<'s>, V, RandomState>;

/// How many weighted services lie on the longest way down from each weighted service, that one among them. One from
/// which a way leads round in a circle has none.
pub(super) struct Heights<'s>(ByKey<'s, usize>);

/// A weighted service whose height is not known yet.
#[derive(Default)]
struct Open<'s> {
    above: Vec<Key<'s>>,
    /// How many below are not known yet; one that is named twice counts twice.
    unknown: usize,
    highest: usize,
}

impl<'s> Heights<'s> {
    /// From below, without recursion: nobody knows yet how deep it goes.
    pub(super) fn of(sources: &'s Sources<'s>) -> Self {
        let mut open = opened(sources);
        let mut heights = ByKey::default();
        let lowest = open.iter().filter(|(_, open)| open.unknown == 0);
        let mut ready: Vec<Key<'s>> = lowest.map(|(key, _)| *key).collect();
        while let Some(key) = ready.pop() {
            let Some(Open { above, highest, .. }) = open.remove(&key) else {
                continue;
            };
            let height = highest + 1;
            heights.insert(key, height);
            for above in above {
                if let Some(parent) = open.get_mut(&above) {
                    parent.highest = parent.highest.max(height);
                    parent.unknown -= 1;
                    if parent.unknown == 0 {
                        ready.push(above);
                    }
                }
            }
        }
        Self(heights)
    }

    pub(super) fn get(&self, key: Key<'s>) -> Option<usize> {
        self.0.get(&key).copied()
    }
}

/// All weighted services, with those above them.
fn opened<'s>(sources: &'s Sources<'s>) -> ByKey<'s, Open<'s>> {
    let mut open: ByKey<'s, Open<'s>> = ByKey::default();
    for source in sources.iter() {
        for (name, written) in &source.update.dynamic.http.services {
            let Some(weighted) = nesting(source, name, written) else {
                continue;
            };
            let key = (source.index, name.as_str());
            let below = weighted.services.iter();
            let below = below.filter_map(|child| below_of(sources, source, &child.name));
            let mut unknown = 0;
            for below in below {
                open.entry(below).or_default().above.push(key);
                unknown += 1;
            }
            open.entry(key).or_default().unknown = unknown;
        }
    }
    open
}

/// The weighted service that a reference names.
fn below_of<'s>(sources: &'s Sources<'s>, source: &Source<'_>, reference: &str) -> Option<Key<'s>> {
    let name = QualifiedName::resolve(reference, source.provider());
    let found = sources.get(&name.provider)?;
    let services = &found.update.dynamic.http.services;
    let (name, written) = services.get_key_value(&*name.name)?;
    nesting(found, name, written).map(|_| (found.index, name.as_str()))
}

/// `None`: what it names is not looked at, because it is not weighted or is out of service by itself.
fn nesting<'s>(source: &Source<'_>, name: &str, written: &'s WrittenService) -> Option<&'s Weighted> {
    // Most are not, and are not looked at any closer.
    written.weighted.as_ref()?;
    let Ok(Kind::Weighted(weighted)) = kind_of(source, name, written) else {
        return None;
    };
    let is_broken = || source.broken(&Element::Service(name.to_owned())).is_some();
    let is_served = refuse_unserved_weighted(weighted).is_ok() && !(source.has_broken() && is_broken());
    is_served.then_some(weighted)
}
