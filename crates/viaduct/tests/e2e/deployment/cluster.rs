//! What is printed, applied by the real kubectl; and a process with the rights that are printed, and no others.

use std::path::Path;
use std::process::Command;

use viaduct_testkit::apiserver::Request;
use viaduct_testkit::cluster::{Api, anywhere};
use viaduct_testkit::curl::Curl;
use viaduct_testkit::kubectl::Kubectl;
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::viaduct::Running;
use viaduct_testkit::wait::wait_until;

use super::chart;
use super::manifests::{printed, read};
use crate::fixture::{HOST, Pki, root};

/// With every namespace that the tests here use.
fn cluster() -> (Box<dyn Api>, Kubectl) {
    let server = anywhere();
    for namespace in ["viaduct", "edge", "web", "shop", "blog"] {
        server.create_namespace(namespace);
    }
    let kubectl = Kubectl::new(&server.kubeconfig());
    (server, kubectl)
}

#[test]
fn a9_21_kubectl_applies_everything_that_is_printed_by_both_ways() {
    let parts = [
        &["crds"][..],
        &["deployment", "--namespaces", "shop,blog"],
        &["rbac"],
        &["rbac", "--namespaces", "shop,blog"],
    ];
    let parts = parts.map(printed);
    for way in [&["apply", "-f", "-"][..], &["apply", "--server-side", "-f", "-"]] {
        let (_server, kubectl) = cluster();
        for part in &parts {
            let told = kubectl.run_with(way, part);
            assert_eq!(told.lines().count(), read(part).len(), "{told}");
        }
    }
}

#[test]
fn a9_21_kubectl_applies_the_kustomization() {
    let (_server, kubectl) = cluster();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/kubernetes");
    let directory = directory.to_string_lossy().into_owned();
    let told = kubectl.run(&["apply", "--server-side", "-k", &directory]);
    assert_eq!(told.lines().count(), 20, "{told}");
}

#[test]
fn a9_21_kubectl_applies_what_the_chart_makes() {
    let (_server, kubectl) = cluster();
    for values in chart::CASES {
        let objects = chart::template(values, &["--include-crds"]);
        kubectl.run_with(&["apply", "--server-side", "-f", "-"], &objects);
    }
}

/// An API server drops what a schema does not have, without a word.
#[test]
fn a9_1_objects_come_back_from_our_crds_as_they_were_applied() {
    let (server, kubectl) = cluster();
    kubectl.run_with(&["apply", "--server-side", "-f", "-"], &printed(&["crds"]));
    let pki = Pki::new();
    let manifests = server.suited_yaml(&pki.bridge(1));
    kubectl.apply(&manifests);
    let mut compared = 0;
    for object in read(&manifests) {
        let kind = object["kind"].as_str().unwrap_or_default();
        if object["apiVersion"] == "traefik.io/v1alpha1" {
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            let there = kubectl.json(&["get", kind, name, "--namespace", "web"]);
            assert_eq!(there["spec"], object["spec"], "{kind} {name}");
            compared += 1;
        }
    }
    assert!(compared >= 2, "{compared}");
    let wrong = "apiVersion: traefik.io/v1alpha1\nkind: TLSOption\nmetadata: {name: a, namespace: web}\n\
                 spec: {sniStrict: maybe}\n";
    let told = kubectl.refused(&["apply", "--server-side", "-f", "-"], wrong);
    assert!(told.contains("sniStrict"), "{told}");
}

/// The options of the printed Deployment, on free ports.
fn options(deployment: &str) -> Vec<String> {
    let options = chart::arguments(&read(deployment)).into_iter();
    options
        .map(|option| match option.split_once(".address=:") {
            Some((entry_point, _)) => format!("{entry_point}.address=127.0.0.1:0"),
            None => option,
        })
        .collect()
}

/// What has to be written about: a route that names no Service, an Ingress.
const MORE: &str = "
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {name: broken, namespace: web}
spec: {routes: [{match: Host(`broken.example.com`), kind: Rule, services: [{name: nothing, port: 443}]}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: plain, namespace: web}
spec:
  ingressClassName: viaduct
  rules:
    - host: plain.example.com
      http:
        paths: [{path: /, pathType: Prefix, backend: {service: {name: backend-svc, port: {number: 443}}}}]
";

/// Serves a route of namespace `web`, and writes Events and the status of an Ingress, with the rights that `rbac` prints.
#[track_caller]
fn serves_with(place: &[&str]) -> Box<dyn Api> {
    let (server, kubectl) = cluster();
    let with = |what: &'static str| printed(&[&[what], place].concat());
    kubectl.run_with(&["apply", "--server-side", "-f", "-"], &printed(&["crds"]));
    kubectl.run_with(&["apply", "--server-side", "-f", "-"], &with("deployment"));
    kubectl.run_with(&["apply", "--server-side", "-f", "-"], &with("rbac"));
    let account = server.account("edge", "viaduct");

    let pki = Pki::new();
    let backend = Origin::https(pki.server(&[]), |_| ok("from the cluster"));
    kubectl.apply(&server.suited_yaml(&pki.bridge(backend.port())));
    kubectl.apply(MORE);
    let status = r#"{"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}}}"#;
    let service = ["patch", "service", "viaduct", "--namespace", "edge"];
    let how = ["--subresource", "status", "--type", "merge", "--patch", status];
    kubectl.run(&[&service[..], &how].concat());

    let work = tempfile::tempdir().expect("a temporary directory");
    let mut command: Command = root(work.path());
    command
        .env("KUBECONFIG", server.kubeconfig_of(&account))
        .args(options(&with("deployment")))
        .arg("--viaduct.allowLoopbackEndpoints=true");
    let mut running = Running::until_ready(&mut command);
    let address = running.address("websecure");
    let curl = Curl::secure(address, pki.edge_ca.pem());
    wait_until("the route to be served", || {
        curl.get(HOST, "/").body == "from the cluster"
    });
    wait_until("an Event about the route without a Service", || {
        let events = server.list("events.events.k8s.io");
        events.iter().any(|event| event["regarding"]["name"] == "broken")
    });
    // With Roles in other namespaces than its own, it does not read the Service before it.
    if !place.contains(&"--namespaces") {
        wait_until("the status of the Ingress", || {
            let ingress = server.get("ingresses.networking.k8s.io", "web", "plain");
            ingress
                .is_some_and(|ingress| ingress["status"]["loadBalancer"]["ingress"][0]["ip"] == "192.0.2.7")
        });
    }

    let log = running.child().output();
    assert!(
        !log.contains("may not be") && !log.contains("cannot write"),
        "{log}"
    );
    if let Some(server) = server.own() {
        let requests = server.requests().into_iter();
        let denied: Vec<_> = requests.filter(|request| request.status == 403).collect();
        assert!(denied.is_empty(), "{denied:#?}\n{log}");
    }
    drop(running);
    server
}

#[test]
fn r27_the_printed_cluster_role_is_enough() {
    serves_with(&["--namespace", "edge"]);
}

#[test]
fn c61_the_printed_roles_of_namespaces_are_enough() {
    let server = serves_with(&["--namespace", "edge", "--namespaces", "web"]);
    // By the process, that is; discovery is about no object.
    let everywhere = |request: &Request| {
        request.user.starts_with("system:serviceaccount:")
            && !request.verb.is_empty()
            && request.namespace.is_none()
    };
    if let Some(server) = server.own() {
        assert_eq!(server.count(everywhere), 0, "{:#?}", server.requests());
    }
}
