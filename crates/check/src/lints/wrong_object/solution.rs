//! The transport to write, or the one that is there, named where the backend is.

use std::fmt::Write as _;

use crate::diagnostic::Help;
use crate::edit::{Edit, Editor};
use crate::lints::Looked;
use crate::lints::backend_leg::carries;
use crate::lints::backends::{Backend, Form};
use crate::lints::evidence::Known;
use crate::lints::objects::first_certificate;
use crate::lints::trusts::{Of, Transport, names_secret};
use crate::place::Field;

/// A CA that the backend's certificate is verified with.
pub(super) struct Ca<'a> {
    /// Name of its Secret, or path of its file.
    pub(super) written: &'a str,
    /// A certificate that it has signed.
    pub(super) known: Option<Known<'a, 'a>>,
}

/// `ca`: where it is known.
pub(super) fn solution(looked: &Looked<'_>, backend: &Backend<'_>, ca: Option<&Ca<'_>>) -> Help {
    let known = there(looked, backend, ca);
    let name = known.map_or_else(|| format!("{}-transport", backend.name), own_name);
    let reference = match backend.form {
        Form::Ingress => format!("{}-{name}@kubernetescrd", backend.namespace),
        _ => name.clone(),
    };
    let kind = kind(backend);
    let Some((editor, named)) = named(looked, backend, &reference) else {
        return Help::words(match backend.form {
            Form::Ingress => format!("name a {kind} at the Service: annotation `{ANNOTATION}: {reference}`"),
            _ => format!("name a {kind} at the service: `serversTransport: {reference}`"),
        });
    };
    if known.is_some() {
        return Help::edit(
            format!("name {kind} `{name}`, which is there, at the service"),
            vec![named],
        );
    }
    let Some(ca) = ca else {
        let at = match backend.form {
            Form::Ingress => format!("annotation `{ANNOTATION}: {reference}`"),
            _ => format!("`serversTransport: {reference}`"),
        };
        return Help::words(format!(
            "write a {kind} `{name}` with `rootCAs` (the backend's CA) and `serverName` (a name of the backend's certificate), and name it at the service: {at}"
        ));
    };
    let written = if backend.form.is_file() {
        element(looked, backend, &name, ca, editor)
    } else {
        editor.append_document(backend.root, &document(looked, backend, &name, ca))
    };
    match written {
        None => Help::words(format!(
            "write a {kind} `{name}` with `rootCAs: [{}]`, and name it at the service: `serversTransport: {reference}`",
            ca.written
        )),
        Some(written) => Help::edit(
            format!("write a {kind} that trusts the backend's CA, and name it at the service"),
            vec![named, written],
        ),
    }
}

fn kind(backend: &Backend<'_>) -> &'static str {
    match backend.form {
        form if form.is_file() => "servers transport",
        form if form.is_tcp() => "ServersTransportTCP",
        _ => "ServersTransport",
    }
}

fn own_name(transport: &Transport<'_>) -> String {
    match transport.of {
        Of::Object(object) => object.name.to_owned(),
        Of::File { name, .. } => name.to_owned(),
    }
}

/// The transport that was probably written for the backend.
fn there<'l, 'a>(
    looked: &'l Looked<'a>,
    backend: &Backend<'_>,
    ca: Option<&Ca<'_>>,
) -> Option<&'l Transport<'a>> {
    let is_near = |transport: &&'l Transport<'a>| {
        let is_here = match transport.of {
            Of::Object(object) => !backend.form.is_file() && object.namespace == backend.namespace,
            Of::File { .. } => backend.form.is_file(),
        };
        is_here && transport.is_tcp() == backend.form.is_tcp()
    };
    let mut near = looked.transports.iter().filter(is_near);
    match ca {
        Some(ca) => near.find(|transport| {
            let mut cas = transport.cas.iter();
            cas.any(|trusted| trusted.mark.as_str() == Some(ca.written))
                || names_secret(transport, ca.written)
        }),
        // One alone is probably the one.
        None => near.next().filter(|_| near.next().is_none()),
    }
}

/// The edit that names it.
fn named<'a>(looked: &Looked<'a>, backend: &Backend<'a>, reference: &str) -> Option<(Editor<'a>, Edit)> {
    let editor = looked.objects.editor(backend.file)?;
    let edit = if backend.form == Form::Ingress {
        backend.service?;
        let line = format!("{ANNOTATION}: {reference}");
        match Field::at(backend.root, &backend.path) {
            Some(_) => editor.append(backend.root, &backend.path, &[line])?,
            None => editor.append(
                backend.root,
                "metadata",
                &["annotations:".to_owned(), format!("  {line}")],
            )?,
        }
    } else {
        editor.append(
            backend.root,
            &backend.path,
            &[format!("serversTransport: {reference}")],
        )?
    };
    Some((editor, edit))
}

fn document(looked: &Looked<'_>, backend: &Backend<'_>, name: &str, ca: &Ca<'_>) -> String {
    let namespace = backend.namespace;
    let kind = kind(backend);
    let (tls, margin) = if backend.form.is_tcp() {
        ("  tls:\n", "    ")
    } else {
        ("", "  ")
    };
    let mut document = format!(
        "apiVersion: traefik.io/v1alpha1\nkind: {kind}\nmetadata:\n  name: {name}\n  namespace: {namespace}\n\
         spec:\n{tls}{margin}rootCAs:\n{margin}- secret: {}\n",
        ca.written
    );
    if let Some(server) = server_name(looked, backend, ca) {
        // Writing to a `String` does not fail.
        writeln!(document, "{margin}serverName: {server}").unwrap_or_default();
    }
    document
}

/// An element of the file provider.
fn element(
    looked: &Looked<'_>,
    backend: &Backend<'_>,
    name: &str,
    ca: &Ca<'_>,
    editor: Editor<'_>,
) -> Option<Edit> {
    let tcp = backend.form.is_tcp();
    let section = if tcp { "tcp" } else { "http" };
    let mut inside = vec!["rootCAs:".to_owned(), format!("- {}", ca.written)];
    inside.extend(server_name(looked, backend, ca).map(|server| format!("serverName: {server}")));
    if tcp {
        inside = under("tls", inside);
    }
    let element = under(name, inside);
    let all = format!("{section}.serversTransports");
    if Field::at(backend.root, &all).is_some() {
        editor.append(backend.root, &all, &element)
    } else {
        editor.append(backend.root, section, &under("serversTransports", element))
    }
}

fn under(key: &str, lines: Vec<String>) -> Vec<String> {
    let inside = lines.into_iter().map(|line| format!("  {line}"));
    std::iter::once(format!("{key}:")).chain(inside).collect()
}

/// A name that the backend's certificate has; where that is not known, the host that clients ask for.
fn server_name(looked: &Looked<'_>, backend: &Backend<'_>, ca: &Ca<'_>) -> Option<String> {
    let host = backend.routers.iter().find_map(|router| router.host());
    let host = host.or_else(|| {
        let rule = backend.routers.iter().find_map(|router| router.rule)?;
        let is_host = backend.form == Form::Ingress && !rule.starts_with('*');
        is_host.then(|| rule.to_owned())
    });
    let beside = || {
        let secret = looked.objects.get("Secret", backend.namespace, ca.written)?;
        first_certificate(&secret.value("tls.crt")?)
    };
    let leaf = ca.known.map(|known| known.facts().clone()).or_else(beside);
    let Some(leaf) = leaf.filter(|leaf| !leaf.is_ca) else {
        return host;
    };
    match host {
        Some(host) if carries(&leaf, &host) => Some(host),
        // A host that it does not carry would be refused; nothing written is the pod's address.
        _ => leaf.dns_names.iter().find(|name| !name.starts_with('*')).cloned(),
    }
}

const ANNOTATION: &str = "traefik.ingress.kubernetes.io/service.serverstransport";
