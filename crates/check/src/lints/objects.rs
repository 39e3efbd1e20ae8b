//! The Kubernetes objects among the sources, as they are written.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use viaduct_config::document::{Node, Value};
use viaduct_tls::CertificateFacts;

use crate::edit::Editor;
use crate::place::{Field, Place};
use crate::source::{Is, Sources};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Object<'a> {
    pub(super) file: usize,
    pub(super) root: &'a Node,
    pub(super) kind: &'a str,
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
}

#[derive(Debug)]
pub(crate) struct Objects<'a> {
    pub(super) sources: &'a Sources,
    all: Vec<Object<'a>>,
    by_name: HashMap<Named<'a>, usize>,
}

/// Kind, namespace, name.
type Named<'a> = (&'a str, &'a str, &'a str);

impl<'a> Objects<'a> {
    pub(crate) fn new(sources: &'a Sources) -> Self {
        let mut all = Vec::new();
        for (file, held) in sources.files.iter().enumerate() {
            for part in held.parts.iter().filter(|part| part.is == Is::Kubernetes) {
                collect(file, &part.root, &mut all);
            }
        }
        let mut by_name = HashMap::new();
        for (position, object) in all.iter().enumerate() {
            by_name
                .entry((object.kind, object.namespace, object.name))
                .or_insert(position);
        }
        Self {
            sources,
            all,
            by_name,
        }
    }

    /// Documents of the file provider, each with the position of its file.
    pub(super) fn documents(&self) -> impl Iterator<Item = (usize, &'a Node)> {
        let files = self.sources.files.iter().enumerate();
        files.flat_map(|(index, file)| {
            let parts = file.parts.iter().filter(|part| part.is.is_dynamic());
            parts.map(move |part| (index, &part.root))
        })
    }

    pub(super) fn all(&self) -> impl Iterator<Item = Object<'a>> {
        self.all.iter().copied()
    }

    pub(super) fn of_kind(&self, kind: &'static str) -> impl Iterator<Item = Object<'a>> {
        self.all().filter(move |object| object.kind == kind)
    }

    pub(crate) fn get(&self, kind: &str, namespace: &str, name: &str) -> Option<Object<'a>> {
        let position = self.by_name.get(&(kind, namespace, name))?;
        self.all.get(*position).copied()
    }

    pub(super) fn editor(&self, file: usize) -> Option<Editor<'a>> {
        Some(Editor::new(file, self.sources.files.get(file)?))
    }

    /// Where a value is written; of a mapping or list, where its key is.
    pub(super) fn place(&self, file: usize, field: Field<'_>) -> Option<Place> {
        let held = self.sources.files.get(file)?;
        let location = match field.key {
            Some(key) if !field.is_scalar() => &key.location,
            Some(_) | None => &field.value.location,
        };
        Some(Place::new(file, held.token(location)?))
    }

    pub(super) fn place_of(&self, object: Object<'_>, path: &str) -> Option<Place> {
        self.place(object.file, Field::at(object.root, path)?)
    }

    /// Where a scalar or the name of an element is written.
    pub(super) fn place_at(&self, (file, node): (usize, &Node)) -> Option<Place> {
        let token = self.sources.files.get(file)?.token(&node.location)?;
        Some(Place::new(file, token))
    }
}

impl<'a> Object<'a> {
    pub(super) fn subject(&self) -> String {
        format!("{} {}/{}", self.kind, self.namespace, self.name)
    }

    /// The decoded value of a Secret's key.
    pub(crate) fn value(&self, key: &str) -> Option<Vec<u8>> {
        let plain = self.root.get("stringData").and_then(|data| data.get(key));
        if let Some(text) = plain.and_then(Node::as_str) {
            return Some(text.as_bytes().to_vec());
        }
        let coded = self.root.get("data")?.get(key)?.as_str()?;
        let compact: String = coded.split_whitespace().collect();
        STANDARD.decode(compact).ok()
    }

    /// Names of a Secret's keys.
    pub(super) fn keys(&self) -> Vec<&'a str> {
        let mut keys = Vec::new();
        for section in ["data", "stringData"] {
            if let Some(Value::Mapping(entries)) = self.root.get(section).map(|node| &node.value) {
                keys.extend(entries.iter().map(|(key, _)| key.text.as_str()));
            }
        }
        keys
    }

    /// The CA of a ConfigMap, and the key that it is under.
    pub(super) fn map_ca(&self) -> Option<(&'static str, Vec<u8>)> {
        let data = self.root.get("data")?;
        ["tls.ca", "ca.crt"]
            .into_iter()
            .find_map(|key| Some((key, data.get(key)?.as_str()?.as_bytes().to_vec())))
    }

    /// The CA of a Secret, and the key that it is under; a Secret without one has its certificate there.
    pub(crate) fn ca(&self) -> Option<(&'static str, Vec<u8>)> {
        ["tls.ca", "ca.crt", "tls.crt"]
            .into_iter()
            .find_map(|key| Some((key, self.value(key)?)))
    }
}

fn collect<'a>(file: usize, root: &'a Node, all: &mut Vec<Object<'a>>) {
    let Some(kind) = text(root, "kind") else { return };
    if kind.ends_with("List") && root.get("items").is_some() {
        for item in list(root, "items") {
            collect(file, item, all);
        }
        return;
    }
    let Some(metadata) = root.get("metadata") else {
        return;
    };
    if let Some(name) = text(metadata, "name") {
        all.push(Object {
            file,
            root,
            kind,
            namespace: text(metadata, "namespace").unwrap_or("default"),
            name,
        });
    }
}

pub(super) fn text<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    node.get(key)?.as_str()
}

pub(super) fn integer(node: &Node, key: &str) -> Option<i64> {
    match node.get(key)?.value {
        Value::Integer(number) => Some(number),
        _ => None,
    }
}

pub(super) fn is_true(node: &Node, key: &str) -> bool {
    node.get(key)
        .is_some_and(|value| matches!(value.value, Value::Bool(true)))
}

pub(super) fn list<'a>(node: &'a Node, path: &str) -> &'a [Node] {
    match Field::at(node, path).map(|field| &field.value.value) {
        Some(Value::Sequence(items)) => items,
        _ => &[],
    }
}

/// The value at the end of some keys, each in whatever case it was written: the file provider reads them so.
pub(super) fn in_any_case<'a>(node: &'a Node, keys: &[&str]) -> Option<&'a Node> {
    keys.iter().try_fold(node, |node, key| node.get_in_any_case(key))
}

pub(super) fn text_in_any_case<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    node.get_in_any_case(key)?.as_str()
}

pub(super) fn items(node: Option<&Node>) -> &[Node] {
    match node.map(|node| &node.value) {
        Some(Value::Sequence(items)) => items,
        _ => &[],
    }
}

/// The elements of a section of the file provider, by name.
pub(super) fn named<'a>(root: &'a Node, section: &str, kind: &str) -> Vec<(&'a str, &'a Node)> {
    match in_any_case(root, &[section, kind]).map(|node| &node.value) {
        Some(Value::Mapping(entries)) => entries
            .iter()
            .map(|(key, value)| (key.text.as_str(), value))
            .collect(),
        _ => Vec::new(),
    }
}

/// The first certificate of a PEM text.
pub(super) fn first_certificate(pem: &[u8]) -> Option<CertificateFacts> {
    super::material::certificates(pem)
        .into_iter()
        .next()
        .map(|(facts, _)| facts)
}
