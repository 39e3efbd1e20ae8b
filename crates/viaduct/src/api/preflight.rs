//! `/api/viaduct/preflight`: what handshakes with each server came to (C11), and odd certificates (C12).

use serde_json::{Value, json};
use viaduct_snapshot::Snapshot;
use viaduct_tls::CertificateFacts;

use super::certificates;
use super::overview::date;
use crate::preflight::Preflight;
use crate::preflight::report::{Checked, Outcome};

pub(super) fn all(running: &Preflight, snapshot: &Snapshot) -> Value {
    let settings = running.settings();
    let report = running.report();
    let count = report.count();
    json!({
        "mode": settings.mode.as_str(),
        "intervalSeconds": settings.interval.map(|interval| interval.as_secs_f64()),
        "passed": count.passed,
        "failed": count.failed,
        "unchecked": count.unchecked,
        // Whose configured trust waits, and for whom; null: that is being looked at.
        "held": snapshot
            .held_trust()
            .map(|(transport, held)| json!({ "transport": &**transport, "why": held.why }))
            .collect::<Value>(),
        "servers": report.checked.iter().take(MOST).map(server).collect::<Value>(),
    })
}

fn server(checked: &Checked) -> Value {
    let endpoint = &checked.endpoint;
    let mut value = json!({
        "service": &*endpoint.service,
        "url": &*endpoint.server.url,
        "transport": &*endpoint.transport.name,
        "result": result(checked),
        "drift": checked
            .drift
            .iter()
            .map(|drift| json!({ "kind": drift.kind.code(), "detail": drift.detail }))
            .collect::<Value>(),
    });
    if let (Some(fields), Some(outcome), Value::Object(more)) = (
        value.as_object_mut(),
        &checked.outcome,
        checked
            .outcome
            .as_ref()
            .map_or(Value::Null, |outcome| seen(outcome)),
    ) {
        fields.extend(more);
        if outcome.fault.is_some() {
            fields.insert("hint".to_owned(), json!(checked.hint()));
        }
    }
    value
}

/// `passed`, `failed` or `unchecked`.
pub(super) fn result(checked: &Checked) -> &'static str {
    match &checked.outcome {
        None => "unchecked",
        Some(outcome) if outcome.fault.is_some() => "failed",
        Some(_) => "passed",
    }
}

fn seen(outcome: &Outcome) -> Value {
    let fault = outcome.fault.as_ref();
    json!({
        "at": date(outcome.at),
        "milliseconds": u64::try_from(outcome.took.as_millis()).unwrap_or(u64::MAX),
        "verified": outcome.verified,
        "byReplacedCa": outcome.by_previous,
        "reason": fault.map(|fault| fault.reason.code()),
        "wanted": fault.map(|fault| &fault.wanted),
        "got": fault.map(|fault| &fault.got),
        "version": outcome.version,
        "alpn": outcome.alpn,
        "clientCertificate": outcome.client_auth.as_ref().map(|asked| json!({
            "sent": asked.sent.map(|sent| sent.to_string()),
            "acceptableIssuers": asked.acceptable_issuers,
        })),
        "certificate": outcome.leaf.as_ref().map(certificate),
    })
}

fn certificate(leaf: &CertificateFacts) -> Value {
    let addresses = leaf.ip_addresses.iter().map(ToString::to_string);
    let names = leaf.dns_names.iter().cloned().chain(addresses);
    let names: Vec<_> = names.chain(leaf.uris.iter().cloned()).collect();
    json!({
        "label": leaf.label(),
        "issuer": leaf.issuer,
        "names": names,
        "fingerprint": leaf.fingerprint.to_string(),
        "notBefore": date(leaf.not_before),
        "notAfter": date(leaf.not_after),
        "status": certificates::status(leaf.not_after),
    })
}

/// Shown at once.
const MOST: usize = 10_000;
