//! What options do to requests: the default transport, default entry points, faults told to clients.

use std::sync::Arc;

use tempfile::TempDir;
use viaduct_testkit::http1::{self, Response};
use viaduct_testkit::origin::{Origin, echo, ok};
use viaduct_testkit::pki::{Ca, Leaf, Usage};
use viaduct_testkit::tls;
use viaduct_testkit::viaduct::Running;
use viaduct_testkit::wait::wait_until;

use crate::fixture::root;

/// A backend with TLS, known by its address, and the file of its CA in a directory of its own.
struct Backend {
    origin: Origin,
    work: TempDir,
}

impl Backend {
    fn new() -> Self {
        let ca = Ca::new("Backend CA");
        let leaf = ca.issue(Leaf::bare(Usage::Server).ip("127.0.0.1"));
        let work = tempfile::tempdir().expect("a temporary directory");
        ca.write_to(work.path(), "ca.pem");
        Self {
            origin: Origin::https(tls::server(&leaf, &[], None), echo),
            work,
        }
    }

    /// Starts with one file that holds the install configuration, with `install` in it, and the routes.
    fn served(&self, install: &str) -> Running {
        let url = format!("https://{}", self.origin.address());
        let text = format!(
            "
entryPoints: {{web: {{address: '127.0.0.1:0'}}}}
providers: {{file: {{filename: traefik.yml}}}}
{install}
http:
  routers:
    unnamed: {{rule: Host(`unnamed.example`), service: unnamed}}
    named: {{rule: Host(`named.example`), service: named}}
  services:
    unnamed: {{loadBalancer: {{servers: [{{url: '{url}'}}]}}}}
    named: {{loadBalancer: {{serversTransport: mine, servers: [{{url: '{url}'}}]}}}}
  serversTransports:
    mine: {{maxIdleConnsPerHost: 1}}
"
        );
        std::fs::write(self.work.path().join("traefik.yml"), text).expect("a file");
        Running::until_ready(&mut root(self.work.path()))
    }
}

#[track_caller]
fn get(running: &Running, host: &str) -> Response {
    http1::once(
        running.address("web"),
        format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"),
    )
}

#[test]
pub(crate) fn a7_11_the_static_transport_is_that_of_services_without_one_and_no_other() {
    let backend = Backend::new();
    let trusting = backend.served("serversTransport: {rootCAs: [ca.pem]}");
    assert_eq!(get(&trusting, "unnamed.example").status, 200);
    assert_eq!(
        get(&trusting, "named.example").status,
        502,
        "not merged into a named one"
    );

    let doubting = backend.served("serversTransport: {maxIdleConnsPerHost: 3}");
    assert_eq!(get(&doubting, "unnamed.example").status, 502);

    let careless = backend.served("serversTransport: {insecureSkipVerify: true}");
    assert_eq!(get(&careless, "unnamed.example").status, 200);
    assert_eq!(
        get(&careless, "named.example").status,
        502,
        "not merged into a named one"
    );
}

#[test]
fn a7_11_cas_that_cannot_be_used_never_mean_the_systems() {
    let backend = Backend::new();
    std::fs::write(backend.work.path().join("empty.pem"), "no certificate here\n").expect("a file");
    let running = backend.served("serversTransport: {rootCAs: [empty.pem]}");
    let answer = get(&running, "unnamed.example");
    assert_eq!(answer.status, 503, "out of service");
    assert_eq!(backend.origin.connections(), 0);
}

#[test]
pub(crate) fn a7_11_time_outs_of_the_static_transport_hold() {
    let silent = Origin::script(|wire| {
        // Reads until the proxy has had enough.
        let mut buffer = [0; 1024];
        while wire.read(&mut buffer).is_ok_and(|read| read > 0) {}
    });
    let work = tempfile::tempdir().expect("a temporary directory");
    let routes = format!(
        "http: {{routers: {{r: {{rule: PathPrefix(`/`), service: s}}}}, services: {{s: {{loadBalancer: {{servers: [{{url: 'http://{}'}}]}}}}}}}}\n",
        silent.address()
    );
    std::fs::write(work.path().join("routes.yml"), routes).expect("a file");
    let running = Running::until_ready(root(work.path()).args([
        "--entrypoints.web.address=127.0.0.1:0",
        "--providers.file.filename=routes.yml",
        "--serverstransport.forwardingtimeouts.responseheadertimeout=50ms",
        "--viaduct.exposefaults",
        "--viaduct.workers=1",
    ]));
    let answer = get(&running, "a.example");
    assert_eq!(answer.status, 504);
    assert!(answer.header("x-viaduct-fault").is_some(), "{answer:?}");
}

#[test]
pub(crate) fn a2_2_routers_without_entry_points_are_served_by_the_default_ones() {
    let origin = Arc::new(Origin::http(|_| ok("here")));
    let work = tempfile::tempdir().expect("a temporary directory");
    let routes = format!(
        "http: {{routers: {{r: {{rule: PathPrefix(`/`), service: s}}}}, services: {{s: {{loadBalancer: {{servers: [{{url: 'http://{}'}}]}}}}}}}}\n",
        origin.address()
    );
    std::fs::write(work.path().join("routes.yml"), routes).expect("a file");
    let running = Running::until_ready(root(work.path()).args([
        "--entrypoints.web.address=127.0.0.1:0",
        "--entrypoints.other.address=127.0.0.1:0",
        "--entrypoints.web.asdefault",
        "--providers.file.filename=routes.yml",
    ]));
    let status = |entry_point: &str| {
        http1::once(
            running.address(entry_point),
            "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
        )
        .status
    };
    assert_eq!((status("web"), status("other")), (200, 404));
}

#[test]
fn a7_11_c43_the_cas_of_the_static_transport_are_watched_and_never_lost() {
    let backend = Backend::new();
    let right = std::fs::read_to_string(backend.work.path().join("ca.pem")).expect("a CA");
    let put = |pem: &str| {
        std::fs::write(backend.work.path().join("aside"), pem).expect("a file");
        std::fs::rename(
            backend.work.path().join("aside"),
            backend.work.path().join("trust.pem"),
        )
        .expect("a file");
    };
    put(Ca::new("Somebody").pem());
    let mut running = backend.served(
        "serversTransport: {rootCAs: [trust.pem]}\nbridge: {rotation: {overlap: 0}}\nlog: {level: INFO}",
    );
    assert_eq!(get(&running, "unnamed.example").status, 502);
    put(&right);
    wait_until("the new CA to count", || {
        get(&running, "unnamed.example").status == 200
    });
    // Half a rotation: what was trusted stays so.
    put("-----BEGIN CERTIFICATE-----\nAA");
    running.child().wait_line("the CAs read before stay trusted");
    assert_eq!(get(&running, "unnamed.example").status, 200);
    // Connections made under the old trust are not used under the new one (C9).
    put(Ca::new("Somebody else").pem());
    wait_until("the old CA to count no more", || {
        get(&running, "unnamed.example").status == 502
    });
}
