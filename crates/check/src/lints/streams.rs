//! References of TCP and UDP elements: nothing that is served follows those of the file provider, nor the entry points of
//! either, so that nobody else says that they lead nowhere.

use viaduct_config::document::Node;
use viaduct_config::suggest;

use super::objects::{Objects, in_any_case, items, list, named};
use crate::Setting;
use crate::catalogue::Diagnosis;
use crate::diagnostic::{Diagnostic, Help};
use crate::edit::Editor;
use crate::place::Place;

pub(super) fn look(objects: &Objects<'_>, setting: &Setting, found: &mut Vec<Diagnostic>) {
    entry_points(objects, setting, found);
    for (section, protocol) in [("tcp", "TCP"), ("udp", "UDP")] {
        for (file, root) in objects.documents() {
            for (name, router) in named(root, section, "routers") {
                let one = One {
                    objects,
                    file,
                    subject: format!("{protocol} router `{name}`"),
                };
                one.names(router.get_in_any_case("service"), section, "services", found);
                for middleware in items(router.get_in_any_case("middlewares")) {
                    one.names(Some(middleware), section, "middlewares", found);
                }
                one.names(in_any_case(router, &["tls", "options"]), "tls", "options", found);
            }
            for (name, service) in named(root, section, "services") {
                let one = One {
                    objects,
                    file,
                    subject: format!("{protocol} service `{name}`"),
                };
                let transport = in_any_case(service, &["loadBalancer", "serversTransport"]);
                one.names(transport, section, "serversTransports", found);
                for part in items(in_any_case(service, &["weighted", "services"])) {
                    one.names(part.get_in_any_case("name"), section, "services", found);
                }
            }
        }
    }
}

/// Entry points that routers name, where it is known which there are.
fn entry_points(objects: &Objects<'_>, setting: &Setting, found: &mut Vec<Diagnostic>) {
    let Some(routing) = &setting.routing else { return };
    let known: Vec<&str> = routing
        .entry_points
        .iter()
        .map(|entry_point| entry_point.name.as_str())
        .collect();
    let mut look = |file: usize, subject: &str, named: &[Node]| {
        for node in named {
            let written = node.as_str().unwrap_or_default();
            if !known.contains(&written) {
                let message = format!("entry point `{written}` does not exist");
                let diagnostic = Diagnostic::new(Diagnosis::EntryPointMissing, message).about(subject);
                found.push(misnamed(diagnostic, objects, file, node, known.iter().copied()));
            }
        }
    };
    for object in objects.all() {
        if ["IngressRouteTCP", "IngressRouteUDP"].contains(&object.kind) {
            look(
                object.file,
                &object.subject(),
                list(object.root, "spec.entryPoints"),
            );
        }
    }
    for (section, protocol) in [("tcp", "TCP"), ("udp", "UDP")] {
        for (file, root) in objects.documents() {
            for (name, router) in named(root, section, "routers") {
                let subject = format!("{protocol} router `{name}`");
                look(file, &subject, items(router.get_in_any_case("entryPoints")));
            }
        }
    }
}

/// At the name, with the one that was probably meant.
fn misnamed<'k>(
    diagnostic: Diagnostic,
    objects: &Objects<'_>,
    index: usize,
    node: &Node,
    known: impl IntoIterator<Item = &'k str>,
) -> Diagnostic {
    let Some(file) = objects.sources.files.get(index) else {
        return diagnostic;
    };
    let token = file.token(&node.location);
    let diagnostic = diagnostic.at(token.map(|token| Place::new(index, token)));
    let written = node.as_str().unwrap_or_default();
    let written = written.strip_suffix("@file").unwrap_or(written);
    match suggest::closest(written, known) {
        Some(near) => {
            let edit = Editor::new(index, file).set(node, near);
            let text = format!("did you mean `{near}`?");
            diagnostic.help(Help::edit(text, edit.into_iter().collect()))
        }
        None => diagnostic,
    }
}

/// An element that names others.
struct One<'o, 'a> {
    objects: &'o Objects<'a>,
    file: usize,
    subject: String,
}

impl One<'_, '_> {
    fn names(&self, node: Option<&Node>, section: &str, kind: &str, found: &mut Vec<Diagnostic>) {
        let Some((node, written)) = node.and_then(|node| Some((node, node.as_str()?))) else {
            return;
        };
        let name = written.strip_suffix("@file").unwrap_or(written);
        // Of other providers nothing is known here; `default` options are always there.
        if name.is_empty() || name.contains('@') || kind == "options" && name == "default" {
            return;
        }
        let known: Vec<&str> = self
            .objects
            .documents()
            .flat_map(|(_, root)| named(root, section, kind))
            .map(|(name, _)| name)
            .collect();
        if known.contains(&name) {
            return;
        }
        let (diagnosis, noun, verb) = match kind {
            "services" => (Diagnosis::ServiceMissing, "service", "does"),
            "middlewares" => (Diagnosis::MiddlewareMissing, "middleware", "does"),
            "options" => (Diagnosis::TlsOptionMissing, "TLS options", "do"),
            _ => (Diagnosis::TransportMissing, "servers transport", "does"),
        };
        let diagnostic = Diagnostic::new(diagnosis, format!("{noun} `{name}@file` {verb} not exist"))
            .about(self.subject.as_str());
        found.push(misnamed(diagnostic, self.objects, self.file, node, known));
    }
}
