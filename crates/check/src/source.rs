//! The texts that are looked at, and what each of their documents is: that is told by its content, not by the
//! file's name. Of Markdown the fenced blocks of YAML and JSON are read.

mod markdown;
mod secret;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use viaduct_config::document::{self, DocumentError, Node, Value};
use viaduct_config::install::options;
use viaduct_config::{Install, Location};

use crate::catalogue::Diagnosis;
use crate::diagnostic::{Diagnostic, Help};
use crate::edit::{Edit, apply};
use crate::place::Place;
pub(crate) use secret::is_secret_name;

/// A text and the name that places in it begin with.
#[derive(Debug, Clone)]
pub struct Text {
    pub name: String,
    pub text: String,
    /// Why none of it is read.
    pub unreadable: Option<Unreadable>,
}

/// What is wrong with the bytes of a file.
#[derive(Debug, Clone)]
pub struct Unreadable {
    /// Where it begins in the text.
    pub offset: usize,
    pub message: String,
}

impl Text {
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            text: text.into(),
            unreadable: None,
        }
    }

    /// Bytes that should be UTF-8.
    pub fn from_bytes(name: impl Into<String>, bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => Self::new(name, text),
            Err(error) => {
                let offset = error.utf8_error().valid_up_to();
                let byte = error.as_bytes().get(offset).copied().unwrap_or_default();
                Self {
                    unreadable: Some(Unreadable {
                        offset,
                        message: format!(
                            "the file is not UTF-8: byte {byte:#04x}, {offset} bytes from its begin"
                        ),
                    }),
                    ..Self::new(name, String::from_utf8_lossy(error.as_bytes()))
                }
            }
        }
    }
}

/// All texts of one check, read.
#[derive(Debug)]
pub struct Sources {
    pub(crate) files: Vec<File>,
}

#[derive(Debug)]
pub(crate) struct File {
    pub(crate) name: Arc<str>,
    pub(crate) text: String,
    /// As most lines end.
    pub(crate) line_end: &'static str,
    /// Offsets of the lines' first bytes; a byte order mark is in front of the first line.
    lines: Vec<usize>,
    /// Of long lines, by their first byte: where every so many characters begin.
    columns: HashMap<usize, Vec<usize>>,
    pub(crate) parts: Vec<Part>,
    /// Bytes of lines with something that an alias stands for as well; in order.
    shared: Vec<Range<usize>>,
    /// Bytes of values that are not shown, in order (R24).
    pub(crate) secret: Vec<Range<usize>>,
    /// Why there are no parts; of Markdown, why there are not more.
    faults: Vec<DocumentError>,
    pub(crate) form: Form,
}

/// How a file is written.
#[derive(Debug)]
pub(crate) enum Form {
    /// JSON, too.
    Yaml,
    Toml,
    Markdown {
        /// The text with all but its blocks blanked out.
        read: String,
        /// Lines (from 0) that end its blocks.
        ends: Vec<usize>,
        /// Lines and languages of blocks that are not read.
        others: Vec<(usize, &'static str)>,
    },
}

/// A document of a file.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) is: Is,
    pub(crate) root: Node,
}

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Is {
    Kubernetes,
    /// Routers, services and so on, as the file provider reads them.
    Dynamic,
    /// Options of the process.
    Install,
    /// One file for both.
    InstallAndDynamic,
    /// Fields of an object, without the object.
    Fragment,
    Other,
}

impl Is {
    pub(crate) const fn is_dynamic(self) -> bool {
        matches!(self, Self::Dynamic | Self::InstallAndDynamic)
    }

    pub(crate) const fn is_install(self) -> bool {
        matches!(self, Self::Install | Self::InstallAndDynamic)
    }
}

impl Sources {
    pub fn new(texts: impl IntoIterator<Item = Text>) -> Self {
        Self {
            files: texts.into_iter().map(File::new).collect(),
        }
    }

    /// The first install configuration among them that may be used: what it says of entry points and providers
    /// holds for all the rest.
    pub fn install(&self) -> Option<Install> {
        let files = self.files.iter().filter(|file| file.has(Is::is_install));
        let mut texts = files.flat_map(|file| {
            let texts = file.texts(Is::is_install).0.into_iter();
            texts.map(|text| (&file.name, text))
        });
        texts.find_map(|(name, text)| {
            let loaded = viaduct_config::install::from_file(name, &text);
            loaded.ok().map(|loaded| loaded.install)
        })
    }

    /// The name of the text at a position.
    pub fn name(&self, index: usize) -> Option<&str> {
        self.files.get(index).map(|file| &*file.name)
    }

    /// `text` with the edits made, where that can be read afterwards: an edit may not break a file.
    pub fn mended(text: &Text, edits: &[Edit]) -> Option<Text> {
        let mended = Text::new(text.name.clone(), apply(&text.text, edits)?);
        let broken = |text: &Text| File::new(text.clone()).faults.len();
        // Markdown may have had blocks before that cannot be read.
        let before = if markdown::is_markdown(&text.name) {
            broken(text)
        } else {
            0
        };
        (broken(&mended) <= before).then_some(mended)
    }

    /// Whether an edit is about lines that several places share, by anchor and alias: it would change all of them.
    pub(crate) fn is_shared(&self, edit: &Edit) -> bool {
        let Some(file) = self.files.get(edit.file) else {
            return false;
        };
        let behind = file.shared.partition_point(|lines| lines.end < edit.start);
        file.shared
            .get(behind)
            .is_some_and(|lines| lines.start <= edit.end)
    }

    pub(crate) fn file(&self, name: &str) -> Option<(usize, &File)> {
        self.files
            .iter()
            .enumerate()
            .find(|(_, file)| &*file.name == name)
    }
}

impl File {
    fn new(
        Text {
            name,
            text,
            unreadable,
        }: Text,
    ) -> Self {
        // The parsers do not count it as a column, and nothing is written in front of it.
        let mark = text.len() - text.strip_prefix('\u{feff}').unwrap_or(&text).len();
        let lines: Vec<usize> = std::iter::once(mark)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        let ends = lines.iter().skip(1).copied().chain([text.len()]);
        let long = lines
            .iter()
            .copied()
            .zip(ends)
            .filter(|(start, end)| end - start > LONG);
        let columns = long.map(|(start, end)| {
            let line = text.get(start..end).unwrap_or_default();
            let every = line.char_indices().step_by(STRIDE);
            (start, every.map(|(at, _)| start + at).collect())
        });
        let columns = columns.collect();
        let mut file = Self {
            line_end: if 2 * text.matches("\r\n").count() > text.matches('\n').count() {
                "\r\n"
            } else {
                "\n"
            },
            name: name.into(),
            text,
            lines,
            columns,
            parts: Vec::new(),
            shared: Vec::new(),
            secret: Vec::new(),
            faults: Vec::new(),
            form: Form::Yaml,
        };
        match unreadable {
            Some(unreadable) => file.faults.push(file.unreadable(unreadable)),
            None => file.parse(),
        }
        if file.text.contains('&') && file.text.contains('*') {
            file.shared = file.shared_lines();
        }
        file.secret = secret::values(&file);
        file
    }

    fn unreadable(&self, Unreadable { offset, message }: Unreadable) -> DocumentError {
        let (line, column) = self.position(offset);
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let location = Location {
            file: Arc::clone(&self.name),
            line: count(line),
            column: count(column),
        };
        DocumentError { location, message }
    }

    fn parse(&mut self) {
        let is_toml = self
            .name
            .rsplit_once('.')
            .is_some_and(|(_, end)| end.eq_ignore_ascii_case("toml"));
        let parsed = if is_toml {
            self.form = Form::Toml;
            document::parse_toml(&self.name, &self.text).map(|document| vec![document])
        } else if markdown::is_markdown(&self.name) {
            let article = markdown::read(&self.name, &self.text);
            self.faults = article.faults;
            self.form = Form::Markdown {
                read: article.read,
                ends: article.ends,
                others: article.others,
            };
            Ok(article.documents)
        } else {
            document::parse(&self.name, &self.text)
        };
        match parsed {
            Ok(documents) => self.parts = documents.into_iter().map(|one| Part::new(one.root)).collect(),
            Err(fault) => self.faults.push(fault),
        }
    }

    fn shared_lines(&self) -> Vec<Range<usize>> {
        let mut places = Vec::new();
        self.parts
            .iter()
            .for_each(|part| all_places(&part.root, &mut places));
        places.sort_unstable();
        let twice = places.windows(2).filter_map(|pair| match pair {
            [one, other] if one == other => Some(*one),
            _ => None,
        });
        let lines = twice.filter_map(|(line, column)| {
            let start = self.offset(line, column)?;
            Some(start..self.line_start(usize::try_from(line).ok()?))
        });
        let mut lines: Vec<_> = lines.collect();
        lines.dedup_by_key(|lines| lines.end);
        lines
    }

    /// What the parsers are given.
    fn read(&self) -> &str {
        match &self.form {
            Form::Yaml | Form::Toml => &self.text,
            Form::Markdown { read, .. } => read,
        }
    }

    /// The file has no documents, as it cannot be read.
    fn is_broken(&self) -> bool {
        !self.faults.is_empty() && !matches!(self.form, Form::Markdown { .. })
    }

    pub(crate) fn has(&self, what: impl Fn(Is) -> bool) -> bool {
        self.parts.iter().any(|part| what(part.is))
    }

    /// Whether the file provider has to say what it is: templates are no documents before they are rendered.
    pub(crate) fn is_template(&self) -> bool {
        self.is_broken() && self.text.contains("{{") && !self.is_chart_template()
    }

    /// A template of Kubernetes objects, which somebody else has to render.
    fn is_chart_template(&self) -> bool {
        self.is_broken()
            && self.text.contains("{{")
            && (self.text.lines().any(|line| line.starts_with("kind:"))
                || CHARTS.iter().any(|mark| self.text.contains(mark)))
    }

    /// The text with every document blanked out that is something else; places stay what they are.
    pub(crate) fn only(&self, what: impl Fn(Is) -> bool) -> String {
        let text = self.read();
        if self.parts.iter().all(|part| what(part.is)) {
            return text.to_owned();
        }
        let mut kept = String::with_capacity(self.text.len());
        let mut keep = false;
        let mut parts = self.parts.iter().peekable();
        for (number, line) in (1u32..).zip(text.split_inclusive('\n')) {
            // Comments in front of a document belong to the one before: they are nobody's.
            let next = parts.next_if(|part| part.root.location.line <= number);
            if let Some(part) = next {
                keep = what(part.is);
            }
            if keep || line.starts_with("---") {
                kept.push_str(line);
            } else {
                kept.push('\n');
            }
        }
        kept
    }

    /// The texts with what a reader of one document reads: of Markdown each block is a file of its own. Behind them the
    /// line of the first one for which there is no room: each has the lines in front of it, so that places stay.
    pub(crate) fn texts(&self, what: impl Fn(Is) -> bool) -> (Vec<String>, Option<u32>) {
        if !self.is_markdown() {
            return (vec![self.only(what)], None);
        }
        let (mut texts, mut bytes) = (Vec::new(), 0usize);
        let nexts = self.parts.iter().skip(1).map(Some).chain([None]);
        for (part, next) in self.parts.iter().zip(nexts) {
            if !what(part.is) {
                continue;
            }
            let line = part.root.location.line;
            let first = usize::try_from(line).unwrap_or_default().saturating_sub(1);
            let end = self.block_end(first + 1).unwrap_or(self.lines.len());
            let behind = next.and_then(|next| usize::try_from(next.root.location.line).ok()?.checked_sub(1));
            let end = self.line_start(behind.map_or(end, |behind| end.min(behind)));
            let own = self.read().get(self.line_start(first)..end).unwrap_or_default();
            bytes = bytes.saturating_add(first).saturating_add(own.len());
            if bytes > MOST_COPIED {
                return (texts, Some(line));
            }
            texts.push("\n".repeat(first) + own);
        }
        (texts, None)
    }

    pub(crate) const fn is_markdown(&self) -> bool {
        matches!(self.form, Form::Markdown { .. })
    }

    /// The document that a line is in.
    pub(crate) fn part_at(&self, line: u32) -> Option<&Part> {
        let behind = self.parts.partition_point(|part| part.root.location.line <= line);
        self.parts.get(behind.checked_sub(1)?)
    }

    /// The first document that begins behind a line.
    pub(crate) fn part_behind(&self, line: u32) -> Option<&Part> {
        let behind = self.parts.partition_point(|part| part.root.location.line <= line);
        self.parts.get(behind)
    }

    /// The line (from 0) that ends the block of Markdown that a line (from 1) is in.
    pub(crate) fn block_end(&self, line: usize) -> Option<usize> {
        let Form::Markdown { ends, .. } = &self.form else {
            return None;
        };
        ends.get(ends.partition_point(|end| *end < line)).copied()
    }

    /// The byte of a place; the end of the line for a column that the line does not have.
    pub(crate) fn offset(&self, line: u32, column: u32) -> Option<usize> {
        let index = usize::try_from(line.checked_sub(1)?).ok()?;
        let line_start = *self.lines.get(index)?;
        let end = line_start + self.line_text(index).len();
        let wanted = usize::try_from(column.saturating_sub(1)).ok()?;
        let (start, more) = match self.columns.get(&line_start) {
            Some(known) => match known.get(wanted / STRIDE) {
                Some(near) => (*near, wanted % STRIDE),
                None => return Some(end),
            },
            None => (line_start, wanted),
        };
        let text = self.text.get(start..end).unwrap_or_default();
        let inside = text.char_indices().nth(more);
        Some(start + inside.map_or(text.len(), |(offset, _)| offset))
    }

    pub(crate) fn offset_of(&self, place: &Location) -> Option<usize> {
        self.offset(place.line, place.column)
    }

    /// Line and column, from 1, of a byte.
    pub(crate) fn position(&self, offset: usize) -> (usize, usize) {
        let line = self
            .lines
            .partition_point(|start| *start <= offset)
            .saturating_sub(1);
        let mut start = self.line_start(line);
        let mut column = 1;
        if let Some(known) = self.columns.get(&start) {
            let near = known.partition_point(|at| *at <= offset).saturating_sub(1);
            start = known.get(near).copied().unwrap_or(start);
            column += near * STRIDE;
        }
        let before = self.text.get(start..offset).unwrap_or_default();
        (line + 1, before.chars().count() + column)
    }

    /// The first byte of a line (from 0); the text's end behind the last one.
    pub(crate) fn line_start(&self, index: usize) -> usize {
        self.lines.get(index).copied().unwrap_or(self.text.len())
    }

    pub(crate) fn line_count(&self) -> usize {
        self.lines.len()
    }

    /// A line (from 0) without its end.
    pub(crate) fn line_text(&self, index: usize) -> &str {
        let range = self.line_start(index)..self.line_start(index + 1);
        let text = self.text.get(range).unwrap_or_default();
        text.trim_end_matches(['\n', '\r'])
    }
}

impl Part {
    fn new(root: Node) -> Self {
        Self {
            is: identify(&root),
            root,
        }
    }
}

/// Of keys and scalars: a mapping begins where its first key does. The depth of nodes is bounded.
fn all_places(node: &Node, places: &mut Vec<(u32, u32)>) {
    match &node.value {
        Value::Mapping(entries) => {
            for (key, value) in entries {
                places.push((key.location.line, key.location.column));
                all_places(value, places);
            }
        }
        Value::Sequence(items) => items.iter().for_each(|item| all_places(item, places)),
        Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::String(_) => {
            places.push((node.location.line, node.location.column));
        }
        // It is where something else begins.
        Value::Null => {}
    }
}

fn identify(root: &Node) -> Is {
    let Value::Mapping(entries) = &root.value else {
        return Is::Other;
    };
    if root.get("kind").is_some() || root.get("apiVersion").is_some() {
        return Is::Kubernetes;
    }
    if is_fragment(root) {
        return Is::Fragment;
    }
    let roots = options::roots();
    let of = |names: &[&str]| {
        let is_known = |key: &str| names.iter().any(|name| name.eq_ignore_ascii_case(key));
        entries.iter().filter(|(key, _)| is_known(&key.text)).count()
    };
    let (install, dynamic) = (of(&roots), of(&DYNAMIC));
    // A chart's values have some of these names as well, among many others.
    if 2 * (install + dynamic) < entries.len() {
        return Is::Other;
    }
    match (install > 0, dynamic > 0) {
        (true, true) => Is::InstallAndDynamic,
        (true, false) => Is::Install,
        (false, true) => Is::Dynamic,
        (false, false) => Is::Other,
    }
}

/// What people paste between two objects: lines that belong inside an IngressRoute. A list of that name is had by other
/// files as well: CI, hosting.
fn is_fragment(root: &Node) -> bool {
    let is_text = |path: &str| root.at(path).is_some_and(|node| node.as_str().is_some());
    let is_list = |path: &str, of: fn(&Node) -> bool| {
        root.at(path)
            .is_some_and(|node| matches!(&node.value, Value::Sequence(items) if items.iter().all(of)))
    };
    let Value::Mapping(entries) = &root.value else {
        return false;
    };
    let is_of_route = || {
        entries
            .iter()
            .all(|(key, _)| FRAGMENT.contains(&key.text.as_str()))
    };
    ["tls.options.name", "tls.secretName", "serversTransport", "match"]
        .into_iter()
        .any(is_text)
        || is_of_route()
            && (is_list("routes", |item| item.get("match").is_some())
                || is_list("services", |item| item.get("name").is_some())
                || is_list("entryPoints", |item| item.as_str().is_some()))
}

/// Fields of an IngressRoute's specification and of its routes.
const FRAGMENT: [&str; 11] = [
    "entryPoints",
    "kind",
    "match",
    "middlewares",
    "observability",
    "parentRefs",
    "priority",
    "routes",
    "services",
    "syntax",
    "tls",
];

/// What templates of charts look at, and those of the file provider do not have.
const CHARTS: [&str; 4] = [".Values", ".Release", ".Chart", "include \""];

/// A line that is longer, in bytes, is not counted from its begin whenever a column is looked for.
const LONG: usize = 4096;
/// Characters.
const STRIDE: usize = 256;

/// Bytes of all texts that are made of the blocks of one file.
const MOST_COPIED: usize = 64 * 1024 * 1024;

const DYNAMIC: [&str; 4] = ["http", "tcp", "udp", "tls"];

/// Files that cannot be read, and documents that nobody reads.
pub(crate) fn strangers(sources: &Sources) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (index, file) in sources.files.iter().enumerate() {
        if file.is_chart_template() {
            let message = "a template of Kubernetes objects: check what `helm template` makes of it";
            let place = file.text.find("{{").map(|at| Place::new(index, at..at + 2));
            found.push(Diagnostic::new(Diagnosis::NotConfiguration, message).at(place));
        } else if !file.is_template() {
            for fault in &file.faults {
                let place = file.token(&fault.location).map(|range| Place::new(index, range));
                found.push(Diagnostic::new(Diagnosis::Unreadable, fault.message.clone()).at(place));
            }
        }
        if let Form::Markdown { others, .. } = &file.form {
            found.extend(unread(index, file, others));
            let left = [file.texts(Is::is_dynamic).1, file.texts(Is::is_install).1];
            found.extend(left.into_iter().flatten().map(|line| {
                let line = usize::try_from(line).unwrap_or_default();
                let message = "there are more blocks than are read: neither this one nor what is behind it";
                let start = file.line_start(line.saturating_sub(1));
                let place = Place::new(index, start..start + file.line_text(line.saturating_sub(1)).len());
                Diagnostic::new(Diagnosis::NotConfiguration, message).at(Some(place))
            }));
        }
        for part in &file.parts {
            match part.is {
                Is::Other => {
                    let place = file.token(&part.root.location);
                    let place = place.map(|range| Place::new(index, range));
                    let message = "neither a Kubernetes object nor configuration of Traefik";
                    found.push(Diagnostic::new(Diagnosis::NotConfiguration, message).at(place));
                }
                // A lint tells where a fragment belongs.
                Is::Fragment | Is::Kubernetes | Is::Dynamic | Is::Install | Is::InstallAndDynamic => {}
            }
        }
    }
    found
}

/// What of Markdown is not looked at, though one could think so.
fn unread(index: usize, file: &File, others: &[(usize, &'static str)]) -> Vec<Diagnostic> {
    let note = |line: usize, message: String| {
        let start = file.line_start(line.saturating_sub(1));
        let end = start + file.line_text(line.saturating_sub(1)).len();
        Diagnostic::new(Diagnosis::NotConfiguration, message).at(Some(Place::new(index, start..end)))
    };
    let mut notes: Vec<_> = others
        .iter()
        .map(|(line, language)| {
            let message =
                format!("of Markdown the blocks of YAML and JSON are read, and not this one (`{language}`)");
            note(*line, message).help(Help::words("write it into a file of its own"))
        })
        .collect();
    if notes.is_empty() && file.parts.is_empty() && file.faults.is_empty() {
        notes.push(note(
            1,
            "Markdown without a fenced block of YAML or JSON".to_owned(),
        ));
    }
    notes
}
