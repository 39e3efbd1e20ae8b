//! `api` and `ping` -> what internal services show and where (A12.1, A12.8).

use http::StatusCode;
use viaduct_config::Install;
use viaduct_config::install::{INTERNAL_ENTRY_POINT, Ping};

/// What the answers depend on.
pub(crate) struct Settings {
    /// `api.basePath` without a slash at its end. Default empty.
    pub(crate) base_path: String,
    /// Whether `api@internal` serves the dashboard too. Default true.
    pub(crate) dashboard: bool,
    /// Of ping while the process ends. Default 503.
    pub(crate) terminating_status: StatusCode,
}

impl Settings {
    /// `None` when no internal service has anything to answer.
    pub(crate) fn new(install: &Install) -> Option<Self> {
        let metrics = install.metrics.as_ref();
        let prometheus = metrics.is_some_and(|metrics| metrics.prometheus.is_some());
        if install.api.is_none() && install.ping.is_none() && !prometheus {
            return None;
        }
        let api = install.api.clone().unwrap_or_default();
        let terminating = install.ping.as_ref().map_or_else(
            || Ping::default().terminating_status_code,
            |ping| ping.terminating_status_code,
        );
        Some(Self {
            base_path: api.base_path.trim_end_matches('/').to_owned(),
            dashboard: api.dashboard,
            terminating_status: StatusCode::from_u16(terminating).unwrap_or(StatusCode::SERVICE_UNAVAILABLE),
        })
    }
}

/// What has to be said aloud at the start.
pub(crate) fn warning(install: &Install) -> Option<String> {
    let insecure = install.api.as_ref().is_some_and(|api| api.insecure);
    insecure.then(|| {
        let address = install
            .entry_points
            .get(INTERNAL_ENTRY_POINT)
            .map_or(":8080", |entry_point| entry_point.address.as_str());
        format!(
            "`api.insecure`: everyone who reaches entry point `{INTERNAL_ENTRY_POINT}` ({address}) reads the \
             whole configuration; in production, route `api@internal` through a router with authentication"
        )
    })
}
