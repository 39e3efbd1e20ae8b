//! The one place that prints. Results go to standard output, all that is about the run to standard
//! error. A reader that has gone away is not an error of ours.

use std::fmt::Display;
use std::io::{self, Write};

use serde::Serialize;

use crate::failure::Failure;

/// A command's result.
pub(crate) fn result(text: impl Display) {
    let mut stdout = io::stdout().lock();
    write!(stdout, "{text}")
        .and_then(|()| stdout.flush())
        .unwrap_or_default();
}

/// The same as JSON.
pub(crate) fn json(value: &impl Serialize) {
    // Of plain data, which cannot fail.
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    result(format_args!("{text}\n"));
}

/// A line about the run, whatever the log level, such as where an entry point listens.
pub(crate) fn status(text: impl Display) {
    writeln!(io::stderr().lock(), "{text}").unwrap_or_default();
}

/// Why the command failed, each cause on its own line, and how to mend it.
pub(crate) fn failure(error: &anyhow::Error) {
    let mut text = format!("error: {error}");
    for cause in error.chain().skip(1) {
        text.push_str("\n  cause: ");
        text.push_str(&cause.to_string());
    }
    let hints = error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<Failure>()?.hint_text());
    for hint in hints {
        text.push_str("\n  hint: ");
        text.push_str(hint);
    }
    status(text);
}
