//! What is applied with kubectl is served, and what `render` says of it.

use std::collections::BTreeSet;
use std::ffi::OsStr;

use serde_json::{Value, json};
use viaduct_testkit::child::run;
use viaduct_testkit::curl::Curl;
use viaduct_testkit::manifest::{Manifests, Route};
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::viaduct::Running;

use super::{Cluster, plain, status, wait_status};
use crate::fixture::{BACKEND, HOST, root, up};

#[test]
pub(crate) fn a9_1_the_flow_applied_with_kubectl_is_served_as_from_a_directory() {
    let cluster = Cluster::anywhere();
    let origin = cluster.bridge();
    let running = cluster.start();
    let from_directory = up()
        .file("all.yaml", cluster.pki.bridge(origin.port()).yaml())
        .start();
    for address in [running.address("websecure"), from_directory.websecure()] {
        let answer = Curl::secure(address, cluster.pki.edge_ca.pem()).get(HOST, "/flow");
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, "hello"),
            "{answer:?}"
        );
    }
}

/// What tenants may ask for under some options only: an ExternalName, a Service without endpoints, another namespace, and
/// endpoints on this machine.
fn asking() -> Manifests {
    let service = |name: &str, spec: Value| json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": name, "namespace": "web" }, "spec": spec });
    let to = |name: &str, service: &str| Route::plain(name, &format!("Host(`{name}.test`)"), service, "http");
    Manifests::new()
        .object(service(
            "external",
            json!({ "type": "ExternalName", "externalName": "far.example", "ports": [{ "port": 443 }] }),
        ))
        .object(service("empty", json!({ "ports": [{ "port": 443 }] })))
        .route(to("external", "external"))
        .route(to("empty", "empty"))
        .route(to("elsewhere", BACKEND).service_field("namespace", json!("other")))
}

#[test]
fn a9_8_render_says_the_same_of_a_cluster_and_of_a_directory() {
    let cluster = Cluster::anywhere();
    cluster.server.create_namespace("other");
    let origin = cluster.bridge();
    let mut manifests = cluster.pki.bridge(origin.port());
    let elsewhere = Manifests::new().backend(BACKEND, 1).in_namespace("other");
    for object in asking().objects().iter().chain(elsewhere.objects()) {
        manifests = manifests.object(object.clone());
    }
    cluster.apply(&manifests);
    // As the API server has the Services, with their addresses.
    let stored = manifests.objects().iter().map(|object| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let metadata = &object["metadata"];
        let (kind, name) = (text(&object["kind"]).to_lowercase(), text(&metadata["name"]));
        let found = cluster.server.get(&kind, &text(&metadata["namespace"]), &name);
        found.unwrap_or_else(|| panic!("{kind} {name} is not there"))
    });
    let directory = cluster.manifests_directory(&Manifests::of(stored.collect()));
    let directory = directory.display().to_string();
    let kubeconfig = cluster.server.kubeconfig_of(&cluster.account);
    let kubeconfig = format!("--kubeconfig={}", kubeconfig.display());
    let render = |arguments: &[&str]| {
        let mut command = root(cluster.work.path());
        command.arg("render").arg("--show-secrets").args(arguments);
        let finished = run(&mut command, b"");
        let code = finished.status.code();
        (finished.printed, code, finished.output)
    };
    let mut rendered = BTreeSet::new();
    let loopback = "--viaduct.allowLoopbackEndpoints=true";
    for options in [
        &["--providers.kubernetesCRD=true"][..],
        &[loopback],
        &[
            loopback,
            "--providers.kubernetesCRD.allowExternalNameServices=true",
            "--providers.kubernetesCRD.allowEmptyServices=true",
        ],
        &[loopback, "--providers.kubernetesCRD.allowCrossNamespace=true"],
        &[loopback, "--providers.kubernetesCRD.nativeLBByDefault=true"],
        &[loopback, "--providers.kubernetesIngress=true"],
    ] {
        let under = |source: &[&str]| {
            let entry_points = [
                "--entryPoints.web.address=:80",
                "--entryPoints.websecure.address=:443",
            ];
            render(&[source, &["--"], options, &entry_points].concat())
        };
        let of_directory = under(&[&directory]);
        assert_ne!(of_directory.1, Some(2), "{}", of_directory.2);
        let of_cluster = under(&[&kubeconfig]);
        assert_eq!(
            (&of_cluster.0, of_cluster.1),
            (&of_directory.0, of_directory.1),
            "{options:?}: {}\n{}",
            of_cluster.2,
            of_directory.2
        );
        rendered.insert(of_cluster.0);
    }
    // On a real cluster no endpoint is on loopback.
    let all = if cluster.server.own().is_some() { 6 } else { 5 };
    assert_eq!(rendered.len(), all, "the options make a difference");

    let web = render(&[&kubeconfig, "--context=test", "--namespace=web"]).0;
    assert!(web.contains(HOST), "{web}");
    let other = render(&[&kubeconfig, "--namespace=other"]).0;
    assert!(!other.contains(HOST), "{other}");
}

/// Whoever renders a cluster does not widen what its tenants may ask for, as `up` does for a directory of the operator's.
#[test]
fn c62_render_of_a_cluster_is_under_the_clusters_terms_unless_it_is_told_others() {
    let cluster = Cluster::anywhere();
    cluster.server.create_namespace("other");
    cluster.apply(&asking());
    let directory = cluster.manifests_directory(&asking());
    let kubeconfig = cluster.server.kubeconfig_of(&cluster.account);
    let render = |source: &dyn AsRef<OsStr>, more: &[&str]| {
        let mut command = root(cluster.work.path());
        command.args(["render", "--format=json"]).arg(source).args(more);
        run(&mut command, b"")
    };
    let flag = format!("--kubeconfig={}", kubeconfig.display());
    let of_cluster = render(&flag, &[]);
    assert!(!of_cluster.status.success());
    assert!(
        of_cluster.output.contains("allowExternalNameServices"),
        "{of_cluster:?}"
    );
    assert!(!of_cluster.printed.contains("far.example"), "{of_cluster:?}");
    let of_directory = render(&directory, &[]);
    assert!(of_directory.printed.contains("far.example"), "{of_directory:?}");
    let told = ["--", "--providers.kubernetesCRD.allowExternalNameServices=true"];
    for source in [&flag as &dyn AsRef<OsStr>, &directory] {
        let under = render(source, &told);
        assert!(under.printed.contains("far.example"), "{under:?}");
    }
    // What the API server would have to do is not done without one.
    let chosen = render(&directory, &["--", "--providers.kubernetesCRD.labelSelector=a=b"]);
    assert!(!chosen.status.success());
    assert!(
        chosen
            .output
            .contains("`providers.kubernetesCRD.labelSelector` says what an API server is asked for"),
        "{chosen:?}"
    );
}

#[test]
fn a9_1_objects_come_change_and_go() {
    let cluster = Cluster::anywhere();
    let origin = Origin::http(|_| ok("hello"));
    let mut running = cluster.start();
    assert_eq!(status(&running, "a.test"), 404);
    cluster.apply(&Manifests::new().backend(BACKEND, origin.port()));
    cluster.apply(&plain("one", "a.test"));
    wait_status(&mut running, "a.test", 200);
    cluster.apply(&plain("one", "b.test"));
    wait_status(&mut running, "b.test", 200);
    assert_eq!(status(&running, "a.test"), 404);
    let deleted = cluster.kubectl(&["delete", "ingressroutes", "-n", "web", "one"], "");
    assert!(deleted.status.success(), "{deleted:?}");
    wait_status(&mut running, "b.test", 404);
}

#[test]
fn a9_9_a_changed_endpoint_gets_the_traffic() {
    let cluster = Cluster::anywhere();
    let (before, after) = (Origin::http(|_| ok("before")), Origin::http(|_| ok("after")));
    cluster.apply(&Manifests::new().backend(BACKEND, before.port()));
    cluster.apply(&plain("one", "a.test"));
    let mut running = cluster.start();
    wait_status(&mut running, "a.test", 200);
    assert!(!before.requests().is_empty() && after.requests().is_empty());
    cluster.apply(&Manifests::new().backend(BACKEND, after.port()));
    viaduct_testkit::wait::wait_until("a request at the new endpoint", || {
        status(&running, "a.test");
        !after.requests().is_empty()
    });
}

#[test]
fn a9_1_kinds_that_are_installed_later_are_picked_up() {
    let cluster = Cluster::anywhere_without_rights();
    cluster.server.undefine_traefik();
    let reading = ["get", "list", "watch"];
    cluster
        .server
        .allow(&cluster.account, &reading, &super::READ, &[]);
    cluster.server.allow(&cluster.account, &reading, &["nodes"], &[]);
    let origin = Origin::http(|_| ok("hello"));
    let mut running: Running = cluster.start();
    running
        .child()
        .wait_line("none of the kinds of `traefik.io/v1alpha1`");
    cluster.server.define_traefik("traefik.io");
    cluster.apply(&Manifests::new().backend(BACKEND, origin.port()));
    cluster.apply(&plain("one", "a.test"));
    wait_status(&mut running, "a.test", 200);
}

#[test]
fn a9_1_both_api_groups_are_followed_and_the_new_one_wins() {
    let cluster = Cluster::anywhere();
    cluster.server.define_traefik("traefik.containo.us");
    let old = super::READ.map(|name| name.replace("traefik.io", "traefik.containo.us"));
    let old: Vec<&str> = old.iter().map(String::as_str).collect();
    cluster
        .server
        .allow(&cluster.account, &["get", "list", "watch"], &old, &[]);
    let origin = Origin::http(|_| ok("hello"));
    cluster.apply(&Manifests::new().backend(BACKEND, origin.port()));
    let of_old = |host: &str| {
        plain("one", host)
            .yaml()
            .replace("traefik.io", "traefik.containo.us")
    };
    cluster.server.apply(&of_old("old.test"));
    let mut running = cluster.start();
    assert_eq!(status(&running, "old.test"), 200, "{}", running.child().output());
    cluster.apply(&plain("one", "new.test"));
    wait_status(&mut running, "new.test", 200);
    assert_eq!(status(&running, "old.test"), 404);
}
