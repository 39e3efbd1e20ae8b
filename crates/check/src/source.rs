//! The texts that are looked at, and what each of their documents is: that is told by its content, not by the
//! file's name.

use std::sync::Arc;

use viaduct_config::document::{self, DocumentError, Node, Value};
use viaduct_config::install::options;
use viaduct_config::{Install, Location};

use crate::catalogue::Diagnosis;
use crate::diagnostic::{Diagnostic, Help};
use crate::edit::{Edit, apply};
use crate::place::Place;

/// A text and the name that places in it begin with.
#[derive(Debug, Clone)]
pub struct Text {
    pub name: String,
    pub text: String,
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
    pub(crate) parts: Vec<Part>,
    /// Why there are no parts.
    pub(crate) fault: Option<DocumentError>,
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
        let mut files = self.files.iter().filter(|file| file.has(Is::is_install));
        files.find_map(|file| {
            let loaded = viaduct_config::install::from_file(&file.name, &file.only(Is::is_install));
            loaded.ok().map(|loaded| loaded.install)
        })
    }

    /// The name of the text at a position.
    pub fn name(&self, index: usize) -> Option<&str> {
        self.files.get(index).map(|file| &*file.name)
    }

    /// `text` with the edits made, where that can be read afterwards: an edit may not break a file.
    pub fn mended(text: &Text, edits: &[Edit]) -> Option<Text> {
        let mended = Text {
            name: text.name.clone(),
            text: apply(&text.text, edits)?,
        };
        File::new(mended.clone()).fault.is_none().then_some(mended)
    }

    pub(crate) fn file(&self, name: &str) -> Option<(usize, &File)> {
        self.files
            .iter()
            .enumerate()
            .find(|(_, file)| &*file.name == name)
    }
}

impl File {
    fn new(Text { name, text }: Text) -> Self {
        // The parsers do not count it as a column, and nothing is written in front of it.
        let mark = text.len() - text.strip_prefix('\u{feff}').unwrap_or(&text).len();
        let lines = std::iter::once(mark)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        let is_toml = name
            .rsplit_once('.')
            .is_some_and(|(_, end)| end.eq_ignore_ascii_case("toml"));
        let parsed = if is_toml {
            document::parse_toml(&name, &text).map(|document| vec![document])
        } else {
            document::parse(&name, &text)
        };
        let (parts, fault) = match parsed {
            Ok(documents) => (
                documents.into_iter().map(|one| Part::new(one.root)).collect(),
                None,
            ),
            Err(fault) => (Vec::new(), Some(fault)),
        };
        Self {
            line_end: if 2 * text.matches("\r\n").count() > text.matches('\n').count() {
                "\r\n"
            } else {
                "\n"
            },
            name: name.into(),
            text,
            lines,
            parts,
            fault,
        }
    }

    pub(crate) fn has(&self, what: impl Fn(Is) -> bool) -> bool {
        self.parts.iter().any(|part| what(part.is))
    }

    /// Whether the file provider has to say what it is: templates are no documents before they are rendered.
    pub(crate) fn is_template(&self) -> bool {
        self.fault.is_some() && self.text.contains("{{") && !self.is_chart_template()
    }

    /// A template of Kubernetes objects, which somebody else has to render.
    fn is_chart_template(&self) -> bool {
        self.fault.is_some()
            && self.text.contains("{{")
            && (self.text.lines().any(|line| line.starts_with("kind:"))
                || CHARTS.iter().any(|mark| self.text.contains(mark)))
    }

    /// The text with every document blanked out that is something else; places stay what they are.
    pub(crate) fn only(&self, what: impl Fn(Is) -> bool) -> String {
        if self.parts.iter().all(|part| what(part.is)) {
            return self.text.clone();
        }
        let mut kept = String::with_capacity(self.text.len());
        let mut keep = false;
        let mut parts = self.parts.iter().peekable();
        for (number, line) in (1u32..).zip(self.text.split_inclusive('\n')) {
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

    /// The document that a line is in.
    pub(crate) fn part_at(&self, line: u32) -> Option<&Part> {
        let behind = self.parts.partition_point(|part| part.root.location.line <= line);
        self.parts.get(behind.checked_sub(1)?)
    }

    /// The byte of a place; the end of the line for a column that the line does not have.
    pub(crate) fn offset(&self, line: u32, column: u32) -> Option<usize> {
        let index = usize::try_from(line.checked_sub(1)?).ok()?;
        let start = *self.lines.get(index)?;
        let text = self.line_text(index);
        let wanted = usize::try_from(column.saturating_sub(1)).ok()?;
        let inside = text
            .char_indices()
            .nth(wanted)
            .map_or(text.len(), |(offset, _)| offset);
        Some(start + inside)
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
        let start = self.line_start(line);
        let before = self.text.get(start..offset).unwrap_or_default();
        (line + 1, before.chars().count() + 1)
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

/// What people paste between two objects: lines that belong inside an IngressRoute.
fn is_fragment(root: &Node) -> bool {
    let is_text = |path: &str| root.at(path).is_some_and(|node| node.as_str().is_some());
    let is_list = |path: &str| {
        root.at(path)
            .is_some_and(|node| matches!(node.value, Value::Sequence(_)))
    };
    ["tls.options.name", "tls.secretName", "serversTransport", "match"]
        .into_iter()
        .any(is_text)
        || ["routes", "services", "entryPoints"].into_iter().any(is_list)
}

/// What templates of charts look at, and those of the file provider do not have.
const CHARTS: [&str; 4] = [".Values", ".Release", ".Chart", "include \""];

const DYNAMIC: [&str; 4] = ["http", "tcp", "udp", "tls"];

/// Files that cannot be read, and documents that nobody reads.
pub(crate) fn strangers(sources: &Sources) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (index, file) in sources.files.iter().enumerate() {
        if file.is_chart_template() {
            let message = "a template of Kubernetes objects: check what `helm template` makes of it";
            let place = file.text.find("{{").map(|at| Place::new(index, at..at + 2));
            found.push(Diagnostic::new(Diagnosis::NotConfiguration, message).at(place));
        } else if let Some(fault) = file.fault.as_ref().filter(|_| !file.is_template()) {
            let place = file.token(&fault.location).map(|range| Place::new(index, range));
            found.push(Diagnostic::new(Diagnosis::Unreadable, fault.message.clone()).at(place));
        }
        for part in &file.parts {
            let place = file.token(&part.root.location);
            let place = place.map(|range| Place::new(index, range));
            match part.is {
                Is::Fragment => {
                    let message = "these lines belong inside an IngressRoute, and stand on their own";
                    let help = fragment_help(&part.root);
                    found.push(Diagnostic::new(Diagnosis::Fragment, message).at(place).help(help));
                }
                Is::Other => {
                    let message = "neither a Kubernetes object nor configuration of Traefik";
                    found.push(Diagnostic::new(Diagnosis::NotConfiguration, message).at(place));
                }
                Is::Kubernetes | Is::Dynamic | Is::Install | Is::InstallAndDynamic => {}
            }
        }
    }
    found
}

fn fragment_help(root: &Node) -> Help {
    Help::words(if root.get("serversTransport").is_some() {
        "write `serversTransport` beside `name` and `port` of the service: `spec.routes[].services[].serversTransport`"
    } else if root.get("tls").is_some() {
        "write `tls` beside `routes` of the IngressRoute: `spec.tls`"
    } else {
        "write them under `spec` of the IngressRoute"
    })
}
