//! Which values of a file are secrets: the data of Secrets, and what has the name of one (R24).

use std::ops::Range;

use viaduct_config::document::{Key, Node, Value};

use super::{File, Is};

/// The bytes of all of them, in order.
pub(super) fn values(file: &File) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let ends = file.parts.iter().skip(1).map(|part| begin(file, &part.root));
    for (part, end) in file.parts.iter().zip(ends.chain([file.text.len()])) {
        let mut looking = Looking {
            file,
            begins: Vec::new(),
            end,
            found: &mut found,
        };
        all_begins(file, &part.root, &mut looking.begins);
        looking.begins.sort_unstable();
        if part.is == Is::Kubernetes {
            looking.object(&part.root);
        }
        looking.named(&part.root, "");
    }
    found.sort_unstable_by_key(|range| (range.start, range.end));
    let mut joined: Vec<Range<usize>> = Vec::with_capacity(found.len());
    for range in found {
        match joined.last_mut().filter(|last| last.end >= range.start) {
            Some(last) => last.end = last.end.max(range.end),
            None => joined.push(range),
        }
    }
    joined
}

struct Looking<'f> {
    file: &'f File,
    /// Where the document's keys and values begin, in order.
    begins: Vec<usize>,
    /// Where the document ends.
    end: usize,
    found: &'f mut Vec<Range<usize>>,
}

impl Looking<'_> {
    /// The data of a Secret, or of each one in a list; of an object of unknown kind as well.
    fn object(&mut self, root: &Node) {
        if let Some(Value::Sequence(items)) = root.get("items").map(|items| &items.value) {
            items.iter().for_each(|item| self.object(item));
        }
        if root.get("kind").and_then(Node::as_str) == Some("ConfigMap") {
            return;
        }
        for section in ["data", "stringData"] {
            match root.get(section).map(|data| (data, &data.value)) {
                Some((_, Value::Mapping(entries))) => {
                    entries.iter().for_each(|(_, value)| self.cover(value));
                }
                Some((data, _)) => self.cover(data),
                None => {}
            }
        }
    }

    /// Values under names that secrets have. The depth of nodes is bounded.
    fn named(&mut self, node: &Node, above: &str) {
        match &node.value {
            Value::Mapping(entries) => {
                for (key, value) in entries {
                    if holds_texts(value) && (is_secret_name(&key.text) || is_of_users(key, above)) {
                        self.cover(value);
                    } else {
                        self.named(value, &key.text);
                    }
                }
            }
            Value::Sequence(items) => items.iter().for_each(|item| self.named(item, above)),
            _ => {}
        }
    }

    /// From where a value begins to where something else does.
    fn cover(&mut self, value: &Node) {
        let start = begin(self.file, value);
        let mut inside = Vec::new();
        all_begins(self.file, value, &mut inside);
        let last = inside.into_iter().max().unwrap_or(start).max(start);
        let behind = self.begins.partition_point(|begin| *begin <= last);
        let end = self.begins.get(behind).copied().unwrap_or(self.end);
        let text = self.file.text.get(start..end).unwrap_or_default();
        // A sign of the next document or item, or what closes a collection, is nobody's secret.
        let text = text
            .find("\n---")
            .map_or(text, |at| text.get(..at).unwrap_or(text));
        let text = match text.rsplit_once('\n') {
            Some((before, last)) if last.chars().all(|c| c == ' ' || c == '-') => before,
            Some(_) | None => text,
        };
        let text = text.trim_end_matches([' ', '\t', '\r', '\n', ',', '}', ']']);
        self.found.push(start..start + text.len());
    }
}

fn begin(file: &File, node: &Node) -> usize {
    file.offset_of(&node.location).unwrap_or_default()
}

fn all_begins(file: &File, node: &Node, begins: &mut Vec<usize>) {
    begins.push(begin(file, node));
    match &node.value {
        Value::Mapping(entries) => {
            for (key, value) in entries {
                begins.extend(file.offset_of(&key.location));
                all_begins(file, value, begins);
            }
        }
        Value::Sequence(items) => items.iter().for_each(|item| all_begins(file, item, begins)),
        _ => {}
    }
}

/// A text, or a list of them.
fn holds_texts(value: &Node) -> bool {
    match &value.value {
        Value::Mapping(_) | Value::Null => false,
        Value::Sequence(items) => items.iter().all(|item| !matches!(item.value, Value::Mapping(_))),
        _ => true,
    }
}

/// `users` of `basicAuth` and `digestAuth`, spelt well or not; and of what is not to be seen from a few lines.
fn is_of_users(key: &Key, above: &str) -> bool {
    let is_auth = above.is_empty() || above.to_ascii_lowercase().ends_with("auth");
    is_auth && key.text.to_ascii_lowercase().starts_with("user")
}

/// Not `secretName`, which is what most findings are about, nor `secret`, which is a name as well. What is misspelt is a
/// secret all the same.
pub(crate) fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    NAMES.iter().any(|word| name.contains(word)) || name.ends_with("secret") && name != "secret"
}

const NAMES: [&str; 13] = [
    "accesskey",
    "api-key",
    "api_key",
    "apikey",
    "authorization",
    "credential",
    "hmac",
    "passphrase",
    "passw",
    "pasw",
    "privatekey",
    "pwd",
    "token",
];
