//! `http.middlewares.<name>`.
//!
//! The defaults in the comments are Traefik's; they are applied where the value is used.

mod auth;
mod headers;
mod limit;
mod path;
mod traffic;

use serde::{Deserialize, Serialize};

use super::Map;

pub use auth::{AuthTls, BasicAuth, DigestAuth, ForwardAuth};
pub use headers::{CertificateInfo, Headers, IssuerInfo, PassTlsClientCert, SubjectInfo};
pub use limit::{
    Buffering, InFlightReq, IpAllowList, IpStrategy, RateLimit, Redis, RedisTls, SourceCriterion,
};
pub use path::{
    AddPrefix, EncodedCharacters, RedirectRegex, RedirectScheme, ReplacePath, ReplacePathRegex, StripPrefix,
    StripPrefixRegex,
};
pub use traffic::{Chain, CircuitBreaker, Compress, ContentType, Errors, GrpcWeb, Retry};

/// A middleware has exactly one kind. One that has none, or several, is a value too (so that it alone is
/// out of service): see [`Middleware::kinds`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Middleware {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub add_prefix: Option<AddPrefix>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basic_auth: Option<BasicAuth>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buffering: Option<Buffering>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chain: Option<Chain>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub circuit_breaker: Option<CircuitBreaker>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compress: Option<Compress>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<ContentType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest_auth: Option<DigestAuth>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoded_characters: Option<EncodedCharacters>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<Errors>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forward_auth: Option<Box<ForwardAuth>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grpc_web: Option<GrpcWeb>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<Box<Headers>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_allow_list: Option<IpAllowList>,
    /// The former name of `ipAllowList`; deprecated by Traefik.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_white_list: Option<IpAllowList>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_flight_req: Option<InFlightReq>,
    #[serde(rename = "passTLSClientCert", skip_serializing_if = "Option::is_none")]
    pub pass_tls_client_cert: Option<PassTlsClientCert>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<Box<RateLimit>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_regex: Option<RedirectRegex>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_scheme: Option<RedirectScheme>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replace_path: Option<ReplacePath>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replace_path_regex: Option<ReplacePathRegex>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strip_prefix: Option<StripPrefix>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strip_prefix_regex: Option<StripPrefixRegex>,
    /// By plugin name: what the plugin takes.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub plugin: Map<serde_json::Value>,
}

impl Middleware {
    /// Every kind that is set, by its name in the file format.
    pub fn kinds(&self) -> impl Iterator<Item = &'static str> {
        [
            ("addPrefix", self.add_prefix.is_some()),
            ("basicAuth", self.basic_auth.is_some()),
            ("buffering", self.buffering.is_some()),
            ("chain", self.chain.is_some()),
            ("circuitBreaker", self.circuit_breaker.is_some()),
            ("compress", self.compress.is_some()),
            ("contentType", self.content_type.is_some()),
            ("digestAuth", self.digest_auth.is_some()),
            ("encodedCharacters", self.encoded_characters.is_some()),
            ("errors", self.errors.is_some()),
            ("forwardAuth", self.forward_auth.is_some()),
            ("grpcWeb", self.grpc_web.is_some()),
            ("headers", self.headers.is_some()),
            ("ipAllowList", self.ip_allow_list.is_some()),
            ("ipWhiteList", self.ip_white_list.is_some()),
            ("inFlightReq", self.in_flight_req.is_some()),
            ("passTLSClientCert", self.pass_tls_client_cert.is_some()),
            ("rateLimit", self.rate_limit.is_some()),
            ("redirectRegex", self.redirect_regex.is_some()),
            ("redirectScheme", self.redirect_scheme.is_some()),
            ("replacePath", self.replace_path.is_some()),
            ("replacePathRegex", self.replace_path_regex.is_some()),
            ("retry", self.retry.is_some()),
            ("stripPrefix", self.strip_prefix.is_some()),
            ("stripPrefixRegex", self.strip_prefix_regex.is_some()),
            ("plugin", !self.plugin.is_empty()),
        ]
        .into_iter()
        .filter_map(|(name, set)| set.then_some(name))
    }

    /// The one kind; `None` if there is none, or more than one.
    pub fn kind_name(&self) -> Option<&'static str> {
        let mut kinds = self.kinds();
        kinds.next().filter(|_| kinds.next().is_none())
    }
}
