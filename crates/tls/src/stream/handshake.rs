//! Both handshakes, to the end and to their facts.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::{CommonState, HandshakeKind};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::buffers::Scratch;
use super::session::Session;
use super::witness;
use super::{BackendHandshake, ClientHandshake, TlsStream};
use crate::backend_leg::{ClientAuthRecord, EndpointTls, observe_client_auth};
use crate::client_leg::ServerTls;
use crate::names;
use crate::reason::{Fault, Reason, fault_of_handshake};

/// Why a client's handshake failed. The alert, where one is due, has been sent.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    #[error("the client closed during the handshake")]
    Closed,
    #[error("socket error")]
    Io(#[source] io::Error),
    #[error("TLS handshake failed")]
    Tls(#[source] rustls::Error),
}

/// Handshake with a client; the caller bounds the time. `prefix`: bytes already read from the socket.
///
/// TLS 1.3 session tickets go out at once, or with the first write where the request came with the
/// client's last flight. Cancel safe only in that dropping the future drops the connection.
pub async fn accept<IO>(
    io: IO,
    prefix: &[u8],
    tls: &ServerTls,
) -> Result<(TlsStream<IO>, ClientHandshake), AcceptError>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let (stream, sni) = accept_with(io, prefix, Arc::clone(tls.config())).await?;
    let handshake = ClientHandshake::of(stream.session.state(), sni, tls.policy().client_auth.verifies());
    if handshake.resumed {
        tls.recheck(&handshake.peer).map_err(AcceptError::Tls)?;
    }
    Ok((stream, handshake))
}

/// Handshake with a server; the caller bounds the time.
///
/// The last flight goes out with the first write, so a server that refuses our certificate says so to
/// the first read; [`io::Error`]s with a [`rustls::Error`] inside are for
/// [`fault_of_handshake`].
pub async fn connect<IO>(io: IO, tls: &EndpointTls) -> Result<(TlsStream<IO>, BackendHandshake), Fault>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    connect_noting(io, tls, &mut None).await
}

/// As [`connect`]; what the server asked for is in `record` also where the handshake fails.
pub async fn connect_noting<IO>(
    io: IO,
    tls: &EndpointTls,
    record: &mut Option<ClientAuthRecord>,
) -> Result<(TlsStream<IO>, BackendHandshake), Fault>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let (config, name) = (Arc::clone(&tls.config), tls.server_name.clone());
    let stream = connect_with(io, config, name, record).await.map_err(|error| {
        match error.downcast::<rustls::Error>() {
            Ok(error) => {
                fault_of_handshake(&error, &tls.expected, ClientAuthRecord::context(record.as_ref()))
            }
            Err(error) => broken_off(&error),
        }
    })?;
    let state = stream.session.state();
    let facts = Facts::of(state);
    let chain = state.peer_certificates().unwrap_or_default();
    let handshake = BackendHandshake {
        version: facts.version,
        cipher: facts.cipher,
        group: facts.group,
        server_name: match &tls.server_name {
            ServerName::DnsName(name) => Some(Arc::from(name.as_ref())),
            _ => None,
        },
        alpn_h2: facts.alpn_h2,
        resumed: facts.resumed,
        client_auth: record.clone(),
        proof: tls.verifier.proof(chain, &tls.expected)?,
    };
    Ok((stream, handshake))
}

pub(super) async fn accept_with<IO>(
    io: IO,
    prefix: &[u8],
    config: Arc<rustls::ServerConfig>,
) -> Result<(TlsStream<IO>, Option<Arc<str>>), AcceptError>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let connection = UnbufferedServerConnection::new(config).map_err(AcceptError::Tls)?;
    let mut stream = TlsStream::new(io, Session::Server(Box::new(connection)));
    let mut sni = None;
    let outcome = match witness::during(&mut sni, || stream.feed(prefix)) {
        Ok(()) => poll_fn(|cx| witness::during(&mut sni, || stream.poll_handshake(cx))).await,
        Err(error) => {
            // The socket has just been opened: an alert fits.
            poll_fn(|cx| stream.poll_out(cx)).await.map_err(AcceptError::Io)?;
            Err(error)
        }
    };
    outcome.map_err(AcceptError::from)?;
    Ok((stream, sni))
}

pub(super) async fn connect_with<IO>(
    io: IO,
    config: Arc<rustls::ClientConfig>,
    name: ServerName<'static>,
    record: &mut Option<ClientAuthRecord>,
) -> io::Result<TlsStream<IO>>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let connection = UnbufferedClientConnection::new(config, name).map_err(invalid)?;
    let mut stream = TlsStream::new(io, Session::Client(Box::new(connection)));
    stream.feed(&[])?;
    poll_fn(|cx| {
        let (outcome, seen) = observe_client_auth(|| stream.poll_handshake(cx));
        if seen.is_some() {
            *record = seen;
        }
        outcome
    })
    .await?;
    Ok(stream)
}

impl<IO> TlsStream<IO> {
    /// Starts with bytes that were read before the stream was made.
    fn feed(&mut self, prefix: &[u8]) -> io::Result<()> {
        let mut scratch = Scratch::read();
        let incoming = scratch
            .get_mut(..prefix.len())
            .ok_or_else(|| invalid(rustls::InvalidMessage::HandshakePayloadTooLarge.into()))?;
        incoming.copy_from_slice(prefix);
        self.receive(incoming, &mut ReadBuf::new(&mut []))
            .map_err(invalid)
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> TlsStream<IO> {
    /// Each flight is one write.
    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.session.state().is_handshaking() {
            ready!(self.poll_out(cx))?;
            ready!(self.poll_receive(cx, &mut ReadBuf::new(&mut [])))?;
        }
        if !self.deferred {
            ready!(self.poll_out(cx))?;
        } else if self.session.is_server() && self.pending.is_empty() {
            // The request is still to come. A client without TCP_NODELAY holds it back until its Finished has
            // been acknowledged, which the kernel alone would do 40 ms later. Nobody waits for the tickets.
            let _sent: Poll<io::Result<()>> = self.poll_out(cx);
        }
        Poll::Ready(Ok(()))
    }
}

impl ClientHandshake {
    /// Of a handshake that is over; `verifies`: the policy has client certificates verified.
    pub(crate) fn of(state: &CommonState, sni: Option<Arc<str>>, verifies: bool) -> Self {
        let facts = Facts::of(state);
        let peer = state.peer_certificates().unwrap_or_default().to_vec();
        Self {
            version: facts.version,
            cipher: facts.cipher,
            group: facts.group,
            sni,
            alpn_h2: facts.alpn_h2,
            resumed: facts.resumed,
            verified: verifies && !peer.is_empty(),
            peer,
        }
    }
}

/// What both legs tell.
struct Facts {
    version: &'static str,
    cipher: &'static str,
    group: Option<&'static str>,
    alpn_h2: bool,
    resumed: bool,
}

impl Facts {
    fn of(state: &CommonState) -> Self {
        Self {
            version: state.protocol_version().map_or("", names::version_name),
            cipher: state
                .negotiated_cipher_suite()
                .map_or("", |suite| names::cipher_name(suite.suite())),
            group: state
                .negotiated_key_exchange_group()
                .map(|group| names::group_name(group.name())),
            alpn_h2: state.alpn_protocol() == Some(b"h2"),
            resumed: state.handshake_kind() == Some(HandshakeKind::Resumed),
        }
    }
}

impl From<io::Error> for AcceptError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                Self::Closed
            }
            _ => match error.downcast::<rustls::Error>() {
                Ok(error) => Self::Tls(error),
                Err(error) => Self::Io(error),
            },
        }
    }
}

/// The socket ended before the handshake did.
fn broken_off(error: &io::Error) -> Fault {
    let got = match error.kind() {
        io::ErrorKind::UnexpectedEof => "the server closed the connection".to_owned(),
        _ => error.to_string(),
    };
    Fault::new(Reason::HandshakeClosed, "a complete TLS handshake", got)
}

fn invalid(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
