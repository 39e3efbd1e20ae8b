//! `/api/faults`, and the same beside each service: the last faults of the backend leg.

use serde_json::{Map, Value, json};

use super::View;
use super::catalogue::Object;
use super::overview::date;
use crate::last_faults::Cause;

/// One object for each cause of each service.
pub(super) fn all(view: &View) -> Vec<Object> {
    let faults = view.last_faults.all().into_iter();
    faults
        .flat_map(|(service, causes)| {
            causes
                .into_iter()
                .map(move |cause| Object::plain(service.to_string(), shown(&service, &cause)))
        })
        .collect()
}

/// A service as its list shows it, with its faults, if there are any.
pub(super) fn with_faults(view: &View, service: &Object) -> Value {
    let mut value = service.view();
    let causes = view.last_faults.of(&service.name);
    if let Some(fields) = value.as_object_mut()
        && !causes.is_empty()
    {
        let faults = causes
            .iter()
            .map(|cause| Value::Object(shown(&service.name, cause)));
        fields.insert("faults".to_owned(), faults.collect());
    }
    value
}

fn shown(service: &str, cause: &Cause) -> Map<String, Value> {
    let seen = cause.seen();
    let shown = json!({
        "service": service,
        "code": cause.reason.code(),
        "meaning": cause.reason.meaning(),
        "leg": "backend",
        "server": cause.server,
        "router": cause.router,
        "transport": cause.transport,
        "object": cause.object.as_ref().map(ToString::to_string),
        "wanted": cause.wanted,
        "got": cause.got,
        "fix": cause.hint,
        "suggestion": cause.suggestion,
        "count": seen.map_or(0, |seen| seen.count),
        "first": seen.map(|seen| date(seen.first)),
        "last": seen.map(|seen| date(seen.last)),
    });
    match shown {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
