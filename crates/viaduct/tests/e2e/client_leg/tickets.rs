//! Session tickets that are not what they say (C41, C42).

use std::path::Path;

use viaduct_testkit::openssl::s_client;
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::session::forge_ticket;
use viaduct_testkit::viaduct::Viaduct;

use crate::fixture::{HOST, Pki, up};

/// A request with these arguments; what the client says of it.
fn ask(viaduct: &Viaduct, arguments: &[&str]) -> String {
    let request = format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n");
    let arguments = [&["-servername", HOST], arguments].concat();
    s_client(viaduct.websecure(), &arguments, &request).output
}

fn save_session(viaduct: &Viaduct, file: &Path, version: &str) {
    let output = ask(viaduct, &["-sess_out", &file.display().to_string(), version]);
    assert!(output.contains("HTTP/1.1 200"), "{output}");
}

#[test]
fn c41_a_forged_ticket_is_a_full_handshake() {
    let pki = Pki::new();
    let origin = Origin::http(|_| ok("served"));
    let viaduct = up().file("b.yaml", pki.edge_only(origin.port()).yaml()).start();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("session");
    for version in ["-tls1_3", "-tls1_2"] {
        save_session(&viaduct, &file, version);
        let good = ask(&viaduct, &["-sess_in", &file.display().to_string(), version]);
        assert!(good.contains("Reused, "), "{version}: control\n{good}");
        for place in [0, 30, 60, 100] {
            save_session(&viaduct, &file, version);
            forge_ticket(&file, place);
            let forged = ask(&viaduct, &["-sess_in", &file.display().to_string(), version]);
            assert!(!forged.contains("Reused, "), "{version} at {place}\n{forged}");
            assert!(
                forged.contains("HTTP/1.1 200"),
                "{version} at {place}: a full handshake instead\n{forged}"
            );
        }
    }
}

#[test]
fn c42_a_ticket_of_one_version_is_none_for_the_other() {
    let pki = Pki::new();
    let origin = Origin::http(|_| ok("served"));
    let viaduct = up().file("b.yaml", pki.edge_only(origin.port()).yaml()).start();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("session");
    for (made, used) in [("-tls1_2", "-tls1_3"), ("-tls1_3", "-tls1_2")] {
        save_session(&viaduct, &file, made);
        let output = ask(&viaduct, &["-sess_in", &file.display().to_string(), used]);
        assert!(!output.contains("Reused, "), "{made} for {used}\n{output}");
    }
    assert!(ask(&viaduct, &[]).contains("HTTP/1.1 200"));
}
