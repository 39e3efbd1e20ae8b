//! The table for spreadsheets (RFC 4180).

use super::table::clean;
use crate::bridges::Row;

/// A line of headings, and one for each row.
pub(super) fn text(rows: &[Row]) -> String {
    let mut text = String::new();
    line(&mut text, HEADINGS.map(str::to_owned));
    for row in rows {
        line(&mut text, cells(row));
    }
    text
}

fn cells(row: &Row) -> [String; HEADINGS.len()] {
    let several = |values: &[String]| values.join(" ");
    [
        row.router.clone(),
        row.entry_point.clone(),
        row.rule.clone(),
        row.service.clone(),
        row.class.clone(),
        row.status.clone(),
        row.required.clone(),
        row.client_leg.clone(),
        row.server.clone(),
        row.verified_name.clone(),
        row.trust.clone(),
        several(&row.ca_fingerprints),
        several(&row.client_certificates),
        row.expires.clone(),
        row.expiring.clone(),
        row.handshake.clone(),
        row.seen.clone(),
        row.certificate_fingerprint.clone(),
        row.certificate_expires.clone(),
        row.trial
            .as_ref()
            .map(|trial| trial.summary.clone())
            .unwrap_or_default(),
        row.owner.clone(),
        row.transport.clone(),
        row.transport_owner.clone(),
        row.reason.clone(),
    ]
}

fn line(text: &mut String, cells: [String; HEADINGS.len()]) {
    let cells = cells.map(|cell| quoted(&harmless(clean(&cell))));
    text.push_str(&cells.join(","));
    text.push_str("\r\n");
}

/// Names are the tenants', and a spreadsheet computes a cell that begins like a formula.
fn harmless(cell: String) -> String {
    match cell.starts_with(['=', '+', '-', '@']) {
        true => format!("'{cell}"),
        false => cell,
    }
}

fn quoted(cell: &str) -> String {
    let plain = cell
        .chars()
        .all(|c| !c.is_control() && !matches!(c, '"' | ',' | ';' | '\''));
    if plain && cell.trim() == cell {
        return cell.to_owned();
    }
    format!("\"{}\"", cell.replace('"', "\"\""))
}

const HEADINGS: [&str; 24] = [
    "router",
    "entryPoint",
    "rule",
    "service",
    "class",
    "status",
    "required",
    "clientLeg",
    "server",
    "verifiedName",
    "trust",
    "caFingerprints",
    "clientCertificates",
    "expires",
    "expiring",
    "handshake",
    "seen",
    "certificateFingerprint",
    "certificateExpires",
    "trial",
    "owner",
    "transport",
    "transportOwner",
    "reason",
];
