//! SARIF 2.1.0, as code scanners read it.

use serde_json::{Value, json};
use viaduct_config::Severity;

use super::json::{Region, pretty};
use super::shown;
use crate::Report;
use crate::catalogue::Diagnosis;
use crate::diagnostic::{Diagnostic, Help};
use crate::source::Sources;

pub(super) fn write(report: &Report, sources: &Sources) -> String {
    let mut used: Vec<Diagnosis> = report.diagnostics.iter().map(|one| one.diagnosis).collect();
    used.sort_unstable();
    used.dedup();
    let results: Vec<Value> = report
        .diagnostics
        .iter()
        .map(|one| {
            result(
                one,
                sources,
                used.binary_search(&one.diagnosis).unwrap_or_default(),
            )
        })
        .collect();
    pretty(&json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "viaduct check",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": used.into_iter().map(rule).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    }))
}

fn rule(diagnosis: Diagnosis) -> Value {
    let entry = diagnosis.entry();
    json!({
        "id": diagnosis.code(),
        "shortDescription": {"text": entry.title},
        "fullDescription": {"text": entry.why},
        "help": {"text": format!("{}\n\nWhen served: {}\n\nIn Traefik: {}", entry.mend, entry.here, entry.traefik)},
        "defaultConfiguration": {"level": level(entry.severity)},
    })
}

fn result(diagnostic: &Diagnostic, sources: &Sources, rule: usize) -> Value {
    let mut told = json!({
        "ruleId": diagnostic.diagnosis.code(),
        "ruleIndex": rule,
        "level": level(diagnostic.severity),
        "message": {"text": format!("{}. When served: {}", diagnostic.headline(), diagnostic.here)},
        "locations": [],
    });
    let place = diagnostic.place.as_ref();
    if let Some(region) = place.and_then(|place| Region::at(sources, place)) {
        told["locations"] = json!([{"physicalLocation": location(&region)}]);
    }
    let fixes: Vec<Value> = diagnostic
        .help
        .iter()
        .filter(|help| !help.edits.is_empty())
        // What is put in is put in as it is written, and secrets are not written.
        .filter(|help| help.edits.iter().all(|edit| shown::added(&edit.text).is_none()))
        .map(|help| fix(help, sources))
        .collect();
    if !fixes.is_empty() {
        told["fixes"] = json!(fixes);
    }
    told
}

fn location(region: &Region<'_>) -> Value {
    json!({
        "artifactLocation": {"uri": uri(region.file)},
        "region": lines(region),
    })
}

fn lines(region: &Region<'_>) -> Value {
    json!({
        "startLine": region.line,
        "startColumn": region.column,
        "endLine": region.end_line,
        "endColumn": region.end_column,
    })
}

/// One change for each file that it is about.
fn fix(help: &Help, sources: &Sources) -> Value {
    let mut files: Vec<usize> = help.edits.iter().map(|edit| edit.file).collect();
    files.sort_unstable();
    files.dedup();
    let changes: Vec<Value> = files
        .into_iter()
        .filter_map(|index| {
            let replacements: Vec<Value> = help
                .edits
                .iter()
                .filter(|edit| edit.file == index)
                .filter_map(|edit| {
                    let region = Region::of(sources, edit.file, edit.start, edit.end)?;
                    Some(json!({"deletedRegion": lines(&region), "insertedContent": {"text": edit.text}}))
                })
                .collect();
            let file = sources.files.get(index)?;
            Some(json!({"artifactLocation": {"uri": uri(&file.name)}, "replacements": replacements}))
        })
        .collect();
    json!({"description": {"text": help.text}, "artifactChanges": changes})
}

/// A path as a relative reference: what a URI does not take is escaped.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'-' | b'_' | b'~') {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}
