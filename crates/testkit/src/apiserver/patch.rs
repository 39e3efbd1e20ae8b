//! Patches, by the media type of the request's body.

mod json;
mod strategic;

use serde_json::Value;

use super::failure::Failure;
use super::resource::Resource;

/// A patch that has been read.
#[derive(Debug)]
pub(crate) enum Patch {
    /// RFC 6902.
    Json(Vec<json::Operation>),
    /// RFC 7396.
    Merge(Value),
    /// Kubernetes' own: lists of built-in kinds are merged by key.
    Strategic(Value),
    /// Server-side apply: what the manager wants to be so.
    Apply(Value),
}

impl Patch {
    pub(crate) fn read(media_type: &str, body: &[u8]) -> Result<Self, Failure> {
        let bad =
            |error: &dyn std::fmt::Display| Failure::BadRequest(format!("error decoding patch: {error}"));
        let value = || serde_json::from_slice::<Value>(body).map_err(|error| bad(&error));
        match media_type {
            "application/json-patch+json" => json::Operation::read_all(&value()?).map(Self::Json),
            "application/merge-patch+json" => value().map(Self::Merge),
            "application/strategic-merge-patch+json" => value().map(Self::Strategic),
            "application/apply-patch+yaml" | "application/apply-patch" => serde_saphyr::from_slice(body)
                .map(Self::Apply)
                .map_err(|error| bad(&error)),
            other => Err(Failure::UnsupportedMediaType(other.to_owned())),
        }
    }

    /// The object with the patch on it.
    pub(crate) fn on(&self, resource: &Resource, mut object: Value) -> Result<Value, Failure> {
        match self {
            Self::Json(operations) => {
                for operation in operations {
                    operation.on(&mut object)?;
                }
            }
            Self::Merge(patch) => merge(&mut object, patch),
            Self::Strategic(_) if resource.is_custom() => {
                return Err(Failure::UnsupportedMediaType(
                    "the body of the request was in an unknown format - accepted media types include: \
                     application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
                        .to_owned(),
                ));
            }
            Self::Strategic(patch) => strategic::merge(&mut object, patch)?,
            // A manager's wishes are merged with what it is known to own.
            Self::Apply(config) => merge(&mut object, config),
        }
        Ok(object)
    }
}

/// RFC 7396.
fn merge(target: &mut Value, patch: &Value) {
    let Some(fields) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let target = target.as_object_mut().expect("it has just been made an object");
    for (name, value) in fields {
        if value.is_null() {
            target.remove(name);
        } else {
            merge(target.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}
