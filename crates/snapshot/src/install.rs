//! The part of the install configuration that routing depends on.

use viaduct_config::EntryPointName;
use viaduct_config::dynamic::http::RouterTls;

#[derive(Debug, Clone, Default)]
pub struct Install {
    pub entry_points: Vec<EntryPointInstall>,
    /// Kubernetes references across namespaces, ExternalName services and the like are decided by the
    /// provider; here only what `compile` itself needs.
    pub _reserved: (),
}

#[derive(Debug, Clone)]
pub struct EntryPointInstall {
    pub name: EntryPointName,
    /// `http.tls`: default TLS of routers of this entry point that say nothing themselves.
    pub tls: Option<RouterTls>,
    /// Served by routers that name no entry point.
    pub as_default: bool,
}
