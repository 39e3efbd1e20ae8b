//! The line of a text that a message is about, for people at a terminal.

use crate::finding::Location;

/// The line and a caret below the column:
///
/// ```text
///    |
///  3 | entryPonts:
///    | ^
/// ```
/// `None` for a place that the text does not have, and for a line that looks as if it held a secret.
pub fn excerpt(text: &str, at: &Location) -> Option<String> {
    let index = usize::try_from(at.line.checked_sub(1)?).ok()?;
    let line = text.lines().nth(index)?;
    let lower = line.to_lowercase();
    if SECRETS.iter().any(|word| lower.contains(word)) || !is_configuration(line) {
        return None;
    }
    let number = at.line.to_string();
    let margin = " ".repeat(number.len());
    let column = usize::try_from(at.column.saturating_sub(1)).unwrap_or(usize::MAX);
    if column > MAX_COLUMNS {
        return None;
    }
    let shown: String = line
        .chars()
        .take(MAX_COLUMNS)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let caret = " ".repeat(column.min(shown.chars().count()));
    Some(format!(" {margin} |\n {number} | {shown}\n {margin} | {caret}^"))
}

/// Not the middle of a PEM, whose only punctuation of YAML and TOML is `=` at its end.
fn is_configuration(line: &str) -> bool {
    line.trim_end()
        .trim_end_matches('=')
        .contains([':', '=', '[', '{', '}', ']', ' ', '\t', '"'])
}

/// Lines with one of these are not shown.
const SECRETS: [&str; 8] = [
    "password",
    "secret",
    "token",
    "private key",
    "authorization",
    "hmac",
    "key:",
    "key =",
];
const MAX_COLUMNS: usize = 120;
