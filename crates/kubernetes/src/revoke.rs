//! Writes the annotation that revokes certificates (C9): for the command, not for a process.

use http::Method;
use serde::Deserialize;
use serde_json::json;
use viaduct_config::ObjectRef;

use crate::api::annotations::REVOKED;
use crate::watch::Connection;
use crate::watch::connection::{ApiError, Payload};

/// Why an object could not be annotated.
#[derive(Debug, thiserror::Error)]
pub enum RevokeError {
    #[error("a {0} is no object whose certificates can be revoked")]
    Kind(String),
    #[error("{object} cannot be read")]
    Read {
        object: ObjectRef,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("{object} cannot be annotated")]
    Write {
        object: ObjectRef,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// What is looked at of an object.
#[derive(Deserialize)]
struct Seen {
    metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    resource_version: String,
    #[serde(default)]
    annotations: std::collections::BTreeMap<String, String>,
}

/// Adds `items` to what a ServersTransport, Secret or ConfigMap revokes already; whether anything was new. Somebody who
/// writes the object at the same time is not overwritten.
///
/// Cancel safe: it is written or not.
pub async fn revoke(
    connection: &Connection,
    object: &ObjectRef,
    items: &[String],
) -> Result<bool, RevokeError> {
    let path = path(object).ok_or_else(|| RevokeError::Kind(object.kind.to_string()))?;
    let mut tries = 0;
    loop {
        let seen: Seen = connection.get(&path).await.map_err(|error| RevokeError::Read {
            object: object.clone(),
            source: error.into(),
        })?;
        let before = seen.metadata.annotations.get(REVOKED).map_or("", String::as_str);
        let Some(listed) = with(before, items) else {
            return Ok(false);
        };
        let patch = json!({ "metadata": {
            "resourceVersion": seen.metadata.resource_version,
            "annotations": { REVOKED: listed },
        }});
        let written: Result<Seen, ApiError> = connection
            .ask(Method::PATCH, &path, Payload::MergePatch(patch))
            .await;
        match written {
            Ok(_) => return Ok(true),
            Err(error) if error.code() == Some(CONFLICT) && tries < TRIES => tries += 1,
            Err(error) => {
                return Err(RevokeError::Write {
                    object: object.clone(),
                    source: error.into(),
                });
            }
        }
    }
}

/// `None`: they are listed already.
fn with(before: &str, items: &[String]) -> Option<String> {
    let known: Vec<&str> = before
        .split([',', '\n', ' '])
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .collect();
    let new: Vec<&str> = items
        .iter()
        .map(String::as_str)
        .filter(|item| !known.contains(item))
        .collect();
    (!new.is_empty()).then(|| [known, new].concat().join(","))
}

fn path(object: &ObjectRef) -> Option<String> {
    let (namespace, name) = (&object.namespace, &object.name);
    let (group, resource) = match &*object.kind {
        "ServersTransport" => ("apis/traefik.io/v1alpha1", "serverstransports"),
        "Secret" => ("api/v1", "secrets"),
        "ConfigMap" => ("api/v1", "configmaps"),
        _ => return None,
    };
    Some(format!("/{group}/namespaces/{namespace}/{resource}/{name}"))
}

const CONFLICT: u16 = 409;
const TRIES: u32 = 5;

#[cfg(test)]
mod tests {
    use super::with;

    #[test]
    fn c9_what_is_revoked_already_stays_and_is_not_listed_twice() {
        let items = ["b".to_owned(), "c".to_owned()];
        assert_eq!(with("", &items).as_deref(), Some("b,c"));
        assert_eq!(with("a, b", &items).as_deref(), Some("a,b,c"));
        assert_eq!(with("c\nb", &items), None);
    }
}
