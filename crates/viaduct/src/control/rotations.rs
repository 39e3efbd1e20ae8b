//! Bundles that were replaced and are believed for a while yet (C8): which, until when, and who still needs them.
//! `compile` says what may be believed; the clock is here.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::watch;
use viaduct_observe::counters::{TransportStandings, Verdict};
use viaduct_snapshot::{Overlaps, Snapshot, Transport, rotation};
use viaduct_tls::TrustBundle;

use crate::telemetry::Metrics;

/// One replaced bundle of one transport.
#[derive(Debug, Clone)]
pub(crate) struct Rotation {
    pub(crate) transport: Arc<str>,
    /// The transport's trust as it is while the bundle is believed.
    pub(crate) generation: u64,
    /// What was replaced.
    pub(crate) old: Arc<TrustBundle>,
    /// What is configured.
    pub(crate) new: Arc<TrustBundle>,
    pub(crate) since: SystemTime,
    pub(crate) until: SystemTime,
    /// As `until`, by a clock that nobody sets.
    deadline: Instant,
}

/// Those that are running, for whoever tells of them.
pub(crate) type Running = watch::Receiver<Vec<Rotation>>;

/// Keeps the deadlines.
pub(super) struct Rotations {
    /// Zero: a rotation takes effect at once.
    overlap: Duration,
    running: watch::Sender<Vec<Rotation>>,
    /// What connections say; `None`: nobody serves yet.
    metrics: Option<Arc<Metrics>>,
}

impl Default for Rotations {
    fn default() -> Self {
        Self {
            overlap: Duration::ZERO,
            running: watch::Sender::new(Vec::new()),
            metrics: None,
        }
    }
}

impl Rotations {
    pub(super) fn last(&mut self, overlap: Duration) {
        self.overlap = overlap;
    }

    pub(super) fn look_at(&mut self, metrics: Arc<Metrics>) {
        self.metrics = Some(metrics);
    }

    pub(super) fn running(&self) -> Running {
        self.running.subscribe()
    }

    /// For the next compile.
    pub(super) fn overlaps(&self) -> Option<Overlaps> {
        if self.overlap.is_zero() {
            return None;
        }
        let mut overlaps = Overlaps::default();
        for rotation in &*self.running.borrow() {
            overlaps.insert(&rotation.transport, &rotation.old);
        }
        Some(overlaps)
    }

    pub(super) fn next_end(&self) -> Option<Instant> {
        self.running
            .borrow()
            .iter()
            .map(|rotation| rotation.deadline)
            .min()
    }

    /// Forgets the overlaps that are over, and tells of each. The next compile believes their bundles no more.
    pub(super) fn end(&self, now: Instant) -> bool {
        let (over, left): (Vec<_>, Vec<_>) = self
            .running
            .borrow()
            .iter()
            .cloned()
            .partition(|rotation| rotation.deadline <= now);
        if over.is_empty() {
            return false;
        }
        for rotation in &over {
            self.tell_end(rotation, "its time is over");
        }
        self.running.send_replace(left);
        true
    }

    /// Takes up what a compile made of rotations: new overlaps begin, and those that it did without have ended.
    pub(super) fn follow(&self, snapshot: &Snapshot, now: Instant) {
        let before = self.running.borrow().clone();
        let mut running = Vec::new();
        for transport in snapshot.transports() {
            let Some(new) = rotation::bundle(transport.tls.policy()) else {
                continue;
            };
            for old in new.previous() {
                let of_transport = before.iter().filter(|known| known.transport == transport.name);
                let known = of_transport.clone().find(|known| known.old == *old).or_else(|| {
                    of_transport
                        .clone()
                        .find(|known| !old.brings_roots_to(&known.old))
                });
                running.push(match known {
                    Some(known) => Rotation {
                        generation: transport.generation.0.get(),
                        old: Arc::clone(old),
                        new: Arc::clone(new),
                        ..known.clone()
                    },
                    None => self.begin(transport, old, new, now),
                });
            }
        }
        for gone in before.iter().filter(|known| {
            let goes_on =
                |now: &Rotation| now.transport == known.transport && !now.old.brings_roots_to(&known.old);
            !running.iter().any(goes_on)
        }) {
            self.tell_end(gone, "the configuration no longer allows it");
        }
        running.sort_by(|a, b| (&a.transport, a.until).cmp(&(&b.transport, b.until)));
        if !(running.is_empty() && before.is_empty()) {
            self.running.send_replace(running);
        }
    }

    fn begin(
        &self,
        transport: &Transport,
        old: &Arc<TrustBundle>,
        new: &Arc<TrustBundle>,
        now: Instant,
    ) -> Rotation {
        let since = SystemTime::now();
        let rotation = Rotation {
            transport: Arc::clone(&transport.name),
            generation: transport.generation.0.get(),
            old: Arc::clone(old),
            new: Arc::clone(new),
            since,
            until: since + self.overlap,
            deadline: now + self.overlap,
        };
        tracing::info!(
            transport = &*rotation.transport,
            object = transport.origin.as_ref().map(tracing::field::display),
            old = roots(old),
            new = roots(new),
            until = crate::api::date(rotation.until),
            "rotation of a CA: what was trusted before stays trusted for {:?}",
            self.overlap
        );
        rotation
    }

    fn tell_end(&self, rotation: &Rotation, why: &str) {
        let transport = &*rotation.transport;
        let old = roots(&rotation.old);
        match self.stragglers(rotation) {
            Some(servers) => tracing::warn!(
                transport,
                old,
                servers,
                hint = "give these servers certificates of the new CA",
                "the replaced CA is no longer trusted ({why}), and servers still had certificates of it"
            ),
            None => tracing::info!(
                transport,
                old,
                "the replaced CA is no longer trusted ({why}): no server that was connected to still had a certificate of it"
            ),
        }
    }

    /// Servers whose last handshake ended in a bundle that is replaced.
    fn stragglers(&self, rotation: &Rotation) -> Option<String> {
        let totals = self.metrics.as_ref()?.totals();
        let standings = totals.standings.get(&rotation.transport)?;
        let servers = on_previous(standings, rotation.generation);
        let mut text = servers
            .iter()
            .take(MOST_SHOWN)
            .cloned()
            .collect::<Vec<_>>()
            .join(", ");
        if servers.len() > MOST_SHOWN {
            // Writing to a `String` does not fail.
            write!(text, " and {} more", servers.len() - MOST_SHOWN).unwrap_or_default();
        }
        (!servers.is_empty()).then_some(text)
    }
}

/// The servers whose last handshake under this generation ended in a bundle that is replaced.
fn on_previous(standings: &TransportStandings, generation: u64) -> Vec<String> {
    if standings.generation != generation {
        return Vec::new();
    }
    let servers = standings.servers.iter();
    servers
        .filter(|(_, standing)| standing.verdict == Verdict::Previous)
        .map(|(url, _)| url.to_string())
        .collect()
}

/// Names and fingerprints.
fn roots(bundle: &TrustBundle) -> String {
    let shown = bundle.roots().take(MOST_SHOWN);
    let shown: Vec<_> = shown
        .map(|root| format!("{} ({})", root.label(), root.fingerprint))
        .collect();
    let more = bundle.roots().count().saturating_sub(shown.len());
    let end = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!("{}{end}", shown.join(", "))
}

const MOST_SHOWN: usize = 16;
