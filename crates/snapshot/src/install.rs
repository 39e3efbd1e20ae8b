//! The part of the install configuration that routing depends on.

use std::collections::BTreeMap;
use std::sync::Arc;

use viaduct_config::dynamic::http::{RouterTls, ServersTransport};
use viaduct_config::rule::Syntax;
use viaduct_config::{EntryPointName, ProviderName};
use viaduct_tls::{Backend, Trust};

use crate::bridge::BridgePolicy;
use crate::revocation::Revoked;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Install {
    pub entry_points: Vec<EntryPointInstall>,
    /// The static `serversTransport`: what `default@internal` is made of. Never merged into named
    /// transports (A7.11).
    pub servers_transport: ServersTransport,
    /// `bridge.revoked`: certificates that no servers transport trusts. Default: none.
    pub revoked: Arc<Revoked>,
    /// `providers.precedence`: among routers of equal priority, those of the provider named first
    /// win. Providers not named come after those that are. Default: empty.
    pub provider_precedence: Vec<ProviderName>,
    /// `core.defaultRuleSyntax`: how rules of routers without a `ruleSyntax` are read. Default: v3.
    pub default_rule_syntax: Syntax,
    /// What is demanded of both legs of every route. Default: nothing.
    pub bridge: BridgePolicy,
    /// Trust of before that stays in force although the configuration asks for another, by the name of the servers
    /// transport (`bridge.preflight: gate`). Default: none.
    pub held_trust: BTreeMap<Arc<str>, HeldTrust>,
}

/// The trust that a servers transport had before. It takes the place of another verified trust only: never that of
/// none, nor of one that cannot be used.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldTrust {
    pub trust: Backend<Trust>,
    /// Who would fail under the new one; `None`: that is being looked at.
    pub why: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct EntryPointInstall {
    pub name: EntryPointName,
    /// `http.tls`: default TLS of routers of this entry point that say nothing themselves.
    pub tls: Option<RouterTls>,
    /// `http.middlewares`: before those of each router of this entry point. A name without a provider means
    /// one of the router's own provider.
    pub middlewares: Vec<String>,
    /// Served by routers that name no entry point. When no entry point is marked, all of them are.
    pub as_default: bool,
}
