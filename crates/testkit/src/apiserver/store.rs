//! The objects, one counter of revisions over all of them, and the history that watches are served from.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde_json::{Value, json};

/// Namespace (empty for what has none) and name: the order of lists.
pub(crate) type Key = (String, String);

/// Everything that is stored, as of the newest revision.
#[derive(Debug)]
pub(crate) struct Store {
    revision: u64,
    /// Changes up to here are forgotten: nobody can read or watch from before it.
    compacted: u64,
    objects: BTreeMap<String, BTreeMap<Key, Arc<Value>>>,
    history: VecDeque<Change>,
    /// Changes that are kept.
    limit: usize,
}

/// One change of one object.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) revision: u64,
    pub(crate) storage: String,
    pub(crate) key: Key,
    pub(crate) before: Option<Arc<Value>>,
    pub(crate) after: Option<Arc<Value>>,
}

/// The history does not reach back so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Compacted;

impl Store {
    pub(crate) fn new() -> Self {
        Self {
            revision: FIRST,
            compacted: 0,
            objects: BTreeMap::new(),
            history: VecDeque::new(),
            limit: HISTORY,
        }
    }

    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// The oldest revision that can be read or watched from.
    pub(crate) fn oldest(&self) -> u64 {
        self.compacted
    }

    pub(crate) fn get(&self, storage: &str, key: &Key) -> Option<&Arc<Value>> {
        self.objects.get(storage)?.get(key)
    }

    /// In order of namespace and name.
    pub(crate) fn list(&self, storage: &str) -> impl Iterator<Item = (&Key, &Arc<Value>)> {
        self.objects.get(storage).into_iter().flatten()
    }

    /// As of an earlier revision.
    pub(crate) fn list_at(
        &self,
        storage: &str,
        revision: u64,
    ) -> Result<BTreeMap<Key, Arc<Value>>, Compacted> {
        if revision < self.compacted {
            return Err(Compacted);
        }
        let mut objects = self.objects.get(storage).cloned().unwrap_or_default();
        for change in self
            .history
            .iter()
            .rev()
            .take_while(|change| change.revision > revision)
        {
            if change.storage == storage {
                match &change.before {
                    Some(before) => objects.insert(change.key.clone(), Arc::clone(before)),
                    None => objects.remove(&change.key),
                };
            }
        }
        Ok(objects)
    }

    /// Changes of one storage after `revision`, in order.
    pub(crate) fn changes(&self, storage: &str, revision: u64) -> Result<Vec<Change>, Compacted> {
        if revision < self.compacted {
            return Err(Compacted);
        }
        let start = self.history.partition_point(|change| change.revision <= revision);
        Ok(self
            .history
            .iter()
            .skip(start)
            .filter(|change| change.storage == storage)
            .cloned()
            .collect())
    }

    /// Stores an object under the next revision, which it carries from then on.
    pub(crate) fn put(&mut self, storage: &str, key: Key, mut object: Value) -> Arc<Value> {
        self.revision += 1;
        object["metadata"]["resourceVersion"] = json!(self.revision.to_string());
        let object = Arc::new(object);
        let before = self
            .objects
            .entry(storage.to_owned())
            .or_default()
            .insert(key.clone(), Arc::clone(&object));
        self.remember(storage, key, before, Some(Arc::clone(&object)));
        object
    }

    /// Removes an object; returned as it is shown in the event, with the revision of its end.
    pub(crate) fn remove(&mut self, storage: &str, key: &Key) -> Option<Arc<Value>> {
        let before = self.objects.get_mut(storage)?.remove(key)?;
        self.revision += 1;
        let mut last = Value::clone(&before);
        last["metadata"]["resourceVersion"] = json!(self.revision.to_string());
        self.remember(storage, key.clone(), Some(before), None);
        Some(Arc::new(last))
    }

    /// Forgets the history: a list or watch from before now is answered with 410.
    pub(crate) fn compact(&mut self) {
        self.compacted = self.revision;
        self.history.clear();
    }

    /// Every storage that has held something.
    pub(crate) fn storages(&self) -> Vec<String> {
        self.objects.keys().cloned().collect()
    }

    /// Counts a revision without a change, as other clients' writes do.
    pub(crate) fn advance(&mut self, by: u64) {
        self.revision += by;
    }

    pub(crate) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
        self.trim();
    }

    fn remember(&mut self, storage: &str, key: Key, before: Option<Arc<Value>>, after: Option<Arc<Value>>) {
        self.history.push_back(Change {
            revision: self.revision,
            storage: storage.to_owned(),
            key,
            before,
            after,
        });
        self.trim();
    }

    fn trim(&mut self) {
        while self.history.len() > self.limit {
            if let Some(change) = self.history.pop_front() {
                self.compacted = change.revision;
            }
        }
    }
}

/// Real servers do not begin at 1 either.
const FIRST: u64 = 1000;
const HISTORY: usize = 100_000;
