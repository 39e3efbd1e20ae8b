//! The operating system's roots. They are read once per process and found through the environment, so each
//! case runs in a process of its own: this very test again, with other variables.

use std::path::Path;
use std::process::Command;

use viaduct_testkit::pki::{Ca, Issued, Leaf};
use viaduct_tls::{BackendPolicy, Reason};

use crate::memory::{connect, endpoint, plain_server};

#[test]
fn a14_1_system_roots_are_those_of_the_environment_and_none_trusts_nobody() {
    if let Some(dir) = std::env::var_os(SERVER) {
        return in_child(Path::new(&dir));
    }
    let dir = tempfile::tempdir().expect("a directory");
    let ca = Ca::new("Company CA");
    ca.issue(Leaf::server("web.example.com"))
        .write_to(dir.path(), "server");
    ca.write_to(dir.path(), "company.pem");
    Ca::new("Other CA").write_to(dir.path(), "other.pem");
    std::fs::write(dir.path().join("empty.pem"), "").expect("a file");
    for (roots, expected) in [
        ("company.pem", "verified"),
        ("other.pem", Reason::UnknownCa.code()),
        ("empty.pem", Reason::CaMissing.code()),
        ("absent.pem", Reason::CaMissing.code()),
    ] {
        let child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "--nocapture"])
            .arg("system_trust::a14_1_system_roots_are_those_of_the_environment_and_none_trusts_nobody")
            .env(SERVER, dir.path())
            .env("SSL_CERT_FILE", dir.path().join(roots))
            .env_remove("SSL_CERT_DIR")
            .output()
            .expect("a child process");
        let said = String::from_utf8_lossy(&child.stdout);
        assert!(
            said.contains(&format!("outcome: {expected}\n")),
            "{roots}: {said}"
        );
    }
}

#[expect(clippy::print_stdout, reason = "the parent process reads it")]
fn in_child(dir: &Path) {
    let read = |name: &str| std::fs::read_to_string(dir.join(name)).expect("a file of the parent");
    let (chain_pem, key_pem) = (read("server.crt"), read("server.key"));
    let server = Issued {
        cert_pem: chain_pem.clone(),
        chain_pem,
        key_pem,
        ..Leaf::server("unused").self_signed()
    };
    let outcome = connect(
        &endpoint(BackendPolicy::default(), "web.example.com"),
        &plain_server(&server),
    );
    println!(
        "outcome: {}",
        outcome.map_or_else(|fault| fault.reason.code(), |_| "verified")
    );
}

const SERVER: &str = "VIADUCT_TEST_SERVER_DIRECTORY";
