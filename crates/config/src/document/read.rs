//! A tree of nodes -> a typed value, through serde, with the place of every fault.

mod access;

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;

use serde::de::value::{BorrowedStrDeserializer, SeqDeserializer};
use serde::de::{self, DeserializeOwned, Visitor};
use serde::forward_to_deserialize_any;

use self::access::{Entries, Items, Part};
use super::path::{self, PathSegment};
use super::{Key, Node, Value, scalar};
use crate::finding::Location;
use crate::suggest;

/// A value read from a [`Node`], with the fields that nothing took.
#[derive(Debug, Clone)]
pub struct Read<T> {
    pub value: T,
    /// Paths and places of unknown fields.
    pub unknown: Vec<(String, Location)>,
    /// For some of them, the known name that is nearest.
    meant: Vec<(usize, &'static str)>,
}

impl<T> Read<T> {
    /// The field that was probably meant by the unknown field number `index`.
    pub fn meant(&self, index: usize) -> Option<&'static str> {
        self.meant
            .iter()
            .find(|(of, _)| *of == index)
            .map(|(_, name)| *name)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{location}: {path}: {message}")]
pub struct ReadError {
    pub location: Location,
    pub path: String,
    pub message: String,
}

/// How strictly scalars are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    Strict,
    Traefik,
}

pub(super) fn read<T: DeserializeOwned>(node: &Node, manner: Manner) -> Result<Read<T>, ReadError> {
    let reading = Reading {
        manner,
        path: RefCell::default(),
        unknown: RefCell::default(),
    };
    let value = T::deserialize(reading.reader(node)).map_err(|fault| {
        let (location, path) = fault
            .place
            .unwrap_or_else(|| (node.location.clone(), String::new()));
        ReadError {
            location,
            path,
            message: fault.message,
        }
    })?;
    let unknown = reading.unknown.into_inner();
    let meant = unknown
        .iter()
        .enumerate()
        .filter_map(|(index, field)| Some((index, field.meant?)))
        .collect();
    Ok(Read {
        value,
        unknown: unknown
            .into_iter()
            .map(|field| (field.path, field.location))
            .collect(),
        meant,
    })
}

/// One read in progress.
struct Reading<'n> {
    manner: Manner,
    /// Where we are.
    path: RefCell<Vec<PathSegment<'n>>>,
    unknown: RefCell<Vec<UnknownField>>,
}

struct UnknownField {
    path: String,
    location: Location,
    meant: Option<&'static str>,
}

impl<'n> Reading<'n> {
    fn reader<'r>(&'r self, node: &'n Node) -> Reader<'r, 'n> {
        Reader {
            reading: self,
            node,
            field: None,
        }
    }

    fn path_text(&self) -> String {
        path::write(&self.path.borrow())
    }

    /// Runs `step` one level deeper.
    fn inside<T>(&self, segment: PathSegment<'n>, step: impl FnOnce() -> T) -> T {
        self.path.borrow_mut().push(segment);
        let result = step();
        self.path.borrow_mut().pop();
        result
    }

    /// Gives a fault that has no place yet the place of `location`: the innermost one wins.
    fn placed<T>(&self, location: &Location, result: Result<T, Fault>) -> Result<T, Fault> {
        result.map_err(|mut fault| {
            if fault.place.is_none() {
                fault.place = Some((location.clone(), self.path_text()));
            }
            fault
        })
    }
}

/// What went wrong; the place is added as the fault passes the node that it is about.
#[derive(Debug)]
struct Fault {
    message: String,
    place: Option<(Location, String)>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self {
            message: message.to_string().chars().take(MAX_MESSAGE_CHARS).collect(),
            place: None,
        }
    }
}

/// The deserializer of one node.
#[derive(Clone, Copy)]
struct Reader<'r, 'n> {
    reading: &'r Reading<'n>,
    node: &'n Node,
    /// The key that led here, and the fields known beside it.
    field: Option<(&'n Key, Option<&'static [&'static str]>)>,
}

impl<'n> Reader<'_, 'n> {
    fn lenient(&self) -> bool {
        self.reading.manner == Manner::Traefik
    }

    fn placed<T>(&self, result: Result<T, Fault>) -> Result<T, Fault> {
        self.reading.placed(&self.node.location, result)
    }

    fn mismatch(&self, expected: &dyn de::Expected) -> Fault {
        let unexpected = match &self.node.value {
            Value::Null => de::Unexpected::Unit,
            Value::Bool(value) => de::Unexpected::Bool(*value),
            Value::Integer(value) => de::Unexpected::Signed(*value),
            Value::Float(value) => de::Unexpected::Float(*value),
            Value::String(_) => de::Unexpected::Other("text"),
            Value::Sequence(_) => de::Unexpected::Other("a list"),
            Value::Mapping(_) => de::Unexpected::Other("a mapping"),
        };
        de::Error::invalid_type(unexpected, expected)
    }

    /// The text of a scalar, where text is wanted and Traefik would take it.
    fn scalar_text(&self) -> Option<Cow<'n, str>> {
        match &self.node.value {
            Value::String(text) => Some(Cow::Borrowed(text)),
            Value::Null if self.lenient() => Some(Cow::Borrowed("")),
            Value::Bool(value) if self.lenient() => Some(Cow::Owned(value.to_string())),
            Value::Integer(value) if self.lenient() => Some(Cow::Owned(value.to_string())),
            Value::Float(value) if self.lenient() => Some(Cow::Owned(value.to_string())),
            _ => None,
        }
    }

    /// The node's meaning where a boolean is wanted.
    fn switch(&self) -> Option<bool> {
        match &self.node.value {
            Value::Bool(value) => Some(*value),
            Value::String(text) => scalar::bool_word(text).or_else(|| match scalar::plain(text) {
                Value::Bool(value) if self.lenient() => Some(value),
                _ => None,
            }),
            _ => None,
        }
    }

    fn text<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.placed(match self.scalar_text() {
            Some(Cow::Borrowed(text)) => visitor.visit_borrowed_str(text),
            Some(Cow::Owned(text)) => visitor.visit_string(text),
            None => {
                let mut fault = self.mismatch(&visitor);
                if matches!(
                    self.node.value,
                    Value::Bool(_) | Value::Integer(_) | Value::Float(_)
                ) {
                    fault.message.push_str(" (put it in quotes)");
                }
                Err(fault)
            }
        })
    }

    fn number<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::String(text) if self.lenient() => match scalar::plain(text.trim()) {
                Value::Integer(value) => self.placed(visitor.visit_i64(value)),
                Value::Float(value) => self.placed(visitor.visit_f64(value)),
                _ => self.placed(Err(self.mismatch(&"a number"))),
            },
            // Not left to serde, which would quote the text: it may be a secret.
            Value::String(_) => self.placed(Err(self.mismatch(&visitor))),
            _ => self.any(visitor),
        }
    }

    fn any<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Fault> {
        let result = match &self.node.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Integer(value) => visitor.visit_i64(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Sequence(items) => visitor.visit_seq(Items {
                reading: self.reading,
                items: items.iter().enumerate(),
            }),
            Value::Mapping(entries) => visitor.visit_map(Entries::new(self.reading, entries, None)),
        };
        self.placed(result)
    }
}

impl<'n> de::Deserializer<'n> for Reader<'_, 'n> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.any(visitor)
    }

    fn deserialize_bool<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Fault> {
        let word = match &self.node.value {
            Value::String(_) => self.switch(),
            _ => None,
        };
        match (word, &self.node.value) {
            (Some(value), _) => self.placed(visitor.visit_bool(value)),
            (None, Value::String(_)) => self.placed(Err(self.mismatch(&visitor))),
            (None, _) => self.any(visitor),
        }
    }

    fn deserialize_str<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.text(visitor)
    }

    fn deserialize_string<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.text(visitor)
    }

    fn deserialize_i8<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.number(visitor)
    }

    fn deserialize_i16<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.number(visitor)
    }

    fn deserialize_i32<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.number(visitor)
    }

    fn deserialize_i64<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.number(visitor)
    }

    fn deserialize_u8<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.number(visitor)
    }

    fn deserialize_u16<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.number(visitor)
    }

    fn deserialize_u32<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.number(visitor)
    }

    fn deserialize_u64<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.number(visitor)
    }

    fn deserialize_f32<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.number(visitor)
    }

    fn deserialize_f64<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.number(visitor)
    }

    fn deserialize_option<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.node.value {
            Value::Null => self.placed(visitor.visit_none()),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'n>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if name == super::SECTION
            && let Some(on) = self.switch()
        {
            return self.placed(visitor.visit_bool(on));
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Sequence(_) => self.any(visitor),
            // `--list=` is an empty list, not one with an empty text in it.
            Value::String(text) if self.lenient() && text.trim().is_empty() => {
                self.placed(visitor.visit_seq(SeqDeserializer::new(std::iter::empty::<Part<'n>>())))
            }
            Value::String(text) if self.lenient() => {
                let items = text.split(',').map(|item| Part(item.trim()));
                self.placed(visitor.visit_seq(SeqDeserializer::new(items)))
            }
            _ => self.placed(Err(self.mismatch(&visitor))),
        }
    }

    fn deserialize_map<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.node.value {
            Value::Mapping(_) => self.any(visitor),
            _ => self.placed(Err(self.mismatch(&visitor))),
        }
    }

    fn deserialize_struct<V: Visitor<'n>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let result = match &self.node.value {
            Value::Mapping(entries) => visitor.visit_map(Entries::new(self.reading, entries, Some(fields))),
            // A section that is named has its defaults: `http: true` is `http: {}`.
            _ if self.lenient() && self.switch() == Some(true) => {
                visitor.visit_map(Entries::new(self.reading, &[], Some(fields)))
            }
            _ => Err(self.mismatch(&"a mapping")),
        };
        self.placed(result)
    }

    fn deserialize_enum<V: Visitor<'n>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let result = match &self.node.value {
            Value::String(name) => visitor.visit_enum(BorrowedStrDeserializer::new(name)),
            Value::Mapping(entries) if entries.len() == 1 => {
                let entries = Entries::new(self.reading, entries, None);
                visitor.visit_enum(de::value::MapAccessDeserializer::new(entries))
            }
            _ => Err(self.mismatch(&visitor)),
        };
        self.placed(result)
    }

    /// Nothing wants this value: its field is unknown.
    fn deserialize_ignored_any<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Fault> {
        if let Some((key, beside)) = self.field {
            self.reading.unknown.borrow_mut().push(UnknownField {
                path: self.reading.path_text(),
                location: key.location.clone(),
                meant: suggest::closest(&key.text, beside.unwrap_or_default().iter().copied()),
            });
        }
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        <V: Visitor<'n>>
        i128 u128 char bytes byte_buf unit unit_struct tuple tuple_struct identifier
    }
}

/// Some messages quote what they found.
const MAX_MESSAGE_CHARS: usize = 512;
