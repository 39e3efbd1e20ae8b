//! For people at a terminal. The excerpts are drawn by `annotate-snippets`, which draws rustc's.

use annotate_snippets::{
    AnnotationKind, Group, Level, Origin, Patch, Renderer, Snippet, normalize_untrusted_str,
};
use viaduct_config::Severity;

use super::shown;
use crate::Report;
use crate::diagnostic::{Diagnostic, Help};
use crate::edit::Edit;
use crate::mending::{Made, Mended, Which};
use crate::place::Place;
use crate::source::{File, Sources};

/// What was changed first, then what is left for a person.
pub(super) fn write_mended(mended: &Mended, dry: bool, colours: bool) -> String {
    let mut text = String::new();
    let (count, files) = (mended.made.len(), mended.changed.len());
    if count == 0 {
        text.push_str("nothing to fix\n");
    } else {
        let of = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
        let did = if dry { "would fix" } else { "fixed" };
        text.push_str(&format!(
            "{did} {} in {}:\n",
            of(count, "mistake"),
            of(files, "file")
        ));
    }
    for Made {
        code,
        place,
        subject,
        text: what,
        ..
    } in &mended.made
    {
        let place = match place {
            Some((file, line)) => format!("{file}:{line}: "),
            None => String::new(),
        };
        let subject = subject
            .as_ref()
            .map_or_else(String::new, |subject| format!("{subject}: "));
        text.push_str(&normalize_untrusted_str(&format!(
            "  {place}{code}: {subject}{what}"
        )));
        text.push('\n');
    }
    if dry && count > 0 {
        text.push('\n');
        text.push_str(&patches(mended));
    }
    if mended.report.diagnostics.is_empty() {
        text.push_str("\nnothing is left\n");
    } else {
        text.push_str("\nleft for you:\n\n");
        text.push_str(&write(&mended.report, &mended.sources, colours));
    }
    text
}

/// The texts as they would be: a unified difference without context.
fn patches(mended: &Mended) -> String {
    let mut text = String::new();
    let (mut last, mut shift) = (None, 0i64);
    for (edit, out, into) in shown::made(mended) {
        let Some(file) = mended.before.files.get(edit.file) else {
            continue;
        };
        if last != Some(edit.file) {
            (last, shift) = (Some(edit.file), 0);
            let name = normalize_untrusted_str(&file.name);
            text.push_str(&format!("--- {name}\n+++ {name}\n"));
        }
        let (line, _) = file.position(edit.start);
        text.push_str(&hunk(line, &out, &into, &mut shift));
    }
    text
}

/// `shift`: how many lines more there are so far.
fn hunk(line: usize, removed: &str, added: &str, shift: &mut i64) -> String {
    let (out, into) = (removed.lines().count(), added.lines().count());
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    // Of nothing it is the line before that is named.
    let begin = |count: usize, line: i64| if count == 0 { line - 1 } else { line };
    let old = begin(out, count(line));
    let new = begin(into, count(line) + *shift);
    *shift += count(into) - count(out);
    let mut text = format!("@@ -{old},{out} +{new},{into} @@\n");
    for (sign, lines) in [('-', removed), ('+', added)] {
        for line in lines.split_inclusive('\n') {
            text.push(sign);
            text.push_str(&as_written(line));
        }
    }
    text
}

/// A line as `patch` wants it: with its own end and its tabs, and nothing else that a terminal would obey.
fn as_written(line: &str) -> String {
    let inside = line.strip_suffix('\n').unwrap_or(line);
    let text = inside.strip_suffix('\r').unwrap_or(inside);
    let mut written = text
        .split('\t')
        .map(normalize_untrusted_str)
        .collect::<Vec<_>>()
        .join("\t");
    if text.len() < inside.len() {
        written.push('\r');
    }
    written.push('\n');
    if inside.len() == line.len() {
        written.push_str("\\ No newline at end of file\n");
    }
    written
}

const fn renderer(colours: bool) -> Renderer {
    if colours {
        Renderer::styled()
    } else {
        Renderer::plain()
    }
}

pub(super) fn write(report: &Report, sources: &Sources, colours: bool) -> String {
    let renderer = renderer(colours);
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
    notes.extend(diagnostic.proof.clone());
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
        let is_behind = edit.start == file.text.len() && edit.end == edit.start && edit.start > base;
        let last_end = file.text.len() - file.text.trim_end_matches('\n').trim_end_matches('\r').len();
        if is_behind && last_end > 0 && last_end <= 2 {
            // Behind the last line it is drawn as if it were part of it.
            let start = edit.start - last_end - base;
            let text = shown::added(&edit.text).unwrap_or_else(|| edit.text.clone());
            let text = format!("{}{}", file.line_end, text.trim_end_matches(['\n', '\r']));
            snippet = snippet.patch(Patch::new(start..start, text));
        } else {
            let text = shown::added(&edit.text).unwrap_or_else(|| edit.text.clone());
            snippet = snippet.patch(Patch::new(edit.start - base..edit.end - base, text));
        }
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
            "{}; `viaduct explain {}` tells more{}\n",
            told.join(", "),
            first.diagnosis.code(),
            offered(report)
        ),
    }
}

/// How many of them edits mend.
fn offered(report: &Report) -> String {
    match (report.mendable(Which::Safe), report.mendable(Which::All)) {
        (_, 0) => String::new(),
        (safe, all) if safe == all => format!("; `--fix` mends {all}"),
        (0, all) => format!("; `--fix=all` mends {all}"),
        (safe, all) => format!("; `--fix` mends {safe}, `--fix=all` {all}"),
    }
}

/// Lines shown before and after the one that is meant.
const CONTEXT: usize = 1;
const MAX_NAMED: usize = 8;
