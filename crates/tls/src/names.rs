//! Names of versions, cipher suites and groups: Go's for configuration and logs, IANA's for numbers.

use std::fmt;

/// TLS 1.2 or 1.3; older versions are not offered (and say so when asked for).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Version {
    Tls12,
    Tls13,
}

impl fmt::Display for Version {
    /// Go's name, as configuration writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls12 => "VersionTLS12",
            Self::Tls13 => "VersionTLS13",
        })
    }
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

/// Why names cannot be used as written. Closed set.
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
    #[error("no key-exchange group is left")]
    NoGroupLeft,
    #[error("`{0}` is neither a DNS name nor an IP address")]
    BadServerName(String),
}

impl Default for Versions {
    /// TLS 1.2 to 1.3.
    fn default() -> Self {
        Self {
            min: Version::Tls12,
            max: Version::Tls13,
        }
    }
}

impl Versions {
    /// From Go's names (`VersionTLS12`, ...); empty text means the default (1.2 to 1.3). An older minimum
    /// is raised to 1.2; [`Self::from_names_with_note`] also says that it was.
    pub fn from_names(min: &str, max: &str) -> Result<Self, NameError> {
        Self::from_names_with_note(min, max).map(|(versions, _)| versions)
    }

    /// As [`Self::from_names`], with a note where the result is stricter than what was written: peers
    /// limited to the older version are refused.
    pub fn from_names_with_note(min: &str, max: &str) -> Result<(Self, Option<NameError>), NameError> {
        let (min, note) = match Named::parse(min, Version::Tls12)? {
            Named::Offered(version) => (version, None),
            Named::TooOld(name) => (Version::Tls12, Some(NameError::NotOffered(name, OLD_MINIMUM))),
        };
        let max = match Named::parse(max, Version::Tls13)? {
            Named::Offered(version) => version,
            Named::TooOld(name) => return Err(NameError::NotOffered(name, OLD_MAXIMUM)),
        };
        if min > max {
            return Err(NameError::EmptyRange(min.to_string(), max.to_string()));
        }
        Ok((Self { min, max }, note))
    }

    pub fn contains(self, version: Version) -> bool {
        (self.min..=self.max).contains(&version)
    }

    /// What rustls takes.
    pub(crate) fn supported(self) -> Vec<&'static rustls::SupportedProtocolVersion> {
        let known = [
            (Version::Tls13, &rustls::version::TLS13),
            (Version::Tls12, &rustls::version::TLS12),
        ];
        known
            .into_iter()
            .filter(|(version, _)| self.contains(*version))
            .map(|(_, version)| version)
            .collect()
    }
}

/// A version's name, looked up.
enum Named {
    Offered(Version),
    TooOld(String),
}

impl Named {
    fn parse(name: &str, default: Version) -> Result<Self, NameError> {
        match name {
            "" => Ok(Self::Offered(default)),
            "VersionTLS12" => Ok(Self::Offered(Version::Tls12)),
            "VersionTLS13" => Ok(Self::Offered(Version::Tls13)),
            "VersionTLS10" | "VersionTLS11" => Ok(Self::TooOld(name.to_owned())),
            _ => Err(NameError::UnknownVersion(name.to_owned())),
        }
    }
}

impl CipherSuite {
    /// From Go's (= IANA's) name. Traefik's two short ChaCha20 spellings are understood as well.
    pub fn from_name(name: &str) -> Result<Self, NameError> {
        if let Some((suite, _)) = SUITES.iter().find(|(_, known)| *known == name) {
            return Ok(Self(*suite));
        }
        match name {
            "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305" => Ok(Self(
                rustls::CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
            )),
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305" => Ok(Self(
                rustls::CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
            )),
            _ => Err(match absent_suite(name) {
                Some(why) => NameError::NotOffered(name.to_owned(), why),
                None => NameError::UnknownCipherSuite(name.to_owned()),
            }),
        }
    }
}

impl Group {
    /// From Go's or the short spelling: `CurveP256`/`P256`, `X25519`, `X25519MLKEM768`, ...
    pub fn from_name(name: &str) -> Result<Self, NameError> {
        use rustls::NamedGroup;
        Ok(Self(match name {
            "CurveP256" | "P256" => NamedGroup::secp256r1,
            "CurveP384" | "P384" => NamedGroup::secp384r1,
            "X25519" => NamedGroup::X25519,
            "X25519MLKEM768" => NamedGroup::X25519MLKEM768,
            "SecP256r1MLKEM768" => NamedGroup::secp256r1MLKEM768,
            "CurveP521" | "P521" => return Err(NameError::NotOffered(name.to_owned(), NO_P521)),
            "SecP384r1MLKEM1024" => return Err(NameError::NotOffered(name.to_owned(), NO_P384_MLKEM)),
            _ => return Err(NameError::UnknownGroup(name.to_owned())),
        }))
    }
}

/// `1.2`, `1.3`: as Traefik's `TLSVersion` field.
pub fn version_name(version: rustls::ProtocolVersion) -> &'static str {
    match version {
        rustls::ProtocolVersion::TLSv1_2 => "1.2",
        rustls::ProtocolVersion::TLSv1_3 => "1.3",
        _ => "unknown",
    }
}

/// Go's name, as Traefik's `TLSCipher` field.
pub fn cipher_name(suite: rustls::CipherSuite) -> &'static str {
    SUITES
        .iter()
        .find(|(known, _)| *known == suite)
        .map_or("unknown", |(_, name)| name)
}

/// Go's name of a key-exchange group.
pub fn group_name(group: rustls::NamedGroup) -> &'static str {
    use rustls::NamedGroup;
    match group {
        NamedGroup::secp256r1 => "CurveP256",
        NamedGroup::secp384r1 => "CurveP384",
        NamedGroup::secp521r1 => "CurveP521",
        NamedGroup::X25519 => "X25519",
        NamedGroup::X25519MLKEM768 => "X25519MLKEM768",
        NamedGroup::secp256r1MLKEM768 => "SecP256r1MLKEM768",
        _ => "unknown",
    }
}

/// What is offered, with Go's names.
const SUITES: &[(rustls::CipherSuite, &str)] = &[
    (
        rustls::CipherSuite::TLS13_AES_128_GCM_SHA256,
        "TLS_AES_128_GCM_SHA256",
    ),
    (
        rustls::CipherSuite::TLS13_AES_256_GCM_SHA384,
        "TLS_AES_256_GCM_SHA384",
    ),
    (
        rustls::CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
        "TLS_CHACHA20_POLY1305_SHA256",
    ),
    (
        rustls::CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    ),
    (
        rustls::CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    ),
    (
        rustls::CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    ),
    (
        rustls::CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    ),
    (
        rustls::CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    ),
    (
        rustls::CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    ),
];

/// Why a suite that Go knows is absent here.
fn absent_suite(name: &str) -> Option<&'static str> {
    Some(match name {
        "TLS_RSA_WITH_AES_128_CBC_SHA"
        | "TLS_RSA_WITH_AES_256_CBC_SHA"
        | "TLS_RSA_WITH_AES_128_CBC_SHA256"
        | "TLS_RSA_WITH_AES_128_GCM_SHA256"
        | "TLS_RSA_WITH_AES_256_GCM_SHA384" => {
            "RSA key exchange has no forward secrecy; use TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
        }
        "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"
        | "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"
        | "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256" => {
            "CBC suites are open to padding attacks; use TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
        }
        "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"
        | "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"
        | "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256" => {
            "CBC suites are open to padding attacks; use TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
        }
        "TLS_RSA_WITH_RC4_128_SHA"
        | "TLS_ECDHE_RSA_WITH_RC4_128_SHA"
        | "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA"
        | "TLS_RSA_WITH_3DES_EDE_CBC_SHA"
        | "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA" => "RC4 and 3DES are broken; use an AES GCM suite",
        "TLS_FALLBACK_SCSV" => "it is a signal of clients, not a suite; remove it",
        _ => return None,
    })
}

const OLD_MINIMUM: &str =
    "TLS 1.2 is the minimum instead, and clients that have only older versions are refused";
const OLD_MAXIMUM: &str = "raise the maximum to VersionTLS12 or above";
const NO_P521: &str = "use CurveP384, or X25519MLKEM768 for security beyond it";
const NO_P384_MLKEM: &str = "use X25519MLKEM768 or SecP256r1MLKEM768";

#[cfg(test)]
mod tests;
