//! One text -> dynamic configuration: template, document, fields.
//!
//! A text that cannot be read as a whole, or that has a field nobody knows, is refused as a whole, with the
//! place of everything that is wrong with it (A10.3).

#[cfg(test)]
mod tests;

use viaduct_config::document::{self, DocumentError, Key, Node, ReadError, Value};
use viaduct_config::finding::Code;
use viaduct_config::install::options;
use viaduct_config::{Dynamic, Element, Finding, Location, Map, Origin, suggest};

use crate::template::{Rendered, TemplateError};

/// How a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// JSON is YAML.
    Yaml,
    Toml,
}

/// A text that could be read.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Read {
    pub(crate) dynamic: Dynamic,
    pub(crate) origins: Map<Element, Origin>,
    /// What takes nothing out of service.
    pub(crate) notes: Vec<Finding>,
}

/// One thing that is wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub finding: Finding,
    /// The line of the source that it is about, with a caret, where that shows no secret.
    pub excerpt: Option<String>,
}

impl Problem {
    pub(crate) fn new(finding: Finding, source: &str) -> Self {
        Self {
            excerpt: finding
                .location
                .as_ref()
                .and_then(|location| document::excerpt(source, location)),
            finding,
        }
    }
}

/// Reads what a template became. `source`: the template.
pub(crate) fn read(
    file: &str,
    source: &str,
    rendered: &Rendered,
    format: Format,
) -> Result<Read, Vec<Problem>> {
    let problem = |mut finding: Finding| {
        finding.location = finding.location.map(|location| rendered.source_of(&location));
        Problem::new(finding, source)
    };
    let (root, more) =
        parse(file, rendered.text(), format).map_err(|error| vec![problem(of_document(error))])?;
    let Some(root) = root else {
        return Ok(Read::default());
    };
    let mut notes: Vec<Finding> = more.map(several_documents).into_iter().collect();
    let root = sections(root, &mut notes).map_err(|finding| vec![problem(*finding)])?;
    let read = root
        .read_like_traefik::<Dynamic>()
        .map_err(|error| vec![problem(of_value(error))])?;
    if !read.unknown.is_empty() {
        let unknown = read.unknown.iter().enumerate();
        return Err(unknown
            .map(|(index, (path, location))| problem(unknown_field(path, location, read.meant(index))))
            .collect());
    }
    let place = |key: &Key| rendered.source_of(&key.location);
    Ok(Read {
        origins: origins(&root, place),
        notes: notes.into_iter().map(|note| problem(note).finding).collect(),
        dynamic: read.value,
    })
}

pub(crate) fn of_template(error: TemplateError, source: &str) -> Problem {
    let finding = Finding {
        hint: error.hint,
        ..Finding::error(Code::UnreadableDocument, error.message).at(Some(error.location))
    };
    Problem::new(finding, source)
}

/// The first document, and the place of a second one.
fn parse(file: &str, text: &str, format: Format) -> Result<(Option<Node>, Option<Location>), DocumentError> {
    match format {
        Format::Toml => document::parse_toml(file, text).map(|document| (Some(document.root), None)),
        Format::Yaml => {
            let mut documents = document::parse(file, text)?.into_iter();
            let first = documents.next().map(|document| document.root);
            Ok((first, documents.next().map(|second| second.root.location)))
        }
    }
}

/// The sections of the dynamic configuration. A file may hold the install configuration too, which others
/// read; what belongs to neither is told.
fn sections(root: Node, notes: &mut Vec<Finding>) -> Result<Node, Box<Finding>> {
    let Value::Mapping(entries) = root.value else {
        let finding = Finding::error(Code::InvalidObject, "the configuration has to be a mapping")
            .at(Some(root.location))
            .wanted("http, tcp, udp, tls");
        return Err(Box::new(finding));
    };
    let named =
        |names: &[&'static str], key: &Key| names.iter().any(|name| name.eq_ignore_ascii_case(&key.text));
    let install = options::roots();
    let mut kept = Vec::with_capacity(SECTIONS.len());
    for (key, value) in entries {
        if named(&SECTIONS, &key) {
            kept.push((key, value));
        } else if !named(&install, &key) {
            notes.push(unknown_section(&key));
        }
    }
    Ok(Node {
        value: Value::Mapping(kept),
        location: root.location,
    })
}

fn unknown_section(key: &Key) -> Finding {
    let message = format!("the section `{}` is not read", key.text);
    let finding = Finding::warning(Code::UnknownField, message)
        .at(Some(key.location.clone()))
        .field(key.text.as_str());
    match suggest::closest(&key.text, SECTIONS) {
        Some(near) => finding.hint(format!("did you mean `{near}`?")),
        None => finding,
    }
}

fn unknown_field(path: &str, location: &Location, meant: Option<&str>) -> Finding {
    let name = path.rsplit('.').next().unwrap_or(path);
    // Traefik's words, for those who look for them.
    let finding = Finding::error(Code::UnknownField, format!("field not found: {name}"))
        .at(Some(location.clone()))
        .field(path);
    match meant {
        Some(meant) => finding.hint(format!("did you mean `{meant}`?")),
        None => finding,
    }
}

fn several_documents(second: Location) -> Finding {
    Finding::warning(
        Code::UnreadableDocument,
        "only the first document of a file is read, and here begins a second one",
    )
    .at(Some(second))
    .hint("put it into a file of its own, in a directory that `providers.file.directory` names")
}

fn of_document(error: DocumentError) -> Finding {
    Finding::error(Code::UnreadableDocument, error.message).at(Some(error.location))
}

fn of_value(error: ReadError) -> Finding {
    Finding::error(Code::InvalidObject, error.message)
        .at(Some(error.location))
        .field(error.path)
}

/// Where each element is written: the place of its name.
fn origins(root: &Node, place: impl Fn(&Key) -> Location) -> Map<Element, Origin> {
    let mut origins = Map::new();
    let mut put = |element: Element, location: Location| {
        let origin = Origin {
            object: None,
            location: Some(location),
        };
        origins.insert(element, origin);
    };
    for (section, kind, element) in NAMED {
        let elements = root
            .get_in_any_case(section)
            .and_then(|section| section.get_in_any_case(kind));
        if let Some(Value::Mapping(entries)) = elements.map(|node| &node.value) {
            for (key, _) in entries {
                put(element(key.text.clone()), place(key));
            }
        }
    }
    let certificates = root
        .get_in_any_case("tls")
        .and_then(|tls| tls.get_in_any_case("certificates"));
    if let Some(Value::Sequence(items)) = certificates.map(|node| &node.value) {
        for (index, item) in items.iter().enumerate() {
            let key = Key {
                text: String::new(),
                location: item.location.clone(),
            };
            put(Element::Certificate(index), place(&key));
        }
    }
    origins
}

const SECTIONS: [&str; 4] = ["http", "tcp", "udp", "tls"];

type Named = (&'static str, &'static str, fn(String) -> Element);

const NAMED: [Named; 12] = [
    ("http", "routers", Element::Router),
    ("http", "services", Element::Service),
    ("http", "middlewares", Element::Middleware),
    ("http", "serversTransports", Element::ServersTransport),
    ("tcp", "routers", Element::TcpRouter),
    ("tcp", "services", Element::TcpService),
    ("tcp", "middlewares", Element::TcpMiddleware),
    ("tcp", "serversTransports", Element::TcpServersTransport),
    ("udp", "routers", Element::UdpRouter),
    ("udp", "services", Element::UdpService),
    ("tls", "options", Element::TlsOptions),
    ("tls", "stores", Element::TlsStore),
];
