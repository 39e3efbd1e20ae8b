//! Access-log lines in JSON.

use serde_json::Value;

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry(pub Value);

impl Entry {
    /// A field as text; empty when it is absent or no text.
    pub fn text(&self, field: &str) -> &str {
        self.0.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    pub fn number(&self, field: &str) -> Option<u64> {
        self.0.get(field).and_then(Value::as_u64)
    }

    pub fn flag(&self, field: &str) -> Option<bool> {
        self.0.get(field).and_then(Value::as_bool)
    }

    /// `DownstreamStatus`.
    pub fn status(&self) -> u64 {
        self.number("DownstreamStatus").unwrap_or_default()
    }

    /// The stable code of what went wrong; empty when nothing did.
    pub fn fault(&self) -> &str {
        self.text("Fault")
    }
}

/// Every complete line of a log.
#[track_caller]
pub fn parse(text: &str) -> Vec<Entry> {
    let complete = text
        .rfind('\n')
        .map_or("", |end| text.get(..end).unwrap_or_default());
    complete
        .lines()
        .map(|line| {
            Entry(serde_json::from_str(line).unwrap_or_else(|error| panic!("not JSON ({error}): {line}")))
        })
        .collect()
}
