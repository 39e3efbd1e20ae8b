//! What a client may send, or not send, without harm (C20 to C34).

use viaduct_testkit::origin::{Origin, ok};

use super::{edge, peer};
use crate::fixture::Pki;

/// More than what was resident before; what a fault may cost at most.
const ROOM_KIB: u64 = 64 * 1024;

#[test]
fn c30_header_blocks_are_bounded_one_by_one_and_together() {
    let pki = Pki::new();
    let origin = Origin::http(|_| ok(""));
    let viaduct = edge(&pki, &origin);
    peer(&pki, &viaduct, "check(Peer().is_served(), 200)\n", &[]);
    let before = viaduct.resident_kib();
    peer(
        &pki,
        &viaduct,
        r#"
def head(length):
    return encode_frame(0x1, bytes(20000))[:1] + (0x80000000 | length).to_bytes(4, "big")

peer = Peer()
# Larger than anything: at once.
for kind in [0x1, 0x21]:
    stream = peer.raw(bytes([kind]) + head(1 << 29)[1:], end=False)
    check(peer.wait(stream).stopped or peer.answers[stream].reset, 0x107, peer.answers[stream])
# Never whole, on many streams: 20 of 700,000 bytes are more than a connection may hold.
streams = [peer.raw(head(700000), bytes(600000), end=False) for _ in range(20)]
check(peer.until(lambda: sum(peer.answers[stream].over for stream in streams) > 10), True)
check(peer.ended, None)
check(peer.get("/still").status, 200)
peer.close()
"#,
        &[],
    );
    let grown = viaduct.peak_resident_kib().saturating_sub(before);
    assert!(grown < ROOM_KIB, "{grown} KiB more");
}

#[test]
fn c30_more_fields_than_anybody_needs_are_answered_431() {
    let pki = Pki::new();
    let origin = Origin::http(|_| ok(""));
    let viaduct = edge(&pki, &origin);
    peer(
        &pki,
        &viaduct,
        r#"
peer = Peer()
check(peer.get("/fields", more=[("x", "")] * 600).status, 431)
# A byte for each: indexed fields of the static table (`accept: */*`), as many as the block has room for.
block = encode_frame(0x1, b"\x00\x00" + bytes([0xc0 | 29]) * 700000)
answer = peer.wait(peer.raw(block))
check(answer.status == 431 or answer.reset is not None, True, answer)
# As many names as there is room for.
names = [(f"{number:x}".encode(), b"") for number in range(40000)]
answer = peer.wait(peer.raw(peer.encoded(peer.head("/fields") + names)))
check(answer.status == 431 or answer.reset is not None, True, answer)
check(peer.get("/still").status, 200)
"#,
        &[],
    );
    assert!(origin.requests().iter().all(|request| request.target == "/still"));
}

#[test]
fn c30_qpack_has_no_table_to_refer_to() {
    let pki = Pki::new();
    let origin = Origin::http(|_| ok(""));
    let viaduct = edge(&pki, &origin);
    peer(
        &pki,
        &viaduct,
        r#"
# A block that waits for inserts, one with a base beyond, a string that is cut off, an integer that overflows.
for block in [b"\x05\x00\x80", b"\x00\x00\x10", b"\x00\x00\x27", b"\x00\x00\x2f\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", b""]:
    peer = Peer()
    answer = peer.wait(peer.raw(encode_frame(0x1, block)))
    check(answer.status, None, block)
    check(answer.reset is not None or peer.ended is not None, True, block)
    if peer.ended is not None:
        check(peer.ended.error_code, 0x200, (block, peer.ended))
# Inserts that nobody reads.
peer = Peer()
check(peer.get("/").status, 200)
peer.quic.send_stream_data(6, b"\x3f\xe1\x1f" + b"\x41a\x01b" * 100000, False)
peer.flush()
check(peer.get("/still").status, 200)
"#,
        &[],
    );
}

#[test]
fn c24_frames_where_they_do_not_belong_end_the_connection() {
    let pki = Pki::new();
    let origin = Origin::http(|_| ok(""));
    let viaduct = edge(&pki, &origin);
    peer(
        &pki,
        &viaduct,
        r#"
FRAME_UNEXPECTED = 0x105
for kind in [0x0, 0x2, 0x3, 0x4, 0x5, 0x6, 0x7, 0x8, 0x9, 0xd, 0x41]:
    peer = Peer()
    peer.raw(encode_frame(kind, b"\x00"), end=False)
    check(peer.until(lambda: peer.ended), True, kind)
    check(peer.ended.error_code in [FRAME_UNEXPECTED, 0x106, 0x109], True, (kind, peer.ended))
# A second control stream, and the end of the first.
for harm in [lambda peer: peer.quic.send_stream_data(14, b"\x00", False),
             lambda peer: peer.quic.send_stream_data(2, b"", True)]:
    peer = Peer()
    check(peer.get("/").status, 200)
    harm(peer)
    check(peer.until(lambda: peer.ended), True)
# What is reserved or unknown is passed over.
peer = Peer()
head = peer.encoded(peer.head("/grease"))
check(peer.wait(peer.raw(encode_frame(0x21, b"grease"), head, encode_frame(0x40, b"x" * 1000))).status, 200)
"#,
        &[],
    );
}

#[test]
fn c20_cve_2023_44487_requests_cancelled_at_once_leave_nothing() {
    let pki = Pki::new();
    let origin = Origin::http(|_| ok(""));
    let viaduct = edge(&pki, &origin);
    peer(&pki, &viaduct, "check(Peer().is_served(), 200)\n", &[]);
    let before = viaduct.resident_kib();
    peer(
        &pki,
        &viaduct,
        r#"
peer = Peer()
check(peer.get("/first").status, 200)
for turn in range(40):
    streams = []
    for _ in range(50):
        stream = peer.quic.get_next_available_stream_id()
        peer.h3.send_headers(stream, peer.head("/cancelled"), False)
        peer.quic.reset_stream(stream, 0x10c)
        peer.quic.stop_stream(stream, 0x10c)
        streams.append(peer.answer(stream))
    check(peer.until(lambda: all(answer.over for answer in streams)), True, turn)
check(peer.get("/last").status, 200)
"#,
        &[],
    );
    let grown = viaduct.resident_kib().saturating_sub(before);
    assert!(grown < ROOM_KIB, "{grown} KiB more");
}

#[test]
fn c31_packets_that_are_none_harm_nobody() {
    let pki = Pki::new();
    let origin = Origin::http(|_| ok(""));
    let viaduct = edge(&pki, &origin);
    peer(
        &pki,
        &viaduct,
        r#"
import random
random.seed(17)
peer = Peer()
check(peer.get("/before").status, 200)
noise = peer.new_socket()
first = Peer()
hello = first.quic.datagrams_to_send(now=time.time())[0][0]
for turn in range(3000):
    kind = turn % 4
    if kind == 0:
        packet = random.randbytes(random.randrange(1, 1500))
    elif kind == 1:
        packet = bytes([0xc0 | random.randrange(64)]) + b"\x00\x00\x00\x01" + random.randbytes(1200)
    elif kind == 2:
        packet = b"\xc0" + random.randbytes(4) + b"\x08" + random.randbytes(1300)
    else:
        cut = bytearray(hello)
        cut[random.randrange(len(cut))] ^= 1 << random.randrange(8)
        packet = bytes(cut)
    noise.sendto(packet, ADDRESS)
check(peer.get("/after").status, 200)
check(Peer().is_served("/new"), 200)
"#,
        &[],
    );
}

#[test]
fn c33_an_address_that_proves_nothing_gets_three_times_its_bytes_and_a_datagram() {
    let pki = Pki::new();
    let origin = Origin::http(|_| ok(""));
    let viaduct = edge(&pki, &origin);
    peer(
        &pki,
        &viaduct,
        r#"
peer = Peer()
peer.flush()
# Reads for longer than the first retransmissions take, and answers nothing.
got, end = 0, time.time() + 3
while (left := end - time.time()) > 0:
    if select.select([peer.socket], [], [], left)[0]:
        got += len(peer.socket.recv(65536))
check(got > 0, True)
# quinn begins a datagram as long as a byte of the three times is left.
check(got < 3 * peer.sent + 1200, True, (got, peer.sent))
"#,
        &[],
    );
}

#[test]
fn c33_under_load_clients_prove_their_address_first() {
    let pki = Pki::new();
    let origin = Origin::http(|_| ok(""));
    let viaduct = edge(&pki, &origin);
    peer(
        &pki,
        &viaduct,
        r#"
peer = Peer()
check(peer.is_served(), 200)
check(peer.quic._retry_count, 0)
# More handshakes that are never finished than two workers take on trust.
half = [Peer() for _ in range(300)]
for it in half:
    it.flush()
for _ in range(4):
    peer = Peer()
    check(peer.is_served("/proved"), 200)
    check(peer.quic._retry_count, 1)
"#,
        &[],
    );
}

#[test]
fn c32_an_address_cannot_change() {
    let pki = Pki::new();
    let origin = Origin::http(|_| ok(""));
    let viaduct = edge(&pki, &origin);
    peer(
        &pki,
        &viaduct,
        r#"
peer = Peer()
check(peer.get("/before").status, 200)
# Told so to the client.
check(peer.quic._remote_disable_active_migration if hasattr(peer.quic, "_remote_disable_active_migration") else True, True)
peer.socket = peer.new_socket()
stream = peer.ask("/moved")
check(peer.wait(stream, 2).status, None)
"#,
        &[],
    );
    assert!(
        origin
            .requests()
            .iter()
            .all(|request| request.target == "/before")
    );
}
