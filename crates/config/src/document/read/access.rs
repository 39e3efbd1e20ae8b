//! What serde asks collections for.

use std::borrow::Cow;

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, DeserializeSeed};

use super::{Fault, Manner, Reader, Reading};
use crate::document::path::PathSegment;
use crate::document::{Key, Node, Value};

/// The items of a sequence.
pub(super) struct Items<'r, 'n> {
    pub(super) reading: &'r Reading<'n>,
    pub(super) items: std::iter::Enumerate<std::slice::Iter<'n, Node>>,
}

impl<'n> de::SeqAccess<'n> for Items<'_, 'n> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'n>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some((index, node)) = self.items.next() else {
            return Ok(None);
        };
        let reading = self.reading;
        let item = reading.inside(PathSegment::Index(index), || {
            reading.placed(&node.location, seed.deserialize(reading.reader(node)))
        });
        item.map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

/// The entries of a mapping.
pub(super) struct Entries<'r, 'n> {
    reading: &'r Reading<'n>,
    entries: std::slice::Iter<'n, (Key, Node)>,
    /// The entry whose key was handed out.
    current: Option<&'n (Key, Node)>,
    /// The known fields, if a struct is being read.
    fields: Option<&'static [&'static str]>,
}

impl<'r, 'n> Entries<'r, 'n> {
    pub(super) fn new(
        reading: &'r Reading<'n>,
        entries: &'n [(Key, Node)],
        fields: Option<&'static [&'static str]>,
    ) -> Self {
        Self {
            reading,
            entries: entries.iter(),
            current: None,
            fields,
        }
    }

    /// The field's own spelling of a key, where case does not count.
    fn spelled(&self, key: &'n str) -> &'n str {
        let fields = self.fields.unwrap_or_default();
        if self.reading.manner == Manner::Strict || fields.contains(&key) {
            return key;
        }
        let same = fields.iter().find(|field| field.eq_ignore_ascii_case(key));
        same.copied().unwrap_or(key)
    }
}

impl<'n> de::MapAccess<'n> for Entries<'_, 'n> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'n>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let (entry, spelled) = loop {
            let Some(entry) = self.entries.next() else {
                return Ok(None);
            };
            let spelled = self.spelled(&entry.0.text);
            // A known field that is null counts as not written.
            let known = self.fields.is_some_and(|fields| fields.contains(&spelled));
            if !(known && matches!(entry.1.value, Value::Null)) {
                break (entry, spelled);
            }
        };
        self.current = Some(entry);
        let key = seed.deserialize(BorrowedStrDeserializer::new(spelled));
        let reading = self.reading;
        reading
            .inside(PathSegment::Key(Cow::Borrowed(&entry.0.text)), || {
                reading.placed(&entry.0.location, key)
            })
            .map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'n>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let Some((key, node)) = self.current.take() else {
            return Err(de::Error::custom("a value was asked for before its key"));
        };
        let reading = self.reading;
        let reader = Reader {
            field: Some((key, self.fields)),
            ..reading.reader(node)
        };
        reading.inside(PathSegment::Key(Cow::Borrowed(&key.text)), || {
            reading.placed(&node.location, seed.deserialize(reader))
        })
    }
}
