//! A report as text: for people, for programs, for code scanners, for a workflow's log.

mod github;
mod human;
mod json;
mod sarif;
mod shown;

use crate::Report;
use crate::mending::Mended;
use crate::source::Sources;

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Excerpts with what is meant underlined, and the edits; with colours or without.
    Human { colours: bool },
    /// One object.
    Json,
    /// SARIF 2.1.0.
    Sarif,
    /// Workflow commands, which GitHub shows beside the lines.
    Github,
}

/// The report in the format, with a line end behind it; a report without anything may be empty.
pub fn write(report: &Report, sources: &Sources, format: Format) -> String {
    match format {
        Format::Human { colours } => human::write(report, sources, colours),
        Format::Json => json::write(report, sources),
        Format::Sarif => sarif::write(report, sources),
        Format::Github => github::write(report, sources),
    }
}

/// What was changed, and what is left. `dry`: nothing was written, and the text shows how it would be.
pub fn write_mended(mended: &Mended, dry: bool, format: Format) -> String {
    match format {
        Format::Human { colours } => human::write_mended(mended, dry, colours),
        Format::Json => json::write_mended(mended),
        Format::Sarif => sarif::write(&mended.report, &mended.sources),
        Format::Github => github::write_mended(mended),
    }
}
