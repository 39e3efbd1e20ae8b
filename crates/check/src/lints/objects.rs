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
pub(super) struct Object<'a> {
    pub(super) file: usize,
    pub(super) root: &'a Node,
    pub(super) kind: &'a str,
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
}

#[derive(Debug)]
pub(super) struct Objects<'a> {
    pub(super) sources: &'a Sources,
    all: Vec<Object<'a>>,
    by_name: HashMap<Named<'a>, usize>,
    backends: Vec<Backend<'a>>,
}

/// Kind, namespace, name.
type Named<'a> = (&'a str, &'a str, &'a str);

/// A Service that a route names.
#[derive(Debug, Clone, Copy)]
pub(super) struct Backend<'a> {
    pub(super) object: Object<'a>,
    /// Position of the route and of the service in it.
    pub(super) at: (usize, usize),
    pub(super) node: &'a Node,
    pub(super) name: &'a str,
    /// `None`: it is not among the sources.
    pub(super) service: Option<Object<'a>>,
}

impl<'a> Objects<'a> {
    pub(super) fn new(sources: &'a Sources) -> Self {
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
        let mut objects = Self {
            sources,
            all,
            by_name,
            backends: Vec::new(),
        };
        objects.backends = objects.find_backends();
        objects
    }

    pub(super) fn all(&self) -> impl Iterator<Item = Object<'a>> {
        self.all.iter().copied()
    }

    pub(super) fn of_kind(&self, kind: &'static str) -> impl Iterator<Item = Object<'a>> {
        self.all().filter(move |object| object.kind == kind)
    }

    pub(super) fn get(&self, kind: &str, namespace: &str, name: &str) -> Option<Object<'a>> {
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

    /// Every Service that an IngressRoute's routes name.
    pub(super) fn backends(&self) -> &[Backend<'a>] {
        &self.backends
    }

    fn find_backends(&self) -> Vec<Backend<'a>> {
        let mut found = Vec::new();
        for object in self.of_kind("IngressRoute") {
            for (route, written) in list(object.root, "spec.routes").iter().enumerate() {
                for (position, node) in list(written, "services").iter().enumerate() {
                    let kind = text(node, "kind").unwrap_or("Service");
                    if let Some(name) = text(node, "name").filter(|_| kind == "Service") {
                        let namespace = text(node, "namespace").unwrap_or(object.namespace);
                        found.push(Backend {
                            object,
                            at: (route, position),
                            node,
                            name,
                            service: self.get("Service", namespace, name),
                        });
                    }
                }
            }
        }
        found
    }
}

impl<'a> Object<'a> {
    pub(super) fn subject(&self) -> String {
        format!("{} {}/{}", self.kind, self.namespace, self.name)
    }

    /// The decoded value of a Secret's key.
    pub(super) fn value(&self, key: &str) -> Option<Vec<u8>> {
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

    /// The CA of a Secret, and the key that it is under; a Secret without one has its certificate there.
    pub(super) fn ca(&self) -> Option<(&'static str, Vec<u8>)> {
        ["tls.ca", "ca.crt", "tls.crt"]
            .into_iter()
            .find_map(|key| Some((key, self.value(key)?)))
    }
}

impl<'a> Backend<'a> {
    pub(super) fn path(&self) -> String {
        let (route, service) = self.at;
        format!("spec.routes[{route}].services[{service}]")
    }

    /// The transport, at the service or (where only `up` reads it) at the route.
    pub(super) fn transport(&self) -> Option<&'a str> {
        let (route, _) = self.at;
        let of_route = || {
            Field::at(
                self.object.root,
                &format!("spec.routes[{route}].serversTransport"),
            )
        };
        text(self.node, "serversTransport").or_else(|| of_route()?.value.as_str())
    }

    /// As translation has it: what is written, or what the port says.
    pub(super) fn is_https(&self) -> bool {
        match text(self.node, "scheme").filter(|scheme| !scheme.is_empty()) {
            Some(scheme) => scheme.eq_ignore_ascii_case("https"),
            None => self
                .port()
                .is_some_and(|(number, name)| number == 443 || name.starts_with("https")),
        }
    }

    /// A scheme that does not exist is neither.
    pub(super) fn is_plain(&self) -> bool {
        let written = text(self.node, "scheme").unwrap_or_default();
        self.port().is_some()
            && !self.is_https()
            && ["", "http", "h2c"]
                .iter()
                .any(|plain| plain.eq_ignore_ascii_case(written))
    }

    /// Number and name of the Service's port.
    fn port(&self) -> Option<(i64, &'a str)> {
        let wanted = &self.node.get("port")?.value;
        let ports = self
            .service
            .map(|service| list(service.root, "spec.ports"))
            .unwrap_or_default();
        ports.iter().find_map(|port| {
            let name = text(port, "name").unwrap_or_default();
            let number = integer(port, "port")?;
            let meant = match wanted {
                Value::Integer(wanted) => *wanted == number,
                Value::String(wanted) => wanted == name || *wanted == number.to_string(),
                _ => false,
            };
            meant.then_some((number, name))
        })
    }

    /// A name outside the cluster, with a certificate of its own world.
    pub(super) fn is_external(&self) -> bool {
        self.service
            .is_some_and(|service| Field::at(service.root, "spec.externalName").is_some())
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

/// The first certificate of a PEM text.
pub(super) fn first_certificate(pem: &[u8]) -> Option<CertificateFacts> {
    super::material::certificates(pem)
        .into_iter()
        .next()
        .map(|(facts, _)| facts)
}
