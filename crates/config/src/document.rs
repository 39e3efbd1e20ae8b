//! YAML and JSON text -> values that remember where they were written.
//!
//! The parser is `saphyr-parser`'s; this module builds the tree from its events, with bounds on
//! depth, size and alias expansion (a file may not make us grow without limit).

use crate::finding::Location;

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
    Integer(i64),
    Float(f64),
    String(String),
    Sequence(Vec<Node>),
    /// In the order written; a repeated key is an error.
    Mapping(Vec<(Key, Node)>),
}

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
/// returned, because a half-written file says nothing.
pub fn parse(_file: &str, _text: &str) -> Result<Vec<Document>, DocumentError> {
    todo!()
}

impl Node {
    /// Reads the node as `T`. On failure the error has the place of the innermost offending value and
    /// its path. Unknown fields are collected (nearest known name included by the caller), not fatal.
    pub fn read<T: serde::de::DeserializeOwned>(&self) -> Result<Read<T>, ReadError> {
        todo!("via serde_json::Value + serde_path_to_error + serde_ignored")
    }

    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Mapping(entries) => entries.iter().find(|(k, _)| k.text == key).map(|(_, v)| v),
            _ => None,
        }
    }

    /// Node at a path such as `spec.routes[0].match`.
    pub fn at(&self, _path: &str) -> Option<&Node> {
        todo!()
    }

    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }
}

/// A value read from a [`Node`], with the fields that nothing took.
#[derive(Debug, Clone)]
pub struct Read<T> {
    pub value: T,
    /// Paths and places of unknown fields.
    pub unknown: Vec<(String, Location)>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{location}: {path}: {message}")]
pub struct ReadError {
    pub location: Location,
    pub path: String,
    pub message: String,
}
