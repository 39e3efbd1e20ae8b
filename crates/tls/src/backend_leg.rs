//! Backend leg: what we demand of a server and what we show it.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::{ClientSessionMemoryCache, Resumption};
use rustls::time_provider::{DefaultTimeProvider, TimeProvider};
use rustls_pki_types::{DnsName, ServerName};

use crate::certificate::Identity;
use crate::names::{CipherSuite, NameError, Versions};
use crate::provider;
use crate::reason::ExpectedName;
use crate::trust::{Backend, Trust};
use crate::verify::BackendVerifier;

mod identity;
pub use identity::{ClientAuthRecord, observe_client_auth};

/// A ServersTransport's TLS half, parsed. Equal policies may share pools; unequal ones never.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendPolicy {
    pub verification: Verification,
    /// Under [`Verification::DangerSkip`], whom to verify by all the same, for the record: nothing depends on what
    /// comes of it. `None`: nothing is recorded.
    pub shadow: Option<Backend<Trust>>,
    /// SNI and verified name of every server; `None`: the server's own host.
    pub server_name: Option<String>,
    /// Client certificates; the one acceptable to the server's CertificateRequest is sent.
    pub identities: Vec<Arc<Identity>>,
    pub versions: Versions,
    /// TLS 1.2 suites; `None`: all that are offered.
    pub cipher_suites: Option<Vec<CipherSuite>>,
    /// A URI SAN that must be present, on top of the name; compared byte by byte. It is checked under
    /// [`Verification::DangerSkip`] too, where it proves little.
    pub peer_uri: Option<String>,
}

impl Default for BackendPolicy {
    /// The system's roots, the server's own host as its name, TLS 1.2 to 1.3, no client certificate.
    fn default() -> Self {
        Self {
            verification: Verification::Full(Backend(Trust::System)),
            shadow: None,
            server_name: None,
            identities: Vec::new(),
            versions: Versions::default(),
            cipher_suites: None,
            peer_uri: None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verification {
    Full(Backend<Trust>),
    /// `insecureSkipVerify`: neither chain nor name is checked. The server still has to prove that it
    /// holds the key of the certificate it presents.
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
    config: rustls::ClientConfig,
    verifier: Arc<BackendVerifier>,
}

impl BackendTls {
    /// Pure: system roots are read at the first handshake that needs them, or by
    /// [`load_system_roots`](crate::trust::load_system_roots).
    pub fn new(policy: BackendPolicy) -> Result<Self, NameError> {
        Self::with_clock(policy, Arc::new(DefaultTimeProvider))
    }

    /// As [`Self::new`], with another clock than the system's.
    pub fn with_clock(policy: BackendPolicy, clock: Arc<dyn TimeProvider>) -> Result<Self, NameError> {
        if let Some(name) = &policy.server_name {
            parse_host(name)?;
        }
        let provider = provider::restricted(policy.versions, policy.cipher_suites.as_deref(), None)?;
        let verifier = Arc::new(BackendVerifier::new(
            &policy,
            provider.signature_verification_algorithms,
            Arc::clone(&clock),
        ));
        let config = rustls::ClientConfig::builder_with_details(provider, clock)
            .with_protocol_versions(&policy.versions.supported())
            .map_err(|_| NameError::NoSuiteLeft)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&verifier) as _)
            .with_client_cert_resolver(Arc::new(identity::Choice::among(policy.identities.clone())));
        Ok(Self {
            policy,
            config,
            verifier,
        })
    }

    pub fn policy(&self) -> &BackendPolicy {
        &self.policy
    }

    /// The TLS state of one pool: one server, one worker, its own session cache (TLS resumption,
    /// A14.5) that dies with it. `host` is the server URL's host: name and SNI unless the policy has
    /// a `server_name`; no SNI is sent for an IP address.
    pub fn endpoint(&self, host: &str, offer: Offer) -> Result<EndpointTls, NameError> {
        let (server_name, expected) = parse_host(self.policy.server_name.as_deref().unwrap_or(host))?;
        let mut config = self.config.clone();
        config.resumption = Resumption::store(Arc::new(ClientSessionMemoryCache::new(SESSIONS)));
        config.alpn_protocols = match offer {
            Offer::H2OrHttp1 => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            Offer::Http1 => vec![b"http/1.1".to_vec()],
        };
        config.enable_sni = matches!(server_name, ServerName::DnsName(_));
        Ok(EndpointTls {
            config: Arc::new(config),
            server_name,
            expected,
            verifier: Arc::clone(&self.verifier),
        })
    }
}

/// What a new connection of one pool needs.
#[derive(Debug, Clone)]
pub struct EndpointTls {
    pub(crate) config: Arc<rustls::ClientConfig>,
    pub(crate) server_name: ServerName<'static>,
    pub(crate) expected: ExpectedName,
    pub(crate) verifier: Arc<BackendVerifier>,
}

impl EndpointTls {
    /// Whom the server has to prove to be.
    pub fn expected(&self) -> &ExpectedName {
        &self.expected
    }

    /// For a rustls connection: its configuration and the name to give it.
    pub fn rustls(&self) -> (&Arc<rustls::ClientConfig>, &ServerName<'static>) {
        (&self.config, &self.server_name)
    }

    pub fn verifier(&self) -> &BackendVerifier {
        &self.verifier
    }
}

/// A DNS name (a trailing dot is dropped, as Go does) or an IP address (brackets are allowed).
fn parse_host(host: &str) -> Result<(ServerName<'static>, ExpectedName), NameError> {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok((ServerName::IpAddress(address.into()), ExpectedName::Ip(address)));
    }
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let bad = || NameError::BadServerName(host.to_owned());
    let dns = DnsName::try_from(name.clone()).map_err(|_| bad())?;
    Ok((ServerName::DnsName(dns), ExpectedName::Dns(name)))
}

/// Tickets kept per endpoint: one server's worth in rustls's cache.
const SESSIONS: usize = 8;
