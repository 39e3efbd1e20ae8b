//! API, dashboard and ping of the running process, by their entry points and by routers.

mod browser;

use std::net::SocketAddr;
use std::path::Path;

use rustix::process::Signal;
use serde_json::Value;
use viaduct_testkit::http1::{self, Response};
use viaduct_testkit::manifest::{Manifests, Route};
use viaduct_testkit::viaduct::Running;
use viaduct_testkit::wait::wait_until;

use crate::fixture::root;

/// The file provider's routes, and flags beside two entry points and `traefik`.
pub(crate) fn serve(work: &Path, routes: &str, flags: &[&str]) -> Running {
    std::fs::write(work.join("routes.yml"), routes).expect("a file");
    Running::until_ready(
        root(work)
            .args([
                "--entrypoints.web.address=127.0.0.1:0",
                "--entrypoints.traefik.address=127.0.0.1:0",
                "--providers.file.filename=routes.yml",
                "--viaduct.workers=1",
            ])
            .args(flags),
    )
}

fn ask(address: SocketAddr, method: &str, path: &str, headers: &str) -> Response {
    let request = format!("{method} {path} HTTP/1.1\r\nHost: a.example\r\n{headers}\r\n");
    http1::once(address, request)
}

pub(crate) fn get(address: SocketAddr, path: &str) -> Response {
    ask(address, "GET", path, "")
}

pub(crate) const ROUTES: &str = "
http:
  routers:
    web: {rule: 'Host(`web.example`)', service: app}
    broken: {rule: 'Host(`broken.example`)', service: nowhere}
  services:
    app: {loadBalancer: {servers: [{url: 'http://127.0.0.1:9'}]}}
";

/// Both internal services routed by hand, the API behind a password (`joe`, `secret`).
const BY_HAND: &str = "
http:
  routers:
    api: {rule: 'Host(`a.example`) && (PathPrefix(`/api`) || PathPrefix(`/dashboard`))', service: api@internal,
          middlewares: [auth], entryPoints: [web]}
    ping: {rule: 'Path(`/alive`)', service: ping@internal, entryPoints: [web]}
    rest: {rule: 'Path(`/rest`)', service: rest@internal, entryPoints: [web]}
  middlewares:
    auth: {basicAuth: {users: ['joe:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=']}}
";

#[test]
pub(crate) fn c74_insecure_serves_on_the_traefik_entry_point_alone_and_says_so_aloud() {
    let work = tempfile::tempdir().expect("a temporary directory");
    let mut running = serve(work.path(), ROUTES, &["--api.insecure", "--ping"]);
    let (traefik, web) = (running.address("traefik"), running.address("web"));
    let overview: Value = serde_json::from_slice(&get(traefik, "/api/overview").body).expect("JSON");
    assert_eq!(overview["http"]["routers"]["errors"], 1);
    let redirect = get(traefik, "/");
    assert_eq!(
        (redirect.status, redirect.header("location")),
        (302, Some("/dashboard/"))
    );
    let ping = get(traefik, "/ping");
    assert_eq!((ping.status, ping.text().as_str()), (200, "OK"));
    for path in ["/api/overview", "/api/rawdata", "/dashboard/", "/ping", "/"] {
        assert_eq!(get(web, path).status, 404, "{path}");
    }
    let output = running.child().output();
    assert!(
        output.contains("warning: `api.insecure`: everyone who reaches"),
        "{output}"
    );
}

#[test]
fn c74_without_insecure_nothing_internal_is_reachable() {
    let work = tempfile::tempdir().expect("a temporary directory");
    let running = serve(work.path(), ROUTES, &["--api"]);
    for entry_point in ["traefik", "web"] {
        for path in ["/api/overview", "/dashboard/", "/ping", "/metrics"] {
            assert_eq!(
                get(running.address(entry_point), path).status,
                404,
                "{entry_point}{path}"
            );
        }
    }
}

#[test]
pub(crate) fn a6_16_a_router_of_the_file_provider_serves_the_api_through_its_middlewares() {
    let work = tempfile::tempdir().expect("a temporary directory");
    let running = serve(work.path(), BY_HAND, &["--api", "--ping.manualrouting"]);
    let web = running.address("web");
    assert_eq!(get(web, "/api/version").status, 401);
    let known = "Authorization: Basic am9lOnNlY3JldA==\r\n";
    assert_eq!(ask(web, "GET", "/api/version", known).status, 200);
    assert_eq!(ask(web, "GET", "/dashboard/", known).status, 200);
    assert_eq!(get(web, "/alive").text(), "OK");
    assert_ne!(get(web, "/rest").status, 200);
    let foreign = format!("{known}Origin: https://evil.example\r\nContent-Length: 0\r\n");
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        assert_eq!(ask(web, method, "/api/rawdata", &foreign).status, 405, "{method}");
    }
}

#[test]
fn a6_16_noop_is_a_teapot_whatever_else_is_switched_on() {
    let work = tempfile::tempdir().expect("a temporary directory");
    let routes = "http: {routers: {tea: {rule: 'Path(`/tea`)', service: noop@internal}}}\n";
    let running = serve(work.path(), routes, &[]);
    let answer = get(running.address("web"), "/tea");
    assert_eq!((answer.status, answer.body.len()), (418, 0));
}

#[test]
pub(crate) fn a12_8_ping_says_that_the_process_ends_while_it_still_accepts() {
    let work = tempfile::tempdir().expect("a temporary directory");
    let flags = [
        "--ping",
        "--ping.terminatingstatuscode=418",
        "--entrypoints.traefik.transport.lifecycle.requestacceptgracetimeout=60s",
    ];
    let mut running = serve(work.path(), ROUTES, &flags);
    let traefik = running.address("traefik");
    assert_eq!(get(traefik, "/ping").status, 200);
    running.child().signal(Signal::TERM);
    wait_until("ping to tell", || get(traefik, "/ping").status == 418);
}

#[test]
fn a12_2_the_api_follows_the_configuration() {
    let work = tempfile::tempdir().expect("a temporary directory");
    let running = serve(work.path(), ROUTES, &["--api.insecure"]);
    let traefik = running.address("traefik");
    assert_eq!(get(traefik, "/api/http/routers/later@file").status, 404);
    let more = ROUTES.replace(
        "    web:",
        "    later: {rule: 'Host(`l.example`)', service: app}\n    web:",
    );
    let aside = work.path().join("routes.new");
    std::fs::write(&aside, more).expect("a file");
    std::fs::rename(&aside, work.path().join("routes.yml")).expect("a file");
    wait_until("the new router", || {
        get(traefik, "/api/http/routers/later@file").status == 200
    });
}

/// `viaduct up DIR` with one route, and `--api` as given.
fn up_with(work: &Path, api: &[&str]) -> Running {
    let directory = work.join("manifests");
    std::fs::create_dir_all(&directory).expect("a directory");
    let manifests = Manifests::new().backend("app", 9).route(Route::plain(
        "r",
        "Host(`a.example`) && Path(`/app`)",
        "app",
        "http",
    ));
    std::fs::write(directory.join("r.yaml"), manifests.yaml()).expect("a file");
    Running::until_ready(
        std::process::Command::new(crate::fixture::BINARY)
            .args(["up", "manifests", "--entrypoint", "web=127.0.0.1:0"])
            .args(api)
            .current_dir(work),
    )
}

#[test]
fn a12_1_c74_up_shows_its_manifests_on_an_entry_point_of_its_own() {
    let work = tempfile::tempdir().expect("a temporary directory");
    let mut running = up_with(work.path(), &["--api=127.0.0.1:0"]);
    let (traefik, web) = (running.address("traefik"), running.address("web"));
    let routers: Value = serde_json::from_slice(&get(traefik, "/api/http/routers").body).expect("JSON");
    let names = routers.to_string();
    assert!(
        names.contains("@kubernetescrd") && names.contains("/app"),
        "{names}"
    );
    let overview: Value = serde_json::from_slice(&get(traefik, "/api/entrypoints").body).expect("JSON");
    assert_eq!(overview.as_array().map(Vec::len), Some(2), "{overview}");
    assert_eq!(get(traefik, "/dashboard/").status, 200);
    assert_eq!(get(traefik, "/app").status, 404, "no router is served there");
    for path in ["/api/overview", "/dashboard/", "/"] {
        assert_eq!(get(web, path).status, 404, "{path}");
    }
    let dashboard = running.child().wait_line("dashboard at ");
    assert_eq!(dashboard, format!("dashboard at http://{traefik}/dashboard/"));

    let mut open = up_with(work.path(), &["--api=0.0.0.0:0"]);
    open.child()
        .wait_line("everyone who reaches this address reads the whole configuration");
}

#[test]
fn a12_1_without_the_option_up_has_no_api() {
    let work = tempfile::tempdir().expect("a temporary directory");
    let running = up_with(work.path(), &[]);
    assert_eq!(get(running.address("web"), "/api/overview").status, 404);
}
