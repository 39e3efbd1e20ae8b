//! How long to wait before asking again.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use super::connection::ApiError;

/// Doubling waits with jitter, so that what failed together does not come back together.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The next wait: at least as long as the server asks for, and no longer than 3 s otherwise, so that
    /// a server that comes back is noticed soon.
    pub(crate) fn after(&mut self, error: &ApiError) -> Duration {
        let wait = self.next();
        error.retry_after().map_or(wait, |asked| wait + asked)
    }

    pub(crate) fn next(&mut self) -> Duration {
        let ceiling = FIRST
            .saturating_mul(1 << self.failures.min(MOST_DOUBLINGS))
            .min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        jittered(ceiling)
    }

    /// How often in a row it has been asked.
    pub(crate) const fn failures(&self) -> u32 {
        self.failures
    }

    pub(crate) const fn reset(&mut self) {
        self.failures = 0;
    }
}

/// Between half of `most` and `most`.
pub(crate) fn jittered(most: Duration) -> Duration {
    let random = RandomState::new().hash_one(0_u8) % 1024;
    let part = u32::try_from(random).unwrap_or_default();
    most / 2 + most / 2 * part / 1024
}

const FIRST: Duration = Duration::from_millis(100);
/// What happened meanwhile is in force within five seconds of the server's return.
const LONGEST: Duration = Duration::from_secs(3);
const MOST_DOUBLINGS: u32 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r14_waits_double_up_to_three_seconds_and_differ() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..12).map(|_| backoff.next()).collect();
        assert!(waits[0] >= FIRST / 2 && waits[0] <= FIRST, "{waits:?}");
        assert!(waits[11] >= LONGEST / 2 && waits[11] <= LONGEST, "{waits:?}");
        let late: std::collections::BTreeSet<_> = waits.iter().skip(6).collect();
        assert!(late.len() > 1, "no jitter: {waits:?}");
        backoff.reset();
        assert!(backoff.next() <= FIRST);
    }

    #[test]
    fn r14_a_server_that_asks_for_time_gets_it() {
        let asked = Duration::from_secs(7);
        let busy = ApiError::Status {
            code: 429,
            message: String::new(),
            retry_after: Some(asked),
        };
        assert!(Backoff::default().after(&busy) >= asked);
    }
}
