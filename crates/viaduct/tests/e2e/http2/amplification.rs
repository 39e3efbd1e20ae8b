//! Few bytes on the wire that become many in memory (C25, CVE-2026-49975, CVE-2023-29013).

use viaduct_testkit::h2::{self, Frame, block, flag, kind};
use viaduct_testkit::http1;
use viaduct_testkit::tls::dial_plain;
use viaduct_testkit::wait::wait_until;

use super::Target;
use crate::fixture::HOST;

/// HEADERS and as many CONTINUATION frames as `block` takes.
fn request(stream: u32, block: &[u8]) -> Vec<u8> {
    let last = block.len().div_ceil(FRAME).saturating_sub(1);
    block
        .chunks(FRAME)
        .enumerate()
        .flat_map(|(number, piece)| {
            let (kind, flags) = match number {
                0 => (kind::HEADERS, flag::END_STREAM),
                _ => (kind::CONTINUATION, flag::NONE),
            };
            let end = if number == last {
                flag::END_HEADERS
            } else {
                flag::NONE
            };
            Frame::new(kind, flags | end, stream, piece).bytes()
        })
        .collect()
}

#[test]
fn c25_tiny_fields_on_every_stream_are_refused_before_they_add_up() {
    let mut target = Target::new();
    let mut connection = target.open();
    let mut first = block(&h2::request("GET", HOST, "/bomb"));
    // One entry of one byte for the table; named by one byte each time, it is 33 bytes of the list that the
    // limit is about, and a hundred in memory.
    first.extend([0x40, 1, b'a', 0]);
    let names = vec![0xbe; 25_000];
    first.extend(&names);
    let mut later = block(&h2::request("GET", HOST, "/bomb"));
    later.extend(&names);
    let mut all = request(1, &first);
    for stream in (3..500).step_by(2) {
        all.extend(request(stream, &later));
    }
    connection.raw(&all);
    let outcome = connection.status(1);
    assert!(!matches!(outcome, Ok(200)), "{outcome:?}");
    wait_until("all of it to be read, or the connection to end", || {
        !connection.raw(&Frame::new(kind::PING, flag::NONE, 0, [7; 8]).bytes())
            || connection
                .find(|frame| (frame.kind == kind::PING && frame.flags & flag::ACK != 0).then_some(()))
                .is_some()
    });
    let peak = target.viaduct.peak_resident_kib();
    let grown = peak.saturating_sub(target.idle_kib);
    assert!(
        grown < 64 * 1024,
        "{grown} KiB more than idle, of {} KiB sent",
        all.len() / 1024
    );
    assert!(target.origin.requests().is_empty());
    target.survives();
}

#[test]
fn c25_cookies_in_thousands_of_crumbs_are_refused() {
    let mut target = Target::new();
    let mut connection = target.open();
    let mut crumbs = block(&h2::request("GET", HOST, "/crumbs"));
    // `cookie` is entry 32 of the static table.
    crumbs.extend([0x60, 3, b'a', b'=', b'b']);
    crumbs.extend(vec![0xbe; 10_000]);
    connection.raw(&request(1, &crumbs));
    let outcome = connection.status(1);
    assert!(matches!(outcome, Ok(431) | Err(_)), "{outcome:?}");
    assert!(target.origin.requests().is_empty());
    target.survives();
}

#[test]
fn cve_2023_29013_heads_of_a_mebibyte_cost_about_as_much() {
    let mut target = Target::new();
    let long = "a".repeat(900 * 1024);
    let mut clients: Vec<_> = (0..16)
        .map(|_| {
            let mut client = http1::Connection::new(dial_plain(target.viaduct.web()));
            // Unfinished: what was read has to be kept.
            client.send(format!("GET /long HTTP/1.1\r\nHost: {HOST}\r\nX-Long: {long}"));
            client
        })
        .collect();
    for client in &mut clients {
        client.send("\r\n\r\n");
        assert_eq!(client.response().map(|response| response.status), Some(404));
    }
    let grown = target.viaduct.peak_resident_kib().saturating_sub(target.idle_kib);
    assert!(
        grown < 64 * 1024,
        "{grown} KiB more than idle for 16 MiB of heads"
    );
    target.survives();
}

#[test]
fn cve_2023_29013_hundreds_of_fields_are_served_and_thousands_refused() {
    let target = Target::new();
    for (fields, status) in [(400, 404), (5_000, 431)] {
        let lines: String = (0..fields).map(|number| format!("X-{number}: a\r\n")).collect();
        let answer = http1::once(
            target.viaduct.web(),
            format!("GET /fields HTTP/1.1\r\nHost: {HOST}\r\n{lines}\r\n"),
        );
        assert_eq!(answer.status, status, "{fields} fields");
    }
}

const FRAME: usize = 16 * 1024;
