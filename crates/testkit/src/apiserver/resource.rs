//! Which kinds are served: the built-in ones, and those that custom resource definitions add.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::model::Model;

/// A kind in one version of its group.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    /// Empty for the core group.
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    pub(crate) plural: String,
    pub(crate) singular: String,
    pub(crate) short_names: Vec<String>,
    pub(crate) namespaced: bool,
    /// Has a `status` subresource.
    pub(crate) status: bool,
    /// Counts changes of what is wanted in `metadata.generation`.
    pub(crate) generation: bool,
    /// A replacement may leave `metadata.resourceVersion` out.
    pub(crate) unconditional_update: bool,
    /// Groups that show the same objects name the same storage.
    pub(crate) storage: String,
    pub(crate) model: Model,
}

impl Resource {
    /// `v1`, or `group/version`.
    pub(crate) fn api_version(&self) -> String {
        api_version(&self.group, &self.version)
    }

    /// Whether a definition added it.
    pub(crate) fn is_custom(&self) -> bool {
        matches!(self.model, Model::Custom(_))
    }

    /// Only answers questions; nothing is stored.
    pub(crate) fn is_review(&self) -> bool {
        matches!(self.model, Model::Review)
    }

    fn verbs(&self) -> Value {
        if self.is_review() {
            json!(["create"])
        } else {
            json!([
                "create",
                "delete",
                "deletecollection",
                "get",
                "list",
                "patch",
                "update",
                "watch"
            ])
        }
    }

    /// Its `APIResource`s in a discovery list, the `status` subresource included.
    pub(crate) fn described(&self) -> Vec<Value> {
        let mut list = vec![json!({
            "name": self.plural, "singularName": self.singular, "namespaced": self.namespaced,
            "kind": self.kind, "verbs": self.verbs(), "shortNames": self.short_names,
        })];
        if self.status {
            list.push(json!({
                "name": format!("{}/status", self.plural), "singularName": "",
                "namespaced": self.namespaced, "kind": self.kind, "verbs": ["get", "patch", "update"],
            }));
        }
        list
    }

    /// The same for aggregated discovery.
    pub(crate) fn described_aggregated(&self) -> Value {
        let kind = json!({ "group": self.group, "version": self.version, "kind": self.kind });
        let mut entry = json!({
            "resource": self.plural, "singularResource": self.singular, "responseKind": kind,
            "scope": if self.namespaced { "Namespaced" } else { "Cluster" },
            "shortNames": self.short_names, "verbs": self.verbs(),
        });
        if self.status {
            entry["subresources"] = json!([{
                "subresource": "status", "responseKind": kind, "verbs": ["get", "patch", "update"],
            }]);
        }
        entry
    }
}

/// Every kind that is served.
#[derive(Debug, Default)]
pub(crate) struct Kinds {
    served: Vec<Arc<Resource>>,
}

impl Kinds {
    pub(crate) fn builtin() -> Self {
        let mut kinds = Self::default();
        for resource in super::model::builtin() {
            kinds.add(resource);
        }
        kinds
    }

    /// Adds a kind, or replaces what is served under its name.
    pub(crate) fn add(&mut self, resource: Resource) {
        self.remove(&resource.group, &resource.version, &resource.plural);
        self.served.push(Arc::new(resource));
    }

    pub(crate) fn remove(&mut self, group: &str, version: &str, plural: &str) {
        self.served
            .retain(|known| (&*known.group, &*known.version, &*known.plural) != (group, version, plural));
    }

    /// Takes all versions of a kind away.
    pub(crate) fn remove_all(&mut self, group: &str, plural: &str) {
        self.served
            .retain(|known| (&*known.group, &*known.plural) != (group, plural));
    }

    pub(crate) fn find(&self, group: &str, version: &str, plural: &str) -> Option<Arc<Resource>> {
        self.served
            .iter()
            .find(|known| (&*known.group, &*known.version, &*known.plural) == (group, version, plural))
            .cloned()
    }

    pub(crate) fn of_kind(&self, api_version: &str, kind: &str) -> Option<Arc<Resource>> {
        self.served
            .iter()
            .find(|known| known.kind == kind && known.api_version() == api_version)
            .cloned()
    }

    /// By the name that `kubectl get` takes: `services`, `ingressroutes.traefik.io`, `secret`.
    pub(crate) fn named(&self, name: &str) -> Option<Arc<Resource>> {
        let (plural, group) = name.split_once('.').unwrap_or((name, ""));
        let called = |known: &&Arc<Resource>| {
            known.plural == plural
                || known.singular == plural
                || known.short_names.iter().any(|short| short == plural)
        };
        let mut candidates = self.served.iter().filter(called);
        if group.is_empty() {
            candidates.next().cloned()
        } else {
            candidates.find(|known| known.group == group).cloned()
        }
    }

    /// The versions of each group with what they serve; the core group is the empty one.
    pub(crate) fn groups(&self) -> BTreeMap<&str, BTreeMap<&str, Vec<&Arc<Resource>>>> {
        let mut groups: BTreeMap<&str, BTreeMap<&str, Vec<_>>> = BTreeMap::new();
        for resource in &self.served {
            groups
                .entry(&resource.group)
                .or_default()
                .entry(&resource.version)
                .or_default()
                .push(resource);
        }
        groups
    }
}

/// `v1`, or `group/version`.
pub(crate) fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    }
}

/// `services`, or `ingressroutes.traefik.io`.
pub(crate) fn qualified(group: &str, plural: &str) -> String {
    if group.is_empty() {
        plural.to_owned()
    } else {
        format!("{plural}.{group}")
    }
}
