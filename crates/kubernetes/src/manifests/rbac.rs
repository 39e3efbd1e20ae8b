//! What the process may do at the API server: the least that it asks for.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{NAME, Place, Provider, labels};
use crate::api::Kind;
use crate::watch::Settings;

/// One right, as a rule of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Right {
    groups: Vec<&'static str>,
    resource: &'static str,
    verbs: &'static [&'static str],
    scope: Scope,
    /// Which providers ask for it.
    providers: &'static [Provider],
}

/// Where a right is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// In every namespace that is served.
    Served,
    /// Of objects that are in no namespace. Without it, these are not read.
    Cluster,
    /// In the namespace that the process is in.
    Own,
}

/// The kinds that the providers list and watch, and what both may write.
fn rights() -> Vec<Right> {
    let lists = [Settings::for_traefik_kinds(), Settings::for_ingresses()];
    let read: BTreeSet<Kind> = lists.into_iter().flatten().collect();
    let mut rights: Vec<Right> = read.into_iter().map(reading).collect();
    let row = |group, resource, verbs, scope, providers| Right {
        groups: vec![group],
        resource,
        verbs,
        scope,
        providers,
    };
    rights.extend([
        row(
            "networking.k8s.io",
            "ingresses/status",
            PATCH,
            Scope::Served,
            INGRESS,
        ),
        // What is wrong with an object is said where the object is.
        row("events.k8s.io", "events", RECORD, Scope::Served, BOTH),
        // One replica writes the status of Ingresses.
        row("coordination.k8s.io", "leases", LEAD, Scope::Own, INGRESS),
    ]);
    rights
}

fn reading(kind: Kind) -> Right {
    let group = |api_version: &'static str| api_version.split_once('/').map_or("", |(group, _)| group);
    let asked_by = (
        Settings::for_traefik_kinds().contains(&kind),
        Settings::for_ingresses().contains(&kind),
    );
    Right {
        groups: [Some(kind.api_version()), kind.old_api_version()]
            .into_iter()
            .flatten()
            .map(group)
            .collect(),
        resource: kind.plural(),
        // Secrets and ConfigMaps that nobody refers to are dropped; one that somebody begins to refer to is
        // fetched.
        verbs: match kind {
            Kind::Secret | Kind::ConfigMap => FETCH,
            _ => WATCH,
        },
        scope: if kind.is_cluster_scoped() {
            Scope::Cluster
        } else {
            Scope::Served
        },
        providers: match asked_by {
            (true, false) => CRD,
            (false, _) => INGRESS,
            (true, true) => BOTH,
        },
    }
}

/// What `bridge.namespaceLabels` takes. Without it, every Namespace might demand anything.
fn namespaces() -> Vec<Value> {
    rules(std::iter::once(reading(Kind::Namespace)))
}

/// Roles and their bindings: a ClusterRole, or a Role in each namespace that is served; Namespaces are objects of the
/// cluster even then.
pub fn rbac(place: &Place) -> Vec<Value> {
    let all = |scope: Scope| rules(rights().into_iter().filter(move |right| right.scope == scope));
    let mut objects = Vec::new();
    if place.namespaces.is_empty() {
        let mut everywhere = [all(Scope::Served), all(Scope::Cluster)].concat();
        if place.namespace_labels {
            everywhere.extend(namespaces());
        }
        objects.extend(granted(place, None, NAME, &everywhere));
    } else if place.namespace_labels {
        let name = format!("{NAME}-namespaces");
        objects.extend(granted(place, None, &name, &namespaces()));
    }
    for namespace in &place.namespaces {
        objects.extend(granted(place, Some(namespace), NAME, &all(Scope::Served)));
    }
    let own = format!("{NAME}-own");
    objects.extend(granted(place, Some(&place.namespace), &own, &all(Scope::Own)));
    objects
}

/// A role and its binding to the process; in a namespace, or of the whole cluster.
fn granted(place: &Place, namespace: Option<&str>, name: &str, rules: &[Value]) -> [Value; 2] {
    let prefix = if namespace.is_some() { "" } else { "Cluster" };
    let mut metadata = json!({ "name": name, "labels": labels() });
    if let Some(namespace) = namespace {
        metadata["namespace"] = json!(namespace);
    }
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": format!("{prefix}Role"),
        "metadata": metadata,
        "rules": rules,
    });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": format!("{prefix}RoleBinding"),
        "metadata": metadata,
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": format!("{prefix}Role"),
            "name": name,
        },
        "subjects": [{
            "kind": "ServiceAccount",
            "name": NAME,
            "namespace": place.namespace,
        }],
    });
    [role, binding]
}

/// The rules by provider and scope, and those of `bridge.namespaceLabels`, for charts that choose among them.
pub fn choices() -> Value {
    let of = |provider: Provider, scope: Scope| {
        let rights = rights().into_iter();
        rules(rights.filter(move |right| right.scope == scope && right.providers.contains(&provider)))
    };
    let by_scope = |provider: Provider| {
        json!({
            "served": of(provider, Scope::Served),
            "cluster": of(provider, Scope::Cluster),
            "own": of(provider, Scope::Own),
        })
    };
    let choices = Provider::ALL.map(|provider| (provider.option().to_owned(), by_scope(provider)));
    let demands = ("namespaceLabels".to_owned(), json!({ "cluster": namespaces() }));
    Value::Object(choices.into_iter().chain([demands]).collect())
}

/// Resources with the same groups and verbs share a rule.
fn rules(rights: impl Iterator<Item = Right>) -> Vec<Value> {
    let mut merged: Vec<(Right, Vec<&'static str>)> = Vec::new();
    for right in rights {
        let same = |(known, _): &&mut (Right, _)| known.groups == right.groups && known.verbs == right.verbs;
        match merged.iter_mut().find(same) {
            Some((_, resources)) => resources.push(right.resource),
            None => {
                let resources = vec![right.resource];
                merged.push((right, resources));
            }
        }
    }
    let rule = |(right, resources): (Right, Vec<&str>)| {
        json!({
            "apiGroups": right.groups,
            "resources": resources,
            "verbs": right.verbs,
        })
    };
    merged.into_iter().map(rule).collect()
}

const CRD: &[Provider] = &[Provider::Crd];
const INGRESS: &[Provider] = &[Provider::Ingress];
const BOTH: &[Provider] = &[Provider::Crd, Provider::Ingress];

const WATCH: &[&str] = &["list", "watch"];
const FETCH: &[&str] = &["get", "list", "watch"];
const PATCH: &[&str] = &["patch"];
const RECORD: &[&str] = &["create", "patch"];
const LEAD: &[&str] = &["create", "get", "update"];
