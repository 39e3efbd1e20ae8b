//! Findings in the log: each when it appears and when it is gone, not at every reload.

use std::collections::{HashMap, HashSet};
use std::fmt::{Display, Write as _};
use std::sync::Arc;

use viaduct_config::{Finding, Severity};

use crate::logging::OneLine;

/// A finding, with what is out of service because of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) finding: Finding,
    pub(crate) affects: Vec<String>,
}

/// One line for one mistake: what follows from a finding is told with it.
pub(crate) fn gather(findings: Vec<Finding>) -> Vec<Told> {
    Report::default().replace(findings).0
}

/// Remembers what has been told.
#[derive(Debug, Default)]
pub(crate) struct Report {
    told: Vec<(String, Finding)>,
    /// What that was, to know it again.
    last: Option<Arc<Vec<Finding>>>,
}

impl Report {
    /// Logs what is new and what is resolved. Returns what is new.
    pub(crate) fn tell(&mut self, findings: &Arc<Vec<Finding>>) -> Vec<Told> {
        if self.last.as_ref().is_some_and(|last| Arc::ptr_eq(last, findings)) {
            return Vec::new();
        }
        self.last = Some(Arc::clone(findings));
        let (added, resolved) = self.replace(findings.to_vec());
        added.iter().for_each(log);
        resolved.iter().for_each(log_resolved);
        added
    }

    /// Takes the findings of a new snapshot: which of them are new, and which old ones are gone. They
    /// keep their order: causes come before what follows from them.
    pub(super) fn replace(&mut self, findings: Vec<Finding>) -> (Vec<Told>, Vec<Finding>) {
        let before = std::mem::take(&mut self.told);
        let known: HashSet<&String> = before.iter().map(|(identity, _)| identity).collect();
        let mut now = HashSet::new();
        let mut new = Vec::new();
        for finding in findings {
            let identity = identity(&finding);
            if !now.insert(identity.clone()) {
                continue;
            }
            if !known.contains(&identity) {
                new.push((identity.clone(), finding.clone()));
            }
            self.told.push((identity, finding));
        }
        let gone = before.iter().filter(|(identity, _)| !now.contains(identity));
        // What followed from a cause that is gone as well needs no line.
        let gone = gone.filter(|(_, finding)| {
            let cause = finding.cause.as_deref().map(identity);
            cause.is_none_or(|cause| now.contains(&cause) || !known.contains(&cause))
        });
        let mut mistakes = HashSet::new();
        let gone = gone
            .map(|(_, finding)| finding.clone())
            .filter(|finding| mistakes.insert(mistake(finding)))
            .collect();
        (with_consequences(new), gone)
    }
}

/// Puts each finding whose cause is among the new ones to that cause.
fn with_consequences(new: Vec<(String, Finding)>) -> Vec<Told> {
    let is_root = |finding: &Finding| finding.cause.is_none();
    let roots: HashSet<String> = new
        .iter()
        .filter(|(_, finding)| is_root(finding))
        .map(|(identity, _)| identity.clone())
        .collect();
    let mut affected: HashMap<String, Vec<String>> = HashMap::new();
    let mut told = Vec::new();
    let mut mistakes = HashSet::new();
    for (own, finding) in new {
        match finding.cause.as_deref().map(identity) {
            Some(cause) if roots.contains(&cause) => {
                let names = affected.entry(cause).or_default();
                if let Some(name) =
                    subject(&finding).filter(|name| subject(finding.root()).as_ref() != Some(name))
                    && !names.contains(&name)
                {
                    names.push(name);
                }
            }
            Some(_) | None if mistakes.insert(mistake(&finding)) => told.push((own, finding)),
            Some(_) | None => {}
        }
    }
    told.into_iter()
        .map(|(own, finding)| Told {
            affects: affected.remove(&own).unwrap_or_default(),
            finding,
        })
        .collect()
}

/// One field of one object is one mistake, however many routers come of the object.
fn mistake(finding: &Finding) -> String {
    let whole = match (&finding.object, &finding.location) {
        (Some(_), Some(_)) => Finding {
            element: None,
            ..finding.clone()
        },
        _ => finding.clone(),
    };
    let place = whole.location.as_ref().map(ToString::to_string);
    format!("{} {place:?}", identity(&whole))
}

/// The object that a finding is about, or the element.
fn subject(finding: &Finding) -> Option<String> {
    let object = finding.object.as_ref().map(ToString::to_string);
    object.or_else(|| finding.element.as_ref().map(ToString::to_string))
}

/// A list with an end.
fn list(names: &[String]) -> Option<String> {
    let shown = names.get(..MAX_AFFECTED).unwrap_or(names).join(", ");
    match names.len().checked_sub(MAX_AFFECTED) {
        None if names.is_empty() => None,
        None | Some(0) => Some(shown),
        Some(more) => Some(format!("{shown} and {more} more")),
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

fn log(told: &Told) {
    let finding = &told.finding;
    macro_rules! event {
        ($level:ident) => {
            tracing::$level!(
                code = ?finding.code,
                diagnosis = viaduct_check::code_of(finding),
                object = finding.object.as_ref().map(tracing::field::display),
                element = finding.element.as_ref().map(tracing::field::display),
                at = finding.location.as_ref().map(tracing::field::display),
                field = finding.field.as_deref(),
                wanted = finding.wanted.as_deref(),
                got = finding.got.as_deref(),
                affects = list(&told.affects),
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
        diagnosis = viaduct_check::code_of(finding),
        object = finding.object.as_ref().map(tracing::field::display),
        element = finding.element.as_ref().map(tracing::field::display),
        "resolved: {}", finding.message
    );
}

/// A finding on several lines, for people at a terminal.
pub(crate) fn text(told: &Told) -> String {
    let finding = &told.finding;
    let mut text = String::from(match finding.severity {
        Severity::Error => "error: ",
        Severity::Warning => "warning: ",
        Severity::Info => "note: ",
    });
    match (&finding.object, &finding.element) {
        (Some(object), _) => append(&mut text, format_args!("{object}: {}", finding.message)),
        (None, Some(element)) => append(&mut text, format_args!("{element}: {}", finding.message)),
        (None, None) => append(&mut text, format_args!("{}", finding.message)),
    }
    match (&finding.location, &finding.field) {
        (Some(location), Some(field)) => line(&mut text, "at", &format_args!("{location} ({field})")),
        (Some(location), None) => line(&mut text, "at", location),
        (None, Some(field)) => line(&mut text, "at", field),
        (None, None) => {}
    }
    for (name, value) in [
        ("wanted", &finding.wanted),
        ("got", &finding.got),
        ("affects", &list(&told.affects)),
        ("hint", &finding.hint),
    ] {
        if let Some(value) = value {
            line(&mut text, name, value);
        }
    }
    text
}

fn line(text: &mut String, name: &'static str, value: &dyn Display) {
    text.push_str("\n  ");
    append(text, format_args!("{name}: {value}"));
}

/// Names are the users': none of them begins a line (C67).
fn append(text: &mut String, more: std::fmt::Arguments<'_>) {
    // Writing to a `String` does not fail.
    write!(text, "{}", OneLine(more)).unwrap_or_default();
}

/// How many names a line lists.
const MAX_AFFECTED: usize = 8;
