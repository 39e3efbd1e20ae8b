//! What clients are told where they may know: `bridge.exposeFaults`, for all entry points and for one.

use serde_json::Value;
use viaduct_testkit::http1::{self, Response};
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::port::closed_port;
use viaduct_testkit::tls;
use viaduct_testkit::viaduct::Running;

use crate::entry_points::Edge;
use crate::fixture::{HOST, Pki};

const OPTIONS: &str = "
entryPoints: {web: {address: '127.0.0.1:0'}, inside: {address: '127.0.0.1:0'}}
bridge: {entryPoints: {inside: {exposeFaults: true}}}
";

const GONE: &str = "
http:
  routers:
    app: {rule: PathPrefix(`/`), service: app, entryPoints: [web, inside]}
  services:
    app: {loadBalancer: {servers: [{url: 'http://127.0.0.1:PORT'}]}}
";

fn ask(edge: &Edge, entry_point: &str, accept: &str) -> Response {
    let request = format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nAccept: {accept}\r\n\r\n");
    http1::once(edge.address(entry_point), request)
}

#[test]
fn c1_faults_are_told_at_one_entry_point_and_not_at_the_other() {
    let origin = Origin::http(|_| ok(""));
    let dynamic = GONE.replace("PORT", &closed_port().to_string());
    let edge = Edge::serving(OPTIONS, &dynamic, &origin);
    for accept in ["application/json", "application/problem+json"] {
        let told = ask(&edge, "inside", accept);
        assert_eq!(told.status, 502);
        assert_eq!(told.header("content-type"), Some("application/problem+json"));
        assert_eq!(told.header("x-viaduct-fault"), Some("connect_refused"));
        let timing = told.header("server-timing").unwrap_or_default();
        assert!(
            timing.starts_with("total;dur=") && timing.ends_with(", fault;desc=connect_refused"),
            "{timing}"
        );
        let problem: Value = serde_json::from_slice(&told.body).expect("JSON");
        assert_eq!(problem["type"], "tag:viaduct.io,2026:fault:connect_refused");
        assert_eq!(problem["status"], 502);
        assert_eq!(problem["title"], "the connection was refused");
        assert_eq!(
            (&problem["code"], &problem["leg"]),
            (&"connect_refused".into(), &"backend".into())
        );
        for member in ["detail", "wanted", "got", "fix"] {
            assert!(
                problem[member].as_str().is_some_and(|text| text.len() > 5),
                "{member}: {problem}"
            );
        }
    }
    let text = ask(&edge, "inside", "*/*").text();
    assert!(
        text.starts_with("Bad Gateway\nconnect_refused: wanted a connection to 127.0.0.1:")
            && text.contains("\nfix: nothing listens at the server's port"),
        "{text}"
    );
    for accept in ["application/json", "application/problem+json", "*/*"] {
        let silent = ask(&edge, "web", accept);
        assert_eq!(silent.status, 502);
        for header in ["x-viaduct-fault", "server-timing"] {
            assert_eq!(silent.header(header), None);
        }
        let text = silent.text();
        assert!(!text.contains("connect") && !text.contains("fix"), "{text}");
    }
}

fn timings(response: &Response) -> Vec<&str> {
    let headers = response.headers.iter();
    headers
        .filter(|(name, _)| name.eq_ignore_ascii_case("server-timing"))
        .map(|(_, value)| value.as_str())
        .collect()
}

#[test]
fn c1_server_timing_tells_the_steps_of_the_backend_leg() {
    let pki = Pki::new();
    let origin = Origin::https(tls::server(&pki.backend, &["http/1.1"], None), |_| {
        let mut answer = b"HTTP/1.1 200 OK\r\nServer-Timing: db;dur=5\r\nContent-Length: 2\r\n\r\n".to_vec();
        answer.extend(b"ok");
        answer
    });
    let work = tempfile::tempdir().expect("a temporary directory");
    let ca = pki.backend_ca.write_to(work.path(), "ca.pem");
    let dynamic = format!(
        "
http:
  routers:
    app: {{rule: PathPrefix(`/`), service: app}}
  services:
    app: {{loadBalancer: {{serversTransport: t, servers: [{{url: 'https://localhost:{}'}}]}}}}
  serversTransports:
    t: {{serverName: {HOST}, rootCAs: ['{}']}}
",
        origin.port(),
        ca.display()
    );
    std::fs::write(work.path().join("routes.yml"), dynamic).expect("a file");
    let running = Running::until_ready(crate::fixture::root(work.path()).args([
        "--entrypoints.web.address=127.0.0.1:0",
        "--providers.file.filename=routes.yml",
        "--viaduct.workers=1",
        "--bridge.exposefaults",
    ]));
    let request = format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    let fresh = http1::once(running.address("web"), request.as_str());
    assert_eq!(fresh.status, 200);
    let told = timings(&fresh);
    assert_eq!(told.first().copied(), Some("db;dur=5"), "the server's own stays");
    let own = told.last().copied().unwrap_or_default();
    let names: Vec<_> = own
        .split(", ")
        .map(|metric| metric.split_once(";dur=").map_or(metric, |(name, _)| name))
        .collect();
    assert_eq!(names, ["dns", "connect", "tls", "ttfb", "total"], "{own}");
    for metric in own.split(", ") {
        let took = metric
            .split_once(";dur=")
            .and_then(|(_, took)| took.parse::<f64>().ok());
        assert!(
            took.is_some_and(|took| (0.0..60_000.0).contains(&took)),
            "{metric}"
        );
    }
    let again = http1::once(running.address("web"), request.as_str());
    let own = timings(&again).pop().unwrap_or_default();
    assert!(own.starts_with("reused, ttfb;dur="), "{own}");
}
