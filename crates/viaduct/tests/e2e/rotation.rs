//! Trust of the backend leg that changes under load: a replaced CA stays trusted for a while (C8, B59), a revoked one
//! not for a moment (C9), and what skipped verification would have said (C15).

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use viaduct_testkit::child::run;
use viaduct_testkit::http1::{self, Connection, Response};
use viaduct_testkit::nginx::Nginx;
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::pki::{Ca, Issued, Leaf};
use viaduct_testkit::tls::{self, Dial};
use viaduct_testkit::viaduct::Running;
use viaduct_testkit::wait::{wait_for, wait_until};

use crate::fixture::{HOST, Pki, TRANSPORT, root, secure_route, up};
use crate::traffic::Traffic;

/// A process with the file provider: transport `t` trusts the CAs of the file `ca.pem`.
struct Site {
    work: tempfile::TempDir,
    pki: Arc<Pki>,
    running: Running,
}

impl Site {
    /// `routes`: the sections below `http`, but for the transport.
    fn start(pki: &Arc<Pki>, cas: &[&Ca], routes: &str, flags: &[&str]) -> Self {
        let transport = format!("serversTransports:\n    t: {{serverName: {HOST}, rootCAs: [ca.pem]}}");
        Self::with_routes(pki, cas, &format!("{routes}\n  {transport}"), flags)
    }

    /// `routes`: all the sections below `http`.
    fn with_routes(pki: &Arc<Pki>, cas: &[&Ca], routes: &str, flags: &[&str]) -> Self {
        let work = tempfile::tempdir().expect("a temporary directory");
        pki.front.write_to(work.path(), "front");
        trust(work.path(), cas);
        std::fs::write(work.path().join("revoked"), "# nothing yet\n").expect("a file");
        std::fs::write(work.path().join("routes.yml"), with_front(routes)).expect("a file");
        let mut command = root(work.path());
        command.args([
            "--entrypoints.websecure.address=127.0.0.1:0",
            "--entrypoints.websecure.http.tls=true",
            "--entrypoints.traefik.address=127.0.0.1:0",
            "--providers.file.filename=routes.yml",
            "--providers.providersThrottleDuration=10ms",
            "--bridge.revokedFile=revoked",
            "--api.insecure",
            "--metrics.prometheus",
            "--log.level=INFO",
            "--viaduct.exposeFaults",
        ]);
        let running = Running::until_ready(command.args(flags));
        Self {
            work,
            pki: Arc::clone(pki),
            running,
        }
    }

    fn trust(&self, cas: &[&Ca]) {
        trust(self.work.path(), cas);
    }

    fn revoke(&self, list: &str) {
        replace(self.work.path(), "revoked", list);
    }

    fn open(&self) -> Connection<tls::Client> {
        Connection::new(Dial::new(self.running.address("websecure"), &self.pki.edge_ca).open(HOST))
    }

    fn ask(&self, path: &str) -> Response {
        self.open().get(HOST, path)
    }

    fn traffic(&self) -> Traffic {
        Traffic::at(self.running.address("websecure"), &self.pki)
    }

    fn get(&self, path: &str) -> String {
        let request = format!("GET {path} HTTP/1.1\r\nHost: api\r\nConnection: close\r\n\r\n");
        http1::once(self.running.address("traefik"), request).text()
    }

    fn api(&self, path: &str) -> Value {
        serde_json::from_str(&self.get(path)).expect("JSON")
    }

    fn metric(&self, series: &str) -> Option<String> {
        let text = self.get("/metrics");
        let line = text.lines().find_map(|line| line.strip_prefix(series))?;
        Some(line.trim().to_owned())
    }

    fn wait_log(&mut self, text: &str) -> String {
        self.running.child().wait_line(text)
    }
}

/// Sections below `http`, and the certificate of the entry point.
fn with_front(routes: &str) -> String {
    format!(
        "http:\n{routes}\n\
         tls: {{stores: {{default: {{defaultCertificate: {{certFile: front.crt, keyFile: front.key}}}}}}}}\n"
    )
}

fn trust(directory: &Path, cas: &[&Ca]) {
    let pems: String = cas.iter().map(|ca| ca.pem()).collect();
    replace(directory, "ca.pem", &pems);
}

/// As a careful operator writes: another file, then the name.
fn replace(directory: &Path, name: &str, text: &str) {
    let next = directory.join(format!("{name}.next"));
    std::fs::write(&next, text).expect("a file");
    std::fs::rename(next, directory.join(name)).expect("its name");
}

fn web(ca: &Ca) -> Issued {
    ca.issue(Leaf::server(HOST))
}

fn fingerprint(ca: &Ca) -> String {
    viaduct_tls::Fingerprint::of(ca.der()).to_string()
}

fn one_service(servers: &[String]) -> String {
    let servers: Vec<_> = servers.iter().map(|url| format!("{{url: '{url}'}}")).collect();
    format!(
        "  routers: {{app: {{rule: 'Host(`{HOST}`)', service: app, entryPoints: [websecure], tls: {{}}}}}}\n  services: \
         {{app: {{loadBalancer: {{serversTransport: t, servers: [{}]}}}}}}",
        servers.join(", ")
    )
}

/// The servers of the only rotation that are reported to need the old CA still.
fn late(site: &Site) -> Vec<String> {
    let rotations = site.api("/api/rotations");
    let servers = rotations[0]["onOld"].as_array().cloned().unwrap_or_default();
    let still = servers.iter().filter(|server| server["still"] == true);
    still
        .map(|server| server["url"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn c8_a_rotation_loses_nothing_and_the_report_names_who_is_late() {
    let pki = Pki::new();
    let (old, new) = (Ca::new("Old CA"), Ca::new("New CA"));
    let servers = [Nginx::server(&web(&old), ""), Nginx::server_h2(&web(&old), "")];
    let urls = servers
        .each_ref()
        .map(|server| format!("https://{}", server.address()));
    let mut site = Site::start(
        &pki,
        &[&old],
        &one_service(&urls),
        &["--bridge.rotation.overlap=1h"],
    );
    let traffic = site.traffic();
    traffic.pass(10);
    assert_eq!(site.api("/api/rotations"), Value::Array(Vec::new()));

    // The operator changes the CA before any server has another certificate.
    site.trust(&[&new]);
    let line = site.wait_log("rotation of a CA");
    assert!(
        line.contains(&fingerprint(&old)) && line.contains(&fingerprint(&new)),
        "{line}"
    );
    let mut sorted = urls.to_vec();
    sorted.sort();
    wait_until("both servers to be reported", || late(&site) == sorted);
    let rotation = site.api("/api/rotations")[0].clone();
    assert_eq!(rotation["transport"], "t@file");
    assert_eq!(rotation["old"][0]["fingerprint"], fingerprint(&old));
    assert_eq!(rotation["new"][0]["fingerprint"], fingerprint(&new));
    assert!(rotation["until"].as_str() > rotation["since"].as_str());
    assert_eq!(
        site.metric("viaduct_rotation_servers{transport=\"t@file\",bundle=\"previous\"}"),
        Some("2".into())
    );

    servers[0].rotate(&web(&new));
    traffic.pass(10);
    wait_until("one server to be left", || late(&site) == [urls[1].clone()]);
    servers[1].rotate(&web(&new));
    traffic.pass(10);
    wait_until("no server to be left", || late(&site).is_empty());
    assert_eq!(
        site.metric("viaduct_rotation_servers{transport=\"t@file\",bundle=\"current\"}"),
        Some("2".into())
    );
    assert!(
        site.metric("viaduct_rotation_overlap_end_seconds{transport=\"t@file\"}")
            .is_some()
    );
    traffic.finish();
}

#[test]
fn c8_at_the_end_of_the_overlap_the_old_ca_is_trusted_no_more_sessions_included() {
    let pki = Pki::new();
    let (old, new) = (Ca::new("Old CA"), Ca::new("New CA"));
    let server = Nginx::server(&web(&old), "keepalive_requests 1;");
    let url = format!("https://{}", server.address());
    let mut site = Site::start(
        &pki,
        &[&old],
        &one_service(std::slice::from_ref(&url)),
        &["--bridge.rotation.overlap=2s"],
    );
    // Each request is a connection of its own, and all but the first resume a session.
    for _ in 0..3 {
        assert_eq!(site.ask("/").status, 200);
    }
    site.trust(&[&new]);
    site.wait_log("rotation of a CA");
    for _ in 0..3 {
        assert_eq!(site.ask("/").status, 200, "for a while");
    }
    let line = site.wait_log("the replaced CA is no longer trusted");
    assert!(line.contains(&url) && line.contains(&fingerprint(&old)), "{line}");
    let refused = wait_for("the end to be in force", || {
        let answer = site.ask("/");
        (answer.status != 200).then_some(answer)
    });
    assert_eq!(
        (refused.status, refused.header("x-viaduct-fault")),
        (502, Some("unknown_ca"))
    );
    for _ in 0..3 {
        assert_eq!(site.ask("/").status, 502, "for good");
    }
    assert_eq!(site.api("/api/rotations"), Value::Array(Vec::new()));
}

#[test]
fn c8_an_overlap_of_nothing_is_none() {
    let pki = Pki::new();
    let (old, new) = (Ca::new("Old CA"), Ca::new("New CA"));
    let server = Nginx::server(&web(&old), "");
    let routes = one_service(&[format!("https://{}", server.address())]);
    let site = Site::start(&pki, &[&old], &routes, &["--bridge.rotation.overlap=0"]);
    assert_eq!(site.ask("/").status, 200);
    site.trust(&[&new]);
    wait_until("the old CA to be trusted no more", || site.ask("/").status == 502);
}

/// Two hosts' worth of servers by path: `/a` and `/b`, both of transport `t`.
fn two_services(a: &str, b: &str) -> String {
    format!(
        "  routers:\n    a: {{rule: 'Host(`{HOST}`) && PathPrefix(`/a`)', service: a, entryPoints: [websecure], tls: {{}}}}\n    \
         b: {{rule: 'Host(`{HOST}`)', service: b, entryPoints: [websecure], tls: {{}}}}\n  services:\n    \
         a: {{loadBalancer: {{serversTransport: t, servers: [{{url: '{a}'}}]}}}}\n    \
         b: {{loadBalancer: {{serversTransport: t, servers: [{{url: '{b}'}}]}}}}"
    )
}

/// A server over TLS that holds answers back until the sender is dropped, and says when it does.
fn holding(identity: &Issued) -> (Origin, SyncSender<()>, Receiver<()>) {
    let (release, held): (SyncSender<()>, Receiver<()>) = sync_channel(0);
    let (arrived, arrival) = sync_channel(1);
    let held = Mutex::new(held);
    let origin = Origin::https(tls::server(identity, &["http/1.1"], None), move |request| {
        if request.target.contains("held") {
            arrived.send(()).unwrap_or_default();
            let held = held.lock().unwrap_or_else(PoisonError::into_inner);
            held.recv_timeout(Duration::from_secs(30)).unwrap_or_default();
        }
        ok("a")
    });
    (origin, release, arrival)
}

#[test]
fn c9_a_revoked_ca_closes_now_what_is_under_way_and_nothing_else() {
    let pki = Pki::new();
    let (bad, good) = (Ca::new("Bad CA"), Ca::new("Good CA"));
    let (held, _release, arrival) = holding(&web(&bad));
    let other = Nginx::server(&web(&good), "");
    let routes = two_services(
        &format!("https://{}", held.address()),
        &format!("https://{}", other.address()),
    );
    // Whatever the overlap.
    let mut site = Site::start(&pki, &[&bad, &good], &routes, &["--bridge.rotation.overlap=1h"]);
    assert_eq!(site.ask("/a").status, 200);
    // At the other server.
    let traffic = site.traffic();
    traffic.pass(5);
    let mut under_way = site.open();
    under_way.send(format!("GET /a/held HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
    arrival
        .recv_timeout(Duration::from_secs(20))
        .expect("the request to be under way");
    site.revoke(&format!("sha256:{} # stolen\n", fingerprint(&bad)));
    site.wait_log("closed connections to servers that rested on a revoked certificate");
    let cut = under_way.response().expect("an answer");
    assert_eq!(
        (cut.status, cut.header("x-viaduct-fault")),
        (502, Some("revoked"))
    );
    let refused = site.ask("/a");
    assert_eq!(
        (refused.status, refused.header("x-viaduct-fault")),
        (502, Some("unknown_ca"))
    );
    traffic.pass(10);
    traffic.finish();
    assert_eq!(
        site.api("/api/rotations"),
        Value::Array(Vec::new()),
        "no overlap for it"
    );
    // The operator was wrong.
    site.revoke("");
    wait_until("the CA to be trusted again", || site.ask("/a").status == 200);
}

#[test]
fn c9_a_revoked_leaf_is_refused_and_its_streams_are_cut() {
    let pki = Pki::new();
    let ca = Ca::new("Backend CA");
    let (stolen, whole) = (web(&ca), web(&ca));
    // HTTP/2, and answers that take a minute.
    let slow = Nginx::server_h2(
        &stolen,
        "location /a/slow { default_type text/plain; limit_rate 1k; alias {dir}/slow.txt; } location / { return 200 a; }",
    );
    std::fs::write(slow.directory().join("slow.txt"), vec![b'.'; 64 << 10]).expect("a minute's worth");
    let other = Nginx::server_h2(&whole, "");
    let routes = two_services(
        &format!("https://{}", slow.address()),
        &format!("https://{}", other.address()),
    );
    let mut site = Site::start(&pki, &[&ca], &routes, &[]);
    assert_eq!(site.ask("/a").status, 200);
    let traffic = site.traffic();
    traffic.pass(5);
    let mut under_way = site.open();
    under_way.send(format!("GET /a/slow HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
    let mut head = [0; 15];
    under_way
        .stream()
        .read_exact(&mut head)
        .expect("the beginning of an answer");
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    let stolen_print = viaduct_tls::Fingerprint::of(&stolen.der).to_string();
    site.revoke(&stolen.cert_pem);
    site.wait_log("closed connections");
    assert!(under_way.rest().len() < 32 << 10, "cut, not finished");
    let refused = site.ask("/a");
    assert_eq!(
        (refused.status, refused.header("x-viaduct-fault")),
        (502, Some("revoked"))
    );
    assert!(refused.text().contains(&stolen_print), "{}", refused.text());
    traffic.pass(10);
    traffic.finish();
    slow.rotate(&whole);
    wait_until("the server with another certificate", || {
        site.ask("/a").status == 200
    });
}

/// The whole bridge in Kubernetes objects, with this annotation of the transport.
fn annotated(pki: &Pki, port: u16, revoked: &str) -> String {
    let transport = json!({
        "apiVersion": "traefik.io/v1alpha1",
        "kind": "ServersTransport",
        "metadata": { "name": TRANSPORT, "namespace": "web", "annotations": { "viaduct.io/revoked": revoked } },
        "spec": { "serverName": HOST, "rootCAs": [{ "secret": "backend-ca" }] },
    });
    pki.base(port)
        .secret("backend-ca", &[("ca.crt", pki.backend_ca.pem())])
        .object(transport)
        .route(secure_route("https").transport(TRANSPORT))
        .yaml()
}

#[test]
fn c9_an_annotation_of_a_servers_transport_revokes_for_it_at_once() {
    let pki = Pki::new();
    let server = Nginx::server(&pki.backend, "");
    let viaduct = up()
        .file("bridge.yaml", annotated(&pki, server.port(), ""))
        .arg("--expose-faults")
        .start();
    let mut kept = pki.open(&viaduct);
    assert_eq!(kept.get(HOST, "/").status, 200);
    let leaf = viaduct_tls::Fingerprint::of(&pki.backend.der);
    viaduct.replace(
        "bridge.yaml",
        &annotated(&pki, server.port(), &format!("sha256:{leaf}")),
    );
    viaduct.wait_log("closed connections to servers");
    let refused = kept.get(HOST, "/");
    assert_eq!(
        (refused.status, refused.header("x-viaduct-fault")),
        (502, Some("revoked"))
    );
    // Its CA instead: then nobody is left to be trusted.
    viaduct.replace(
        "bridge.yaml",
        &annotated(&pki, server.port(), &fingerprint(&pki.backend_ca)),
    );
    let line = viaduct.wait_log("every CA of it is revoked");
    assert!(
        line.contains(&format!("ServersTransport web/{TRANSPORT}")),
        "{line}"
    );
    wait_until("the route to be out of service", || {
        kept.get(HOST, "/").status == 503
    });
    // What cannot be read might be anything.
    viaduct.replace("bridge.yaml", &annotated(&pki, server.port(), "the old one"));
    viaduct.wait_log("no SHA-256 fingerprint");
    assert_eq!(kept.get(HOST, "/").status, 503);
    viaduct.replace("bridge.yaml", &annotated(&pki, server.port(), ""));
    wait_until("the bridge to be back", || kept.get(HOST, "/").status == 200);
}

/// `viaduct revoke ...`, in the site's directory: its status, and what it says.
fn revoke(work: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let finished = run(root(work).arg("revoke").args(arguments), b"");
    (finished.status.code(), finished.output)
}

#[test]
fn c9_after_the_answer_of_revoke_no_request_rests_on_the_old_trust() {
    let pki = Pki::new();
    let (bad, good) = (Ca::new("Bad CA"), Ca::new("Good CA"));
    let bad_pem = {
        let stolen = tempfile::tempdir().expect("a temporary directory");
        (bad.write_to(stolen.path(), "bad.pem"), stolen)
    };
    let servers = [Nginx::server(&web(&bad), ""), Nginx::server(&web(&good), "")];
    let [a, b] = servers
        .each_ref()
        .map(|server| format!("https://{}", server.address()));
    let site = Site::start(
        &pki,
        &[&bad, &good],
        &two_services(&a, &b),
        &["--bridge.rotation.overlap=1h", "--viaduct.workers=2"],
    );
    let api = format!("http://{}", site.running.address("traefik"));
    let traffic = site.traffic();
    traffic.pass(5);
    // Several connections keep asking the server that is to be revoked; when each answer came is known.
    let answers = Mutex::new(Vec::new());
    let over = std::sync::atomic::AtomicBool::new(false);
    let done = std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut connection = site.open();
                while !over.load(std::sync::atomic::Ordering::Relaxed) {
                    let asked = std::time::Instant::now();
                    let status = connection.get(HOST, "/a").status;
                    answers
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push((asked, status));
                }
            });
        }
        let begun = || {
            let answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
            answers.iter().filter(|(_, status)| *status == 200).count() > 30
        };
        wait_until("requests to be under way", begun);
        let file = bad_pem.0.to_str().expect("a path");
        let (status, said) = revoke(site.work.path(), &[file, "--file=revoked", "--api", &api]);
        let done = std::time::Instant::now();
        assert_eq!(status, Some(0), "{said}");
        assert!(
            said.contains("put on the list") && said.contains("in force at"),
            "{said}"
        );
        let after = || {
            let answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
            answers.iter().filter(|(asked, _)| *asked > done).count() > 30
        };
        wait_until("requests to have come after it", after);
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        done
    });
    let answers = answers.into_inner().unwrap_or_else(PoisonError::into_inner);
    let late: Vec<_> = answers.iter().filter(|(asked, _)| *asked > done).collect();
    assert!(late.iter().all(|(_, status)| *status == 502), "{late:?}");
    traffic.pass(10);
    traffic.finish();
    let list = std::fs::read_to_string(site.work.path().join("revoked")).expect("the list");
    assert!(
        list.starts_with("# nothing yet\n")
            && list.contains(&format!("{} # CN=Bad CA, revoked 20", fingerprint(&bad))),
        "{list}"
    );
    let told = site.api("/api/revoked");
    assert_eq!(
        (&told["inForce"], &told["everywhere"]),
        (&json!(true), &json!([fingerprint(&bad)]))
    );
    // The same again changes nothing.
    let (status, said) = revoke(
        site.work.path(),
        &[&fingerprint(&bad), "--file=revoked", "--api", &api],
    );
    assert!(
        status == Some(0) && said.contains("on the list already"),
        "{said}"
    );
    assert_eq!(
        std::fs::read_to_string(site.work.path().join("revoked")).expect("the list"),
        list
    );
}

#[test]
fn c9_revoke_says_what_it_did_not_do() {
    let work = tempfile::tempdir().expect("a temporary directory");
    let ca = Ca::new("Backend CA");
    let (print, key) = (fingerprint(&ca), web(&ca).key_pem);
    let file = ca.write_to(work.path(), "ca.pem");
    let file = file.to_str().expect("a path");
    // Without a place to list it, the lines are for somebody else to put there.
    let (status, said) = revoke(work.path(), &[file]);
    assert_eq!(status, Some(0), "{said}");
    assert!(
        said.contains(&format!("{print} # CN=Backend CA, revoked 20")),
        "{said}"
    );
    assert!(said.contains("nothing is revoked"), "{said}");
    std::fs::write(work.path().join("key.pem"), key).expect("a file");
    std::fs::write(work.path().join("broken"), "not a fingerprint\n").expect("a file");
    for (arguments, why) in [
        (
            vec!["nowhere.pem", "--file=list"],
            "no SHA-256 fingerprint, and no file",
        ),
        (
            vec!["key.pem", "--file=list"],
            "only `CERTIFICATE` blocks are taken",
        ),
        (vec![&*print, "--file=broken"], "the list cannot be used as it is"),
        (vec![&*print, "--file=nowhere/list"], "cannot be written"),
        (vec![&*print, "--secret=ca"], "write it as `namespace/name`"),
        (
            vec![&*print, "--secret=web/ca", "--kubeconfig=nowhere"],
            "nowhere",
        ),
        (
            vec![&*print, "--secret=web/ca", "--file=list"],
            "cannot be used with",
        ),
        (vec![], "<CERT>"),
    ] {
        let (status, said) = revoke(work.path(), &arguments);
        assert!(
            status == Some(2) && said.contains(why),
            "{arguments:?}: {status:?} {said}"
        );
    }
    assert!(!work.path().join("list").exists());
    // A process that reads another list does not do it: that is no success.
    let pki = Pki::new();
    let site = Site::start(&pki, &[&ca], &one_service(&["https://127.0.0.1:9".into()]), &[]);
    let api = format!("http://{}", site.running.address("traefik"));
    let (status, said) = revoke(
        work.path(),
        &[&print, "--file=list", "--api", &api, "--wait=300ms"],
    );
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("not in force at"), "{said}");
}

#[test]
fn c9_a_list_stays_one_that_can_be_read_whatever_is_put_on_it_and_by_how_many() {
    let work = tempfile::tempdir().expect("a temporary directory");
    // The holder of a stolen CA chooses its subject.
    let sly = Ca::new("-----BEGIN CERTIFICATE-----");
    let file = sly.write_to(work.path(), "sly.pem");
    let (status, said) = revoke(work.path(), &[file.to_str().expect("a path"), "--file=list"]);
    assert_eq!(status, Some(0), "{said}");
    let prints: Vec<String> = (10..30).map(|number| format!("{number}").repeat(32)).collect();
    std::thread::scope(|scope| {
        for print in &prints {
            scope.spawn(|| {
                let (status, said) = revoke(work.path(), &[print, "--file=list"]);
                assert_eq!(status, Some(0), "{said}");
            });
        }
    });
    for print in prints.iter().chain([&fingerprint(&sly)]) {
        let (status, said) = revoke(work.path(), &[print, "--file=list"]);
        assert!(
            status == Some(0) && said.contains("on the list already"),
            "{said}"
        );
    }
    // What would be read as the rest of a certificate is not put there.
    std::fs::write(work.path().join("open"), "-----BEGIN CERTIFICATE-----\n").expect("a file");
    let (status, said) = revoke(work.path(), &[&prints[0], "--file=open"]);
    assert_eq!(status, Some(2), "{said}");
}

#[test]
fn c9_a_list_keeps_its_owner_and_mode() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};

    let work = tempfile::tempdir().expect("a temporary directory");
    let list = work.path().join("list");
    std::fs::write(&list, "").expect("a file");
    std::fs::set_permissions(&list, std::fs::Permissions::from_mode(0o640)).expect("its mode");
    chown(&list, Some(4321), Some(4322)).expect("root, as for the tests of confinement");
    let (status, said) = revoke(work.path(), &[&"ab".repeat(32), "--file=list"]);
    assert_eq!(status, Some(0), "{said}");
    let after = std::fs::metadata(&list).expect("the list");
    assert_eq!(
        (after.uid(), after.gid(), after.mode() & 0o777),
        (4321, 4322, 0o640)
    );
}

/// `viaduct.io/revoked` on what the CAs are taken from.
#[test]
fn c9_an_annotation_of_a_secret_or_config_map_revokes_for_whoever_trusts_it() {
    let pki = Pki::new();
    let server = Nginx::server(&pki.backend, "");
    for (kind, field, data) in [
        ("Secret", "secret", "stringData"),
        ("ConfigMap", "configMap", "data"),
    ] {
        let with = |revoked: &str, ca: Value| {
            let mut trusted = json!({
                "apiVersion": "v1", "kind": kind,
                "metadata": { "name": "backend-ca", "namespace": "web", "annotations": { "viaduct.io/revoked": revoked } },
            });
            trusted[data] = json!({ "ca.crt": ca });
            let transport = json!({ "serverName": HOST, "rootCAs": [{ field: "backend-ca" }] });
            pki.base(server.port())
                .object(trusted)
                .transport(TRANSPORT, transport)
                .route(secure_route("https").transport(TRANSPORT))
                .yaml()
        };
        let manifests = |revoked: &str| with(revoked, json!(pki.backend_ca.pem()));
        let viaduct = up().file("b.yaml", manifests("")).arg("--expose-faults").start();
        let mut kept = pki.open(&viaduct);
        assert_eq!(kept.get(HOST, "/").status, 200, "{kind}");
        let leaf = viaduct_tls::Fingerprint::of(&pki.backend.der);
        viaduct.replace("b.yaml", &manifests(&format!("sha256:{leaf}")));
        viaduct.wait_log("closed connections to servers");
        let refused = kept.get(HOST, "/");
        assert_eq!(
            (refused.status, refused.header("x-viaduct-fault")),
            (502, Some("revoked")),
            "{kind}"
        );
        // All that is in it: nobody is left to be trusted.
        viaduct.replace("b.yaml", &manifests("all"));
        viaduct.wait_log("every CA of it is revoked");
        wait_until("the route to be out of service", || {
            kept.get(HOST, "/").status == 503
        });
        // What cannot be read might be anything, and says where it is written.
        viaduct.replace("b.yaml", &manifests("the old one"));
        viaduct.wait_log(&format!("{kind} web/backend-ca: `the`: no SHA-256 fingerprint"));
        assert_eq!(kept.get(HOST, "/").status, 503);
        viaduct.replace("b.yaml", &manifests(""));
        wait_until("the bridge to be back", || kept.get(HOST, "/").status == 200);
        // In an edit that breaks the object, whose last good state is kept otherwise.
        viaduct.replace("b.yaml", &with(&format!("sha256:{leaf}"), json!([])));
        viaduct.wait_log("last good state is kept");
        wait_until("the bridge to be refused", || {
            kept.get(HOST, "/").header("x-viaduct-fault") == Some("revoked")
        });
    }
}

#[test]
fn c9_certificates_are_revoked_by_the_install_configuration_from_the_start() {
    let pki = Pki::new();
    let (bad, good) = (Ca::new("Bad CA"), Ca::new("Good CA"));
    let servers = [Nginx::server(&web(&bad), ""), Nginx::server(&web(&good), "")];
    let [a, b] = servers
        .each_ref()
        .map(|server| format!("https://{}", server.address()));
    let revoked = format!("--bridge.revoked={}", fingerprint(&bad));
    let site = Site::start(&pki, &[&bad, &good], &two_services(&a, &b), &[&revoked]);
    assert_eq!((site.ask("/a").status, site.ask("/b").status), (502, 200));
    // What is wrong in the file changes nothing of what is in force.
    site.revoke("not a fingerprint");
    assert_eq!((site.ask("/a").status, site.ask("/b").status), (502, 200));
    let mut command = root(site.work.path());
    let refused = run(
        command.args([
            "--bridge.revokedFile=revoked",
            "--entrypoints.web.address=127.0.0.1:0",
        ]),
        b"",
    );
    assert!(!refused.status.success(), "{}", refused.output);
    assert!(
        refused.output.contains("line 1: no SHA-256 fingerprint"),
        "{}",
        refused.output
    );
}

/// `viaduct audit` of the process, for people.
fn audited(site: &Site) -> String {
    let api = format!("http://{}", site.running.address("traefik"));
    run(root(site.work.path()).args(["audit", "--api", &api]), b"").output
}

fn audited_says(site: &Site, line: &str) -> bool {
    audited(site).contains(line)
}

/// What the API says of the transport `t`.
fn trial(site: &Site) -> Value {
    site.api("/api/shadow")[0].clone()
}

/// A transport of one server, with these fields beside `insecureSkipVerify`.
fn skipping(pki: &Arc<Pki>, server: &Nginx, fields: &str) -> Site {
    let routes = one_service(&[format!("https://{}", server.address())]);
    let routes = format!("{routes}\n  serversTransports:\n    t: {{insecureSkipVerify: true{fields}}}");
    Site::with_routes(pki, &[&pki.backend_ca], &routes, &[])
}

#[test]
fn c15_skipped_verification_is_tried_and_says_when_it_is_safe_to_end() {
    let pki = Pki::new();
    let server = Nginx::server(&pki.backend, "keepalive_requests 1;");
    let site = skipping(&pki, &server, &format!(", serverName: {HOST}, rootCAs: [ca.pem]"));
    assert_eq!(trial(&site)["summary"], "no server was connected to yet");
    assert_eq!(
        (&trial(&site)["safe"], &trial(&site)["patch"]),
        (&json!(false), &Value::Null)
    );
    for _ in 0..3 {
        assert_eq!(site.ask("/").status, 200);
    }
    let good = trial(&site);
    assert_eq!(
        (&good["wouldPass"], &good["wouldFail"], &good["safe"]),
        (&json!(3), &json!({}), &json!(true))
    );
    let summary = good["summary"].as_str().unwrap_or_default();
    assert!(
        summary.starts_with("3 handshakes with 1 of 1 servers since 20"),
        "{summary}"
    );
    assert!(
        summary.ends_with("all would have passed; it is safe to verify"),
        "{summary}"
    );
    assert_eq!(good["servers"][0]["by"], fingerprint(&pki.backend_ca));
    // The same beside each bridge, with what to paste.
    let row = site.api("/api/bridges")[0].clone();
    assert_eq!(
        (&row["class"], &row["trial"]["safe"], &row["trial"]["safeSince"]),
        (&json!("unverified"), &json!(true), &good["safeSince"]),
        "{row}"
    );
    assert_eq!(row["trial"]["patch"], good["patch"]);
    let audited = audited(&site);
    for line in [
        &format!(
            "verification is skipped by t@file: safe to verify since {}",
            good["safeSince"].as_str().expect("a time")
        ),
        "        insecureSkipVerify: false",
    ] {
        assert!(audited.contains(line), "{line}:\n{audited}");
    }
    assert_eq!(
        site.metric("viaduct_shadow_handshakes_total{transport=\"t@file\",result=\"pass\"}"),
        Some("3".into())
    );

    // A server with another certificate is served all the same, and told.
    server.rotate(&Ca::new("Stranger").issue(Leaf::server("other.example.com")));
    assert_eq!(site.ask("/").status, 200);
    let bad = trial(&site);
    assert_eq!(
        (&bad["wouldFail"], &bad["safe"]),
        (&json!({ "unknown_ca": 1 }), &json!(false))
    );
    assert_eq!(bad["servers"][0]["verdict"], "unknown_ca");
    assert_eq!(site.api("/api/bridges")[0]["trial"]["safe"], false);
    assert!(
        audited_says(&site, "verification is skipped by t@file: not safe to verify yet"),
        "and in the table"
    );
    assert_eq!(
        site.metric("viaduct_shadow_handshakes_total{transport=\"t@file\",result=\"unknown_ca\"}"),
        Some("1".into())
    );
}

#[test]
fn c15_what_is_proposed_can_be_applied_and_verifies() {
    let pki = Pki::new();
    let own = Leaf::server(HOST).is_ca(true).self_signed();
    let server = Nginx::server(&own, "");
    let site = skipping(&pki, &server, &format!(", serverName: {HOST}"));
    assert_eq!(site.ask("/").status, 200);
    let proposed = trial(&site);
    assert_eq!(proposed["servers"][0]["verdict"], "unknown_ca");
    let patch = proposed["patch"].as_str().expect("a patch");
    let print = viaduct_tls::Fingerprint::of(&own.der).to_string();
    assert!(
        patch.starts_with("# FOR REVIEW") && patch.contains(&print),
        "{patch}"
    );
    // Nothing was trusted by itself.
    assert_eq!(proposed["safe"], false);
    // Somebody has looked at it: what it says of the transport, in place of what was there.
    let lines = patch
        .lines()
        .skip_while(|line| !line.starts_with("    \"t\":"))
        .collect::<Vec<_>>();
    let routes = one_service(&[format!("https://{}", server.address())]);
    let text = format!(
        "{routes}\n  serversTransports:\n{}\n      serverName: {HOST}\n",
        lines.join("\n")
    );
    replace(site.work.path(), "routes.yml", &with_front(&text));
    wait_until("verification", || {
        site.api("/api/shadow") == Value::Array(Vec::new())
    });
    assert_eq!(site.ask("/").status, 200);
    server.rotate(&pki.backend);
    wait_until("another certificate to be refused", || {
        site.ask("/").status == 502
    });
}
