//! A file, flags or the environment: each alone makes the process serve.

use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use viaduct_testkit::child::Signal;
use viaduct_testkit::http1;
use viaduct_testkit::viaduct::Running;

use crate::fixture::root;

fn directory() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

/// It listens where it was told, answers as Traefik without routers does, and ends when asked to.
#[track_caller]
fn serves(command: &mut Command) -> String {
    let mut running = Running::until_ready(command);
    let answer = http1::once(
        running.address("web"),
        "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
    );
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (404, "404 page not found\n")
    );
    running.child().signal(Signal::TERM);
    assert!(running.child().wait_exit(Duration::from_secs(11)).success());
    running.child().output()
}

#[test]
fn a1_1_a_yaml_file_of_the_search_path() {
    let work = directory();
    // Both kinds of configuration in one file: each loader has its own sections.
    let text = "entryPoints: {web: {address: '127.0.0.1:0'}}\nhttp: {routers: {}}\ntls: {}\n";
    std::fs::write(work.path().join("traefik.yml"), text).expect("a file");
    serves(&mut root(work.path()));
}

#[test]
fn a1_1_a_toml_file_by_name_wins_and_flags_beside_it_are_named() {
    let work = directory();
    std::fs::write(
        work.path().join("mine.toml"),
        "[entryPoints.web]\n  address = \"127.0.0.1:0\"\n[http.routers]\n",
    )
    .expect("a file");
    let told = serves(root(work.path()).args(["--configfile=mine.toml", "--ping", "--api.insecure=true"]));
    assert!(
        told.contains(
            "warning: flags such as `--ping` are ignored: the configuration is read from the file `mine.toml`"
        ),
        "{told}"
    );
}

#[test]
pub(crate) fn a1_2_flags() {
    let work = directory();
    let told =
        serves(root(work.path()).args(["--ENTRYPOINTS.web.address", "127.0.0.1:0", "--log.level=info"]));
    assert!(told.contains("configuration loaded from=flags"), "{told}");
}

#[test]
fn a1_3_environment_variables_of_either_prefix() {
    for prefix in ["TRAEFIK", "VIADUCT"] {
        let work = directory();
        let name = format!("{prefix}_ENTRYPOINTS_WEB_ADDRESS");
        serves(root(work.path()).env(name, "127.0.0.1:0"));
    }
}

#[test]
fn a1_8_options_without_effect_are_named_once_at_the_start() {
    let work = directory();
    let told = serves(root(work.path()).args([
        "--entrypoints.web.address=127.0.0.1:0",
        "--global.sendAnonymousUsage",
        "--experimental.fastProxy",
    ]));
    for option in ["--global.sendAnonymousUsage", "--experimental.fastProxy"] {
        assert_eq!(
            told.matches(&format!("warning: {option}: option has no effect: "))
                .count(),
            1,
            "{told}"
        );
    }
}

#[test]
fn a1_15_the_configuration_is_logged_at_debug_without_its_secrets() {
    let work = directory();
    let told = serves(root(work.path()).args([
        "--entrypoints.web.address=127.0.0.1:0",
        "--log.level=DEBUG",
        "--metrics.influxdb2.token=hush-hush",
        "--tracing.otlp.http.headers.authorization=hush-hush",
    ]));
    assert!(
        told.contains("install configuration") && told.contains("REDACTED"),
        "{told}"
    );
    assert!(!told.contains("hush-hush"), "{told}");
}

#[test]
pub(crate) fn a11_2_the_access_log_is_that_of_the_options() {
    let work = directory();
    serves(root(work.path()).args([
        "--entrypoints.web.address=127.0.0.1:0",
        "--accesslog.filepath=access.log",
        "--accesslog.format=json",
    ]));
    let log = std::fs::read_to_string(work.path().join("access.log")).expect("an access log");
    let line: serde_json::Value = serde_json::from_str(log.trim()).expect("one line of JSON");
    assert_eq!(line["DownstreamStatus"], 404);
    assert_eq!(line["entryPointName"], "web");
}
