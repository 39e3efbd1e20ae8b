//! What one process may use up, and what happens then (R10, C47).

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use viaduct_testkit::http1::{self, Connection};
use viaduct_testkit::openssl::{handshake, s_client};
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::pki::{Ca, Leaf};
use viaduct_testkit::tls::{Dial, dial_plain};
use viaduct_testkit::viaduct::Up;
use viaduct_testkit::wait::wait_until;

use crate::fixture::{BINARY, HOST, Pki, up};

#[test]
fn r10_out_of_descriptors_those_who_are_in_are_served_and_the_others_wait() {
    let pki = Pki::new();
    let origin = Origin::http(|_| ok("served"));
    let directory = tempfile::tempdir().expect("a temporary directory");
    let limited = directory.path().join("viaduct");
    std::fs::write(
        &limited,
        format!("#!/bin/sh\nulimit -n 128\nexec {BINARY} \"$@\"\n"),
    )
    .expect("a script");
    std::fs::set_permissions(&limited, Permissions::from_mode(0o755)).expect("a script");
    let viaduct = Up::new(&limited)
        .arg("--workers=1")
        .file("r.yaml", pki.edge_only(origin.port()).yaml())
        .start();
    let mut inside = pki.open(&viaduct);
    assert_eq!(inside.get(HOST, "/before").status, 200);

    let crowd: Vec<_> = (0..200).map(|_| dial_plain(viaduct.web())).collect();
    wait_until("as many as may come in", || viaduct.descriptors() > 100);
    let (since, before) = (Instant::now(), viaduct.cpu_time());
    wait_until("a second", || since.elapsed() > Duration::from_secs(1));
    let used = viaduct.cpu_time() - before;
    assert!(
        used < Duration::from_millis(150),
        "{used:?} of CPU in a second of waiting"
    );
    assert!(viaduct.descriptors() < 128, "some are left");
    // Who is in is served, over a new connection to the backend too.
    assert_eq!(inside.get(HOST, "/during").status, 200);
    drop(crowd);
    let since = Instant::now();
    let answer = http1::once(
        viaduct.web(),
        "GET / HTTP/1.1\r\nHost: nobody.example.org\r\nConnection: close\r\n\r\n",
    );
    assert_eq!(answer.status, 404);
    assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
}

#[test]
fn c47_there_is_no_renegotiation() {
    let pki = Pki::new();
    let origin = Origin::http(|_| ok("served"));
    let viaduct = up().file("r.yaml", pki.edge_only(origin.port()).yaml()).start();
    let arguments = ["-tls1_2", "-servername", HOST];
    let output = s_client(viaduct.websecure(), &arguments[..], "R\n").output;
    assert!(
        output.contains("TLSv1.2") && !output.contains("HTTP/1.1 200"),
        "{output}"
    );
    assert!(
        handshake(viaduct.websecure(), &arguments)
            .output
            .contains("Cipher is ")
    );
}

#[test]
fn c47_a_client_chain_beyond_all_measure_is_refused() {
    let pki = Pki::new();
    let origin = Origin::http(|_| ok("served"));
    let ca = Ca::new("Client CA");
    let manifests = pki
        .base(origin.port())
        .secret("client-ca", &[("ca.crt", ca.pem())])
        .tls_option(
            "mutual",
            serde_json::json!({ "clientAuth": { "secretNames": ["client-ca"] } }),
        )
        .route(crate::fixture::secure_route("http").options("mutual"));
    let viaduct = up().file("r.yaml", manifests.yaml()).start();
    let mut someone = ca.issue(Leaf::client("someone"));
    let serves = |identity: &viaduct_testkit::pki::Issued| {
        let stream = Dial::new(viaduct.websecure(), &pki.edge_ca)
            .identity(identity)
            .connect(HOST);
        stream.is_ok_and(|stream| {
            let mut connection = Connection::new(stream);
            connection.send(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
            connection
                .response()
                .is_some_and(|response| response.status == 200)
        })
    };
    assert!(serves(&someone), "control");
    let leaf = someone.chain.first().cloned().expect("a leaf");
    someone.chain.extend(std::iter::repeat_n(leaf, 300));
    assert!(!serves(&someone), "more than 64 KiB of certificates");
}
