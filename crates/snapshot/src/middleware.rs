//! Middlewares as data: what the configuration says, checked and compiled once, run by the proxy.
//!
//! A chain is no middleware of its own: a router holds the middlewares that its references come to, in the order
//! in which a request meets them.

mod address;
mod credentials;
mod headers;
mod path;

use std::sync::Arc;

pub use address::{AddressChoice, InFlightReq, IpAllowList, SourceCriterion, network};
pub use credentials::{BasicAuth, Credential, Secret, SecretKind};
pub use headers::{Cors, Headers, Origins, Security, Value};
pub use path::{
    AddPrefix, EncodedCharacters, Prefix, RedirectRegex, RedirectScheme, ReplacePath, ReplacePathRegex,
    StripPrefix, StripPrefixRegex,
};
pub use viaduct_config::dynamic::http::{CertificateInfo, PassTlsClientCert};

/// One middleware of one provider.
#[derive(Debug)]
pub struct Middleware {
    /// `name@provider`.
    pub name: Arc<str>,
    pub kind: MiddlewareKind,
}

/// Every kind that is served. The names are those of Traefik's configuration.
#[derive(Debug)]
pub enum MiddlewareKind {
    AddPrefix(AddPrefix),
    BasicAuth(BasicAuth),
    /// Without options.
    ContentType,
    EncodedCharacters(EncodedCharacters),
    Headers(Box<Headers>),
    InFlightReq(InFlightReq),
    IpAllowList(IpAllowList),
    PassTlsClientCert(PassTlsClientCert),
    RedirectRegex(RedirectRegex),
    RedirectScheme(RedirectScheme),
    ReplacePath(ReplacePath),
    ReplacePathRegex(ReplacePathRegex),
    StripPrefix(StripPrefix),
    StripPrefixRegex(StripPrefixRegex),
}
