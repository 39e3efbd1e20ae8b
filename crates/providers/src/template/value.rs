//! Values of a template.

use std::collections::BTreeMap;
use std::rc::Rc;

/// Immutable; nested at most [`MAX_DEPTH`] deep, and of at most [`MAX_SIZE`], where what it holds twice counts
/// twice: whatever walks through a value is bounded.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// Nothing: a missing entry, `nil`.
    Nil,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(Rc<str>),
    List(Rc<List>),
    Dict(Rc<Dict>),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct List {
    items: Vec<Value>,
    extent: Extent,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Dict {
    entries: BTreeMap<String, Value>,
    extent: Extent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Extent {
    depth: usize,
    /// Bytes of text and number of values.
    size: usize,
}

impl List {
    pub(super) fn items(&self) -> &[Value] {
        &self.items
    }
}

impl Dict {
    pub(super) fn entries(&self) -> &BTreeMap<String, Value> {
        &self.entries
    }
}

/// What a value cannot be, said as the rest of a message.
pub(super) type Refusal = String;

impl Value {
    pub(super) fn text(text: impl Into<Rc<str>>) -> Self {
        Self::Text(text.into())
    }

    pub(super) fn list(items: Vec<Self>) -> Result<Self, Refusal> {
        let extent = Extent::around(items.iter(), 0)?;
        Ok(Self::List(Rc::new(List { items, extent })))
    }

    pub(super) fn dict(entries: BTreeMap<String, Self>) -> Result<Self, Refusal> {
        let keys = entries.keys().map(String::len).sum();
        let extent = Extent::around(entries.values(), keys)?;
        Ok(Self::Dict(Rc::new(Dict { entries, extent })))
    }

    pub(super) fn texts(texts: impl IntoIterator<Item = impl Into<Rc<str>>>) -> Result<Self, Refusal> {
        Self::list(texts.into_iter().map(Self::text).collect())
    }

    fn extent(&self) -> Extent {
        let size = match self {
            Self::List(list) => return list.extent,
            Self::Dict(dict) => return dict.extent,
            Self::Text(text) => text.len() + 1,
            Self::Nil | Self::Bool(_) | Self::Integer(_) | Self::Float(_) => 1,
        };
        Extent { depth: 0, size }
    }

    /// What it costs to walk through it.
    pub(super) fn size(&self) -> usize {
        self.extent().size
    }

    /// What it costs to have made it; what it holds was paid for when that was made.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::List(list) => list.items.len() * ITEM,
            Self::Dict(dict) => dict
                .entries
                .keys()
                .map(|key| key.len() + ITEM + size_of::<String>())
                .sum(),
            Self::Nil | Self::Bool(_) | Self::Integer(_) | Self::Float(_) => 0,
        }
    }

    /// Go's truth: everything but what is zero or empty.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Integer(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List(list) => !list.items.is_empty(),
            Self::Dict(dict) => !dict.entries.is_empty(),
        }
    }

    /// Go's word for its kind.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Nil => "invalid",
            Self::Bool(_) => "bool",
            Self::Integer(_) => "int",
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::List(_) => "slice",
            Self::Dict(_) => "map",
        }
    }

    /// For messages.
    pub(super) fn noun(&self) -> &'static str {
        match self {
            Self::Nil => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Dict(_) => "a dictionary",
        }
    }

    /// `.name`. A missing entry of a dictionary is nothing; other values have no fields.
    pub(super) fn field(&self, name: &str) -> Result<Self, Refusal> {
        match self {
            Self::Dict(dict) => Ok(dict.entries.get(name).cloned().unwrap_or(Self::Nil)),
            other => Err(format!("{} has no field `{name}`", other.noun())),
        }
    }

    /// As sprig's `int64` takes it: what is no number is 0.
    pub(super) fn to_integer(&self) -> i64 {
        match self {
            Self::Bool(value) => i64::from(*value),
            Self::Integer(value) => *value,
            #[expect(
                clippy::cast_possible_truncation,
                reason = "Go cuts off, too; Rust does it within bounds"
            )]
            Self::Float(value) => *value as i64,
            Self::Text(text) => text.trim().parse().unwrap_or(0),
            Self::Nil | Self::List(_) | Self::Dict(_) => 0,
        }
    }

    /// As sprig's `float64` takes it: what is no number is 0.
    pub(super) fn to_float(&self) -> f64 {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "as Go converts")]
            Self::Integer(value) => *value as f64,
            Self::Float(value) => *value,
            Self::Text(text) => text.trim().parse().unwrap_or(0.0),
            Self::Bool(value) => f64::from(u8::from(*value)),
            Self::Nil | Self::List(_) | Self::Dict(_) => 0.0,
        }
    }
}

impl Extent {
    fn around<'v>(inside: impl Iterator<Item = &'v Value>, keys: usize) -> Result<Self, Refusal> {
        let mut whole = Self {
            depth: 1,
            size: keys + 1,
        };
        for extent in inside.map(Value::extent) {
            whole.depth = whole.depth.max(extent.depth + 1);
            whole.size += extent.size;
            if whole.depth > MAX_DEPTH {
                return Err("values are nested more than 64 deep".to_owned());
            }
            if whole.size > MAX_SIZE {
                return Err("a value becomes larger than 16 MiB".to_owned());
            }
        }
        Ok(whole)
    }
}

const ITEM: usize = size_of::<Value>();
const MAX_DEPTH: usize = 64;
const MAX_SIZE: usize = 16 * 1024 * 1024;
