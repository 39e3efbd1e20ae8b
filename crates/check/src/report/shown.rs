//! A file's text as it may be shown: with every secret covered, each byte where it was (R24).

use crate::source::{File, Is};

/// The text of some lines (from 0), covered.
pub(super) fn lines(file: &File, first: usize, last: usize) -> String {
    let range = file.line_start(first)..file.line_start(last + 1);
    let mut shown = String::with_capacity(range.len());
    for line in first..=last.min(file.line_count().saturating_sub(1)) {
        let text = file.text.get(file.line_start(line)..file.line_start(line + 1));
        cover(text.unwrap_or_default(), is_data(file, line), &mut shown);
    }
    shown
}

/// Whether a line is in the data of a Secret.
fn is_data(file: &File, line: usize) -> bool {
    if file.line_text(line).starts_with("---") {
        return false;
    }
    let number = u32::try_from(line + 1).unwrap_or(u32::MAX);
    let Some(part) = file.part_at(number) else {
        // It cannot be read; a Secret's data may be anywhere in it.
        return file.text.contains("Secret");
    };
    part.is == Is::Kubernetes
        && part.root.get("kind").and_then(|kind| kind.as_str()) != Some("ConfigMap")
        && holds_data_at(&part.root, number)
}

fn holds_data_at(root: &viaduct_config::document::Node, line: u32) -> bool {
    ["data", "stringData"].into_iter().any(|name| {
        root.get(name)
            .is_some_and(|data| data.location.line <= line && !is_behind(root, name, line))
    })
}

/// Whether a line is behind the section `name`.
fn is_behind(root: &viaduct_config::document::Node, name: &str, line: u32) -> bool {
    let viaduct_config::document::Value::Mapping(entries) = &root.value else {
        return false;
    };
    let mut after = entries.iter().skip_while(|(key, _)| key.text != name).skip(1);
    after.next().is_some_and(|(next, _)| next.location.line <= line)
}

fn cover(line: &str, data: bool, shown: &mut String) {
    let (text, end) = line.split_at(line.trim_end_matches(['\n', '\r']).len());
    let value = text.find(": ").map_or(0, |colon| colon + 2);
    let (key, rest) = text.split_at(value);
    let name = key
        .trim()
        .trim_start_matches("- ")
        .trim_matches([':', ' ', '"', '\'']);
    let covered = data || is_secret_name(name) || is_secret_value(rest);
    shown.push_str(key);
    for character in rest.chars() {
        if character.is_control() {
            // One byte each in UTF-8, but for a few that are two.
            (0..character.len_utf8()).for_each(|_| shown.push(' '));
        } else if covered && !character.is_whitespace() {
            (0..character.len_utf8()).for_each(|_| shown.push('*'));
        } else {
            shown.push(character);
        }
    }
    shown.push_str(end);
}

/// Not `secretName`, which is what most findings are about.
fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["password", "token", "authorization", "hmac", "apikey", "api-key"]
        .iter()
        .any(|word| name.contains(word))
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
    use crate::source::{Sources, Text};

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
}
