//! For people at a terminal. The excerpts are drawn by `annotate-snippets`, which draws rustc's.

use annotate_snippets::{
    AnnotationKind, Group, Level, Origin, Patch, Renderer, Snippet, normalize_untrusted_str,
};
use viaduct_config::Severity;

use super::shown;
use crate::Report;
use crate::diagnostic::{Diagnostic, Help};
use crate::edit::Edit;
use crate::place::Place;
use crate::source::{File, Sources};

pub(super) fn write(report: &Report, sources: &Sources, colours: bool) -> String {
    let renderer = if colours {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let mut text = String::new();
    for diagnostic in &report.diagnostics {
        text.push_str(&one(diagnostic, sources, &renderer));
        text.push_str("\n\n");
    }
    text.push_str(&summary(report));
    text
}

fn one(diagnostic: &Diagnostic, sources: &Sources, renderer: &Renderer) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Info => Level::INFO,
    };
    let title = level
        .primary_title(diagnostic.headline())
        .id(diagnostic.diagnosis.code());
    let mut group = Group::with_title(title);
    let place = diagnostic.place.as_ref();
    if let Some((place, file)) = place.and_then(|place| Some((place, sources.files.get(place.file)?))) {
        group = group.element(excerpt(diagnostic, place, file));
    } else if let Some(elsewhere) = &diagnostic.elsewhere {
        group = group.element(Origin::path(elsewhere.as_str()));
    }
    for note in notes(diagnostic) {
        group = group.element(Level::NOTE.message(normalize_untrusted_str(&note)));
    }
    let mut groups = vec![group];
    groups.extend(diagnostic.help.iter().map(|help| proposal(help, sources)));
    renderer.render(&groups)
}

/// What is said below the excerpt.
fn notes(diagnostic: &Diagnostic) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(wanted) = &diagnostic.wanted {
        notes.push(format!("wanted: {wanted}"));
    }
    if let Some(got) = &diagnostic.got {
        notes.push(format!("got: {got}"));
    }
    notes.push(format!("when served: {}", diagnostic.here));
    notes.push(format!("in Traefik: {}", diagnostic.traefik));
    if !diagnostic.affects.is_empty() {
        notes.push(format!("also affected: {}", listed(&diagnostic.affects)));
    }
    notes
}

fn listed(names: &[String]) -> String {
    let shown = names.get(..MAX_NAMED).unwrap_or(names).join(", ");
    match names.len().checked_sub(MAX_NAMED) {
        Some(more @ 1..) => format!("{shown} and {more} more"),
        Some(0) | None => shown,
    }
}

fn excerpt<'a>(
    diagnostic: &'a Diagnostic,
    place: &Place,
    file: &'a File,
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let (line, _) = file.position(place.start);
    let first = (line - 1).saturating_sub(CONTEXT);
    let last = (line - 1 + CONTEXT).min(file.line_count().saturating_sub(1));
    let base = file.line_start(first);
    let source = shown::lines(file, first, last);
    let mark = AnnotationKind::Primary.span(place.start - base..place.end.max(place.start) - base);
    let mark = match &diagnostic.field {
        // The path tells where it is, which the line alone does not.
        Some(field) => mark.label(normalize_untrusted_str(field)),
        None => mark,
    };
    Snippet::source(source)
        .line_start(first + 1)
        .path(&*file.name)
        .fold(false)
        .annotation(mark)
}

fn proposal<'a>(help: &'a Help, sources: &'a Sources) -> Group<'a> {
    let text = if help.safe {
        format!("{} (`--fix` does it)", help.text)
    } else {
        help.text.clone()
    };
    let mut group = Group::with_title(Level::HELP.secondary_title(normalize_untrusted_str(&text)));
    let mut files: Vec<usize> = help.edits.iter().map(|edit| edit.file).collect();
    files.dedup();
    for index in files {
        if let Some(file) = sources.files.get(index) {
            let edits: Vec<_> = help.edits.iter().filter(|edit| edit.file == index).collect();
            group = group.element(patched(file, &edits));
        }
    }
    group
}

fn patched<'a>(file: &'a File, edits: &[&'a Edit]) -> Snippet<'a, Patch<'a>> {
    let start = edits.iter().map(|edit| edit.start).min().unwrap_or_default();
    let end = edits.iter().map(|edit| edit.end).max().unwrap_or_default();
    let first = (file.position(start).0 - 1).saturating_sub(1);
    let last = file.position(end).0.min(file.line_count()) - 1;
    let base = file.line_start(first);
    let mut snippet = Snippet::source(shown::lines(file, first, last))
        .line_start(first + 1)
        .path(&*file.name);
    for edit in edits {
        snippet = snippet.patch(Patch::new(edit.start - base..edit.end - base, edit.text.as_str()));
    }
    snippet
}

fn summary(report: &Report) -> String {
    let counted = [
        (report.count(Severity::Error), "error", "errors"),
        (report.count(Severity::Warning), "warning", "warnings"),
        (report.count(Severity::Info), "note", "notes"),
    ];
    let told: Vec<_> = counted
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, one, several)| format!("{count} {}", if count == 1 { one } else { several }))
        .collect();
    // Of the first of the worst.
    let worst = report.diagnostics.iter().map(|one| one.severity).max();
    match report.diagnostics.iter().find(|one| Some(one.severity) == worst) {
        None => "nothing found\n".to_owned(),
        Some(first) => format!(
            "{}; `viaduct explain {}` tells more\n",
            told.join(", "),
            first.diagnosis.code()
        ),
    }
}

/// Lines shown before and after the one that is meant.
const CONTEXT: usize = 1;
const MAX_NAMED: usize = 8;
