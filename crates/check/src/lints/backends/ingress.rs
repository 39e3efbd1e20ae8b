//! Services that Ingresses name. How they are spoken to is said by annotations of theirs.

use std::collections::HashMap;

use viaduct_config::document::{Node, Value};

use super::{Backend, Form, Router, leg, port};
use crate::lints::objects::{Object, Objects, list, text};
use crate::place::Field;

pub(super) fn find<'a>(objects: &Objects<'a>, found: &mut Vec<Backend<'a>>) {
    let mut known: HashMap<Target<'_>, usize> = HashMap::new();
    for object in objects
        .of_kind("Ingress")
        .filter(|object| is_ours(objects, *object))
    {
        for (path, node, host) in backends(object) {
            let Some(backend) = backend(objects, object, path, node, host) else {
                continue;
            };
            let wanted = port(backend.service, named_port(node));
            let key = (backend.namespace, backend.name, wanted);
            match known.get(&key).and_then(|at| found.get_mut(*at)) {
                // What is wrong is wrong with the Service, and told once.
                Some(before) => before.routers.extend(backend.routers),
                None => {
                    known.insert(key, found.len());
                    found.push(backend);
                }
            }
        }
    }
}

/// Namespace and name of a Service, and its port.
type Target<'a> = (&'a str, &'a str, Option<(i64, &'a str)>);

/// The value of an annotation of Traefik's; in whatever case it was written, as Traefik reads them.
pub(in crate::lints) fn annotation<'a>(object: Object<'a>, name: &str) -> Option<&'a Node> {
    let annotations = Field::at(object.root, "metadata.annotations")?.value;
    let Value::Mapping(entries) = &annotations.value else {
        return None;
    };
    entries.iter().find_map(|(key, value)| {
        let own = key.text.strip_prefix(PREFIX)?;
        own.eq_ignore_ascii_case(name).then_some(value)
    })
}

/// One of another controller's class says nothing about us.
fn is_ours(objects: &Objects<'_>, object: Object<'_>) -> bool {
    let class = Field::at(object.root, "spec.ingressClassName").map(|field| field.value);
    let class = class.or_else(|| {
        let annotations = Field::at(object.root, "metadata.annotations")?.value;
        annotations.get("kubernetes.io/ingress.class")
    });
    match class.and_then(Node::as_str) {
        None | Some("" | "traefik") => true,
        Some(class) => objects.of_kind("IngressClass").any(|known| {
            let controller = Field::at(known.root, "spec.controller");
            known.name == class
                && controller.and_then(|field| field.value.as_str()) == Some("traefik.io/ingress-controller")
        }),
    }
}

/// Path, `service` of the backend, and the host that it is for.
fn backends(object: Object<'_>) -> Vec<(String, &Node, Option<&str>)> {
    let mut found = Vec::new();
    if let Some(field) = Field::at(object.root, "spec.defaultBackend.service") {
        found.push(("spec.defaultBackend.service".to_owned(), field.value, None));
    }
    for (rule, written) in list(object.root, "spec.rules").iter().enumerate() {
        for (path, node) in list(written, "http.paths").iter().enumerate() {
            if let Some(field) = Field::at(node, "backend.service") {
                let path = format!("spec.rules[{rule}].http.paths[{path}].backend.service");
                found.push((path, field.value, text(written, "host")));
            }
        }
    }
    found
}

fn named_port(service: &Node) -> Option<&Node> {
    let port = service.get("port")?;
    port.get("number").or_else(|| port.get("name"))
}

fn backend<'a>(
    objects: &Objects<'a>,
    object: Object<'a>,
    path: String,
    node: &'a Node,
    host: Option<&'a str>,
) -> Option<Backend<'a>> {
    let name = text(node, "name")?;
    let service = objects.get("Service", object.namespace, name);
    let scheme = service.and_then(|service| annotation(service, "service.serversscheme")?.as_str());
    let transport = service.and_then(|service| annotation(service, "service.serverstransport")?.as_str());
    let tls = "metadata.annotations".to_owned();
    let router = Router {
        subject: object.subject(),
        file: object.file,
        root: object.root,
        namespace: "",
        rule: host,
        options: annotation(object, "router.tls.options"),
        tls,
    };
    Some(Backend {
        form: Form::Ingress,
        subject: object.subject(),
        file: service.map_or(object.file, |service| service.file),
        root: service.map_or(object.root, |service| service.root),
        path: "metadata.annotations".to_owned(),
        mark: (object.file, node.get("name")?),
        field: path,
        name,
        namespace: object.namespace,
        service,
        leg: leg(scheme, port(service, named_port(node))),
        transport: transport.map(str::trim).filter(|name| !name.is_empty()),
        hosts: Vec::new(),
        routers: vec![router],
    })
}

const PREFIX: &str = "traefik.ingress.kubernetes.io/";
