//! Which lists are merged item by item, and by which fields: for strategic patches and for server-side
//! apply. For built-in kinds this is what Kubernetes' own description of its API says.

use serde_json::Value;

use super::model::Model;
use super::resource::Resource;

/// How a list is merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Merging {
    /// As a whole.
    Atomic,
    /// Items are scalars, each once.
    Set,
    /// Items are objects, told apart by these fields.
    ByKeys(Vec<String>),
}

/// The lists of one kind.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Lists<'a> {
    Builtin,
    Schema(&'a Value),
}

impl<'a> Lists<'a> {
    pub(crate) fn of(resource: &'a Resource) -> Self {
        match &resource.model {
            Model::Custom(schema) => Self::Schema(schema.root()),
            Model::Builtin(_) | Model::NewEvent | Model::Review => Self::Builtin,
        }
    }

    /// `path`: the names of the fields on the way, without indices.
    pub(crate) fn merging(self, path: &[&str]) -> Merging {
        match (self, path) {
            (_, ["metadata", ..]) | (Self::Builtin, _) => builtin(path),
            (Self::Schema(root), _) => in_schema(root, path),
        }
    }

    /// The one field that a strategic patch tells items apart by.
    pub(crate) fn merge_key(self, path: &[&str]) -> Option<String> {
        match self.merging(path) {
            Merging::ByKeys(keys) => keys.into_iter().next(),
            Merging::Atomic | Merging::Set => None,
        }
    }
}

fn builtin(path: &[&str]) -> Merging {
    let by = |keys: &[&str]| Merging::ByKeys(keys.iter().map(|key| (*key).to_owned()).collect());
    match path {
        ["metadata", "finalizers"] => Merging::Set,
        ["metadata", "ownerReferences"] => by(&["uid"]),
        ["spec", "ports"] => by(&["port", "protocol"]),
        ["status", "conditions" | "addresses"] => by(&["type"]),
        ["secrets"]
        | [
            ..,
            "containers" | "initContainers" | "ephemeralContainers" | "volumes" | "imagePullSecrets",
        ] => by(&["name"]),
        [.., "containers" | "initContainers", "ports"] => by(&["containerPort", "protocol"]),
        [.., "containers" | "initContainers", "env"] => by(&["name"]),
        [.., "containers" | "initContainers", "volumeMounts"] => by(&["mountPath"]),
        [.., "hostAliases"] => by(&["ip"]),
        [.., "topologySpreadConstraints"] => by(&["topologyKey", "whenUnsatisfiable"]),
        _ => Merging::Atomic,
    }
}

fn in_schema(root: &Value, path: &[&str]) -> Merging {
    let schema = path.iter().fold(root, |schema, name| {
        let schema = if schema["items"].is_object() {
            &schema["items"]
        } else {
            schema
        };
        let property = &schema["properties"][*name];
        if property.is_null() {
            &schema["additionalProperties"]
        } else {
            property
        }
    });
    match schema["x-kubernetes-list-type"].as_str() {
        Some("set") => Merging::Set,
        Some("map") => Merging::ByKeys(
            schema["x-kubernetes-list-map-keys"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|key| key.as_str().map(str::to_owned))
                .collect(),
        ),
        _ => Merging::Atomic,
    }
}
