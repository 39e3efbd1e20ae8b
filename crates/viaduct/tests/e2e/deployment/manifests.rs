//! `viaduct manifests`, and the files under `deploy/` that are its output.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use viaduct_config::document;
use viaduct_kubernetes::manifests::rbac::choices;
use viaduct_kubernetes::manifests::to_yaml;
use viaduct_testkit::child::run;

use crate::fixture::BINARY;

/// What `viaduct manifests ARGUMENTS` prints.
#[track_caller]
pub(super) fn printed(arguments: &[&str]) -> String {
    let finished = run(Command::new(BINARY).arg("manifests").args(arguments), b"");
    assert!(finished.status.success(), "{}", finished.output);
    finished.printed + "\n"
}

/// The objects of a text of manifests.
#[track_caller]
pub(super) fn read(text: &str) -> Vec<Value> {
    let documents = document::parse("manifests.yaml", text).expect("YAML");
    let object = |document: &document::Document| document.root.read::<Value>().expect("an object").value;
    documents.iter().map(object).collect()
}

/// The file, which has to hold `text`; `UPDATE_GOLDEN=1` writes it.
#[track_caller]
fn kept(file: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap_or_else(|error| panic!("{file}: {error}"));
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == text,
        "{file} is not what the command prints (UPDATE_GOLDEN=1 records it)"
    );
}

#[test]
fn a9_1_the_crds_under_deploy_are_what_the_command_prints() {
    let crds = printed(&["crds"]);
    assert_eq!(crds.matches("\nkind: CustomResourceDefinition\n").count(), 10);
    kept("deploy/helm/viaduct/crds/traefik.io.yaml", &crds);
    kept("deploy/kubernetes/crds.yaml", &crds);
}

#[test]
fn a9_21_the_plain_manifests_and_the_charts_roles_are_what_the_command_prints() {
    kept("deploy/kubernetes/rbac.yaml", &printed(&["rbac"]));
    kept("deploy/kubernetes/deployment.yaml", &printed(&["deployment"]));
    kept("deploy/helm/viaduct/files/rbac.yaml", &to_yaml(&[choices()]));
}

#[test]
fn a9_21_a_namespace_that_cannot_be_is_refused() {
    for arguments in [
        ["rbac", "--namespace", "Edge"],
        ["rbac", "--namespaces", "a,-b"],
        ["deployment", "--namespace", "a/b"],
    ] {
        let finished = run(Command::new(BINARY).arg("manifests").args(arguments), b"");
        assert_eq!(finished.status.code(), Some(2), "{}", finished.output);
        assert!(
            finished.output.contains("1 to 63 small letters"),
            "{}",
            finished.output
        );
    }
}

#[test]
fn a9_21_one_list_of_namespaces_makes_roles_and_options() {
    let roles = printed(&["rbac", "--namespaces=shop,blog", "--namespace=edge"]);
    assert!(!roles.contains("Cluster"), "{roles}");
    for namespace in ["shop", "blog"] {
        let of = format!("\n  name: viaduct\n  namespace: {namespace}\n");
        assert_eq!(roles.matches(&of).count(), 2, "a role and its binding: {roles}");
    }
    let deployment = printed(&["deployment", "--namespaces=shop,blog", "--namespace=edge"]);
    for provider in ["kubernetesCRD", "kubernetesIngress"] {
        let option = format!("--providers.{provider}.namespaces=shop,blog\n");
        assert!(deployment.contains(&option), "{deployment}");
    }
    assert!(
        !deployment.contains("publishedService"),
        "a Service that is not read: {deployment}"
    );
}
