//! The end of a connection whose client may still be sending.
//!
//! A socket that is closed while bytes come in answers them with RST, and RST makes the client's system forget what the
//! client has not read yet: the answer. So our half is closed, and what comes is read and dropped until the client has
//! closed its own, within bounds.

use std::future::poll_fn;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::{ClientIo, Connection};

/// How long, and how much.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Without a byte.
    silence: Duration,
    total: Duration,
    bytes: usize,
}

/// HTTP/1.1: a client may send all of its body before it reads a word. As nginx.
pub(super) const WHOLE_UPLOAD: Bounds = Bounds {
    silence: Duration::from_secs(5),
    total: Duration::from_secs(30),
    bytes: usize::MAX,
};

/// HTTP/2: windows bound what is on its way, and a client that gets GOAWAY closes.
pub(super) const GOAWAY: Bounds = Bounds {
    silence: Duration::from_secs(1),
    total: Duration::from_secs(1),
    bytes: 256 * 1024,
};

/// Closes our half, if it is not closed yet, and waits for the client's.
pub(super) async fn linger(connection: &Connection, mut io: ClientIo, bounds: Bounds) {
    // Where it has been closed already this fails, and nothing is lost.
    drop(timeout(SHORTEST, io.shutdown()).await);
    let mut left = bounds.bytes;
    let discard = async {
        while let Ok(Ok(count)) = timeout(bounds.silence, poll_fn(|cx| io.poll_discard(cx))).await {
            match left.checked_sub(count) {
                Some(rest) if count > 0 => left = rest,
                _ => return,
            }
        }
    };
    let drained = async {
        connection.worker.drain.begun(connection.entry_point).await;
        tokio::time::sleep(SHORTEST).await;
    };
    tokio::select! {
        () = discard => {}
        () = tokio::time::sleep(bounds.total) => {}
        // Nobody waits long for a client that has its answer.
        () = drained => {}
    }
}

const SHORTEST: Duration = Duration::from_millis(500);
