//! The closed set of reasons for a leg that could not be built.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::certificate::CertificateFacts;

/// Why a connection, or its TLS, failed. The code is stable: access log, metric label and API use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// No trusted CA signed the presented chain.
    UnknownCa,
    /// No DNS SAN matches the wanted name.
    NameMismatch,
    /// The wanted name is an IP address and no IP SAN matches.
    NoIpSan,
    /// Chain and name are good, but no URI SAN is the wanted one.
    UriMismatch,
    Expired,
    NotYetValid,
    /// Extended key usage forbids server (or client) authentication.
    WrongUsage,
    /// A CA's name constraints forbid the name.
    NameConstraint,
    /// A certificate is malformed, or its key or signature is too weak.
    BadCertificate,
    Revoked,
    /// The configured trust could not be loaded.
    CaMissing,
    /// The configured client certificate could not be loaded.
    ClientCertUnusable,
    /// The peer demands a client certificate and none was sent.
    ClientCertMissing,
    /// The peer refused the client certificate that was sent.
    ClientCertRefused,
    /// The peer answered with plain text.
    PlaintextOnTlsPort,
    /// We spoke plain text to a TLS port.
    TlsOnPlainPort,
    /// No common version, cipher suite or key-exchange group.
    VersionOrCipher,
    /// No common application protocol.
    Alpn,
    /// The peer knows no certificate for the server name sent.
    UnrecognizedName,
    /// The handshake did not end in time.
    HandshakeTimeout,
    /// The peer closed or reset during the handshake.
    HandshakeClosed,
    /// Another TLS alert or protocol error.
    HandshakeFailed,
    /// Name resolution failed.
    Dns,
    ConnectRefused,
    ConnectTimeout,
    /// Host or network unreachable, or another connect error.
    ConnectFailed,
    /// The peer closed or reset before a full response head.
    ClosedBeforeResponse,
    /// No response head in time.
    ResponseTimeout,
    /// The peer sent something that is not HTTP, or an ambiguous message.
    BadResponse,
    /// The peer broke off inside the response body.
    BodyBroken,
}

impl Reason {
    /// The stable code, such as `unknown_ca`.
    pub const fn code(self) -> &'static str {
        ""
    }

    /// All of them, for metrics and the reference table.
    pub const ALL: &'static [Self] = &[];
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A failure of one leg, as data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub reason: Reason,
    /// What would have been right, such as ``a certificate for `web.example.com` ``.
    pub wanted: String,
    /// What was there, such as ``DNS names `other.example.com` ``.
    pub got: String,
    /// The chain the peer presented, leaf first; kept for verification failures.
    pub presented: Arc<[CertificateFacts]>,
    pub remedy: Option<Remedy>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: wanted {}, got {}", self.reason, self.wanted, self.got)
    }
}

impl std::error::Error for Fault {}

/// The smallest change of configuration that would mend a [`Fault`], without any product's words;
/// crate `snapshot` writes it as YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// Expect this name instead.
    SetServerName(String),
    /// Trust the issuer with this subject (or the leaf itself, when it is self-signed).
    TrustIssuer {
        issuer: String,
        self_signed: bool,
    },
    /// Renew the peer's certificate.
    RenewPeerCertificate,
    /// Offer a client certificate; acceptable issuers where the peer said them.
    OfferClientCertificate {
        issuers: Vec<String>,
    },
    ReplaceClientCertificate,
    /// Use plain HTTP, or speak TLS on the peer's port.
    UseScheme(&'static str),
    /// Allow a version the peer has.
    AllowVersion(&'static str),
    RemovePeerUri,
    FixClock,
}

/// What a server is expected to prove.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ExpectedName {
    Dns(String),
    Ip(IpAddr),
}

impl fmt::Display for ExpectedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => f.write_str(name),
            Self::Ip(ip) => ip.fmt(f),
        }
    }
}
