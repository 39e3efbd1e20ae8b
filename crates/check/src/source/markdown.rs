//! Markdown: what is read of an article is its fenced blocks of YAML and JSON, each where it stands.

use viaduct_config::document::{self, Document, DocumentError, Node, Value};

/// What an article holds.
pub(super) struct Article {
    /// The text with everything but the blocks that can be read blanked out, each byte where it was.
    pub(super) read: String,
    pub(super) documents: Vec<Document>,
    /// Lines (from 0) of the fences that end the blocks; the number of lines for one without.
    pub(super) ends: Vec<usize>,
    /// One for each block that cannot be read.
    pub(super) faults: Vec<DocumentError>,
    /// Lines (from 1) and languages of blocks that could be configuration and are not read.
    pub(super) others: Vec<(usize, &'static str)>,
}

pub(super) fn is_markdown(name: &str) -> bool {
    let end = name.rsplit_once('.').map(|(_, end)| end);
    end.is_some_and(|end| {
        ["md", "markdown"]
            .iter()
            .any(|known| end.eq_ignore_ascii_case(known))
    })
}

/// Each block is read on its own: one that is broken or is no more than a part hides nothing of the others.
pub(super) fn read(name: &str, text: &str) -> Article {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut article = Article {
        read: String::with_capacity(text.len()),
        documents: Vec::new(),
        ends: Vec::new(),
        faults: Vec::new(),
        others: Vec::new(),
    };
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        blank(line, "", &mut article.read);
        at += 1;
        let Some(fence) = Fence::opening(line) else {
            continue;
        };
        let rest = lines.get(at..).unwrap_or_default();
        let length = rest
            .iter()
            .position(|line| fence.is_closed_by(line))
            .unwrap_or(rest.len());
        let block = rest.get(..length).unwrap_or_default();
        match fence.language.as_str() {
            "yaml" | "yml" | "json" => {
                // Where the fence was, a document begins.
                let blanked = article.read.len() - line.len();
                article.read.truncate(blanked);
                blank(line, SEPARATOR, &mut article.read);
                article.block(name, at, block);
                article.ends.push(at + length);
            }
            "toml" => {
                article.others.push((at, "toml"));
                block.iter().for_each(|line| blank(line, "", &mut article.read));
            }
            _ => block.iter().for_each(|line| blank(line, "", &mut article.read)),
        }
        at += length;
        if let Some(end) = lines.get(at) {
            blank(end, "", &mut article.read);
            at += 1;
        }
    }
    article
}

impl Article {
    /// The lines of a block, of which the first is line `first` (from 0).
    fn block(&mut self, name: &str, first: usize, lines: &[&str]) {
        let mut text = String::new();
        for line in lines {
            // A separator that is indented with its block would be no separator.
            if line.trim() == SEPARATOR {
                blank(line, SEPARATOR, &mut text);
            } else {
                text.push_str(line);
            }
        }
        let down = u32::try_from(first).unwrap_or(u32::MAX);
        match document::parse(name, &text) {
            Ok(mut documents) => {
                documents
                    .iter_mut()
                    .for_each(|document| shift(&mut document.root, down));
                self.documents.append(&mut documents);
                self.read.push_str(&text);
            }
            Err(mut fault) => {
                // One that is only complete with more text than there is has its fault in the last line.
                let last = u32::try_from(lines.len()).unwrap_or(u32::MAX).max(1);
                fault.location.line = fault.location.line.clamp(1, last).saturating_add(down);
                self.faults.push(fault);
                lines.iter().for_each(|line| blank(line, "", &mut self.read));
            }
        }
    }
}

/// The line that begins a block.
struct Fence {
    mark: char,
    length: usize,
    language: String,
}

impl Fence {
    fn opening(line: &str) -> Option<Self> {
        let line = line.trim();
        let mark = line.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
        let info = line.trim_start_matches(mark);
        let length = line.len() - info.len();
        // Text between backticks within a line is no block.
        if length < SEPARATOR.len() || mark == '`' && info.contains('`') {
            return None;
        }
        let language = info
            .trim_start()
            .trim_start_matches('{')
            .trim_start_matches('.')
            .split(|c: char| !c.is_ascii_alphanumeric())
            .next()
            .unwrap_or_default();
        Some(Self {
            mark,
            length,
            language: language.to_ascii_lowercase(),
        })
    }

    fn is_closed_by(&self, line: &str) -> bool {
        let line = line.trim();
        line.len() >= self.length && line.chars().all(|c| c == self.mark)
    }
}

/// A line of which `kept` is left at its begin and its end; the rest are as many spaces as it had bytes.
fn blank(line: &str, kept: &str, to: &mut String) {
    let inside = line.trim_end_matches(['\n', '\r']);
    to.push_str(kept);
    to.extend(std::iter::repeat_n(' ', inside.len().saturating_sub(kept.len())));
    to.push_str(line.get(inside.len()..).unwrap_or_default());
}

/// Moves everything in a node down. The depth of nodes is bounded.
fn shift(node: &mut Node, down: u32) {
    node.location.line = node.location.line.saturating_add(down);
    match &mut node.value {
        Value::Mapping(entries) => {
            for (key, value) in entries {
                key.location.line = key.location.line.saturating_add(down);
                shift(value, down);
            }
        }
        Value::Sequence(items) => items.iter_mut().for_each(|item| shift(item, down)),
        Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::String(_) => {}
    }
}

const SEPARATOR: &str = "---";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c18_every_byte_of_a_block_stays_where_it_was_and_nothing_else_is_left() {
        let text = "# Caf\u{e9}\r\n\n```yaml\nkind: A\n  ---\nkind: B\n```\n`a`\n~~~json title\n{}\n~~~\n```shell\nkind: C\n```\n\
                    ```yml\nkind: [\n```\n- list\n  ```yaml\n  kind: D\n";
        let article = read("a.md", text);
        assert_eq!(article.read.len(), text.len());
        let lines = |text: &str| text.lines().map(str::len).collect::<Vec<_>>();
        assert_eq!(lines(&article.read), lines(text));
        let kinds: Vec<_> = article
            .documents
            .iter()
            .map(|document| {
                let kind = document.root.get("kind").and_then(Node::as_str);
                (kind.unwrap_or_default(), document.root.location.line)
            })
            .collect();
        assert_eq!(kinds, [("A", 4), ("B", 6), ("", 10), ("D", 20)]);
        let faults: Vec<_> = article.faults.iter().map(|fault| fault.location.line).collect();
        assert_eq!(faults, [16]);
        assert!(!article.read.contains("kind: C") && !article.read.contains("kind: ["));
        let again = document::parse("a.md", &article.read).expect("what is left is YAML");
        assert_eq!(again.len(), 4);
    }
}
