//! `/openapi/v3`: as much of it as kubectl reads. It looks here for whether the server itself checks fields
//! (`fieldValidation`), which kinds take which patches, and what `kubectl explain` prints.

use serde_json::{Map, Value, json};

use super::model::Model;
use super::resource::{Kinds, Resource};

/// `/openapi/v3`: where each group and version is described.
pub(crate) fn root(kinds: &Kinds) -> Value {
    let paths: Map<String, Value> = kinds
        .groups()
        .iter()
        .flat_map(|(group, versions)| {
            versions.keys().map(|version| {
                let path = path(group, version);
                let link = json!({ "serverRelativeURL": format!("/openapi/v3/{path}") });
                (path, link)
            })
        })
        .collect();
    json!({ "paths": paths })
}

/// `/openapi/v3/apis/GROUP/VERSION` and `/openapi/v3/api/v1`.
pub(crate) fn of(kinds: &Kinds, wanted: &str) -> Option<Value> {
    let groups = kinds.groups();
    let resources = groups
        .iter()
        .flat_map(|(group, versions)| {
            versions
                .iter()
                .map(|(version, list)| (path(group, version), list))
        })
        .find(|(path, _)| path == wanted)?
        .1;
    let stored = resources.iter().filter(|resource| !resource.is_review());
    let paths: Map<String, Value> = stored
        .clone()
        .map(|resource| operations(wanted, resource))
        .collect();
    let schemas: Map<String, Value> = stored
        .map(|resource| (schema_name(resource), schema(resource)))
        .collect();
    Some(json!({
        "openapi": "3.0.0", "info": { "title": "Kubernetes", "version": "v1.33.0" },
        "paths": paths, "components": { "schemas": schemas },
    }))
}

/// One object's path with its patch: kubectl reads no other operation.
fn operations(path: &str, resource: &Resource) -> (String, Value) {
    let namespace = if resource.namespaced {
        "namespaces/{namespace}/"
    } else {
        ""
    };
    let parameter = |name: &str| json!({ "name": name, "in": "query", "schema": { "type": "string" } });
    // No word of strategic patches: without the schemas of the built-in kinds, kubectl had better make them
    // from what it knows itself.
    let content = json!({
        "application/apply-patch+yaml": {}, "application/json-patch+json": {},
        "application/merge-patch+json": {},
    });
    let patch = json!({
        "parameters": [
            parameter("dryRun"), parameter("fieldManager"), parameter("fieldValidation"), parameter("force"),
        ],
        "requestBody": { "content": content, "required": true },
        "responses": { "200": { "description": "OK" } },
        "x-kubernetes-action": "patch",
        "x-kubernetes-group-version-kind": kind(resource),
    });
    (
        format!("/{path}/{namespace}{}/{{name}}", resource.plural),
        json!({ "patch": patch }),
    )
}

/// A custom kind's schema is the one of its definition. Of the built-in kinds kubectl has descriptions of
/// its own; here they are objects.
fn schema(resource: &Resource) -> Value {
    let mut schema = match &resource.model {
        Model::Custom(schema) => schema.root().clone(),
        Model::Builtin(_) | Model::NewEvent | Model::Review => json!({ "type": "object" }),
    };
    schema["x-kubernetes-group-version-kind"] = json!([kind(resource)]);
    schema
}

fn schema_name(resource: &Resource) -> String {
    let group = if resource.group.is_empty() {
        "core"
    } else {
        &resource.group
    };
    format!("{group}.{}.{}", resource.version, resource.kind)
}

fn kind(resource: &Resource) -> Value {
    json!({ "group": resource.group, "version": resource.version, "kind": resource.kind })
}

fn path(group: &str, version: &str) -> String {
    if group.is_empty() {
        format!("api/{version}")
    } else {
        format!("apis/{group}/{version}")
    }
}
