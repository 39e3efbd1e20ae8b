//! Traefik's dynamic (routing) configuration, in the shape of its file provider.
//!
//! Field names and meaning are Traefik v3.7's. `None` means "not written"; defaults are applied where
//! the value is used (crate `snapshot`), so that what was written can be shown again.

pub mod http;
pub mod secret;
pub mod tcp;
pub mod tls;
pub mod udp;

use serde::{Deserialize, Serialize};

pub use http::Http;
pub use secret::Secret;
pub use tcp::Tcp;
pub use tls::Tls;
pub use udp::Udp;

use crate::map::Map;
use crate::shared::Shared;

/// Elements of one kind by their names, shared with the configurations before and after.
pub type Elements<T> = Map<String, Shared<T>>;

/// The root: `http`, `tcp`, `udp`, `tls`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Dynamic {
    #[serde(skip_serializing_if = "Http::is_empty")]
    pub http: Http,
    #[serde(skip_serializing_if = "Tcp::is_empty")]
    pub tcp: Tcp,
    #[serde(skip_serializing_if = "Udp::is_empty")]
    pub udp: Udp,
    #[serde(skip_serializing_if = "Tls::is_empty")]
    pub tls: Tls,
}
