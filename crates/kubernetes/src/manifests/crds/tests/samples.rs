//! Values that a schema of Traefik's takes.

use serde_json::{Value, json};

use super::INT_OR_STRING;
use super::reference::Row;

/// Several for a leaf.
pub(super) fn of_row(row: &Row) -> Vec<Value> {
    // A duration, though the schema takes any text.
    if row.path.ends_with(".flushInterval") {
        return vec![json!("100ms"), json!("-1ms")];
    }
    of(&row.keywords)
}

/// Several for a schema: every value of an enumeration, the ends of a range, both types of an int-or-string.
fn of(keywords: &Value) -> Vec<Value> {
    if let Some(values) = keywords["enum"].as_array() {
        return values.clone();
    }
    if keywords[INT_OR_STRING] == true {
        return vec![json!(1), json!("10s"), json!("1m30s")];
    }
    if let Some(pattern) = keywords["pattern"].as_str() {
        assert!(pattern.contains("[1-5][0-9]{2}"), "no sample for {pattern}");
        return vec![json!("404"), json!("500-599"), json!("200,204")];
    }
    match keywords["type"].as_str() {
        Some("boolean") => vec![json!(true), json!(false)],
        Some("integer") => {
            let ends = [&keywords["minimum"], &keywords["maximum"]];
            let ends = ends.into_iter().filter(|end| !end.is_null()).cloned();
            let middle = keywords["minimum"].as_i64().unwrap_or(0).max(1);
            ends.chain([json!(middle)]).collect()
        }
        Some("string") if keywords.get("x-kubernetes-validations").is_some() => vec![json!("/text")],
        Some("string") => vec![json!("text"), json!("")],
        Some("object") => vec![json!({})],
        // Whatever a plugin takes.
        None => vec![json!({ "any": [1, "text"] })],
        Some(other) => panic!("no sample of type {other}"),
    }
}

/// `None`: every type will do.
pub(super) fn of_another_type(keywords: &Value) -> Option<Value> {
    if keywords[INT_OR_STRING] == true {
        return Some(json!(true));
    }
    match keywords["type"].as_str()? {
        "string" => Some(json!(true)),
        _ => Some(json!("text")),
    }
}

/// The least that a schema of an object takes.
pub(super) fn minimal(schema: &Value) -> Value {
    let mut object = json!({});
    for name in schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        object[name] = least(&schema["properties"][name]);
    }
    object
}

fn least(schema: &Value) -> Value {
    match schema["type"].as_str() {
        Some("object") => minimal(schema),
        Some("array") => json!([]),
        _ => of(schema).remove(0),
    }
}
