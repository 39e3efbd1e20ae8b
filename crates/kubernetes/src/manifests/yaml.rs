//! Objects as the text that `kubectl apply` reads.

use serde_json::{Map, Value};
use serde_saphyr::{SerializerOptions, ser_options};

/// One document for each object, keys in alphabetical order.
pub fn to_yaml(objects: &[Value]) -> String {
    let documents: Vec<String> = objects.iter().map(document).collect();
    documents.join("---\n")
}

fn document(object: &Value) -> String {
    // Plain data with text keys can always be written; a comment beats a panic if that ever changes.
    serde_saphyr::to_string_with_options(&sorted(object), options())
        .unwrap_or_else(|error| format!("# cannot be written: {error}\n"))
}

/// `serde_json` keeps the order of insertion or not, as another crate of the build likes it; what is
/// printed must not depend on that.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(entries) => {
            let mut entries: Vec<(&String, &Value)> = entries.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            let entries = entries
                .into_iter()
                .map(|(key, value)| (key.clone(), sorted(value)));
            Value::Object(entries.collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

fn options() -> SerializerOptions {
    ser_options! {
        prefer_block_scalars: true,
        folded_wrap_chars: usize::MAX,
    }
}
