//! Reads a ClientHello without answering it, to choose the policy by its server name.

use std::sync::Arc;

use rustls::server::Acceptor;

/// What a ClientHello says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// Lower case; the trailing dot, which the standard forbids, is rustls's to refuse.
    pub server_name: Option<Arc<str>>,
}

/// Puts a ClientHello together from any number of records and segments (CVE-2026-32305) and reads it.
/// The bytes stay the caller's: they are replayed as the prefix of [`accept`](super::accept).
#[derive(Default)]
pub struct HelloReader {
    acceptor: Acceptor,
}

/// The bytes are no ClientHello, or one that cannot be answered.
#[derive(Debug, thiserror::Error)]
#[error("no usable ClientHello")]
pub struct HelloError {
    #[source]
    pub source: rustls::Error,
    /// To be sent to the client; may be empty.
    pub alert: Vec<u8>,
}

impl HelloReader {
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes; `Ok(None)`: more are needed. rustls bounds what it gathers to 64 KiB.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<Option<Hello>, HelloError> {
        while !bytes.is_empty() {
            if self.acceptor.read_tls(&mut bytes).is_err() {
                return Err(HelloError {
                    source: rustls::InvalidMessage::HandshakePayloadTooLarge.into(),
                    alert: Vec::new(),
                });
            }
            match self.acceptor.accept() {
                Ok(None) => {}
                Ok(Some(accepted)) => {
                    let server_name = accepted.client_hello().server_name().map(Arc::from);
                    return Ok(Some(Hello { server_name }));
                }
                Err((source, mut pending)) => {
                    let mut alert = Vec::new();
                    // Writing to memory does not fail; without the alert the connection just closes.
                    let _written = pending.write_all(&mut alert);
                    return Err(HelloError { source, alert });
                }
            }
        }
        Ok(None)
    }
}
