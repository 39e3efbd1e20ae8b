//! Each Secret of the bridge is replaced under load, and no request is lost.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use viaduct_testkit::apiserver::{Matching, Reply};
use viaduct_testkit::child::run;
use viaduct_testkit::curl::Curl;
use viaduct_testkit::http1::Connection;
use viaduct_testkit::manifest::Manifests;
use viaduct_testkit::nginx::Nginx;
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::pki::{Ca, Leaf};
use viaduct_testkit::tls::{self, Dial};
use viaduct_testkit::wait::{wait_at_most, wait_equal, wait_until};

use super::Cluster;
use crate::fixture::{FRONT_SECRET, HOST, TRANSPORT, secure_route};
use crate::traffic::Traffic;

#[test]
fn c9_the_front_certificate() {
    let cluster = Cluster::anywhere();
    let _origin = cluster.bridge();
    let running = cluster.start();
    let traffic = Traffic::at(running.address("websecure"), &cluster.pki);
    for _round in 0..3 {
        traffic.pass(5);
        let next = cluster.pki.edge_ca.issue(Leaf::server(HOST));
        cluster.apply(&Manifests::new().tls_secret(FRONT_SECRET, &next));
        wait_until("the new certificate", || {
            let client = Dial::new(running.address("websecure"), &cluster.pki.edge_ca).open(HOST);
            let presented = client.conn.peer_certificates().and_then(<[_]>::first);
            presented == next.chain.first()
        });
    }
    traffic.pass(5);
    traffic.finish();
}

#[test]
fn c9_the_backends_certificate_and_its_ca() {
    let cluster = Cluster::anywhere();
    let nginx = Nginx::server(&cluster.pki.backend, "");
    cluster.apply(&cluster.pki.bridge(nginx.port()));
    let running = cluster.start();
    let traffic = Traffic::at(running.address("websecure"), &cluster.pki);
    traffic.pass(5);
    // Both, then the backend, then the new one alone: as a careful operator does it.
    let next = Ca::new("Next backend CA");
    let both = format!("{}{}", cluster.pki.backend_ca.pem(), next.pem());
    cluster.apply(&Manifests::new().secret("backend-ca", &[("ca.crt", &both)]));
    wait_until("both to be trusted", || {
        bridges(&running).contains("Next backend CA")
    });
    nginx.rotate(&next.issue(Leaf::server(HOST)));
    traffic.pass(20);
    cluster.apply(&Manifests::new().secret("backend-ca", &[("ca.crt", next.pem())]));
    wait_until("the old CA to go", || !bridges(&running).contains("Backend CA\""));
    traffic.pass(20);
    traffic.finish();
}

#[test]
fn c9_the_client_pair_of_the_backend_leg() {
    let cluster = Cluster::anywhere();
    let clients = Ca::new("Clients of the backend");
    let nginx = Nginx::mutual(
        &cluster.pki.backend,
        &clients,
        "location / { return 200 \"$ssl_client_s_dn\"; }",
    );
    let first = clients.issue(Leaf::client("first"));
    let transport = json!({
        "serverName": HOST, "rootCAs": [{ "secret": "backend-ca" }], "certificatesSecrets": ["client"],
    });
    cluster.apply(
        &cluster
            .pki
            .base(nginx.port())
            .secret("backend-ca", &[("ca.crt", cluster.pki.backend_ca.pem())])
            .tls_secret("client", &first)
            .transport(TRANSPORT, transport)
            .route(secure_route("https").transport(TRANSPORT)),
    );
    let running = cluster.start();
    let traffic = Traffic::at(running.address("websecure"), &cluster.pki);
    traffic.pass(5);
    cluster.apply(&Manifests::new().tls_secret("client", &clients.issue(Leaf::client("second"))));
    wait_until("the backend to see the new certificate", || {
        let client = Dial::new(running.address("websecure"), &cluster.pki.edge_ca).open(HOST);
        let mut connection = Connection::new(client);
        connection.get(HOST, "/").text().contains("second")
    });
    traffic.pass(5);
    traffic.finish();
}

#[test]
fn c43_a_pair_that_does_not_fit_together_keeps_the_one_before() {
    let cluster = Cluster::anywhere();
    let _origin = cluster.bridge();
    let mut running = cluster.start();
    let traffic = Traffic::at(running.address("websecure"), &cluster.pki);
    let other = cluster.pki.edge_ca.issue(Leaf::server(HOST));
    let mixed = Manifests::new().secret(
        FRONT_SECRET,
        &[
            ("tls.crt", &other.chain_pem),
            ("tls.key", &cluster.pki.front.key_pem),
        ],
    );
    cluster.apply(&mixed);
    let line = running.child().wait_line("last good state");
    assert!(line.contains(&format!("Secret web/{FRONT_SECRET}")), "{line}");
    traffic.pass(5);
    traffic.finish();
}

#[test]
fn c61_a_secret_that_is_taken_away_while_serving_is_withdrawn_within_five_seconds() {
    let cluster = Cluster::anywhere();
    let _origin = cluster.bridge();
    let running = cluster.start();
    let curl = || Curl::secure(running.address("websecure"), cluster.pki.edge_ca.pem());
    assert_eq!(curl().get(HOST, "/").status, 200);
    assert!(cluster.server.delete("secrets", "web", FRONT_SECRET));
    let limit = Duration::from_secs(5);
    wait_at_most(limit, "another certificate than the Secret's", || {
        (curl().get(HOST, "/").exit == UNTRUSTED).then_some(())
    });
    // Nor is the route served under a certificate that it did not ask for.
    wait_equal(&503, || curl().args(&["--insecure"]).get(HOST, "/").status);
    cluster.apply(&Manifests::new().tls_secret(FRONT_SECRET, &cluster.pki.front));
    wait_equal(&200, || curl().get(HOST, "/").status);
    // The CA of the backend leg is withdrawn likewise, and nothing takes its place.
    assert!(cluster.server.delete("secrets", "web", "backend-ca"));
    wait_at_most(limit, "the bridge to be closed", || {
        (curl().get(HOST, "/").status == 503).then_some(())
    });
}

/// curl's status for a certificate that nobody vouches for.
const UNTRUSTED: i32 = 60;

#[test]
fn r14_secrets_that_nobody_refers_to_are_fetched_when_somebody_does() {
    let cluster = Cluster::new();
    let _origin: Origin = cluster.bridge();
    let other_ca = Ca::new("Another CA");
    cluster.apply(&Manifests::new().secret("other-ca", &[("ca.crt", other_ca.pem())]));
    let https = Origin::https(
        tls::server(&other_ca.issue(Leaf::server(HOST)), &["http/1.1"], None),
        |_| ok("other"),
    );
    cluster.apply(&Manifests::new().backend("other", https.port()));
    let running = cluster.start();
    let fetched = || {
        cluster
            .server
            .count(|request| request.verb == "get" && request.resource == "secrets")
    };
    // kubectl gets what it applies.
    let before = fetched();
    let transport = json!({ "serverName": HOST, "rootCAs": [{ "secret": "other-ca" }] });
    let route = viaduct_testkit::manifest::Route::plain("other", "Host(`other.test`)", "other", "https");
    cluster.apply(
        &Manifests::new()
            .transport("other", transport)
            .route(route.transport("other")),
    );
    wait_until("the other bridge", || {
        super::status(&running, "other.test") == 200
    });
    assert_eq!(fetched(), before + 1);
}

/// What the API says of both legs of every router.
fn bridges(running: &viaduct_testkit::viaduct::Running) -> String {
    let request = "GET /api/viaduct/bridges HTTP/1.1\r\nHost: api\r\nConnection: close\r\n\r\n";
    viaduct_testkit::http1::once(running.address("traefik"), request).text()
}

#[test]
fn r14_a_change_waits_for_the_secret_that_it_needs() {
    let cluster = Cluster::new();
    let _origin = cluster.bridge();
    // The same CA in another Secret, which nobody refers to yet.
    let ca = cluster.pki.backend_ca.pem().to_owned();
    cluster.apply(&Manifests::new().secret("other-ca", &[("ca.crt", &ca)]));
    let mut running = cluster.start();
    let traffic = Traffic::at(running.address("websecure"), &cluster.pki);
    traffic.pass(3);
    let get = Matching::of("get", "secrets");
    cluster.server.faults().reply_next(3, get, Reply::InternalError);
    let transport = |secret: &str| {
        let spec = json!({ "serverName": HOST, "rootCAs": [{ "secret": secret }] });
        cluster
            .server
            .apply(&Manifests::new().transport(TRANSPORT, spec).yaml());
    };
    transport("other-ca");
    wait_until("the answers that are none", || {
        cluster.server.faults().replies_left() == 0
    });
    cluster.server.wait_request("the Secret", |request| {
        request.verb == "get" && request.name.as_deref() == Some("other-ca") && request.status == 200
    });
    traffic.pass(5);
    traffic.finish();

    // What may never be fetched is waited for in vain, and then told.
    cluster.apply(&Manifests::new().secret("third-ca", &[("ca.crt", &ca)]));
    cluster.server.deny(&cluster.account, &["get"], &["secrets"], &[]);
    transport("third-ca");
    let line = running.child().wait_line("its data cannot be fetched");
    assert!(line.contains("Secret `web/third-ca` cannot be read"), "{line}");
}

/// By the command, under load, with nobody but the operator who may write.
#[test]
fn c9_revoke_annotates_a_secret_and_waits_until_nothing_rests_on_it() {
    let cluster = Cluster::new();
    let nginx = Nginx::server(&cluster.pki.backend, "");
    cluster.apply(&cluster.pki.bridge(nginx.port()));
    let running = cluster.start();
    let api = format!("http://{}", running.address("traefik"));
    let ask = |connection: &mut Connection<tls::Client>| connection.get(HOST, "/").status;
    let open = || {
        let dial = Dial::new(running.address("websecure"), &cluster.pki.edge_ca);
        Connection::new(dial.open(HOST))
    };
    let mut kept = open();
    assert_eq!(ask(&mut kept), 200);
    let revoke = |arguments: &[&str]| {
        let mut command = std::process::Command::new(crate::fixture::BINARY);
        command.env_clear().arg("revoke").args(arguments);
        command.arg("--kubeconfig").arg(cluster.server.kubeconfig());
        run(&mut command, b"")
    };
    let leaf = viaduct_tls::Fingerprint::of(&cluster.pki.backend.der).to_string();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let load = scope.spawn(|| {
            let (mut connection, mut answers) = (open(), Vec::new());
            while !stop.load(Ordering::Relaxed) {
                answers.push((Instant::now(), ask(&mut connection)));
            }
            answers
        });
        let done = revoke(&[&leaf, "--secret=web/backend-ca", "--api", &api]);
        let at = Instant::now();
        for _ in 0..20 {
            assert_ne!(ask(&mut kept), 200);
        }
        stop.store(true, Ordering::Relaxed);
        assert!(done.status.success(), "{}", done.output);
        assert!(
            done.output.contains("Secret web/backend-ca: annotated"),
            "{}",
            done.output
        );
        let answers = load.join().expect("the load");
        assert!(answers.iter().any(|(_, status)| *status == 200));
        let late: Vec<_> = answers.iter().filter(|(asked, _)| *asked > at).collect();
        assert!(late.iter().all(|(_, status)| *status != 200), "{late:?}");
    });
    // What is there already stays; an object that is not there is no success.
    let ca = viaduct_tls::Fingerprint::of(cluster.pki.backend_ca.der()).to_string();
    let done = revoke(&[
        &ca,
        &leaf,
        &format!("--servers-transport=web/{TRANSPORT}"),
        "--api",
        &api,
    ]);
    assert!(done.status.success(), "{}", done.output);
    let again = revoke(&[&ca, "--secret=web/backend-ca"]);
    assert!(again.status.success(), "{}", again.output);
    let annotation = "jsonpath={.metadata.annotations.viaduct\\.io/revoked}";
    let written = cluster.kubectl(
        &["-n", "web", "get", "secret", "backend-ca", "-o", annotation],
        "",
    );
    assert!(
        written.output.contains(&format!("{leaf},{ca}")),
        "{}",
        written.output
    );
    // That another object revokes it is nothing to the transports of this one: here are none, so it is never in force.
    cluster.apply(&Manifests::new().secret("unused", &[("ca.crt", cluster.pki.backend_ca.pem())]));
    let of_nobody = revoke(&[&leaf, "--secret=web/unused", "--api", &api, "--wait=300ms"]);
    assert_eq!(of_nobody.status.code(), Some(1), "{}", of_nobody.output);
    let missing = revoke(&[&ca, "--secret=web/nobody"]);
    assert_eq!(missing.status.code(), Some(2), "{}", missing.output);
}
