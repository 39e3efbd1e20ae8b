//! Which headers are whose. Every name the proxy writes or guards is here and nowhere else.

use http::HeaderName;

pub(super) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(super) const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
pub(super) const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
pub(super) const X_FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");
pub(super) const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
pub(super) const X_FORWARDED_SERVER: HeaderName = HeaderName::from_static("x-forwarded-server");
pub(crate) const X_FORWARDED_TLS_CLIENT_CERT: HeaderName =
    HeaderName::from_static("x-forwarded-tls-client-cert");
pub(crate) const X_FORWARDED_TLS_CLIENT_CERT_INFO: HeaderName =
    HeaderName::from_static("x-forwarded-tls-client-cert-info");
pub(super) const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// How often this request has been through us; only on connections that lead back to us.
pub(crate) const HOPS: HeaderName = HeaderName::from_static("x-viaduct-hops");

/// Everything that starts with `x-` and is ours to say.
pub(crate) const OWNED: [&[u8]; 11] = [
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-method",
    b"x-forwarded-port",
    b"x-forwarded-prefix",
    b"x-forwarded-proto",
    b"x-forwarded-server",
    b"x-forwarded-tls-client-cert",
    b"x-forwarded-tls-client-cert-info",
    b"x-forwarded-uri",
    b"x-real-ip",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    EndToEnd,
    HopByHop,
    Connection,
    Upgrade,
    Te,
    /// `alias`: another spelling that many servers read as the same name.
    Owned {
        alias: bool,
    },
    Hops,
}

/// What a header is to a proxy. Called for every header of every message.
pub(super) fn role(name: &HeaderName) -> Role {
    let name = name.as_str();
    match name.as_bytes().first() {
        Some(b'x') => match ownership(name.as_bytes()) {
            Some(alias) => Role::Owned { alias },
            None if name == HOPS.as_str() => Role::Hops,
            None => Role::EndToEnd,
        },
        Some(b'c') if name == "connection" => Role::Connection,
        Some(b'u') if name == "upgrade" => Role::Upgrade,
        Some(b't') if name == "te" => Role::Te,
        Some(b't') if name == "transfer-encoding" => Role::HopByHop,
        Some(b'k') if name == "keep-alive" => Role::HopByHop,
        Some(b'h') if name == "http2-settings" => Role::HopByHop,
        Some(b'p')
            if matches!(
                name,
                "proxy-connection" | "proxy-authenticate" | "proxy-authorization"
            ) =>
        {
            Role::HopByHop
        }
        _ => Role::EndToEnd,
    }
}

/// Whether two names, in lower case, are spellings of one: `_`, `.` and `-` are the same to many servers.
pub(super) fn same(a: &str, b: &str) -> bool {
    let joins = |byte: u8| matches!(byte, b'-' | b'_' | b'.');
    a.len() == b.len()
        && a.bytes()
            .zip(b.bytes())
            .all(|(a, b)| a == b || joins(a) && joins(b))
}

/// `Some(false)` for an owned name, `Some(true)` for an alias of one: `_` and `.` stand for `-`.
fn ownership(name: &[u8]) -> Option<bool> {
    let owned = OWNED.iter().find(|owned| {
        owned.len() == name.len()
            && owned
                .iter()
                .zip(name)
                .all(|(ours, theirs)| ours == theirs || *ours == b'-' && matches!(theirs, b'_' | b'.'))
    })?;
    Some(*owned != name)
}
