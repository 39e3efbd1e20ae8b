//! Many handshakes, few at once, at a measured pace.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use viaduct_proxy::probe::{self, Seen, Target};
use viaduct_tls::{Fault, Reason};

/// Tries every target, until `limit` is over; gives what each came to as far as it came to anything.
///
/// Cancel safe: dropping it ends the handshakes.
pub(crate) async fn round<K: Send + 'static>(targets: Vec<(K, Target)>, limit: Duration) -> Vec<(K, Seen)> {
    let deadline = Instant::now() + limit;
    let mut waiting = targets.into_iter();
    let mut running = JoinSet::new();
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut seen = Vec::new();
    while waiting.len() > 0 || !running.is_empty() {
        tokio::select! {
            _ = pace.tick(), if waiting.len() > 0 && running.len() < AT_ONCE => {
                if let Some((key, target)) = waiting.next() {
                    running.spawn(async move { (key, attempt(&target).await) });
                }
            }
            Some(done) = running.join_next() => match done {
                Ok(done) => seen.push(done),
                Err(error) => tracing::error!(%error, "a handshake of pre-flight failed inside"),
            },
            () = sleep_until(deadline) => break,
        }
    }
    seen
}

async fn attempt(target: &Target) -> Seen {
    let trying = timeout(LONGEST, probe::probe(target));
    trying.await.unwrap_or_else(|_| Seen {
        fault: Some(Fault::new(
            Reason::ConnectTimeout,
            format_args!("a connection to {}:{}", target.host, target.port),
            format_args!("nothing within {LONGEST:?}"),
        )),
        took: LONGEST,
        ..Seen::default()
    })
}

/// Handshakes at once.
const AT_ONCE: usize = 16;
/// From one beginning to the next: at most 50 a second.
const PACE: Duration = Duration::from_millis(20);
/// For one server, whatever its transport allows.
const LONGEST: Duration = Duration::from_secs(15);
