//! Where a responder is.

use std::fmt;
use std::str::FromStr;

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};

/// The `http` URL of an OCSP responder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Responder {
    authority: Authority,
    path: PathAndQuery,
}

impl Responder {
    /// A name or an address; of IPv6 without brackets.
    pub(super) fn host(&self) -> &str {
        let host = self.authority.host();
        let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        inner.unwrap_or(host)
    }

    pub(super) fn port(&self) -> u16 {
        self.authority.port_u16().unwrap_or(80)
    }

    /// What the request's `Host` says.
    pub(super) fn authority(&self) -> &str {
        self.authority.as_str()
    }

    pub(super) fn path(&self) -> &str {
        self.path.as_str()
    }
}

impl FromStr for Responder {
    type Err = BadResponder;

    fn from_str(text: &str) -> Result<Self, BadResponder> {
        let parts = text.parse::<Uri>().map_err(|_| BadResponder::NoUrl)?.into_parts();
        if parts.scheme.as_ref() != Some(&Scheme::HTTP) {
            return Err(BadResponder::NotHttp);
        }
        let authority = parts.authority.ok_or(BadResponder::NoUrl)?;
        if authority.host().is_empty() || authority.as_str().contains('@') {
            return Err(BadResponder::NoUrl);
        }
        Ok(Self {
            authority,
            path: parts.path_and_query.ok_or(BadResponder::NoUrl)?,
        })
    }
}

impl fmt::Display for Responder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.path)
    }
}

/// Why a responder cannot be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadResponder {
    #[error("it is not a URL of the form `http://host:port/path`")]
    NoUrl,
    /// Answers are signed; TLS would only add another certificate whose status has to be known first.
    #[error("only `http://` responders are asked")]
    NotHttp,
}
