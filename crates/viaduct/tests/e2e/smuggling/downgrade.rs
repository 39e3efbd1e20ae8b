//! What HTTP/2 can say and HTTP/1 cannot (security check C11).

use viaduct_testkit::h2;
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::tls::Dial;

use crate::fixture::{HOST, Pki, up};

#[test]
fn c11_ghsa_46wh_what_h2_can_say_and_h1_cannot() {
    let pki = Pki::new();
    let origin = Origin::http(|request| ok(&format!("answer to {}", request.target)));
    let viaduct = up()
        .arg("--workers=1")
        .file("b.yaml", pki.edge_only(origin.port()).yaml())
        .start();
    let base = h2::request("POST", HOST, "/outer");
    let open = || {
        h2::Connection::open(
            Dial::new(viaduct.websecure(), &pki.edge_ca)
                .alpn(&["h2"])
                .open(HOST),
        )
    };
    for (name, field) in [
        ("CR LF in value", ("x-a", "a\r\nx-b: b")),
        ("LF in value", ("x-a", "a\nGET /smuggled HTTP/1.1")),
        ("NUL in value", ("x-a", "a\0b")),
        ("transfer-encoding", ("transfer-encoding", "chunked")),
        ("connection", ("connection", "x-a")),
        ("colon in name", ("x-a: b\r\nx-c", "d")),
        ("upper case name", ("X-A", "b")),
        ("te that is not trailers", ("te", "gzip")),
        ("second :path", (":path", "/smuggled")),
        ("host that disagrees", ("host", "other.example.com")),
    ] {
        let mut connection = open();
        let mut fields = base.to_vec();
        fields.push(field);
        connection.headers(1, true, &fields);
        let outcome = connection.status(1);
        assert!(!matches!(outcome, Ok(200)), "{name}: {outcome:?}");
    }
    for (name, path) in [
        ("space", "/a b"),
        ("no slash", "outer"),
        ("CR LF", "/a HTTP/1.1\r\nX: y"),
        ("empty", ""),
    ] {
        let mut connection = open();
        connection.headers(1, true, &h2::request("GET", HOST, path));
        let outcome = connection.status(1);
        assert!(!matches!(outcome, Ok(200)), "path with {name}: {outcome:?}");
    }
    assert!(origin.requests().is_empty(), "{:?}", origin.requests());

    // A length that the DATA does not keep.
    for (name, declared, sent) in [
        ("less than declared", "10", "hello"),
        ("more than declared", "2", "hello"),
    ] {
        let mut connection = open();
        let mut fields = base.to_vec();
        fields.push(("content-length", declared));
        connection.headers(1, false, &fields);
        connection.send(&h2::Frame::new(h2::kind::DATA, h2::flag::END_STREAM, 1, sent));
        let outcome = connection.status(1);
        assert!(!matches!(outcome, Ok(200)), "{name}: {outcome:?}");
    }
    let mut connection = open();
    connection.get(1, HOST, "/canary");
    assert_eq!(connection.status(1), Ok(200));
    assert!(
        origin
            .requests()
            .iter()
            .all(|request| request.target == "/canary"),
        "{:?}",
        origin.requests()
    );
}
