//! What serde asks collections for.

use std::borrow::Cow;

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::{Fault, Manner, Reader, Reading};
use crate::document::path::PathSegment;
use crate::document::{Key, Node, Value, scalar};

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

/// One part of a text with commas, where a list is wanted.
#[derive(Clone, Copy)]
pub(super) struct Part<'n>(pub(super) &'n str);

impl<'n> IntoDeserializer<'n, Fault> for Part<'n> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl Part<'_> {
    fn number<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match scalar::plain(self.0) {
            Value::Integer(value) => visitor.visit_i64(value),
            Value::Float(value) => visitor.visit_f64(value),
            // Not quoted: it may be a secret.
            _ => Err(de::Error::invalid_type(
                de::Unexpected::Other("text"),
                &"a number",
            )),
        }
    }
}

impl<'n> de::Deserializer<'n> for Part<'n> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_i64<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.number(visitor)
    }

    fn deserialize_u64<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.number(visitor)
    }

    fn deserialize_u16<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.number(visitor)
    }

    fn deserialize_f64<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.number(visitor)
    }

    fn deserialize_option<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'n>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'n>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_enum(BorrowedStrDeserializer::new(self.0))
    }

    forward_to_deserialize_any! {
        <V: Visitor<'n>>
        bool i8 i16 i32 i128 u8 u32 u128 f32 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}
