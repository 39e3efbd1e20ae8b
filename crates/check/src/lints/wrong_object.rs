//! Whom to trust behind an https service: said by no object, or by one that is about clients (C3).

use std::fmt::Write as _;

use viaduct_config::document::Node;
use viaduct_config::rule::{HostPattern, Rule};

use super::objects::{Backend, Object, Objects, first_certificate, list, text};
use crate::Setting;
use crate::catalogue::Diagnosis;
use crate::diagnostic::{Diagnostic, Help};
use crate::edit::Edit;
use crate::place::Field;
use crate::source::Is;

pub(super) fn look(objects: &Objects<'_>, setting: &Setting, found: &mut Vec<Diagnostic>) {
    let trusts_by_default = setting.routing.as_ref().is_some_and(|routing| {
        let transport = &routing.servers_transport;
        transport.root_cas.is_some() || transport.insecure_skip_verify
    });
    let mut told: Vec<(usize, &Node)> = Vec::new();
    for backend in objects.backends() {
        if !backend.is_https() || backend.is_external() || backend.transport().is_some() || trusts_by_default
        {
            continue;
        }
        match Asked::of(objects, backend) {
            Some(asked) => {
                if !told
                    .iter()
                    .any(|(file, node)| *file == asked.file && std::ptr::eq(*node, asked.node))
                {
                    told.push((asked.file, asked.node));
                    found.push(client_auth(objects, backend, &asked));
                }
            }
            None => found.push(nobody_said(objects, backend)),
        }
    }
}

/// The TLSOption of a route that demands certificates of clients, and where it is named.
struct Asked<'a> {
    file: usize,
    node: &'a Node,
    /// `None`: in lines that stand on their own.
    of_object: bool,
    option: Object<'a>,
    /// The first Secret that it verifies with.
    secret: &'a str,
}

impl<'a> Asked<'a> {
    fn of(objects: &Objects<'a>, backend: &Backend<'a>) -> Option<Self> {
        let object = backend.object;
        if let Some(field) = Field::at(object.root, "spec.tls.options") {
            return Self::at(objects, object, object.file, field.value, true);
        }
        // Lines pasted beside the object were meant for it.
        objects
            .sources
            .files
            .iter()
            .enumerate()
            .find_map(|(index, file)| {
                let mut parts = file.parts.iter().filter(|part| part.is == Is::Fragment);
                parts.find_map(|part| {
                    let options = Field::at(&part.root, "tls.options")?;
                    Self::at(objects, object, index, options.value, false)
                })
            })
    }

    fn at(
        objects: &Objects<'a>,
        object: Object<'a>,
        file: usize,
        node: &'a Node,
        of_object: bool,
    ) -> Option<Self> {
        let namespace = text(node, "namespace").unwrap_or(object.namespace);
        let option = objects.get("TLSOption", namespace, text(node, "name")?)?;
        let auth = Field::at(option.root, "spec.clientAuth")?.value;
        let secret = list(auth, "secretNames").first()?.as_str()?;
        Some(Self {
            file,
            node,
            of_object,
            option,
            secret,
        })
    }
}

fn client_auth(objects: &Objects<'_>, backend: &Backend<'_>, asked: &Asked<'_>) -> Diagnostic {
    let Object { namespace, name, .. } = asked.option;
    let message = format!(
        "`clientAuth` of TLSOption `{namespace}/{name}` guards your clients: it demands a certificate of everyone who visits, and does not make the certificate of Service `{}` trusted; you want a ServersTransport",
        backend.name
    );
    let field = Field {
        key: None,
        value: asked.node.get("name").unwrap_or(asked.node),
    };
    let diagnostic = Diagnostic::new(Diagnosis::ClientAuthForBackend, message)
        .about(backend.object.subject())
        .at(objects.place(asked.file, field))
        .field("spec.tls.options");
    let solution = transport(objects, backend, Some(asked.secret));
    let without = asked
        .of_object
        .then(|| without_options(objects, backend.object))
        .flatten();
    match without {
        None => diagnostic.help(solution),
        Some(without) if is_of_a_server(objects, asked) && !solution.edits.is_empty() => {
            diagnostic.help(together(objects, solution, without))
        }
        Some(without) => diagnostic.help(solution).help(without),
    }
}

/// Whether clients could never have a certificate of it: it is a server's pair and no CA.
fn is_of_a_server(objects: &Objects<'_>, asked: &Asked<'_>) -> bool {
    let secret = objects.get("Secret", asked.option.namespace, asked.secret);
    secret
        .and_then(|secret| first_certificate(&secret.value("tls.crt")?))
        .is_some_and(|facts| !facts.is_ca)
}

/// Both edits at once: with the TLSOption still there, the bridge that is mended would be reached by nobody.
fn together(objects: &Objects<'_>, solution: Help, without: Help) -> Help {
    let mut edits = solution.edits;
    for edit in &mut edits {
        let Some(file) = objects.sources.files.get(edit.file) else {
            continue;
        };
        let end = file.text.len();
        let behind = file.text.get(edit.start..).unwrap_or_default();
        let in_front = edit.start == edit.end && matches!(behind, "\n" | "\r\n");
        if in_front
            && without
                .edits
                .iter()
                .any(|other| other.file == edit.file && other.end == end)
        {
            // The last line, in front of whose end the document goes, is taken out.
            edit.start = end;
            edit.end = end;
            edit.text = format!("{}{}", edit.text.trim_start(), file.line_end);
        }
    }
    edits.extend(without.edits);
    Help::edit(
        format!(
            "{}; and take the TLSOption off the route, as no client has a certificate of the backend's",
            solution.text
        ),
        edits,
    )
}

fn nobody_said(objects: &Objects<'_>, backend: &Backend<'_>) -> Diagnostic {
    let message = format!(
        "Service `{}` is spoken to by TLS, and no ServersTransport says whom to trust and by which name: the system's CAs, and the pod's address",
        backend.name
    );
    let path = backend.path();
    Diagnostic::new(Diagnosis::NoTransport, message)
        .about(backend.object.subject())
        .at(objects.place_of(backend.object, &format!("{path}.name")))
        .field(path)
        .help(transport(objects, backend, None))
}

/// The ServersTransport to write, or the one that is there, named at the service. `secret`: what holds the CA.
fn transport(objects: &Objects<'_>, backend: &Backend<'_>, secret: Option<&str>) -> Help {
    let namespace = backend.object.namespace;
    let mut there = objects
        .of_kind("ServersTransport")
        .filter(|object| object.namespace == namespace);
    let known = match secret {
        Some(secret) => there.find(|object| names_secret(object.root, secret)),
        // One alone is probably the one.
        None => there.next().filter(|_| there.next().is_none()),
    };
    let name = known.map_or_else(
        || format!("{}-transport", backend.name),
        |known| known.name.to_owned(),
    );
    let Some(editor) = objects.editor(backend.object.file) else {
        return Help::words(format!("name it at the service: `serversTransport: {name}`"));
    };
    let line = format!("serversTransport: {name}");
    let Some(named) = editor.append(backend.object.root, &backend.path(), &[line]) else {
        return Help::words(format!(
            "name a ServersTransport at the service: `serversTransport: {name}`"
        ));
    };
    if known.is_some() {
        return Help::edit(
            format!("name ServersTransport `{name}`, which is there, at the service"),
            vec![named],
        );
    }
    let Some(secret) = secret else {
        return Help::words(format!(
            "write a ServersTransport `{name}` with `rootCAs` (the backend's CA) and `serverName` (a name of the backend's certificate), and name it at the service: `serversTransport: {name}`"
        ));
    };
    let document = written(objects, backend, &name, secret);
    let edits: Vec<Edit> = vec![named, editor.append_document(&document)];
    Help::edit(
        "write a ServersTransport that trusts the backend's CA, and name it at the service",
        edits,
    )
}

fn names_secret(transport: &Node, secret: &str) -> bool {
    let of_list = list(transport, "spec.rootCAsSecrets")
        .iter()
        .any(|item| item.as_str() == Some(secret));
    of_list
        || list(transport, "spec.rootCAs")
            .iter()
            .any(|item| text(item, "secret") == Some(secret))
}

fn written(objects: &Objects<'_>, backend: &Backend<'_>, name: &str, secret: &str) -> String {
    let namespace = backend.object.namespace;
    let mut document = format!(
        "apiVersion: traefik.io/v1alpha1\nkind: ServersTransport\nmetadata:\n  name: {name}\n  namespace: {namespace}\n\
         spec:\n  rootCAs:\n  - secret: {secret}\n"
    );
    if let Some(server) = server_name(objects, backend, secret) {
        // Writing to a `String` does not fail.
        writeln!(document, "  serverName: {server}").unwrap_or_default();
    }
    document
}

/// A name that the backend's certificate has; where that is not known, the host that clients ask for.
fn server_name(objects: &Objects<'_>, backend: &Backend<'_>, secret: &str) -> Option<String> {
    let (route, _) = backend.at;
    let rule = Field::at(backend.object.root, &format!("spec.routes[{route}].match"));
    let hosts = rule
        .and_then(|rule| rule.value.as_str())
        .map(Rule::hosts_mentioned);
    let host = hosts.unwrap_or_default().into_iter().find_map(|host| match host {
        HostPattern::Exact(host) => Some(host.as_str().to_owned()),
        HostPattern::Wildcard(_) | HostPattern::Any => None,
    });
    let leaf = objects
        .get("Secret", backend.object.namespace, secret)
        .and_then(|secret| first_certificate(&secret.value("tls.crt")?));
    let Some(leaf) = leaf else { return host };
    let names = leaf.dns_names;
    match host {
        Some(host) if names.contains(&host) => Some(host),
        _ => names.into_iter().find(|name| !name.starts_with('*')),
    }
}

/// The route without the TLSOption, and with TLS as before.
fn without_options(objects: &Objects<'_>, object: Object<'_>) -> Option<Help> {
    let editor = objects.editor(object.file)?;
    let tls = Field::at(object.root, "spec.tls")?;
    let alone = match &tls.value.value {
        viaduct_config::document::Value::Mapping(entries) => entries.len() == 1,
        _ => false,
    };
    let edit = if alone {
        editor.empty(object.root, "spec.tls")?
    } else {
        editor.remove(object.root, "spec.tls.options")?
    };
    Some(Help::edit(
        "take the TLSOption off the route, unless its clients are to show certificates",
        vec![edit],
    ))
}
