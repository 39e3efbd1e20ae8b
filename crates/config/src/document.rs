//! YAML, JSON and TOML text -> values that remember where they were written.
//!
//! The parser is `saphyr-parser`'s; this module builds the tree from its events, with bounds on
//! depth, size and alias expansion (a file may not make us grow without limit).
//!
//! Plain scalars are those of YAML 1.2's core schema, with the differences that users of Kubernetes and
//! Traefik count on (`scalar`). Anchors, aliases and merge keys (`<<`) work; the tags `!!str`, `!!int`,
//! `!!float`, `!!bool`, `!!null`, `!!binary`, `!!map` and `!!seq` too, others are errors.

mod build;
mod excerpt;
mod message;
mod path;
mod read;
mod scalar;
#[cfg(test)]
mod tests;
mod toml;

use crate::finding::Location;

pub use excerpt::excerpt;
pub use path::PathSegment;
pub use read::{Read, ReadError};

/// One document of a stream.
#[derive(Debug, Clone)]
pub struct Document {
    pub root: Node,
}

/// A value and the place of its first character.
#[derive(Debug, Clone)]
pub struct Node {
    pub location: Location,
    pub value: Value,
}

#[derive(Debug, Clone)]
pub enum Value {
    Null,
    Bool(bool),
    /// Decimal, hexadecimal `0x1f` or octal `0o17` and `017`. One that does not fit is a `String`, so that
    /// no digit is lost.
    Integer(i64),
    Float(f64),
    /// `yes`, `no`, `on` and `off` are strings too; they are read as booleans where one is wanted.
    String(String),
    Sequence(Vec<Node>),
    /// In the order written, what merge keys brought last; a repeated key is an error.
    Mapping(Vec<(Key, Node)>),
}

/// A key, as it was spelled: `1:` and `true:` have the keys `1` and `true`.
#[derive(Debug, Clone)]
pub struct Key {
    pub text: String,
    pub location: Location,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{location}: {message}")]
pub struct DocumentError {
    pub location: Location,
    pub message: String,
}

/// All documents of a YAML (or JSON, its subset) stream; the documents before a broken one are not
/// returned, because a half-written file says nothing. Documents that hold nothing are left out.
///
/// `file` is what locations name. Bounds: 32 MiB of text, 64 levels, 1,000,000 values and 64 MiB of
/// scalar text, the copies made for aliases included.
pub fn parse(file: &str, text: &str) -> Result<Vec<Document>, DocumentError> {
    build::documents(file, text)
}

/// A TOML document, as the same tree; dates and times are texts. Same bounds as [`parse`].
pub fn parse_toml(file: &str, text: &str) -> Result<Document, DocumentError> {
    toml::document(file, text)
}

/// The name of a newtype whose text stands for a switchable section: where a reader is asked for it and the
/// value is `true` or `false`, the visitor gets that boolean.
pub(crate) const SECTION: &str = "$viaduct::Section";

impl Node {
    /// Reads the node as `T`. On failure the error has the place of the innermost offending value and
    /// its path. Unknown fields are collected, not fatal.
    ///
    /// As strict about types as the Kubernetes API, but for `yes`, `no`, `on` and `off` where a boolean is
    /// wanted. A field that is `null` counts as not written.
    pub fn read<T: serde::de::DeserializeOwned>(&self) -> Result<Read<T>, ReadError> {
        read::read(self, read::Manner::Strict)
    }

    /// As [`Node::read`], but the way Traefik reads its file provider: field names in any case, numbers
    /// and booleans where text is wanted and the reverse, one text with commas where a list is wanted.
    pub fn read_like_traefik<T: serde::de::DeserializeOwned>(&self) -> Result<Read<T>, ReadError> {
        read::read(self, read::Manner::Traefik)
    }

    pub fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Mapping(entries) => entries.iter().find(|(k, _)| k.text == key).map(|(_, v)| v),
            _ => None,
        }
    }

    /// As [`get`](Self::get), in whatever case the key was written, as Traefik reads its files.
    pub fn get_in_any_case(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Mapping(entries) => entries
                .iter()
                .find(|(written, _)| written.text.eq_ignore_ascii_case(key))
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// Node at a path such as `spec.routes[0].match` or `data["tls.crt"]`; the empty path is the node
    /// itself. `None` also for a path that is malformed.
    pub fn at(&self, path: &str) -> Option<&Self> {
        path::parse(path)?
            .iter()
            .try_fold(self, |node, segment| match (segment, &node.value) {
                (PathSegment::Key(key), _) => node.get(key),
                (PathSegment::Index(index), Value::Sequence(items)) => items.get(*index),
                (PathSegment::Index(_), _) => None,
            })
    }

    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }
}

const MAX_TEXT_BYTES: usize = 32 * 1024 * 1024;
const MAX_DEPTH: usize = 64;
