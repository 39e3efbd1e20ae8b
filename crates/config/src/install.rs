//! Traefik's install (static) configuration: what a process is told once, at its start.
//!
//! ```text
//!  a file, flags or the environment --> Node --check--> every option is known and may be set
//!                                         \----read---> Install, with Traefik's defaults
//! ```
//! [`options`] says of every option of Traefik whether it is supported, accepted without effect, or refused.
//! Groups that are refused as a whole (providers and certificate resolvers that are not built) have no type
//! here; all others have Traefik's names and defaults. `None` in an optional section means "switched off".

mod access_log;
mod api;
mod bridge;
mod check;
mod choice;
mod effective;
mod entry_point;
mod environment;
mod flags;
#[cfg(test)]
mod honesty;
mod load;
mod metrics;
pub mod options;
mod otlp;
mod providers;
mod removed;
mod section;
mod servers_transport;
#[cfg(test)]
mod tests;
mod tracing;
mod tree;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::duration::GoDuration;

pub use access_log::{
    AccessLog, AccessLogFields, AccessLogFilters, AccessLogFormat, FieldMode, Log, LogFormat,
};
pub use access_log::{HeaderFields, LogLevel, QueryParameterFields};
pub use api::{Api, Ping};
pub use bridge::{
    Bridge, BridgeEntryPoint, BridgeException, BridgeMinimum, BridgeMode, BridgeRequirement, BridgeRotation,
    PreflightMode,
};
pub use choice::ChoiceError;
pub use effective::parse_net;
pub use entry_point::{
    Domain, EncodedCharacters, EntryPoint, EntryPointHttp, EntryPointRedirection, EntryPointTls,
    ForwardedHeaders, Http2, Http3, LifeCycle, Observability, ProxyProtocol, Redirections,
    RespondingTimeouts, TraceVerbosity, Transport, Udp, UnderscoreHeaders,
};
pub use flags::take as take_flag;
pub use load::{
    About, Fault, FlagError, LoadError, Loaded, Note, Why, defaults, from_environment, from_file, from_flags,
};
pub use metrics::{Datadog, InfluxDb2, Metrics, OtlpMetrics, Prometheus, StatsD};
pub use otlp::{Exporter, OtlpGrpc, OtlpHttp, OtlpLog};
pub use providers::{
    ClientTls, FileProvider, HttpProvider, IngressEndpoint, KubernetesCrd, KubernetesIngress, Providers,
};
pub use servers_transport::{ForwardingTimeouts, ServersTransport, TcpClientTls, TcpServersTransport};
pub use tracing::{OtlpTracing, Tracing};

type Map<T> = BTreeMap<String, T>;

/// The entry point of API, ping and metrics where nothing else is said: `:8080`.
pub const INTERNAL_ENTRY_POINT: &str = "traefik";

/// The whole install configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Install {
    pub global: Global,
    pub core: Core,
    /// By name. Empty: `http` on `:80`, as Traefik.
    pub entry_points: Map<EntryPoint>,
    pub providers: Providers,
    /// `default@internal`: the transport of services that name none.
    pub servers_transport: ServersTransport,
    pub tcp_servers_transport: TcpServersTransport,
    #[serde(deserialize_with = "section::read", skip_serializing_if = "Option::is_none")]
    pub api: Option<Api>,
    #[serde(deserialize_with = "section::read", skip_serializing_if = "Option::is_none")]
    pub ping: Option<Ping>,
    /// The program's own log.
    #[serde(deserialize_with = "section::read", skip_serializing_if = "Option::is_none")]
    pub log: Option<Log>,
    #[serde(deserialize_with = "section::read", skip_serializing_if = "Option::is_none")]
    pub access_log: Option<AccessLog>,
    #[serde(deserialize_with = "section::read", skip_serializing_if = "Option::is_none")]
    pub metrics: Option<Metrics>,
    #[serde(deserialize_with = "section::read", skip_serializing_if = "Option::is_none")]
    pub tracing: Option<Tracing>,
    /// OCSP stapling.
    #[serde(deserialize_with = "section::read", skip_serializing_if = "Option::is_none")]
    pub ocsp: Option<Ocsp>,
    pub experimental: Experimental,
    /// What is demanded of both legs of every route; our own.
    pub bridge: Bridge,
    pub viaduct: Own,
}

/// `viaduct`: options that Traefik does not have. In a file, Traefik does not look at the section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Own {
    /// Threads, each with its own listeners and pools; at most 1024. Default 0: the CPUs it may run on.
    pub workers: u16,
    /// Tell the client why its request failed, in answers with status 5xx. Default false.
    pub expose_faults: bool,
    /// How long a websocket, or any connection that changed its protocol, may carry nothing either way; 0: for
    /// ever, as in Traefik. Default 1 h.
    pub tunnel_idle_timeout: GoDuration,
    /// Endpoints of a cluster may be loopback addresses: for a process outside of it, on the machine of who develops.
    /// Default false.
    pub allow_loopback_endpoints: bool,
}

impl Default for Own {
    fn default() -> Self {
        Self {
            workers: 0,
            expose_faults: false,
            tunnel_idle_timeout: GoDuration::from_secs(3600),
            allow_loopback_endpoints: false,
        }
    }
}

/// `global`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Global {
    /// Default true; nothing is ever asked or sent.
    pub check_new_version: bool,
    /// Default false; nothing is ever sent.
    pub send_anonymous_usage: bool,
    /// Leave `X-Forwarded-For` as it came, at every entry point. Default false.
    pub not_append_x_forwarded_for: bool,
}

impl Default for Global {
    fn default() -> Self {
        Self {
            check_new_version: true,
            send_anonymous_usage: false,
            not_append_x_forwarded_for: false,
        }
    }
}

/// `core`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Core {
    /// Syntax of rules that do not say theirs. Default `v3`.
    pub default_rule_syntax: RuleSyntax,
}

choice::choice! {
    /// A version of Traefik's rule language.
    pub enum RuleSyntax {
        #[default]
        V3 = "v3",
        V2 = "v2",
    }
}

/// `ocsp`: staple the certificates' revocation status.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Ocsp {
    /// Responder to ask, by the responder's URL in the certificate.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub responder_overrides: Map<String>,
}

/// `experimental`: the switches that decide anything here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Experimental {
    /// Lets `log.otlp` and `accessLog.otlp` be set. Default false.
    pub otlp_logs: bool,
}
