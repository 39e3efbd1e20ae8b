//! Backend leg: what we demand of a server and what we show it.

use std::sync::Arc;

use crate::certificate::Identity;
use crate::names::{CipherSuite, NameError, Versions};
use crate::reason::ExpectedName;
use crate::trust::{Backend, Trust};

/// A ServersTransport's TLS half, parsed. Equal policies may share pools; unequal ones never.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendPolicy {
    pub verification: Verification,
    /// SNI and verified name of every server; `None`: the server's own host.
    pub server_name: Option<String>,
    /// Client certificates; the one acceptable to the server's CertificateRequest is sent.
    pub identities: Vec<Arc<Identity>>,
    pub versions: Versions,
    pub cipher_suites: Option<Vec<CipherSuite>>,
    /// A URI SAN that must be present, on top of the name.
    pub peer_uri: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verification {
    Full(Backend<Trust>),
    /// `insecureSkipVerify`: neither chain nor name is checked.
    DangerSkip,
}

/// Protocols to offer on the backend leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Offer {
    /// `h2`, `http/1.1`.
    H2OrHttp1,
    /// `http/1.1` only (`disableHTTP2`, upgrades).
    Http1,
}

/// A backend policy made ready for handshakes.
#[derive(Debug)]
pub struct BackendTls {
    policy: BackendPolicy,
}

impl BackendTls {
    pub fn new(_policy: BackendPolicy) -> Result<Self, NameError> {
        todo!()
    }

    pub fn policy(&self) -> &BackendPolicy {
        &self.policy
    }

    /// The TLS state of one pool: one server, one worker, its own session cache (TLS resumption,
    /// A14.5) that dies with it. `host` is the server URL's host: name and SNI unless the policy has
    /// a `server_name`; no SNI is sent for an IP address.
    pub fn endpoint(&self, _host: &str, _offer: Offer) -> Result<EndpointTls, NameError> {
        todo!()
    }
}

/// What a new connection of one pool needs.
#[derive(Debug, Clone)]
pub struct EndpointTls {
    pub(crate) config: Arc<rustls::ClientConfig>,
    pub(crate) server_name: rustls_pki_types::ServerName<'static>,
    pub(crate) expected: ExpectedName,
    pub(crate) verifier: Arc<crate::verify::BackendVerifier>,
}
