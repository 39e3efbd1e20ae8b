//! A sorted map that is cheap to copy, to change in few places, and to compare with what it was copied from.
//!
//! Entries lie in order in chunks of at most [`MOST`], and chunks are shared between copies: a change of one entry
//! copies its chunk and the list of chunks. Two maps are compared chunk by chunk, and chunks that both have are not
//! looked into. With ten thousand entries, a copy and one change cost what some two hundred entries cost.

#[cfg(test)]
mod tests;

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Index;
use std::sync::Arc;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

type Chunk<K, V> = Vec<(K, V)>;

pub struct Map<K, V> {
    /// None is empty, and every key is greater than all before it.
    chunks: Arc<Vec<Arc<Chunk<K, V>>>>,
    len: usize,
}

/// One key in which two maps differ.
#[derive(Debug, PartialEq, Eq)]
pub struct Difference<'a, K, V> {
    pub key: &'a K,
    /// `None`: it was not there.
    pub before: Option<&'a V>,
    /// `None`: it is there no more.
    pub now: Option<&'a V>,
}

impl<K, V> Map<K, V> {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// In the order of the keys.
    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter {
            chunks: self.chunks.iter(),
            entries: [].iter(),
        }
    }

    pub fn keys(&self) -> impl Iterator<Item = &K> + Clone {
        self.iter().map(|(key, _)| key)
    }

    pub fn values(&self) -> impl Iterator<Item = &V> + Clone {
        self.iter().map(|(_, value)| value)
    }

    pub fn first_key_value(&self) -> Option<(&K, &V)> {
        self.iter().next()
    }

    /// Whether both are one value in memory, and therefore equal.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.chunks, &other.chunks)
    }
}

impl<K: Clone, V: Clone> Map<K, V> {
    pub fn into_keys(self) -> impl Iterator<Item = K> {
        self.into_iter().map(|(key, _)| key)
    }

    pub fn into_values(self) -> impl Iterator<Item = V> {
        self.into_iter().map(|(_, value)| value)
    }
}

impl<K: Ord, V> Map<K, V> {
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.get_key_value(key).map(|(_, value)| value)
    }

    pub fn get_key_value<Q: Ord + ?Sized>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
    {
        let chunk = self.chunks.get(self.chunk_of(key)?)?;
        let (key, value) = chunk.get(position(chunk, key).ok()?)?;
        Some((key, value))
    }

    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.get(key).is_some()
    }

    fn last_key(&self) -> Option<&K> {
        self.chunks.last()?.last().map(|(key, _)| key)
    }

    /// The only chunk that the key can be in; `None`: it comes before all, or there are none.
    fn chunk_of<Q: Ord + ?Sized>(&self, key: &Q) -> Option<usize>
    where
        K: Borrow<Q>,
    {
        let begins_before = |chunk: &Arc<Chunk<K, V>>| {
            let first = chunk.first();
            first.is_some_and(|(first, _)| first.borrow() <= key)
        };
        self.chunks.partition_point(begins_before).checked_sub(1)
    }

    /// Where this map differs from what was `before`, in the order of the keys.
    pub fn differences<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = Difference<'a, K, V>>
    where
        V: PartialEq,
    {
        self.differences_by(before, V::eq)
    }

    /// The same, where others than `V` itself say what is equal.
    pub fn differences_by<'a>(
        &'a self,
        before: &'a Self,
        is_equal: impl Fn(&V, &V) -> bool,
    ) -> impl Iterator<Item = Difference<'a, K, V>> {
        let mut walk = Walk {
            before: Cursor::of(before),
            now: Cursor::of(self),
        };
        let pairs = std::iter::from_fn(move || walk.next());
        pairs.filter(move |pair| match (pair.before, pair.now) {
            (Some(before), Some(now)) => !is_equal(before, now),
            _ => true,
        })
    }
}

impl<K: Ord + Clone, V: Clone> Map<K, V> {
    /// What was there before.
    pub fn insert(&mut self, key: K, value: impl Into<V>) -> Option<V> {
        let value = value.into();
        let is_last = self.last_key().is_none_or(|last| *last < key);
        let at = if is_last {
            self.chunks.len().saturating_sub(1)
        } else {
            self.chunk_of(&key).unwrap_or(0)
        };
        let chunks = Arc::make_mut(&mut self.chunks);
        let Some(chunk) = chunks.get_mut(at) else {
            chunks.push(Arc::new(vec![(key, value)]));
            self.len += 1;
            return None;
        };
        match position(chunk, &key) {
            Ok(position) => {
                let known = Arc::make_mut(chunk).get_mut(position)?;
                return Some(std::mem::replace(&mut known.1, value));
            }
            Err(position) => {
                self.len += 1;
                if chunk.len() < MOST {
                    Arc::make_mut(chunk).insert(position, (key, value));
                } else if is_last {
                    // Made in the order of the keys, chunks are full.
                    chunks.push(Arc::new(vec![(key, value)]));
                } else {
                    let chunk = Arc::make_mut(chunk);
                    let mut rest = chunk.split_off(MOST / 2);
                    match position.checked_sub(chunk.len()) {
                        Some(position) => rest.insert(position, (key, value)),
                        None => chunk.insert(position, (key, value)),
                    }
                    chunks.insert(at + 1, Arc::new(rest));
                }
            }
        }
        None
    }

    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let at = self.chunk_of(key)?;
        let position = position(self.chunks.get(at)?, key).ok()?;
        let chunks = Arc::make_mut(&mut self.chunks);
        let chunk = Arc::make_mut(chunks.get_mut(at)?);
        let (_, removed) = chunk.remove(position);
        let left = chunk.len();
        self.len -= 1;
        if left == 0 {
            chunks.remove(at);
        } else if left < MOST / 4
            && let Some(next) = chunks.get(at + 1)
            && left + next.len() <= MOST
        {
            let next = chunks.remove(at + 1);
            if let Some(chunk) = chunks.get_mut(at) {
                Arc::make_mut(chunk).extend(Arc::unwrap_or_clone(next));
            }
        }
        Some(removed)
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Leaves the entries that `keep` says.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &V) -> bool) {
        let left = self.iter().filter(|(key, value)| keep(key, value));
        *self = left.map(|(key, value)| (key.clone(), value.clone())).collect();
    }

    /// Copies the entry's chunk, whether or not something is written.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let at = self.chunk_of(key)?;
        let position = position(self.chunks.get(at)?, key).ok()?;
        let chunk = Arc::make_mut(&mut self.chunks).get_mut(at)?;
        Arc::make_mut(chunk).get_mut(position).map(|(_, value)| value)
    }

    /// Copies everything.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        let chunks = Arc::make_mut(&mut self.chunks).iter_mut();
        chunks.flat_map(|chunk| Arc::make_mut(chunk).iter_mut().map(|(key, value)| (&*key, value)))
    }

    /// Copies everything.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.iter_mut().map(|(_, value)| value)
    }
}

fn position<K: Borrow<Q> + Ord, V, Q: Ord + ?Sized>(chunk: &[(K, V)], key: &Q) -> Result<usize, usize> {
    chunk.binary_search_by(|(known, _)| known.borrow().cmp(key))
}

/// Walks through two maps at once, past what they share.
struct Walk<'a, K, V> {
    before: Cursor<'a, K, V>,
    now: Cursor<'a, K, V>,
}

impl<'a, K: Ord, V> Walk<'a, K, V> {
    fn next(&mut self) -> Option<Difference<'a, K, V>> {
        while self.before.is_at_same_chunk(&self.now) {
            self.before.skip_chunk();
            self.now.skip_chunk();
        }
        let order = match (self.before.entry(), self.now.entry()) {
            (None, None) => return None,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((before, _)), Some((now, _))) => before.cmp(now),
        };
        let before = if order.is_le() { self.before.next() } else { None };
        let now = if order.is_ge() { self.now.next() } else { None };
        let (key, _) = now.or(before)?;
        Some(Difference {
            key,
            before: before.map(|(_, value)| value),
            now: now.map(|(_, value)| value),
        })
    }
}

struct Cursor<'a, K, V> {
    chunks: &'a [Arc<Chunk<K, V>>],
    position: usize,
}

impl<'a, K, V> Cursor<'a, K, V> {
    fn of(map: &'a Map<K, V>) -> Self {
        Self {
            chunks: &map.chunks,
            position: 0,
        }
    }

    fn entry(&self) -> Option<&'a (K, V)> {
        self.chunks.first()?.get(self.position)
    }

    fn next(&mut self) -> Option<&'a (K, V)> {
        let chunk = self.chunks.first()?;
        let entry = chunk.get(self.position);
        self.position += 1;
        if self.position >= chunk.len() {
            self.skip_chunk();
        }
        entry
    }

    fn skip_chunk(&mut self) {
        self.chunks = self.chunks.get(1..).unwrap_or_default();
        self.position = 0;
    }

    /// Whether both are at the begin of one chunk.
    fn is_at_same_chunk(&self, other: &Self) -> bool {
        let same = match (self.chunks.first(), other.chunks.first()) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            _ => false,
        };
        same && self.position == 0 && other.position == 0
    }
}

pub struct Iter<'a, K, V> {
    chunks: std::slice::Iter<'a, Arc<Chunk<K, V>>>,
    entries: std::slice::Iter<'a, (K, V)>,
}

impl<'a, K, V> Iterator for Iter<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((key, value)) = self.entries.next() {
                return Some((key, value));
            }
            self.entries = self.chunks.next()?.iter();
        }
    }
}

impl<K, V> Clone for Iter<'_, K, V> {
    fn clone(&self) -> Self {
        Self {
            chunks: self.chunks.clone(),
            entries: self.entries.clone(),
        }
    }
}

/// As of the standard library's maps: the key must be there.
impl<K: Ord + Borrow<Q>, V, Q: Ord + ?Sized> Index<&Q> for Map<K, V> {
    type Output = V;

    fn index(&self, key: &Q) -> &V {
        self.get(key).expect("the key is in the map")
    }
}

impl<'a, K, V> IntoIterator for &'a Map<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<K: Clone, V: Clone> IntoIterator for Map<K, V> {
    type Item = (K, V);
    type IntoIter = std::vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        let chunks = Arc::unwrap_or_clone(self.chunks).into_iter();
        let entries: Vec<_> = chunks.flat_map(Arc::unwrap_or_clone).collect();
        entries.into_iter()
    }
}

impl<K: Ord + Clone, V: Clone, W: Into<V>> Extend<(K, W)> for Map<K, V> {
    fn extend<I: IntoIterator<Item = (K, W)>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }
}

impl<K: Ord + Clone, V: Clone, W: Into<V>> FromIterator<(K, W)> for Map<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, W)>>(entries: I) -> Self {
        let mut map = Self::new();
        map.extend(entries);
        map
    }
}

impl<K: Ord + Clone, V: Clone, const N: usize> From<[(K, V); N]> for Map<K, V> {
    fn from(entries: [(K, V); N]) -> Self {
        entries.into_iter().collect()
    }
}

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self {
            chunks: Arc::default(),
            len: 0,
        }
    }
}

impl<K, V> Clone for Map<K, V> {
    fn clone(&self) -> Self {
        Self {
            chunks: Arc::clone(&self.chunks),
            len: self.len,
        }
    }
}

impl<K: Ord, V: PartialEq> PartialEq for Map<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.is_same(other) || (self.len == other.len && self.differences(other).next().is_none())
    }
}

impl<K: Ord, V: Eq> Eq for Map<K, V> {}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Map<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

impl<K: Serialize, V: Serialize> Serialize for Map<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self)
    }
}

impl<'de, K: Deserialize<'de> + Ord + Clone, V: Deserialize<'de> + Clone> Deserialize<'de> for Map<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<K, V>(PhantomData<(K, V)>);

        impl<'de, K: Deserialize<'de> + Ord + Clone, V: Deserialize<'de> + Clone> Visitor<'de> for Entries<K, V> {
            type Value = Map<K, V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
                let mut map = Map::new();
                while let Some((key, value)) = access.next_entry::<K, V>()? {
                    map.insert(key, value);
                }
                Ok(map)
            }
        }

        deserializer.deserialize_map(Entries(PhantomData))
    }
}

/// Entries of a chunk: few enough to be copied for one of them, and enough that there are few chunks.
const MOST: usize = 64;
