//! One of several replicas is the leader: who holds a Lease (`coordination.k8s.io/v1`).
//!
//! What only one may do (the status of Ingresses, say) is done while [`Leadership::holds`] says so. A leader that is
//! gone is succeeded within [`DURATION`] and one look ([`AGAIN`]); one that shuts down lets go at once. Nobody's clock is compared with
//! anybody else's: a Lease that has not changed for as long as it lasts, by the clock of who looks, is free.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};

use crate::watch::backoff::jittered;
use crate::watch::connection::{ApiError, Connection, Payload};

#[cfg(test)]
mod tests;

/// Which Lease, and who we are.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Usually that of this process: [`Connection::namespace`].
    pub namespace: String,
    pub name: String,
    /// Different for every replica, and for every run of one.
    pub identity: String,
}

/// Being the leader, or waiting to become it. When this is dropped the Lease runs out by itself;
/// [`Leadership::release`] is quicker.
#[derive(Debug)]
pub struct Leadership {
    holds: watch::Receiver<bool>,
    stop: mpsc::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

impl Leadership {
    /// Enters the election. Needs a tokio runtime.
    pub fn seek(connection: Arc<Connection>, candidate: Candidate) -> Self {
        let (told, holds) = watch::channel(false);
        let (stop, stopped) = mpsc::channel(1);
        let contender = Contender {
            connection,
            candidate,
            told,
            seen: None,
            complained: false,
        };
        Self {
            holds,
            stop,
            task: tokio::spawn(contender.run(stopped)),
        }
    }

    /// Whether this replica is the leader now.
    pub fn holds(&self) -> bool {
        *self.holds.borrow()
    }

    /// The same, to be waited for.
    pub fn watch(&self) -> watch::Receiver<bool> {
        self.holds.clone()
    }

    /// Lets go of the Lease, so that another replica need not wait; at most for [`LETTING_GO`].
    pub async fn release(self) {
        // Whether it hears or has ended already, it does not hold the Lease any more.
        self.stop.send(()).await.unwrap_or_default();
        drop(timeout(LETTING_GO, self.task).await);
    }
}

/// A state of the Lease, and since when it has been seen so.
#[derive(Debug, Clone)]
struct Seen {
    version: String,
    since: Instant,
    /// Whoever holds it is gone if it is still so then.
    until: Instant,
}

struct Contender {
    connection: Arc<Connection>,
    candidate: Candidate,
    told: watch::Sender<bool>,
    seen: Option<Seen>,
    complained: bool,
}

/// What may be done about a Lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Move {
    /// It is ours.
    Renew,
    /// It is nobody's, or its holder is gone.
    Take,
    Wait,
}

impl Contender {
    async fn run(mut self, mut stop: mpsc::Receiver<()>) {
        let mut renewed = Instant::now();
        loop {
            // The Lease is good from when it was asked for: when it was stored nobody tells.
            let begun = Instant::now();
            let leads = *self.told.borrow();
            let round = timeout(ROUND, self.round());
            let outcome = tokio::select! {
                outcome = round => outcome.unwrap_or(Err(ApiError::Late)),
                () = ends(leads, renewed) => Err(ApiError::Late),
                _ = stop.recv() => return self.let_go().await,
            };
            match outcome {
                Ok(holds) => {
                    if holds {
                        renewed = begun;
                    }
                    self.tell(holds);
                    self.complained = false;
                }
                Err(error) => {
                    self.complain(&error);
                    // By now another replica may think that it is free.
                    if renewed.elapsed() >= GIVE_UP {
                        self.tell(false);
                    }
                }
            }
            let pause = self.pause();
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = ends(*self.told.borrow(), renewed) => self.tell(false),
                _ = stop.recv() => return self.let_go().await,
            }
        }
    }

    /// Until the next look; no longer than somebody else's Lease lasts.
    fn pause(&self) -> Duration {
        let pause = jittered(AGAIN);
        let runs_out = self.seen.as_ref().map(|seen| seen.until);
        let left = runs_out.map(|until| until.saturating_duration_since(Instant::now()));
        match left.filter(|left| !left.is_zero() && !*self.told.borrow()) {
            Some(left) => pause.min(left),
            None => pause,
        }
    }

    /// Looks at the Lease and does what can be done. Whether it is ours afterwards.
    async fn round(&mut self) -> Result<bool, ApiError> {
        let path = self.path();
        let lease: Lease = match self
            .connection
            .get(&format!("{path}/{}", self.candidate.name))
            .await
        {
            Ok(lease) => lease,
            Err(error) if error.code() == Some(404) => {
                let fresh = self.next(Lease::default(), true);
                return self.write(Method::POST, &path, &fresh).await;
            }
            Err(error) => return Err(error),
        };
        let first = self.look(&lease);
        let step = decide(&lease, &self.candidate.identity, first.elapsed());
        if step == Move::Wait {
            return Ok(false);
        }
        let next = self.next(lease, step == Move::Take);
        self.write(Method::PUT, &format!("{path}/{}", self.candidate.name), &next)
            .await
    }

    /// Since when the Lease has been as it is.
    fn look(&mut self, lease: &Lease) -> Instant {
        let version = lease.metadata.resource_version.clone().unwrap_or_default();
        match &self.seen {
            Some(seen) if seen.version == version => seen.since,
            Some(_) | None => {
                let since = Instant::now();
                let until = since + lasts(lease);
                self.seen = Some(Seen {
                    version,
                    since,
                    until,
                });
                since
            }
        }
    }

    /// False where another replica was quicker.
    async fn write(&mut self, method: Method, path: &str, lease: &Lease) -> Result<bool, ApiError> {
        let json = serde_json::to_value(lease).map_err(|error| ApiError::Malformed(error.to_string()))?;
        match self
            .connection
            .ask::<Lease>(method, path, Payload::Json(json))
            .await
        {
            Ok(stored) => {
                self.look(&stored);
                Ok(true)
            }
            Err(error) if error.code() == Some(409) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The Lease as it is to be: ours.
    fn next(&self, lease: Lease, taken: bool) -> Lease {
        let now = MicroTime(jiff::Timestamp::now());
        let before = lease.spec.unwrap_or_default();
        let transitions = before.lease_transitions.unwrap_or_default();
        let changes = taken && before.holder_identity.is_some_and(|holder| !holder.is_empty());
        Lease {
            metadata: ObjectMeta {
                name: Some(self.candidate.name.clone()),
                namespace: Some(self.candidate.namespace.clone()),
                ..lease.metadata
            },
            spec: Some(LeaseSpec {
                holder_identity: Some(self.candidate.identity.clone()),
                lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
                acquire_time: if taken {
                    Some(now.clone())
                } else {
                    before.acquire_time
                },
                renew_time: Some(now),
                lease_transitions: Some(if changes {
                    transitions.saturating_add(1)
                } else {
                    transitions
                }),
                ..LeaseSpec::default()
            }),
        }
    }

    async fn let_go(self) {
        self.tell(false);
        let path = format!("{}/{}", self.path(), self.candidate.name);
        let Ok(mut lease) = self.connection.get::<Lease>(&path).await else {
            return;
        };
        let own = |spec: &&mut LeaseSpec| spec.holder_identity.as_ref() == Some(&self.candidate.identity);
        let Some(spec) = lease.spec.as_mut().filter(own) else {
            return;
        };
        spec.holder_identity = Some(String::new());
        spec.lease_duration_seconds = Some(1);
        let json = serde_json::to_value(&lease).unwrap_or_default();
        let written = self
            .connection
            .ask::<Lease>(Method::PUT, &path, Payload::Json(json))
            .await;
        if let Err(error) = written {
            tracing::debug!(%error, "the lease runs out by itself");
        }
    }

    fn tell(&self, holds: bool) {
        let changed = self
            .told
            .send_if_modified(|told| std::mem::replace(told, holds) != holds);
        if changed {
            let lease = format!("{}/{}", self.candidate.namespace, self.candidate.name);
            tracing::info!(
                lease,
                identity = self.candidate.identity,
                leader = holds,
                "leadership changed"
            );
        }
    }

    /// Once per trouble, not once per round.
    fn complain(&mut self, error: &ApiError) {
        if !std::mem::replace(&mut self.complained, true) {
            let lease = format!("{}/{}", self.candidate.namespace, self.candidate.name);
            tracing::warn!(
                lease,
                %error,
                hint = "grant `get`, `create` and `update` on leases.coordination.k8s.io in that namespace",
                "cannot take part in the election of a leader"
            );
        }
    }

    fn path(&self) -> String {
        format!(
            "/apis/coordination.k8s.io/v1/namespaces/{}/leases",
            self.candidate.namespace
        )
    }
}

/// `unchanged`: for how long the Lease has been seen as it is.
fn decide(lease: &Lease, own: &str, unchanged: Duration) -> Move {
    let spec = lease.spec.as_ref();
    let holder = spec
        .and_then(|spec| spec.holder_identity.as_deref())
        .unwrap_or_default();
    if holder == own {
        return Move::Renew;
    }
    if holder.is_empty() || unchanged >= lasts(lease) {
        Move::Take
    } else {
        Move::Wait
    }
}

/// For how long it is its holder's unless it is renewed.
fn lasts(lease: &Lease) -> Duration {
    let spec = lease.spec.as_ref();
    let seconds = spec
        .and_then(|spec| spec.lease_duration_seconds)
        .unwrap_or_default();
    Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
}

/// Resolves when a leadership that was renewed last at `renewed` is over. Cancel safe.
async fn ends(leads: bool, renewed: Instant) {
    if !leads {
        return std::future::pending().await;
    }
    tokio::time::sleep(GIVE_UP.saturating_sub(renewed.elapsed())).await;
}

/// How long a Lease is good for after its last renewal.
pub const DURATION: Duration = Duration::from_secs(15);
/// The longest that [`Leadership::release`] takes.
pub const LETTING_GO: Duration = Duration::from_secs(2);
/// A leader that could not renew for so long is none.
const GIVE_UP: Duration = Duration::from_secs(10);
/// Between half of this and this: how often the Lease is looked at, and renewed.
pub const AGAIN: Duration = Duration::from_secs(3);
const ROUND: Duration = Duration::from_secs(5);
