//! Names of versions, cipher suites and groups: Go's for configuration and logs, IANA's for numbers.

/// TLS 1.2 or 1.3; older versions are not offered (and say so when asked for).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Version {
    Tls12,
    Tls13,
}

/// A range of versions, never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Versions {
    pub min: Version,
    pub max: Version,
}

/// A configured cipher suite (TLS 1.2 only; TLS 1.3 suites are not configurable, as in Go).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CipherSuite(pub rustls::CipherSuite);

/// A key-exchange group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group(pub rustls::NamedGroup);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("`{0}` is not a TLS version")]
    UnknownVersion(String),
    /// Known to Go, absent here; the text says what to do instead.
    #[error("{0} is not offered: {1}")]
    NotOffered(String, &'static str),
    #[error("`{0}` is not a cipher suite")]
    UnknownCipherSuite(String),
    #[error("`{0}` is not a key-exchange group")]
    UnknownGroup(String),
    #[error("the minimum version {0} is above the maximum {1}")]
    EmptyRange(String, String),
    #[error("no cipher suite is left for the versions allowed")]
    NoSuiteLeft,
}

impl Versions {
    /// From Go's names (`VersionTLS12`, ...); empty text means the default (1.2 to 1.3).
    pub fn from_names(_min: &str, _max: &str) -> Result<Self, NameError> {
        todo!()
    }
}

impl CipherSuite {
    /// From Go's (= IANA's) name.
    pub fn from_name(_name: &str) -> Result<Self, NameError> {
        todo!()
    }
}

impl Group {
    /// From Go's or the short spelling: `CurveP256`/`P256`, `X25519`, `X25519MLKEM768`, ...
    pub fn from_name(_name: &str) -> Result<Self, NameError> {
        todo!()
    }
}

/// `1.2`, `1.3`: as Traefik's `TLSVersion` field.
pub fn version_name(_version: rustls::ProtocolVersion) -> &'static str {
    todo!()
}

/// Go's name, as Traefik's `TLSCipher` field.
pub fn cipher_name(_suite: rustls::CipherSuite) -> &'static str {
    todo!()
}

pub fn group_name(_group: rustls::NamedGroup) -> &'static str {
    todo!()
}
