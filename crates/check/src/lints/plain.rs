//! Backends that are spoken to in plain text, and TLS that is not verified.

use viaduct_config::document::{Node, Value};

use super::backends::{Backend, Form, Leg};
use super::objects::{Objects, in_any_case, is_true, items, named};
use crate::catalogue::Diagnosis;
use crate::diagnostic::Diagnostic;
use crate::place::{Field, Place};
use crate::source::Is;

pub(super) fn look(objects: &Objects<'_>, backends: &[Backend<'_>], found: &mut Vec<Diagnostic>) {
    for backend in backends {
        // One that is missing is told of already; those of a file one by one.
        if backend.leg == Leg::Plain && backend.service.is_some() && !backend.is_external() {
            let message = format!("{} is spoken to in plain text", backend.label());
            found.push(
                Diagnostic::new(Diagnosis::PlainBackend, message)
                    .about(backend.subject.as_str())
                    .at(objects.place_at(backend.mark))
                    .field(backend.field.as_str()),
            );
        }
    }
    for (file, root) in objects.documents() {
        servers(objects, file, root, found);
    }
    for backend in backends.iter().filter(|backend| backend.form == Form::FileTcp) {
        let is_own = |address: &str| OWN.iter().any(|own| address.starts_with(own));
        let is_own = backend.mark.1.as_str().is_none_or(is_own);
        if backend.leg == Leg::Plain && !is_own {
            found.push(
                Diagnostic::new(Diagnosis::PlainBackend, "the server is spoken to in plain text")
                    .about(backend.subject.as_str())
                    .at(objects.place_at(backend.mark)),
            );
        }
    }
    unverified(objects, found);
}

/// Servers of the file provider, but for those of this machine.
fn servers(objects: &Objects<'_>, file: usize, root: &Node, found: &mut Vec<Diagnostic>) {
    for (service, node) in named(root, "http", "services") {
        for server in items(in_any_case(node, &["loadBalancer", "servers"])) {
            let Some(url) = server.get_in_any_case("url") else {
                continue;
            };
            if url.as_str().is_some_and(is_plain_elsewhere) {
                found.push(
                    Diagnostic::new(Diagnosis::PlainBackend, "the server is spoken to in plain text")
                        .about(format!("service `{service}`"))
                        .at(objects.place_at((file, url))),
                );
            }
        }
    }
}

fn is_plain_elsewhere(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://").or_else(|| url.strip_prefix("h2c://")) else {
        return false;
    };
    !OWN.iter().any(|own| rest.starts_with(own))
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
                for (name, node) in named(&part.root, "tcp", "serversTransports") {
                    if let Some(tls) = node.get_in_any_case("tls") {
                        told(
                            objects,
                            index,
                            tls,
                            format!("TCP servers transport `{name}`"),
                            found,
                        );
                    }
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

/// Of this machine.
const OWN: [&str; 3] = ["127.", "localhost", "[::1]"];

const SKIP: &str = "insecureSkipVerify";
