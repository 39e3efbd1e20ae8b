//! For programs: everything that the text says, as one object.

use std::borrow::Cow;

use serde::Serialize;
use viaduct_config::Severity;

use super::shown;
use crate::Report;
use crate::diagnostic::{Diagnostic, Help};
use crate::edit::Edit;
use crate::mending::Mended;
use crate::place::Place;
use crate::source::Sources;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct All<'a> {
    diagnostics: Vec<One<'a>>,
    errors: usize,
    warnings: usize,
    notes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    fixed: Option<Vec<Fixed<'a>>>,
    /// All edits that were made, as those of the texts that were read.
    #[serde(skip_serializing_if = "Option::is_none")]
    edits: Option<Vec<Change<'a>>>,
}

/// What `--fix` has mended.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Fixed<'a> {
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    text: &'a str,
    safe: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct One<'a> {
    code: &'static str,
    title: &'static str,
    severity: &'static str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    region: Option<Region<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wanted: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    got: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<&'a str>,
    when_served: &'a str,
    in_traefik: &'static str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    affects: &'a [String],
    help: Vec<Mend<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Mend<'a> {
    text: &'a str,
    safe: bool,
    edits: Vec<Change<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Change<'a> {
    #[serde(flatten)]
    region: Region<'a>,
    replacement: Cow<'a, str>,
    /// There are secrets in it, each of which is written as asterisks: it cannot be put in as it is.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    covered: bool,
}

/// Lines and columns count from 1, columns count characters; the end is the first column behind it. Offsets count
/// bytes from 0.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Region<'a> {
    pub(super) file: &'a str,
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) end_line: usize,
    pub(super) end_column: usize,
    pub(super) start_offset: usize,
    pub(super) end_offset: usize,
}

impl<'a> Region<'a> {
    pub(super) fn of(sources: &'a Sources, index: usize, start: usize, end: usize) -> Option<Self> {
        let file = sources.files.get(index)?;
        let (line, column) = file.position(start);
        let (end_line, end_column) = file.position(end);
        Some(Self {
            file: &file.name,
            line,
            column,
            end_line,
            end_column,
            start_offset: start,
            end_offset: end,
        })
    }

    pub(super) fn at(sources: &'a Sources, place: &Place) -> Option<Self> {
        Self::of(sources, place.file, place.start, place.end)
    }
}

pub(super) fn write_mended(mended: &Mended) -> String {
    let edits = shown::made(mended);
    let fixed = mended.made.iter().map(|made| Fixed {
        code: made.code,
        subject: made.subject.as_deref(),
        file: made.place.as_ref().map(|(file, _)| file.as_str()),
        line: made.place.as_ref().map(|(_, line)| *line),
        text: &made.text,
        safe: made.safe,
    });
    let mut all = all(&mended.report, &mended.sources);
    all.fixed = Some(fixed.collect());
    all.edits = Some(
        edits
            .iter()
            .filter_map(|(edit, _, into)| {
                Some(Change {
                    region: Region::of(&mended.before, edit.file, edit.start, edit.end)?,
                    covered: *into != edit.text,
                    replacement: Cow::Borrowed(into),
                })
            })
            .collect(),
    );
    pretty(&all)
}

pub(super) fn write(report: &Report, sources: &Sources) -> String {
    pretty(&all(report, sources))
}

fn all<'a>(report: &'a Report, sources: &'a Sources) -> All<'a> {
    All {
        diagnostics: report.diagnostics.iter().map(|one| of(one, sources)).collect(),
        errors: report.count(Severity::Error),
        warnings: report.count(Severity::Warning),
        notes: report.count(Severity::Info),
        fixed: None,
        edits: None,
    }
}

/// Texts and numbers alone: there is nothing in them that JSON could not say.
pub(super) fn pretty(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

fn of<'a>(diagnostic: &'a Diagnostic, sources: &'a Sources) -> One<'a> {
    let place = diagnostic.place.as_ref();
    One {
        code: diagnostic.diagnosis.code(),
        title: diagnostic.diagnosis.entry().title,
        severity: severity(diagnostic.severity),
        message: &diagnostic.message,
        subject: diagnostic.subject.as_deref(),
        region: place.and_then(|place| Region::at(sources, place)),
        field: diagnostic.field.as_deref(),
        wanted: diagnostic.wanted.as_deref(),
        got: diagnostic.got.as_deref(),
        proof: diagnostic.proof.as_deref(),
        when_served: &diagnostic.here,
        in_traefik: diagnostic.traefik,
        affects: &diagnostic.affects,
        help: diagnostic.help.iter().map(|help| mend(help, sources)).collect(),
    }
}

fn mend<'a>(help: &'a Help, sources: &'a Sources) -> Mend<'a> {
    Mend {
        text: &help.text,
        safe: help.safe,
        edits: help
            .edits
            .iter()
            .filter_map(|edit| change(edit, sources))
            .collect(),
    }
}

fn change<'a>(edit: &'a Edit, sources: &'a Sources) -> Option<Change<'a>> {
    let shown = shown::added(&edit.text);
    Some(Change {
        region: Region::of(sources, edit.file, edit.start, edit.end)?,
        covered: shown.is_some(),
        replacement: shown.map_or(Cow::Borrowed(edit.text.as_str()), Cow::Owned),
    })
}

const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}
