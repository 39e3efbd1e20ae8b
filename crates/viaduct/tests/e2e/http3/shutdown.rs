//! How an HTTP/3 connection ends: drain, limits on its life, silence (R19).

use std::sync::mpsc::sync_channel;
use std::time::Duration;

use viaduct_testkit::origin::{Origin, ok};

use super::{edge, peer};
use crate::fixture::Pki;

#[test]
fn r19_a_request_in_flight_is_answered_and_the_client_told_to_go() {
    let pki = Pki::new();
    let (asked, was_asked) = sync_channel(1);
    let origin = Origin::script(move |wire| {
        let mut buffer = [0; 4096];
        let _read = wire.read(&mut buffer);
        let (answer, may_answer) = sync_channel::<()>(0);
        let _told = asked.send(answer);
        let _goes = may_answer.recv();
        let _sent = wire.write_all(&ok("in time"));
        while wire.read(&mut buffer).is_ok_and(|read| read > 0) {}
    });
    let mut viaduct = edge(&pki, &origin);
    let files = tempfile::tempdir().expect("a temporary directory");
    let flag = files.path().join("told").display().to_string();
    let scenario = r#"
peer = Peer()
stream = peer.ask("/slow")
# Told first that no more requests are wanted, then from which on none was served.
check(peer.until(lambda: len(peer.goaway()) == 2), True, peer.goaway())
first, last = peer.goaway()
check((first > 1 << 60, last), (True, stream + 4))
late = peer.quic.get_next_available_stream_id()
peer.h3.send_headers(late, peer.head("/late"), True)
answer = peer.answer(late)
check(peer.until(lambda: answer.over), True)
check(answer.reset, 0x10b, answer)
open(MORE[0], "w").close()
check(peer.wait(stream).body, b"in time")
check(peer.until(lambda: peer.ended), True)
check(peer.ended.error_code, 0x100, peer.ended)
"#;
    std::thread::scope(|scope| {
        let client = scope.spawn(|| peer(&pki, &viaduct, scenario, &[&flag]));
        let answer = was_asked
            .recv_timeout(Duration::from_secs(20))
            .expect("the request");
        viaduct.terminate();
        viaduct_testkit::wait::wait_until("the client to be told", || std::path::Path::new(&flag).exists());
        drop(answer);
        client.join().expect("the client");
    });
    assert!(viaduct.wait_exit(Duration::from_secs(15)).success());
    assert_eq!(origin.connections(), 1);
}

#[test]
fn r19_an_idle_client_is_sent_away_and_newcomers_are_refused() {
    let pki = Pki::new();
    let origin = Origin::http(|_| ok(""));
    let mut viaduct = edge(&pki, &origin);
    let files = tempfile::tempdir().expect("a temporary directory");
    let flag = files.path().join("served").display().to_string();
    let scenario = r#"
peer = Peer()
check(peer.get("/").status, 200)
open(MORE[0], "w").close()
check(peer.until(lambda: peer.ended), True)
check((peer.ended.error_code, peer.goaway()[-1]), (0x100, 4), peer.ended)
"#;
    std::thread::scope(|scope| {
        let client = scope.spawn(|| peer(&pki, &viaduct, scenario, &[&flag]));
        viaduct_testkit::wait::wait_until("the client to be served", || std::path::Path::new(&flag).exists());
        viaduct.terminate();
        client.join().expect("the client");
    });
    assert!(viaduct.wait_exit(Duration::from_secs(5)).success());
}
