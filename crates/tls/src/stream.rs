//! TLS over a socket, on rustls's unbuffered interface.
//!
//! An idle connection owns no buffers: bytes are read into one scratch buffer per thread, decrypted in
//! place, and what is left over (part of a record) is kept only while it is there. Large reads take up
//! to 64 KiB per system call; large writes are cut into full records and written together.
//!
//! ```text
//!  socket --read--> scratch --decrypt--> caller's buffer      (pending: what did not fit)
//!                   (unparsed: part of a record)
//!  caller's slices --encrypt--> scratch --write--> socket     (out: what the socket did not take)
//! ```

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls_pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::backend_leg::ClientAuthRecord;
use crate::verify::Proof;

mod buffers;
mod handshake;
mod hello;
mod pieces;
mod session;
#[cfg(test)]
mod tests;
pub(crate) mod witness;

pub use handshake::{AcceptError, accept, connect, connect_noting};
pub use hello::{Hello, HelloError, HelloReader};

use buffers::{Outgoing, Pending, SCRATCH, Scratch};
use session::{OVERHEAD, RECORD, Session, Then};

/// Plaintext encrypted and ciphertext read in one go, at most.
const BURST: usize = 4 * RECORD;

/// A TLS connection of either leg; implements [`AsyncRead`] and [`AsyncWrite`].
///
/// Reading fails with [`io::ErrorKind::UnexpectedEof`] when the peer closes without close_notify, so a
/// cut-off stream is never taken for a whole one. Errors of TLS itself are [`io::ErrorKind::InvalidData`]
/// with a [`rustls::Error`] inside; the alert has been sent then.
pub struct TlsStream<IO> {
    io: IO,
    session: Session,
    /// The front of a record, or of a handshake message, whose rest is still to come.
    unparsed: Vec<u8>,
    pending: Pending,
    out: Outgoing,
    /// `out` holds what may wait for the first write: TLS 1.3 session tickets, or a client's Finished.
    deferred: bool,
    /// close_notify has come: no more plaintext will.
    peer_closed: bool,
    /// Our close_notify has gone out, or cannot any more.
    closed: bool,
}

/// Facts of a completed handshake on the client leg.
#[derive(Debug, Clone)]
pub struct ClientHandshake {
    pub version: &'static str,
    pub cipher: &'static str,
    pub group: Option<&'static str>,
    /// Lower case, as sent.
    pub sni: Option<Arc<str>>,
    pub alpn_h2: bool,
    pub resumed: bool,
    /// The client's chain, leaf first; empty when none was given.
    pub peer: Vec<CertificateDer<'static>>,
    /// Whether the client's chain was verified.
    pub verified: bool,
}

/// Facts of a completed handshake on the backend leg.
#[derive(Debug, Clone)]
pub struct BackendHandshake {
    pub version: &'static str,
    pub cipher: &'static str,
    pub group: Option<&'static str>,
    pub server_name: Option<Arc<str>>,
    pub alpn_h2: bool,
    pub resumed: bool,
    /// What the server asked for and what answered it; `None` when it did not ask.
    pub client_auth: Option<ClientAuthRecord>,
    pub proof: Proof,
}

impl<IO> TlsStream<IO> {
    fn new(io: IO, session: Session) -> Self {
        Self {
            io,
            session,
            unparsed: Vec::new(),
            pending: Pending::default(),
            out: Outgoing::default(),
            deferred: false,
            peer_closed: false,
            closed: false,
        }
    }

    pub fn get_ref(&self) -> &IO {
        &self.io
    }

    /// The chain that the peer has presented, leaf first; empty before it has, and where it had none.
    pub fn peer_chain(&self) -> &[CertificateDer<'static>] {
        self.session.state().peer_certificates().unwrap_or_default()
    }

    /// The application protocol that both agreed on.
    pub fn alpn(&self) -> Option<&[u8]> {
        self.session.state().alpn_protocol()
    }

    /// Whether decrypted bytes wait to be read.
    pub fn has_plaintext(&self) -> bool {
        !self.pending.is_empty()
    }

    /// One turn of the state machine over the whole of `incoming`. Plaintext goes to `caller`, then to
    /// `pending`; what is not used becomes `unparsed`.
    fn receive(&mut self, incoming: &mut [u8], caller: &mut ReadBuf<'_>) -> Result<(), rustls::Error> {
        let handshaking = self.session.state().is_handshaking();
        let pending = &mut self.pending;
        let turn = self.session.turn(incoming, &mut self.out, Then::Rest, |plain| {
            let (fits, rest) = plain.split_at(plain.len().min(caller.remaining()));
            caller.put_slice(fits);
            pending.push(rest);
        });
        self.peer_closed |= turn.peer_closed;
        self.closed |= turn.outcome.is_err();
        self.deferred |= handshaking && self.session.may_wait();
        self.deferred &= turn.outcome.is_ok();
        // What follows close_notify is to be ignored (RFC 8446, 6.1).
        self.unparsed = match incoming.get(turn.used..) {
            Some(rest) if !rest.is_empty() && !self.peer_closed => rest.to_vec(),
            _ => Vec::new(),
        };
        turn.outcome
    }

    /// How many bytes the next turn's input should hold: whole records, as many as the caller has room
    /// for, so that nothing is left over in a bulk transfer.
    fn wanted(&self, room: usize) -> usize {
        let records = (room / RECORD).clamp(1, BURST / RECORD);
        let first = match self.unparsed.as_slice() {
            [_, _, _, high, low, ..] => 5 + usize::from(u16::from_be_bytes([*high, *low])),
            _ => RECORD + OVERHEAD,
        };
        let wanted = first + (records - 1) * (RECORD + OVERHEAD);
        if wanted > self.unparsed.len() {
            wanted.min(SCRATCH)
        } else {
            // Whole records of an unfinished handshake message.
            (self.unparsed.len() + RECORD + OVERHEAD).min(SCRATCH)
        }
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> TlsStream<IO> {
    /// Waits until there is something to read (`Ok(true)`) or the peer has closed (`Ok(false)`), without
    /// holding a buffer meanwhile.
    pub fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        while self.pending.is_empty() && !self.peer_closed {
            ready!(self.poll_receive(cx, &mut ReadBuf::new(&mut [])))?;
        }
        Poll::Ready(Ok(!self.pending.is_empty()))
    }

    /// Reads from the socket once and processes what came.
    fn poll_receive(&mut self, cx: &mut Context<'_>, caller: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut scratch = Scratch::read();
        let kept = self.unparsed.len();
        let wanted = self.wanted(caller.remaining());
        let Some(room) = scratch.get_mut(kept..wanted).filter(|room| !room.is_empty()) else {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::InvalidData,
                rustls::Error::InvalidMessage(rustls::InvalidMessage::HandshakePayloadTooLarge),
            )));
        };
        let mut room = ReadBuf::new(room);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut room))?;
        let read = room.filled().len();
        if read == 0 {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the peer closed without close_notify",
            )));
        }
        let Some(incoming) = scratch.get_mut(..kept + read) else {
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        };
        if let Some(front) = incoming.get_mut(..kept) {
            front.copy_from_slice(&self.unparsed);
        }
        let outcome = self.receive(incoming, caller);
        drop(scratch);
        self.answer(cx, outcome)
    }

    /// Sends what a turn of the state machine wants said, if the socket takes it; otherwise it goes out
    /// before the next write.
    fn answer(&mut self, cx: &mut Context<'_>, outcome: Result<(), rustls::Error>) -> Poll<io::Result<()>> {
        if !self.deferred {
            // An error here is the next write's to report; it must not hide plaintext already read.
            let _sent: Poll<io::Result<()>> = self.poll_out(cx);
        }
        Poll::Ready(outcome.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error)))
    }

    /// Sends all of `out`.
    fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.out.is_empty() {
            ready!(self.out.poll_send(&mut self.io, cx))?;
            self.out.release();
            self.deferred = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Encrypts `pieces` behind whatever was deferred and writes all of it at once. What the socket does
    /// not take stays in `out`.
    fn poll_seal(
        &mut self,
        cx: &mut Context<'_>,
        pieces: &mut dyn Iterator<Item = &[u8]>,
    ) -> Poll<io::Result<()>> {
        if self.closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let mut scratch = Scratch::write();
        let mut out = Outgoing::on(&mut scratch);
        out.extend(self.out.unsent());
        self.out.release();
        self.deferred = false;
        let outcome = self.turn_for(&mut out, Then::Seal(pieces));
        let sent = out.poll_send(&mut self.io, cx);
        self.out = out.finish(&mut scratch);
        outcome?;
        match sent {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(())),
        }
    }

    /// A turn on what is left of the input, for the sake of writing.
    fn turn_for(&mut self, out: &mut Outgoing, then: Then<'_, '_>) -> io::Result<()> {
        let pending = &mut self.pending;
        let turn = self
            .session
            .turn(&mut self.unparsed, out, then, |plain| pending.push(plain));
        if turn.used > 0 {
            self.unparsed.drain(..turn.used.min(self.unparsed.len()));
        }
        self.peer_closed |= turn.peer_closed;
        self.closed |= turn.outcome.is_err();
        turn.outcome
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<IO> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.pending.is_empty() {
            let unread = this.pending.unread();
            let count = unread.len().min(buf.remaining());
            buf.put_slice(unread.get(..count).unwrap_or_default());
            this.pending.advance(count);
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        while buf.filled().len() == before && buf.remaining() > 0 && !this.peer_closed {
            ready!(this.poll_receive(cx, buf))?;
        }
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<IO> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if !this.deferred {
            ready!(this.poll_out(cx))?;
        }
        let piece = buf.get(..BURST).unwrap_or(buf);
        if !piece.is_empty() {
            ready!(this.poll_seal(cx, &mut std::iter::once(piece)))?;
        }
        Poll::Ready(Ok(piece.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if !this.deferred {
            ready!(this.poll_out(cx))?;
        }
        let mut gather = Scratch::gather();
        let taken = pieces::gather(bufs, &mut gather);
        if taken > 0 {
            ready!(this.poll_seal(cx, &mut pieces::pieces(bufs, &gather)))?;
        }
        Poll::Ready(Ok(taken))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.deferred {
            ready!(this.poll_out(cx))?;
        }
        Pin::new(&mut this.io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.closed {
            let mut out = std::mem::take(&mut this.out);
            let outcome = this.turn_for(&mut out, Then::Close);
            this.out = out;
            this.closed = true;
            outcome?;
        }
        ready!(this.poll_out(cx))?;
        if this.peer_closed {
            // Both directions have ended; closing the socket says the rest.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut this.io).poll_shutdown(cx)
    }
}
