//! One document -> the objects in it.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1 as k8s;
use k8s_openapi::api::discovery::v1 as discovery;
use k8s_openapi::api::networking::v1 as networking;
use serde::de::DeserializeOwned;
use viaduct_config::document::{Document, Node, Value};
use viaduct_config::finding::Code;
use viaduct_config::{Finding, Location, suggest};

use super::misplaced;
use super::places::Places;
use crate::api::annotations::{Annotations, CLASS, REQUIRE, REVOKED};
use crate::api::core::SecretWire;
use crate::api::{
    Ingress, IngressRoute, IngressRouteTcp, IngressRouteUdp, Kind, Name, Namespace, Object, Revoked, Secret,
};

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) objects: Vec<ReadObject>,
    /// About documents that cannot be said to be an object.
    pub(super) notes: Vec<Finding>,
    pub(super) ignored: usize,
}

/// An object that has a name, whatever the rest is like.
#[derive(Debug)]
pub(super) struct ReadObject {
    pub(super) kind: Kind,
    pub(super) name: Name,
    pub(super) outcome: Result<(Object, Option<Box<Places>>), Box<Finding>>,
    /// What it revokes, whether the rest of it can be read or not; `None`: that cannot be read, and might be anything.
    pub(super) revoked: Option<Revoked>,
    pub(super) notes: Vec<Finding>,
}

/// Lists within lists are not Kubernetes; this many are looked into.
const MAX_LIST_DEPTH: usize = 4;

/// The longest name and namespace Kubernetes takes.
const MAX_NAME: usize = 253;

pub(super) fn read_all(documents: Vec<Document>) -> Contents {
    let mut contents = Contents::default();
    for mut document in documents {
        drop_nulls(&mut document.root);
        read(&document.root, None, 0, &mut contents);
    }
    contents
}

/// One object as an API server tells it, which says of what kind it is by where it was asked for. `None`: it
/// has no name. What is said of it has no place.
pub(super) fn read_live(root: &Node, kind: Kind, old: bool) -> Option<ReadObject> {
    let version = match kind.old_api_version() {
        Some(version) if old => Version::Old(version.to_owned()),
        Some(_) | None => Version::Current,
    };
    let mut contents = Contents::default();
    read_object(root, kind, version, &mut contents);
    let mut read = contents.objects.pop()?;
    read.notes.iter_mut().for_each(|note| note.location = None);
    match &mut read.outcome {
        Ok((_, places)) => *places = None,
        Err(fault) => fault.location = None,
    }
    Some(read)
}

/// What a `SecretList` says of its items, which need not say it themselves.
#[derive(Clone, Copy)]
struct Implied<'a> {
    kind: &'a str,
    api_version: Option<&'a str>,
}

fn read(node: &Node, implied: Option<Implied<'_>>, depth: usize, contents: &mut Contents) {
    if matches!(node.value, Value::Null) {
        return;
    }
    if !matches!(node.value, Value::Mapping(_)) {
        contents.notes.push(
            Finding::warning(Code::InvalidObject, "the document is not a Kubernetes object")
                .at(Some(node.location.clone())),
        );
        return;
    }
    let own_version = text(node, "apiVersion");
    let Some(kind_text) = text(node, "kind").or_else(|| implied.map(|implied| implied.kind)) else {
        contents.ignored += 1;
        return;
    };
    if let (Some(item_kind), Some(Value::Sequence(items))) = (
        kind_text.strip_suffix("List"),
        node.get("items").map(|items| &items.value),
    ) {
        let implied = (!item_kind.is_empty()).then_some(Implied {
            kind: item_kind,
            api_version: own_version,
        });
        if depth < MAX_LIST_DEPTH {
            for item in items {
                read(item, implied, depth + 1, contents);
            }
        }
        return;
    }
    let version = own_version.or_else(|| implied.and_then(|implied| implied.api_version));
    match Kind::parse(kind_text).map(|kind| (kind, Version::of(kind, version))) {
        None => {
            contents.ignored += 1;
            if version.is_some_and(|version| TRAEFIK_GROUPS.contains(&group(version))) {
                contents.notes.push(no_such_kind(node, kind_text));
            }
        }
        Some((_, Version::Foreign)) => contents.ignored += 1,
        Some((kind, version)) => read_object(node, kind, version, contents),
    }
}

const TRAEFIK_GROUPS: [&str; 2] = ["traefik.io", "traefik.containo.us"];

fn no_such_kind(node: &Node, kind: &str) -> Finding {
    let shown = kind.escape_debug();
    let message = format!("Traefik has no kind `{shown}`; the object has no effect");
    let place = node.get("kind").map_or(&node.location, |kind| &kind.location);
    let finding = Finding::warning(Code::InvalidObject, message)
        .at(Some(place.clone()))
        .field("kind");
    let read = Kind::ALL.into_iter().filter(|kind| kind.is_traefik());
    let finding = match suggest::closest(kind, read.map(Kind::as_str)) {
        Some(near) => finding.hint(format!("did you mean `{near}`?")),
        None => finding,
    };
    match identify(node) {
        Ok(name) => finding.object(viaduct_config::ObjectRef::new(kind, name.namespace, name.name)),
        Err(_) => finding,
    }
}

fn read_object(node: &Node, kind: Kind, version: Version, contents: &mut Contents) {
    let name = match identify(node) {
        Ok(name) if kind.is_cluster_scoped() => Name::new("", name.name),
        Ok(name) => name,
        Err(fault) => {
            let fault = Finding {
                message: format!("{kind}: {}", fault.message),
                ..fault
            };
            contents.notes.push(fault);
            return;
        }
    };
    let mut notes = Vec::new();
    let place = node
        .get("apiVersion")
        .map_or_else(|| node.location.clone(), |version| version.location.clone());
    let about_version = |finding: Finding| {
        finding
            .object(name.of_kind(kind))
            .at(Some(place.clone()))
            .field("apiVersion")
            .wanted(kind.api_version())
    };
    match version {
        Version::Current => {}
        Version::Old(old) => notes.push(
            about_version(Finding::warning(
                Code::ApiVersion,
                "the API group `traefik.containo.us` is gone since Traefik 3; read as `traefik.io`",
            ))
            .got(old),
        ),
        Version::Assumed => notes.push(about_version(Finding::warning(
            Code::ApiVersion,
            "`apiVersion` is missing; a cluster would refuse the object",
        ))),
        Version::Unknown(got) => {
            let message = "this `apiVersion` is not read; the object has no effect";
            let finding = about_version(Finding::error(Code::ApiVersion, message));
            contents.notes.push(match got {
                Some(got) => finding.got(got),
                None => finding,
            });
            return;
        }
        Version::Foreign => return,
    }
    let revoked = revoked(node).map_err(|fault| Box::new(fault.object(name.of_kind(kind))));
    let outcome = read_typed(node, kind, &name, &mut notes).map_err(Box::new);
    let outcome = outcome.and_then(|(mut object, places)| {
        if let Some(told) = object.revoked_mut() {
            *told = revoked.clone()?;
        }
        Ok((object, Some(Box::new(places))))
    });
    contents.objects.push(ReadObject {
        kind,
        name,
        outcome,
        revoked: revoked.ok(),
        notes,
    });
}

/// What an `apiVersion` means for a kind we know.
enum Version {
    Current,
    Old(String),
    /// Missing, on a kind that only Traefik has.
    Assumed,
    /// The right group with a version we do not read, or nothing at all.
    Unknown(Option<String>),
    /// Another project's kind of the same name.
    Foreign,
}

impl Version {
    fn of(kind: Kind, version: Option<&str>) -> Self {
        let Some(version) = version.filter(|version| !version.is_empty()) else {
            return if kind.is_traefik() {
                Self::Assumed
            } else {
                Self::Unknown(None)
            };
        };
        if version == kind.api_version() {
            return Self::Current;
        }
        if kind.old_api_version() == Some(version) {
            return Self::Old(version.to_owned());
        }
        let ours = [Some(kind.api_version()), kind.old_api_version()]
            .into_iter()
            .flatten()
            .any(|known| group(known) == group(version));
        // Ingress was in this group until Kubernetes 1.22.
        let former = kind == Kind::Ingress && group(version) == "extensions";
        if ours || former {
            Self::Unknown(Some(version.to_owned()))
        } else {
            Self::Foreign
        }
    }
}

fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

fn identify(node: &Node) -> Result<Name, Finding> {
    let Some(metadata) = node.get("metadata") else {
        return Err(invalid(
            "`metadata.name` is missing",
            &node.location,
            "metadata.name",
        ));
    };
    let name = metadata
        .get("name")
        .or_else(|| metadata.get("generateName"))
        .ok_or_else(|| invalid("`metadata.name` is missing", &metadata.location, "metadata.name"))?;
    let namespace = metadata.get("namespace");
    Ok(Name::new(
        namespace.map_or(Ok("default"), |namespace| {
            valid_name(namespace, "metadata.namespace")
        })?,
        valid_name(name, "metadata.name")?,
    ))
}

/// A name as the API server takes it; anything else never was in a cluster.
fn valid_name<'a>(node: &'a Node, field: &str) -> Result<&'a str, Finding> {
    let wrong = |message: &str| invalid(&format!("`{field}` {message}"), &node.location, field);
    let text = node.as_str().ok_or_else(|| wrong("is not a string"))?;
    let allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    if text.is_empty() || text.len() > MAX_NAME || !text.bytes().all(allowed) {
        return Err(wrong("is not a Kubernetes name").wanted("at most 253 of `a-z`, `0-9`, `-`, `.`"));
    }
    Ok(text)
}

fn invalid(message: &str, location: &Location, field: &str) -> Finding {
    Finding::error(Code::InvalidObject, message)
        .at(Some(location.clone()))
        .field(field)
}

fn read_typed(
    node: &Node,
    kind: Kind,
    name: &Name,
    notes: &mut Vec<Finding>,
) -> Result<(Object, Places), Finding> {
    let object = name.of_kind(kind);
    let places = match kind {
        Kind::Ingress => Places::of_spec_and_annotations(node),
        Kind::Service => Places::of_annotations(node),
        _ if kind.is_traefik() => Places::of_spec(node),
        _ => Places::of_object(node),
    };
    let mut spec = Spec {
        node,
        kind,
        name,
        notes,
    };
    let read = match kind {
        Kind::IngressRoute => spec.read().map(|spec| {
            let class_annotation = class_annotation(node);
            Object::IngressRoute(Box::new(IngressRoute {
                class_annotation,
                spec,
            }))
        }),
        Kind::IngressRouteTcp => spec.read().map(|spec| {
            let class_annotation = class_annotation(node);
            Object::IngressRouteTcp(Box::new(IngressRouteTcp {
                class_annotation,
                spec,
            }))
        }),
        Kind::IngressRouteUdp => spec.read().map(|spec| {
            let class_annotation = class_annotation(node);
            Object::IngressRouteUdp(Box::new(IngressRouteUdp {
                class_annotation,
                spec,
            }))
        }),
        Kind::Middleware => spec.read().map(Box::new).map(Object::Middleware),
        Kind::MiddlewareTcp => spec.read().map(Box::new).map(Object::MiddlewareTcp),
        Kind::TraefikService => spec.read().map(Box::new).map(Object::TraefikService),
        Kind::ServersTransportTcp => spec.read().map(Box::new).map(Object::ServersTransportTcp),
        Kind::Node => whole::<k8s::Node>(node).map(|read| Object::Node(Box::new(read.into()))),
        Kind::TlsOption => spec.read().map(Box::new).map(Object::TlsOption),
        Kind::TlsStore => spec.read().map(Box::new).map(Object::TlsStore),
        Kind::ServersTransport => spec.read().map(Box::new).map(Object::ServersTransport),
        Kind::Service => annotations(node)
            .and_then(|_| whole::<k8s::Service>(node))
            .map(|read| Object::Service(Box::new(read.into()))),
        Kind::EndpointSlice => {
            whole::<discovery::EndpointSlice>(node).map(|read| Object::EndpointSlice(Box::new(read.into())))
        }
        Kind::Endpoints => whole::<k8s::Endpoints>(node).map(|read| Object::Endpoints(Box::new(read.into()))),
        Kind::ConfigMap => whole::<k8s::ConfigMap>(node).map(|read| Object::ConfigMap(Box::new(read.into()))),
        Kind::Secret => secret(node).map(Box::new).map(Object::Secret),
        Kind::Namespace => namespace(node).map(Box::new).map(Object::Namespace),
        Kind::Ingress => ingress(&mut spec).map(Box::new).map(Object::Ingress),
        Kind::IngressClass => {
            whole::<networking::IngressClass>(node).map(|read| Object::IngressClass(Box::new(read.into())))
        }
    };
    match read {
        Ok(read) => Ok((read, places)),
        Err(fault) => Err(fault.object(object)),
    }
}

/// The `spec` of an object whose fields are all known.
struct Spec<'a> {
    node: &'a Node,
    kind: Kind,
    name: &'a Name,
    notes: &'a mut Vec<Finding>,
}

impl Spec<'_> {
    fn read<T: DeserializeOwned>(&mut self) -> Result<T, Finding> {
        self.note_strangers();
        let spec = self
            .node
            .get("spec")
            .ok_or_else(|| invalid("`spec` is missing", &self.node.location, "spec"))?;
        let read = spec.read::<T>().map_err(|error| {
            let path = join("spec", &error.path);
            invalid(&format!("`{path}`: {}", error.message), &error.location, &path)
        })?;
        for (path, location) in read.unknown {
            self.note(&join("spec", &path), location);
        }
        Ok(read.value)
    }

    /// Fields beside `spec`.
    fn note_strangers(&mut self) {
        let Value::Mapping(entries) = &self.node.value else {
            return;
        };
        for (key, _) in entries {
            if !matches!(
                key.text.as_str(),
                "apiVersion" | "kind" | "metadata" | "spec" | "status"
            ) {
                self.note(&key.text, key.location.clone());
            }
        }
    }

    fn note(&mut self, path: &str, location: Location) {
        let object = self.name.of_kind(self.kind);
        self.notes
            .push(misplaced::finding(self.kind, object, path, location));
    }
}

fn whole<T: DeserializeOwned>(node: &Node) -> Result<T, Finding> {
    node.read::<T>().map(|read| read.value).map_err(|error| {
        let message = if error.path.is_empty() {
            error.message
        } else {
            format!("`{}`: {}", error.path, error.message)
        };
        invalid(&message, &error.location, &error.path)
    })
}

/// Errors about a Secret name the key and never the value (R24).
fn secret(node: &Node) -> Result<Secret, Finding> {
    let wire = node.read::<SecretWire>().map_err(|error| {
        let message = format!("`{}` is not of the right type", error.path);
        invalid(&message, &error.location, &error.path)
    })?;
    Secret::try_from(wire.value).map_err(|error| {
        let value = node.get("data").and_then(|data| data.get(&error.key));
        let location = value.map_or(&node.location, |value| &value.location);
        invalid(&error.to_string(), location, &format!("data.{}", error.key))
            .hint("plain text goes under `stringData`")
    })
}

/// What it demands of its routes, twice where both are written.
fn namespace(node: &Node) -> Result<Namespace, Finding> {
    let annotation = annotations(node)?.and_then(|annotations| annotations.get(REQUIRE).cloned());
    let labels = node.get("metadata").and_then(|metadata| metadata.get("labels"));
    let label = labels.and_then(|labels| labels.get(REQUIRE));
    let label = label.map(|label| match &label.value {
        Value::String(text) => Ok(text.clone()),
        _ => Err(invalid(
            &format!("the label `{REQUIRE}` is no text"),
            &label.location,
            &format!("metadata.labels[{REQUIRE}]"),
        )),
    });
    Ok(Namespace {
        demands: annotation.into_iter().chain(label.transpose()?).collect(),
    })
}

/// The annotation [`REVOKED`], whatever the rest of the object is like.
fn revoked(node: &Node) -> Result<Revoked, Finding> {
    let annotations = node
        .get("metadata")
        .and_then(|metadata| metadata.get("annotations"));
    let Some(annotations) = annotations else {
        return Ok(Revoked::default());
    };
    let unreadable = |place: &Node, why: &str| {
        let field = format!("metadata.annotations[{REVOKED}]");
        Err(invalid(
            &format!("annotation `{REVOKED}`: {why}"),
            &place.location,
            &field,
        ))
    };
    if !matches!(annotations.value, Value::Mapping(_) | Value::Null) {
        return unreadable(annotations, "`metadata.annotations` is no mapping");
    }
    let Some(written) = annotations.get(REVOKED) else {
        return Ok(Revoked::default());
    };
    match &written.value {
        Value::Null => Ok(Revoked::default()),
        Value::String(text) => {
            Revoked::parse(text).or_else(|too_many| unreadable(written, &too_many.to_string()))
        }
        _ => unreadable(written, "it is not a text"),
    }
}

fn class_annotation(node: &Node) -> Option<String> {
    let annotations = node.get("metadata")?.get("annotations")?;
    text(annotations, CLASS).map(str::to_owned)
}

fn ingress(spec: &mut Spec<'_>) -> Result<Ingress, Finding> {
    let annotations = annotations(spec.node)?;
    // An address that cannot be read is nobody's fault but that of whoever wrote it there.
    let status = spec.node.get("status");
    let status = status.and_then(|status| status.read::<networking::IngressStatus>().ok());
    let written = spec.read::<networking::IngressSpec>()?;
    Ok(Ingress::new(
        Annotations::of(annotations),
        written,
        status.map(|read| read.value),
    ))
}

/// Annotations are texts; people forget the quotes around `true` and `42`.
fn annotations(node: &Node) -> Result<Option<BTreeMap<String, String>>, Finding> {
    let Some(annotations) = node
        .get("metadata")
        .and_then(|metadata| metadata.get("annotations"))
    else {
        return Ok(None);
    };
    if let Value::Mapping(entries) = &annotations.value {
        let wrong = entries
            .iter()
            .find(|(_, value)| !matches!(value.value, Value::String(_)));
        if let Some((key, value)) = wrong {
            let field = format!("metadata.annotations[{}]", key.text);
            let message = format!("annotation `{}` is not a text", key.text.escape_debug());
            return Err(invalid(&message, &value.location, &field)
                .hint("put the value between double quotes; a cluster refuses the object otherwise"));
        }
    }
    whole(annotations).map(Some)
}

fn text<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    node.get(key).and_then(Node::as_str)
}

fn join(prefix: &str, path: &str) -> String {
    if path.is_empty() || path == "." {
        prefix.to_owned()
    } else if path.starts_with('[') {
        format!("{prefix}{path}")
    } else {
        format!("{prefix}.{path}")
    }
}

/// As the API server does: a field that is `null` was not written.
fn drop_nulls(node: &mut Node) {
    match &mut node.value {
        Value::Mapping(entries) => {
            entries.retain(|(_, value)| !matches!(value.value, Value::Null));
            for (_, value) in entries {
                drop_nulls(value);
            }
        }
        Value::Sequence(items) => items.iter_mut().for_each(drop_nulls),
        Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::String(_) => {}
    }
}
