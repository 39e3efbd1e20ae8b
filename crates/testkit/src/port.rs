//! Ports for peers that cannot be asked to take any free one.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// A port of 127.0.0.1 that nobody listens on. It is outside the range from which the kernel serves
/// port 0 and outgoing connections, so it stays free until it is used; test processes start at
/// different places of the range. Callers start their peer again on another port if it is taken after
/// all.
pub fn free_port() -> u16 {
    let start = u16::try_from(std::process::id() % u32::from(RANGE)).unwrap_or_default();
    for _ in 0..RANGE {
        let step = NEXT.fetch_add(1, Ordering::Relaxed) % RANGE;
        let offset = u16::try_from((u32::from(start) + u32::from(step) * STRIDE) % u32::from(RANGE))
            .unwrap_or_default();
        if TcpListener::bind(("127.0.0.1", FIRST + offset)).is_ok() {
            return FIRST + offset;
        }
    }
    panic!("no free port on 127.0.0.1 from {FIRST} to {}", FIRST + RANGE - 1);
}

/// A port that refuses connections: it was free a moment ago and is not handed out again.
pub fn closed_port() -> u16 {
    free_port()
}

/// Shrinks the queue of connections that wait to be accepted to the least the kernel allows.
pub fn shrink_backlog(listener: &TcpListener) {
    rustix::net::listen(listener, 0).expect("listening again");
}

static NEXT: AtomicU16 = AtomicU16::new(0);
const FIRST: u16 = 12_000;
const RANGE: u16 = 18_000;
/// Coprime to `RANGE`; neighbours in time are not neighbours in the range.
const STRIDE: u32 = 7;
