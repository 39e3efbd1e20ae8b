//! What serving would make of the texts.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;
use viaduct_config::document::{Node, Value};
use viaduct_config::finding::Code;
use viaduct_config::{EntryPointName, Finding, Update};
use viaduct_kubernetes::{Index, translate, translate_ingresses};
use viaduct_snapshot::{BridgePolicy, EntryPointInstall, Inputs, Install, Snapshot, compile};
use viaduct_tls::ocsp::Staples;

use crate::source::{Is, Sources};
use crate::{Setting, is_of_a_process};

pub(crate) struct Served {
    pub(crate) findings: Vec<Finding>,
    pub(crate) updates: Vec<Arc<Update>>,
    pub(crate) snapshot: Arc<Snapshot>,
}

pub(crate) fn served(sources: &Sources, setting: &Setting) -> Served {
    let mut early = Vec::new();
    let mut updates = kubernetes(sources, setting);
    updates.extend(files(sources, setting, &mut early));
    let mut routing = setting
        .routing
        .clone()
        .unwrap_or_else(|| entry_points_that_are_named(&updates));
    // When the next exception ends is for a process that goes on.
    let _ends = routing.bridge.advance(setting.at);
    routing.bridge.heed(updates.iter());
    let updates: Vec<_> = updates.into_iter().map(Arc::new).collect();
    let inputs = Inputs {
        install: &routing,
        updates: &updates,
        generated_default: Arc::clone(&setting.generated_default),
        // Nobody is asked, so there is nothing to be said of it.
        staples: Some(&Arc::new(Staples::new())),
        overlaps: None,
    };
    let (snapshot, found) = compile(&inputs, None);
    early.extend(found);
    // An article shows one element in several ways.
    let in_article = |finding: &Finding| {
        let place = finding.location.as_ref();
        place.is_some_and(|place| {
            sources
                .file(&place.file)
                .is_some_and(|(_, file)| file.is_markdown())
        })
    };
    early.retain(|finding| {
        let is_shown_again = finding.code == Code::DuplicateObject && finding.element.is_some();
        !(is_of_a_process(finding.code) || is_shown_again && in_article(finding))
    });
    if !has_endpoints(sources) {
        // Endpoints are a cluster's; manifests seldom have them.
        early.retain(|finding| finding.code != Code::NoServers || finding.object.is_none());
    }
    Served {
        findings: early,
        updates,
        snapshot,
    }
}

fn kubernetes(sources: &Sources, setting: &Setting) -> Vec<Update> {
    let mut index = Index::new(setting.admit);
    let mut any = false;
    for file in &sources.files {
        if file.has(|is| is == Is::Kubernetes) {
            any = true;
            index.apply(&file.name, &file.only(|is| is == Is::Kubernetes));
        }
    }
    if !any {
        return Vec::new();
    }
    if !has_endpoints(sources) {
        index.apply("endpoints", &endpoints(sources));
    }
    vec![
        translate(&index, &setting.manifests),
        translate_ingresses(&index, &setting.ingresses).0,
    ]
}

fn files(sources: &Sources, setting: &Setting, findings: &mut Vec<Finding>) -> Option<Update> {
    let texts: Vec<_> = sources
        .files
        .iter()
        .filter(|file| file.has(Is::is_dynamic) || file.is_template())
        .flat_map(|file| {
            let texts = if file.is_template() {
                vec![file.text.clone()]
            } else {
                file.texts(Is::is_dynamic).0
            };
            texts.into_iter().map(|text| (PathBuf::from(&*file.name), text))
        })
        .collect();
    if texts.is_empty() {
        return None;
    }
    let (update, problems) = viaduct_providers::read_texts(&texts, &|name| setting.env.get(name).cloned());
    findings.extend(problems.into_iter().map(|problem| problem.finding));
    Some(update)
}

/// Entry points that are all there, as nobody says which there are.
fn entry_points_that_are_named(updates: &[Update]) -> Install {
    let mut named: BTreeSet<&str> = updates
        .iter()
        .flat_map(|update| update.dynamic.http.routers.values())
        .flat_map(|router| router.entry_points.iter().map(String::as_str))
        .collect();
    if named.is_empty() {
        // Routers that name none have the default ones, and there is always one.
        named.insert("web");
    }
    let entry_points = named.into_iter().map(|name| EntryPointInstall {
        name: EntryPointName::new(name),
        tls: None,
        middlewares: Vec::new(),
        as_default: true,
    });
    Install {
        entry_points: entry_points.collect(),
        bridge: BridgePolicy {
            heeds_namespaces: true,
            ..BridgePolicy::default()
        },
        ..Install::default()
    }
}

/// One for each port of each Service, at an address for documentation (RFC 5737): which class the bridges to a Service are
/// of does not depend on where its pods are.
fn endpoints(sources: &Sources) -> String {
    let mut slices = Vec::new();
    for part in sources.files.iter().flat_map(|file| &file.parts) {
        let root = &part.root;
        let listed = match root.get("items").map(|items| &items.value) {
            Some(Value::Sequence(items)) => items.iter().collect(),
            _ => vec![root],
        };
        slices.extend(listed.into_iter().filter_map(slice));
    }
    // JSON is YAML.
    let documents = slices.iter().map(|slice| format!("---\n{slice}\n"));
    documents.collect()
}

fn slice(service: &Node) -> Option<serde_json::Value> {
    let text = |path: &str| service.at(path).and_then(Node::as_str);
    let Value::Sequence(ports) = &service.at("spec.ports")?.value else {
        return None;
    };
    if text("kind") != Some("Service") || text("spec.externalName").is_some() {
        return None;
    }
    let ports: Vec<_> = ports
        .iter()
        .map(|port| {
            let of = |key: &str| port.get(key).and_then(Node::as_str);
            let protocol = of("protocol").unwrap_or("TCP");
            json!({ "name": of("name").unwrap_or_default(), "port": 1, "protocol": protocol })
        })
        .collect();
    let name = text("metadata.name")?;
    Some(json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": name,
            "namespace": text("metadata.namespace").unwrap_or("default"),
            "labels": { "kubernetes.io/service-name": name },
        },
        "addressType": "IPv4",
        "ports": ports,
        "endpoints": [{ "addresses": ["192.0.2.1"] }],
    }))
}

fn has_endpoints(sources: &Sources) -> bool {
    let mut parts = sources.files.iter().flat_map(|file| &file.parts);
    parts.any(|part| {
        let kind = part.root.get("kind").and_then(|kind| kind.as_str());
        kind.is_some_and(|kind| kind.starts_with("Endpoint"))
    })
}
