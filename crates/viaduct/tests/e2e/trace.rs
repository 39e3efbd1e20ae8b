//! `viaduct trace`: both legs of one request, of a running process and of a directory (C10).

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use viaduct_testkit::http1;
use viaduct_testkit::manifest::Route;
use viaduct_testkit::nginx::Nginx;
use viaduct_testkit::viaduct::Running;

use crate::api;
use crate::fixture::{BACKEND, BINARY, HOST, Pki, RULE, TRANSPORT, secure_route};

fn run(arguments: &[&str]) -> Output {
    Command::new(BINARY)
        .arg("trace")
        .args(arguments)
        .env("NO_COLOR", "1")
        .output()
        .expect("the binary")
}

/// Its report, and whether it found a fault.
#[track_caller]
fn json(arguments: &[&str]) -> (Value, bool) {
    let output = run(&[arguments, &["--json"]].concat());
    let fault = match output.status.code() {
        Some(0) => false,
        Some(1) => true,
        _ => panic!("{output:?}"),
    };
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    (report, fault)
}

fn text(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_ne!(output.status.code(), Some(2), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// `up` with an API, whose URL is given.
fn serve(directory: &Path) -> (Running, String) {
    let mut command = Command::new(BINARY);
    command.arg("up").arg(directory).args([
        "--entrypoint",
        "web=127.0.0.1:0",
        "--entrypoint",
        "websecure=127.0.0.1:0,tls",
        "--api=127.0.0.1:0",
        "--preflight=off",
    ]);
    let running = Running::start(&mut command, 3);
    let api = format!("http://{}", running.address("traefik"));
    (running, api)
}

fn directory(manifests: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(directory.path().join("bridge.yaml"), manifests).expect("a file");
    directory
}

fn route(name: &str, rule: &str) -> Route {
    Route::secure(name, rule, BACKEND, "https").transport(TRANSPORT)
}

fn name(path: &Path) -> &str {
    path.to_str().expect("text")
}

#[test]
fn c10_a_running_process_follows_a_request_over_both_legs() {
    let pki = Pki::new();
    let nginx = Nginx::server(&pki.backend, "location / { return 204; }");
    let manifests = pki
        .bridge(nginx.port())
        .route(route("api", &format!("{RULE} && PathPrefix(`/api`)")))
        .route(route("wide", "PathPrefix(`/`)"))
        .route(route("elsewhere", "Host(`other.example.com`)"));
    let directory = directory(&manifests.yaml());
    let (viaduct, api) = serve(directory.path());
    let url = format!("https://{HOST}:{}/shop?a=b", viaduct.address("websecure").port());
    let (report, fault) = json(&[&url, "--api", &api]);
    assert!(!fault, "{report:#}");
    assert_eq!(report["entryPoint"]["name"], "websecure");
    let leg = &report["client"];
    assert_eq!(leg["serverName"], HOST);
    assert_eq!(leg["certificate"]["names"], json!([HOST]));
    assert_eq!(leg["why"], format!("it has the SAN `{HOST}`"));
    let considered = report["routers"]["considered"].as_array().expect("routers");
    let told: Vec<_> = considered
        .iter()
        .map(|router| {
            (
                router["object"].as_str().expect("text"),
                router["outcome"].as_str().expect("text"),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("IngressRoute web/api", "unmet"),
            ("IngressRoute web/web-ingressroute", "chosen"),
            ("IngressRoute web/wide", "outranked"),
        ]
    );
    assert_eq!(considered[0]["unmet"], json!(["PathPrefix(`/api`)"]));
    assert_eq!(report["routers"]["otherHosts"], 1);
    let backend = &report["backend"];
    assert_eq!(backend["object"], format!("ServersTransport web/{TRANSPORT}"));
    assert_eq!(backend["peer"], nginx.address().to_string());
    assert_eq!(backend["tls"]["serverName"], HOST);
    assert_eq!(backend["tls"]["trust"], "rootCAs");
    assert_eq!(backend["tls"]["done"]["version"], "1.2");
    assert_eq!(backend["tls"]["done"]["verified"], true);
    assert_eq!(backend["presented"][0]["names"], json!([HOST]));
    assert_eq!(report["status"], 204);
    assert_eq!(report["answer"]["status"], 204);

    let told = text(&[&url, "--api", &api]);
    for line in [
        &format!("GET {url}"),
        "  protocols          h2, http/1.1",
        "    does not hold: PathPrefix(`/api`)",
        "  verified           yes",
        "answer: 204 No Content",
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }
}

#[test]
fn c10_a_fault_ends_it_with_the_fix_that_mends_it() {
    let pki = Pki::new();
    let nginx = Nginx::server(&pki.backend, "");
    let directory = directory(
        &pki.bridge_with(nginx.port(), json!({ "serverName": "other.example.com" }))
            .yaml(),
    );
    let url = format!("https://{HOST}/");
    let (report, fault) = json(&[&url, name(directory.path())]);
    assert!(fault);
    assert_eq!(report["status"], 502);
    assert_eq!(report["fault"]["code"], "name_mismatch");
    let fix = report["fault"]["fix"].as_str().expect("a fix");
    assert_eq!(
        fix,
        format!("set `serverName: {HOST}` in ServersTransport web/{TRANSPORT}")
    );
    assert!(
        report["fault"]["yaml"]
            .as_str()
            .is_some_and(|yaml| yaml.contains(HOST))
    );
    // What the server showed is told, though the handshake failed.
    assert_eq!(report["backend"]["presented"][0]["names"], json!([HOST]));
    let told = text(&[&url, name(directory.path())]);
    assert!(told.contains(&format!("\nfix: {fix}\n")), "{told}");

    std::fs::write(
        directory.path().join("bridge.yaml"),
        pki.bridge(nginx.port()).yaml(),
    )
    .expect("a file");
    let (report, fault) = json(&[&url, name(directory.path())]);
    assert!(!fault, "{report:#}");
}

#[test]
fn c10_a_router_out_of_service_and_no_router_are_told_of() {
    let pki = Pki::new();
    let manifests = pki
        .base(9)
        .transport(TRANSPORT, json!({ "rootCAs": [{ "secret": "missing" }] }))
        .route(secure_route("https").transport(TRANSPORT));
    let directory = directory(&manifests.yaml());
    let (report, fault) = json(&[&format!("https://{HOST}/"), name(directory.path())]);
    assert!(fault);
    assert_eq!(
        (&report["status"], &report["fault"]["code"]),
        (&json!(503), &json!("out_of_service"))
    );
    assert!(
        report["fault"]["message"]
            .as_str()
            .is_some_and(|text| text.contains("missing"))
    );
    assert_eq!(report["backend"], Value::Null);

    let (report, _) = json(&[&format!("http://{HOST}/"), name(directory.path())]);
    assert_eq!(
        (&report["status"], &report["fault"]["code"]),
        (&json!(404), &json!("no_router"))
    );
    let (report, _) = json(&[
        &format!("http://{HOST}/"),
        name(directory.path()),
        "--entrypoint",
        "websecure",
    ]);
    let fix = report["fault"]["fix"].as_str().expect("a fix");
    assert!(
        fix.ends_with("would match, but it is for TLS and the request came by http"),
        "{fix}"
    );
}

#[test]
fn c10_middlewares_are_met_and_none_that_guards_is_gone_past() {
    let pki = Pki::new();
    let nginx = Nginx::server(
        &pki.backend,
        "location = /inner { return 204; } location / { return 418; }",
    );
    let strip = json!([{ "name": "strip" }]);
    let guarded = json!([{ "name": "strip" }, { "name": "users" }]);
    let manifests = pki
        .bridge(nginx.port())
        .secret("users", &[("users", "alice:$apr1$x$gLGbhvBmzaOEdKpHUA9CE0")])
        .traefik(
            "Middleware",
            "strip",
            json!({ "stripPrefix": { "prefixes": ["/outer"] } }),
        )
        .traefik(
            "Middleware",
            "users",
            json!({ "basicAuth": { "secret": "users" } }),
        )
        .route(route("outer", &format!("{RULE} && PathPrefix(`/outer`)")).rule_field("middlewares", strip))
        .route(
            route(
                "guarded",
                &format!("{RULE} && PathPrefix(`/outer/inner/guarded`)"),
            )
            .rule_field("middlewares", guarded),
        );
    let directory = directory(&manifests.yaml());
    let (report, fault) = json(&[&format!("https://{HOST}/outer/inner"), name(directory.path())]);
    assert!(!fault, "{report:#}");
    assert_eq!(report["middlewares"][0]["effect"], "the path is now /inner");
    assert_eq!(report["status"], 204);

    let (report, fault) = json(&[
        &format!("https://{HOST}/outer/inner/guarded"),
        name(directory.path()),
    ]);
    assert!(!fault, "{report:#}");
    assert_eq!(report["backend"]["tls"]["done"]["verified"], true);
    assert_eq!(
        (&report["answer"], &report["status"]),
        (&Value::Null, &Value::Null)
    );
    let why = report["notSent"].as_str().expect("why");
    assert!(
        why.contains("decides on requests (it asks for a password)"),
        "{why}"
    );
}

#[test]
fn c10_what_is_no_trace_is_refused() {
    let nobody = format!("http://127.0.0.1:{}", viaduct_testkit::port::closed_port());
    for (arguments, said) in [
        (
            vec!["web.example.com", "."],
            "error: `web.example.com` is no URL of a request: it begins with `https://HOST` or `http://HOST`\n",
        ),
        (
            vec!["https://a/", ".", "-X", "POST"],
            "error: `POST` is not traced: a trace only reads, with GET, HEAD or OPTIONS\n",
        ),
        (
            vec!["https://a/", ".", "-H", "Content-Length: 10"],
            "error: `content-length` is not taken: a trace has no body to send\n",
        ),
        (
            vec!["https://a:b@c/", "."],
            "error: `c` names a user: give credentials as a header\n",
        ),
        (
            vec!["https://a/", ".", "-H", "nothing"],
            "error: `nothing` is no header: write `Name: value`\n",
        ),
        (vec!["https://a/", "--api", &nobody], "for `/api/trace`"),
    ] {
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let stderr = String::from_utf8(output.stderr).expect("text");
        assert!(stderr.contains(said), "{stderr}");
    }
}

/// A page of another site can make a browser ask for it, but not with a header of its own.
#[test]
fn c10_the_api_traces_for_programs_only() {
    let pki = Pki::new();
    let directory = directory(&pki.bridge(9).yaml());
    let (mut viaduct, _) = serve(directory.path());
    let traefik = viaduct.address("traefik");
    let ask_as = |host: &str, mark: &str, body: &str| {
        let length = body.len();
        let head =
            format!("POST /api/trace HTTP/1.1\r\nhost: {host}\r\n{mark}content-length: {length}\r\n\r\n");
        http1::once(traefik, [head.as_str(), body].concat())
    };
    const MARK: &str = "x-viaduct-trace: 1\r\n";
    let ask = |body: &str| ask_as("127.0.0.1", MARK, body);
    let good = json!({ "url": format!("https://{HOST}/") }).to_string();
    // What is asked goes into no log: targets do.
    let queried = api::get(traefik, &format!("/api/trace?url=https%3A%2F%2F{HOST}%2F"));
    assert_eq!((queried.status, queried.header("allow")), (405, Some("POST")));
    assert_eq!(ask_as("127.0.0.1", "", &good).status, 403);
    // A name that a page can have lead here.
    assert_eq!(ask_as("rebound.example", MARK, &good).status, 403);
    // Who is refused in any case is refused before the body comes, which nobody waits for.
    for (host, mark) in [("127.0.0.1", ""), ("rebound.example", MARK)] {
        let head = format!("POST /api/trace HTTP/1.1\r\nhost: {host}\r\n{mark}content-length: 65536\r\n\r\n");
        assert_eq!(http1::once(traefik, head).status, 403, "{host} {mark}");
    }
    let secret = json!({ "url": format!("https://{HOST}/shop?token=hunter2") }).to_string();
    assert_eq!(ask(&secret).status, 200);
    let child = viaduct.child();
    child.wait_line(&format!("https://{HOST}/shop"));
    assert!(!child.output().contains("hunter2"), "{}", child.output());
    let answer = ask(&good);
    assert_eq!(answer.status, 200);
    let report: Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!(report["fault"]["code"], "connect_refused");
    for wrong in [
        "",
        "{}",
        r#"{"url": "file:///etc"}"#,
        r#"{"url": "https://a", "method": "DELETE"}"#,
        r#"{"url": "https://a", "send": "perhaps"}"#,
        r#"{"url": "https://a", "unknown": 1}"#,
    ] {
        assert_eq!(ask(wrong).status, 400, "{wrong}");
    }
}

/// The client leg is not only read off the configuration where a process listens.
#[test]
fn c10_the_client_leg_is_shaken_hands_with_where_a_process_listens() {
    let pki = Pki::new();
    let nginx = Nginx::server(&pki.backend, "location / { return 204; }");
    let directory = directory(&pki.bridge(nginx.port()).yaml());
    let (viaduct, api) = serve(directory.path());
    let port = viaduct.address("websecure").port();
    let (report, fault) = json(&[&format!("https://{HOST}:{port}/"), "--api", &api]);
    assert!(!fault, "{report:#}");
    let shaken = &report["client"]["handshake"];
    assert_eq!(shaken["address"], viaduct.address("websecure").to_string());
    assert_eq!(
        (&shaken["done"]["version"], &shaken["done"]["alpn"]),
        (&json!("1.3"), &json!("h2"))
    );
    assert_eq!(
        shaken["certificate"]["fingerprint"],
        report["client"]["certificate"]["fingerprint"]
    );
    assert_eq!(report["entryPoint"]["remark"], Value::Null);
    // A port that nobody listens at is no way in.
    let told = text(&[&format!("https://{HOST}/"), "--api", &api]);
    for line in [
        "but no entry point listens at port 443",
        "  handshake          TLS 1.3, ",
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }
    let told = text(&[&format!("https://{HOST}/"), name(directory.path())]);
    assert!(
        told.contains("  handshake          none: this is read off the configuration")
            && !told.contains("listens at port"),
        "{told}"
    );
}

#[test]
fn c10_an_edit_says_what_it_is_merged_into_and_where_that_is_written() {
    let pki = Pki::new();
    let nginx = Nginx::server(&pki.backend, "");
    let wrong = json!({ "serverName": "other.example.com" });
    let manifests = pki.bridge_with(nginx.port(), wrong).yaml();
    let directory = directory(&manifests);
    let (report, _) = json(&[&format!("https://{HOST}/"), name(directory.path())]);
    let merge = &report["fault"]["merge"];
    assert_eq!(merge.as_array().map(Vec::len), Some(1), "{report:#}");
    assert_eq!(
        (&merge[0]["into"], &merge[0]["new"]),
        (&json!(format!("ServersTransport web/{TRANSPORT}")), &json!(false))
    );
    let at = merge[0]["at"].as_str().expect("a place");
    assert!(at.contains("bridge.yaml:"), "{at}");
    let told = text(&[&format!("https://{HOST}/"), name(directory.path())]);
    let line = format!("merge into: ServersTransport web/{TRANSPORT} ({at})");
    assert!(told.contains(&line), "{line}\n{told}");
    // The place is where the object begins.
    let line: usize = at
        .rsplit(':')
        .nth(1)
        .and_then(|line| line.parse().ok())
        .expect("a line");
    let text = manifests.lines().nth(line - 1).unwrap_or_default();
    assert!(!text.trim().is_empty(), "line {line} of:\n{manifests}");
}

#[test]
fn c10_a_file_of_routes_is_named_as_such_and_what_is_to_be_made_is_told() {
    let pki = Pki::new();
    let nginx = Nginx::server(&pki.backend, "");
    let work = tempfile::tempdir().expect("a temporary directory");
    let routes = |transport: &str| {
        format!(
            "http:\n  routers:\n    app: {{rule: '{RULE}', service: app, entryPoints: [web]}}\n  services:\n    app: {{loadBalancer: {{{transport}servers: [{{url: 'https://127.0.0.1:{}'}}]}}}}\n  serversTransports:\n    t: {{serverName: {HOST}}}\n",
            nginx.port()
        )
    };
    let running = api::serve(work.path(), &routes("serversTransport: t, "), &["--api.insecure"]);
    let api = format!("http://{}", running.address("traefik"));
    let url = format!("http://{HOST}/");
    let told = text(&[&url, "--api", &api]);
    let line = "merge into: `http.serversTransports.t` of provider `file` (routes.yml:";
    assert!(told.contains(line), "{line}\n{told}");
    std::fs::write(work.path().join("routes.yml"), routes("")).expect("a file");
    viaduct_testkit::wait::wait_until("the service without a transport", || {
        let told = text(&[&url, "--api", &api]);
        told.contains("to be made: `http.serversTransports.backend-tls` of provider `file`")
            && told.contains("merge into: `http.services.app` of provider `file` (routes.yml:")
    });
}

/// Each level names the next one twice: a billion ways to one server.
#[test]
fn i5_nested_services_are_followed_once() {
    let pki = Pki::new();
    let nginx = Nginx::server(&pki.backend, "");
    let mut services = json!({
        "s0": { "loadBalancer": { "servers": [{ "url": format!("https://127.0.0.1:{}", nginx.port()) }] } },
    });
    for level in 1..=30 {
        let below = json!({ "name": format!("s{}", level - 1), "weight": 1 });
        services[format!("s{level}")] = json!({ "weighted": { "services": [below, below] } });
    }
    let routes = json!({ "http": {
        "routers": { "app": { "rule": RULE, "service": "s30", "entryPoints": ["web"] } },
        "services": services,
    } });
    let work = tempfile::tempdir().expect("a temporary directory");
    let running = api::serve(work.path(), &routes.to_string(), &["--api.insecure"]);
    let api = format!("http://{}", running.address("traefik"));
    let (report, fault) = json(&[&format!("http://{HOST}/"), "--api", &api]);
    assert!(fault, "{report:#}");
    assert_eq!(report["fault"]["code"], "unknown_ca");
    assert_eq!(report["service"]["servers"].as_array().map(Vec::len), Some(1));
}

/// What only a client with a certificate may reach, a trace does not reach without one.
#[test]
fn c10_a_trace_does_not_go_past_what_it_cannot_show() {
    let pki = Pki::new();
    let nginx = Nginx::server(&pki.backend, "location / { return 204; }");
    let redirect = json!({ "redirectScheme": { "scheme": "https", "port": "1" } });
    let manifests = pki
        .bridge(nginx.port())
        .secret("clients", &[("ca.crt", pki.edge_ca.pem())])
        .secret("users", &[("users", "alice:$apr1$x$gLGbhvBmzaOEdKpHUA9CE0")])
        .tls_option("mutual", json!({ "clientAuth": { "secretNames": ["clients"], "clientAuthType": "RequireAndVerifyClientCert" } }))
        .tls_option("strict", json!({ "sniStrict": true }))
        .traefik("Middleware", "users", json!({ "basicAuth": { "secret": "users" } }))
        .traefik("Middleware", "away", redirect)
        .route(route("mutual", "Host(`mutual.example.com`)").options("mutual"))
        .route(route("strict", "Host(`strict.example.org`)").options("strict"))
        .route(
            route("guarded", "Host(`guarded.example.com`)")
                .rule_field("middlewares", json!([{ "name": "users" }, { "name": "away" }])),
        );
    let directory = directory(&manifests.yaml());
    let ask = |host: &str| json(&[&format!("https://{host}/"), name(directory.path())]);

    let (report, fault) = ask("mutual.example.com");
    assert!(!fault, "{report:#}");
    assert_eq!(
        (&report["answer"], &report["status"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(
        report["notSent"],
        "clients have to show a certificate, and a trace has none"
    );
    assert_eq!(report["backend"]["tls"]["done"]["verified"], true);

    // The redirection is for those whom `users` lets pass.
    let (report, fault) = ask("guarded.example.com");
    assert!(!fault, "{report:#}");
    assert_eq!(report["status"], Value::Null);
    assert!(
        report["notSent"]
            .as_str()
            .is_some_and(|why| why.contains("users")),
        "{report:#}"
    );
    let effect = report["middlewares"][1]["effect"].as_str().expect("text");
    assert!(
        effect.starts_with("if the request gets here: it answers 302"),
        "{effect}"
    );

    let (report, fault) = ask("strict.example.org");
    assert!(fault);
    assert_eq!(
        (&report["status"], &report["fault"]["code"]),
        (&Value::Null, &json!("unrecognized_name"))
    );
    assert_eq!(report["backend"], Value::Null);

    // A host asked for over a connection for another one, whose TLS options differ (421).
    let (report, fault) = json(&[
        &format!("https://{HOST}/"),
        name(directory.path()),
        "-H",
        "Host: mutual.example.com",
    ]);
    assert!(fault);
    assert_eq!(
        (&report["status"], &report["fault"]["code"]),
        (&json!(421), &json!("misdirected"))
    );
}

#[test]
fn c10_a_share_of_a_weighted_service_without_servers_is_told_of() {
    let pki = Pki::new();
    let nginx = Nginx::server(&pki.backend, "location / { return 204; }");
    let work = tempfile::tempdir().expect("a temporary directory");
    let routes = json!({ "http": {
        "routers": { "app": { "rule": RULE, "service": "split", "entryPoints": ["web"] } },
        "services": {
            "split": { "weighted": { "services": [{ "name": "empty", "weight": 1 }, { "name": "good", "weight": 3 }] } },
            "empty": { "loadBalancer": { "servers": [{ "url": "https://127.0.0.1:9", "weight": 0 }] } },
            "good": { "loadBalancer": { "serversTransport": "t", "servers": [{ "url": format!("https://127.0.0.1:{}", nginx.port()) }] } },
        },
        "serversTransports": { "t": { "serverName": HOST, "rootCAs": [pki.backend_ca.pem()] } },
    } });
    let running = api::serve(work.path(), &routes.to_string(), &["--api.insecure"]);
    let api = format!("http://{}", running.address("traefik"));
    let (report, fault) = json(&[&format!("http://{HOST}/"), "--api", &api]);
    assert!(!fault, "{report:#}");
    let why = report["service"]["why"].as_str().expect("why");
    assert!(
        why.ends_with("; but 1 of 4 requests go to empty@file, which has no server: 503"),
        "{why}"
    );
}
