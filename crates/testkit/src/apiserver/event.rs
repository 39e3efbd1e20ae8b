//! The two forms of an event. Both groups show the same objects; stored is the core group's form.

use serde_json::Value;

/// `events.k8s.io/v1` to `v1`.
pub(crate) fn to_core(object: Value) -> Value {
    renamed(object, "v1", |(core, new)| (new, core))
}

/// `v1` to `events.k8s.io/v1`.
pub(crate) fn to_new(object: Value) -> Value {
    renamed(object, "events.k8s.io/v1", |(core, new)| (core, new))
}

fn renamed(
    mut object: Value,
    api_version: &str,
    order: fn((&'static str, &'static str)) -> (&'static str, &'static str),
) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.insert("apiVersion".to_owned(), api_version.into());
        for (from, to) in NAMES.iter().map(|pair| order(*pair)) {
            if let Some(value) = fields.remove(from) {
                fields.insert(to.to_owned(), value);
            }
        }
    }
    object
}

/// Core name, new name.
const NAMES: [(&str, &str); 7] = [
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("reportingComponent", "reportingController"),
    ("count", "deprecatedCount"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("source", "deprecatedSource"),
];
