//! `entryPoints.<name>`.

use serde::{Deserialize, Serialize};

use super::choice::choice;
use super::section;
use crate::duration::GoDuration;
pub use crate::dynamic::tls::Domain;

/// Where clients connect.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EntryPoint {
    /// `[host]:port[/tcp|/udp]`.
    pub address: String,
    #[serde(rename = "allowACMEByPass")]
    pub allow_acme_by_pass: bool,
    /// `SO_REUSEPORT`, so that several processes may listen.
    pub reuse_port: bool,
    /// Serves routers that name no entry point. When none is marked, all but `traefik` do.
    pub as_default: bool,
    pub transport: Transport,
    #[serde(deserialize_with = "section::read", skip_serializing_if = "Option::is_none")]
    pub proxy_protocol: Option<ProxyProtocol>,
    pub forwarded_headers: ForwardedHeaders,
    pub http: EntryPointHttp,
    pub http2: Http2,
    #[serde(deserialize_with = "section::read", skip_serializing_if = "Option::is_none")]
    pub http3: Option<Http3>,
    pub udp: Udp,
    pub observability: Observability,
}

/// `transport`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Transport {
    pub life_cycle: LifeCycle,
    pub responding_timeouts: RespondingTimeouts,
    /// A connection older than this is closed after its next answer. Default 0: no bound.
    pub keep_alive_max_time: GoDuration,
    /// A connection that had so many requests is closed. Default 0: no bound.
    pub keep_alive_max_requests: u64,
}

/// `transport.lifeCycle`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LifeCycle {
    /// How long connections are still accepted after SIGTERM. Default 0.
    pub request_accept_grace_timeout: GoDuration,
    /// Time for requests in flight after that. Default 10 s.
    pub grace_time_out: GoDuration,
}

impl Default for LifeCycle {
    fn default() -> Self {
        Self {
            request_accept_grace_timeout: GoDuration::default(),
            grace_time_out: GoDuration::from_secs(10),
        }
    }
}

/// `transport.respondingTimeouts`; 0 means none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RespondingTimeouts {
    /// Whole request, body included. Default 60 s.
    pub read_timeout: GoDuration,
    /// Whole response. Default 0.
    pub write_timeout: GoDuration,
    /// Keep-alive silence. Default 180 s.
    pub idle_timeout: GoDuration,
}

impl Default for RespondingTimeouts {
    fn default() -> Self {
        Self {
            read_timeout: GoDuration::from_secs(60),
            write_timeout: GoDuration::default(),
            idle_timeout: GoDuration::from_secs(180),
        }
    }
}

/// `proxyProtocol`: the PROXY protocol of a load balancer in front.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProxyProtocol {
    /// Believe everyone. Default false.
    pub insecure: bool,
    /// Whose headers are believed: addresses and CIDR ranges.
    #[serde(rename = "trustedIPs")]
    pub trusted_ips: Vec<String>,
}

/// `forwardedHeaders`: whose `X-Forwarded-*` are believed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ForwardedHeaders {
    /// Believe everyone. Default false.
    pub insecure: bool,
    /// Addresses and CIDR ranges.
    #[serde(rename = "trustedIPs")]
    pub trusted_ips: Vec<String>,
    /// Headers that a client's `Connection` may name and that are sent on all the same.
    pub connection: Vec<String>,
    /// Leave `X-Forwarded-For` as it came. Default false.
    pub not_append_x_forwarded_for: bool,
}

/// `http`: what holds for every router of the entry point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EntryPointHttp {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirections: Option<Redirections>,
    /// Run before each router's own.
    pub middlewares: Vec<String>,
    /// TLS of routers that say nothing of it.
    #[serde(deserialize_with = "section::read", skip_serializing_if = "Option::is_none")]
    pub tls: Option<EntryPointTls>,
    /// Write `;` in a query as `%3B` before routing. Default false.
    pub encode_query_semicolons: bool,
    /// Remove `.` and `..` segments and repeated slashes from the path. Default true.
    pub sanitize_path: bool,
    pub encoded_characters: EncodedCharacters,
    /// Bytes of a request's head. Default 1 MiB.
    pub max_header_bytes: u64,
    pub underscore_headers_strategy: UnderscoreHeaders,
}

impl Default for EntryPointHttp {
    fn default() -> Self {
        Self {
            redirections: None,
            middlewares: Vec::new(),
            tls: None,
            encode_query_semicolons: false,
            sanitize_path: true,
            encoded_characters: EncodedCharacters::default(),
            max_header_bytes: 1 << 20,
            underscore_headers_strategy: UnderscoreHeaders::default(),
        }
    }
}

/// `http.redirections`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Redirections {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry_point: Option<EntryPointRedirection>,
}

/// `http.redirections.entryPoint`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EntryPointRedirection {
    /// Name of an entry point, or `:port`.
    pub to: String,
    /// Default `https`.
    pub scheme: String,
    /// Default true.
    pub permanent: bool,
    /// Of the router made for it. Default `MaxInt64 - 1`.
    pub priority: i64,
}

impl Default for EntryPointRedirection {
    fn default() -> Self {
        Self {
            to: String::new(),
            scheme: "https".to_owned(),
            permanent: true,
            priority: i64::MAX - 1,
        }
    }
}

/// `http.tls`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EntryPointTls {
    /// Name of TLS options.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub options: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cert_resolver: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<Domain>,
}

/// `http.encodedCharacters`: whether a path may hold each of them percent-encoded. Default true for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EncodedCharacters {
    pub allow_encoded_slash: bool,
    pub allow_encoded_back_slash: bool,
    pub allow_encoded_null_character: bool,
    pub allow_encoded_semicolon: bool,
    pub allow_encoded_percent: bool,
    pub allow_encoded_question_mark: bool,
    pub allow_encoded_hash: bool,
}

impl Default for EncodedCharacters {
    fn default() -> Self {
        Self {
            allow_encoded_slash: true,
            allow_encoded_back_slash: true,
            allow_encoded_null_character: true,
            allow_encoded_semicolon: true,
            allow_encoded_percent: true,
            allow_encoded_question_mark: true,
            allow_encoded_hash: true,
        }
    }
}

choice! {
    /// `http.underscoreHeadersStrategy`: what becomes of headers with `_` in their name.
    pub enum UnderscoreHeaders {
        #[default]
        Keep = "keep",
        Delete = "delete",
        /// The request is answered with 400.
        Reject = "reject",
    }
}

/// `http2`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Http2 {
    /// Streams at once per connection. Default 250.
    pub max_concurrent_streams: u32,
    /// HPACK table for what we receive, bytes. Default 4096.
    pub max_decoder_header_table_size: u32,
    /// HPACK table for what we send, bytes. Default 4096.
    pub max_encoder_header_table_size: u32,
}

impl Default for Http2 {
    fn default() -> Self {
        Self {
            max_concurrent_streams: 250,
            max_decoder_header_table_size: 4096,
            max_encoder_header_table_size: 4096,
        }
    }
}

/// `http3`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Http3 {
    /// Port told in `Alt-Svc`. Default 0: the entry point's.
    pub advertised_port: u16,
}

/// `udp`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Udp {
    /// Silence that ends a session. Default 3 s.
    pub timeout: GoDuration,
}

impl Default for Udp {
    fn default() -> Self {
        Self {
            timeout: GoDuration::from_secs(3),
        }
    }
}

/// `observability`: what holds for routers that say nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Observability {
    /// Default true.
    pub access_logs: bool,
    /// Default true.
    pub metrics: bool,
    /// Default true.
    pub tracing: bool,
    pub trace_verbosity: TraceVerbosity,
}

impl Default for Observability {
    fn default() -> Self {
        Self {
            access_logs: true,
            metrics: true,
            tracing: true,
            trace_verbosity: TraceVerbosity::default(),
        }
    }
}

choice! {
    /// How many spans a request has.
    pub enum TraceVerbosity {
        #[default]
        Minimal = "minimal",
        Detailed = "detailed",
    }
}
