//! Backends that lie, and clients that leave (security checks C10, C12).

use viaduct_testkit::http1::{self, Connection};
use viaduct_testkit::manifest::Route;
use viaduct_testkit::origin::{Origin, Wire, ok};
use viaduct_testkit::tls::dial_plain;

use crate::fixture::{BACKEND, HOST, Pki, RULE, up};

#[test]
fn c10_a_lying_backend_harms_its_own_request_only() {
    let lies: &[(&str, &[u8])] = &[
        (
            "CL twice",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        ),
        (
            "CL not a number",
            b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nab",
        ),
        (
            "bad chunk",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n",
        ),
        ("header without colon", b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n"),
        ("no status", b"HTTP/1.1 OK\r\n\r\n"),
        ("HTTP/0.9", b"hello"),
        (
            "extra bytes",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL",
        ),
        (
            "204 with body",
            b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL",
        ),
        (
            "304 with body",
            b"HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nEVIL",
        ),
    ];
    let pki = Pki::new();
    for &(name, lie) in lies {
        let liar = Origin::script(move |wire: Wire<'_>| {
            while wire.read(&mut [0; 4096]).is_ok_and(|count| count > 0) {
                wire.write_all(lie).unwrap_or_default();
            }
        });
        let honest = Origin::http(|_| ok("honest"));
        let manifests = pki
            .base(liar.port())
            .backend("honest", honest.port())
            .route(Route::plain("liar", RULE, BACKEND, "http"))
            .route(Route::plain(
                "honest",
                "Host(`honest.example.com`)",
                "honest",
                "http",
            ));
        let viaduct = up().arg("--workers=1").file("b.yaml", manifests.yaml()).start();
        for path in ["/one", "/two", "/three"] {
            let mut client = Connection::new(dial_plain(viaduct.web()));
            client.send(format!(
                "GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"
            ));
            if let Some(response) = client.response() {
                assert!(!response.text().contains("EVIL"), "{name}: {response:?}");
                assert!(!response.text().starts_with("HTTP/"), "{name}: {response:?}");
            }
        }
        let other = http1::once(
            viaduct.web(),
            "GET / HTTP/1.1\r\nHost: honest.example.com\r\nConnection: close\r\n\r\n",
        );
        assert_eq!(other.text(), "honest", "{name}");
    }
}

#[test]
fn c10_a_storm_of_interim_answers_ends() {
    let pki = Pki::new();
    let origin = Origin::script(|wire: Wire<'_>| {
        wire.read(&mut [0; 4096]).unwrap_or_default();
        // More than any honest server sends; the proxy hangs up long before.
        for _ in 0..2_000_000 {
            if wire
                .write_all(b"HTTP/1.1 103 Early Hints\r\nX-A: b\r\n\r\n")
                .is_err()
            {
                return;
            }
        }
    });
    let timeout = serde_json::json!({ "forwardingTimeouts": { "responseHeaderTimeout": "2s" } });
    let manifests = pki
        .base(origin.port())
        .transport(crate::fixture::TRANSPORT, timeout)
        .route(Route::plain("plain", RULE, BACKEND, "http").transport(crate::fixture::TRANSPORT));
    let viaduct = up().file("b.yaml", manifests.yaml()).start();
    let mut client = Connection::new(dial_plain(viaduct.web()));
    client.send(format!(
        "GET /storm HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"
    ));
    let status = client.final_response().map(|response| response.status);
    assert!(matches!(status, Some(502 | 504) | None), "{status:?}");
    assert!(viaduct.resident_kib() < 256 * 1024);
}

#[test]
fn c12_a_client_that_leaves_in_the_middle_costs_nothing_more() {
    let pki = Pki::new();
    let origin = Origin::script(|wire: Wire<'_>| {
        wire.read(&mut [0; 4096]).unwrap_or_default();
        let chunk = [b"10000\r\n".as_slice(), &[b'x'; 0x10000], b"\r\n"].concat();
        wire.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            .unwrap_or_default();
        while wire.write_all(&chunk).is_ok() {}
    });
    let viaduct = up().file("b.yaml", pki.edge_only(origin.port()).yaml()).start();
    for _ in 0..20 {
        let mut connection = pki.open(&viaduct);
        connection.send(format!("GET /endless HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
        connection.exactly(100_000).expect("some of the body");
    }
    viaduct_testkit::wait::wait_until("every exchange to end", || {
        viaduct
            .access_log()
            .iter()
            .filter(|entry| entry.text("RequestPath") == "/endless")
            .count()
            == 20
    });
    let (start, before) = (std::time::Instant::now(), viaduct.cpu_time());
    viaduct_testkit::wait::wait_until("half a second", || start.elapsed().as_millis() >= 500);
    let used = viaduct.cpu_time() - before;
    assert!(
        used.as_millis() < 200,
        "{used:?} of CPU in half a second of silence"
    );
}

#[test]
fn c10_http2_clients_of_a_lying_backend_get_one_clear_answer_or_an_error() {
    // What the client is to get; nothing: an error.
    type Wanted = Option<(u16, &'static str)>;
    let lies: &[(&str, &[u8], Wanted)] = &[
        (
            "204 with a length",
            b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
            Some((204, "")),
        ),
        (
            "a length beside chunks",
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            Some((200, "hello")),
        ),
        (
            "chunks beside a length",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 30\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            Some((200, "hello")),
        ),
        (
            "an unknown coding",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\nhello",
            Some((502, "Bad Gateway")),
        ),
        (
            "fewer bytes than announced",
            b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\nhello",
            None,
        ),
    ];
    let pki = Pki::new();
    for &(name, lie, wanted) in lies {
        let origin = Origin::script(move |wire: Wire<'_>| {
            wire.read(&mut [0; 4096]).unwrap_or_default();
            wire.write_all(lie).unwrap_or_default();
        });
        let viaduct = up().file("b.yaml", pki.edge_only(origin.port()).yaml()).start();
        let answer = pki.curl(&viaduct).request(HOST, "/", &["--http2"]);
        match wanted {
            Some((status, body)) => assert_eq!(
                (
                    answer.exit,
                    answer.http_version.as_str(),
                    answer.status,
                    answer.body.as_str()
                ),
                (0, "2", status, body),
                "{name}: {answer:?}"
            ),
            None => assert_ne!(answer.exit, 0, "{name}: {answer:?}"),
        }
    }
}

#[test]
fn c12_a_backend_that_talks_without_end_is_hung_up_on() {
    let pki = Pki::new();
    let chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let preface = [&[0, 0, 0, 4, 0, 0, 0, 0, 0][..]].concat();
    let pings = [&[0, 0, 8, 6, 0, 0, 0, 0, 0][..], b"pingping"].concat();
    let updates = [0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let cases: [(&str, &str, Vec<u8>, Vec<u8>); 4] = [
        (
            "interim answers",
            "http",
            Vec::new(),
            b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(1000),
        ),
        (
            "a chunk size of zeros",
            "http",
            chunks.to_vec(),
            vec![b'0'; 64 * 1024],
        ),
        ("PING", "h2c", preface.clone(), pings.repeat(1000)),
        ("WINDOW_UPDATE", "h2c", preface, updates.repeat(5000)),
    ];
    for (name, scheme, opening, noise) in cases {
        let (told, heard) = std::sync::mpsc::sync_channel(4);
        let told = std::sync::Mutex::new(told);
        let origin = Origin::script(move |wire: Wire<'_>| {
            wire.read(&mut [0; 4096]).unwrap_or_default();
            wire.write_all(&opening).unwrap_or_default();
            // Its answers are read, or it would have to stop.
            let mut socket = wire.socket().try_clone().expect("a socket");
            std::thread::spawn(move || std::io::copy(&mut socket, &mut std::io::sink()));
            let mut said = 0;
            while wire.write_all(&noise).is_ok() && said < 1 << 30 {
                said += noise.len();
            }
            if let Ok(told) = told.lock() {
                told.send(said).unwrap_or_default();
            }
        });
        let manifests = pki
            .base(origin.port())
            .route(Route::plain("plain", RULE, BACKEND, scheme));
        let viaduct = up().arg("--workers=1").file("b.yaml", manifests.yaml()).start();
        let mut client = Connection::new(dial_plain(viaduct.web()));
        client.send(format!("GET /endless HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
        let said = heard
            .recv_timeout(std::time::Duration::from_secs(60))
            .unwrap_or_else(|_| panic!("{name}: it was listened to for ever"));
        assert!(said < 64 << 20, "{name}: {said} bytes were listened to");
        if scheme == "http" {
            viaduct.wait_access("/endless");
        } else {
            let answer = client.response().map(|response| response.status);
            assert_eq!(answer, Some(502), "{name}");
            assert_eq!(viaduct.wait_access("/endless").fault(), "bad_response", "{name}");
        }
    }
}
