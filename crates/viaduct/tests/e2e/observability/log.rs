//! The program's own log, as text and as objects.

use serde_json::Value;
use tempfile::TempDir;
use viaduct_testkit::child::Signal;
use viaduct_testkit::http1;
use viaduct_testkit::viaduct::Running;

use crate::fixture::root;

fn served(work: &TempDir, routes: &str, flags: &[&str]) -> Running {
    std::fs::write(work.path().join("routes.yml"), routes).expect("a file");
    Running::until_ready(
        root(work.path())
            .args([
                "--entrypoints.web.address=127.0.0.1:0",
                "--providers.file.filename=routes.yml",
                "--viaduct.workers=1",
            ])
            .args(flags),
    )
}

/// A line end and an escape sequence wherever a file can put them.
const HOSTILE: &str = r#"
http:
  routers:
    "r\nERROR forged by a router": {rule: 'Host(`a.example`)', service: "s\r\nERROR forged by a service"}
    named: {rule: 'Host(`b.example`)', service: gone, middlewares: ["m\u2028ERROR forged by a middleware"],
            entryPoints: ["e\nERROR forged by an entry point"]}
    broken: {rule: "Host(`c.example`\nERROR forged by a rule", service: gone}
    options: {rule: 'Host(`d.example`)', service: gone, tls: {options: "o\u001b[2J\u0007ERROR forged by options"}}
  services:
    gone: {loadBalancer: {servers: [{url: "http://127.0.0.1:9"}]}}
    "v\nERROR forged by a url": {loadBalancer: {servers: [{url: "x\nERROR forged"}]}}
"#;

#[test]
fn c67_no_name_forges_a_line_of_the_log() {
    let work = tempfile::tempdir().expect("a temporary directory");
    let mut running = served(&work, HOSTILE, &["--log.level=TRACE"]);
    for host in ["a.example", "b.example", "c.example", "d.example"] {
        http1::once(
            running.address("web"),
            format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        );
    }
    running.child().signal(Signal::TERM);
    running.child().wait_exit(std::time::Duration::from_secs(20));
    let log = running.child().output();
    for what in [
        "router",
        "service",
        "middleware",
        "entry point",
        "rule",
        "options",
        "url",
    ] {
        assert!(
            log.contains(&format!(
                "forged by a{} {what}",
                if what == "entry point" { "n" } else { "" }
            )) || log.contains(&format!("forged by {what}")),
            "{what} is not told:\n{log}"
        );
    }
    for line in log.lines() {
        assert!(!line.trim_start().starts_with("ERROR forged"), "{log}");
        assert!(!line.contains(['\u{1b}', '\u{7}', '\u{2028}']), "{line:?}");
    }
}

#[test]
pub(crate) fn a11_1_a_log_of_objects_is_one_from_its_first_line_to_its_last() {
    let work = tempfile::tempdir().expect("a temporary directory");
    let flags = [
        "--log.format=json",
        "--log.level=INFO",
        "--api.insecure",
        "--entrypoints.traefik.address=127.0.0.1:0",
    ];
    let mut running = served(&work, HOSTILE, &flags);
    running.child().signal(Signal::TERM);
    running.child().wait_exit(std::time::Duration::from_secs(20));
    let log = running.child().output();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    for line in &lines {
        assert!(line["time"].is_string() && line["message"].is_string(), "{line}");
    }
    let said = |level: &str, wanted: &str| {
        let mut lines = lines.iter();
        lines.any(|line| {
            line["level"] == level && line["message"].as_str().is_some_and(|text| text.contains(wanted))
        })
    };
    assert!(
        said("info", "entry point web listening on http://127.0.0.1:"),
        "{log}"
    );
    assert!(said("info", " ready"), "{log}");
    assert!(said("warn", "`api.insecure`"), "{log}");
}
