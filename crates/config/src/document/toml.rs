//! TOML text -> the same tree of nodes as YAML, by the `toml` crate's parser.

#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Document, DocumentError, Key, MAX_DEPTH, MAX_TEXT_BYTES, Node, Value};
use crate::finding::Location;

pub(super) fn document(file: &str, text: &str) -> Result<Document, DocumentError> {
    let reader = Reader {
        places: Places::new(file, text),
    };
    if text.len() > MAX_TEXT_BYTES {
        return Err(reader.error(0, "the text is larger than 32 MiB"));
    }
    let table = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(text.len(), |span| span.start);
        reader.error(at, error.message())
    })?;
    let root = reader.table(0..0, table.into_inner(), 0)?;
    Ok(Document { root })
}

struct Reader<'t> {
    places: Places<'t>,
}

impl Reader<'_> {
    /// Recursive: `depth` is bounded.
    fn node(&self, value: Spanned<DeValue<'_>>, depth: usize) -> Result<Node, DocumentError> {
        let span = value.span();
        let value = match value.into_inner() {
            DeValue::String(text) => Value::String(text.into_owned()),
            // As in YAML, one that does not fit stays text, so that no digit is lost.
            DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
                .map_or_else(|_| Value::String(integer.to_string()), Value::Integer),
            DeValue::Float(float) => float
                .as_str()
                .parse()
                .map_or_else(|_| Value::String(float.as_str().to_owned()), Value::Float),
            DeValue::Boolean(value) => Value::Bool(value),
            DeValue::Datetime(value) => Value::String(value.to_string()),
            DeValue::Array(items) => {
                self.check_depth(depth, span.start)?;
                let items = items.into_iter().map(|item| self.node(item, depth + 1));
                Value::Sequence(items.collect::<Result<_, _>>()?)
            }
            DeValue::Table(table) => return self.table(span, table, depth),
        };
        Ok(Node {
            location: self.places.at(span.start),
            value,
        })
    }

    /// The entries in the order written; the parser sorts them by name.
    fn table(&self, span: Range<usize>, table: DeTable<'_>, depth: usize) -> Result<Node, DocumentError> {
        self.check_depth(depth, span.start)?;
        let mut written: Vec<_> = table.into_iter().collect();
        written.sort_by_key(|(key, _)| key.span().start);
        let entries = written.into_iter().map(|(key, value)| {
            let key = Key {
                location: self.places.at(key.span().start),
                text: key.into_inner().into_owned(),
            };
            Ok((key, self.node(value, depth + 1)?))
        });
        Ok(Node {
            location: self.places.at(span.start),
            value: Value::Mapping(entries.collect::<Result<_, _>>()?),
        })
    }

    fn check_depth(&self, depth: usize, at: usize) -> Result<(), DocumentError> {
        if depth >= MAX_DEPTH {
            return Err(self.error(at, "values are nested too deeply (more than 64 levels)"));
        }
        Ok(())
    }

    fn error(&self, at: usize, message: &str) -> DocumentError {
        DocumentError {
            location: self.places.at(at),
            message: message.to_owned(),
        }
    }
}

/// Byte offsets -> lines and columns.
struct Places<'t> {
    file: Arc<str>,
    text: &'t str,
    /// Where each line begins, the first one behind a byte order mark: as in YAML it is no column.
    lines: Vec<usize>,
}

impl<'t> Places<'t> {
    fn new(file: &str, text: &'t str) -> Self {
        let mark = text.len() - text.strip_prefix('\u{feff}').unwrap_or(text).len();
        let after_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            file: Arc::from(file),
            text,
            lines: std::iter::once(mark).chain(after_breaks).collect(),
        }
    }

    fn at(&self, offset: usize) -> Location {
        let line = self.lines.partition_point(|start| *start <= offset).max(1);
        let start = self.lines.get(line - 1).copied().unwrap_or_default();
        let before = self.text.get(start..offset).unwrap_or_default();
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Location {
            file: Arc::clone(&self.file),
            line: count(line),
            column: count(before.chars().count()).saturating_add(1),
        }
    }
}
