//! The host a request is for: read once, strictly, from wherever the client put it.

use std::net::Ipv6Addr;

use http::header::HOST;
use http::request::Parts;
use http::{HeaderValue, Version};
use smallvec::SmallVec;

use super::BadRequest;

/// A request's host: lower case, no port, no trailing dot, IPv6 without brackets. Empty when the client
/// named none (HTTP/1.0).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct HostName {
    text: SmallVec<[u8; 48]>,
    /// As written behind the host.
    port: Option<u16>,
}

impl HostName {
    pub(crate) fn as_str(&self) -> &str {
        // Only ASCII is ever stored.
        str::from_utf8(&self.text).unwrap_or_default()
    }

    pub(crate) fn port(&self) -> Option<u16> {
        self.port
    }

    /// Reads `host[:port]`. User information, an empty or bad port and characters that no host name
    /// has are refused (CVE-2026-88877).
    pub(super) fn parse(raw: &[u8]) -> Result<Self, BadRequest> {
        let (host, port) = split_port(raw)?;
        let text = match host {
            Written::Address(inside) => ipv6(inside)?,
            Written::Name(name) => reg_name(name)?,
        };
        Ok(Self {
            text,
            port: port.map(number).transpose()?,
        })
    }
}

/// Finds the host of a request and leaves it in the `Host` header, whatever form it came in: a URI's
/// authority (absolute-form, `:authority`) or the header; both must agree.
pub(super) fn settle(parts: &mut Parts) -> Result<HostName, BadRequest> {
    let mut headers = parts.headers.get_all(HOST).iter();
    let header = headers.next();
    if headers.next().is_some() {
        return Err(BadRequest::SeveralHosts);
    }
    match (parts.uri.authority(), header) {
        (None, Some(header)) => HostName::parse(header.as_bytes()),
        (Some(authority), None) => {
            let host = HostName::parse(authority.as_str().as_bytes())?;
            let value = HeaderValue::from_str(authority.as_str()).map_err(|_| BadRequest::Host)?;
            parts.headers.insert(HOST, value);
            Ok(host)
        }
        (Some(authority), Some(header)) => {
            let host = HostName::parse(authority.as_str().as_bytes())?;
            if HostName::parse(header.as_bytes())? == host {
                Ok(host)
            } else {
                Err(BadRequest::HostMismatch)
            }
        }
        (None, None) if parts.version == Version::HTTP_10 => Ok(HostName::default()),
        (None, None) => Err(BadRequest::NoHost),
    }
}

enum Written<'a> {
    /// Between brackets.
    Address(&'a [u8]),
    Name(&'a [u8]),
}

fn split_port(raw: &[u8]) -> Result<(Written<'_>, Option<&[u8]>), BadRequest> {
    if let Some(rest) = raw.strip_prefix(b"[") {
        let end = memchr::memchr(b']', rest).ok_or(BadRequest::Host)?;
        let (inside, behind) = rest.split_at(end);
        return match behind {
            [b']'] => Ok((Written::Address(inside), None)),
            [b']', b':', port @ ..] => Ok((Written::Address(inside), Some(port))),
            _ => Err(BadRequest::Host),
        };
    }
    match memchr::memchr(b':', raw) {
        None => Ok((Written::Name(raw), None)),
        Some(colon) => {
            let (name, port) = raw.split_at(colon);
            Ok((Written::Name(name), port.get(1..)))
        }
    }
}

fn number(digits: &[u8]) -> Result<u16, BadRequest> {
    // `u16::from_str` would take a sign.
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err(BadRequest::Port);
    }
    str::from_utf8(digits)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or(BadRequest::Port)
}

fn ipv6(inside: &[u8]) -> Result<SmallVec<[u8; 48]>, BadRequest> {
    let is_address = str::from_utf8(inside).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok());
    if is_address {
        Ok(inside.iter().map(u8::to_ascii_lowercase).collect())
    } else {
        Err(BadRequest::Host)
    }
}

fn reg_name(name: &[u8]) -> Result<SmallVec<[u8; 48]>, BadRequest> {
    let name = name.strip_suffix(b".").unwrap_or(name);
    let mut text = SmallVec::with_capacity(name.len());
    for byte in name {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' => text.push(*byte),
            b'A'..=b'Z' => text.push(byte.to_ascii_lowercase()),
            // The rest of RFC 3986's reg-name: allowed, matched by no rule in practice.
            b'~' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' | b'%' => {
                text.push(*byte);
            }
            _ => return Err(BadRequest::Host),
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
