//! The catalogue as text.

use std::fmt::Write as _;

use viaduct_config::Severity;

use super::{Diagnosis, Entry};

/// `docs/reference/diagnostics.md`.
pub fn page() -> String {
    let mut page = String::from(HEAD);
    for diagnosis in Diagnosis::ALL {
        let entry = diagnosis.entry();
        let anchor = entry.code.to_lowercase();
        put(
            &mut page,
            format_args!(
                "| [`{}`](#{anchor}) | {} | {} |\n",
                entry.code,
                severity(entry.severity),
                entry.title
            ),
        );
    }
    for diagnosis in Diagnosis::ALL {
        section(&mut page, diagnosis.entry());
    }
    page
}

fn section(page: &mut String, entry: &Entry) {
    let Entry { code, title, why, .. } = entry;
    put(page, format_args!("\n## {code}\n\n**{title}.** {why}\n\n"));
    for (heading, told) in entry.consequences() {
        put(page, format_args!("- *{heading}:* {told}\n"));
    }
    let (example, output) = (entry.example.trim_end(), entry.output.trim_end());
    put(
        page,
        format_args!("\n```yaml\n{example}\n```\n\n```text\n{output}\n```\n"),
    );
}

/// Writing to a `String` does not fail.
fn put(page: &mut String, text: std::fmt::Arguments<'_>) {
    page.write_fmt(text).unwrap_or_default();
}

pub(super) const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

const HEAD: &str = "# Diagnostics

What `viaduct check` can say, each with the code that `viaduct explain CODE` takes. An *error* takes something out of
service, a *warning* weakens a bridge or is probably not what was meant, a *note* is worth knowing. Of an entry the
severity may differ where the consequence does. Each example is a test: the text below it is what is printed, with the
objects of `crates/check/catalogue/around.yaml` beside it. Reasons why a bridge fails while it is in use are in
[faults.md](faults.md).

| Code | Severity | |
|---|---|---|
";
