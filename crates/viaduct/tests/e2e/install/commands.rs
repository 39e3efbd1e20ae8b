//! `options`, `healthcheck`, `--help`.

use std::collections::BTreeSet;
use std::net::TcpListener;

use viaduct_testkit::child::{Finished, run};
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::viaduct::Running;

use crate::fixture::root;

#[track_caller]
fn viaduct(arguments: &[&str]) -> Finished {
    let work = tempfile::tempdir().expect("a temporary directory");
    run(root(work.path()).args(arguments), b"")
}

#[test]
fn a1_2_options_tells_what_becomes_of_each_option_of_traefik() {
    let finished = viaduct(&["options"]);
    assert!(finished.status.success(), "{}", finished.output);
    let mut names = BTreeSet::new();
    for line in finished.output.lines() {
        let (name, disposition) = line.split_once('\t').unwrap_or_else(|| panic!("{line}"));
        let reasoned = ["accepted: ", "refused: "]
            .iter()
            .any(|word| disposition.strip_prefix(word).is_some_and(|why| !why.is_empty()));
        assert!(disposition == "supported" || reasoned, "{line}");
        assert!(names.insert(name), "{name} twice");
        assert_eq!(name, name.to_lowercase());
    }
    assert_eq!(names.len(), 538, "the options of Traefik v3.7");
    for name in [
        "entrypoints._name_.address",
        "entrypoints._name_.http.tls.domains[0].main",
    ] {
        assert!(names.contains(name), "{name}");
    }
}

#[test]
fn a1_2_help_begins_with_the_usage_and_has_groups_and_examples() {
    for arguments in [&["--help"][..], &["--api", "--help"], &["-h"]] {
        let finished = viaduct(arguments);
        assert!(finished.status.success(), "{}", finished.output);
        assert!(
            finished.output.starts_with("Usage: viaduct ["),
            "{}",
            finished.output
        );
        for part in [
            "Commands:",
            "Entry points:",
            "Providers:",
            "Examples:",
            "healthcheck",
        ] {
            assert!(finished.output.contains(part), "{part}:\n{}", finished.output);
        }
        let widest = finished.output.lines().map(|line| line.chars().count()).max();
        assert!(widest.is_some_and(|width| width <= 110), "{widest:?}");
    }
}

/// Asks an entry point `web` at `address`.
#[track_caller]
fn health(address: &str) -> Finished {
    let entry_point = format!("--entrypoints.web.address={address}");
    viaduct(&["healthcheck", &entry_point, "--ping.entrypoint=web"])
}

#[test]
fn a1_5_healthcheck_is_0_for_a_200_from_ping_and_1_for_anything_else() {
    let well = Origin::http(|_| ok(""));
    let finished = health(&well.address().to_string());
    assert_eq!(finished.output, format!("OK: http://{}/ping", well.address()));
    assert!(finished.status.success());
    let asked = well.wait_request("/ping");
    assert_eq!(asked.method, "HEAD");

    let ending = Origin::http(|_| b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n".to_vec());
    let finished = health(&ending.address().to_string());
    assert_eq!(
        finished.output,
        format!(
            "error: bad health check status: 503 Service Unavailable from http://{}/ping",
            ending.address()
        )
    );
    assert_eq!(finished.status.code(), Some(1));

    let free = TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a port");
    let finished = health(&free.to_string());
    assert_eq!(
        finished.output,
        format!("error: cannot ask http://{free}/ping\n  cause: Connection refused (os error 111)")
    );
    assert_eq!(finished.status.code(), Some(1));
}

#[test]
pub(crate) fn a1_5_healthcheck_of_the_real_process() {
    let work = tempfile::tempdir().expect("a temporary directory");
    let flags = ["--entrypoints.web.address=127.0.0.1:0", "--ping.entrypoint=web"];
    let running = Running::until_ready(root(work.path()).args(flags));
    let finished = health(&running.address("web").to_string());
    assert!(finished.status.success(), "{}", finished.output);
}

#[test]
fn a1_5_healthcheck_without_ping_says_what_to_do() {
    let finished = viaduct(&["healthcheck"]);
    assert_eq!(finished.status.code(), Some(1));
    assert_eq!(
        finished.output,
        "error: ping is not enabled in the configuration, so there is nothing to ask
  hint: start the process and the health check with `--ping`, or with the same configuration file"
    );
    let finished = viaduct(&["healthcheck", "--ping", "--ping.entrypoint=nowhere"]);
    assert_eq!(finished.output, "error: ping: there is no entry point `nowhere`");
}
