//! Many handshakes, few at once, at a measured pace.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use viaduct_proxy::probe::{self, Seen, Target};
use viaduct_tls::{Fault, Reason};

use super::turns::{Claim, Turns};

/// One server to be tried.
pub(crate) struct Attempt<K> {
    pub(crate) key: K,
    /// Tenants take turns.
    pub(crate) tenant: Arc<str>,
    pub(crate) target: Target,
}

/// Tries every target, until `limit` is over; gives what each came to as far as it came to anything. Rounds that run at
/// the same time share the turns that there are.
///
/// Cancel safe: dropping it ends the handshakes.
pub(crate) async fn round<K: Send + 'static>(attempts: Vec<Attempt<K>>, limit: Duration) -> Vec<(K, Seen)> {
    let deadline = Instant::now() + limit;
    let mut running = JoinSet::new();
    for Attempt { key, tenant, target } in attempts {
        let claim = Claim {
            tenant,
            host: Arc::clone(&target.host),
        };
        running.spawn(async move {
            let _turn = Turns::of_process().take(claim).await;
            (key, attempt(&target).await)
        });
    }
    let mut seen = Vec::new();
    loop {
        tokio::select! {
            done = running.join_next() => match done {
                Some(Ok(done)) => seen.push(done),
                Some(Err(error)) => tracing::error!(%error, "a handshake of pre-flight failed inside"),
                None => break,
            },
            () = sleep_until(deadline) => break,
        }
    }
    seen
}

/// Whether a server held up its turn to the end and said nothing.
pub(crate) fn is_silent(seen: &Seen) -> bool {
    let reason = seen.fault.as_ref().map(|fault| fault.reason);
    matches!(reason, Some(Reason::ConnectTimeout | Reason::HandshakeTimeout))
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

/// For one server, whatever its transport allows.
const LONGEST: Duration = Duration::from_secs(15);
