//! Workflow commands: `::error file=...,line=...::message`.

use std::fmt::Write as _;

use viaduct_config::Severity;

use super::json::Region;
use crate::Report;
use crate::mending::Mended;
use crate::source::Sources;

/// What was mended as notices, and what is left.
pub(super) fn write_mended(mended: &Mended) -> String {
    let mut text = String::new();
    for made in &mended.made {
        let place = match &made.place {
            Some((file, line)) => format!("file={},line={line},", property(file)),
            None => String::new(),
        };
        // Writing to a `String` does not fail.
        writeln!(
            text,
            "::notice {place}title={}::fixed: {}",
            property(made.code),
            data(&made.text)
        )
        .unwrap_or_default();
    }
    text.push_str(&write(&mended.report, &mended.sources));
    text
}

pub(super) fn write(report: &Report, sources: &Sources) -> String {
    let mut text = String::new();
    for diagnostic in &report.diagnostics {
        let command = match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "notice",
        };
        let place = diagnostic.place.as_ref();
        let region = place.and_then(|place| Region::at(sources, place));
        let place = region.map_or_else(String::new, |region| {
            let Region {
                file,
                line,
                column,
                end_line,
                end_column,
                ..
            } = region;
            let file = property(file);
            format!("file={file},line={line},col={column},endLine={end_line},endColumn={end_column},")
        });
        let code = diagnostic.diagnosis.code();
        let title = property(&format!("{code}: {}", diagnostic.diagnosis.entry().title));
        let mut message = format!("{}\nwhen served: {}", diagnostic.headline(), diagnostic.here);
        for help in &diagnostic.help {
            message.push_str("\nhelp: ");
            message.push_str(&help.text);
        }
        // Writing to a `String` does not fail.
        writeln!(text, "::{command} {place}title={title}::{}", data(&message)).unwrap_or_default();
    }
    text
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
