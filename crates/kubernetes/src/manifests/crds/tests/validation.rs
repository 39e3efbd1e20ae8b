//! The checks of an API server, as far as schemas of CRDs go: the OpenAPI v3 keywords that they use, and
//! pruning. Rules in CEL are not evaluated.

use regex::Regex;
use serde_json::Value;

use super::{INT_OR_STRING, PRESERVE};

/// Whether an API server takes `value`; if not, where and why.
pub(super) fn check(schema: &Value, value: &Value) -> Result<(), String> {
    typed(schema, value)?;
    let keywords = schema.as_object().ok_or("not a schema")?;
    if let Some(values) = keywords.get("enum").and_then(Value::as_array)
        && !values.contains(value)
    {
        return Err(format!("{value} is none of {values:?}"));
    }
    if let Some(number) = value.as_f64() {
        let beyond = |keyword: &str, wrong: fn(f64, f64) -> bool| {
            keywords
                .get(keyword)
                .and_then(Value::as_f64)
                .is_some_and(|end| wrong(number, end))
        };
        if beyond("minimum", |number, end| number < end) || beyond("maximum", |number, end| number > end) {
            return Err(format!("{value} is out of range"));
        }
    }
    if let (Some(pattern), Some(text)) = (keywords.get("pattern").and_then(Value::as_str), value.as_str())
        && !Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(text))
    {
        return Err(format!("{value} does not match {pattern}"));
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        check(&schema["items"], item).map_err(|why| format!("[{index}]: {why}"))?;
    }
    if let Some(entries) = value.as_object() {
        let required = keywords.get("required").and_then(Value::as_array);
        let mut required = required.into_iter().flatten().filter_map(Value::as_str);
        if let Some(missing) = required.find(|name| !entries.contains_key(*name)) {
            return Err(format!("`{missing}` is missing"));
        }
        for (name, inner) in entries {
            if let Some(schema) = property(schema, name) {
                check(schema, inner).map_err(|why| format!(".{name}: {why}"))?;
            }
        }
    }
    Ok(())
}

fn typed(schema: &Value, value: &Value) -> Result<(), String> {
    let fits = if schema[INT_OR_STRING] == true {
        value.is_i64() || value.is_u64() || value.is_string()
    } else {
        match schema["type"].as_str() {
            Some("object") => value.is_object(),
            Some("array") => value.is_array(),
            Some("string") => value.is_string(),
            Some("boolean") => value.is_boolean(),
            Some("integer") => value.is_i64() || value.is_u64(),
            None => schema[PRESERVE] == true,
            Some(_) => false,
        }
    };
    fits.then_some(())
        .ok_or_else(|| format!("{value} is of another type than {}", schema["type"]))
}

fn property<'a>(schema: &'a Value, name: &str) -> Option<&'a Value> {
    let known = schema
        .get("properties")
        .and_then(|properties| properties.get(name));
    known.or_else(|| schema.get("additionalProperties"))
}

/// The first field that an API server would drop without a word.
pub(super) fn pruned(schema: &Value, value: &Value) -> Option<String> {
    match value {
        Value::Object(entries) => entries
            .iter()
            .find_map(|(name, inner)| match property(schema, name) {
                Some(schema) => pruned(schema, inner).map(|path| format!(".{name}{path}")),
                None if schema[PRESERVE] == true || schema == &serde_json::json!({ "type": "object" }) => {
                    None
                }
                None => Some(format!(".{name}")),
            }),
        Value::Array(items) => items
            .iter()
            .find_map(|item| pruned(&schema["items"], item))
            .map(|path| format!("[]{path}")),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}
