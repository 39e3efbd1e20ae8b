//! Clients that leave behind an early answer, inside their upload: nothing of them stays in memory.

use viaduct_testkit::h2::{self, Frame, flag, kind};
use viaduct_testkit::http1;
use viaduct_testkit::tls::dial_plain;
use viaduct_testkit::viaduct::Viaduct;
use viaduct_testkit::wait::wait_until;

use super::early::nowhere_with;
use crate::fixture::{HOST, Pki, up};

/// Lets `leave` happen `times`, and asserts that it costs less than `bound` for good.
#[track_caller]
fn costs_less(viaduct: &Viaduct, bound_kib: u64, times: usize, leave: impl Fn()) {
    // What the first ones cost is used again.
    for _ in 0..times / 4 {
        leave();
    }
    let before = viaduct.anonymous_kib();
    for _ in 0..times {
        leave();
    }
    wait_until(&format!("less than {bound_kib} KiB more"), || {
        viaduct.anonymous_kib() < before + bound_kib
    });
}

#[test]
fn c25_http1_clients_that_leave_behind_an_early_answer_leave_nothing_behind() {
    let pki = Pki::new();
    // On one thread: what each has at hand would blur the count.
    let viaduct = nowhere_with(&pki, up().arg("--workers=1"));
    // 2.5 KiB each, if anything is kept.
    costs_less(&viaduct, 2_500, 2_000, || {
        let mut client = http1::Connection::new(dial_plain(viaduct.web()));
        client.send(format!(
            "POST /nowhere HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1000\r\n\r\n"
        ));
        assert_eq!(client.response().map(|response| response.status), Some(404));
    });
}

#[test]
fn c25_http2_clients_that_leave_behind_early_answers_leave_nothing_behind() {
    let pki = Pki::new();
    // On one thread: what each has at hand would blur the count.
    let viaduct = nowhere_with(&pki, up().arg("--workers=1"));
    // 400 KiB each, if anything is kept.
    costs_less(&viaduct, 3_000, 20, || {
        let mut client = pki.open_h2(&viaduct);
        client.get(1, HOST, "/nowhere");
        assert_eq!(client.status(1), Ok(404));
        let streams = || (3..3 + 2 * 200).step_by(2);
        let upload = streams().flat_map(|stream| {
            let head = h2::block(&h2::request("POST", HOST, "/nowhere"));
            let head = Frame::new(kind::HEADERS, flag::END_HEADERS, stream, head);
            let data = Frame::new(kind::DATA, flag::NONE, stream, [b'd'; 200]);
            [head.bytes(), data.bytes()].concat()
        });
        client.raw(&upload.collect::<Vec<_>>());
        let mut answers = 0;
        client.find(|frame| {
            answers += usize::from(frame.kind == kind::HEADERS);
            (answers == streams().count()).then_some(())
        });
        assert_eq!(answers, streams().count());
        let more =
            streams().flat_map(|stream| Frame::new(kind::DATA, flag::NONE, stream, [b'd'; 250]).bytes());
        client.raw(&more.collect::<Vec<_>>());
    });
}
