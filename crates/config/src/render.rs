//! Writes a [`Dynamic`](crate::Dynamic) in the shape of the file provider.

mod install;
mod redact;
#[cfg(test)]
mod tests;

use serde_saphyr::{SerializerOptions, ser_options};

use crate::dynamic::Dynamic;
use crate::install::Install;

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

/// The text of `dynamic`, with a line feed at its end; deterministic, keys in alphabetical order. Redacted
/// values read `REDACTED` (certificates are public and stay). What is shown reads back as the same value.
pub fn render(dynamic: &Dynamic, format: Format, secrets: Secrets) -> String {
    let value = match secrets {
        Secrets::Shown => serde_json::to_value(dynamic),
        Secrets::Redacted => redact::value(dynamic),
    };
    let text = value
        .map_err(|error| error.to_string())
        .and_then(|value| write(&value, format));
    // Plain data with text keys can always be written; a comment beats a panic if that ever changes.
    text.unwrap_or_else(|error| format!("# cannot be written: {error}\n"))
}

/// `dynamic` as a tree without its secrets, for views that show parts of it.
pub fn redacted(dynamic: &Dynamic) -> serde_json::Value {
    // Plain data with text keys can always be written.
    redact::value(dynamic).unwrap_or_default()
}

/// An install configuration as a tree without its secrets.
pub fn redacted_install(install: &Install) -> serde_json::Value {
    install::value(install).unwrap_or_default()
}

/// An install configuration as JSON on one line, without its secrets (A1.15).
pub fn install(install: &Install) -> String {
    match install::value(install) {
        Ok(value) => value.to_string(),
        Err(error) => format!("cannot be written: {error}"),
    }
}

fn write(value: &serde_json::Value, format: Format) -> Result<String, String> {
    match format {
        Format::Json => serde_json::to_string_pretty(value)
            .map(|text| text + "\n")
            .map_err(|error| error.to_string()),
        Format::Yaml => {
            serde_saphyr::to_string_with_options(value, yaml_options()).map_err(|error| error.to_string())
        }
    }
}

/// Several lines become a literal block (`|`), as people write PEM; long rules stay on their line.
fn yaml_options() -> SerializerOptions {
    ser_options! {
        prefer_block_scalars: true,
        folded_wrap_chars: usize::MAX,
    }
}
