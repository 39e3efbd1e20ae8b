//! `viaduct audit`: the table in each format, from each source, and its exit status.
//!
//! `UPDATE_GOLDEN=1 cargo test -p viaduct --test e2e bridges::audit` rewrites the recorded outputs; read the difference
//! before it is committed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use viaduct_testkit::child::{Finished, run};
use viaduct_testkit::http1;
use viaduct_testkit::nginx::Nginx;
use viaduct_testkit::openssl::SServer;
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::pki::{Authority, Ca, Issued, Leaf, Validity};
use viaduct_testkit::port::closed_port;
use viaduct_testkit::viaduct::Running;
use viaduct_testkit::wait::wait_until;
use viaduct_tls::CertificateFacts;

use crate::fixture::{BINARY, HOST, Pki, root};
use crate::preflight;

/// One router of each kind, and names that mean harm to a spreadsheet and to a terminal.
const ROUTES: &str = r#"
http:
  routers:
    mtls: {rule: 'Host(`mtls.example`)', service: mtls, entryPoints: [websecure], tls: {}}
    verified: {rule: 'Host(`verified.example`)', service: verified, entryPoints: [websecure], tls: {}}
    system: {rule: 'Host(`system.example`)', service: system, entryPoints: [web, websecure]}
    unverified: {rule: 'Host(`unverified.example`)', service: unverified, entryPoints: [web]}
    plaintext: {rule: 'Host(`plaintext.example`)', service: plaintext, entryPoints: [web]}
    legacy: {rule: 'Host(`legacy.example`)', service: plaintext, entryPoints: [web]}
    split: {rule: 'Host(`split.example`)', service: split, entryPoints: [web]}
    missing: {rule: 'Host(`missing.example`)', service: nowhere, entryPoints: [web]}
    empty: {rule: 'Host(`empty.example`)', service: empty, entryPoints: [web]}
    '=HYPERLINK("http://evil.example")': {rule: 'Host(`a.example`)', service: system, entryPoints: [web]}
    "+\e[2J": {rule: 'Host(`b.example`)', service: system, entryPoints: [web]}
    '-1': {rule: 'Host(`c.example`)', service: system, entryPoints: [web]}
    '@SUM(A1)': {rule: 'Host(`d.example`)', service: system, entryPoints: [web]}
  services:
    mtls: {loadBalancer: {serversTransport: mtls, servers: [{url: 'https://10.0.0.1'}, {url: 'https://10.0.0.2'}]}}
    verified: {loadBalancer: {serversTransport: verified, servers: [{url: 'https://backend.internal:8443'}]}}
    system: {loadBalancer: {servers: [{url: 'https://system.example'}]}}
    unverified: {loadBalancer: {serversTransport: lax, servers: [{url: 'https://10.0.0.3'}]}}
    plaintext: {loadBalancer: {servers: [{url: 'http://10.0.0.4:8080'}]}}
    split: {weighted: {services: [{name: verified, weight: 99}, {name: plaintext, weight: 1}]}}
    empty: {loadBalancer: {servers: []}}
  serversTransports:
    mtls: {serverName: mtls.internal, rootCAs: [ca.pem], certificates: [{certFile: client.crt, keyFile: client.key}]}
    verified: {rootCAs: [ca.pem]}
    lax: {insecureSkipVerify: true}
tcp:
  routers:
    through: {rule: 'HostSNI(`db.example`)', service: db, entryPoints: [websecure], tls: {passthrough: true}}
  services:
    db: {loadBalancer: {servers: [{address: '10.0.0.5:5432'}]}}
"#;

const INSTALL: &str = "
entryPoints:
  web: {address: '127.0.0.1:0'}
  websecure: {address: '127.0.0.1:0', http: {tls: {}}}
  traefik: {address: '127.0.0.1:0'}
providers: {file: {filename: routes.yml}}
api: {insecure: true}
bridge:
  preflight: 'off'
  require: verified
  exceptions:
  - {router: legacy@file, until: 2999-12-31, reason: 'moves out in 2999, or so'}
  - {router: plaintext@file, until: 2020-12-31, reason: over}
";

struct World {
    work: tempfile::TempDir,
    ca: Ca,
    client: Issued,
}

impl World {
    fn new() -> Self {
        Self::with(INSTALL)
    }

    fn with(install: &str) -> Self {
        let work = tempfile::tempdir().expect("a temporary directory");
        let day = |days: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(days * 86_400);
        let until = |days| Validity {
            not_before: day(0),
            not_after: day(days),
        };
        let ca = Authority::new("Backend CA").valid(until(80_000)).root();
        let client = ca.issue(Leaf::client("viaduct").valid(until(70_000)));
        ca.write_to(work.path(), "ca.pem");
        client.write_to(work.path(), "client");
        std::fs::write(work.path().join("routes.yml"), ROUTES).expect("a file");
        std::fs::write(work.path().join("traefik.yml"), install).expect("a file");
        Self { work, ca, client }
    }

    fn audit(&self, arguments: &[&str]) -> Finished {
        audit(self.work.path(), arguments)
    }

    /// The output, with what is another one at every run in words of the same length.
    fn steady(&self, output: &str) -> String {
        let mut output = output.to_owned();
        for (der, word) in [
            (self.ca.der().as_ref(), "ca-fingerprint--"),
            (self.client.chain[0].as_ref(), "own-fingerprint-"),
        ] {
            let whole = fingerprint(der);
            output = output.replace(&whole, &word.repeat(4));
            let begin: String = whole.chars().take(16).collect();
            output = output.replace(&begin, word);
        }
        output
    }
}

fn fingerprint(der: &[u8]) -> String {
    let facts = CertificateFacts::from_der(der).expect("a certificate");
    facts.fingerprint.to_string()
}

fn audit(work: &Path, arguments: &[&str]) -> Finished {
    run(root(work).arg("audit").args(arguments), b"")
}

/// Standard output alone.
fn printed(work: &Path, arguments: &[&str]) -> String {
    let output = root(work)
        .arg("audit")
        .args(arguments)
        .output()
        .expect("the binary runs");
    String::from_utf8(output.stdout).expect("text")
}

fn recorded(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/bridges/golden");
    directory.join(name)
}

#[test]
fn c6_the_table_says_the_same_in_every_format() {
    let world = World::new();
    let mut wrong = Vec::new();
    for (format, file) in [
        ("table", "table.txt"),
        ("json", "table.json"),
        ("csv", "table.csv"),
        ("prometheus", "metrics.txt"),
    ] {
        let got = printed(
            world.work.path(),
            &["--config-file=traefik.yml", "--format", format],
        );
        let got = world.steady(&got);
        let path = recorded(file);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &got).expect("a file");
        } else if std::fs::read_to_string(&path).unwrap_or_default() != got {
            wrong.push(format!("--- {file}:\n{got}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "differs from what is recorded:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn c6_no_line_of_the_table_is_longer_than_100_columns() {
    let text = printed(World::new().work.path(), &["--config-file=traefik.yml"]);
    assert!(text.lines().count() > 20, "{text}");
    for line in text.lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
}

#[test]
fn c6_no_cell_is_a_formula_and_no_name_writes_on_the_terminal() {
    let world = World::new();
    let csv = printed(world.work.path(), &["--config-file=traefik.yml", "--format=csv"]);
    let mut cells = csv.split("\r\n").flat_map(|line| line.split(','));
    let formula = cells.find(|cell| cell.trim_start_matches('"').starts_with(['=', '+', '-', '@']));
    assert_eq!(formula, None, "{csv}");
    for name in [
        "\"'=HYPERLINK(\"\"http://evil.example\"\")@file\"",
        "\"'-1@file\"",
        "\"'@SUM(A1)@file\"",
    ] {
        assert!(csv.contains(name), "{name}:\n{csv}");
    }
    let table = printed(world.work.path(), &["--config-file=traefik.yml"]);
    assert!(
        !table.contains('\u{1b}') && table.contains("+\\u{1b}[2J@file"),
        "{table}"
    );
}

#[test]
fn c6_a_running_process_says_the_same_as_its_configuration() {
    let world = World::new();
    let running = Running::until_ready(&mut root(world.work.path()));
    let url = format!("http://{}", running.address("traefik"));
    for format in ["table", "json", "csv", "prometheus"] {
        let by_file = printed(
            world.work.path(),
            &["--config-file=traefik.yml", "--format", format],
        );
        let by_api = printed(world.work.path(), &["--api", &url, "--format", format]);
        // What only a process knows: that it has not tried yet what verification would say.
        const TRIAL: &str = "no server was connected to yet";
        assert_eq!(
            by_api.matches(TRIAL).count(),
            usize::from(format != "prometheus"),
            "{format}"
        );
        let by_api = match format {
            "json" => {
                let told = format!(
                    "{{\n      \"safe\": false,\n      \"safeSince\": \"\",\n      \"summary\": \"{TRIAL}\",\n      \"patch\": \"\"\n    }}"
                );
                by_api.replace(&told, "null")
            }
            _ => {
                let told =
                    format!("\nverification is skipped by lax@file: not safe to verify yet\n  {TRIAL}\n");
                by_api.replace(&told, "").replace(TRIAL, "")
            }
        };
        assert_eq!(by_api, by_file, "{format}");
    }
}

#[test]
fn c6_up_says_the_same_as_its_directory() {
    let work = tempfile::tempdir().expect("a temporary directory");
    let manifests = work.path().join("manifests");
    std::fs::create_dir(&manifests).expect("a directory");
    std::fs::write(manifests.join("b.yaml"), Pki::new().bridge(9).yaml()).expect("a file");
    let listen = [
        "--entrypoint=web=127.0.0.1:0",
        "--entrypoint=websecure=127.0.0.1:0",
        "--api=127.0.0.1:0",
    ];
    let running = Running::until_ready(root(work.path()).args(["up", "manifests"]).args(listen));
    let url = format!("http://{}", running.address("traefik"));
    let json = |arguments: &[&str]| -> Value {
        let text = printed(work.path(), &[arguments, &["--format=json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    };
    let by_directory = json(&["manifests"]);
    assert_eq!(json(&["--api", &url]), by_directory);
    let row = &by_directory[0];
    assert_eq!(
        (&row["class"], &row["owner"], &row["transportOwner"]),
        (
            &"bridged+verified".into(),
            &"IngressRoute web/web-ingressroute".into(),
            &"ServersTransport web/web-transport".into()
        ),
        "{row}"
    );
}

#[test]
fn c6_the_status_is_1_where_a_route_is_below_and_each_is_named() {
    let world = World::new();
    // Routers without a known server: nothing shows what they will be.
    const UNKNOWN: usize = 2;
    for (required, code, named) in [
        ("plaintext", 0, 0),
        ("unverified", 1, 3 + UNKNOWN),
        ("verified", 1, 4 + UNKNOWN),
        ("mtls", 1, 12 + UNKNOWN),
    ] {
        let finished = world.audit(&["--config-file=traefik.yml", "--require", required]);
        assert_eq!(
            finished.status.code(),
            Some(code),
            "{required}: {}",
            finished.output
        );
        let is_named = |line: &&str| line.starts_with("below `") || line.starts_with("unknown, `");
        let lines = finished.output.lines().filter(is_named);
        assert_eq!(lines.count(), named, "{required}: {}", finished.output);
    }
    let finished = world.audit(&["--config-file=traefik.yml", "--require=verified", "--format=json"]);
    for line in [
        "below `bridged+verified`: router split@file to service plaintext@file: plaintext (http://10.0.0.4:8080)",
        "unknown, `bridged+verified` is required: router empty@file to service empty@file: no server is known (no-servers)",
        "unknown, `bridged+verified` is required: router missing@file to service nowhere@file: no server is known (out-of-service)",
    ] {
        assert!(
            finished.output.lines().any(|known| known == line),
            "{line}: {}",
            finished.output
        );
    }
}

#[test]
fn c6_a_route_that_nobody_knows_a_server_of_meets_no_demand() {
    let world = World::new();
    let only = "http:\n  routers:\n    empty: {rule: 'Host(`a.example`)', service: empty, entryPoints: [web]}\n  services:\n    empty: {loadBalancer: {servers: []}}\n";
    std::fs::write(world.work.path().join("routes.yml"), only).expect("a file");
    let finished = world.audit(&["--config-file=traefik.yml", "--require=unverified"]);
    assert_eq!(finished.status.code(), Some(1), "{}", finished.output);
    let finished = world.audit(&["--config-file=traefik.yml", "--require=plaintext"]);
    assert_eq!(finished.status.code(), Some(0), "{}", finished.output);
}

#[test]
fn c6_every_server_has_a_row_with_the_certificate_that_it_showed() {
    let ca = Ca::new("Backend CA");
    let end = |days: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(days * 86_400);
    let leaf = |days| {
        let validity = Validity {
            not_before: end(0),
            not_after: end(days),
        };
        ca.issue(Leaf::server(HOST).valid(validity))
    };
    let shown = [
        leaf(80_000),
        leaf(70_000),
        Ca::new("Stranger").issue(Leaf::server(HOST)),
    ];
    let [long, short, stranger] = shown.each_ref().map(|leaf| SServer::start(leaf, &[]));
    let fingerprints = shown.each_ref().map(|leaf| fingerprint(leaf.chain[0].as_ref()));
    let ports = [long.port(), short.port(), stranger.port()];
    let work = tempfile::tempdir().expect("a temporary directory");
    let running = preflight::serve(work.path(), &preflight::routes(&ports, &[&ca]), &[]);
    preflight::wait_report(running.address("traefik"), "all are tried", |report| {
        report["passed"] == 2 && report["failed"] == 1
    });
    let url = format!("http://{}", running.address("traefik"));
    let text = printed(work.path(), &["--api", &url, "--format=json"]);
    let rows: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let told: Vec<_> = rows
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| {
            let text = |field: &str| row[field].as_str().unwrap_or_default().to_owned();
            assert!(!text("seen").is_empty(), "{row}");
            assert_eq!(text("verifiedName"), HOST);
            (text("server"), text("handshake"), text("certificateExpires"))
        })
        .collect();
    let server = |port: u16| format!("https://127.0.0.1:{port}");
    assert_eq!(
        told[..2],
        [
            (server(ports[0]), "passed".into(), "2189-01-12T00:00:00Z".into()),
            (server(ports[1]), "passed".into(), "2161-08-27T00:00:00Z".into()),
        ]
    );
    assert_eq!(
        (&told[2].0, &told[2].1),
        (&server(ports[2]), &"unknown_ca".to_owned())
    );
    // As the server's own file says; of one that was refused, too.
    let said: Vec<_> = rows
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| {
            row["certificateFingerprint"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        })
        .collect();
    assert_eq!(said, fingerprints);
    let csv = printed(work.path(), &["--api", &url, "--format=csv"]);
    assert!(
        csv.contains(",seen,certificateFingerprint,certificateExpires,"),
        "{csv}"
    );
    assert!(
        fingerprints.iter().all(|one| csv.contains(&format!(",{one},"))),
        "{csv}"
    );
    // The table puts servers together that are reached alike.
    let table = printed(work.path(), &["--api", &url]);
    for line in [
        format!("{} passed,", server(ports[0])),
        format!("{} unknown_ca,", server(ports[2])),
        fingerprints[0].chars().take(16).collect(),
        fingerprints[2].chars().take(16).collect(),
        "3 bridges: 3 bridged+verified".to_owned(),
    ] {
        assert!(table.contains(&line), "{line}:\n{table}");
    }
    assert_eq!(table.matches("-> app@file").count(), 1, "{table}");
}

/// Of requests' connections, too.
#[test]
fn c6_what_requests_saw_of_a_server_is_in_its_row() {
    let ca = Ca::new("Backend CA");
    let identity = ca.issue(Leaf::server(HOST));
    let nginx = Nginx::server(&identity, "");
    let work = tempfile::tempdir().expect("a temporary directory");
    let routes = preflight::routes(&[nginx.port()], &[&ca]);
    let running = preflight::serve(work.path(), &routes, &["--bridge.preflight=off"]);
    let row = || -> Value {
        let text = crate::api::get(running.address("traefik"), "/api/bridges").text();
        serde_json::from_str::<Value>(&text).expect("JSON")[0].clone()
    };
    assert_eq!(row()["handshake"], "");
    let request = "GET / HTTP/1.1\r\nHost: app.example\r\n\r\n";
    assert_eq!(http1::once(running.address("web"), request).status, 200);
    let seen = row();
    assert_eq!(seen["handshake"], "passed");
    assert_eq!(
        seen["certificateFingerprint"],
        fingerprint(identity.chain[0].as_ref())
    );
    assert!(
        seen["certificateExpires"]
            .as_str()
            .is_some_and(|time| time > "2026"),
        "{seen}"
    );
    // Another trust is another way, which nobody has gone.
    let other = preflight::routes(&[nginx.port()], &[&Ca::new("Other CA")]);
    std::fs::write(work.path().join("routes.yml"), other).expect("a file");
    wait_until("the other trust", || row()["handshake"] == "");
}

#[test]
fn c6_the_status_is_2_where_there_is_no_whole_table() {
    let world = World::new();
    let manifests = world.work.path().join("manifests");
    std::fs::create_dir(&manifests).expect("a directory");
    std::fs::write(manifests.join("broken.yaml"), "kind: [").expect("a file");
    let nobody = format!("http://127.0.0.1:{}", closed_port());
    for arguments in [
        &["nowhere"][..],
        &["manifests"],
        &["--config-file=nowhere.yml"],
        &["--api", &nobody],
        &["--api", "ftp://127.0.0.1"],
        &["--kubeconfig=nowhere"],
        &[],
        &["manifests", "--api", &nobody],
        &["manifests", "--require=best"],
    ] {
        let finished = world.audit(arguments);
        assert_eq!(
            finished.status.code(),
            Some(2),
            "{arguments:?}: {}",
            finished.output
        );
    }
    let wrong = World::with(&INSTALL.replace("2020-12-31", "soon"));
    assert_eq!(wrong.audit(&["--config-file=traefik.yml"]).status.code(), Some(2));
}

#[test]
fn c6_help_names_every_source() {
    let finished = run(Command::new(BINARY).args(["audit", "--help"]), b"");
    for part in [
        "DIR",
        "--kubeconfig",
        "--config-file",
        "--api",
        "--require",
        "prometheus",
    ] {
        assert!(finished.output.contains(part), "{part}: {}", finished.output);
    }
}

#[test]
fn c6_what_the_http_provider_says_is_in_the_table() {
    let said = r#"{"http": {"routers": {"far": {"rule": "Host(`far.example`)", "service": "far", "entryPoints": ["web"]}},
        "services": {"far": {"loadBalancer": {"servers": [{"url": "http://10.0.0.9"}]}}}}}"#;
    let origin = Origin::http(|_| ok(said));
    let endpoint = format!(
        "http: {{endpoint: 'http://{}/', pollInterval: 1h}}",
        origin.address()
    );
    let world = World::with(&INSTALL.replace(
        "file: {filename: routes.yml}",
        &format!("file: {{filename: routes.yml}}, {endpoint}"),
    ));
    let finished = world.audit(&[
        "--config-file=traefik.yml",
        "--require=unverified",
        "--format=csv",
    ]);
    assert_eq!(finished.status.code(), Some(1));
    for line in [
        "below `unverified`: router far@http to service far@http: plaintext (http://10.0.0.9)",
        "below `unverified`: router plaintext@file to service plaintext@file: plaintext (http://10.0.0.4:8080)",
    ] {
        assert!(
            finished.output.lines().any(|known| known == line),
            "{line}: {}",
            finished.output
        );
    }
}

#[test]
fn c6_an_api_that_is_not_understood_wholly_gives_no_table() {
    let row = |class: &str| {
        let texts = [
            "router",
            "entryPoint",
            "rule",
            "service",
            "status",
            "required",
            "clientLeg",
            "server",
            "verifiedName",
            "trust",
            "expires",
            "expiring",
            "handshake",
            "seen",
            "certificateFingerprint",
            "certificateExpires",
            "owner",
            "transport",
            "transportOwner",
            "reason",
        ];
        let lists = ["caFingerprints", "clientCertificates"];
        let mut row: serde_json::Map<_, _> = texts
            .map(|name| (name.to_owned(), Value::from("x")))
            .into_iter()
            .collect();
        row.extend(lists.map(|name| (name.to_owned(), Value::Array(Vec::new()))));
        row.insert("trial".to_owned(), Value::Null);
        row.insert("class".to_owned(), class.into());
        Value::from(vec![Value::Object(row)]).to_string()
    };
    let ask = |rows: String, next: &'static str| {
        let origin = Origin::http(move |request| {
            let body = match request.target.starts_with("/api/bridges") {
                true => rows.clone(),
                false => r#"{"generation": 1}"#.to_owned(),
            };
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{next}\r\n", body.len());
            [head, body].concat().into_bytes()
        });
        let work = tempfile::tempdir().expect("a temporary directory");
        let url = format!("http://{}", origin.address());
        let finished = audit(
            work.path(),
            &["--api", &url, "--require=verified", "--format=csv"],
        );
        (finished.status.code(), finished.output)
    };
    const LAST: &str = "X-Next-Page: 1\r\n";
    let (code, output) = ask(row("bridged+mTLS"), LAST);
    assert_eq!(code, Some(0), "{output}");
    assert_eq!(ask(row("plaintext"), LAST).0, Some(1));
    let (code, output) = ask(row("bridged+better"), LAST);
    assert!(
        code == Some(2) && output.contains("speaks of a class `bridged+better`"),
        "{output}"
    );
    let (code, output) = ask(row("bridged+mTLS"), "");
    assert!(
        code == Some(2) && output.contains("whether there are more"),
        "{output}"
    );
    let (code, output) = ask(row("bridged+mTLS").replace("\"class\"", "\"kind\""), LAST);
    assert!(
        code == Some(2) && output.contains("missing field `class`"),
        "{output}"
    );
}
