//! Client leg: how we present ourselves to clients and what we demand of them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use rustls::server::{NoServerSessionStorage, ProducesTickets};
use rustls::time_provider::{DefaultTimeProvider, TimeProvider};
use rustls_pki_types::CertificateDer;

use crate::names::{CipherSuite, Group, NameError, Version, Versions};
use crate::provider;
use crate::store::CertificateStore;
use crate::trust::{Client, TrustBundle};

mod resolver;
mod tickets;
mod verifier;

use resolver::Resolver;
use tickets::Tickets;
use verifier::ClientVerifier;

/// Traefik's TLSOption, parsed. Two equal policies are interchangeable: tickets and rustls
/// configurations are shared between equal policies across snapshots, and never between unequal ones
/// (c40).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientPolicy {
    pub versions: Versions,
    /// TLS 1.2 suites; `None`: all that are offered.
    pub cipher_suites: Option<Vec<CipherSuite>>,
    /// In order of preference; `None`: X25519MLKEM768, X25519, P-256, P-384.
    pub groups: Option<Vec<Group>>,
    pub client_auth: ClientAuth,
    /// Whether a handshake without a server name, or with one that no certificate covers, is refused instead
    /// of answered with the default certificate.
    pub sni_strict: bool,
    /// In order of preference; empty: no protocol is negotiated. A client that offers only others is refused,
    /// as in Go, with one exception that is Go's too: where `h2` is offered, `http/1.1` is always accepted.
    pub alpn: Vec<Vec<u8>>,
    /// Whether sessions are resumed, by tickets: there is no session store.
    pub session_tickets: bool,
}

impl Default for ClientPolicy {
    /// TLS 1.2 to 1.3, `h2` then `http/1.1`, no client certificate, tickets on.
    fn default() -> Self {
        Self {
            versions: Versions::default(),
            cipher_suites: None,
            groups: None,
            client_auth: ClientAuth::None,
            sni_strict: false,
            alpn: vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            session_tickets: true,
        }
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

impl ClientAuth {
    /// Whether a certificate that a client shows has been verified once the handshake is done.
    pub fn verifies(&self) -> bool {
        matches!(self, Self::VerifyIfGiven(_) | Self::RequireAndVerify(_))
    }
}

/// A policy made ready for handshakes with one certificate store.
#[derive(Debug)]
pub struct ServerTls {
    pub(crate) policy: ClientPolicy,
    pub(crate) config: Arc<rustls::ServerConfig>,
    /// The same for HTTP/3; `None` where TLS 1.3, which QUIC needs, is not allowed.
    quic: Option<QuicTls>,
    store: Arc<CertificateStore>,
    tickets: Option<Arc<Tickets>>,
    /// For clients that send no server name, by the address of ours that they called.
    by_address: HashMap<IpAddr, Self>,
}

impl ServerTls {
    /// The TLS record to answer with where [`Self::refuses`]: the fatal alert `unrecognized_name`. (rustls
    /// refuses too, but only knows to say `access_denied`.)
    pub const UNRECOGNIZED_NAME: [u8; 7] = [0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x70];

    /// `previous`: an earlier build of an equal policy, whose ticket keys live on. Pure but for the
    /// ticket keys, which are drawn when the first ticket is made.
    pub fn new(
        policy: &ClientPolicy,
        store: &Arc<CertificateStore>,
        previous: Option<&Self>,
    ) -> Result<Self, NameError> {
        Self::with_clock(policy, store, previous, Arc::new(DefaultTimeProvider))
    }

    /// As [`Self::new`], with another clock than the system's.
    pub fn with_clock(
        policy: &ClientPolicy,
        store: &Arc<CertificateStore>,
        previous: Option<&Self>,
        clock: Arc<dyn TimeProvider>,
    ) -> Result<Self, NameError> {
        let tickets = policy.session_tickets.then(|| {
            // An unequal policy may demand other client certificates: its tickets must not open this door.
            let kept = previous.filter(|previous| previous.policy == *policy);
            kept.and_then(|previous| previous.tickets.clone())
                .unwrap_or_default()
        });
        let provider = provider::restricted(
            policy.versions,
            policy.cipher_suites.as_deref(),
            policy.groups.as_deref(),
        )?;
        let resolver = Resolver::new(store, policy.sni_strict, &provider);
        let builder = rustls::ServerConfig::builder_with_details(Arc::clone(&provider), clock)
            .with_protocol_versions(&policy.versions.supported())
            .map_err(|_| NameError::NoSuiteLeft)?;
        let verifier = ClientVerifier::new(&policy.client_auth, provider.signature_verification_algorithms);
        let builder = match verifier {
            Some(verifier) => builder.with_client_cert_verifier(Arc::new(verifier)),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(resolver.clone()));
        config.alpn_protocols = alpn(&policy.alpn);
        config.session_storage = Arc::new(NoServerSessionStorage {});
        match &tickets {
            Some(tickets) => config.ticketer = Arc::clone(tickets) as Arc<dyn ProducesTickets>,
            None => config.send_tls13_tickets = 0,
        }
        let part = |config: rustls::ServerConfig, by_address| Self {
            policy: policy.clone(),
            quic: QuicTls::of(policy, &config),
            config: Arc::new(config),
            store: Arc::clone(store),
            tickets: tickets.clone(),
            by_address,
        };
        let by_address = store.addresses().map(|address| {
            let mut config = config.clone();
            config.cert_resolver = Arc::new(resolver.clone().without_name_at(address));
            (address, part(config, HashMap::new()))
        });
        let by_address = by_address.collect();
        Ok(part(config, by_address))
    }

    pub fn policy(&self) -> &ClientPolicy {
        &self.policy
    }

    pub fn config(&self) -> &Arc<rustls::ServerConfig> {
        &self.config
    }

    /// What a handshake over QUIC uses; `None`: such handshakes are refused.
    pub fn quic(&self) -> Option<&QuicTls> {
        self.quic.as_ref()
    }

    /// Whether the ClientHello has to be read before the handshake, to ask [`Self::without_name_at`] and
    /// [`Self::refuses`].
    pub fn needs_hello(&self) -> bool {
        self.policy.sni_strict || !self.by_address.is_empty()
    }

    /// What to use for a client that sent no server name and called `local`: the certificate for that
    /// address, where there is one, stands before the default (A8.12).
    #[must_use]
    pub fn without_name_at(&self, local: IpAddr) -> &Self {
        self.by_address.get(&local.to_canonical()).unwrap_or(self)
    }

    /// Whether `sniStrict` refuses this server name (A8.6), on this part of [`Self::without_name_at`].
    pub fn refuses(&self, server_name: Option<&str>, local: IpAddr) -> bool {
        self.policy.sni_strict
            && match server_name {
                Some(name) => self.store.for_name(name, |_| true).is_none(),
                None => self.store.for_address(local, |_| true).is_none(),
            }
    }

    /// For a resumed session, in which the client's chain was not verified again: whether it still may be
    /// called verified. As in Go, the leaf has to be in date (R17); that the CAs are the same is certain,
    /// as tickets die with their policy.
    pub fn recheck(&self, chain: &[CertificateDer<'_>]) -> Result<(), rustls::Error> {
        recheck(&self.config, self.policy.client_auth.verifies(), chain)
    }
}

/// A policy made ready for handshakes over QUIC: everything is as over TCP, tickets included, but for the
/// application protocol, which is HTTP/3 whatever [`ClientPolicy::alpn`] says (as in Traefik).
#[derive(Debug, Clone)]
pub struct QuicTls {
    config: Arc<rustls::ServerConfig>,
    verifies_clients: bool,
}

impl QuicTls {
    fn of(policy: &ClientPolicy, config: &rustls::ServerConfig) -> Option<Self> {
        policy.versions.contains(Version::Tls13).then(|| {
            let mut config = config.clone();
            config.alpn_protocols = vec![ALPN_H3.to_vec()];
            // No 0-RTT: what comes before the handshake's end can be replayed (C34).
            config.max_early_data_size = 0;
            Self {
                config: Arc::new(config),
                verifies_clients: policy.client_auth.verifies(),
            }
        })
    }

    pub fn config(&self) -> &Arc<rustls::ServerConfig> {
        &self.config
    }

    pub(crate) fn verifies_clients(&self) -> bool {
        self.verifies_clients
    }

    /// See [`ServerTls::recheck`].
    pub(crate) fn recheck(&self, chain: &[CertificateDer<'_>]) -> Result<(), rustls::Error> {
        recheck(&self.config, self.verifies_clients, chain)
    }
}

fn recheck(
    config: &rustls::ServerConfig,
    verifies_clients: bool,
    chain: &[CertificateDer<'_>],
) -> Result<(), rustls::Error> {
    match chain.first() {
        Some(leaf) if verifies_clients => {
            let now = config.time_provider.current_time();
            verifier::check_dates(leaf, now.ok_or(rustls::Error::FailedToGetCurrentTime)?)
        }
        Some(_) | None => Ok(()),
    }
}

/// Go lets a client that has only `http/1.1` in where `h2` is offered, without selecting a protocol; selecting
/// `http/1.1` comes to the same.
fn alpn(configured: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut protocols = configured.to_vec();
    let has = |name: &[u8]| configured.iter().any(|protocol| protocol == name);
    if has(b"h2") && !has(b"http/1.1") {
        protocols.push(b"http/1.1".to_vec());
    }
    protocols
}

/// What HTTP/3 calls itself (RFC 9114, 3.1).
const ALPN_H3: &[u8] = b"h3";
