//! Edits of a text that leave the rest of it as it is, byte for byte.
//!
//! Only block style is edited, and only entries that have their lines to themselves: where that is not so there is
//! no edit, and the help says in words what to do.

use std::ops::Range;

use viaduct_config::document::{Key, Node, Value};

use crate::place::{Field, is_in_braces};
use crate::source::{File, Form};

/// Replace these bytes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Position among the sources.
    pub file: usize,
    pub start: usize,
    pub end: usize,
    pub text: String,
}

impl Edit {
    pub(crate) fn replace(file: usize, range: Range<usize>, text: impl Into<String>) -> Self {
        Self {
            file,
            start: range.start,
            end: range.end,
            text: text.into(),
        }
    }
}

/// `text` with the edits made. `None` where two of them overlap or one is not of this text.
pub(crate) fn apply(text: &str, edits: &[Edit]) -> Option<String> {
    let mut sorted: Vec<_> = edits.iter().collect();
    sorted.sort_by_key(|edit| (edit.start, edit.end));
    let mut edited = String::with_capacity(text.len());
    let mut at = 0;
    for edit in sorted {
        if edit.end < edit.start {
            return None;
        }
        edited.push_str(text.get(at..edit.start)?);
        edited.push_str(&edit.text);
        at = edit.end;
    }
    edited.push_str(text.get(at..)?);
    Some(edited)
}

/// The edits of one file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Editor<'a> {
    pub(crate) index: usize,
    pub(crate) file: &'a File,
}

impl Editor<'_> {
    /// Another text for the scalar that a node is, or for a key.
    pub(crate) fn rename_key(&self, key: &Key, to: &str) -> Option<Edit> {
        let range = self.file.token(&key.location)?;
        Some(self.instead(range, to))
    }

    pub(crate) fn set(&self, value: &Node, to: &str) -> Option<Edit> {
        if matches!(value.value, Value::Mapping(_) | Value::Sequence(_) | Value::Null) {
            return None;
        }
        let range = self.file.token(&value.location)?;
        Some(self.instead(range, to))
    }

    /// Another text for a scalar, as text whatever it looks like.
    pub(crate) fn set_text(&self, value: &Node, to: &str) -> Option<Edit> {
        let range = self.file.token(&value.location)?;
        Some(Edit::replace(self.index, range, format!("\"{to}\"")))
    }

    /// Whether a mapping is written in braces.
    pub(crate) fn is_flow(&self, root: &Node) -> bool {
        let Value::Mapping(entries) = &root.value else {
            return true;
        };
        entries.first().is_none_or(|(first, _)| !self.begins_entry(first))
    }

    /// The lines of an entry that begins its first one, as if it began at the margin.
    pub(crate) fn entry_text(&self, key: &Key) -> Option<Vec<String>> {
        let own = self.own_lines(key)?;
        let margin = usize::try_from(key.location.column).ok()?.checked_sub(1)?;
        let text = own.map(|line| {
            self.file
                .line_text(line)
                .get(margin..)
                .unwrap_or_default()
                .to_owned()
        });
        Some(text.collect())
    }

    /// What stood in quotes stays in quotes: names need no escapes in them.
    fn instead(&self, range: Range<usize>, to: &str) -> Edit {
        let written = self.file.text.get(range.clone()).unwrap_or_default();
        let quote = written.chars().next().filter(|first| matches!(first, '"' | '\''));
        let text = match quote {
            Some(quote) => format!("{quote}{to}{quote}"),
            None => to.to_owned(),
        };
        Edit::replace(self.index, range, text)
    }

    /// TOML has no indentation that says what belongs to what.
    const fn has_lines(&self) -> bool {
        !matches!(self.file.form, Form::Toml)
    }

    /// Takes a field out, with its lines. A mapping with nothing else is left empty, and not without a value.
    pub(crate) fn remove(&self, root: &Node, path: &str) -> Option<Edit> {
        let key = Field::in_blocks(self.file, root, path)?.key?;
        let parent = parent(path);
        let around = Field::at(root, parent)?.value;
        if !parent.is_empty() && matches!(&around.value, Value::Mapping(entries) if entries.len() == 1) {
            return self.empty(root, parent);
        }
        let lines = self.own_lines(key)?;
        Some(Edit::replace(self.index, self.bytes(&lines), ""))
    }

    /// Adds lines at the end of the mapping at `path`, which has to be there. The lines are indented as if the
    /// mapping began at the margin.
    pub(crate) fn append(&self, root: &Node, path: &str, lines: &[String]) -> Option<Edit> {
        let mapping = Field::in_blocks(self.file, root, path)?.value;
        let Value::Mapping(entries) = &mapping.value else {
            return None;
        };
        if entries.is_empty() {
            return self.fill(root, path, lines);
        }
        if is_in_braces(self.file, mapping) {
            return None;
        }
        let (last, _) = entries.last()?;
        let (first, _) = entries.first()?;
        // Merge keys bring entries from elsewhere; a flow mapping has no lines.
        if !self.has_lines()
            || first.location.column != last.location.column
            || !self.begins_entry(first)
            || !self.begins_entry(last)
        {
            return None;
        }
        let end = self.entry_lines(last)?.end;
        Some(self.insert(end, last.location.column, lines))
    }

    /// `key: {}` with lines below it instead of the braces.
    fn fill(&self, root: &Node, path: &str, lines: &[String]) -> Option<Edit> {
        let Field { key, value } = Field::at(root, path)?;
        let key = key.filter(|key| self.has_lines() && self.begins_entry(key))?;
        let start = self.file.offset_of(&value.location)?;
        let text = &self.file.text;
        if !text.get(start..)?.starts_with("{}") {
            return None;
        }
        let margin = " ".repeat(usize::try_from(key.location.column).ok()? + 1);
        let lines = lines
            .iter()
            .map(|line| format!("{}{margin}{line}", self.file.line_end));
        let begin = text.get(..start)?.trim_end().len();
        Some(Edit::replace(
            self.index,
            begin..start + 2,
            lines.collect::<String>(),
        ))
    }

    /// Adds lines in front of the first key of a mapping.
    pub(crate) fn prepend(&self, root: &Node, lines: &[String]) -> Option<Edit> {
        let Value::Mapping(entries) = &root.value else {
            return None;
        };
        let (first, _) = entries.first().filter(|_| !is_in_braces(self.file, root))?;
        let line = line_of(first)?;
        (self.is_alone(first) && self.has_lines()).then(|| self.insert(line, first.location.column, lines))
    }

    /// Moves a field to another path of the same object, making the mappings on the way.
    pub(crate) fn move_field(&self, root: &Node, from: &str, to: &str) -> Option<Vec<Edit>> {
        let key = Field::in_blocks(self.file, root, from)?.key?;
        if Field::at(root, to).is_some() {
            return None;
        }
        let own = self.own_lines(key)?;
        let mut moved = self.entry_text(key)?;
        let (mut parent, name) = to.rsplit_once('.')?;
        if name != key.text {
            let first = moved.first_mut()?;
            *first = format!("{name}{}", first.strip_prefix(&key.text)?);
        }
        while Field::at(root, parent).is_none() {
            let (around, section) = parent.rsplit_once('.')?;
            moved = std::iter::once(format!("{section}:"))
                .chain(moved.into_iter().map(|line| format!("  {line}")))
                .collect();
            parent = around;
        }
        let added = self.append(root, parent, &moved)?;
        let removed = Edit::replace(self.index, self.bytes(&own), "");
        // What is taken out may not be where the rest goes.
        (added.start <= removed.start || added.start >= removed.end).then(|| vec![removed, added])
    }

    /// A document behind the last one of the file; of Markdown, behind the last one of the block that `root` is in.
    pub(crate) fn append_document(&self, root: &Node, document: &str) -> Option<Edit> {
        if !self.has_lines() {
            return None;
        }
        let text = &self.file.text;
        let end = match self.file.form {
            Form::Markdown { .. } => {
                let line = usize::try_from(root.location.line).ok()?;
                self.file.line_start(self.file.block_end(line)?)
            }
            Form::Yaml | Form::Toml => text.len(),
        };
        let mut added = String::new();
        if !text.get(..end)?.ends_with('\n') {
            added.push_str(self.file.line_end);
        }
        for line in std::iter::once("---").chain(document.trim_end().lines()) {
            added.push_str(line);
            added.push_str(self.file.line_end);
        }
        Some(Edit::replace(self.index, end..end, added))
    }

    /// Takes a whole document out, with the line that separates it from its neighbour.
    pub(crate) fn remove_document(&self, root: &Node) -> Option<Edit> {
        if !self.has_lines() || root.location.column != 1 {
            return None;
        }
        let first = usize::try_from(root.location.line.checked_sub(1)?).ok()?;
        let limit = match self.file.form {
            Form::Markdown { .. } => self.file.block_end(first + 1)?,
            Form::Yaml | Form::Toml => self.file.line_count(),
        };
        // Whatever is between them, what is another document's stays.
        let next = self.file.part_behind(root.location.line);
        let next = next.and_then(|part| usize::try_from(part.root.location.line).ok()?.checked_sub(1));
        let limit = next.map_or(limit, |next| next.min(limit));
        let separates = |line: usize| Separator::of(self.file.line_text(line));
        if (first..limit).any(|line| self.file.line_text(line).starts_with("...")) {
            return None;
        }
        let end = (first..=limit).find(|line| separates(*line).is_some() && *line < self.file.line_count());
        let before = first
            .checked_sub(1)
            .filter(|line| separates(*line) == Some(Separator::Alone));
        let lines = match end.map(|line| (line, separates(line))) {
            Some((line, Some(Separator::Alone))) if line < limit => first..line + 1,
            // What stands behind its sign belongs to the next one.
            Some((line, _)) => before.unwrap_or(first)..line,
            // One document follows another without a sign: there is nothing that says where.
            None if next.is_some_and(|next| next == limit) => return None,
            None => before.unwrap_or(first)..limit,
        };
        Some(Edit::replace(self.index, self.bytes(&lines), ""))
    }

    /// A mapping without its entries: `key: {}`.
    pub(crate) fn empty(&self, root: &Node, path: &str) -> Option<Edit> {
        let key = Field::in_blocks(self.file, root, path)?.key?;
        let lines = self.own_lines(key)?;
        let name = self.file.token(&key.location)?;
        let end = self.bytes(&lines).end;
        let ends = self.file.text.get(..end).is_some_and(|text| text.ends_with('\n'));
        let line_end = if ends { self.file.line_end } else { "" };
        Some(Edit::replace(
            self.index,
            name.end..end,
            format!(": {{}}{line_end}"),
        ))
    }

    fn insert(&self, line: usize, column: u32, lines: &[String]) -> Edit {
        let at = self.file.line_start(line);
        let margin = " ".repeat(usize::try_from(column.saturating_sub(1)).unwrap_or_default());
        // As the other lines end.
        let end = self.file.line_end;
        let is_last = at == self.file.text.len() && !self.file.text.ends_with('\n');
        let lines = lines.iter().map(|line| {
            if is_last {
                format!("{end}{margin}{line}")
            } else {
                format!("{margin}{line}{end}")
            }
        });
        let text: String = lines.collect();
        Edit::replace(self.index, at..at, text)
    }

    /// The lines of an entry that begins its first one.
    fn own_lines(&self, key: &Key) -> Option<Range<usize>> {
        if self.has_lines() && self.is_alone(key) {
            self.entry_lines(key)
        } else {
            None
        }
    }

    /// From the key's line to the last one that is indented more, or is an item of its list.
    fn entry_lines(&self, key: &Key) -> Option<Range<usize>> {
        let first = line_of(key)?;
        let margin = usize::try_from(key.location.column).ok()?.checked_sub(1)?;
        let mut end = first + 1;
        for line in first + 1..self.file.line_count() {
            let text = self.file.line_text(line);
            let inside = text.trim_start();
            let indented = text.len() - inside.len();
            // A comment that is indented as much as the entry may be about the next one; one that is indented more may
            // be none, but the end of a text.
            if inside.is_empty() || inside.starts_with('#') && indented <= margin {
                continue;
            }
            let is_item =
                indented == margin && (inside == "-" || inside.starts_with("- ")) && self.is_alone(key);
            if indented <= margin && !is_item || text.starts_with("---") || text.starts_with("...") {
                break;
            }
            end = line + 1;
        }
        Some(first..end)
    }

    fn bytes(&self, lines: &Range<usize>) -> Range<usize> {
        self.file.line_start(lines.start)..self.file.line_start(lines.end)
    }

    /// Nothing but blanks before the key.
    fn is_alone(&self, key: &Key) -> bool {
        self.before(key).is_some_and(|before| before.trim().is_empty())
    }

    /// Nothing but blanks and signs of list items before the key.
    fn begins_entry(&self, key: &Key) -> bool {
        self.before(key)
            .is_some_and(|before| before.chars().all(|c| c == ' ' || c == '-'))
    }

    fn before(&self, key: &Key) -> Option<&str> {
        let start = self.file.line_start(line_of(key)?);
        self.file.text.get(start..self.file.offset_of(&key.location)?)
    }
}

/// What begins a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Separator {
    Alone,
    /// With a comment, or the begin of the document, behind it.
    WithMore,
}

impl Separator {
    fn of(line: &str) -> Option<Self> {
        let behind = line.strip_prefix("---")?;
        if behind.trim_matches([' ', '\t']).is_empty() {
            Some(Self::Alone)
        } else {
            behind.starts_with([' ', '\t']).then_some(Self::WithMore)
        }
    }
}

/// `spec.tls` of `spec.tls.options`, `metadata.annotations` of `metadata.annotations[a/b.c]`.
fn parent(path: &str) -> &str {
    let end = if path.ends_with(']') {
        path.rfind('[')
    } else {
        path.rfind('.')
    };
    path.get(..end.unwrap_or_default()).unwrap_or_default()
}

/// From 0.
fn line_of(key: &Key) -> Option<usize> {
    usize::try_from(key.location.line.checked_sub(1)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{Sources, Text};

    fn edited(text: &str, edit: impl Fn(Editor<'_>, &Node) -> Option<Vec<Edit>>) -> Option<String> {
        let sources = Sources::new([Text::new("a.yaml", text)]);
        let file = sources.files.first()?;
        let root = &file.parts.first()?.root;
        let edits = edit(Editor { index: 0, file }, root)?;
        apply(text, &edits)
    }

    #[test]
    fn c4_a_field_moves_with_its_lines_and_the_rest_stays_as_it_is() {
        let text = "kind: X   # why\nspec:\n  routes:\n  - match: a\n    secretName: web # here\n\n# end\n";
        let moved = edited(text, |editor, root| {
            editor.move_field(root, "spec.routes[0].secretName", "spec.tls.secretName")
        });
        assert_eq!(
            moved.as_deref(),
            Some(
                "kind: X   # why\nspec:\n  routes:\n  - match: a\n  tls:\n    secretName: web # here\n\n# end\n"
            )
        );
    }

    #[test]
    fn c18_braces_with_nothing_in_them_are_filled() {
        let moved = edited("kind: X\nspec:\n  a: 1\n  tls: {}\n", |editor, root| {
            editor.move_field(root, "spec.a", "spec.tls.a")
        });
        assert_eq!(moved.as_deref(), Some("kind: X\nspec:\n  tls:\n    a: 1\n"));
    }

    #[test]
    fn c18_a_file_without_a_last_line_end_keeps_none() {
        let text = "kind: X\nspec:\n  a: 1";
        let added = edited(text, |editor, root| {
            Some(vec![editor.append(root, "spec", &["b: 2".to_owned()])?])
        });
        assert_eq!(added.as_deref(), Some("kind: X\nspec:\n  a: 1\n  b: 2"));
    }

    #[test]
    fn c18_flow_style_and_the_first_key_of_an_item_are_left_alone() {
        let remove =
            |text: &str, path: &str| edited(text, |editor, root| Some(vec![editor.remove(root, path)?]));
        assert_eq!(remove("kind: X\nspec: {a: 1, b: 2}\n", "spec.a"), None);
        assert_eq!(remove("kind: X\nspec:\n- a: 1\n  b: 2\n", "spec[0].a"), None);
        assert_eq!(
            remove("kind: X\nspec:\n- a: 1\n  b:\n  - 2\n  c: 3\n", "spec[0].b").as_deref(),
            Some("kind: X\nspec:\n- a: 1\n  c: 3\n")
        );
    }

    #[test]
    fn c18_quotes_and_line_ends_are_those_of_the_file() {
        let text = "{\"kind\": \"X\", \"spec\": {\"name\": \"old\"}}";
        let set = edited(text, |editor, root| {
            Some(vec![editor.set(Field::at(root, "spec.name")?.value, "new")?])
        });
        assert_eq!(set.as_deref(), Some(&*text.replace("old", "new")));
        let added = edited("kind: X\r\nspec:\r\n  a: 1\r\n", |editor, root| {
            Some(vec![editor.append(root, "spec", &["b: 2".to_owned()])?])
        });
        assert_eq!(added.as_deref(), Some("kind: X\r\nspec:\r\n  a: 1\r\n  b: 2\r\n"));
    }

    #[test]
    fn c18_every_edit_ends_lines_as_the_file_does() {
        let windows = "kind: X\r\nspec:\r\n  a:\r\n    b: 1\r\n";
        let mixed = "kind: X\nspec:\n  a:\n    b: 1\r\n";
        for (text, end) in [(windows, "\r\n"), (mixed, "\n")] {
            let emptied = edited(text, |editor, root| Some(vec![editor.empty(root, "spec.a")?]));
            let before = text.split_once("    b: 1").map(|(before, _)| before);
            let before = before.and_then(|before| before.strip_suffix(&format!(":{end}")));
            assert_eq!(emptied, before.map(|before| format!("{before}: {{}}{end}")));
            let added = edited(text, |editor, root| {
                Some(vec![editor.append_document(root, "kind: Y\nspec: 2\n")?])
            });
            let added = added.unwrap_or_default();
            assert_eq!(added, format!("{text}---{end}kind: Y{end}spec: 2{end}"));
            let moved = edited(text, |editor, root| {
                editor.move_field(root, "spec.a.b", "spec.c.b")
            });
            let before = text.split_once("    b: 1").map(|(before, _)| before.to_owned());
            assert_eq!(
                moved,
                before.map(|before| format!("{before}  c:{end}    b: 1{end}"))
            );
        }
    }

    #[test]
    fn c18_an_edit_that_breaks_the_file_is_not_made() {
        let text = Text::new("a.yaml", "kind: X\nspec: 1\n");
        let edit = |start| Edit::replace(0, start..7, "Y");
        let mended = |start| Sources::mended(&text, &[edit(start)]).map(|mended| mended.text);
        assert_eq!(mended(5), None, "a key without its value");
        assert_eq!(mended(6).as_deref(), Some("kind: Y\nspec: 1\n"));
    }

    #[test]
    fn c18_a_document_goes_with_its_separator() {
        let out = |text: &str| edited(text, |editor, root| Some(vec![editor.remove_document(root)?]));
        assert_eq!(out("a: 1\nb: 2\n---\nc: 3\n").as_deref(), Some("c: 3\n"));
        assert_eq!(out("# why\n---\na: 1\n").as_deref(), Some("# why\n"));
        assert_eq!(out("a: 1\n").as_deref(), Some(""));
    }

    #[test]
    fn c18_toml_is_not_edited_as_if_it_were_yaml() {
        let sources = Sources::new([Text::new(
            "a.toml",
            "[http.services.a.loadBalancer]\nstrategy = 'wrr'\n",
        )]);
        let file = &sources.files[0];
        let (editor, root) = (Editor { index: 0, file }, &file.parts[0].root);
        let path = "http.services.a.loadBalancer";
        assert_eq!(editor.append(root, path, &["b: 1".to_owned()]), None);
        assert_eq!(editor.remove(root, "http.services.a.loadBalancer.strategy"), None);
        let set = Field::at(root, "http.services.a.loadBalancer.strategy")
            .and_then(|field| editor.set(field.value, "hrw"));
        assert_eq!(set.map(|edit| edit.text).as_deref(), Some("'hrw'"));
    }

    #[test]
    fn c18_of_markdown_the_block_is_edited() {
        let text = "# a\n```yaml\nkind: X\n```\nend\n";
        let sources = Sources::new([Text::new("a.md", text)]);
        let file = &sources.files[0];
        let editor = Editor { index: 0, file };
        let added = editor
            .append_document(&file.parts[0].root, "kind: Y\n")
            .expect("an edit");
        let added = apply(text, &[added]);
        assert_eq!(
            added.as_deref(),
            Some("# a\n```yaml\nkind: X\n---\nkind: Y\n```\nend\n")
        );
        let removed = editor.remove_document(&file.parts[0].root).expect("an edit");
        assert_eq!(
            apply(text, &[removed]).as_deref(),
            Some("# a\n```yaml\n```\nend\n")
        );
    }

    #[test]
    fn c18_a_byte_order_mark_stays_in_front() {
        let added = edited("\u{feff}spec: 1\n", |editor, root| {
            Some(vec![editor.prepend(root, &["kind: X".to_owned()])?])
        });
        assert_eq!(added.as_deref(), Some("\u{feff}kind: X\nspec: 1\n"));
    }

    #[test]
    fn c18_edits_that_overlap_are_not_made() {
        let edit = |start, end| Edit {
            file: 0,
            start,
            end,
            text: String::new(),
        };
        assert_eq!(apply("abcdef", &[edit(0, 3), edit(2, 4)]), None);
        assert_eq!(apply("abcdef", &[edit(0, 9)]), None);
        assert_eq!(apply("abcdef", &[edit(4, 5), edit(0, 2)]).as_deref(), Some("cdf"));
    }
}
