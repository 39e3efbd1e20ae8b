//! What an author left for later, or had from earlier: placeholders, a namespace that is missing, the old name of a
//! field.

use std::collections::BTreeSet;

use viaduct_config::document::{Node, Value};

use super::objects::{Object, Objects, list};
use crate::catalogue::Diagnosis;
use crate::diagnostic::{Diagnostic, Help};
use crate::edit::Edit;
use crate::place::{Field, Place};

pub(super) fn look(objects: &Objects<'_>, found: &mut Vec<Diagnostic>) {
    namespaces(objects, found);
    for object in objects.all() {
        placeholders(objects, object, found);
        for (kind, path) in [("ServersTransport", "spec"), ("ServersTransportTCP", "spec.tls")] {
            if object.kind == kind {
                old_list(objects, object, path, found);
            }
        }
    }
}

/// Said where all the others are in one: then it was probably forgotten.
fn namespaces(objects: &Objects<'_>, found: &mut Vec<Diagnostic>) {
    let written = |object: &Object<'_>| Field::at(object.root, "metadata.namespace").is_some();
    let namespaced = || objects.all().filter(|object| NAMESPACED.contains(&object.kind));
    let others: BTreeSet<_> = namespaced()
        .filter(written)
        .map(|object| object.namespace)
        .collect();
    let mut others = others.into_iter();
    let Some(only) = others.next().filter(|_| others.next().is_none()) else {
        return;
    };
    for object in namespaced().filter(|object| !written(object)) {
        let message = format!(
            "no `metadata.namespace`: it goes to whichever one is current, and everything else is in `{only}`"
        );
        let line = format!("namespace: {only}");
        let edit = objects
            .editor(object.file)
            .and_then(|editor| editor.append(object.root, "metadata", &[line]));
        let text = format!("name it: `namespace: {only}`");
        found.push(
            Diagnostic::new(Diagnosis::NoNamespace, message)
                .about(object.subject())
                .at(objects.place_of(object, "metadata.name"))
                .field("metadata.namespace")
                .help(Help::edit(text, edit.into_iter().collect())),
        );
    }
}

/// `...` where a value belongs. TLS options tell of theirs themselves.
fn placeholders(objects: &Objects<'_>, object: Object<'_>, found: &mut Vec<Diagnostic>) {
    if object.kind != "ConfigMap" {
        return;
    }
    let Some(Value::Mapping(entries)) = object.root.get("data").map(|data| &data.value) else {
        return;
    };
    for (key, value) in entries {
        // Of other texts nobody knows what it means there: it ends a document of YAML, and is a statement of Python.
        if !WITHOUT_DOTS.iter().any(|end| key.text.ends_with(end)) {
            continue;
        }
        if let Some(place) = placeholder(objects, object.file, value) {
            let message = format!("`...` in `{}` stands for something that is not there", key.text);
            found.push(
                Diagnostic::new(Diagnosis::Placeholder, message)
                    .about(object.subject())
                    .at(Some(place))
                    .field(format!("data.{}", key.text)),
            );
        }
    }
}

/// The first line of a text that is nothing but dots.
fn placeholder(objects: &Objects<'_>, index: usize, value: &Node) -> Option<Place> {
    let is_one = |line: &str| matches!(line.trim(), "..." | "\u{2026}" | "# ...");
    let count = value
        .as_str()
        .filter(|text| text.lines().any(is_one))?
        .lines()
        .count();
    let file = objects.sources.files.get(index)?;
    let first = usize::try_from(value.location.line).ok()?.checked_sub(1)?;
    let line =
        (first..file.line_count().min(first + count + 1)).find(|line| is_one(file.line_text(*line)))?;
    let text = file.line_text(line);
    let start = file.line_start(line) + text.len() - text.trim_start().len();
    Some(Place::new(index, start..start + text.trim().len()))
}

/// `rootCAsSecrets`, which is `rootCAs` now.
fn old_list(objects: &Objects<'_>, object: Object<'_>, path: &str, found: &mut Vec<Diagnostic>) {
    let field = format!("{path}.rootCAsSecrets");
    let Some(key) = Field::at(object.root, &field).and_then(|field| field.key) else {
        return;
    };
    let edits = || {
        let editor = objects.editor(object.file)?;
        if Field::at(object.root, &format!("{path}.rootCAs")).is_some() {
            return None;
        }
        let mut edits = vec![editor.rename_key(key, "rootCAs")?];
        for item in list(object.root, &field) {
            item.as_str()?;
            let start = editor.file.offset_of(&item.location)?;
            edits.push(Edit::replace(object.file, start..start, "secret: "));
        }
        Some(edits).filter(|_| !editor.is_flow(object.root))
    };
    let file = objects.sources.files.get(object.file);
    let place = file.and_then(|file| file.token(&key.location));
    let message = "`rootCAsSecrets` is deprecated: it is `rootCAs` now, which takes ConfigMaps as well";
    found.push(
        Diagnostic::new(Diagnosis::DeprecatedField, message)
            .about(object.subject())
            .at(place.map(|place| Place::new(object.file, place)))
            .field(field.as_str())
            .help(Help::edit(
                "write `rootCAs` with `secret:`",
                edits().unwrap_or_default(),
            )),
    );
}

/// Ends of names of configuration in which such a line means nothing.
const WITHOUT_DOTS: [&str; 8] = [
    ".cfg",
    ".cnf",
    ".conf",
    ".env",
    ".ini",
    ".json",
    ".properties",
    ".toml",
];

/// Kinds that are known to be in a namespace. Of others nothing is said: many are a cluster's.
const NAMESPACED: [&str; 50] = [
    "BackendTLSPolicy",
    "Certificate",
    "CertificateRequest",
    "ConfigMap",
    "CronJob",
    "DaemonSet",
    "Deployment",
    "EndpointSlice",
    "Endpoints",
    "Event",
    "ExternalSecret",
    "GRPCRoute",
    "Gateway",
    "HTTPRoute",
    "HorizontalPodAutoscaler",
    "Ingress",
    "IngressRoute",
    "IngressRouteTCP",
    "IngressRouteUDP",
    "Issuer",
    "Job",
    "Lease",
    "LimitRange",
    "Middleware",
    "MiddlewareTCP",
    "NetworkPolicy",
    "PersistentVolumeClaim",
    "Pod",
    "PodDisruptionBudget",
    "PodMonitor",
    "ReferenceGrant",
    "ReplicaSet",
    "ReplicationController",
    "ResourceQuota",
    "Role",
    "RoleBinding",
    "SealedSecret",
    "Secret",
    "ServersTransport",
    "ServersTransportTCP",
    "Service",
    "ServiceAccount",
    "ServiceMonitor",
    "StatefulSet",
    "TCPRoute",
    "TLSOption",
    "TLSRoute",
    "TLSStore",
    "TraefikService",
    "UDPRoute",
];
