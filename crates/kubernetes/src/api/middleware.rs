//! `Middleware`: what is done to HTTP requests and responses between router and service.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use viaduct_config::duration::GoDuration;
use viaduct_config::dynamic::http::{
    AddPrefix, Buffering, CircuitBreaker, Compress, ContentType, EncodedCharacters, GrpcWeb, Headers,
    InFlightReq, IpAllowList, IpStrategy, PassTlsClientCert, RedirectRegex, RedirectScheme, ReplacePath,
    ReplacePathRegex, Retry, SourceCriterion, StripPrefix, StripPrefixRegex,
};

use super::{Reference, ServiceRef};

/// `spec`. Exactly one of the kinds is written.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Middleware {
    /// Puts a prefix before the path.
    pub add_prefix: Option<AddPrefix>,
    /// Asks for a name and a password (HTTP Basic).
    pub basic_auth: Option<BasicAuth>,
    /// Reads bodies whole, and bounds them.
    pub buffering: Option<Buffering>,
    /// Other middlewares, in order.
    pub chain: Option<Chain>,
    /// Stops asking a service that fails.
    pub circuit_breaker: Option<CircuitBreaker>,
    /// Compresses responses. `{}` takes every default.
    pub compress: Option<Compress>,
    /// Finds out the content type of responses that lack it. `{}` is enough.
    pub content_type: Option<ContentType>,
    /// Asks for a name and a password (HTTP Digest).
    pub digest_auth: Option<DigestAuth>,
    /// Percent-encoded characters that a path may hold.
    pub encoded_characters: Option<EncodedCharacters>,
    /// Another service's page instead of an error.
    pub errors: Option<Box<Errors>>,
    /// Asks another server about every request.
    pub forward_auth: Option<Box<ForwardAuth>>,
    /// Turns gRPC-Web into gRPC.
    pub grpc_web: Option<GrpcWeb>,
    /// Changes headers; CORS; headers that tell browsers to be careful.
    pub headers: Option<Box<Headers>>,
    /// Lets some addresses in.
    pub ip_allow_list: Option<IpAllowList>,
    /// The former name of `ipAllowList`; deprecated by Traefik.
    pub ip_white_list: Option<IpWhiteList>,
    /// Bounds the requests that are served at once.
    pub in_flight_req: Option<InFlightReq>,
    /// Tells the service about the client's certificate.
    #[serde(rename = "passTLSClientCert")]
    pub pass_tls_client_cert: Option<PassTlsClientCert>,
    /// Bounds requests in time.
    pub rate_limit: Option<Box<RateLimit>>,
    /// Sends clients from URLs that match to another one.
    pub redirect_regex: Option<RedirectRegex>,
    /// Sends clients to another scheme or port.
    pub redirect_scheme: Option<RedirectScheme>,
    /// Replaces the path.
    pub replace_path: Option<ReplacePath>,
    /// Replaces what an expression finds in the path.
    pub replace_path_regex: Option<ReplacePathRegex>,
    /// Sends a failed request again.
    pub retry: Option<Retry>,
    /// Takes a prefix off the path.
    pub strip_prefix: Option<StripPrefix>,
    /// Takes a prefix off the path that an expression describes.
    pub strip_prefix_regex: Option<StripPrefixRegex>,
    /// By plugin name: what the plugin takes.
    pub plugin: BTreeMap<String, serde_json::Value>,
}

/// `spec.basicAuth`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct BasicAuth {
    /// A Secret in the middleware's namespace: of type `kubernetes.io/basic-auth` with `username` and
    /// `password`, or with one key (`users` by custom) that holds lines of `htpasswd`.
    pub secret: String,
    /// What clients are told they log in to. Default `traefik`.
    pub realm: String,
    /// Whether the `Authorization` header stays here. Default false.
    pub remove_header: bool,
    /// Header that tells the service the user's name. Default none.
    pub header_field: String,
}

/// `spec.digestAuth`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DigestAuth {
    /// A Secret in the middleware's namespace with one key (`users` by custom) that holds lines of
    /// `htdigest`: `name:realm:hash`.
    pub secret: String,
    /// What clients are told they log in to. Default `traefik`.
    pub realm: String,
    /// Whether the `Authorization` header stays here. Default false.
    pub remove_header: bool,
    /// Header that tells the service the user's name. Default none.
    pub header_field: String,
}

/// `spec.chain`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Chain {
    /// The middlewares, in the order in which they see the request.
    pub middlewares: Vec<Reference>,
}

/// `spec.errors`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Errors {
    /// Codes and ranges that are replaced, such as `404` and `500-599`.
    pub status: Vec<String>,
    /// The code that the client gets, by code or range. Default: the one that was replaced.
    pub status_rewrites: BTreeMap<String, i64>,
    /// Who makes the page.
    pub service: Option<ServiceRef>,
    /// Path and query that are asked for; `{status}`, `{originalStatus}` and `{url}` are replaced.
    pub query: String,
    /// Headers of the request that the service gets. Default all.
    pub error_request_headers: Vec<String>,
}

/// `spec.forwardAuth`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ForwardAuth {
    /// URL of the server that is asked.
    pub address: String,
    /// How it is reached by TLS. Default: with the system's roots.
    pub tls: Option<ForwardAuthTls>,
    /// Whether it is told the client's own `X-Forwarded-*`. Default false.
    pub trust_forward_header: Option<bool>,
    /// Headers of its answer that are copied to the request. Default none.
    pub auth_response_headers: Vec<String>,
    /// The same, by expression. Default none.
    pub auth_response_headers_regex: String,
    /// Headers of the request that it is told. Default all.
    pub auth_request_headers: Vec<String>,
    /// Its cookies that the client gets. Default none.
    pub add_auth_cookies_to_response: Vec<String>,
    /// Header that tells the service the user's name. Default none.
    pub header_field: String,
    /// Whether it gets the request's body. Default false.
    pub forward_body: bool,
    /// Largest body that it gets, in bytes. Default -1: any.
    pub max_body_size: Option<i64>,
    /// Largest answer that is taken, in bytes. Default -1: any.
    pub max_response_body_size: Option<i64>,
    /// Whether a `Location` of its answer stays relative. Default false.
    pub preserve_location_header: bool,
    /// Whether it is asked by the request's method. Default false: by GET.
    pub preserve_request_method: bool,
    /// Where a client without authentication is sent. Default none.
    #[serde(rename = "authSigninURL")]
    pub auth_signin_url: String,
}

/// `spec.forwardAuth.tls`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ForwardAuthTls {
    /// A Secret in the middleware's namespace with the CAs (`tls.ca`, then `ca.crt`). Default: the
    /// system's roots.
    pub ca_secret: String,
    /// A Secret in the middleware's namespace with the client certificate (`tls.crt`, `tls.key`).
    /// Default: none.
    pub cert_secret: String,
    /// Takes any certificate. Default false.
    pub insecure_skip_verify: bool,
    /// Without effect since Traefik 3.
    pub ca_optional: Option<bool>,
}

/// `spec.ipWhiteList`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct IpWhiteList {
    /// Addresses and networks that are let in.
    pub source_range: Vec<String>,
    /// Which address counts. Default: the connection's.
    pub ip_strategy: Option<IpStrategy>,
}

/// `spec.rateLimit`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RateLimit {
    /// Requests per `period`. Default 0: no bound.
    pub average: Option<i64>,
    /// In seconds or as a duration. Default 1 s.
    pub period: Option<GoDuration>,
    /// Requests that may come at once. Default 1.
    pub burst: Option<i64>,
    /// What is counted together. Default: the connection's address.
    pub source_criterion: Option<SourceCriterion>,
    /// Counts in Redis, for several instances together. Default: each instance counts for itself.
    pub redis: Option<Redis>,
}

/// `spec.rateLimit.redis`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Redis {
    /// `host:port`. Default `localhost:6379`.
    pub endpoints: Vec<String>,
    /// How Redis is reached by TLS. Default: without TLS.
    pub tls: Option<RedisTls>,
    /// A Secret in the middleware's namespace with `username` and `password`. Default: none.
    pub secret: String,
    /// Number of the database. Default 0.
    pub db: Option<i64>,
    /// Connections at most. Default 0: ten for each CPU.
    pub pool_size: Option<i64>,
    /// Connections that are kept. Default 0.
    pub min_idle_conns: Option<i64>,
    /// Connections in use at most. Default 0: no bound.
    pub max_active_conns: Option<i64>,
    /// In seconds or as a duration. Default 3 s.
    pub read_timeout: Option<GoDuration>,
    /// In seconds or as a duration. Default 3 s.
    pub write_timeout: Option<GoDuration>,
    /// In seconds or as a duration. Default 5 s.
    pub dial_timeout: Option<GoDuration>,
}

/// `spec.rateLimit.redis.tls`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RedisTls {
    /// A Secret in the middleware's namespace with the CAs (`tls.ca`, then `ca.crt`). Default: the
    /// system's roots.
    pub ca_secret: String,
    /// A Secret in the middleware's namespace with the client certificate (`tls.crt`, `tls.key`).
    /// Default: none.
    pub cert_secret: String,
    /// Takes any certificate. Default false.
    pub insecure_skip_verify: bool,
}
