//! Lists as tables, which `kubectl get` prints.

use serde_json::{Value, json};

use super::object::meta;

/// Turns an object or a list into a `Table` of name and age.
pub(crate) fn table(answer: &Value) -> Value {
    let objects: Vec<&Value> = match answer["items"].as_array() {
        Some(items) => items.iter().collect(),
        None => vec![answer],
    };
    let rows: Vec<Value> = objects
        .into_iter()
        .map(|object| {
            json!({
                "cells": [meta(object, "name"), meta(object, "creationTimestamp")],
                "object": {
                    "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
                    "metadata": object["metadata"],
                },
            })
        })
        .collect();
    let column = |name: &str| json!({ "name": name, "type": "string", "format": "", "description": "", "priority": 0 });
    let mut name = column("Name");
    name["format"] = json!("name");
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": answer["metadata"],
        "columnDefinitions": [name, column("Created At")], "rows": rows,
    })
}
