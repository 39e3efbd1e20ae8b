//! rustls's unbuffered state machine, and the one loop that turns it.

use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, InsufficientSizeError,
    UnbufferedConnectionCommon, UnbufferedStatus, WriteTraffic,
};
use rustls::{CommonState, Error, ProtocolVersion};

use super::buffers::Outgoing;

/// Plaintext of a full record.
pub(super) const RECORD: usize = 16 * 1024;
/// The most that a record of ours adds to its plaintext: header 5, content type 1 or explicit nonce 8,
/// tag 16.
pub(super) const OVERHEAD: usize = 29;

/// One side of a TLS connection. Boxed, so that a stream is small to move.
pub(super) enum Session {
    Client(Box<UnbufferedClientConnection>),
    Server(Box<UnbufferedServerConnection>),
}

/// What to do once the state machine is ready for application data.
pub(super) enum Then<'t, 'p> {
    /// Only process what came in.
    Rest,
    /// Encrypt each piece into records of its own.
    Seal(&'t mut dyn Iterator<Item = &'p [u8]>),
    /// Send close_notify.
    Close,
}

/// What came of a turn of the state machine.
pub(super) struct Turn {
    /// Bytes at the front of the input that are no longer needed.
    pub(super) used: usize,
    /// The peer's close_notify came in this turn.
    pub(super) peer_closed: bool,
    /// On an error the alert, where one is due, is among the outgoing bytes.
    pub(super) outcome: Result<(), Error>,
}

impl Session {
    pub(super) fn state(&self) -> &CommonState {
        match self {
            Self::Client(connection) => connection,
            Self::Server(connection) => connection,
        }
    }

    pub(super) fn is_server(&self) -> bool {
        matches!(self, Self::Server(_))
    }

    /// Whether the handshake is over and what is still to be sent of it may go with the first
    /// application data: everything of a client; TLS 1.3 session tickets, but not TLS 1.2's Finished,
    /// of a server.
    pub(super) fn may_wait(&self) -> bool {
        let state = self.state();
        !state.is_handshaking()
            && match self {
                Self::Client(_) => true,
                Self::Server(_) => state.protocol_version() == Some(ProtocolVersion::TLSv1_3),
            }
    }

    /// Processes all complete records of `incoming`, then does what `then` says. Plaintext goes to
    /// `plain`, everything for the peer to `out`, in order.
    ///
    /// What is not used of `incoming` is part of a record or handshake message: it has to be at the
    /// front of the next turn's input, as this turn left it (rustls works in place).
    pub(super) fn turn(
        &mut self,
        incoming: &mut [u8],
        out: &mut Outgoing,
        then: Then<'_, '_>,
        plain: impl FnMut(&[u8]),
    ) -> Turn {
        match self {
            Self::Client(connection) => turn(&mut ***connection, incoming, out, then, plain),
            Self::Server(connection) => turn(&mut ***connection, incoming, out, then, plain),
        }
    }
}

/// The two kinds of connection, which rustls gives no common trait.
trait Engine {
    type Data;

    fn process<'c, 'i>(&'c mut self, incoming: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data>;

    /// Whether messages wait to be encoded, whatever the state.
    fn has_messages(&self) -> bool;
}

impl Engine for UnbufferedConnectionCommon<ClientConnectionData> {
    type Data = ClientConnectionData;

    fn process<'c, 'i>(&'c mut self, incoming: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(incoming)
    }

    fn has_messages(&self) -> bool {
        self.wants_write()
    }
}

impl Engine for UnbufferedConnectionCommon<ServerConnectionData> {
    type Data = ServerConnectionData;

    fn process<'c, 'i>(&'c mut self, incoming: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(incoming)
    }

    fn has_messages(&self) -> bool {
        self.wants_write()
    }
}

fn turn<E: Engine>(
    engine: &mut E,
    incoming: &mut [u8],
    out: &mut Outgoing,
    then: Then<'_, '_>,
    mut plain: impl FnMut(&[u8]),
) -> Turn {
    let mut used = 0;
    let mut peer_closed = false;
    let outcome = loop {
        let rest = incoming.get_mut(used..).unwrap_or_default();
        let UnbufferedStatus { mut discard, state } = engine.process(rest);
        let next = match state {
            Ok(ConnectionState::ReadTraffic(mut traffic)) => loop {
                match traffic.next_record() {
                    Some(Ok(record)) => {
                        discard += record.discard;
                        plain(record.payload);
                    }
                    Some(Err(error)) => break Some(Err(error)),
                    None => break None,
                }
            },
            Ok(ConnectionState::EncodeTlsData(message)) => encode(message, out).err().map(Err),
            // The bytes are in `out`, which keeps the order; rustls only wants to hear so.
            Ok(ConnectionState::TransmitTlsData(transmit)) => {
                transmit.done();
                None
            }
            Ok(ConnectionState::PeerClosed) => {
                peer_closed = true;
                None
            }
            Ok(ConnectionState::WriteTraffic(traffic)) => {
                used += discard;
                break write(traffic, then, out);
            }
            Ok(ConnectionState::BlockedHandshake | ConnectionState::Closed) => Some(Ok(())),
            Ok(_) => Some(Err(Error::General("early data was not offered".to_owned()))),
            Err(error) => Some(Err(error)),
        };
        used += discard;
        if let Some(outcome) = next {
            break outcome;
        }
    };
    if outcome.is_err() {
        encode_alert(engine, incoming.get_mut(used..).unwrap_or_default(), out);
    }
    Turn {
        used,
        peer_closed,
        outcome,
    }
}

/// After an error: what is still to be told to the peer, usually one alert. rustls hands it out before
/// it looks at the input again.
fn encode_alert<E: Engine>(engine: &mut E, rest: &mut [u8], out: &mut Outgoing) {
    while engine.has_messages() {
        let Ok(ConnectionState::EncodeTlsData(message)) = engine.process(rest).state else {
            return;
        };
        if encode(message, out).is_err() {
            return;
        }
    }
}

fn encode<Data>(mut message: EncodeTlsData<'_, Data>, out: &mut Outgoing) -> Result<(), Error> {
    let size = match message.encode(&mut []) {
        Err(EncodeError::InsufficientSize(needed)) => needed.required_size,
        Ok(_) | Err(EncodeError::AlreadyEncoded) => return Ok(()),
    };
    match message.encode(out.room(size)) {
        Ok(written) => {
            out.fill(written);
            Ok(())
        }
        Err(error) => Err(Error::General(error.to_string())),
    }
}

fn write<Data>(
    mut traffic: WriteTraffic<'_, Data>,
    then: Then<'_, '_>,
    out: &mut Outgoing,
) -> Result<(), Error> {
    match then {
        Then::Rest => Ok(()),
        Then::Seal(pieces) => {
            for piece in pieces {
                let size = piece.len() + piece.len().div_ceil(RECORD) * OVERHEAD;
                sized(out, size, |room| traffic.encrypt(piece, room))?;
            }
            Ok(())
        }
        Then::Close => sized(out, OVERHEAD + 2, |room| traffic.queue_close_notify(room)),
    }
}

/// Runs `fill` on `size` bytes of room, or on as many as it then says it needs (a key update may have
/// to go out first).
fn sized(
    out: &mut Outgoing,
    size: usize,
    mut fill: impl FnMut(&mut [u8]) -> Result<usize, EncryptError>,
) -> Result<(), Error> {
    let mut outcome = fill(out.room(size));
    if let Err(EncryptError::InsufficientSize(InsufficientSizeError { required_size })) = outcome {
        outcome = fill(out.room(required_size));
    }
    match outcome {
        Ok(written) => {
            out.fill(written);
            Ok(())
        }
        Err(error) => Err(Error::General(error.to_string())),
    }
}
