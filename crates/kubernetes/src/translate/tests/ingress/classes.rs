//! A9.10: which Ingresses are ours.

use super::*;

fn class(name: &str, controller: &str) -> String {
    format!(
        "{{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {{name: {name}}}, \
          spec: {{controller: {controller}}}}}"
    )
}

fn of_class(class: &str) -> String {
    simple("{}").replace("spec: {", &format!("spec: {{ingressClassName: {class}, "))
}

fn annotated_class(class: &str) -> String {
    simple(&format!("{{kubernetes.io/ingress.class: {class}}}"))
}

fn cluster(class: Option<&str>) -> IngressPolicy {
    IngressPolicy {
        common: Policy {
            ingress_class: class.map(str::to_owned),
            ..Policy::default()
        },
        ..IngressPolicy::default()
    }
}

#[test]
fn a9_10_classes_choose_as_in_traefik() {
    let classes = [
        class("ours", "traefik.io/ingress-controller"),
        class("internal", "traefik.io/ingress-controller"),
        class("theirs", "k8s.io/ingress-nginx"),
    ]
    .join("\n---\n");
    for (configured, ingress, ours) in [
        (None, simple("{}"), true),
        (None, annotated_class("traefik"), true),
        (None, annotated_class("''"), true),
        (None, annotated_class("nginx"), false),
        (None, of_class("ours"), true),
        (None, of_class("internal"), true),
        (None, of_class("theirs"), false),
        (None, of_class("nobodys"), false),
        (Some("internal"), simple("{}"), false),
        (Some("internal"), annotated_class("internal"), true),
        (Some("internal"), annotated_class("traefik"), false),
        (Some("internal"), of_class("internal"), true),
        (Some("internal"), of_class("ours"), false),
        (Some("theirs"), of_class("theirs"), false),
    ] {
        let update = update_under(&cluster(configured), &[BACKEND, &classes, &ingress]);
        assert_eq!(
            !router_names(&update).is_empty(),
            ours,
            "{configured:?}: {ingress}"
        );
    }
}

#[test]
fn a_class_that_does_not_exist_is_told_once() {
    let other = named("web", "other", "{}", "{ingressClassName: nobodys, rules: []}");
    let update = update_under(&cluster(None), &[BACKEND, &of_class("nobodys"), &other]);
    assert_eq!(codes(&update.notes), [Code::MissingReference]);
    assert!(update.notes[0].message.contains("nobodys"));
}

#[test]
fn a9_10_without_the_lookup_only_annotations_choose() {
    let policy = IngressPolicy {
        disable_ingress_class_lookup: true,
        ..cluster(None)
    };
    let ours = class("ours", "traefik.io/ingress-controller");
    let update = update_under(&policy, &[BACKEND, &ours, &of_class("ours")]);
    assert_eq!(router_names(&update), [""; 0]);
    assert_eq!(codes(&update.notes), [Code::Unsupported]);
    let update = update_under(&policy, &[BACKEND, &ours, &annotated_class("traefik")]);
    assert_eq!(router_names(&update), [ROUTER]);
}

#[test]
fn in_a_directory_a_class_without_an_object_is_known_by_its_name() {
    let update = update(&[BACKEND, &of_class("traefik")]);
    assert_clean(&update);
    assert_eq!(router_names(&update), [ROUTER]);
    let update = super::update(&[BACKEND, &of_class("nginx")]);
    assert_eq!(router_names(&update), [""; 0]);
    assert_eq!(codes(&update.notes), [Code::MissingReference]);
    let theirs = class("traefik", "k8s.io/ingress-nginx");
    let update = super::update(&[BACKEND, &theirs, &of_class("traefik")]);
    assert_eq!(router_names(&update), [""; 0]);
}

#[test]
fn old_versions_of_ingress_are_told() {
    for version in ["extensions/v1beta1", "networking.k8s.io/v1beta1"] {
        let update = update(&[BACKEND, &simple("{}").replace("networking.k8s.io/v1", version)]);
        assert_eq!(router_names(&update), [""; 0]);
    }
    let mut index = Index::new(|_| Ok(()));
    index.apply(
        "test.yaml",
        &simple("{}").replace("networking.k8s.io/v1", "extensions/v1beta1"),
    );
    let told: Vec<_> = index.findings().map(|finding| finding.code).collect();
    assert_eq!(told, [Code::ApiVersion]);
}
