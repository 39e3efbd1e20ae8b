//! Lines of an IngressRoute that stand on their own: where they belong, or why nowhere.

use viaduct_config::document::{Node, Value};

use super::Looked;
use super::backends::{Backend, Form, Leg};
use super::objects::Object;
use super::wrong_object::Meant;
use crate::catalogue::Diagnosis;
use crate::diagnostic::{Diagnostic, Help};
use crate::edit::Editor;
use crate::place::{Field, Place};
use crate::source::{File, Is};

/// `meant`: the TLS options that were meant for a backend.
pub(super) fn look(looked: &Looked<'_>, meant: &[Meant<'_>], found: &mut Vec<Diagnostic>) {
    for (index, file) in looked.objects.sources.files.iter().enumerate() {
        for part in file.parts.iter().filter(|part| part.is == Is::Fragment) {
            let fragment = Fragment {
                looked,
                index,
                file,
                root: &part.root,
            };
            let message = "these lines belong inside an IngressRoute, and stand on their own";
            let token = file.token(&part.root.location);
            found.push(
                Diagnostic::new(Diagnosis::Fragment, message)
                    .at(token.map(|token| Place::new(index, token)))
                    .help(fragment.help(meant)),
            );
        }
    }
}

struct Fragment<'l, 'a> {
    looked: &'l Looked<'a>,
    index: usize,
    file: &'a File,
    root: &'a Node,
}

impl<'a> Fragment<'_, 'a> {
    fn help(&self, meant: &[Meant<'_>]) -> Help {
        let options = Field::at(self.root, "tls.options").map(|field| field.value);
        let meant = options.and_then(|node| meant.iter().find(|meant| std::ptr::eq(meant.node, node)));
        if self.root.get("serversTransport").is_some() {
            return self.transport();
        }
        if let Some(meant) = meant {
            let is_all = self.holds_only("tls")
                && self.root.get("tls").is_some_and(|tls| is_only(tls, "options"))
                && meant.is_for_nobody;
            let edit = self.without().filter(|_| is_all);
            let text = if is_all {
                "leave them out: the TLSOption that they name is about clients, and no client has a certificate of the backend's (V0201)"
            } else {
                "leave `options` out, unless clients are to show certificates: the TLSOption is about clients (V0201)"
            };
            return Help::edit(text, edit.into_iter().collect());
        }
        if self.root.get("tls").is_some() {
            return self.tls();
        }
        Help::words("write them under `spec` of the IngressRoute")
    }

    /// Whether there is nothing else that would be lost with it.
    fn holds_only(&self, name: &str) -> bool {
        is_only(self.root, name)
    }

    /// The file without these lines.
    fn without(&self) -> Option<crate::Edit> {
        Editor::new(self.index, self.file).remove_document(self.root)
    }

    /// The service that it is for is the only one that is spoken to by TLS and has none.
    fn transport(&self) -> Help {
        const WORDS: &str = "write `serversTransport` beside `name` and `port` of the service: `spec.routes[].services[].serversTransport`";
        let name = self.root.get("serversTransport").and_then(Node::as_str);
        let names = |backend: &&Backend<'a>| backend.form == Form::IngressRoute && backend.transport == name;
        if let Some(backend) = self.looked.backends.iter().find(names) {
            let text = format!(
                "leave them out: `{}` of {} names it already",
                backend.path, backend.subject
            );
            let edit = self.without().filter(|_| self.holds_only("serversTransport"));
            return Help::edit(text, edit.into_iter().collect());
        }
        let wants = |backend: &&Backend<'a>| {
            backend.form == Form::IngressRoute && backend.leg == Leg::Tls && backend.transport.is_none()
        };
        let mut wanting = self.looked.backends.iter().filter(wants);
        let only = wanting.next().filter(|_| wanting.next().is_none());
        let only = only.filter(|_| self.holds_only("serversTransport"));
        let edits = only.and_then(|backend| {
            let name = name?;
            let editor = self.looked.objects.editor(backend.file)?;
            let line = format!("serversTransport: {name}");
            let named = editor.append(backend.root, &backend.path, &[line])?;
            Some((backend, vec![named, self.without()?]))
        });
        match edits {
            Some((backend, edits)) => Help::edit(
                format!(
                    "write `serversTransport` beside `name` and `port` of the service: `{}` of {}",
                    backend.path, backend.subject
                ),
                edits,
            ),
            None => Help::words(WORDS),
        }
    }

    /// The IngressRoute that it is for is the only one.
    fn tls(&self) -> Help {
        let mut routes = self.looked.objects.of_kind("IngressRoute");
        let only = routes.next().filter(|_| routes.next().is_none());
        let edits = only.and_then(|object| Some((object, self.moved_to(object)?)));
        match edits {
            Some((object, edits)) => Help::edit(
                format!("write `tls` beside `routes`: `spec.tls` of {}", object.subject()),
                edits,
            ),
            None => Help::words("write `tls` beside `routes` of the IngressRoute: `spec.tls`"),
        }
    }

    fn moved_to(&self, object: Object<'_>) -> Option<Vec<crate::Edit>> {
        let own = Editor::new(self.index, self.file);
        if !self.holds_only("tls") {
            return None;
        }
        let Value::Mapping(entries) = &Field::at(self.root, "tls")?.value.value else {
            return None;
        };
        let mut lines = Vec::new();
        for (key, _) in entries {
            // What is written there already is not written over.
            if Field::at(object.root, &format!("spec.tls.{}", key.text)).is_some() {
                return None;
            }
            lines.extend(own.entry_text(key)?);
        }
        let editor = self.looked.objects.editor(object.file)?;
        let added = if Field::at(object.root, "spec.tls").is_some() {
            editor.append(object.root, "spec.tls", &lines)?
        } else {
            let lines = lines.into_iter().map(|line| format!("  {line}"));
            let lines: Vec<_> = std::iter::once("tls:".to_owned()).chain(lines).collect();
            editor.append(object.root, "spec", &lines)?
        };
        Some(vec![added, self.without()?])
    }
}

/// Whether a mapping has one entry, of this name.
fn is_only(node: &Node, name: &str) -> bool {
    matches!(&node.value, Value::Mapping(entries) if matches!(entries.as_slice(), [(key, _)] if key.text == name))
}
