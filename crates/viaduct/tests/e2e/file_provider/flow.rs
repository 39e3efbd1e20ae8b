//! S11: end-to-end TLS from files alone.

use viaduct_testkit::curl::Curl;
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::pki::{Ca, Leaf};
use viaduct_testkit::tls;
use viaduct_testkit::wait::wait_until;

use super::Files;
use crate::fixture::HOST;

/// Client and backend leg, with a private CA and a client certificate on the second one.
const FLOW: &str = "
http:
  routers:
    web:
      rule: Host(`web.example.com`)
      service: backend
      entryPoints: [websecure]
      tls: {}
  services:
    backend:
      loadBalancer:
        serversTransport: backend
        servers:
        - url: 'https://{{ env \"BACKEND\" }}'
  serversTransports:
    backend:
      serverName: web.example.com
      rootCAs: [tls/backend-ca.pem]
      certificates:
      - certFile: tls/client.crt
        keyFile: tls/client.key
tls:
  certificates:
  - certFile: tls/front.crt
    keyFile: tls/front.key
";

#[test]
fn s11_the_flow_from_the_file_provider_alone() {
    let (edge_ca, backend_ca, clients) = (Ca::new("Edge CA"), Ca::new("Backend CA"), Ca::new("Clients"));
    let files = Files::new();
    let tls_files = files.path().join("tls");
    std::fs::create_dir(&tls_files).expect("a directory");
    edge_ca.issue(Leaf::server(HOST)).write_to(&tls_files, "front");
    clients
        .issue(Leaf::client("viaduct"))
        .write_to(&tls_files, "client");
    backend_ca.write_to(&tls_files, "backend-ca.pem");
    let backend = backend_ca.issue(Leaf::server(HOST));
    let origin = Origin::https(tls::server(&backend, &[], Some(&clients)), |_| {
        ok("over two bridges")
    });
    files.dynamic("flow.yaml", FLOW);
    let running = viaduct_testkit::viaduct::Running::until_ready(
        files
            .command(&["--providers.file.directory=dynamic"])
            .env("BACKEND", origin.address().to_string()),
    );
    let curl = Curl::secure(running.address("websecure"), edge_ca.pem());
    let answer = curl.get(HOST, "/");
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (200, "over two bridges"),
        "{}",
        answer.error
    );

    // The backend's certificate comes from another authority: nothing is forwarded until its CA is known.
    let next_ca = Ca::new("Next CA");
    let backend = next_ca.issue(Leaf::server(HOST));
    let next = Origin::https(tls::server(&backend, &[], Some(&clients)), |_| ok("rotated"));
    let moved = FLOW.replace("{{ env \"BACKEND\" }}", &next.address().to_string());
    files.dynamic("flow.yaml", &moved);
    wait_until("the new backend to be refused", || {
        curl.get(HOST, "/").status == 502
    });
    assert!(next.requests().is_empty());
    next_ca.write_to(&tls_files, "backend-ca.pem");
    wait_until("the new CA to be used", || curl.get(HOST, "/").body == "rotated");
}
