//! HTTP/3, with aioquic as the client (A2.10, C30 to C34).

mod hostile;
pub(crate) mod limits;
mod messages;
mod options;
mod shutdown;

use std::net::SocketAddr;

use viaduct_testkit::child::Finished;
use viaduct_testkit::origin::Origin;
use viaduct_testkit::python::{self, Module};
use viaduct_testkit::viaduct::Viaduct;

use crate::fixture::{HOST, Pki, up};

const PEER: &str = include_str!("scripts/h3_peer.py");

/// Runs `scenario` with the client in `PEER`; `more` is its `MORE`.
#[track_caller]
fn peer(pki: &Pki, viaduct: &Viaduct, scenario: &str, more: &[&str]) -> String {
    let finished = run(pki, viaduct.websecure(), scenario, more);
    assert!(
        finished.status.success(),
        "{}\n{}",
        finished.output,
        viaduct.log()
    );
    finished.output
}

fn run(pki: &Pki, address: SocketAddr, scenario: &str, more: &[&str]) -> Finished {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let ca = pki
        .edge_ca
        .write_to(directory.path(), "ca.crt")
        .display()
        .to_string();
    let address = address.to_string();
    let mut arguments = vec![address.as_str(), ca.as_str(), HOST];
    arguments.extend(more);
    python::script(Module::Aioquic, &format!("{PEER}{scenario}"), &arguments)
}

/// HTTP/3 in front of a plain backend.
fn edge(pki: &Pki, origin: &Origin) -> Viaduct {
    up().http3()
        .file("r.yaml", pki.edge_only(origin.port()).yaml())
        .start()
}
