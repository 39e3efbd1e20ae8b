//! Events as text: one event is one line, whatever is in it (C67).
//!
//! Names and values come from files, clients and backends. A line end among them would begin a line that nobody
//! wrote, and an escape sequence would be obeyed by the terminal.

use std::fmt::{self, Debug, Display, Write};

use tracing::Subscriber;
use tracing::field::Field;
use tracing_subscriber::Layer;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::registry::LookupSpan;
use viaduct_observe::Lines;

/// `target`: whether the module that speaks is told.
pub(super) fn layer<S>(lines: Lines, target: bool, colour: bool) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    tracing_subscriber::fmt::layer()
        .fmt_fields(debug_fn(field).delimited(" "))
        .with_target(target)
        .with_ansi(colour)
        .with_writer(move || lines.clone())
        .boxed()
}

fn field(writer: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> fmt::Result {
    if field.name() != "message" {
        if writer.has_ansi_escapes() {
            write!(writer, "\x1b[3m{}\x1b[0m\x1b[2m=\x1b[0m", field.name())?;
        } else {
            write!(writer, "{}=", field.name())?;
        }
    }
    write!(Escaping(writer), "{value:?}")
}

/// A text in one line.
pub(crate) struct OneLine<T>(pub(crate) T);

impl<T: Display> Display for OneLine<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(f), "{}", self.0)
    }
}

struct Escaping<'w, W>(&'w mut W);

impl<W: Write> Write for Escaping<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for run in text.split_inclusive(breaks_lines) {
            let Some(last) = run.chars().next_back().filter(|last| breaks_lines(*last)) else {
                self.0.write_str(run)?;
                continue;
            };
            self.0.write_str(run.strip_suffix(last).unwrap_or_default())?;
            write!(self.0, "{}", last.escape_default())?;
        }
        Ok(())
    }
}

/// Control characters, and the two separators that some readers take for line ends.
fn breaks_lines(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c67_a_text_is_one_line_and_rings_no_bell() {
        for (text, told) in [
            ("plain, ünïcode \u{1f512}", "plain, ünïcode \u{1f512}"),
            ("a\nb\r\n", "a\\nb\\r\\n"),
            ("\u{1b}[2J\u{7}\u{7f}", "\\u{1b}[2J\\u{7}\\u{7f}"),
            (
                "\u{85}\u{9b}\u{2028}x\u{2029}",
                "\\u{85}\\u{9b}\\u{2028}x\\u{2029}",
            ),
            ("", ""),
        ] {
            assert_eq!(OneLine(text).to_string(), told);
        }
    }
}
