//! quinn's streams as h3 wants them.
//!
//! Not h3-quinn: between the two stands [`Frames`], a stream that is dropped unfinished has to be reset (quinn would
//! finish it, and half an answer would look whole), and who waits for a client has to hear that it left.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use h3::error::Code;
use h3::quic::{self, ConnectionErrorIncoming, StreamErrorIncoming, StreamId, WriteBuf};
use quinn::{ConnectionError, ReadError, VarInt, WriteError};

use super::frames::Frames;
use crate::wire::Connection;
use crate::wire::held::HeldHeaders;

/// Resolves when the client wants nothing more of a stream, has all of it, or is gone.
pub(super) type Gone = Pin<Box<dyn Future<Output = ()>>>;

/// One QUIC connection, for h3.
pub(super) struct Transport {
    opener: Opener,
    requests: Accepting<(quinn::SendStream, quinn::RecvStream)>,
    others: Accepting<quinn::RecvStream>,
    gate: Rc<Gate>,
    connection: Rc<Connection>,
    /// Bytes of a frame other than DATA.
    limit: usize,
}

type Accepting<T> = Option<Pin<Box<dyn Future<Output = Result<T, ConnectionError>>>>>;

/// What h3 does not pass on.
#[derive(Default)]
pub(super) struct Gate {
    /// New requests are rejected: the client may send them elsewhere.
    pub(super) shut: Cell<bool>,
    /// Of the stream that was accepted last.
    newest: RefCell<Option<Gone>>,
}

impl Gate {
    /// To be asked for directly behind the request.
    pub(super) fn take_newest(&self) -> Option<Gone> {
        self.newest.borrow_mut().take()
    }
}

impl Transport {
    pub(super) fn new(
        quic: quinn::Connection,
        connection: Rc<Connection>,
        limit: usize,
        gate: Rc<Gate>,
    ) -> Self {
        Self {
            opener: Opener { quic, opening: None },
            requests: None,
            others: None,
            gate,
            connection,
            limit,
        }
    }

    fn receive(&self, stream: quinn::RecvStream, frames: Frames) -> RecvHalf {
        RecvHalf {
            stream,
            frames,
            rest: Bytes::new(),
            held: HeldHeaders::none(&self.connection),
        }
    }
}

impl quic::Connection<Bytes> for Transport {
    type RecvStream = RecvHalf;
    type OpenStreams = Opener;

    fn poll_accept_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<RecvHalf, ConnectionErrorIncoming>> {
        let quic = &self.opener.quic;
        let stream = ready!(poll_next(&mut self.others, cx, || {
            let quic = quic.clone();
            async move { quic.accept_uni().await }
        }))
        .map_err(lost)?;
        Poll::Ready(Ok(self.receive(stream, Frames::of_unidirectional(self.limit))))
    }

    fn poll_accept_bidi(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bidi, ConnectionErrorIncoming>> {
        loop {
            let quic = &self.opener.quic;
            let (send, recv) = ready!(poll_next(&mut self.requests, cx, || {
                let quic = quic.clone();
                async move { quic.accept_bi().await }
            }))
            .map_err(lost)?;
            let gone = send.stopped();
            let mut stream = Bidi {
                send: SendHalf::new(send),
                recv: self.receive(recv, Frames::of_request(self.limit)),
            };
            if self.gate.shut.get() {
                let code = Code::H3_REQUEST_REJECTED.value();
                quic::RecvStream::stop_sending(&mut stream, code);
                quic::SendStream::reset(&mut stream, code);
                continue;
            }
            let gone: Gone = Box::pin(async move { drop(gone.await) });
            self.gate.newest.replace(Some(gone));
            return Poll::Ready(Ok(stream));
        }
    }

    fn opener(&self) -> Opener {
        Opener {
            quic: self.opener.quic.clone(),
            opening: None,
        }
    }
}

impl quic::OpenStreams<Bytes> for Transport {
    type BidiStream = Bidi;
    type SendStream = SendHalf;

    fn poll_open_bidi(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bidi, StreamErrorIncoming>> {
        self.opener.poll_open_bidi(cx)
    }

    fn poll_open_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<SendHalf, StreamErrorIncoming>> {
        self.opener.poll_open_send(cx)
    }

    fn close(&mut self, code: Code, reason: &[u8]) {
        self.opener.close(code, reason);
    }
}

/// Opens the streams of our own: control and QPACK.
pub(super) struct Opener {
    quic: quinn::Connection,
    opening: Accepting<quinn::SendStream>,
}

impl quic::OpenStreams<Bytes> for Opener {
    type BidiStream = Bidi;
    type SendStream = SendHalf;

    fn poll_open_bidi(&mut self, _: &mut Context<'_>) -> Poll<Result<Bidi, StreamErrorIncoming>> {
        Poll::Ready(Err(StreamErrorIncoming::Unknown(
            "a server sends no requests".into(),
        )))
    }

    fn poll_open_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<SendHalf, StreamErrorIncoming>> {
        let quic = &self.quic;
        let stream = ready!(poll_next(&mut self.opening, cx, || {
            let quic = quic.clone();
            async move { quic.open_uni().await }
        }))
        .map_err(lost_stream)?;
        Poll::Ready(Ok(SendHalf::new(stream)))
    }

    fn close(&mut self, code: Code, reason: &[u8]) {
        self.quic.close(var(code.value()), reason);
    }
}

/// Polls what is in `slot`, or what `begin` puts there; quinn's own futures forget who waits when they are dropped.
fn poll_next<T, F>(
    slot: &mut Accepting<T>,
    cx: &mut Context<'_>,
    begin: impl FnOnce() -> F,
) -> Poll<Result<T, ConnectionError>>
where
    F: Future<Output = Result<T, ConnectionError>> + 'static,
{
    let waiting = slot.get_or_insert_with(|| Box::pin(begin()));
    let outcome = ready!(waiting.as_mut().poll(cx));
    *slot = None;
    Poll::Ready(outcome)
}

/// A request's stream.
pub(super) struct Bidi {
    send: SendHalf,
    recv: RecvHalf,
}

impl quic::BidiStream<Bytes> for Bidi {
    type SendStream = SendHalf;
    type RecvStream = RecvHalf;

    fn split(self) -> (SendHalf, RecvHalf) {
        (self.send, self.recv)
    }
}

impl quic::RecvStream for Bidi {
    type Buf = Bytes;

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, StreamErrorIncoming>> {
        self.recv.poll_data(cx)
    }

    fn stop_sending(&mut self, error_code: u64) {
        self.recv.stop_sending(error_code);
    }

    fn recv_id(&self) -> StreamId {
        self.recv.recv_id()
    }
}

impl quic::SendStream<Bytes> for Bidi {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        self.send.poll_ready(cx)
    }

    fn send_data<T: Into<WriteBuf<Bytes>>>(&mut self, data: T) -> Result<(), StreamErrorIncoming> {
        self.send.send_data(data)
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        self.send.poll_finish(cx)
    }

    fn reset(&mut self, reset_code: u64) {
        self.send.reset(reset_code);
    }

    fn send_id(&self) -> StreamId {
        self.send.send_id()
    }
}

/// What the client sends.
pub(super) struct RecvHalf {
    stream: quinn::RecvStream,
    frames: Frames,
    /// Has come, but is not cut yet.
    rest: Bytes,
    held: HeldHeaders,
}

impl RecvHalf {
    fn cut(&mut self) -> Result<Option<Bytes>, StreamErrorIncoming> {
        let told = self.frames.next(&mut self.rest);
        self.held.set(self.frames.gathered());
        match told {
            Ok(told) if !self.held.is_too_much() => Ok(told),
            Ok(_) | Err(_) => {
                let code = Code::H3_EXCESSIVE_LOAD.value();
                quic::RecvStream::stop_sending(self, code);
                Err(StreamErrorIncoming::StreamTerminated { error_code: code })
            }
        }
    }
}

impl quic::RecvStream for RecvHalf {
    type Buf = Bytes;

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, StreamErrorIncoming>> {
        loop {
            if let Some(told) = self.cut()? {
                return Poll::Ready(Ok(Some(told)));
            }
            let chunk = ready!(pin!(self.stream.read_chunk(usize::MAX, true)).poll(cx));
            match chunk {
                Ok(Some(chunk)) => self.rest = chunk.bytes,
                Ok(None) if self.frames.may_end() => return Poll::Ready(Ok(None)),
                Ok(None) => {
                    return Poll::Ready(Err(StreamErrorIncoming::StreamTerminated {
                        error_code: Code::H3_FRAME_ERROR.value(),
                    }));
                }
                Err(ReadError::Reset(code)) => {
                    return Poll::Ready(Err(StreamErrorIncoming::StreamTerminated {
                        error_code: code.into_inner(),
                    }));
                }
                Err(ReadError::ConnectionLost(error)) => return Poll::Ready(Err(lost_stream(error))),
                Err(error) => return Poll::Ready(Err(StreamErrorIncoming::Unknown(Box::new(error)))),
            }
        }
    }

    fn stop_sending(&mut self, error_code: u64) {
        // Where it has been stopped, or all has come, there is nothing to stop.
        drop(self.stream.stop(var(error_code)));
    }

    fn recv_id(&self) -> StreamId {
        id(self.stream.id())
    }
}

impl Drop for RecvHalf {
    fn drop(&mut self) {
        quic::RecvStream::stop_sending(self, Code::H3_NO_ERROR.value());
    }
}

/// What the client gets.
pub(super) struct SendHalf {
    stream: quinn::SendStream,
    writing: Option<WriteBuf<Bytes>>,
    /// Finished or reset.
    over: bool,
}

impl SendHalf {
    fn new(stream: quinn::SendStream) -> Self {
        Self {
            stream,
            writing: None,
            over: false,
        }
    }
}

impl quic::SendStream<Bytes> for SendHalf {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        if let Some(data) = &mut self.writing {
            while data.has_remaining() {
                let written = ready!(Pin::new(&mut self.stream).poll_write(cx, data.chunk()));
                data.advance(written.map_err(unwritable)?);
            }
            self.writing = None;
        }
        Poll::Ready(Ok(()))
    }

    fn send_data<T: Into<WriteBuf<Bytes>>>(&mut self, data: T) -> Result<(), StreamErrorIncoming> {
        if self.writing.is_some() {
            return Err(StreamErrorIncoming::Unknown("a frame is being written".into()));
        }
        self.writing = Some(data.into());
        Ok(())
    }

    fn poll_finish(&mut self, _: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        self.over = true;
        Poll::Ready(
            self.stream
                .finish()
                .map_err(|error| StreamErrorIncoming::Unknown(Box::new(error))),
        )
    }

    fn reset(&mut self, reset_code: u64) {
        self.over = true;
        // A stream that is closed already cannot be reset.
        drop(self.stream.reset(var(reset_code)));
    }

    fn send_id(&self) -> StreamId {
        id(self.stream.id())
    }
}

impl Drop for SendHalf {
    fn drop(&mut self) {
        if !self.over {
            quic::SendStream::reset(self, Code::H3_REQUEST_CANCELLED.value());
        }
    }
}

fn unwritable(error: WriteError) -> StreamErrorIncoming {
    match error {
        WriteError::Stopped(code) => StreamErrorIncoming::StreamTerminated {
            error_code: code.into_inner(),
        },
        WriteError::ConnectionLost(error) => lost_stream(error),
        error @ (WriteError::ClosedStream | WriteError::ZeroRttRejected) => {
            StreamErrorIncoming::Unknown(Box::new(error))
        }
    }
}

fn lost_stream(error: ConnectionError) -> StreamErrorIncoming {
    StreamErrorIncoming::ConnectionErrorIncoming {
        connection_error: lost(error),
    }
}

fn lost(error: ConnectionError) -> ConnectionErrorIncoming {
    match error {
        ConnectionError::ApplicationClosed(close) => ConnectionErrorIncoming::ApplicationClose {
            error_code: close.error_code.into(),
        },
        ConnectionError::TimedOut => ConnectionErrorIncoming::Timeout,
        error @ (ConnectionError::VersionMismatch
        | ConnectionError::TransportError(_)
        | ConnectionError::ConnectionClosed(_)
        | ConnectionError::Reset
        | ConnectionError::LocallyClosed
        | ConnectionError::CidsExhausted) => ConnectionErrorIncoming::Undefined(Arc::new(error)),
    }
}

fn id(id: quinn::StreamId) -> StreamId {
    u64::from(VarInt::from(id))
        .try_into()
        .expect("a number of quinn's streams is a variable-length integer")
}

fn var(code: u64) -> VarInt {
    VarInt::from_u64(code).unwrap_or(VarInt::MAX)
}
