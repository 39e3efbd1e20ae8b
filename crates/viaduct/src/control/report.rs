//! Findings in the log: each when it appears and when it is gone, not at every reload.

use std::collections::HashSet;
use std::fmt::Write as _;

use viaduct_config::{Finding, Severity};

/// Remembers what has been told.
#[derive(Debug, Default)]
pub(crate) struct Report {
    told: Vec<(String, Finding)>,
}

impl Report {
    /// Logs what is new and what is resolved.
    pub(crate) fn tell(&mut self, findings: Vec<Finding>) {
        let (added, resolved) = self.replace(findings);
        added.iter().for_each(log);
        resolved.iter().for_each(log_resolved);
    }

    /// Takes the findings of a new snapshot: which of them are new, and which old ones are gone. They
    /// keep their order: causes come before what follows from them.
    pub(super) fn replace(&mut self, findings: Vec<Finding>) -> (Vec<Finding>, Vec<Finding>) {
        let before = std::mem::take(&mut self.told);
        let known: HashSet<&String> = before.iter().map(|(identity, _)| identity).collect();
        let mut now = HashSet::new();
        let mut added = Vec::new();
        for finding in findings {
            let identity = identity(&finding);
            if !now.insert(identity.clone()) {
                continue;
            }
            if !known.contains(&identity) {
                added.push(finding.clone());
            }
            self.told.push((identity, finding));
        }
        let gone = before.into_iter().filter(|(identity, _)| !now.contains(identity));
        (added, gone.map(|(_, finding)| finding).collect())
    }
}

/// The same fault after an edit above it in the file is still the same fault: no line numbers.
fn identity(finding: &Finding) -> String {
    let Finding {
        code,
        object,
        element,
        field,
        message,
        wanted,
        got,
        ..
    } = finding;
    format!("{object:?} {element:?} {field:?} {code:?} {message} {wanted:?} {got:?}")
}

fn log(finding: &Finding) {
    macro_rules! event {
        ($level:ident) => {
            tracing::$level!(
                code = ?finding.code,
                object = finding.object.as_ref().map(tracing::field::display),
                element = finding.element.as_ref().map(tracing::field::display),
                at = finding.location.as_ref().map(tracing::field::display),
                field = finding.field.as_deref(),
                wanted = finding.wanted.as_deref(),
                got = finding.got.as_deref(),
                hint = finding.hint.as_deref(),
                "{}", finding.message
            )
        };
    }
    match finding.severity {
        Severity::Error => event!(error),
        Severity::Warning => event!(warn),
        Severity::Info => event!(info),
    }
}

fn log_resolved(finding: &Finding) {
    tracing::info!(
        code = ?finding.code,
        object = finding.object.as_ref().map(tracing::field::display),
        element = finding.element.as_ref().map(tracing::field::display),
        "resolved: {}", finding.message
    );
}

/// A finding on several lines, for people at a terminal.
pub(crate) fn text(finding: &Finding) -> String {
    let mut text = String::from(match finding.severity {
        Severity::Error => "error: ",
        Severity::Warning => "warning: ",
        Severity::Info => "note: ",
    });
    match (&finding.object, &finding.element) {
        (Some(object), _) => append(&mut text, format_args!("{object}: {}", finding.message)),
        (None, Some(element)) => append(&mut text, format_args!("{element}: {}", finding.message)),
        (None, None) => text.push_str(&finding.message),
    }
    match (&finding.location, &finding.field) {
        (Some(location), Some(field)) => append(&mut text, format_args!("\n  at: {location} ({field})")),
        (Some(location), None) => append(&mut text, format_args!("\n  at: {location}")),
        (None, Some(field)) => append(&mut text, format_args!("\n  at: {field}")),
        (None, None) => {}
    }
    for (name, value) in [
        ("wanted", &finding.wanted),
        ("got", &finding.got),
        ("hint", &finding.hint),
    ] {
        if let Some(value) = value {
            append(&mut text, format_args!("\n  {name}: {value}"));
        }
    }
    text
}

fn append(text: &mut String, more: std::fmt::Arguments<'_>) {
    // Writing to a `String` does not fail.
    text.write_fmt(more).unwrap_or_default();
}
