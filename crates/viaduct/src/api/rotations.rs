//! `/api/rotations`: CAs that were replaced and are believed for a while yet (C8), and which servers need them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use viaduct_observe::counters::{ServerStanding, TransportStandings, Verdict};
use viaduct_tls::TrustBundle;

use super::overview::date;
use crate::control::Rotation;
use crate::telemetry::Metrics;

/// One entry for each bundle that is replaced and believed.
pub(super) fn all(metrics: &Metrics) -> Value {
    let standings = metrics.standings();
    let rotations = metrics.rotations();
    rotations
        .iter()
        .map(|rotation| one(rotation, &standings))
        .collect()
}

fn one(rotation: &Rotation, standings: &BTreeMap<Arc<str>, TransportStandings>) -> Value {
    let seen = standings.get(&rotation.transport);
    let seen = seen.filter(|standings| standings.generation == rotation.generation);
    let servers = || seen.into_iter().flat_map(|standings| &standings.servers);
    let needs_old = |(_, server): &(&Arc<str>, &ServerStanding)| server.last_previous.is_some();
    let on_old: Vec<Value> = servers()
        .filter(needs_old)
        .take(MOST_SERVERS)
        .map(|(url, server)| {
            json!({
                "url": &**url,
                "lastSeen": server.last_previous.map(date),
                // Servers behind one address may differ; the last handshake is the one that counts.
                "still": server.verdict == Verdict::Previous,
                "names": &*server.names,
                "notAfter": date(server.not_after),
            })
        })
        .collect();
    json!({
        "transport": &*rotation.transport,
        "old": roots(&rotation.old),
        "new": roots(&rotation.new),
        "since": date(rotation.since),
        "until": date(rotation.until),
        "seen": servers().count(),
        "onOld": on_old,
    })
}

fn roots(bundle: &TrustBundle) -> Value {
    let roots = bundle.roots().take(MOST_ROOTS);
    roots
        .map(|root| json!({ "label": root.label(), "fingerprint": root.fingerprint.to_string() }))
        .collect()
}

const MOST_SERVERS: usize = 1024;
const MOST_ROOTS: usize = 16;
