//! Commands and what they say. Every message here was read by a person before it was written down.

use std::net::TcpListener;
use std::process::Command;

use serde_json::Value;
use viaduct_testkit::child::{Child, Finished, Signal, run};
use viaduct_testkit::http1::Connection;
use viaduct_testkit::origin::{Origin, echo, ok};
use viaduct_testkit::pki::{Ca, Leaf};
use viaduct_testkit::tls::Dial;
use viaduct_testkit::viaduct::Running;
use viaduct_testkit::wait::wait_until;

use crate::fixture::{BINARY, HOST, Pki};

fn viaduct(arguments: &[&str]) -> Finished {
    run(Command::new(BINARY).args(arguments).env("NO_COLOR", "1"), b"")
}

#[test]
fn version_says_version_and_build() {
    let finished = viaduct(&["version"]);
    assert!(finished.status.success());
    for word in [env!("CARGO_PKG_VERSION"), "rustls", "OS/Arch"] {
        assert!(
            finished.output.contains(word),
            "`{word}` in:\n{}",
            finished.output
        );
    }
}

#[test]
fn demo_once_makes_one_request_through_both_legs_and_ends() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let kept = directory.path().join("demo").display().to_string();
    let finished = viaduct(&["demo", "--once", "--port", "0", "--dir", &kept]);
    assert!(finished.status.success(), "{}", finished.output);
    for word in ["TLS 1.3", "X25519MLKEM768", HOST, "resumed", "curl ", "200"] {
        assert!(
            finished.output.contains(word),
            "`{word}` in:\n{}",
            finished.output
        );
    }
    let written: Vec<_> = std::fs::read_dir(&kept)
        .expect("the directory it wrote")
        .flatten()
        .collect();
    assert!(!written.is_empty());
}

#[test]
fn demo_stays_until_it_is_told_to_go_and_its_curl_line_works() {
    let mut command = Command::new(BINARY);
    let mut child = Child::spawn(command.args(["demo", "--port", "0"]));
    let line = child
        .find_line(|line| {
            Some(line.trim().trim_start_matches("$ ").to_owned()).filter(|line| line.starts_with("curl "))
        })
        .unwrap_or_else(|| panic!("no curl line:\n{}", child.output()));
    let answer = run(
        Command::new("sh").args(["-c", &format!("{line} --silent --show-error --fail")]),
        b"",
    );
    assert!(answer.status.success(), "{line}\n{}", answer.output);
    child.signal(Signal::INT);
    assert!(child.wait_exit(std::time::Duration::from_secs(11)).success());
}

/// A directory with the whole bridge in it.
fn bridge_directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let pki = Pki::new();
    std::fs::write(directory.path().join("bridge.yaml"), pki.bridge(8443).yaml()).expect("a manifest");
    directory
}

#[test]
fn render_writes_the_effective_configuration_in_the_file_providers_shape() {
    let directory = bridge_directory();
    let path = directory.path().display().to_string();
    let yaml = viaduct(&["render", &path]);
    assert!(yaml.status.success(), "{}", yaml.output);
    let json = viaduct(&["render", &path, "--format", "json"]);
    let document: Value =
        serde_json::from_str(&json.output).unwrap_or_else(|e| panic!("{e}:\n{}", json.output));
    let routers = document
        .pointer("/http/routers")
        .and_then(Value::as_object)
        .expect("routers");
    let (name, router) = routers.iter().next().expect("a router");
    assert!(name.starts_with("web-web-ingressroute-"), "{name}");
    assert_eq!(
        router.pointer("/rule").and_then(Value::as_str),
        Some("Host(`web.example.com`)")
    );
    let transports = document
        .pointer("/http/serversTransports")
        .and_then(Value::as_object)
        .expect("transports");
    assert!(
        transports.keys().any(|name| name.contains("web-web-transport")),
        "{transports:?}"
    );
    assert!(yaml.output.contains(name.as_str()), "{}", yaml.output);
}

#[test]
fn r24_render_redacts_private_keys_unless_asked_not_to() {
    let directory = bridge_directory();
    let path = directory.path().display().to_string();
    for format in ["yaml", "json"] {
        let redacted = viaduct(&["render", &path, "--format", format]).output;
        assert!(!redacted.contains("PRIVATE KEY"), "{redacted}");
        assert!(redacted.contains("REDACTED"), "{redacted}");
        let shown = viaduct(&["render", &path, "--format", format, "--show-secrets"]).output;
        assert!(shown.contains("PRIVATE KEY"), "{shown}");
    }
}

#[test]
fn cve_2020_9321_no_key_is_in_the_log_at_any_level() {
    let pki = Pki::new();
    let viaduct = crate::fixture::up()
        .arg("--log-level=trace")
        .file("b.yaml", pki.bridge(1).yaml())
        .start();
    pki.curl(&viaduct).get(HOST, "/");
    viaduct.wait_access("/");
    let log = viaduct.log();
    let key: String = pki
        .front
        .key_pem
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    assert!(
        !log.contains("PRIVATE KEY") && !log.contains(key.get(..40).unwrap_or(&key)),
        "a key is in the log"
    );
}

#[test]
fn cve_2022_23469_no_credential_is_in_the_log_at_any_level() {
    let pki = Pki::new();
    let origin = Origin::http(|_| ok(""));
    let viaduct = crate::fixture::up()
        .arg("--log-level=trace")
        .file("b.yaml", pki.edge_only(origin.port()).yaml())
        .start();
    for version in ["--http1.1", "--http2"] {
        let arguments = [
            version,
            "--header",
            "Authorization: Bearer hunter2hunter2",
            "--header",
            "Cookie: session=hunter3hunter3",
            "--header",
            "X-Api-Key: hunter4hunter4",
        ];
        let path = format!("/secret{version}");
        assert_eq!(pki.curl(&viaduct).request(HOST, &path, &arguments).status, 200);
        viaduct.wait_access(&path);
    }
    let log = viaduct.log();
    assert!(log.contains("TRACE") || log.contains("DEBUG"), "control:\n{log}");
    assert!(!log.contains("hunter"), "{log}");
}

#[test]
fn a_port_in_use_names_the_entry_point_the_address_and_the_way_out() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    let directory = bridge_directory();
    let entry_point = format!("web={address}");
    let finished = viaduct(&[
        "up",
        &directory.path().display().to_string(),
        "--entrypoint",
        &entry_point,
    ]);
    assert_eq!(finished.status.code(), Some(1), "{}", finished.output);
    assert!(
        finished
            .output
            .contains(&format!("error: entry point `web`: cannot listen on {address}")),
        "{}",
        finished.output
    );
    assert!(
        finished.output.contains("Address already in use"),
        "{}",
        finished.output
    );
    assert!(
        finished.output.contains("hint: another process listens there"),
        "{}",
        finished.output
    );
}

#[test]
fn a_directory_that_does_not_exist_is_named() {
    for command in ["up", "render"] {
        let finished = viaduct(&[command, "/nonexistent/manifests"]);
        assert_eq!(finished.status.code(), Some(1), "{}", finished.output);
        assert!(
            finished.output.contains("error: ") && finished.output.contains("/nonexistent/manifests"),
            "{}",
            finished.output
        );
    }
}

#[test]
fn usage_errors_exit_with_2_and_say_what_to_write() {
    for (arguments, message) in [
        (&["up", "DIR", "--entrypoint", "8443"][..], "NAME=ADDR"),
        (&["up"], "<DIR>"),
        (&["render", "DIR", "--format", "toml"], "yaml"),
        (&["fly"], "unrecognized subcommand"),
    ] {
        let finished = viaduct(arguments);
        assert_eq!(
            finished.status.code(),
            Some(2),
            "{arguments:?}: {}",
            finished.output
        );
        assert!(
            finished.output.contains(message),
            "{arguments:?}: {}",
            finished.output
        );
    }
}

/// `viaduct sidecar` in front of `origin`, with certificate files in `directory`.
fn sidecar(directory: &tempfile::TempDir, origin: &Origin, more: &[&str]) -> Running {
    let mut command = Command::new(BINARY);
    command
        .args([
            "sidecar",
            "--listen",
            "127.0.0.1:0",
            "--to",
            &format!("http://{}", origin.address()),
        ])
        .arg("--cert")
        .arg(directory.path().join("server.crt"))
        .arg("--key")
        .arg(directory.path().join("server.key"))
        .args(more);
    Running::start(&mut command, 1)
}

#[test]
fn sidecar_forwards_with_the_headers_of_the_flows_nginx_and_takes_renewed_certificates() {
    let ca = Ca::new("Backend CA");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let first = ca.issue(Leaf::server(HOST));
    first.write_to(directory.path(), "server");
    let origin = Origin::http(echo);
    let sidecar = sidecar(&directory, &origin, &[]);
    let address = sidecar.only_address();
    let mut connection = Connection::new(Dial::new(address, &ca).open(HOST));
    connection.send(format!(
        "GET /side HTTP/1.1\r\nHost: {HOST}:8443\r\nX-Forwarded-For: 203.0.113.1\r\n\r\n"
    ));
    assert_eq!(connection.response().expect("an answer").status, 200);
    let request = origin.wait_request("/side");
    assert_eq!(
        request.header("host"),
        Some(format!("{HOST}:8443").as_str()),
        "$http_host"
    );
    assert_eq!(request.header("x-forwarded-host"), Some(HOST), "$host");
    assert_eq!(request.header("x-forwarded-server"), Some(HOST), "$host");
    assert_eq!(request.header("x-forwarded-proto"), Some("https"), "$scheme");
    assert_eq!(
        request.header("x-forwarded-for"),
        Some("203.0.113.1, 127.0.0.1"),
        "$proxy_add_x_forwarded_for"
    );

    let second = ca.issue(Leaf::server(HOST));
    second.write_to(directory.path(), "server");
    wait_until("the renewed certificate", || {
        Dial::new(address, &ca)
            .open(HOST)
            .conn
            .peer_certificates()
            .and_then(<[_]>::first)
            == Some(&second.der)
    });
    assert_eq!(
        connection.get(HOST, "/still").status,
        200,
        "open connections go on"
    );
}

#[test]
fn sidecar_with_a_client_ca_demands_a_certificate() {
    let (ca, client_ca) = (Ca::new("Backend CA"), Ca::new("Client CA"));
    let directory = tempfile::tempdir().expect("a temporary directory");
    ca.issue(Leaf::server(HOST)).write_to(directory.path(), "server");
    let client_ca_file = client_ca
        .write_to(directory.path(), "client-ca.crt")
        .display()
        .to_string();
    let origin = Origin::http(echo);
    let sidecar = sidecar(&directory, &origin, &["--client-ca", &client_ca_file]);
    let address = sidecar.only_address();
    let ingress = client_ca.issue(Leaf::client("ingress"));
    let mut connection = Connection::new(Dial::new(address, &ca).identity(&ingress).open(HOST));
    assert_eq!(connection.get(HOST, "/with").status, 200);
    if let Ok(stream) = Dial::new(address, &ca).connect(HOST) {
        let mut connection = Connection::new(stream);
        connection.send(format!("GET /without HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
        assert_eq!(connection.response(), None);
    }
    assert_eq!(origin.requests().len(), 1);
}

#[test]
fn sidecar_says_what_is_wrong_with_its_files() {
    let ca = Ca::new("Backend CA");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = |name: &str| directory.path().join(name).display().to_string();
    ca.issue(Leaf::server(HOST)).write_to(directory.path(), "one");
    ca.issue(Leaf::server(HOST)).write_to(directory.path(), "two");
    std::fs::write(path("junk"), "junk").expect("a file");
    for (cert, key, words) in [
        ("absent", "one.key", ["absent", "No such file"]),
        ("one.crt", "two.key", ["two.key", "does not belong"]),
        ("junk", "one.key", ["junk", "no certificate"]),
    ] {
        let finished = viaduct(&[
            "sidecar",
            "--listen",
            "127.0.0.1:0",
            "--cert",
            &path(cert),
            "--key",
            &path(key),
        ]);
        assert_eq!(finished.status.code(), Some(1), "{}", finished.output);
        for word in words {
            assert!(finished.output.contains(word), "`{word}` in: {}", finished.output);
        }
    }
}

#[test]
fn a11_2_the_three_access_log_formats() {
    let pki = Pki::new();
    let origin = Origin::http(echo);
    for (format, expected) in [
        ("common", r#""GET /logged HTTP/1.1" 200 "#),
        ("genericCLF", r#""GET /logged HTTP/1.1" 200 "#),
        ("json", r#""RequestPath":"/logged""#),
    ] {
        let viaduct = crate::fixture::up()
            .arg("--accesslog")
            .arg("--accesslog-format")
            .arg(format)
            .file("b.yaml", pki.edge_only(origin.port()).yaml())
            .start();
        assert_eq!(pki.open(&viaduct).get(HOST, "/logged").status, 200);
        let line = viaduct.wait_log("/logged");
        assert!(line.contains(expected), "{format}: {line}");
        let router = line.contains("web-web-ingressroute-");
        assert_eq!(router, format != "genericCLF", "{format}: {line}");
    }
}

#[test]
fn a1_6_sigusr1_opens_the_access_log_again() {
    let pki = Pki::new();
    let origin = Origin::http(echo);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (log, old) = (
        directory.path().join("access.log"),
        directory.path().join("access.log.1"),
    );
    let viaduct = crate::fixture::up()
        .arg(&format!("--accesslog={}", log.display()))
        .file("b.yaml", pki.edge_only(origin.port()).yaml())
        .start();
    let mentions =
        |file: &std::path::Path, text: &str| std::fs::read_to_string(file).unwrap_or_default().contains(text);
    assert_eq!(pki.open(&viaduct).get(HOST, "/before").status, 200);
    wait_until("the first line", || mentions(&log, "/before"));
    std::fs::rename(&log, &old).expect("rotating the log");
    viaduct.signal(Signal::USR1);
    wait_until("the log to be opened again", || log.exists());
    assert_eq!(pki.open(&viaduct).get(HOST, "/after").status, 200);
    wait_until("the next line in the new file", || mentions(&log, "/after"));
    assert!(!mentions(&old, "/after"));
}
