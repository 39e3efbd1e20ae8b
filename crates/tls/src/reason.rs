//! The closed set of reasons for a leg that could not be built.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use rustls_pki_types::ServerName;

use crate::certificate::CertificateFacts;

mod handshake;
pub use handshake::{
    HandshakeContext, fault_of_handshake, fault_of_missing_certificate, fault_of_refused_certificate,
};

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
        match self {
            Self::UnknownCa => "unknown_ca",
            Self::NameMismatch => "name_mismatch",
            Self::NoIpSan => "no_ip_san",
            Self::UriMismatch => "uri_mismatch",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::WrongUsage => "wrong_usage",
            Self::NameConstraint => "name_constraint",
            Self::BadCertificate => "bad_certificate",
            Self::Revoked => "revoked",
            Self::CaMissing => "ca_missing",
            Self::ClientCertUnusable => "client_cert_unusable",
            Self::ClientCertMissing => "client_cert_missing",
            Self::ClientCertRefused => "client_cert_refused",
            Self::PlaintextOnTlsPort => "plaintext_on_tls_port",
            Self::TlsOnPlainPort => "tls_on_plain_port",
            Self::VersionOrCipher => "version_or_cipher",
            Self::Alpn => "alpn",
            Self::UnrecognizedName => "unrecognized_name",
            Self::HandshakeTimeout => "handshake_timeout",
            Self::HandshakeClosed => "handshake_closed",
            Self::HandshakeFailed => "handshake_failed",
            Self::Dns => "dns",
            Self::ConnectRefused => "connect_refused",
            Self::ConnectTimeout => "connect_timeout",
            Self::ConnectFailed => "connect_failed",
            Self::ClosedBeforeResponse => "closed_before_response",
            Self::ResponseTimeout => "response_timeout",
            Self::BadResponse => "bad_response",
            Self::BodyBroken => "body_broken",
        }
    }

    /// A short sentence for the reference table and for people.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::UnknownCa => "no trusted CA signed the certificate",
            Self::NameMismatch => "the certificate is for other DNS names",
            Self::NoIpSan => "the certificate does not name the IP address",
            Self::UriMismatch => "the certificate lacks the wanted URI name",
            Self::Expired => "a certificate has expired",
            Self::NotYetValid => "a certificate is not valid yet",
            Self::WrongUsage => "the certificate is not meant for this use",
            Self::NameConstraint => "a CA may not vouch for this name",
            Self::BadCertificate => "a certificate is malformed or too weak",
            Self::Revoked => "a certificate is revoked",
            Self::CaMissing => "the configured trust could not be loaded",
            Self::ClientCertUnusable => "the configured client certificate could not be loaded",
            Self::ClientCertMissing => "the peer demands a client certificate",
            Self::ClientCertRefused => "the peer refused the client certificate",
            Self::PlaintextOnTlsPort => "the peer does not speak TLS on this port",
            Self::TlsOnPlainPort => "the peer speaks TLS on this port",
            Self::VersionOrCipher => "no TLS version, cipher suite or group in common",
            Self::Alpn => "no application protocol in common",
            Self::UnrecognizedName => "the peer has no certificate for the server name",
            Self::HandshakeTimeout => "the TLS handshake did not end in time",
            Self::HandshakeClosed => "the peer closed during the TLS handshake",
            Self::HandshakeFailed => "the TLS handshake failed",
            Self::Dns => "the name could not be resolved",
            Self::ConnectRefused => "the connection was refused",
            Self::ConnectTimeout => "the connection was not made in time",
            Self::ConnectFailed => "the connection could not be made",
            Self::ClosedBeforeResponse => "the peer closed before it answered",
            Self::ResponseTimeout => "the peer did not answer in time",
            Self::BadResponse => "the peer's answer is not valid HTTP",
            Self::BodyBroken => "the peer broke off inside the body",
        }
    }

    /// All of them, in order, for metrics and the reference table.
    pub const ALL: &'static [Self] = &[
        Self::UnknownCa,
        Self::NameMismatch,
        Self::NoIpSan,
        Self::UriMismatch,
        Self::Expired,
        Self::NotYetValid,
        Self::WrongUsage,
        Self::NameConstraint,
        Self::BadCertificate,
        Self::Revoked,
        Self::CaMissing,
        Self::ClientCertUnusable,
        Self::ClientCertMissing,
        Self::ClientCertRefused,
        Self::PlaintextOnTlsPort,
        Self::TlsOnPlainPort,
        Self::VersionOrCipher,
        Self::Alpn,
        Self::UnrecognizedName,
        Self::HandshakeTimeout,
        Self::HandshakeClosed,
        Self::HandshakeFailed,
        Self::Dns,
        Self::ConnectRefused,
        Self::ConnectTimeout,
        Self::ConnectFailed,
        Self::ClosedBeforeResponse,
        Self::ResponseTimeout,
        Self::BadResponse,
        Self::BodyBroken,
    ];
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

impl Fault {
    /// A fault without a presented chain and without a remedy.
    pub fn new(reason: Reason, wanted: impl fmt::Display, got: impl fmt::Display) -> Self {
        Self {
            reason,
            wanted: bounded(wanted.to_string()),
            got: bounded(got.to_string()),
            presented: Arc::from([]),
            remedy: None,
        }
    }

    pub(crate) fn and_got(self, more: impl fmt::Display) -> Self {
        Self {
            got: bounded(format!("{}; {more}", self.got)),
            ..self
        }
    }

    pub(crate) fn with_remedy(self, remedy: Remedy) -> Self {
        Self {
            remedy: Some(remedy),
            ..self
        }
    }
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
    /// A trusted CA has this subject and another key: trust the issuer's certificate of today instead.
    ReplaceIssuer {
        issuer: String,
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

impl TryFrom<&ServerName<'_>> for ExpectedName {
    /// rustls's set of names is open; it has made no others.
    type Error = ();

    fn try_from(name: &ServerName<'_>) -> Result<Self, ()> {
        match name {
            ServerName::DnsName(name) => Ok(Self::Dns(name.as_ref().to_ascii_lowercase())),
            ServerName::IpAddress(address) => Ok(Self::Ip(IpAddr::from(*address))),
            _ => Err(()),
        }
    }
}

/// A peer writes its own names; a log line has no room for all it can think of.
fn bounded(text: String) -> String {
    if text.len() <= MAX_TEXT {
        return text;
    }
    let mut clipped: String = text.chars().take(MAX_TEXT).collect();
    clipped.push_str("...");
    clipped
}

/// In characters; more than any honest certificate needs, as lists are cut after eight names.
const MAX_TEXT: usize = 2048;

/// RFC 3339, to the second.
pub(crate) fn date(unix_seconds: u64) -> String {
    let timestamp = i64::try_from(unix_seconds)
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    timestamp.map_or_else(
        || format!("second {unix_seconds} of the epoch"),
        |timestamp| timestamp.to_string(),
    )
}

#[cfg(test)]
mod tests;
