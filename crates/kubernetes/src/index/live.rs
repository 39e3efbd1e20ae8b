//! Objects as a cluster tells of them: one by one, each with an identity and a version.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde_json::Value as Json;
use viaduct_config::document::{Key, Node, Value};
use viaduct_config::finding::Code;
use viaduct_config::{Finding, Location};

use super::changes::{Changes, service_of};
use super::document::{self, ReadObject};
use super::{Entry, Index, Needs, State, settle};
use crate::api::{DEFAULT, EndpointSlice, Kind, Name, Object};
use identity::Identity;

mod identity;
#[cfg(test)]
mod tests;

/// What is listed and watched together: a kind, in one of its API groups, in all namespaces or in one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Collection {
    pub kind: Kind,
    /// Of the API group it had before Traefik 3.
    pub old: bool,
    /// `None`: all of them.
    pub namespace: Option<Arc<str>>,
}

impl Collection {
    /// The `apiVersion` of its objects.
    pub fn api_version(&self) -> &'static str {
        match self.kind.old_api_version() {
            Some(version) if self.old => version,
            Some(_) | None => self.kind.api_version(),
        }
    }

    fn holds(&self, key: &ObjectKey) -> bool {
        let (kind, old, name) = key;
        let here = |namespace: &Arc<str>| *namespace == name.namespace;
        *kind == self.kind && *old == self.old && self.namespace.as_ref().is_none_or(here)
    }
}

/// An object that has been read, before it is in the index.
#[derive(Debug)]
pub struct Arrival {
    read: ReadObject,
    identity: Identity,
    /// Its data was dropped, because nobody refers to it.
    withheld: bool,
}

impl Arrival {
    /// Reads an object of `collection`. `keep` says whether anybody refers to it: data of Secrets and ConfigMaps
    /// that nobody refers to is dropped here. `None`: the object has no valid name, which no API server sends.
    pub fn read(collection: &Collection, mut object: Json, keep: impl FnOnce(&Name) -> bool) -> Option<Self> {
        let identity = Identity::of(&object);
        let withheld = collection.kind.holds_data()
            && !name_of(collection.kind, &object).is_some_and(|name| keep(&name));
        if let Json::Object(fields) = &mut object {
            if withheld {
                ["data", "stringData", "binaryData"]
                    .into_iter()
                    .for_each(|field| drop(fields.remove(field)));
            }
            if let Some(Json::Object(metadata)) = fields.get_mut("metadata") {
                metadata.remove("managedFields");
            }
        }
        let read = document::read_live(&node(object, &nowhere()), collection.kind, collection.old)?;
        Some(Self {
            read,
            identity,
            withheld,
        })
    }

    pub fn name(&self) -> &Name {
        &self.read.name
    }
}

/// Kind, whether of the old API group, and name. The new group comes first.
type ObjectKey = (Kind, bool, Name);

#[derive(Debug)]
struct Held {
    state: State,
    identity: Identity,
    withheld: bool,
}

/// All objects of a cluster that are known.
#[derive(Debug)]
pub(super) struct Live {
    /// In boxes, since a tree has places for more than it holds.
    objects: BTreeMap<ObjectKey, Box<Held>>,
    /// Each Service with each of its slices, which are in its namespace.
    slices: BTreeSet<(Name, Arc<str>)>,
    /// Since they were taken last.
    changes: Changes,
    /// Whether Secrets or ConfigMaps have come or gone since the data of those that nobody needs was dropped.
    new_data: bool,
    /// Objects that were deleted lately, each in its last state: what a watch still says of an older one is late. A
    /// newer one is back, as an object is that matches a selector again.
    gone: VecDeque<Identity>,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            objects: BTreeMap::new(),
            slices: BTreeSet::new(),
            changes: Changes::everything(),
            new_data: true,
            gone: VecDeque::new(),
        }
    }
}

impl Live {
    pub(super) fn distrust(&mut self) {
        self.changes.all();
    }

    pub(super) fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    /// What is known of an object: of the new API group where both have it.
    pub(super) fn entry(&self, kind: Kind, name: &Name) -> Option<Entry<'_>> {
        let mut key = (kind, false, name.clone());
        let found = self.objects.get_key_value(&key).or_else(|| {
            key.1 = true;
            kind.old_api_version()
                .and_then(|_| self.objects.get_key_value(&key))
        });
        found.map(|(key, held)| entry(key, held))
    }

    /// Every object of a kind.
    pub(super) fn entries_of(&self, kind: Kind) -> impl Iterator<Item = Entry<'_>> {
        let from = (kind, false, Name::new("", ""));
        let rest = self.objects.range(from..);
        rest.take_while(move |(key, _)| key.0 == kind)
            .map(|(key, held)| entry(key, held))
    }

    /// The slices of a service, in the order of their names.
    pub(super) fn slices_of(&self, service: &Name) -> Vec<&EndpointSlice> {
        let from = (service.clone(), Arc::from(""));
        let names = self.slices.range(from..).take_while(|(of, _)| of == service);
        let slice = |name: &Name| match &self.entry(Kind::EndpointSlice, name)?.state.good.as_ref()?.object {
            Object::EndpointSlice(slice) => Some(&**slice),
            _ => None,
        };
        names
            .filter_map(|(of, name)| slice(&Name::new(Arc::clone(&of.namespace), Arc::clone(name))))
            .collect()
    }

    fn insert(&mut self, mut key: ObjectKey, held: Held) {
        self.share_namespace(&mut key);
        self.new_data |= key.0.holds_data();
        self.changes.note(entry(&key, &held), held.withheld);
        if let Some(service) = slice_service(&key, &held) {
            self.slices.insert((service, Arc::clone(&key.2.name)));
        }
        self.objects.insert(key, Box::new(held));
    }

    /// Objects of one namespace have one text for it: the object before this one has it, if any has.
    fn share_namespace(&self, key: &mut ObjectKey) {
        if let Some(((_, _, near), _)) = self.objects.range(..&*key).next_back()
            && near.namespace == key.2.namespace
        {
            key.2.namespace = Arc::clone(&near.namespace);
        }
    }

    fn remove(&mut self, key: &ObjectKey) -> Option<Held> {
        let held = *self.objects.remove(key)?;
        self.new_data |= key.0.holds_data();
        self.changes.note(entry(key, &held), held.withheld);
        if let Some(service) = slice_service(key, &held) {
            self.slices.remove(&(service, Arc::clone(&key.2.name)));
        }
        Some(held)
    }

    /// Nodes of a tree that is filled in order are half empty; those of one that is made of a sorted whole are full.
    fn pack(&mut self) {
        self.objects = std::mem::take(&mut self.objects).into_iter().collect();
        self.slices = std::mem::take(&mut self.slices).into_iter().collect();
    }

    pub(super) fn len(&self) -> usize {
        self.objects.len()
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.objects.iter().map(|(key, held)| entry(key, held))
    }

    /// That data was dropped is not a fault of the object.
    pub(super) fn findings(&self) -> impl Iterator<Item = &Finding> {
        let told = self.objects.values().filter(|held| !held.withheld);
        told.flat_map(|held| held.state.findings())
    }

    fn bury(&mut self, last: Identity) {
        if last.uid.is_empty() {
            return;
        }
        self.gone.retain(|gone| gone.uid != last.uid);
        if self.gone.len() == MAX_GONE {
            self.gone.pop_front();
        }
        self.gone.push_back(last);
    }

    /// Whether the object was deleted after it was in this state.
    fn is_late(&self, state: &Identity) -> bool {
        let deleted = self.gone.iter().find(|gone| gone.uid == state.uid);
        deleted.is_some_and(|deleted| state.is_same(deleted) || state.is_older_than(deleted))
    }
}

/// What a cluster tells. Each returns whether the index says anything new.
impl Index {
    /// Takes a new state of an object. One that is older than what is known is a repetition, and changes nothing.
    pub fn put(&mut self, collection: &Collection, arrival: Arrival) -> bool {
        let key = (collection.kind, collection.old, arrival.read.name.clone());
        if self.live.is_late(&arrival.identity) {
            return false;
        }
        if let Some(known) = self.live.objects.get(&key)
            && known.identity.uid == arrival.identity.uid
            && arrival.identity.is_older_than(&known.identity)
        {
            return false;
        }
        self.settle_live(key, arrival)
    }

    /// Takes the data of an object that is known without it. An answer about what was deleted or replaced while it was on its
    /// way changes nothing.
    pub fn fill(&mut self, collection: &Collection, arrival: Arrival) -> bool {
        let key = (collection.kind, collection.old, arrival.read.name.clone());
        let known = self.live.objects.get(&key);
        let is_awaited = known.is_some_and(|held| held.withheld && held.identity.uid == arrival.identity.uid);
        is_awaited && self.put(collection, arrival)
    }

    /// Takes a whole list of a collection: what is not in it is gone.
    pub fn swap(&mut self, collection: &Collection, arrivals: Vec<Arrival>) -> bool {
        let listed: BTreeSet<Name> = arrivals.iter().map(|arrival| arrival.read.name.clone()).collect();
        let keys = self.live.objects.keys();
        let is_gone = |key: &&ObjectKey| collection.holds(key) && !listed.contains(&key.2);
        let gone: Vec<_> = keys.filter(is_gone).cloned().collect();
        let mut changed = !gone.is_empty();
        let is_many = arrivals.len() > self.live.len() / 8;
        for key in &gone {
            self.live.remove(key);
        }
        for arrival in arrivals {
            // It is there, whatever was said of it: versions may begin anew after a restore.
            self.live.gone.retain(|gone| gone.uid != arrival.identity.uid);
            let key = (collection.kind, collection.old, arrival.read.name.clone());
            changed |= self.settle_live(key, arrival);
        }
        if changed && is_many {
            self.live.pack();
        }
        changed
    }

    /// Whether TLS options are known in it that count for every router.
    pub(crate) fn has_default_options(&self, collection: &Collection) -> bool {
        let mut keys = self.live.objects.keys();
        collection.kind == Kind::TlsOption && keys.any(|key| collection.holds(key) && &*key.2.name == DEFAULT)
    }

    /// Forgets an object, unless another one of its name has taken its place.
    pub fn delete(&mut self, collection: &Collection, object: &Json) -> bool {
        let Some(name) = name_of(collection.kind, object) else {
            return false;
        };
        let key = (collection.kind, collection.old, name);
        let last = Identity::of(object);
        let known = self.live.objects.get(&key);
        let known = known.is_some_and(|held| held.identity.uid == last.uid);
        if known {
            self.live.remove(&key);
        }
        self.live.bury(last);
        known
    }

    /// Drops the data of Secrets and ConfigMaps that are not among `needs`.
    pub fn withhold(&mut self, needs: &Needs) {
        let Live {
            objects,
            changes,
            new_data,
            ..
        } = &mut self.live;
        *new_data = false;
        let kinds = Kind::ALL.into_iter().filter(|kind| kind.holds_data());
        for kind in kinds {
            let of_kind = objects.range_mut((kind, false, Name::new("", ""))..);
            for (key, held) in of_kind.take_while(|(key, _)| key.0 == kind) {
                let (_, _, name) = key;
                if held.withheld || needs.contains(&(kind, name.clone())) {
                    continue;
                }
                // What was told of it is told no more.
                changes.note(entry(key, held), false);
                held.withheld = true;
                held.state = State::broken(withheld(kind, name));
            }
        }
    }

    /// Whether [`lacking`](Self::lacking) and [`withhold`](Self::withhold) can come to anything else than before, for the
    /// same needs.
    pub fn has_new_data(&self) -> bool {
        self.live.new_data
    }

    /// Those of `needs` that are there, but without their data.
    pub fn lacking(&self, needs: &Needs) -> Vec<(Kind, Name)> {
        let lacks = |(kind, name): &&(Kind, Name)| {
            let held = self.live.objects.get(&(*kind, false, name.clone()));
            held.is_some_and(|held| held.withheld)
        };
        needs.iter().filter(lacks).cloned().collect()
    }

    /// Says why the data of an object could not be had.
    pub fn unfetched(&mut self, kind: Kind, name: &Name, why: &str) {
        if let Some(held) = self.live.objects.get_mut(&(kind, false, name.clone()))
            && held.withheld
        {
            self.live.changes.object(kind, Some(name.clone()));
            let message = format!("its data cannot be fetched: {why}");
            let fault = Finding::error(Code::InvalidObject, message).object(name.of_kind(kind));
            held.state = State::broken(fault);
        }
    }

    fn settle_live(&mut self, key: ObjectKey, arrival: Arrival) -> bool {
        let Arrival {
            read,
            identity,
            withheld: without,
        } = arrival;
        if let Some(known) = self.live.objects.get(&key)
            && known.identity.is_same(&identity)
            && (known.withheld == without || without)
        {
            return false;
        }
        let before = match self.live.remove(&key) {
            Some(known) if known.identity.uid == identity.uid => known.state.good,
            Some(_) | None => None,
        };
        let state = if without {
            State::broken(withheld(key.0, &key.2))
        } else {
            settle(read, before, &self.admit)
        };
        let held = Held {
            state,
            identity,
            withheld: without,
        };
        self.live.insert(key, held);
        true
    }
}

fn entry<'a>((kind, _, name): &'a ObjectKey, held: &'a Held) -> Entry<'a> {
    Entry {
        kind: *kind,
        name,
        state: &held.state,
    }
}

/// Whose endpoints it has, if it is a slice.
fn slice_service((_, _, name): &ObjectKey, held: &Held) -> Option<Name> {
    let object = &held.state.good.as_ref()?.object;
    matches!(object, Object::EndpointSlice(_))
        .then(|| service_of(name, Some(object)))
        .flatten()
}

fn withheld(kind: Kind, name: &Name) -> Finding {
    Finding::error(Code::InvalidObject, "its data has not been fetched yet").object(name.of_kind(kind))
}

fn name_of(kind: Kind, object: &Json) -> Option<Name> {
    let metadata = object.get("metadata")?;
    let text = |field: &str| metadata.get(field).and_then(Json::as_str);
    let namespace = if kind.is_cluster_scoped() {
        ""
    } else {
        text("namespace").unwrap_or("default")
    };
    Some(Name::new(namespace, text("name")?))
}

/// A place that nobody is told of.
fn nowhere() -> Location {
    Location {
        file: Arc::from(""),
        line: 0,
        column: 0,
    }
}

/// The same value as the reader of manifests takes it. A field that is `null` was not written.
fn node(json: Json, place: &Location) -> Node {
    let value = match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(value),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => Value::Integer(integer),
            (None, Some(float)) if !number.is_u64() => Value::Float(float),
            (None, _) => Value::String(number.to_string()),
        },
        Json::String(text) => Value::String(text),
        Json::Array(items) => Value::Sequence(items.into_iter().map(|item| node(item, place)).collect()),
        Json::Object(fields) => {
            let fields = fields.into_iter().filter(|(_, value)| !value.is_null());
            let entry = |(text, value)| {
                let location = place.clone();
                (Key { text, location }, node(value, place))
            };
            Value::Mapping(fields.map(entry).collect())
        }
    };
    Node {
        location: place.clone(),
        value,
    }
}

/// How many deleted objects are remembered.
const MAX_GONE: usize = 1024;
