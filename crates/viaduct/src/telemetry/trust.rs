//! Metrics of the backend leg's trust: rotations of CAs (C8) and what skipped verification would have said (C15).
//! Series are by transport, and by bundle or reason: never by server.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use viaduct_observe::counters::{ServerStanding, TransportStandings, Verdict};
use viaduct_observe::families::{Family, Kind, Series, Value};

use crate::control::Rotation;

pub(super) fn families(
    standings: &BTreeMap<Arc<str>, TransportStandings>,
    rotations: &[Rotation],
) -> Vec<Family> {
    let families = [
        Family {
            name: "viaduct_rotation_overlap_end_seconds",
            help: "Until when a CA that was replaced stays trusted, in seconds since 1970, by servers transport.",
            kind: Kind::Gauge,
            series: ends(rotations),
        },
        Family {
            name: "viaduct_rotation_servers",
            help: "Servers by the bundle that their certificate was last verified by, while a replaced CA is trusted.",
            kind: Kind::Gauge,
            series: servers(standings, rotations),
        },
        Family {
            name: "viaduct_shadow_handshakes_total",
            help: "Handshakes of transports that skip verification, by what verification would have said.",
            kind: Kind::Counter,
            series: shadow(standings),
        },
    ];
    let told = families.into_iter().filter(|family| !family.series.is_empty());
    told.collect()
}

/// The last of each transport.
fn ends(rotations: &[Rotation]) -> Vec<Series> {
    let mut ends: BTreeMap<&str, SystemTime> = BTreeMap::new();
    for rotation in rotations {
        let end = ends.entry(&rotation.transport).or_insert(rotation.until);
        *end = (*end).max(rotation.until);
    }
    let ends = ends.into_iter();
    ends.map(|(transport, end)| {
        let since = end.duration_since(SystemTime::UNIX_EPOCH);
        number(
            &[("transport", transport)],
            since.unwrap_or_default().as_secs_f64(),
        )
    })
    .collect()
}

fn servers(standings: &BTreeMap<Arc<str>, TransportStandings>, rotations: &[Rotation]) -> Vec<Series> {
    let mut series = Vec::new();
    let mut told: Vec<&str> = Vec::new();
    for rotation in rotations {
        let transport = &*rotation.transport;
        if told.contains(&transport) {
            continue;
        }
        told.push(transport);
        let seen = standings.get(transport);
        let seen = seen.filter(|standings| standings.generation == rotation.generation);
        for (bundle, verdict) in [("current", Verdict::Current), ("previous", Verdict::Previous)] {
            let count = seen.map_or(0, |standings| {
                let of = |server: &&ServerStanding| server.verdict == verdict;
                standings.servers.values().filter(of).count()
            });
            series.push(number(
                &[("transport", transport), ("bundle", bundle)],
                count as f64,
            ));
        }
    }
    series
}

fn shadow(standings: &BTreeMap<Arc<str>, TransportStandings>) -> Vec<Series> {
    let mut series = Vec::new();
    for (transport, standings) in standings {
        let skips =
            |server: &ServerStanding| matches!(server.verdict, Verdict::WouldPass(_) | Verdict::WouldFail(_));
        if !standings.servers.values().any(skips) {
            continue;
        }
        let mut results: BTreeMap<&str, u64> = BTreeMap::new();
        for server in standings.servers.values() {
            *results.entry("pass").or_default() += server.good;
            for (reason, count) in &server.failed {
                *results.entry(reason).or_default() += count;
            }
        }
        series.extend(
            results.into_iter().map(|(result, count)| {
                number(&[("transport", &**transport), ("result", result)], count as f64)
            }),
        );
    }
    series
}

fn number(labels: &[(&str, &str)], value: f64) -> Series {
    let labels = labels.iter();
    Series {
        labels: labels
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        value: Value::Number(value),
    }
}
