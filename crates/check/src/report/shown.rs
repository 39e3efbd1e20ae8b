//! A file's text as it may be shown: with every secret covered, each byte where it was (R24).

use std::ops::Range;

use crate::edit::Edit;
use crate::mending::Mended;
use crate::source::{File, Sources, Text, is_secret_name};

/// The text of some lines (from 0), covered.
pub(super) fn lines(file: &File, first: usize, last: usize) -> String {
    let last = last.min(file.line_count().saturating_sub(1));
    range(file, file.line_start(first)..file.line_start(last + 1))
}

/// Some bytes of the text, covered.
pub(super) fn range(file: &File, bytes: Range<usize>) -> String {
    let mut shown = String::with_capacity(bytes.len());
    let mut start = bytes.start;
    let (mut line, _) = file.position(start);
    while start < bytes.end {
        let end = file.line_start(line).min(bytes.end);
        let text = file.text.get(start..end).unwrap_or_default();
        cover(file, start, text, is_data(file, line - 1), &mut shown);
        (start, line) = (end, line + 1);
    }
    shown
}

/// All edits that were made, each with what it takes out and what it puts in, covered as in the text that they make.
pub(super) fn made(mended: &Mended) -> Vec<(Edit, String, String)> {
    // Of the last file that was come to: bytes that are more, and fewer, than before.
    let (mut last, mut added, mut removed) = (None, 0, 0);
    let edits = mended.edits().into_iter();
    edits
        .filter_map(|edit| {
            if last != Some(edit.file) {
                (last, added, removed) = (Some(edit.file), 0, 0);
            }
            let (before, after) = (
                mended.before.files.get(edit.file)?,
                mended.sources.files.get(edit.file)?,
            );
            let start = edit.start + added - removed;
            added += edit.text.len();
            removed += edit.end - edit.start;
            let out = range(before, edit.start..edit.end);
            let into = range(after, start..start + edit.text.len());
            Some((edit, out, into))
        })
        .collect()
}

/// What an edit puts in, covered. `None`: there is nothing in it to cover.
pub(super) fn added(text: &str) -> Option<String> {
    // Its lines are a document of their own, if they are more than a name.
    let sources = Sources::new([Text::new("", text)]);
    let file = sources.files.first()?;
    let shown = range(file, 0..text.len());
    (shown != text).then_some(shown)
}

/// Whether a line may be in the data of a Secret, in a text that cannot be read.
fn is_data(file: &File, line: usize) -> bool {
    let number = u32::try_from(line + 1).unwrap_or(u32::MAX);
    !file.line_text(line).starts_with("---") && file.part_at(number).is_none() && file.text.contains("Secret")
}

/// `start`: where the line, or what is shown of it, begins.
fn cover(file: &File, start: usize, line: &str, data: bool, shown: &mut String) {
    let (text, end) = line.split_at(line.trim_end_matches(['\n', '\r']).len());
    let value = text.find(": ").map_or(0, |colon| colon + 2);
    let (key, rest) = text.split_at(value);
    let name = key
        .trim()
        .trim_start_matches("- ")
        .trim_matches([':', ' ', '"', '\'']);
    let covered = data || is_secret_name(name) || is_secret_value(rest);
    let mut secrets = file
        .secret
        .get(file.secret.partition_point(|bytes| bytes.end <= start)..);
    for (at, character) in text.char_indices() {
        let offset = start + at;
        let mut is_secret = covered && at >= value;
        while let Some((next, others)) = secrets.and_then(<[_]>::split_first) {
            if next.end > offset {
                is_secret |= next.start <= offset;
                break;
            }
            secrets = Some(others);
        }
        if character.is_control() && character != '\t' {
            // One byte each in UTF-8, but for a few that are two.
            (0..character.len_utf8()).for_each(|_| shown.push(' '));
        } else if is_secret && !character.is_whitespace() {
            (0..character.len_utf8()).for_each(|_| shown.push('*'));
        } else {
            shown.push(character);
        }
    }
    shown.push_str(end);
}

fn is_secret_value(value: &str) -> bool {
    let marks = [
        "-----BEGIN",
        "PRIVATE KEY",
        "$apr1$",
        "$2y$",
        "$2a$",
        "$2b$",
        "{SHA}",
        "$5$",
        "$6$",
    ];
    marks.iter().any(|mark| value.contains(mark))
        // The middle of a PEM text or of a base64 value.
        || value
            .split_whitespace()
            .any(|word| word.len() >= 60 && word.bytes().all(is_base64))
}

const fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r24_what_is_secret_is_covered_and_every_byte_stays_where_it_was() {
        let text = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata:\n  tls.key: c2VjcmV0\nother: seen\n---\n\
                    kind: IngressRoute\nspec:\n  secretName: web\n  password: h\u{e4}\n";
        let sources = Sources::new([Text::new("a.yaml", text)]);
        let file = &sources.files[0];
        let shown = lines(file, 0, file.line_count() - 1);
        assert_eq!(shown.len(), text.len());
        assert!(shown.contains("tls.key: ********\nother: seen"), "{shown}");
        assert!(shown.contains("secretName: web\n  password: ***\n"), "{shown}");
    }

    #[test]
    fn r24_secrets_are_found_in_every_style() {
        for (name, text) in [
            (
                "a.yaml",
                "kind: List\napiVersion: v1\nitems:\n- kind: Secret\n  data:\n    a: hunter2\n    b: |\n      hunter2\n      hunter2\n- kind: Secret\n  stringData: {a: hunter2, 'b': \"hunter2\"}\n",
            ),
            (
                "a.json",
                "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"data\":{\"a\":\"hunter2\",\"b\":\"hunter2\"},\"metadata\":{\"name\":\"web\"}}\n",
            ),
            (
                "a.yaml",
                "kind: Middleware\nspec:\n  headers:\n    customRequestHeaders: {Authorization: \"Bearer hunter2\", X-Api-Key: hunter2}\n",
            ),
            (
                "a.yaml",
                "http:\n  middlewares:\n    a:\n      digestAuth:\n        users: [\"hunter2:a:b\"]\n        user:\n        - hunter2:hunter2\n",
            ),
            (
                "a.yaml",
                "kind: Secret\napiVersion: v1\ndata:\n  a: &x hunter2\n  b: *x\n",
            ),
            (
                "a.yaml",
                "providers:\n  redis:\n    pasword: hunter2\n    password:\n      hunter2\n",
            ),
            ("a.yaml", "kind: Secret\ndata: [\n  a: hunter2\n"),
        ] {
            let sources = Sources::new([Text::new(name, text)]);
            let file = &sources.files[0];
            let shown = lines(file, 0, file.line_count() - 1);
            assert_eq!(shown.len(), text.len());
            assert!(!shown.contains("hunter2"), "{shown}");
            let keys = ["kind", "http", "providers"];
            assert!(keys.iter().any(|key| shown.contains(key)), "{shown}");
        }
        let name = "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"data\":{\"a\":\"x\"},\"metadata\":{\"name\":\"web\"}}";
        let sources = Sources::new([Text::new("a.json", name)]);
        assert!(lines(&sources.files[0], 0, 0).ends_with("\"metadata\":{\"name\":\"web\"}}"));
    }

    #[test]
    fn r24_what_an_edit_puts_in_is_covered_as_well() {
        assert_eq!(added("serversTransport: web\n"), None);
        assert_eq!(
            added("    headers:\n      Authorization: a b\n").as_deref(),
            Some("    headers:\n      Authorization: * *\n")
        );
        assert_eq!(
            added("  customRequestHeaders: {Authorization: \"a b\"}\n").as_deref(),
            Some("  customRequestHeaders: {Authorization: ** **}\n")
        );
    }
}
