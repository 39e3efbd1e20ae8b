//! The bytes of a stream: scratch space shared by all streams of a thread, and the little that one
//! stream has to keep between two calls.

use std::cell::Cell;
use std::io;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

/// Room for the longest handshake message that is put together (64 KiB), one more record, and slack.
pub(super) const SCRATCH: usize = 96 * 1024;

thread_local! {
    static READ: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    static WRITE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    static GATHER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

type Slot = std::thread::LocalKey<Cell<Vec<u8>>>;

/// This thread's scratch buffer of one kind, on loan. A stream inside a stream finds the slot empty
/// and gets a buffer of its own; whichever comes back last stays.
pub(super) struct Scratch {
    buffer: Vec<u8>,
    slot: &'static Slot,
}

impl Scratch {
    /// [`SCRATCH`] bytes to read into.
    pub(super) fn read() -> Self {
        let mut scratch = Self::take(&READ);
        if scratch.buffer.len() < SCRATCH {
            scratch.buffer.resize(SCRATCH, 0);
        }
        scratch
    }

    /// For [`Outgoing::on`].
    pub(super) fn write() -> Self {
        Self::take(&WRITE)
    }

    /// An empty buffer to put small pieces together in.
    pub(super) fn gather() -> Self {
        let mut scratch = Self::take(&GATHER);
        scratch.buffer.clear();
        scratch
    }

    fn take(slot: &'static Slot) -> Self {
        Self {
            buffer: slot.take(),
            slot,
        }
    }
}

impl Deref for Scratch {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.buffer
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.slot.set(std::mem::take(&mut self.buffer));
    }
}

/// Plaintext that came with the last read and did not fit the caller's buffer.
#[derive(Debug, Default)]
pub(super) struct Pending {
    bytes: Vec<u8>,
    taken: usize,
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn push(&mut self, plain: &[u8]) {
        self.bytes.extend_from_slice(plain);
    }

    pub(super) fn unread(&self) -> &[u8] {
        self.bytes.get(self.taken..).unwrap_or_default()
    }

    /// Forgets `count` bytes; the memory goes with the last one.
    pub(super) fn advance(&mut self, count: usize) {
        self.taken += count;
        if self.taken >= self.bytes.len() {
            *self = Self::default();
        }
    }
}

/// Records on their way to the socket.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    /// `sent..filled` is still to be sent; what lies behind `filled` is free.
    buffer: Vec<u8>,
    sent: usize,
    filled: usize,
}

impl Outgoing {
    /// Uses the memory of `scratch` until [`Self::finish`].
    pub(super) fn on(scratch: &mut Scratch) -> Self {
        Self {
            buffer: std::mem::take(&mut scratch.buffer),
            sent: 0,
            filled: 0,
        }
    }

    /// Gives the memory back to `scratch`; what has not been sent is copied out.
    pub(super) fn finish(self, scratch: &mut Scratch) -> Self {
        let rest = self.unsent().to_vec();
        scratch.buffer = self.buffer;
        Self {
            sent: 0,
            filled: rest.len(),
            buffer: rest,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sent == self.filled
    }

    pub(super) fn unsent(&self) -> &[u8] {
        self.buffer.get(self.sent..self.filled).unwrap_or_default()
    }

    /// At least `size` free bytes.
    pub(super) fn room(&mut self, size: usize) -> &mut [u8] {
        let wanted = self.filled + size;
        if self.buffer.len() < wanted {
            self.buffer.resize(wanted, 0);
        }
        self.buffer.get_mut(self.filled..).unwrap_or_default()
    }

    /// `count` bytes of [`Self::room`] have been written.
    pub(super) fn fill(&mut self, count: usize) {
        self.filled = (self.filled + count).min(self.buffer.len());
    }

    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.buffer.truncate(self.filled);
        self.buffer.extend_from_slice(bytes);
        self.filled = self.buffer.len();
    }

    /// Sends until nothing is left or the socket takes no more.
    pub(super) fn poll_send<IO: AsyncWrite + Unpin>(
        &mut self,
        io: &mut IO,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.is_empty() {
            match ready!(Pin::new(&mut *io).poll_write(cx, self.unsent()))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.sent += count,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Forgets everything, memory included.
    pub(super) fn release(&mut self) {
        *self = Self::default();
    }
}
