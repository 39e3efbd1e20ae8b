//! References between TCP and UDP elements of the file provider: nothing that is served follows them, so that nobody
//! else says that they lead nowhere.

use viaduct_config::document::Node;
use viaduct_config::suggest;

use super::objects::{Objects, in_any_case, items, named};
use crate::catalogue::Diagnosis;
use crate::diagnostic::{Diagnostic, Help};
use crate::edit::Editor;
use crate::place::Place;

pub(super) fn look(objects: &Objects<'_>, found: &mut Vec<Diagnostic>) {
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
        let Some(file) = self.objects.sources.files.get(self.file) else {
            return;
        };
        let token = file.token(&node.location);
        let mut diagnostic = Diagnostic::new(diagnosis, format!("{noun} `{name}@file` {verb} not exist"))
            .about(self.subject.as_str())
            .at(token.map(|token| Place::new(self.file, token)));
        if let Some(near) = suggest::closest(name, known) {
            let edit = Editor::new(self.file, file).set(node, near);
            let text = format!("did you mean `{near}`?");
            diagnostic = diagnostic.help(Help::edit(text, edit.into_iter().collect()));
        }
        found.push(diagnostic);
    }
}
