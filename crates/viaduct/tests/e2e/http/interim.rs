//! 1xx answers and `Expect: 100-continue` (A13.2, C8).

use viaduct_testkit::origin::{Origin, Wire, ok};

use crate::fixture::{HOST, Pki, up};

#[test]
fn a13_2_expect_continue_is_answered_before_the_body_is_sent() {
    let pki = Pki::new();
    let origin = Origin::http(|request| ok(&String::from_utf8_lossy(&request.body)));
    let viaduct = up().file("b.yaml", pki.edge_only(origin.port()).yaml()).start();
    let mut connection = pki.open(&viaduct);
    connection.send(format!(
        "POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
    ));
    assert_eq!(connection.response().expect("an interim answer").status, 100);
    connection.send("body");
    let response = connection.response().expect("an answer");
    assert_eq!((response.status, response.text().as_str()), (200, "body"));
    assert_eq!(
        connection.get(HOST, "/next").status,
        200,
        "the connection goes on"
    );
}

#[test]
fn c8_a_final_answer_instead_of_continue_leaves_no_body_to_be_taken_for_a_request() {
    let pki = Pki::new();
    // Answers on the head alone, and closes.
    let origin = Origin::script(|wire: Wire<'_>| {
        let mut seen: Vec<u8> = Vec::new();
        let mut bytes = [0; 4096];
        while !seen.windows(4).any(|window| window == b"\r\n\r\n") {
            match wire.read(&mut bytes) {
                Ok(count) if count > 0 => seen.extend(bytes.iter().take(count)),
                _ => return,
            }
        }
        wire.write_all(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            .unwrap_or_default();
    });
    let viaduct = up().file("b.yaml", pki.edge_only(origin.port()).yaml()).start();
    let mut connection = pki.open(&viaduct);
    let smuggled = format!("GET /smuggled HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    connection.send(format!(
        "POST /big HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        smuggled.len()
    ));
    let mut response = connection.response().expect("an answer");
    if response.status == 100 {
        connection.send(&smuggled);
        response = connection.response().expect("an answer");
    } else {
        connection.send(&smuggled);
    }
    assert_eq!(response.status, 413);
    // Either the connection is over, or the body was taken for a body.
    assert!(connection.closed());
    let log = viaduct.access_log();
    assert!(
        log.iter().all(|entry| entry.text("RequestPath") != "/smuggled"),
        "{log:?}"
    );
}

#[test]
fn a13_2_interim_answers_of_the_backend_do_not_disturb_the_final_one() {
    let pki = Pki::new();
    let origin = Origin::http(|_| {
        let mut answer = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n".to_vec();
        answer.extend(ok("final"));
        answer
    });
    let viaduct = up().file("b.yaml", pki.edge_only(origin.port()).yaml()).start();
    let mut connection = pki.open(&viaduct);
    connection.send(format!("GET /hints HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
    let mut statuses = Vec::new();
    let last = loop {
        let response = connection.response().expect("an answer");
        statuses.push(response.status);
        if response.status >= 200 {
            break response;
        }
        assert_eq!(response.header("link"), Some("</style.css>; rel=preload"));
    };
    assert_eq!((last.status, last.text().as_str()), (200, "final"));
    assert!(matches!(statuses.as_slice(), [103, 200] | [200]), "{statuses:?}");
    assert_eq!(
        connection.get(HOST, "/next").status,
        if statuses.len() == 2 { 103 } else { 200 }
    );
}
