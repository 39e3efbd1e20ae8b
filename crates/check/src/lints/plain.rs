//! Backends that are spoken to in plain text, and TLS that is not verified.

use viaduct_config::document::{Node, Value};

use super::objects::{Objects, is_true};
use crate::catalogue::Diagnosis;
use crate::diagnostic::Diagnostic;
use crate::place::{Field, Place};
use crate::source::Is;

pub(super) fn look(objects: &Objects<'_>, found: &mut Vec<Diagnostic>) {
    for backend in objects.backends() {
        // One that is missing is told of already.
        if backend.service.is_some() && backend.is_plain() && !backend.is_external() {
            let message = format!("Service `{}` is spoken to in plain text", backend.name);
            let path = backend.path();
            found.push(
                Diagnostic::new(Diagnosis::PlainBackend, message)
                    .about(backend.object.subject())
                    .at(objects.place_of(backend.object, &format!("{path}.name")))
                    .field(path),
            );
        }
    }
    for (index, file) in objects.sources.files.iter().enumerate() {
        for part in file.parts.iter().filter(|part| part.is.is_dynamic()) {
            servers(objects, index, &part.root, found);
        }
    }
    unverified(objects, found);
}

/// Servers of the file provider, but for those of this machine.
fn servers(objects: &Objects<'_>, file: usize, root: &Node, found: &mut Vec<Diagnostic>) {
    for (service, node) in named(root, "http", "services") {
        let Some(Value::Sequence(servers)) =
            Field::at(node, "loadBalancer.servers").map(|field| &field.value.value)
        else {
            continue;
        };
        for server in servers {
            let Some(url) = server.get("url") else { continue };
            if url.as_str().is_some_and(is_plain_elsewhere) {
                let field = Field {
                    key: None,
                    value: url,
                };
                found.push(
                    Diagnostic::new(Diagnosis::PlainBackend, "the server is spoken to in plain text")
                        .about(format!("service `{service}`"))
                        .at(objects.place(file, field)),
                );
            }
        }
    }
}

fn is_plain_elsewhere(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://").or_else(|| url.strip_prefix("h2c://")) else {
        return false;
    };
    !["127.", "localhost", "[::1]"]
        .iter()
        .any(|own| rest.starts_with(own))
}

fn unverified(objects: &Objects<'_>, found: &mut Vec<Diagnostic>) {
    for object in objects.all() {
        let section = match object.kind {
            "ServersTransport" => "spec",
            "ServersTransportTCP" => "spec.tls",
            _ => continue,
        };
        if Field::at(object.root, section).is_some_and(|spec| is_true(spec.value, SKIP)) {
            let path = format!("{section}.{SKIP}");
            found.push(skipping(object.subject(), objects.place_of(object, &path)).field(path));
        }
    }
    for (index, file) in objects.sources.files.iter().enumerate() {
        for part in &file.parts {
            if part.is.is_dynamic() {
                for (name, node) in named(&part.root, "http", "serversTransports") {
                    told(objects, index, node, format!("servers transport `{name}`"), found);
                }
            }
            if matches!(part.is, Is::Install | Is::InstallAndDynamic)
                && let Some(node) = part.root.get_in_any_case("serversTransport")
            {
                told(
                    objects,
                    index,
                    node,
                    "the default servers transport".to_owned(),
                    found,
                );
            }
        }
    }
}

fn told(objects: &Objects<'_>, file: usize, node: &Node, subject: String, found: &mut Vec<Diagnostic>) {
    if let Some(value) = node
        .get_in_any_case(SKIP)
        .filter(|value| matches!(value.value, Value::Bool(true)))
    {
        let place = objects.place(file, Field { key: None, value });
        found.push(skipping(subject, place));
    }
}

fn skipping(subject: String, place: Option<Place>) -> Diagnostic {
    let message = "the backend's certificate is not verified: whoever answers at its address is taken for it";
    Diagnostic::new(Diagnosis::SkipVerify, message)
        .about(subject)
        .at(place)
}

/// The elements of a section, names of sections in any case.
fn named<'a>(root: &'a Node, section: &str, kind: &str) -> Vec<(&'a str, &'a Node)> {
    match root
        .get_in_any_case(section)
        .and_then(|section| section.get_in_any_case(kind))
        .map(|node| &node.value)
    {
        Some(Value::Mapping(entries)) => entries
            .iter()
            .map(|(key, value)| (key.text.as_str(), value))
            .collect(),
        _ => Vec::new(),
    }
}

const SKIP: &str = "insecureSkipVerify";
