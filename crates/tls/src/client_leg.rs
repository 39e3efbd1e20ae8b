//! Client leg: how we present ourselves to clients and what we demand of them.

use std::sync::Arc;

use crate::names::{CipherSuite, Group, Versions};
use crate::store::CertificateStore;
use crate::trust::{Client, TrustBundle};

/// Traefik's TLSOption, parsed. Two equal policies are interchangeable: tickets and rustls
/// configurations are shared between equal policies across snapshots, and never between unequal ones
/// (c40).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientPolicy {
    pub versions: Versions,
    /// TLS 1.2 suites; `None`: all that are offered.
    pub cipher_suites: Option<Vec<CipherSuite>>,
    pub groups: Option<Vec<Group>>,
    pub client_auth: ClientAuth,
    pub sni_strict: bool,
    /// In order of preference.
    pub alpn: Vec<Vec<u8>>,
    pub session_tickets: bool,
}

impl Default for ClientPolicy {
    /// TLS 1.2 to 1.3, `h2` then `http/1.1`, no client certificate, tickets on.
    fn default() -> Self {
        todo!()
    }
}

/// Go's five client-authentication types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientAuth {
    /// `NoClientCert`.
    None,
    /// `RequestClientCert`: asked for, not demanded, not verified.
    Request,
    /// `RequireAnyClientCert`: demanded, not verified (possession of the key is proved).
    RequireAny,
    /// `VerifyClientCertIfGiven`.
    VerifyIfGiven(Client<Arc<TrustBundle>>),
    /// `RequireAndVerifyClientCert`.
    RequireAndVerify(Client<Arc<TrustBundle>>),
}

/// A policy made ready for handshakes with one certificate store.
#[derive(Debug)]
pub struct ServerTls {
    pub(crate) policy: ClientPolicy,
    pub(crate) config: Arc<rustls::ServerConfig>,
}

impl ServerTls {
    /// `previous`: an earlier build of an equal policy, whose ticket keys live on. Pure but for the
    /// ticket keys, which are drawn when the first ticket is made.
    pub fn new(
        _policy: &ClientPolicy,
        _store: &Arc<CertificateStore>,
        _previous: Option<&Self>,
    ) -> Result<Self, crate::names::NameError> {
        todo!()
    }

    pub fn policy(&self) -> &ClientPolicy {
        &self.policy
    }

    pub fn config(&self) -> &Arc<rustls::ServerConfig> {
        &self.config
    }
}
