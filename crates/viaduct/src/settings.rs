//! Install options -> the settings of each room. One module per room.

pub(crate) mod api;
pub(crate) mod bridge;
pub(crate) mod entry_points;
pub(crate) mod observability;
pub(crate) mod ocsp;
pub(crate) mod providers;
pub(crate) mod revoked;
pub(crate) mod transport;

use std::time::Duration;

use viaduct_config::duration::GoDuration;

/// A timeout; a negative one is none, as in Go.
pub(crate) fn timeout(duration: GoDuration) -> Duration {
    duration.to_std().unwrap_or_default()
}
