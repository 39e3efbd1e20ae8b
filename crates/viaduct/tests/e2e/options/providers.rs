//! `providers`.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use viaduct_testkit::http1;
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::pki::{Ca, Leaf, Usage};
use viaduct_testkit::tls;
use viaduct_testkit::viaduct::Running;
use viaduct_testkit::wait::{wait_equal, wait_until};

use super::Seen;
use crate::cluster;
use crate::file_provider::{changes, several};
use crate::fixture::root;
use crate::install::serving;

pub(super) fn seen() -> Vec<Seen> {
    vec![
        seen!(changes::a10_1_files_come_change_and_go => "providers.file.directory"),
        seen!(serving::a2_2_routers_without_entry_points_are_served_by_the_default_ones => "providers.file.filename"),
        seen!(a10_1_files_that_are_not_watched_stay_as_they_were => "providers.file.watch"),
        seen!(several::a3_15_providers_refer_to_each_other_and_precedence_settles_ties =>
            "providers.http", "providers.http.endpoint", "providers.http.pollInterval", "providers.precedence",
        ),
        seen!(a10_4_changes_of_a_provider_wait_for_each_other => "providers.providersThrottleDuration"),
        seen!(a10_11_a_server_is_asked_as_the_options_say =>
            "providers.http.headers._name_",
            "providers.http.tls.ca",
            "providers.http.tls.cert",
            "providers.http.tls.key",
        ),
        seen!(cluster::serving::a9_1_the_flow_applied_with_kubectl_is_served_as_from_a_directory =>
            "providers.kubernetesCRD",
            "providers.kubernetesCRD.endpoint",
            "providers.kubernetesCRD.token",
            "providers.kubernetesCRD.certAuthFilePath",
        ),
        seen!(cluster::options::a9_8_label_selector_and_ingress_class_choose_among_traefiks_kinds_only =>
            "providers.kubernetesCRD.labelSelector",
            "providers.kubernetesCRD.ingressClass",
        ),
        seen!(cluster::options::a9_8_namespaces_are_watched_one_by_one => "providers.kubernetesCRD.namespaces"),
        seen!(cluster::options::a9_8_options_say_what_routes_may_ask_for =>
            "providers.kubernetesCRD.allowCrossNamespace",
            "providers.kubernetesCRD.allowEmptyServices",
            "providers.kubernetesCRD.allowExternalNameServices",
            "providers.kubernetesCRD.crossProviderNamespaces",
            "providers.kubernetesCRD.nativeLBByDefault",
        ),
        seen!(cluster::options::a9_8_changes_wait_for_each_other => "providers.kubernetesCRD.throttleDuration"),
        seen!(cluster::access::c61_roles_of_the_named_namespaces_suffice =>
            "providers.kubernetesCRD.disableClusterScopeResources",
        ),
        seen!(a10_11_a_server_may_be_left_unverified => "providers.http.tls.insecureSkipVerify"),
        seen!(a10_11_an_answer_may_be_too_large_or_too_late =>
            "providers.http.maxResponseBodySize",
            "providers.http.pollTimeout",
        ),
    ]
}

/// Routes whose one router sends `host` nowhere: 503 instead of 404 tells that it is there.
fn routes(host: &str) -> String {
    format!(
        "http:\n  routers:\n    r:\n      rule: Host(`{host}`)\n      service: s\n  services:\n    s:\n      loadBalancer: {{}}\n"
    )
}

fn status(running: &Running, host: &str) -> u16 {
    let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    http1::once(running.address("web"), request).status
}

fn start(work: &Path, flags: &[&str]) -> Running {
    Running::until_ready(
        root(work)
            .args(["--entrypoints.web.address=127.0.0.1:0", "--log.level=INFO"])
            .args(flags),
    )
}

fn replace(work: &Path, text: &str) {
    std::fs::write(work.join("aside"), text).expect("a file");
    std::fs::rename(work.join("aside"), work.join("routes.yml")).expect("a file");
}

/// A server of configuration, and what it gives.
fn giving(text: &str) -> (Origin, Arc<Mutex<Vec<u8>>>) {
    let answer = Arc::new(Mutex::new(ok(text)));
    let given = Arc::clone(&answer);
    let origin = Origin::http(move |_| given.lock().expect("a lock").clone());
    (origin, answer)
}

#[test]
fn a10_1_files_that_are_not_watched_stay_as_they_were() {
    for watched in [true, false] {
        let work = tempfile::tempdir().expect("a temporary directory");
        replace(work.path(), &routes("one.example"));
        let (server, answer) = giving(&routes("http-one.example"));
        let endpoint = format!("--providers.http.endpoint=http://{}", server.address());
        let running = start(
            work.path(),
            &[
                "--providers.file.filename=routes.yml",
                &format!("--providers.file.watch={watched}"),
                "--providers.providersthrottleduration=0s",
                "--providers.http.pollinterval=500ms",
                &endpoint,
            ],
        );
        assert_eq!(status(&running, "one.example"), 503);
        replace(work.path(), &routes("two.example"));
        if watched {
            wait_equal(&503, || status(&running, "two.example"));
            continue;
        }
        // Another provider's change comes later, and is there before this one.
        *answer.lock().expect("a lock") = ok(&routes("http-two.example"));
        wait_equal(&503, || status(&running, "http-two.example"));
        assert_eq!(
            (status(&running, "one.example"), status(&running, "two.example")),
            (503, 404)
        );
    }
}

#[test]
fn a10_4_changes_of_a_provider_wait_for_each_other() {
    let work = tempfile::tempdir().expect("a temporary directory");
    replace(work.path(), &routes("one.example"));
    let running = start(
        work.path(),
        &[
            "--providers.file.filename=routes.yml",
            "--providers.providersthrottleduration=1h",
        ],
    );
    replace(work.path(), &routes("two.example"));
    wait_equal(&503, || status(&running, "two.example"));
    replace(work.path(), &routes("three.example"));
    let (server, _) = giving(&routes("http.example"));
    drop((server, &running));
    // Without the option a change is there within a few seconds.
    let quick = tempfile::tempdir().expect("a temporary directory");
    replace(quick.path(), &routes("one.example"));
    let other = start(
        quick.path(),
        &[
            "--providers.file.filename=routes.yml",
            "--providers.providersthrottleduration=0s",
        ],
    );
    for host in ["two.example", "three.example", "four.example"] {
        replace(quick.path(), &routes(host));
        wait_equal(&503, || status(&other, host));
    }
    assert_eq!(status(&running, "three.example"), 404);
}

/// An authority, a server that demands its client certificates, and their files.
struct Secured {
    server: Origin,
    work: tempfile::TempDir,
    client: [String; 2],
    ca: String,
}

impl Secured {
    fn new() -> Self {
        let ca = Ca::new("Configuration CA");
        let work = tempfile::tempdir().expect("a temporary directory");
        let leaf = ca.issue(Leaf::bare(Usage::Server).ip("127.0.0.1"));
        let files = ca.issue(Leaf::client("viaduct")).write_to(work.path(), "client");
        let text = routes("given.example");
        Self {
            server: Origin::https(tls::server(&leaf, &[], Some(&ca)), move |_| ok(&text)),
            client: [
                format!("--providers.http.tls.cert={}", files.cert.display()),
                format!("--providers.http.tls.key={}", files.key.display()),
            ],
            ca: format!(
                "--providers.http.tls.ca={}",
                ca.write_to(work.path(), "ca.pem").display()
            ),
            work,
        }
    }

    fn start(&self, flags: &[&str]) -> Running {
        let endpoint = format!("--providers.http.endpoint=https://{}/conf", self.server.address());
        start(self.work.path(), &[&[endpoint.as_str()], flags].concat())
    }
}

#[test]
fn a10_11_a_server_is_asked_as_the_options_say() {
    let secured = Secured::new();
    let [cert, key] = &secured.client;
    let running = secured.start(&[cert, key, &secured.ca, "--providers.http.headers.x-tenant=mine"]);
    wait_equal(&503, || status(&running, "given.example"));
    assert_eq!(
        secured.server.wait_request("/conf").header("x-tenant"),
        Some("mine")
    );
    // Without the CA, or without the certificate, nothing is taken.
    for flags in [vec![cert.as_str(), key], vec![secured.ca.as_str()]] {
        let before = secured.server.requests().len();
        let mut running = secured.start(&flags);
        running.child().wait_line("nothing of it is in service yet");
        assert_eq!(status(&running, "given.example"), 404);
        assert_eq!(secured.server.requests().len(), before);
    }
}

#[test]
fn a10_11_a_server_may_be_left_unverified() {
    let secured = Secured::new();
    let [cert, key] = &secured.client;
    let running = secured.start(&[cert, key, "--providers.http.tls.insecureskipverify"]);
    wait_equal(&503, || status(&running, "given.example"));
}

#[test]
fn a10_11_an_answer_may_be_too_large_or_too_late() {
    let work = tempfile::tempdir().expect("a temporary directory");
    let (server, _) = giving(&routes("given.example"));
    let endpoint = format!("--providers.http.endpoint=http://{}", server.address());
    let mut small = start(
        work.path(),
        &[&endpoint, "--providers.http.maxresponsebodysize=10"],
    );
    small.child().wait_line("the answer is larger than 10 bytes");
    assert_eq!(status(&small, "given.example"), 404);

    let silent = Origin::script(|wire| {
        let mut buffer = [0; 1024];
        while wire.read(&mut buffer).is_ok_and(|read| read > 0) {}
    });
    let endpoint = format!("--providers.http.endpoint=http://{}", silent.address());
    let mut hasty = start(work.path(), &[&endpoint, "--providers.http.polltimeout=70ms"]);
    hasty
        .child()
        .wait_line(&format!("no whole answer within {:?}", Duration::from_millis(70)));
    wait_until("another question", || silent.connections() >= 2);
}
