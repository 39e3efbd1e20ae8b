//! The same value in every place that tells of it, and the last faults of each service in the API.

use serde_json::Value;
use viaduct_testkit::http1;
use viaduct_testkit::nginx::Nginx;
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::pki::{Ca, Leaf};
use viaduct_testkit::port::closed_port;
use viaduct_testkit::wait::{wait_for, wait_until};

use super::{faults, text, wait_fault};
use crate::api::get;
use crate::entry_points::Edge;
use crate::fixture::HOST;
use crate::observability::collectors::spans;

fn ask(edge: &Edge, path: &str) -> u16 {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    http1::once(edge.address("web"), request).status
}

#[test]
fn r25_one_fault_is_the_same_in_log_access_log_metric_span_and_api() {
    let collector = Origin::http(|_| ok(""));
    let ca = Ca::new("Somebody Else");
    let nginx = Nginx::server(&ca.issue(Leaf::server(HOST)), "");
    let install = format!(
        "
entryPoints: {{web: {{address: '127.0.0.1:0'}}, traefik: {{address: '127.0.0.1:0'}}}}
api: {{insecure: true}}
metrics: {{prometheus: {{}}}}
viaduct: {{workers: 1}}
tracing: {{otlp: {{http: {{endpoint: 'http://{}'}}}}}}",
        collector.address()
    );
    let dynamic = format!(
        "
http:
  routers:
    app: {{rule: PathPrefix(`/`), service: app, entryPoints: [web]}}
  services:
    app: {{loadBalancer: {{servers: [{{url: 'https://127.0.0.1:{}'}}]}}}}
",
        nginx.port()
    );
    let mut edge = Edge::serving(&install, &dynamic, &collector);
    let api = edge.address("traefik");
    for path in ["/one", "/two", "/three"] {
        assert_eq!(ask(&edge, path), 502);
    }
    let told = wait_for("all three to be counted", || {
        let told = wait_fault(api, "unknown_ca");
        (told["count"] == 3).then_some(told)
    });
    let (wanted, got, fix) = (text(&told, "wanted"), text(&told, "got"), text(&told, "fix"));
    assert!(
        got.contains("CN=Somebody Else") && fix.contains("`rootCAs`"),
        "{told:#}"
    );
    assert_eq!(text(&told, "service"), "app@file");
    assert_eq!(text(&told, "router"), "app@file");
    assert_eq!(
        text(&told, "server"),
        format!("https://127.0.0.1:{}", nginx.port())
    );
    assert!(text(&told, "first") <= text(&told, "last") && text(&told, "first").ends_with('Z'));
    let detail = format!("unknown_ca: wanted {wanted}, got {got}");

    let entry = edge.wait_access("/one");
    assert_eq!(entry.fault(), "unknown_ca");
    assert_eq!(
        (entry.text("FaultDetail"), entry.text("FaultFix")),
        (&*detail, fix)
    );

    let line = edge.child().wait_line("backend leg failed");
    for word in ["ERROR", "reason=\"unknown_ca\"", wanted, got, fix] {
        assert!(line.contains(word), "{word}: {line}");
    }

    let metrics = get(api, "/metrics").text();
    let sample = "viaduct_faults_total{leg=\"backend\",reason=\"unknown_ca\"} 3";
    assert!(metrics.contains(sample), "{metrics}");

    let span = wait_for("the span", || {
        let exports = collector.requests();
        let all = exports.iter().flat_map(|export| spans(&export.body));
        let mut servers = all.filter(|span| span.name == "EntryPoint");
        servers.find(|span| format!("{:?}", span.attributes).contains("\"/one\""))
    });
    let attributes = format!("{:?}", span.attributes);
    for (key, value) in [
        ("error.type", "unknown_ca"),
        ("viaduct.fault.leg", "backend"),
        ("viaduct.fault.detail", &*detail),
        ("viaduct.fault.fix", fix),
    ] {
        assert!(attributes.contains(&format!("{key:?}")), "{key}: {attributes}");
        assert!(
            attributes.contains(&format!("{value:?}")),
            "{value}: {attributes}"
        );
    }
    assert_eq!(
        span.status.map(|status| status.message).as_deref(),
        Some(&*detail)
    );
}

const ROUTES: &str = "
http:
  routers:
    gone: {rule: 'Host(`gone.example`)', service: gone}
    other: {rule: 'Host(`other.example`)', service: other}
  services:
    gone: {loadBalancer: {servers: [{url: 'http://127.0.0.1:PORT'}]}}
    other: {loadBalancer: {servers: [{url: 'http://127.0.0.1:PORT'}]}}
";

#[test]
fn c2_the_last_faults_stand_beside_their_service_and_go_with_it() {
    let work = tempfile::tempdir().expect("a temporary directory");
    let routes = ROUTES.replace("PORT", &closed_port().to_string());
    let running = crate::api::serve(work.path(), &routes, &["--api.insecure"]);
    let (web, api) = (running.address("web"), running.address("traefik"));
    let service =
        || -> Value { serde_json::from_slice(&get(api, "/api/http/services/gone@file").body).expect("JSON") };
    assert_eq!(
        service().get("faults"),
        None,
        "Traefik's shape where nothing is wrong"
    );
    for host in ["gone.example", "other.example"] {
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(http1::once(web, request).status, 502);
    }
    let shown = wait_for("the fault beside its service", || {
        service().get("faults").cloned()
    });
    assert_eq!(shown.as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&shown[0]["code"], &shown[0]["count"]),
        (&"connect_refused".into(), &1.into())
    );
    wait_until("both services' faults", || faults(api).len() == 2);
    let services: Vec<_> = faults(api)
        .iter()
        .map(|fault| text(fault, "service").to_owned())
        .collect();
    assert_eq!(services, ["gone@file", "other@file"]);

    let aside = work.path().join("routes.new");
    let without = routes.replace("service: gone}", "service: other}");
    let without: Vec<_> = without
        .lines()
        .filter(|line| !line.trim_start().starts_with("gone: {loadBalancer"))
        .collect();
    std::fs::write(&aside, without.join("\n")).expect("a file");
    std::fs::rename(&aside, work.path().join("routes.yml")).expect("a file");
    wait_until("the faults of the service to go with it", || {
        faults(api)
            .iter()
            .all(|fault| text(fault, "service") == "other@file")
    });
    assert_eq!(faults(api).len(), 1);
}

/// What still burns and what does not, whichever worker saw the end.
#[test]
fn c2_a_fault_that_is_over_says_since_when_and_comes_back_with_the_next() {
    let (ca, other) = (Ca::new("Backend CA"), Ca::new("Somebody Else"));
    let (good, bad) = (ca.issue(Leaf::server(HOST)), other.issue(Leaf::server(HOST)));
    let nginx = Nginx::server(&bad, "keepalive_requests 1;");
    let install = "
entryPoints: {web: {address: '127.0.0.1:0'}, traefik: {address: '127.0.0.1:0'}}
api: {insecure: true}
bridge: {preflight: 'off'}
viaduct: {workers: 2}";
    let dynamic = |port: u16| {
        format!(
            "
http:
  routers:
    app: {{rule: PathPrefix(`/`), service: app, entryPoints: [web]}}
  services:
    app: {{loadBalancer: {{serversTransport: t, servers: [{{url: 'https://127.0.0.1:{port}'}}]}}}}
  serversTransports:
    t: {{serverName: {HOST}, rootCAs: [{}]}}
",
            serde_json::json!(ca.pem())
        )
    };
    let collector = Origin::http(|_| ok(""));
    let edge = Edge::serving(install, &dynamic(nginx.port()), &collector);
    let api = edge.address("traefik");
    assert_eq!(ask(&edge, "/"), 502);
    let told = wait_fault(api, "unknown_ca");
    assert_eq!((text(&told, "status"), &told["over"]), ("open", &Value::Null));
    // The table of bridges knows the same.
    let handshake = || -> String {
        let rows: Value = serde_json::from_slice(&get(api, "/api/bridges").body).expect("JSON");
        text(&rows[0], "handshake").to_owned()
    };
    assert_eq!(handshake(), "unknown_ca");
    nginx.rotate(&good);
    assert_eq!(ask(&edge, "/"), 200);
    wait_until("the handshake to have passed", || handshake() == "passed");
    let over = wait_for("the fault to be over", || {
        let told = wait_fault(api, "unknown_ca");
        (told["status"] == "over").then_some(told)
    });
    assert!(text(&over, "over") >= text(&over, "last"), "{over:#}");
    // The first success counts, not the latest.
    assert_eq!(ask(&edge, "/"), 200);
    assert_eq!(wait_fault(api, "unknown_ca")["over"], over["over"]);
    assert_eq!(get(api, "/api/faults?status=open").text(), "[]");
    nginx.rotate(&bad);
    assert_eq!(ask(&edge, "/"), 502);
    wait_until("the handshake to have failed", || handshake() == "unknown_ca");
    let again = wait_fault(api, "unknown_ca");
    assert_eq!(
        (text(&again, "status"), &again["over"]),
        ("open", &Value::Null),
        "{again:#}"
    );
    // A server that is not configured any more burns no more, but nobody has seen it well.
    std::fs::write(edge.path().join("dynamic.yml"), dynamic(closed_port())).expect("a file");
    wait_until("the server to be gone", || {
        wait_fault(api, "unknown_ca")["status"] == "gone"
    });
}

/// Where no request comes, pre-flight sees the end.
#[test]
fn c2_a_handshake_of_preflight_ends_a_fault_of_the_handshake() {
    let ca = Ca::new("Backend CA");
    let nginx = Nginx::server(&Ca::new("Somebody Else").issue(Leaf::server(HOST)), "");
    let work = tempfile::tempdir().expect("a temporary directory");
    let running = crate::preflight::serve(
        work.path(),
        &crate::preflight::routes(&[nginx.port()], &[&ca]),
        &["--bridge.preflightInterval=1s"],
    );
    let api = running.address("traefik");
    let request = "GET / HTTP/1.1\r\nHost: app.example\r\n\r\n";
    assert_eq!(http1::once(running.address("web"), request).status, 502);
    assert_eq!(wait_fault(api, "unknown_ca")["status"], "open");
    nginx.rotate(&ca.issue(Leaf::server(HOST)));
    wait_until("the fault to be over", || {
        wait_fault(api, "unknown_ca")["status"] == "over"
    });
}
