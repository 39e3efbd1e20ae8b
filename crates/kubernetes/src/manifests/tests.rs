use std::collections::BTreeSet;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::IngressClass;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::deployment::deployment;
use super::rbac::{choices, rbac};
use super::{Installation, Place, to_yaml};
use crate::watch::Settings;

fn place(namespaces: &[&str]) -> Place {
    Place {
        namespace: "edge".to_owned(),
        namespaces: namespaces.iter().map(|name| (*name).to_owned()).collect(),
        namespace_labels: false,
    }
}

fn installation(namespaces: &[&str]) -> Installation {
    Installation {
        place: place(namespaces),
        image: "registry.example/viaduct:1".to_owned(),
        replicas: 3,
    }
}

/// `None`: Kubernetes' own type takes the object as it is; otherwise what becomes of it.
fn changed(object: &Value) -> Option<Value> {
    fn through<T: DeserializeOwned + Serialize>(object: &Value) -> Value {
        let typed: T =
            serde_json::from_value(object.clone()).unwrap_or_else(|error| panic!("{error}: {object}"));
        serde_json::to_value(typed).expect("JSON")
    }
    let kind = object["kind"].as_str().unwrap_or_default();
    let kept = match kind {
        "Namespace" => through::<Namespace>(object),
        "ServiceAccount" => through::<ServiceAccount>(object),
        "Deployment" => through::<Deployment>(object),
        "Service" => through::<Service>(object),
        "IngressClass" => through::<IngressClass>(object),
        "PodDisruptionBudget" => through::<PodDisruptionBudget>(object),
        "ClusterRole" => through::<ClusterRole>(object),
        "ClusterRoleBinding" => through::<ClusterRoleBinding>(object),
        "Role" => through::<Role>(object),
        "RoleBinding" => through::<RoleBinding>(object),
        other => panic!("an object of kind `{other}`"),
    };
    (kept != *object).then_some(kept)
}

#[test]
fn a9_21_manifests_have_only_fields_that_kubernetes_knows() {
    for namespaces in [&[][..], &["a", "b"]] {
        let installation = installation(namespaces);
        for object in rbac(&installation.place).iter().chain(&deployment(&installation)) {
            assert_eq!(changed(object), None, "{object}");
        }
    }
}

/// What a role lets do: (group, resource, verb).
fn grants(objects: &[Value], kind: &str, namespace: Option<&str>) -> BTreeSet<(String, String, String)> {
    let texts = |value: &Value| -> Vec<String> {
        let list = value.as_array().into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let of_place =
        |object: &&Value| object["kind"] == kind && object["metadata"]["namespace"].as_str() == namespace;
    let mut grants = BTreeSet::new();
    for rule in objects
        .iter()
        .filter(of_place)
        .flat_map(|role| role["rules"].as_array().into_iter().flatten())
    {
        for group in texts(&rule["apiGroups"]) {
            for resource in texts(&rule["resources"]) {
                for verb in texts(&rule["verbs"]) {
                    grants.insert((group.clone(), resource.clone(), verb));
                }
            }
        }
    }
    grants
}

fn may(grants: &BTreeSet<(String, String, String)>, group: &str, resource: &str, verb: &str) -> bool {
    grants.contains(&(group.to_owned(), resource.to_owned(), verb.to_owned()))
}

#[test]
fn r27_every_kind_that_is_read_may_be_listed_and_watched() {
    let objects = rbac(&place(&[]));
    let grants = grants(&objects, "ClusterRole", None);
    for kind in [Settings::for_traefik_kinds(), Settings::for_ingresses()].concat() {
        for version in [Some(kind.api_version()), kind.old_api_version()]
            .into_iter()
            .flatten()
        {
            let group = version.split_once('/').map_or("", |(group, _)| group);
            for verb in ["list", "watch"] {
                assert!(
                    may(&grants, group, kind.plural(), verb),
                    "{verb} {kind} of {group}"
                );
            }
        }
    }
}

#[test]
fn r27_nothing_is_granted_that_writes_what_is_served() {
    let written: BTreeSet<(String, String)> = grants(&rbac(&place(&[])), "ClusterRole", None)
        .into_iter()
        .filter(|(_, _, verb)| !["get", "list", "watch"].contains(&verb.as_str()))
        .map(|(group, resource, _)| (group, resource))
        .collect();
    let allowed = [
        ("events.k8s.io".to_owned(), "events".to_owned()),
        ("networking.k8s.io".to_owned(), "ingresses/status".to_owned()),
    ];
    assert_eq!(written, BTreeSet::from(allowed));
}

#[test]
fn c61_namespaced_roles_reach_no_other_namespace_and_no_object_of_the_cluster() {
    let objects = rbac(&place(&["a", "b"]));
    let kinds: BTreeSet<&str> = objects
        .iter()
        .filter_map(|object| object["kind"].as_str())
        .collect();
    assert_eq!(kinds, BTreeSet::from(["Role", "RoleBinding"]));
    let namespaces: BTreeSet<&str> = objects
        .iter()
        .filter_map(|object| object["metadata"]["namespace"].as_str())
        .collect();
    assert_eq!(namespaces, BTreeSet::from(["a", "b", "edge"]));
    for namespace in ["a", "b"] {
        let grants = grants(&objects, "Role", Some(namespace));
        assert!(may(&grants, "", "secrets", "list"));
        assert!(!may(&grants, "", "nodes", "list"));
        assert!(!may(&grants, "networking.k8s.io", "ingressclasses", "list"));
    }
    let own = grants(&objects, "Role", Some("edge"));
    assert!(own.iter().all(|(_, resource, _)| resource == "leases"), "{own:?}");
}

#[test]
fn r27_namespaces_may_be_read_where_they_may_demand_and_nothing_else_with_them() {
    let read = |namespaces: &[&str], namespace_labels| {
        let place = Place {
            namespace_labels,
            ..place(namespaces)
        };
        grants(&rbac(&place), "ClusterRole", None)
    };
    let granted = ["list", "watch"].map(|verb| (String::new(), "namespaces".to_owned(), verb.to_owned()));
    let granted = BTreeSet::from(granted);
    assert!(read(&[], false).is_disjoint(&granted));
    let more: BTreeSet<_> = read(&[], true).difference(&read(&[], false)).cloned().collect();
    assert_eq!(more, granted);
    assert_eq!(read(&["a", "b"], true), granted);
    assert_eq!(read(&["a", "b"], false), BTreeSet::new());
}

#[test]
fn a9_21_a_provider_alone_has_the_rights_of_that_provider() {
    let choices = choices();
    let text = |provider: &str, scope: &str| choices[provider][scope].to_string();
    assert!(text("kubernetesCRD", "served").contains("ingressroutes"));
    assert!(!text("kubernetesCRD", "served").contains("ingresses"));
    assert!(!text("kubernetesCRD", "served").contains("nodes"));
    assert!(text("kubernetesCRD", "cluster").contains("nodes"));
    assert!(!text("kubernetesIngress", "served").contains("ingressroutes"));
    assert!(text("kubernetesIngress", "served").contains("ingresses/status"));
    assert!(text("kubernetesIngress", "cluster").contains("ingressclasses"));
    assert!(text("kubernetesIngress", "own").contains("leases"));
}

#[test]
fn a9_21_a_restricted_namespace_takes_the_pods() {
    let objects = deployment(&installation(&[]));
    let pod = objects
        .iter()
        .find(|object| object["kind"] == "Deployment")
        .map(|object| &object["spec"]["template"]["spec"]);
    let pod = pod.expect("a deployment");
    let container = &pod["containers"][0];
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    let context = &container["securityContext"];
    assert_eq!(context["allowPrivilegeEscalation"], false);
    assert_eq!(context["readOnlyRootFilesystem"], true);
    assert_eq!(context["capabilities"], serde_json::json!({ "drop": ["ALL"] }));
    assert!(
        pod.get("volumes").is_none(),
        "nothing is written, and no host path is read"
    );
    assert!(pod.get("hostNetwork").is_none());
}

#[test]
fn a9_21_documents_are_apart_and_keys_in_order() {
    let text = to_yaml(&[
        serde_json::json!({ "b": "y", "a": { "d": 1, "c": "line\nline\n" } }),
        serde_json::json!({}),
    ]);
    assert_eq!(
        text,
        "a:\n  c: |\n    line\n    line\n  d: 1\nb: \"y\"\n---\n{}\n"
    );
}
