//! TLS over a socket, on rustls's unbuffered interface.
//!
//! An idle connection owns no buffers: bytes are read into one scratch buffer per thread, decrypted in
//! place, and what is left over (part of a record) is kept only while it is there. Large reads take up
//! to 64 KiB per system call; large writes are cut into full records and written together.

use std::sync::Arc;

use rustls_pki_types::CertificateDer;

use crate::client_leg::ServerTls;
use crate::reason::Fault;
use crate::verify::Proof;

/// A TLS connection of either leg; implements `AsyncRead` and `AsyncWrite`.
pub struct TlsStream<IO> {
    _io: IO,
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
    pub client_certificate_sent: bool,
    pub proof: Proof,
}

/// Handshake with a client. `prefix`: bytes already read from the socket. Cancel safe only in that
/// dropping the future drops the connection.
pub async fn accept<IO>(
    _io: IO,
    _prefix: &[u8],
    _tls: &ServerTls,
) -> Result<(TlsStream<IO>, ClientHandshake), AcceptError>
where
    IO: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    todo!()
}

/// Handshake with a server; the caller bounds the time.
pub async fn connect<IO>(
    _io: IO,
    _tls: &crate::backend_leg::EndpointTls,
) -> Result<(TlsStream<IO>, BackendHandshake), Fault>
where
    IO: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    todo!()
}

/// Why a client's handshake failed. The alert, where one is due, has been sent.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    #[error("the client closed during the handshake")]
    Closed,
    #[error("socket error")]
    Io(#[source] std::io::Error),
    #[error("TLS handshake failed")]
    Tls(#[source] rustls::Error),
}
