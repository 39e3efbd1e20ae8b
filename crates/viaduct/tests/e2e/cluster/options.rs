//! `providers.kubernetesCRD.*` (A9.8).

use serde_json::json;
use viaduct_testkit::manifest::Manifests;
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::viaduct::Running;

use super::{Cluster, plain, status, wait_status};
use crate::fixture::{BACKEND, root};

#[test]
pub(crate) fn a9_8_label_selector_and_ingress_class_choose_among_traefiks_kinds_only() {
    let cluster = Cluster::new();
    let origin = Origin::http(|_| ok("hello"));
    cluster.apply(&Manifests::new().backend(BACKEND, origin.port()));
    for (name, labels, class) in [
        ("both", json!({"team": "a"}), "mine"),
        ("unlabelled", json!({}), "mine"),
        ("unclassed", json!({"team": "a"}), ""),
    ] {
        cluster.server.apply(&plain(name, &format!("{name}.test")).yaml());
        cluster.server.edit("ingressroutes", "web", name, |route| {
            route["metadata"]["labels"] = labels;
            route["metadata"]["annotations"] = json!({"kubernetes.io/ingress.class": class});
        });
    }
    let options = [
        "--providers.kubernetesCRD.labelSelector=team in (a,b)",
        "--providers.kubernetesCRD.ingressClass=mine",
    ];
    let running = Running::until_ready(&mut cluster.command(&options));
    assert_eq!(status(&running, "both.test"), 200);
    assert_eq!(status(&running, "unlabelled.test"), 404);
    assert_eq!(status(&running, "unclassed.test"), 404);
}

#[test]
pub(crate) fn a9_8_namespaces_are_watched_one_by_one() {
    let cluster = Cluster::new();
    let origin = Origin::http(|_| ok("hello"));
    for namespace in ["web", "other"] {
        cluster.server.create_namespace(namespace);
        let all = Manifests::new().backend(BACKEND, origin.port()).yaml();
        let route = plain("one", &format!("{namespace}.test")).yaml();
        for text in [all, route] {
            cluster.server.apply(&text.replace(
                "\"namespace\": \"web\"",
                &format!("\"namespace\": \"{namespace}\""),
            ));
        }
    }
    let only = ["--providers.kubernetesCRD.namespaces=other"];
    let running = Running::until_ready(&mut cluster.command(&only));
    assert_eq!(status(&running, "other.test"), 200);
    assert_eq!(status(&running, "web.test"), 404);
    let wide = cluster.server.count(|request| {
        request.user == cluster.account.user()
            && !request.resource.is_empty()
            && request.namespace.is_none()
            && request.resource != "nodes"
    });
    assert_eq!(wide, 0, "nothing but Nodes is asked for cluster-wide");
}

#[test]
fn c62_endpoints_on_loopback_are_refused_by_default() {
    let cluster = Cluster::new();
    let origin = Origin::http(|_| ok("hello"));
    cluster.apply(&Manifests::new().backend(BACKEND, origin.port()));
    cluster.apply(&plain("one", "a.test"));
    let closed = ["--viaduct.allowLoopbackEndpoints=false"];
    let mut running = Running::until_ready(&mut cluster.command(&closed));
    assert_ne!(status(&running, "a.test"), 200);
    assert_eq!(origin.connections(), 0);
    running.child().wait_line("loopback");
}

#[test]
fn a9_8_kubeconfig_is_honoured_outside_of_a_cluster() {
    let cluster = Cluster::new();
    let origin = Origin::http(|_| ok("hello"));
    cluster.apply(&Manifests::new().backend(BACKEND, origin.port()));
    cluster.apply(&plain("one", "a.test"));
    let mut command = root(cluster.work.path());
    command
        .env(
            "KUBECONFIG",
            cluster.server.kubeconfig_with_token_file(&cluster.account),
        )
        .args([
            "--entryPoints.web.address=127.0.0.1:0",
            "--providers.kubernetesCRD=true",
            "--viaduct.allowLoopbackEndpoints=true",
        ]);
    let mut running = Running::until_ready(&mut command);
    wait_status(&mut running, "a.test", 200);
}

#[test]
fn a9_8_without_any_address_of_an_api_server_the_process_does_not_start() {
    let work = tempfile::tempdir().expect("a directory");
    let mut command = root(work.path());
    command.args([
        "--entryPoints.web.address=127.0.0.1:0",
        "--providers.kubernetesCRD=true",
    ]);
    let finished = viaduct_testkit::child::run(&mut command, b"");
    assert!(!finished.status.success());
    assert!(
        finished
            .output
            .contains("nothing says where the Kubernetes API server is"),
        "{finished:?}"
    );
}
