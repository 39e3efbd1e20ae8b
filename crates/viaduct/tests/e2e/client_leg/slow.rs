//! Clients that do not get on: every wait has a deadline (I5, CVE-2026-26999).

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::tls::dial_plain;
use viaduct_testkit::wait::wait_until;

use crate::fixture::{HOST, Pki, up};

#[test]
fn cve_2026_26999_a_handshake_that_does_not_end_is_cut_and_leaves_nothing_behind() {
    let pki = Pki::new();
    let viaduct = up()
        .file("r.yaml", pki.edge_only(Origin::http(|_| ok("")).port()).yaml())
        .start();
    assert_eq!(pki.curl(&viaduct).get(HOST, "/").status, 200);
    let before = viaduct.descriptors();
    // Nothing at all; a record without its body; half a ClientHello of 512 bytes.
    let half_hello = [&[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3][..], &[0; 100]].concat();
    let beginnings: [&[u8]; 3] = [b"", &[22, 3, 1, 2, 0], &half_hello];
    let started = Instant::now();
    let mut clients: Vec<TcpStream> = (0..60)
        .map(|number| {
            let mut socket = dial_plain(viaduct.websecure());
            socket
                .write_all(beginnings[number % 3])
                .expect("a socket that takes a few bytes");
            socket
        })
        .collect();
    for socket in &mut clients {
        // An alert or nothing, then the end.
        socket.read_to_end(&mut Vec::new()).unwrap_or_default();
    }
    let taken = started.elapsed();
    assert!(
        taken >= Duration::from_secs(9) && taken < Duration::from_secs(19),
        "10 s are given: {taken:?}"
    );
    drop(clients);
    wait_until("the descriptors to come back", || viaduct.descriptors() <= before);
    assert_eq!(pki.curl(&viaduct).get(HOST, "/").status, 200);
}
