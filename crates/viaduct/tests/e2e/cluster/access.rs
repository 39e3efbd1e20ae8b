//! Who may read what: RBAC, tokens, and an API server that is not there.

use std::time::{Duration, Instant};

use viaduct_testkit::http1;
use viaduct_testkit::manifest::Manifests;
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::viaduct::Running;
use viaduct_testkit::wait::wait_until;

use super::{Cluster, READ, plain, status, wait_status};
use crate::fixture::BACKEND;
use crate::traffic::Traffic;

#[test]
pub(crate) fn c61_roles_of_the_named_namespaces_suffice() {
    let cluster = Cluster::anywhere_without_rights();
    cluster.server.define_traefik("traefik.io");
    cluster
        .server
        .allow(&cluster.account, &["get", "list", "watch"], &READ, &["web"]);
    let origin = Origin::http(|_| ok("hello"));
    cluster.apply(&Manifests::new().backend(BACKEND, origin.port()));
    cluster.apply(&plain("one", "a.test"));
    let options = [
        "--providers.kubernetesCRD.namespaces=web",
        "--providers.kubernetesCRD.disableClusterScopeResources=true",
    ];
    let mut running = Running::until_ready(&mut cluster.command(&options));
    assert_eq!(status(&running, "a.test"), 200, "{}", running.child().output());
    let log = running.child().output();
    assert!(!log.contains("may not be listed"), "{log}");
    if let Some(server) = cluster.server.own() {
        let refused = server.count(|request| request.status == 403 && request.verb == "list");
        assert_eq!(refused, 0, "{log}");
    }
}

#[test]
fn r14_a_kind_that_may_not_be_listed_is_told_and_the_rest_is_served() {
    let cluster = Cluster::new();
    cluster.server.deny(
        &cluster.account,
        &["list", "watch"],
        &["middlewares.traefik.io"],
        &[],
    );
    let origin = Origin::http(|_| ok("hello"));
    cluster.apply(&Manifests::new().backend(BACKEND, origin.port()));
    cluster.apply(&plain("one", "a.test"));
    let mut running = cluster.start();
    assert_eq!(status(&running, "a.test"), 200);
    let line = running
        .child()
        .wait_line("middlewares.traefik.io may not be listed");
    assert!(line.contains("ClusterRole"), "{line}");
    cluster.server.clear_denials();
    running.child().wait_line("resolved: middlewares.traefik.io");
}

#[test]
fn r14_a_right_that_is_taken_away_while_serving_takes_no_route_away() {
    let cluster = Cluster::new();
    let _origin = cluster.bridge();
    let mut running = cluster.start();
    let traffic = Traffic::at(running.address("websecure"), &cluster.pki);
    traffic.pass(3);
    cluster.server.deny(&cluster.account, &["*"], &["secrets"], &[]);
    cluster.server.faults().forget_history();
    cluster.server.faults().end_watches();
    running.child().wait_line("secrets may not be listed and watched");
    traffic.pass(10);
    traffic.finish();
}

#[test]
fn r14_a_token_that_is_rotated_is_read_again() {
    let mut cluster = Cluster::new();
    let _origin = cluster.bridge();
    let running = cluster.start();
    let traffic = Traffic::at(running.address("websecure"), &cluster.pki);
    traffic.pass(3);
    let Cluster { server, account, .. } = &mut cluster;
    server.rotate_token(account);
    server.faults().end_watches();
    cluster.apply(&Cluster::route("marker", "marker.test"));
    wait_until("the marker after the rotation", || {
        super::raw_data(&running).to_string().contains("marker.test")
    });
    traffic.finish();
}

#[test]
fn r14_an_api_server_that_is_down_at_the_start_is_waited_for_while_ping_answers() {
    let cluster = Cluster::new();
    let origin = Origin::http(|_| ok("hello"));
    cluster.apply(&Manifests::new().backend(BACKEND, origin.port()));
    cluster.apply(&plain("one", "a.test"));
    cluster.server.faults().stop();
    let mut running = cluster.start();
    let line = running.child().wait_line("cannot be followed");
    assert!(line.contains(&cluster.server.url()), "{line}");
    let ping = http1::once(
        running.address("traefik"),
        "GET /ping HTTP/1.1\r\nHost: p\r\nConnection: close\r\n\r\n",
    );
    assert_eq!(ping.status, 200);
    assert_eq!(status(&running, "a.test"), 404);
    cluster.server.faults().start_again();
    let back = Instant::now();
    wait_status(&mut running, "a.test", 200);
    assert!(back.elapsed() < Duration::from_secs(10), "{:?}", back.elapsed());
    running.child().wait_line("resolved: the Kubernetes API server");
}

#[test]
fn a13_7_entry_points_open_when_everything_has_been_listed() {
    let cluster = Cluster::new();
    let origin = Origin::http(|_| ok("hello"));
    cluster.apply(&Manifests::new().backend(BACKEND, origin.port()));
    cluster.apply(&plain("one", "a.test"));
    cluster.server.faults().slow_lists(Duration::from_secs(1));
    let mut running = cluster.start();
    // The very first request finds its route.
    assert_eq!(status(&running, "a.test"), 200, "{}", running.child().output());
}
