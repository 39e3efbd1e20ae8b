//! What pre-flight knows, as metrics. Series of servers that the configuration no longer has are not there.

use std::collections::BTreeMap;
use std::time::SystemTime;

use viaduct_observe::families::{Family, Kind, Series, Value};
use viaduct_snapshot::Snapshot;

use crate::preflight::Report;
use crate::preflight::drift;

pub(super) fn families(report: &Report, snapshot: &Snapshot) -> Vec<Family> {
    let families = [servers(report), drifts(report), ends(report), held(snapshot)];
    families
        .into_iter()
        .filter(|family| !family.series.is_empty())
        .collect()
}

fn servers(report: &Report) -> Family {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for checked in &report.checked {
        let labels = match (&checked.outcome, checked.fault()) {
            (None, _) => ("unchecked", ""),
            (Some(_), None) => ("passed", ""),
            (Some(_), Some(fault)) => ("failed", fault.reason.code()),
        };
        *counts.entry(labels).or_default() += 1;
    }
    let counts = counts.into_iter();
    Family {
        name: "viaduct_preflight_endpoints",
        help: "Servers by what the last handshake of pre-flight came to.",
        kind: Kind::Gauge,
        series: counts
            .map(|((result, reason), count)| series(&[("result", result), ("reason", reason)], count as f64))
            .collect(),
    }
}

fn drifts(report: &Report) -> Family {
    let of = |kind| {
        let odd = |checked: &&crate::preflight::report::Checked| {
            checked.drift.iter().any(|drift| drift.kind == kind)
        };
        report.checked.iter().filter(odd).count()
    };
    let kinds = drift::Kind::ALL.map(|kind| series(&[("kind", kind.code())], of(kind) as f64));
    Family {
        name: "viaduct_preflight_drifting_endpoints",
        help: "Servers whose certificate is not as their siblings', or ends soon.",
        kind: Kind::Gauge,
        series: if report.checked.is_empty() {
            Vec::new()
        } else {
            kinds.into()
        },
    }
}

fn ends(report: &Report) -> Family {
    let ends = report.checked.iter().filter_map(|checked| {
        let labels = [
            ("service", &*checked.endpoint.service),
            ("server", &*checked.endpoint.server.url),
        ];
        let end = checked.leaf()?.not_after.duration_since(SystemTime::UNIX_EPOCH);
        Some(series(&labels, end.unwrap_or_default().as_secs_f64()))
    });
    Family {
        name: "viaduct_backend_certificate_not_after",
        help: "When the certificates of servers expire, as pre-flight saw them, in seconds since 1970.",
        kind: Kind::Gauge,
        series: ends.collect(),
    }
}

fn held(snapshot: &Snapshot) -> Family {
    let held = snapshot.held_trust();
    Family {
        name: "viaduct_preflight_trust_held",
        help: "1: the servers transport keeps the trust of before, as not every server is known to pass under the new one.",
        kind: Kind::Gauge,
        series: held
            .map(|(transport, _)| series(&[("transport", transport)], 1.0))
            .collect(),
    }
}

fn series(labels: &[(&str, &str)], value: f64) -> Series {
    let labels = labels.iter();
    Series {
        labels: labels
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        value: Value::Number(value),
    }
}
