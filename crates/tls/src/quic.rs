//! QUIC handshakes, for quinn: the policy is chosen when the ClientHello is whole, as on TCP.
//!
//! ```text
//!  CRYPTO frames --> Hello (gathered, not answered) --choose(server name)--> Shaking --> Done
//!                          |                                |
//!                          +--- no ClientHello, or refused -+--> CONNECTION_CLOSE with the alert
//! ```
//! quinn shows nothing of a ClientHello before it has a TLS session to give it to. So [`QuicServer`] gives it one
//! that reads the server name first, by the parser that reads it on TCP, and only then makes rustls's session, with
//! the configuration that was chosen, and gives it the bytes from the first one on. There is no configuration to
//! fall back to: until one is chosen there are no keys but those of Initial packets. 0-RTT is never accepted.

use std::any::Any;
use std::io::Cursor;
use std::sync::Arc;

use quinn_proto::crypto::{self, ExportKeyingMaterialError, HeaderKey, KeyPair, Keys, PacketKey};
use quinn_proto::transport_parameters::TransportParameters;
use quinn_proto::{ConnectionId, Side, TransportError, TransportErrorCode};
use rustls::quic::{self, KeyChange, Secrets, ServerConnection, Suite};
use rustls::{AlertDescription, CipherSuite, SupportedCipherSuite};

use crate::client_leg::QuicTls;
use crate::stream::{ClientHandshake, HelloReader};

/// Who chooses the TLS configuration of one connection.
pub trait Choose: Send + Sync + 'static {
    /// What the choice was made by; [`QuicHandshake`] gives it back.
    type Policy: Copy + Send + Sync + 'static;

    /// `server_name` is lower case. `Err`: the connection is refused with this alert.
    fn choose(&self, server_name: Option<&str>) -> Result<(QuicTls, Self::Policy), AlertDescription>;
}

/// A completed handshake: what `quinn::Connection::handshake_data` holds.
#[derive(Debug, Clone)]
pub struct QuicHandshake<P> {
    pub client: ClientHandshake,
    pub policy: P,
}

/// What all connections of an endpoint have in common.
#[derive(Clone)]
pub struct QuicBase {
    /// Never asked for a session.
    packets: Arc<crypto::rustls::QuicServerConfig>,
    initial: Suite,
}

/// The provider lacks what QUIC needs for its first packets.
#[derive(Debug, thiserror::Error)]
#[error("no TLS_AES_128_GCM_SHA256 for QUIC's first packets")]
pub struct NoQuic;

impl QuicBase {
    pub fn new() -> Result<Self, NoQuic> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let suites = provider.cipher_suites.iter();
        let initial = suites
            .filter(|suite| suite.suite() == CipherSuite::TLS13_AES_128_GCM_SHA256)
            .find_map(|suite| match suite {
                SupportedCipherSuite::Tls13(suite) => suite.quic_suite(),
                SupportedCipherSuite::Tls12(_) => None,
            })
            .ok_or(NoQuic)?;
        let nobody = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|_| NoQuic)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(rustls::server::ResolvesServerCertUsingSni::new()));
        let packets = crypto::rustls::QuicServerConfig::with_initial(Arc::new(nobody), initial);
        Ok(Self {
            packets: Arc::new(packets.map_err(|_| NoQuic)?),
            initial,
        })
    }
}

/// quinn's view of TLS: sessions that choose their configuration by the ClientHello.
pub struct QuicServer<C> {
    base: QuicBase,
    choose: Arc<C>,
}

impl<C: Choose> QuicServer<C> {
    pub fn new(base: &QuicBase, choose: C) -> Self {
        Self {
            base: base.clone(),
            choose: Arc::new(choose),
        }
    }
}

impl<C: Choose> crypto::ServerConfig for QuicServer<C> {
    fn initial_keys(&self, version: u32, dst_cid: &ConnectionId) -> Result<Keys, crypto::UnsupportedVersion> {
        self.base.packets.initial_keys(version, dst_cid)
    }

    fn retry_tag(&self, version: u32, orig_dst_cid: &ConnectionId, packet: &[u8]) -> [u8; 16] {
        self.base.packets.retry_tag(version, orig_dst_cid, packet)
    }

    fn start_session(
        self: Arc<Self>,
        version: u32,
        params: &TransportParameters,
    ) -> Box<dyn crypto::Session> {
        let mut written = Vec::new();
        params.write(&mut written);
        let stage = if version == QUIC_V1 {
            Stage::Hello {
                reader: Box::default(),
                bytes: Vec::new(),
                choose: Arc::clone(&self.choose),
                params: written,
            }
        } else {
            Stage::Refused
        };
        Box::new(Session {
            initial: self.base.initial,
            stage,
        })
    }
}

/// One connection's TLS.
struct Session<C: Choose> {
    initial: Suite,
    stage: Stage<C>,
}

enum Stage<C: Choose> {
    Hello {
        reader: Box<HelloReader>,
        /// To be read again by the session that is chosen.
        bytes: Vec<u8>,
        choose: Arc<C>,
        params: Vec<u8>,
    },
    Chosen(Box<Chosen<C::Policy>>),
    Refused,
}

struct Chosen<P> {
    connection: ServerConnection,
    tls: QuicTls,
    policy: P,
    rechecked: bool,
    next: Option<Secrets>,
}

impl<C: Choose> Session<C> {
    fn chosen(&self) -> Option<&Chosen<C::Policy>> {
        match &self.stage {
            Stage::Chosen(chosen) => Some(chosen),
            Stage::Hello { .. } | Stage::Refused => None,
        }
    }

    /// Gathers the ClientHello. `Ok(true)`: a configuration has been chosen and rustls has read the same bytes.
    fn gather(&mut self, fresh: &[u8]) -> Result<bool, TransportError> {
        let Stage::Hello {
            reader,
            bytes,
            choose,
            params,
        } = &mut self.stage
        else {
            return Err(refused(AlertDescription::UnexpectedMessage, "no handshake"));
        };
        bytes.extend_from_slice(fresh);
        let mut hello = None;
        for piece in fresh.chunks(RECORD) {
            hello = reader
                .push(&as_record(piece))
                .map_err(|error| refused(alert_in(&error.alert), &error.source.to_string()))?;
        }
        let Some(hello) = hello else {
            return Ok(false);
        };
        let name = hello.server_name.as_deref();
        let (tls, policy) = choose
            .choose(name)
            .map_err(|alert| refused(alert, "no TLS options for this server name"))?;
        let mut connection = ServerConnection::new(
            Arc::clone(tls.config()),
            quic::Version::V1,
            std::mem::take(params),
        )
        .map_err(|error| refused(AlertDescription::InternalError, &error.to_string()))?;
        read(&mut connection, bytes)?;
        self.stage = Stage::Chosen(Box::new(Chosen {
            connection,
            tls,
            policy,
            rechecked: false,
            next: None,
        }));
        Ok(true)
    }
}

impl<P: Copy> Chosen<P> {
    fn read(&mut self, fresh: &[u8]) -> Result<(), TransportError> {
        read(&mut self.connection, fresh)?;
        if !self.rechecked && !self.connection.is_handshaking() {
            self.rechecked = true;
            if self.connection.handshake_kind() == Some(rustls::HandshakeKind::Resumed) {
                let chain = self.connection.peer_certificates().unwrap_or_default();
                self.tls
                    .recheck(chain)
                    .map_err(|error| refused(AlertDescription::CertificateExpired, &error.to_string()))?;
            }
        }
        Ok(())
    }

    /// `None` until the handshake is over.
    fn handshake(&self) -> Option<QuicHandshake<P>> {
        if self.connection.is_handshaking() {
            return None;
        }
        let sni = self.connection.server_name().map(Arc::from);
        Some(QuicHandshake {
            client: ClientHandshake::of(&self.connection, sni, self.tls.verifies_clients()),
            policy: self.policy,
        })
    }
}

impl<C: Choose> crypto::Session for Session<C> {
    fn initial_keys(&self, dst_cid: &ConnectionId, side: Side) -> Keys {
        let side = match side {
            Side::Client => rustls::Side::Client,
            Side::Server => rustls::Side::Server,
        };
        of_quinn(self.initial.keys(dst_cid, side, quic::Version::V1))
    }

    fn handshake_data(&self) -> Option<Box<dyn Any>> {
        let handshake = self.chosen()?.handshake()?;
        Some(Box::new(handshake))
    }

    fn peer_identity(&self) -> Option<Box<dyn Any>> {
        let chain = self.chosen()?.connection.peer_certificates()?;
        Some(Box::new(chain.to_vec()))
    }

    /// No early data.
    fn early_crypto(&self) -> Option<(Box<dyn HeaderKey>, Box<dyn PacketKey>)> {
        None
    }

    fn early_data_accepted(&self) -> Option<bool> {
        None
    }

    fn is_handshaking(&self) -> bool {
        self.chosen()
            .is_none_or(|chosen| chosen.connection.is_handshaking())
    }

    fn read_handshake(&mut self, buf: &[u8]) -> Result<bool, TransportError> {
        let outcome = match &mut self.stage {
            Stage::Chosen(chosen) => chosen.read(buf).map(|()| false),
            Stage::Hello { .. } | Stage::Refused => self.gather(buf),
        };
        if outcome.is_err() {
            self.stage = Stage::Refused;
        }
        outcome
    }

    fn transport_parameters(&self) -> Result<Option<TransportParameters>, TransportError> {
        let Some(written) = self
            .chosen()
            .and_then(|chosen| chosen.connection.quic_transport_parameters())
        else {
            return Ok(None);
        };
        Ok(Some(TransportParameters::read(
            Side::Server,
            &mut Cursor::new(written),
        )?))
    }

    fn write_handshake(&mut self, buf: &mut Vec<u8>) -> Option<Keys> {
        let Stage::Chosen(chosen) = &mut self.stage else {
            return None;
        };
        match chosen.connection.write_hs(buf)? {
            KeyChange::Handshake { keys } => Some(of_quinn(keys)),
            KeyChange::OneRtt { keys, next } => {
                chosen.next = Some(next);
                Some(of_quinn(keys))
            }
        }
    }

    fn next_1rtt_keys(&mut self) -> Option<KeyPair<Box<dyn PacketKey>>> {
        let Stage::Chosen(chosen) = &mut self.stage else {
            return None;
        };
        let keys = chosen.next.as_mut()?.next_packet_keys();
        Some(KeyPair {
            local: Box::new(keys.local),
            remote: Box::new(keys.remote),
        })
    }

    /// Only clients get Retry packets.
    fn is_valid_retry(&self, _: &ConnectionId, _: &[u8], _: &[u8]) -> bool {
        false
    }

    /// Nobody asks for any.
    fn export_keying_material(
        &self,
        _: &mut [u8],
        _: &[u8],
        _: &[u8],
    ) -> Result<(), ExportKeyingMaterialError> {
        Err(ExportKeyingMaterialError)
    }
}

fn read(connection: &mut ServerConnection, bytes: &[u8]) -> Result<(), TransportError> {
    connection.read_hs(bytes).map_err(|error| {
        let alert = connection.alert().unwrap_or(AlertDescription::InternalError);
        refused(alert, &error.to_string())
    })
}

fn refused(alert: AlertDescription, reason: &str) -> TransportError {
    TransportError {
        code: TransportErrorCode::crypto(alert.into()),
        frame: None,
        reason: reason.to_owned(),
    }
}

fn of_quinn(keys: quic::Keys) -> Keys {
    Keys {
        header: KeyPair {
            local: Box::new(keys.local.header),
            remote: Box::new(keys.remote.header),
        },
        packet: KeyPair {
            local: Box::new(keys.local.packet),
            remote: Box::new(keys.remote.packet),
        },
    }
}

/// QUIC carries handshake messages without records; the reader wants them in one.
fn as_record(piece: &[u8]) -> Vec<u8> {
    let length = u16::try_from(piece.len()).unwrap_or(u16::MAX);
    let mut record = Vec::with_capacity(piece.len() + 5);
    record.extend_from_slice(&[0x16, 0x03, 0x01]);
    record.extend_from_slice(&length.to_be_bytes());
    record.extend_from_slice(piece);
    record
}

/// The description in an alert record.
fn alert_in(record: &[u8]) -> AlertDescription {
    record
        .get(6)
        .map_or(AlertDescription::DecodeError, |&description| description.into())
}

/// Plaintext of one record.
const RECORD: usize = 16 * 1024;
/// RFC 9000.
pub const QUIC_V1: u32 = 1;
