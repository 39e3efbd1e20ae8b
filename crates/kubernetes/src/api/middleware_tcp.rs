//! `MiddlewareTCP`.

use schemars::JsonSchema;
use serde::Deserialize;
use viaduct_config::dynamic::tcp::{InFlightConn, TcpIpAllowList};

/// `spec`. Exactly one of the kinds is written.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MiddlewareTcp {
    /// Bounds the connections of each address.
    pub in_flight_conn: Option<InFlightConn>,
    /// Lets some addresses in.
    pub ip_allow_list: Option<TcpIpAllowList>,
    /// The former name of `ipAllowList`; deprecated by Traefik.
    pub ip_white_list: Option<TcpIpAllowList>,
}
