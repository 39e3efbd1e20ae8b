//! `serversTransport` and `tcpServersTransport`: the backend leg of services that name no transport.

use serde::{Deserialize, Serialize};

use super::section;
use crate::duration::GoDuration;

/// `serversTransport`; never merged into named transports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServersTransport {
    /// Default false.
    pub insecure_skip_verify: bool,
    /// PEM, or names of files. `None`: the system's roots.
    #[serde(rename = "rootCAs", skip_serializing_if = "Option::is_none")]
    pub root_cas: Option<Vec<String>>,
    /// Idle connections kept per server. Default 200; 0: the default; negative: none.
    pub max_idle_conns_per_host: i64,
    pub forwarding_timeouts: ForwardingTimeouts,
}

impl Default for ServersTransport {
    fn default() -> Self {
        Self {
            insecure_skip_verify: false,
            root_cas: None,
            max_idle_conns_per_host: 200,
            forwarding_timeouts: ForwardingTimeouts::default(),
        }
    }
}

/// `serversTransport.forwardingTimeouts`; 0 means none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ForwardingTimeouts {
    /// Default 30 s.
    pub dial_timeout: GoDuration,
    /// Default 0.
    pub response_header_timeout: GoDuration,
    /// Default 90 s.
    pub idle_conn_timeout: GoDuration,
}

impl Default for ForwardingTimeouts {
    fn default() -> Self {
        Self {
            dial_timeout: GoDuration::from_secs(30),
            response_header_timeout: GoDuration::default(),
            idle_conn_timeout: GoDuration::from_secs(90),
        }
    }
}

/// `tcpServersTransport`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TcpServersTransport {
    /// Between keep-alive probes. Default 15 s; negative: none.
    pub dial_keep_alive: GoDuration,
    /// Default 30 s; 0: none.
    pub dial_timeout: GoDuration,
    /// After one side stopped writing. Default 0: 100 ms.
    pub termination_delay: GoDuration,
    #[serde(deserialize_with = "section::read", skip_serializing_if = "Option::is_none")]
    pub tls: Option<TcpClientTls>,
}

impl Default for TcpServersTransport {
    fn default() -> Self {
        Self {
            dial_keep_alive: GoDuration::from_secs(15),
            dial_timeout: GoDuration::from_secs(30),
            termination_delay: GoDuration::default(),
            tls: None,
        }
    }
}

/// `tcpServersTransport.tls`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TcpClientTls {
    /// Default false.
    pub insecure_skip_verify: bool,
    /// PEM, or names of files. `None`: the system's roots.
    #[serde(rename = "rootCAs", skip_serializing_if = "Option::is_none")]
    pub root_cas: Option<Vec<String>>,
}
