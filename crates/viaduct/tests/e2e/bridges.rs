//! What is demanded of both legs of every route, and how it is told (C6, C7).

mod audit;

use std::collections::BTreeMap;
use std::path::Path;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point;
use prost::Message as _;

use viaduct_testkit::child::run;
use viaduct_testkit::curl::Curl;
use viaduct_testkit::nginx::Nginx;
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::pki::{Ca, Leaf};
use viaduct_testkit::viaduct::Running;
use viaduct_testkit::wait::wait_until;

use crate::api::serve;
use crate::fixture::{HOST, Pki, root, up};

/// Real backends, one of each class, and routers `Host(CLASS.example)` for them at the entry point `web`.
struct Backends {
    work: tempfile::TempDir,
    routes: String,
    _servers: [Nginx; 3],
}

impl Backends {
    fn new() -> Self {
        let work = tempfile::tempdir().expect("a temporary directory");
        let (ca, clients) = (Ca::new("Backend CA"), Ca::new("Clients"));
        ca.write_to(work.path(), "ca.pem");
        clients
            .issue(Leaf::client("viaduct"))
            .write_to(work.path(), "client");
        let identity = ca.issue(Leaf::server(HOST));
        let mutual = Nginx::mutual(&identity, &clients, "");
        let tls = Nginx::server(&identity, "");
        let plain = Nginx::plain("listen {port}; location / { default_type text/plain; return 200 plain; }");
        let routes = format!(
            "
http:
  routers:
    mtls: {{rule: 'Host(`mtls.example`)', service: mtls, entryPoints: [web]}}
    verified: {{rule: 'Host(`verified.example`)', service: verified, entryPoints: [web]}}
    unverified: {{rule: 'Host(`unverified.example`)', service: unverified, entryPoints: [web]}}
    plaintext: {{rule: 'Host(`plaintext.example`)', service: plaintext, entryPoints: [web]}}
    split: {{rule: 'Host(`split.example`)', service: split, entryPoints: [web]}}
  services:
    mtls: {{loadBalancer: {{serversTransport: mtls, servers: [{{url: 'https://{mutual}'}}]}}}}
    verified: {{loadBalancer: {{serversTransport: verified, servers: [{{url: 'https://{tls}'}}]}}}}
    unverified: {{loadBalancer: {{serversTransport: lax, servers: [{{url: 'https://{tls}'}}]}}}}
    plaintext: {{loadBalancer: {{servers: [{{url: 'http://{plain}'}}]}}}}
    split: {{weighted: {{services: [{{name: verified, weight: 1000}}, {{name: plaintext, weight: 1}}]}}}}
  serversTransports:
    mtls: {{serverName: {HOST}, rootCAs: [ca.pem], certificates: [{{certFile: client.crt, keyFile: client.key}}]}}
    verified: {{serverName: {HOST}, rootCAs: [ca.pem]}}
    lax: {{insecureSkipVerify: true}}
",
            mutual = mutual.address(),
            tls = tls.address(),
            plain = plain.address(),
        );
        Self {
            work,
            routes,
            _servers: [mutual, tls, plain],
        }
    }

    fn path(&self) -> &Path {
        self.work.path()
    }

    fn serve(&self, flags: &[&str]) -> Running {
        serve(self.path(), &self.routes, flags)
    }
}

/// What each host is answered with.
fn statuses<const N: usize>(running: &Running, names: [&str; N]) -> [u16; N] {
    let curl = Curl::plain(running.address("web"));
    names.map(|name| curl.get(&format!("{name}.example"), "/").status)
}

const CLASSES: [&str; 4] = ["mtls", "verified", "unverified", "plaintext"];

#[test]
fn c7_routes_below_what_the_process_requires_are_answered_with_503_and_a_reason() {
    let backends = Backends::new();
    assert_eq!(
        statuses(&backends.serve(&[]), CLASSES),
        [200; 4],
        "nothing is required"
    );
    for (required, expected) in [
        ("plaintext", [200, 200, 200, 200]),
        ("unverified", [200, 200, 200, 503]),
        ("name-skipped", [200, 200, 503, 503]),
        ("verified", [200, 200, 503, 503]),
        ("MTLS", [200, 503, 503, 503]),
    ] {
        let running = backends.serve(&[&format!("--bridge.require={required}"), "--viaduct.exposeFaults"]);
        assert_eq!(statuses(&running, CLASSES), expected, "{required}");
        let answer = Curl::plain(running.address("web")).get("plaintext.example", "/");
        let refused = "service `plaintext@file` is reached in plain text";
        assert_eq!(
            answer.body.contains(refused),
            answer.status == 503,
            "{}",
            answer.body
        );
    }
}

#[test]
fn c7_a_weighted_service_with_one_plain_share_in_a_thousand_is_refused() {
    let backends = Backends::new();
    let running = backends.serve(&["--bridge.require=verified"]);
    let curl = Curl::plain(running.address("web"));
    for _ in 0..20 {
        assert_eq!(curl.get("split.example", "/").status, 503);
    }
}

#[test]
fn c7_only_reported_routes_are_served_and_named_in_warnings() {
    let backends = Backends::new();
    let mut running = backends.serve(&[
        "--bridge.require=verified",
        "--bridge.mode=report",
        "--log.level=WARN",
    ]);
    assert_eq!(statuses(&running, CLASSES), [200; 4]);
    let line = running
        .child()
        .wait_line("service `plaintext@file` is reached in plain text");
    for part in [" WARN ", "BelowRequiredClass", "https://"] {
        assert!(line.contains(part), "{part}: {line}");
    }
}

#[test]
fn c7_an_entry_point_raises_what_is_required_there_and_cannot_lower_it() {
    let backends = Backends::new();
    let raised = backends.serve(&["--bridge.entryPoints.web.require=verified"]);
    assert_eq!(statuses(&raised, CLASSES), [200, 200, 503, 503]);
    let elsewhere = backends.serve(&["--bridge.entryPoints.traefik.require=verified"]);
    assert_eq!(statuses(&elsewhere, CLASSES), [200; 4]);
    let lowered = backends.serve(&[
        "--bridge.require=verified",
        "--bridge.entryPoints.web.require=plaintext",
    ]);
    assert_eq!(statuses(&lowered, CLASSES), [200, 200, 503, 503]);
}

#[test]
fn c7_exceptions_hold_until_their_day_has_passed() {
    let backends = Backends::new();
    let with = |subject: &str, until: &str| {
        let running = backends.serve(&[
            "--bridge.require=verified",
            &format!("--bridge.exceptions[0].{subject}"),
            &format!("--bridge.exceptions[0].until={until}"),
            "--bridge.exceptions[0].reason=moved in May",
        ]);
        statuses(&running, CLASSES)
    };
    assert_eq!(with("router=plaintext@file", "2999-12-31"), [200, 200, 503, 200]);
    assert_eq!(
        with("service=plaintext@file", "2999-12-31T12:00:00Z"),
        [200, 200, 503, 200]
    );
    assert_eq!(with("router=plaintext@file", "2020-12-31"), [200, 200, 503, 503]);
    assert_eq!(
        with("service=plaintext@file", "2020-12-31T12:00:00Z"),
        [200, 200, 503, 503]
    );
}

#[test]
fn c7_the_section_is_read_from_a_file_and_from_variables() {
    let backends = Backends::new();
    let routes = backends.path().join("routes.yml");
    std::fs::write(&routes, &backends.routes).expect("a file");
    let base = "entryPoints: {web: {address: '127.0.0.1:0'}}\nproviders: {file: {filename: routes.yml}}\n";
    let section = "bridge:\n  require: verified\n  exceptions:\n  - router: plaintext@file\n    until: 2999-12-31\n    reason: moved\n";
    std::fs::write(backends.path().join("traefik.yml"), format!("{base}{section}")).expect("a file");
    let by_file = Running::until_ready(&mut root(backends.path()));
    assert_eq!(statuses(&by_file, CLASSES), [200, 200, 503, 200]);
    std::fs::remove_file(backends.path().join("traefik.yml")).expect("a file");
    let by_variables = Running::until_ready(
        root(backends.path())
            .env("VIADUCT_ENTRYPOINTS_WEB_ADDRESS", "127.0.0.1:0")
            .env("VIADUCT_PROVIDERS_FILE_FILENAME", "routes.yml")
            .env("VIADUCT_BRIDGE_REQUIRE", "verified")
            .env("VIADUCT_BRIDGE_EXCEPTIONS_0_ROUTER", "unverified@file")
            .env("VIADUCT_BRIDGE_EXCEPTIONS_0_UNTIL", "2999-12-31")
            .env("VIADUCT_BRIDGE_EXCEPTIONS_0_REASON", "moved"),
    );
    assert_eq!(statuses(&by_variables, CLASSES), [200, 200, 200, 503]);
}

#[test]
fn c7_an_exception_without_date_or_reason_ends_the_start() {
    for (exception, told) in [
        (
            "{router: a@file, until: tomorrow, reason: x}",
            "traefik.yml:3:29: option `bridge.exceptions[0].until`: \
             `tomorrow` is no date: write it as `2026-12-31`, or as `2026-12-31T12:00:00Z`",
        ),
        (
            "{router: a@file, reason: x}",
            "traefik.yml:3:5: option `bridge.exceptions[0]`: \
             an exception needs an `until`: the day that it ends with, such as `2026-12-31`",
        ),
        (
            "{router: a@file, until: 2999-01-01}",
            "an exception needs a `reason`: why it is there, for whoever reads it in a year",
        ),
        (
            "{until: 2999-01-01, reason: x}",
            "an exception is for one `router`, one `namespace` or one `service`",
        ),
        (
            "{router: a, until: 2999-01-01, reason: x}",
            "traefik.yml:3:14: option `bridge.exceptions[0].router`: `a` is no router: write `name@provider`, or `namespace/name` of its object",
        ),
    ] {
        let work = tempfile::tempdir().expect("a temporary directory");
        let text = format!("bridge:\n  exceptions:\n  - {exception}\n");
        std::fs::write(work.path().join("traefik.yml"), text).expect("a file");
        let finished = run(&mut root(work.path()), b"");
        assert_eq!(finished.status.code(), Some(1), "{exception}");
        assert!(finished.output.contains(told), "{exception}: {}", finished.output);
    }
}

#[test]
fn c7_the_flag_that_is_wrong_of_an_exception_is_the_one_that_is_named() {
    let work = tempfile::tempdir().expect("a temporary directory");
    let mut command = root(work.path());
    command.args([
        "--bridge.exceptions[0].router=a@file",
        "--bridge.exceptions[0].until=2999-01-01",
        "--bridge.exceptions[0].reason=x",
        "--bridge.exceptions[1].router=b@file",
        "--bridge.exceptions[1].until=tomorrow",
        "--bridge.exceptions[1].reason=x",
    ]);
    let finished = run(&mut command, b"");
    assert_eq!(finished.status.code(), Some(1), "{}", finished.output);
    assert!(
        finished
            .output
            .contains("--bridge.exceptions[1].until: `tomorrow` is no date"),
        "{}",
        finished.output
    );
}

#[test]
fn c7_what_the_process_answers_itself_is_never_refused() {
    let backends = Backends::new();
    let running = backends.serve(&["--bridge.require=mtls", "--api.insecure", "--ping"]);
    for path in ["/api/version", "/ping", "/dashboard/"] {
        assert_eq!(
            crate::api::get(running.address("traefik"), path).status,
            200,
            "{path}"
        );
    }
}

#[test]
fn c7_up_refuses_a_backend_that_turns_plain_and_takes_it_back() {
    let pki = Pki::new();
    let tls = Nginx::server(&pki.backend, "");
    let plain = Nginx::plain("listen {port}; location / { default_type text/plain; return 200 plain; }");
    let secure = pki.bridge(tls.port()).yaml();
    let lax = pki
        .base(plain.port())
        .route(crate::fixture::secure_route("http"))
        .yaml();
    let viaduct = up().arg("--require=verified").file("b.yaml", &*secure).start();
    let curl = pki.curl(&viaduct);
    assert_eq!(curl.get(HOST, "/").status, 200, "{}", viaduct.log());
    viaduct.apply("b.yaml", &lax);
    wait_until("the plain backend to be refused", || {
        curl.get(HOST, "/").status == 503
    });
    let line = viaduct.wait_log("BelowRequiredClass");
    for part in [
        "set `scheme: https` at the service of IngressRoute web/web-ingressroute",
        "create a ServersTransport in namespace web",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
    viaduct.apply("b.yaml", &secure);
    wait_until("the bridge to be back", || curl.get(HOST, "/").status == 200);
}

/// A Namespace object of the directory, with a label or an annotation.
fn namespace(place: &str, class: &str) -> String {
    let mut object = serde_json::json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "web" },
    });
    object["metadata"][place] = serde_json::json!({ "viaduct.io/require": class });
    object.to_string()
}

#[test]
fn c7_a_namespace_raises_what_is_required_of_its_routes_and_never_lowers_it() {
    let pki = Pki::new();
    let tls = Nginx::server(&pki.backend, "");
    let viaduct = up()
        .arg("--require=verified")
        .file("b.yaml", pki.bridge(tls.port()).yaml())
        .file("namespace.yaml", namespace("labels", "plaintext"))
        .start();
    let curl = pki.curl(&viaduct);
    assert_eq!(curl.get(HOST, "/").status, 200, "{}", viaduct.log());
    for (place, class) in [("labels", "mtls"), ("annotations", "MTLS"), ("labels", "best")] {
        viaduct.apply("namespace.yaml", &namespace(place, class));
        wait_until("the route to be refused", || curl.get(HOST, "/").status == 503);
        viaduct.apply("namespace.yaml", &namespace(place, "verified"));
        wait_until("the route to be back", || curl.get(HOST, "/").status == 200);
    }
    let log = viaduct.log();
    for part in [
        "`bridged+mTLS` or better (viaduct.io/require of Namespace web)",
        "`viaduct.io/require: best` names no class",
    ] {
        assert!(log.contains(part), "{part}:\n{log}");
    }
    // A plain backend is no better for what the namespace says.
    let plain = Nginx::plain("listen {port}; location / { default_type text/plain; return 200 plain; }");
    let lax = pki
        .base(plain.port())
        .route(crate::fixture::secure_route("http"))
        .yaml();
    viaduct.apply("namespace.yaml", &namespace("labels", "plaintext"));
    viaduct.apply("b.yaml", &lax);
    wait_until("the plain backend to be refused", || {
        curl.get(HOST, "/").status == 503
    });
}

#[test]
fn c7_check_and_audit_say_beforehand_what_a_namespace_demands() {
    let work = tempfile::tempdir().expect("a temporary directory");
    let manifests = work.path().join("manifests");
    std::fs::create_dir(&manifests).expect("a directory");
    std::fs::write(manifests.join("b.yaml"), Pki::new().bridge(9).yaml()).expect("a file");
    std::fs::write(manifests.join("n.yaml"), namespace("labels", "mtls")).expect("a file");
    let audited = run(
        root(work.path()).args(["audit", "manifests", "--format=csv"]),
        b"",
    );
    assert!(
        audited.output.contains(",bridged+verified,refused,bridged+mTLS,"),
        "{}",
        audited.output
    );
    // Codes, and whether it is an error that counts.
    let checked = || {
        let finished = run(
            root(work.path()).args(["check", "manifests", "--format=json"]),
            b"",
        );
        let all: serde_json::Value = serde_json::from_str(&finished.printed)
            .unwrap_or_else(|error| panic!("{error}: {}", finished.output));
        let found = all["diagnostics"].as_array().expect("a list").clone();
        let told = found.iter().any(|one| one["code"] == "V0309");
        (told, all["errors"].as_u64(), finished.status.code())
    };
    assert_eq!(checked(), (true, Some(1), Some(1)));
    // An install configuration that does not heed them is checked as such.
    let install = "entryPoints: {websecure: {address: ':8443'}}\nproviders: {kubernetesCRD: {}}\nviaduct: {allowLoopbackEndpoints: true}\n";
    std::fs::write(manifests.join("traefik.yml"), install).expect("a file");
    assert_eq!(checked(), (false, Some(0), Some(0)));
    std::fs::write(
        manifests.join("traefik.yml"),
        format!("{install}bridge: {{namespaceLabels: true}}\n"),
    )
    .expect("a file");
    assert_eq!(checked(), (true, Some(1), Some(1)));
}

/// Whoever has an answer coming gets it whole; the next request is refused.
#[test]
fn c7_a_request_under_way_is_finished_when_its_route_is_refused() {
    let pki = Pki::new();
    let (release, held) = std::sync::mpsc::sync_channel::<()>(0);
    let (arrived, arrival) = std::sync::mpsc::sync_channel(1);
    let held = std::sync::Mutex::new(held);
    let server = viaduct_testkit::tls::server(&pki.backend, &["http/1.1"], None);
    let origin = Origin::https(server, move |request| {
        if request.target.contains("held") {
            arrived.send(()).unwrap_or_default();
            let held = held.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            held.recv_timeout(std::time::Duration::from_secs(30))
                .unwrap_or_default();
        }
        ok("whole")
    });
    let viaduct = up()
        .file("b.yaml", pki.bridge(origin.port()).yaml())
        .file("namespace.yaml", namespace("labels", "verified"))
        .start();
    let mut under_way = pki.open(&viaduct);
    under_way.send(format!("GET /held HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
    arrival
        .recv_timeout(std::time::Duration::from_secs(20))
        .expect("the request to be under way");
    viaduct.apply("namespace.yaml", &namespace("labels", "mtls"));
    let curl = pki.curl(&viaduct);
    wait_until("the route to be refused", || curl.get(HOST, "/").status == 503);
    release.send(()).expect("the origin");
    let answer = under_way.response().expect("an answer");
    assert_eq!((answer.status, answer.text()), (200, "whole".to_owned()));
    assert_eq!(under_way.get(HOST, "/").status, 503);
}

/// The sum of a gauge's points, by the value of one of their labels.
fn gauge(export: &[u8], name: &str, label: &str) -> BTreeMap<String, f64> {
    let request = ExportMetricsServiceRequest::decode(export).expect("an export of metrics");
    let scopes = request
        .resource_metrics
        .into_iter()
        .flat_map(|resource| resource.scope_metrics);
    let metrics = scopes
        .flat_map(|scope| scope.metrics)
        .filter(|metric| metric.name == name);
    let mut sums = BTreeMap::new();
    for metric in metrics {
        let Some(Data::Gauge(gauge)) = metric.data else {
            panic!("{name} is no gauge")
        };
        for point in gauge.data_points {
            let attribute = point.attributes.iter().find(|attribute| attribute.key == label);
            let value = attribute.and_then(|attribute| attribute.value.as_ref()?.value.clone());
            let (
                Some(any_value::Value::StringValue(value)),
                Some(number_data_point::Value::AsDouble(number)),
            ) = (value, point.value)
            else {
                panic!("{name} without {label}")
            };
            *sums.entry(value).or_default() += number;
        }
    }
    sums
}

#[test]
fn c6_prometheus_and_collectors_hear_how_many_bridges_there_are_of_each_class() {
    let backends = Backends::new();
    let collector = Origin::http(|_| ok(""));
    let running = backends.serve(&[
        "--bridge.require=unverified",
        "--metrics.prometheus.addRoutersLabels",
        "--metrics.otlp.pushInterval=1",
        &format!("--metrics.otlp.http.endpoint=http://{}", collector.address()),
    ]);
    let text = crate::api::get(running.address("traefik"), "/metrics").text();
    for line in [
        "viaduct_bridges{class=\"bridged+mTLS\",client_leg=\"plaintext\",state=\"served\"} 1",
        "viaduct_bridges{class=\"bridged+mTLS\",client_leg=\"TLS\",state=\"served\"} 0",
        "viaduct_bridges{class=\"plaintext\",client_leg=\"plaintext\",state=\"refused\"} 2",
        "viaduct_router_bridge_class{router=\"split@file\",class=\"plaintext\"} 1",
        "viaduct_router_bridge_class{router=\"verified@file\",class=\"bridged+verified\"} 1",
    ] {
        assert!(text.lines().any(|known| known == line), "{line}:\n{text}");
    }
    let export = collector.wait_request("/v1/metrics").body;
    let classes = gauge(&export, "viaduct_bridges", "class");
    let found = [
        "bridged+mTLS",
        "bridged+verified",
        "unverified",
        "plaintext",
        "name-skipped",
    ]
    .map(|class| classes[class]);
    assert_eq!(found, [1.0, 2.0, 1.0, 2.0, 0.0], "{classes:?}");
    assert_eq!(gauge(&export, "viaduct_bridges", "state")["refused"], 3.0);
}
