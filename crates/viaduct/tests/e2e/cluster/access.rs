//! Who may read what: RBAC, tokens, and an API server that is not there.

use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use serde_json::json;
use viaduct_testkit::curl::Curl;
use viaduct_testkit::http1;
use viaduct_testkit::manifest::Manifests;
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::pki::{Ca, Leaf};
use viaduct_testkit::viaduct::Running;
use viaduct_testkit::wait::wait_until;

use super::{Cluster, READ, plain, status, wait_status};
use crate::fixture::{BACKEND, HOST};
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

/// A bridge under TLS options `default` that ask every client for a certificate.
fn guarded() -> (Cluster, Origin) {
    let cluster = Cluster::new();
    let origin = cluster.bridge();
    let demand = json!({ "clientAuth": { "clientAuthType": "RequireAnyClientCert" } });
    cluster.apply(&Manifests::new().tls_option("default", demand));
    (cluster, origin)
}

/// A request without a certificate, whatever the server's.
fn uncertified(running: &Running) -> u16 {
    let curl = Curl::plain(running.address("websecure")).over_tls();
    curl.args(&["--insecure"]).get(HOST, "/").status
}

#[test]
fn i2_tls_options_that_may_not_be_listed_let_nobody_in() {
    let (cluster, _origin) = guarded();
    let options = ["tlsoptions.traefik.io"];
    cluster
        .server
        .deny(&cluster.account, &["list", "watch"], &options, &[]);
    let mut running = cluster.start();
    let line = running
        .child()
        .wait_line("it is not known whether the cluster has TLS options `default`");
    assert!(
        line.contains("ClusterAccess") && line.contains("grant `list` and `watch`"),
        "{line}"
    );
    assert_eq!(uncertified(&running), 503, "{}", running.child().output());
    cluster.server.clear_denials();
    running.child().wait_line("resolved: it is not known whether");
    assert_eq!(uncertified(&running), 0, "no handshake without a certificate");
    let client = Ca::new("clients").issue(Leaf::client("somebody"));
    let curl = Curl::secure(running.address("websecure"), cluster.pki.edge_ca.pem()).identity(&client);
    assert_eq!(curl.get(HOST, "/").status, 200);
}

#[test]
fn i2_tls_options_count_though_their_kind_is_taken_away() {
    let (cluster, _origin) = guarded();
    let mut running = cluster.start();
    assert_eq!(uncertified(&running), 0);
    cluster.server.undefine("tlsoptions.traefik.io");
    cluster.server.faults().end_watches();
    running.child().wait_line("those that were known stay in service");
    assert_eq!(uncertified(&running), 0);
}

#[test]
fn i2_an_api_server_that_is_down_at_the_start_may_have_tls_options() {
    let (cluster, _origin) = guarded();
    let file = cluster.work.path().join("routes.yaml");
    let routes = format!(
        "http: {{routers: {{beside: {{rule: 'Host(`{HOST}`)', service: api@internal, tls: {{}}, \
         entryPoints: [websecure]}}}}}}"
    );
    std::fs::write(&file, routes).expect("a file");
    cluster.server.faults().stop();
    let file = format!("--providers.file.filename={}", file.display());
    let mut running = Running::until_ready(&mut cluster.command(&[&file]));
    assert_eq!(uncertified(&running), 503, "{}", running.child().output());
    cluster.server.faults().start_again();
    running.child().wait_line("resolved: it is not known whether");
    assert_eq!(uncertified(&running), 0);
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

#[test]
fn a13_7_a_cluster_is_heard_however_much_files_have_said_meanwhile() {
    let cluster = Cluster::new();
    let origin = Origin::http(|_| ok("hello"));
    cluster.apply(&Manifests::new().backend(BACKEND, origin.port()));
    cluster.apply(&plain("one", "a.test"));
    cluster.server.faults().slow_lists(Duration::from_secs(2));
    let file = cluster.work.path().join("routes.yaml");
    let write = {
        let file = file.clone();
        move |number: u32| {
            let text = format!("http: {{middlewares: {{m{number}: {{addPrefix: {{prefix: /x}}}}}}}}");
            std::fs::write(&file, text).expect("a file");
        }
    };
    write(0);
    let (done, is_done) = std::sync::mpsc::sync_channel::<()>(1);
    // Each pause is longer than the one in which changes are taken for one.
    let writer = std::thread::spawn(move || {
        (1..)
            .take_while(|_| {
                is_done.recv_timeout(Duration::from_millis(120)) == Err(RecvTimeoutError::Timeout)
            })
            .inspect(|number| write(*number))
            .count()
    });
    let file = format!("--providers.file.filename={}", file.display());
    let mut running = Running::until_ready(&mut cluster.command(&[&file]));
    drop(done);
    let changes = writer.join().expect("the writer");
    assert!(changes > 12, "{changes} changes are fewer than there is room for");
    assert_eq!(status(&running, "a.test"), 200, "{}", running.child().output());
}
