//! Writes a [`Dynamic`](crate::Dynamic) in the shape of the file provider.

use crate::dynamic::Dynamic;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Yaml,
    Json,
}

/// Whether private keys and passwords are written out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    Redacted,
    Shown,
}

/// The text of `dynamic`; deterministic. Redacted values read `REDACTED` (certificates are public
/// and stay).
pub fn render(_dynamic: &Dynamic, _format: Format, _secrets: Secrets) -> String {
    todo!()
}
