//! Go's duration syntax, as Traefik's options use it: `1h2m3.5s`, or a bare number of seconds.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A duration as configuration writes it. A bare number means seconds (Traefik's `ptypes.Duration`).
/// Negative durations are kept, because some options give them a meaning (`flushInterval: -1ms`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct GoDuration {
    nanos: i64,
}

impl GoDuration {
    pub const fn from_nanos(nanos: i64) -> Self {
        Self { nanos }
    }

    pub const fn from_secs(secs: i64) -> Self {
        Self {
            nanos: secs.saturating_mul(1_000_000_000),
        }
    }

    pub const fn nanos(self) -> i64 {
        self.nanos
    }

    /// `None` for a negative duration.
    pub fn to_std(self) -> Option<Duration> {
        u64::try_from(self.nanos).ok().map(Duration::from_nanos)
    }

    pub fn parse(_text: &str) -> Result<Self, DurationError> {
        todo!("Go's time.ParseDuration grammar, plus bare numbers as seconds")
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a duration: {why}")]
pub struct DurationError {
    pub text: String,
    pub why: &'static str,
}

impl fmt::Display for GoDuration {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!("as Go's Duration.String prints it, e.g. 1h0m0s, 1.5s, 42s")
    }
}

impl Serialize for GoDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for GoDuration {
    fn deserialize<D: Deserializer<'de>>(_deserializer: D) -> Result<Self, D::Error> {
        todo!("string or number")
    }
}
