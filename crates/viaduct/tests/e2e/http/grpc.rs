//! gRPC by its usual library, on both sides: unary calls, streams, statuses in trailers (A13.2, S9).

use viaduct_testkit::manifest::Manifests;
use viaduct_testkit::python::{self, Module};

use crate::fixture::{HOST, Pki, secure_route, up};

const SERVER: &str = include_str!("../scripts/grpc_server.py");
const CLIENT: &str = include_str!("../scripts/grpc_client.py");

/// Runs every kind of call against a server that is started with `arguments`.
fn calls(pki: &Pki, arguments: &[&str], manifests: impl Fn(u16) -> Manifests) {
    let server = python::server(Module::Grpc, SERVER, arguments);
    let port: u16 = server
        .find_line(|line| line.strip_prefix("port ")?.parse().ok())
        .unwrap_or_else(|| panic!("the gRPC server did not start:\n{}", server.output()));
    let viaduct = up().file("b.yaml", manifests(port).yaml()).start();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let ca = pki
        .edge_ca
        .write_to(directory.path(), "ca.crt")
        .display()
        .to_string();
    let client = python::script(
        Module::Grpc,
        CLIENT,
        &[&viaduct.websecure().to_string(), HOST, &ca],
    );
    assert!(client.status.success(), "{}\n{}", client.output, viaduct.log());
    assert!(
        client.output.contains("every call was answered"),
        "{}",
        client.output
    );
}

#[test]
fn s9_grpc_over_a_verified_bridge() {
    let pki = Pki::new();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let files = pki.backend.write_to(directory.path(), "server");
    let (cert, key) = (files.cert.display().to_string(), files.key.display().to_string());
    calls(&pki, &[&cert, &key], |port| pki.bridge(port));
}

#[test]
fn a6_15_grpc_to_an_h2c_server() {
    let pki = Pki::new();
    calls(&pki, &[], |port| pki.base(port).route(secure_route("h2c")));
}
