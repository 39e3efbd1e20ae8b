//! What is applied with kubectl is served, and what `render` says of it.

use viaduct_testkit::child::run;
use viaduct_testkit::curl::Curl;
use viaduct_testkit::manifest::Manifests;
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::viaduct::Running;

use super::{Cluster, plain, status, wait_status};
use crate::fixture::{BACKEND, HOST, root, up};

#[test]
pub(crate) fn a9_1_the_flow_applied_with_kubectl_is_served_as_from_a_directory() {
    let cluster = Cluster::new();
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

#[test]
fn a9_8_render_says_the_same_of_a_cluster_and_of_a_directory() {
    let cluster = Cluster::new();
    let origin = cluster.bridge();
    let manifests = cluster.pki.bridge(origin.port());
    let directory = cluster.manifests_directory(&manifests);
    let render = |arguments: &[&str]| {
        let mut command = root(cluster.work.path());
        command.arg("render").arg("--show-secrets").args(arguments);
        let finished = run(&mut command, b"");
        assert!(finished.status.success(), "{finished:?}");
        finished.printed
    };
    let of_directory = render(&[&directory.display().to_string()]);
    let kubeconfig = cluster
        .server
        .kubeconfig_of(&cluster.account)
        .display()
        .to_string();
    assert!(of_directory.contains(HOST), "{of_directory}");
    assert_eq!(render(&["--kubeconfig", &kubeconfig]), of_directory);
    let one = [
        "--kubeconfig",
        &kubeconfig,
        "--context",
        "test",
        "--namespace",
        "web",
    ];
    assert_eq!(render(&one), of_directory);
    let other = render(&["--kubeconfig", &kubeconfig, "--namespace", "default"]);
    assert!(!other.contains(HOST), "{other}");
}

#[test]
fn a9_1_objects_come_change_and_go() {
    let cluster = Cluster::new();
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
    let cluster = Cluster::new();
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
    let cluster = Cluster::without_rights();
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
    let cluster = Cluster::new();
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
