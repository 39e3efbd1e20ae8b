//! Websockets between a usual client and a usual server (A13.2, S9).

use viaduct_testkit::nginx::Nginx;
use viaduct_testkit::python::{self, Module};

use crate::fixture::{HOST, Pki, up};

const SERVER: &str = include_str!("../scripts/websocket_server.py");
const CLIENT: &str = include_str!("../scripts/websocket_client.py");

#[test]
fn s9_websocket_messages_of_every_size_pass_the_bridge_and_the_sidecar() {
    let pki = Pki::new();
    let server = python::server(Module::Websockets, SERVER, &[]);
    let port: u16 = server
        .find_line(|line| line.strip_prefix("port ")?.parse().ok())
        .unwrap_or_else(|| panic!("the websocket server did not start:\n{}", server.output()));
    // The published sidecar forwards no upgrades; this is its location with the two lines that do.
    let nginx = Nginx::server(
        &pki.backend,
        &format!(
            "location / {{ proxy_pass http://127.0.0.1:{port}; proxy_http_version 1.1; \
             proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; }}"
        ),
    );
    let viaduct = up().file("b.yaml", pki.bridge(nginx.port()).yaml()).start();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let ca = pki
        .edge_ca
        .write_to(directory.path(), "ca.crt")
        .display()
        .to_string();
    let address = viaduct.websecure().port().to_string();
    let client = python::script(Module::Websockets, CLIENT, &[&address, HOST, &ca]);
    assert!(client.status.success(), "{}\n{}", client.output, viaduct.log());
    assert!(
        client.output.contains("all messages came back"),
        "{}",
        client.output
    );
    assert_eq!(viaduct.wait_access("/socket").status(), 101);
}
