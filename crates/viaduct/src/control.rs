//! The control plane: updates in, one atomic snapshot out, findings told once.

mod notice;
mod report;
mod rotations;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::{mpsc, watch};
use viaduct_config::dynamic::http::ServersTransport;
use viaduct_config::{Finding, Update};
use viaduct_kubernetes::events::Events;
use viaduct_snapshot::{Inputs, Install, Overlaps, Revoked, Snapshot, Transport, follow};
use viaduct_tls::{CertificateStore, Identity};

use crate::api::{Board, Published};
use crate::ocsp::{self, Stapling};
use crate::preflight::Gate;
use crate::telemetry::{Metrics, ReloadCount};

use notice::notice;
pub(crate) use notice::{Witness, Witnesses};
pub(crate) use report::{Report, gather, text};
use rotations::Rotations;
pub(crate) use rotations::{Rotation, Running};

type Clock = Box<dyn Fn() -> SystemTime + Send>;

/// Holds the latest update of every provider and the snapshot made of them.
pub(crate) struct Control {
    install: Install,
    generated_default: Arc<Identity>,
    updates: Vec<Arc<Update>>,
    current: Option<Arc<Snapshot>>,
    untold: Option<Untold>,
    /// Snapshots that are no longer in force, and since when. Whoever lets go of one last takes it apart, and that
    /// takes milliseconds: it is to be this thread, not a worker.
    retired: Vec<(Arc<Snapshot>, Instant)>,
    /// `None`: OCSP stapling is off.
    stapling: Option<Stapling>,
    /// `None`: a change of trust is in force at once.
    gate: Option<Gate>,
    /// Where exceptions to what is demanded of routes are read off.
    clock: Clock,
    /// When the next of those in force ends.
    exception_ends: Option<SystemTime>,
    rotations: Rotations,
    report: Report,
    reloads: Arc<ReloadCount>,
    board: Option<Board>,
    /// `None`: nobody is told but the log.
    events: Option<Events>,
}

/// A configuration that was read, before it is said to be applied.
struct Untold {
    /// The generation it takes the place of.
    before: Option<u64>,
    started: Instant,
}

impl Untold {
    fn before(current: Option<&Snapshot>) -> Self {
        Self {
            before: current.map(|current| current.generation),
            started: Instant::now(),
        }
    }
}

impl Control {
    pub(crate) fn new(install: Install, reloads: Arc<ReloadCount>, board: Option<Board>) -> Self {
        Self {
            stapling: None,
            gate: None,
            events: None,
            clock: Box::new(SystemTime::now),
            exception_ends: None,
            rotations: Rotations::default(),
            install,
            generated_default: Arc::new(CertificateStore::generate_default()),
            updates: Vec::new(),
            current: None,
            untold: None,
            retired: Vec::new(),
            report: Report::default(),
            reloads,
            board,
        }
    }

    /// Staples OCSP answers from now on. Needs a tokio runtime.
    pub(crate) fn staple(&mut self, settings: ocsp::Settings) {
        self.stapling = Some(Stapling::start(settings));
    }

    /// Tells of findings about objects of a cluster on these objects, too.
    pub(crate) fn tell_objects(&mut self, events: Events) {
        self.events = Some(events);
    }

    /// Lets changes of trust wait from now on, if there is a gate.
    pub(crate) fn gate(&mut self, gate: Option<Gate>) {
        self.gate = gate;
    }

    /// Rotations of CAs, as they are told to the world.
    pub(crate) fn rotations(&self) -> Running {
        self.rotations.running()
    }

    /// Where to read which servers still need what was replaced.
    pub(crate) fn look_at(&mut self, metrics: Arc<Metrics>) {
        self.rotations.look_at(metrics);
    }

    /// From now on nobody trusts these certificates.
    fn revoke(&mut self, revoked: Arc<Revoked>) -> Arc<Snapshot> {
        tracing::warn!(
            certificates = revoked.len(),
            "the list of revoked certificates has changed"
        );
        self.install.revoked = revoked;
        self.compile()
    }

    /// Takes a new default transport: another trust, and so other pools.
    fn trust(&mut self, transport: ServersTransport) -> Arc<Snapshot> {
        self.install.servers_transport = transport;
        self.untold = Some(Untold::before(self.current.as_deref()));
        self.compile()
    }

    /// Takes a provider's new configuration. `None`: it is what the provider said before.
    #[cfg(test)]
    fn apply(&mut self, update: Update) -> Option<Arc<Snapshot>> {
        self.apply_all(vec![update])
    }

    /// Takes several at once, as one change.
    pub(crate) fn apply_all(&mut self, updates: Vec<Update>) -> Option<Arc<Snapshot>> {
        let mut changed = false;
        for update in updates {
            changed |= self.replace(update);
        }
        if !changed {
            tracing::debug!("configuration unchanged");
            return None;
        }
        self.untold = Some(Untold::before(self.current.as_deref()));
        let snapshot = self.compile();
        self.reloads.applied();
        Some(snapshot)
    }

    /// Says that a configuration is applied. Called once it is in force: who reads it may rely on it.
    pub(crate) fn tell_applied(&mut self, snapshot: &Snapshot) {
        if let Some(untold) = self.untold.take() {
            tell_applied(untold, snapshot);
        }
    }

    /// The snapshot of what is known now.
    fn compile(&mut self) -> Arc<Snapshot> {
        self.exception_ends = self.install.bridge.advance((self.clock)());
        self.install.bridge.heed(self.updates.iter().map(Arc::as_ref));
        let overlaps = self.rotations.overlaps();
        let mut configured = None;
        if let Some(current) = self.current.clone()
            && let Some(mut gate) = self.gate.take()
        {
            self.install.held_trust.clear();
            // What the configuration comes to by itself: a CA that is believed for a while saves nobody for long.
            let compiled = self.compile_once(None);
            self.install.held_trust = gate.hold(&current, &compiled);
            self.gate = Some(gate);
            let is_all = self.install.held_trust.is_empty()
                && overlaps
                    .as_ref()
                    .is_none_or(|overlaps| overlaps.is_empty() && !changes_trust(&current, &compiled));
            configured = is_all.then_some(compiled);
        }
        let snapshot = configured.unwrap_or_else(|| self.compile_once(overlaps.as_ref()));
        self.rotations.follow(&snapshot, Instant::now());
        if let Some(board) = &self.board {
            let published = Published::new(self.updates.clone(), Arc::clone(&snapshot));
            board.send_replace(Some(Arc::new(published)));
        }
        let fresh = self.report.tell(snapshot.findings());
        if let Some(events) = &self.events {
            fresh
                .iter()
                .filter_map(|told| notice(&told.finding))
                .for_each(|notice| events.tell(notice));
        }
        let before = self.current.as_deref().map(Snapshot::certificates);
        if let Some(stapling) = &self.stapling
            && before.is_none_or(|before| !Arc::ptr_eq(before, snapshot.certificates()))
        {
            stapling.serve(&snapshot);
        }
        if let Some(before) = self.current.replace(Arc::clone(&snapshot)) {
            self.retired.push((before, Instant::now()));
        }
        snapshot
    }

    fn compile_once(&self, overlaps: Option<&Overlaps>) -> Arc<Snapshot> {
        let staples = self.stapling.as_ref().map(Stapling::staples);
        let inputs = Inputs {
            install: &self.install,
            updates: &self.updates,
            generated_default: Arc::clone(&self.generated_default),
            staples: staples.as_ref(),
            overlaps,
        };
        follow(&inputs, self.current.as_deref())
    }

    /// For how long a CA that another one replaces is believed.
    pub(crate) fn overlap(&mut self, overlap: Duration) {
        self.rotations.last(overlap);
    }

    /// Applies updates, and new CAs and OCSP answers between them, until the updates' source ends; updates
    /// that came together are one change. Cancel safe: a change is applied whole or not at all.
    pub(crate) async fn follow(mut self, sources: Sources, snapshots: watch::Sender<Arc<Snapshot>>) {
        let Sources {
            mut updates,
            mut default_transport,
            mut revoked,
            ..
        } = sources;
        loop {
            let snapshot = tokio::select! {
                update = updates.recv() => match update {
                    Some(update) => {
                        let others = std::iter::from_fn(|| updates.try_recv().ok());
                        let together = std::iter::once(update).chain(others.take(MOST_TOGETHER)).collect();
                        self.apply_all(together)
                    }
                    None => return,
                },
                transport = next(&mut default_transport) => Some(self.trust(transport)),
                revoked = next(&mut revoked) => Some(self.revoke(revoked)),
                () = at(self.rotations.next_end()) => {
                    self.rotations.end(Instant::now()).then(|| self.compile())
                }
                () = answers(&mut self.stapling) => {
                    tracing::debug!("OCSP answers applied");
                    Some(self.compile())
                }
                () = judged(&mut self.gate) => Some(self.compile()),
                () = wait_until(self.exception_ends, (self.clock)()) => self.end_exceptions(),
                () = released(&self.retired) => {
                    self.take_apart();
                    None
                }
            };
            if let Some(snapshot) = snapshot {
                snapshots.send_replace(Arc::clone(&snapshot));
                self.tell_applied(&snapshot);
            }
        }
    }

    /// Compiles again if an exception has ended. `None`: none has, the clock was only looked at.
    fn end_exceptions(&mut self) -> Option<Arc<Snapshot>> {
        let now = (self.clock)();
        self.exception_ends.filter(|end| *end <= now)?;
        self.untold = Some(Untold::before(self.current.as_deref()));
        let snapshot = self.compile();
        Some(snapshot)
    }

    /// Frees the snapshots that nobody else holds, and lets go of those that somebody has held for very long.
    fn take_apart(&mut self) {
        self.retired
            .retain(|(snapshot, since)| Arc::strong_count(snapshot) > 1 && since.elapsed() < LONGEST_KEPT);
    }

    /// Whether the update says anything new.
    fn replace(&mut self, update: Update) -> bool {
        match self
            .updates
            .iter_mut()
            .find(|known| known.provider == update.provider)
        {
            Some(known) if **known == update => false,
            Some(known) => {
                *known = Arc::new(update);
                true
            }
            None => {
                self.updates.push(Arc::new(update));
                true
            }
        }
    }
}

/// Whether a transport is another one than before, so that a replaced CA of it might be believed for a while.
fn changes_trust(before: &Snapshot, after: &Snapshot) -> bool {
    let known: HashMap<&Arc<str>, &Arc<Transport>> = before
        .transports()
        .map(|transport| (&transport.name, transport))
        .collect();
    after.transports().any(|transport| {
        let before = known.get(&transport.name);
        before.is_some_and(|before| !Arc::ptr_eq(before, transport))
    })
}

/// What the control plane is told while it runs.
pub(crate) struct Sources {
    pub(crate) updates: mpsc::Receiver<Update>,
    /// What is said together with the first update, before all that `updates` says next.
    pub(crate) fixed: Vec<Update>,
    /// New states of the install configuration's `serversTransport`; `None`: it stays as it is.
    pub(crate) default_transport: Option<mpsc::Receiver<ServersTransport>>,
    /// New states of the list of revoked certificates; `None`: it stays as it is.
    pub(crate) revoked: Option<mpsc::Receiver<Arc<Revoked>>>,
    /// How long a replaced CA is believed; zero: not at all.
    pub(crate) overlap: Duration,
}

impl From<mpsc::Receiver<Update>> for Sources {
    fn from(updates: mpsc::Receiver<Update>) -> Self {
        Self {
            updates,
            fixed: Vec::new(),
            default_transport: None,
            revoked: None,
            overlap: Duration::ZERO,
        }
    }
}

/// Waits for what comes next; for ever if nothing will. Cancel safe.
async fn next<T>(source: &mut Option<mpsc::Receiver<T>>) -> T {
    if let Some(source) = source
        && let Some(item) = source.recv().await
    {
        return item;
    }
    std::future::pending().await
}

/// Resolves at a moment, or never. Cancel safe.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}

/// Waits for new OCSP answers. Cancel safe.
async fn answers(stapling: &mut Option<Stapling>) {
    match stapling {
        Some(stapling) => stapling.changed().await,
        None => std::future::pending().await,
    }
}

/// Waits for a moment of the wall clock, but not long without looking at it again: it can be set. Cancel safe.
async fn wait_until(moment: Option<SystemTime>, now: SystemTime) {
    match moment {
        Some(moment) => {
            let left = moment.duration_since(now).unwrap_or_default();
            tokio::time::sleep(left.min(LOOK_AT_CLOCK)).await;
        }
        None => std::future::pending().await,
    }
}

/// Waits until it is known what becomes of a change of trust. Cancel safe.
async fn judged(gate: &mut Option<Gate>) {
    match gate {
        Some(gate) => gate.changed().await,
        None => std::future::pending().await,
    }
}

/// Resolves when it is time to look whether the workers have let go. Cancel safe.
async fn released(retired: &[(Arc<Snapshot>, Instant)]) {
    if retired.is_empty() {
        std::future::pending().await
    }
    tokio::time::sleep(LOOK_EVERY).await;
}

/// Says what is in force now, and nothing of having applied what changed nothing.
fn tell_applied(Untold { before, started }: Untold, snapshot: &Snapshot) {
    if before == Some(snapshot.generation) {
        tracing::info!(
            generation = snapshot.generation,
            "configuration read: what is served stays as it was"
        );
        return;
    }
    tracing::info!(
        generation = snapshot.generation,
        routers = snapshot.routers.len(),
        out_of_service = snapshot.out_of_service,
        milliseconds = started.elapsed().as_millis(),
        "configuration applied"
    );
}

/// So many updates are one change at most: more than there are providers.
const MOST_TOGETHER: usize = 16;
/// Workers take up a snapshot within milliseconds; a request that goes on holds the one it began with.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The longest that a clock which was set forward can keep an exception in force.
const LOOK_AT_CLOCK: Duration = Duration::from_secs(30);
/// Memory is worth more than a worker's milliseconds.
const LONGEST_KEPT: Duration = Duration::from_secs(5);

/// Whether any finding is an error.
pub(crate) fn has_errors(findings: &[Finding]) -> bool {
    findings
        .iter()
        .any(|finding| finding.severity == viaduct_config::Severity::Error)
}
