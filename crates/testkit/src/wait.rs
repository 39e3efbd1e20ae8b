//! Waiting for conditions. A wait has a deadline and says what it waited for.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// Long enough for a loaded machine; a test that waits this long has failed.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Asks again and again until the answer is `Some`; panics with `what` after [`PATIENCE`].
#[track_caller]
pub fn wait_for<T>(what: &str, probe: impl FnMut() -> Option<T>) -> T {
    wait_at_most(PATIENCE, what, probe)
}

/// Asks again and again until it is true; panics with `what` after [`PATIENCE`].
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    wait_for(what, || condition().then_some(()));
}

/// Asks until the answer equals `wanted`; panics with both after [`PATIENCE`].
#[track_caller]
pub fn wait_equal<T: PartialEq + Debug>(wanted: &T, mut probe: impl FnMut() -> T) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let got = probe();
        if got == *wanted {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "waited for {wanted:?}, last got {got:?}"
        );
        std::thread::sleep(PAUSE);
    }
}

/// As [`wait_for`] with a deadline of its own.
#[track_caller]
pub fn wait_at_most<T>(limit: Duration, what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(answer) = probe() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited {limit:?} for {what}");
        std::thread::sleep(PAUSE);
    }
}

/// How much of something a test does: `short`, or `long` where the environment variable `VIADUCT_TEST_LONG` is set.
pub fn at_length(short: u64, long: u64) -> u64 {
    match std::env::var_os(LONG) {
        Some(_) => long,
        None => short,
    }
}

const LONG: &str = "VIADUCT_TEST_LONG";
/// Between two questions, for the sake of the machine; nothing depends on its length.
const PAUSE: Duration = Duration::from_millis(5);
