//! Services that objects of Traefik's name.

use std::collections::{HashMap, HashSet};

use viaduct_config::document::Node;

use super::{Backend, Form, Leg, Router, leg, port};
use crate::lints::objects::{Object, Objects, is_true, list, text};
use crate::place::Field;

pub(super) fn find<'a>(objects: &Objects<'a>, found: &mut Vec<Backend<'a>>) {
    let mut composed = Composed::default();
    for object in objects.of_kind("IngressRoute") {
        for (index, route) in list(object.root, "spec.routes").iter().enumerate() {
            let router = router(object, route);
            for (position, node) in list(route, "services").iter().enumerate() {
                let path = format!("spec.routes[{index}].services[{position}]");
                composed.named(object, node, &router);
                found.extend(Named { object, node, path }.backend(
                    objects,
                    Form::IngressRoute,
                    vec![router.clone()],
                    Some(route),
                ));
            }
        }
    }
    for object in objects.of_kind("IngressRouteTCP") {
        for (index, route) in list(object.root, "spec.routes").iter().enumerate() {
            for (position, node) in list(route, "services").iter().enumerate() {
                let path = format!("spec.routes[{index}].services[{position}]");
                found.extend(tcp(objects, Named { object, node, path }, router(object, route)));
            }
        }
    }
    composed.follow(objects);
    for object in objects.of_kind("TraefikService") {
        let routers = composed.of(object);
        for (path, node) in parts(object) {
            found.extend(Named { object, node, path }.backend(
                objects,
                Form::TraefikService,
                routers.clone(),
                None,
            ));
        }
    }
    for object in objects.of_kind("Middleware") {
        if let Some(field) = Field::at(object.root, ERRORS) {
            let named = Named {
                object,
                node: field.value,
                path: ERRORS.to_owned(),
            };
            found.extend(named.backend(objects, Form::TraefikService, Vec::new(), None));
        }
    }
}

fn router<'a>(object: Object<'a>, route: &'a Node) -> Router<'a> {
    Router {
        subject: object.subject(),
        file: object.file,
        root: object.root,
        namespace: object.namespace,
        rule: text(route, "match"),
        options: Field::at(object.root, "spec.tls.options").map(|field| field.value),
        tls: "spec.tls".to_owned(),
    }
}

/// A reference to a Service.
struct Named<'a> {
    object: Object<'a>,
    node: &'a Node,
    path: String,
}

impl<'a> Named<'a> {
    /// `None`: it is no Service. `route`: where a transport counts as well, to `up` alone.
    fn backend(
        self,
        objects: &Objects<'a>,
        form: Form,
        routers: Vec<Router<'a>>,
        route: Option<&'a Node>,
    ) -> Option<Backend<'a>> {
        let Self { object, node, path } = self;
        let kind = text(node, "kind").unwrap_or("Service");
        let name = text(node, "name").filter(|_| kind == "Service")?;
        let namespace = text(node, "namespace").unwrap_or(object.namespace);
        let service = objects.get("Service", namespace, name);
        let wanted = node.get("port");
        let transport = text(node, "serversTransport").or_else(|| text(route?, "serversTransport"));
        Some(Backend {
            form,
            subject: object.subject(),
            file: object.file,
            root: object.root,
            mark: (object.file, node.get("name")?),
            field: path.clone(),
            path,
            name,
            namespace,
            service,
            leg: leg(
                text(node, "scheme"),
                wanted.and_then(|wanted| port(service, Some(wanted))),
            ),
            transport: transport.filter(|name| !name.is_empty()),
            hosts: Vec::new(),
            routers,
        })
    }
}

fn tcp<'a>(objects: &Objects<'a>, named: Named<'a>, router: Router<'a>) -> Option<Backend<'a>> {
    let node = named.node;
    let passes = Field::at(router.root, "spec.tls").is_some_and(|tls| is_true(tls.value, "passthrough"));
    let backend = named.backend(objects, Form::IngressRouteTcp, vec![router], None)?;
    let leg = match (is_true(node, "tls"), passes) {
        (true, _) => Leg::Tls,
        (false, true) => Leg::Passthrough,
        (false, false) if backend.service.is_some() => Leg::Plain,
        (false, false) => Leg::Unknown,
    };
    Some(Backend { leg, ..backend })
}

/// The services that a TraefikService is made of, with their paths.
fn parts(object: Object<'_>) -> Vec<(String, &Node)> {
    let mut parts = Vec::new();
    for path in [
        "spec.weighted.services",
        "spec.highestRandomWeight.services",
        "spec.mirroring.mirrors",
    ] {
        let items = list(object.root, path).iter().enumerate();
        parts.extend(items.map(|(index, item)| (format!("{path}[{index}]"), item)));
    }
    for path in [
        "spec.mirroring",
        "spec.failover.service",
        "spec.failover.fallback",
    ] {
        if let Some(field) = Field::at(object.root, path) {
            parts.push((path.to_owned(), field.value));
        }
    }
    parts
}

/// Which routes lead to which TraefikServices.
#[derive(Default)]
struct Composed<'a>(HashMap<(&'a str, &'a str), Vec<Router<'a>>>);

impl<'a> Composed<'a> {
    fn named(&mut self, object: Object<'a>, node: &'a Node, router: &Router<'a>) {
        if let Some(target) = target(object, node) {
            self.0.entry(target).or_default().push(router.clone());
        }
    }

    /// Through TraefikServices that name others.
    fn follow(&mut self, objects: &Objects<'a>) {
        let mut todo: Vec<_> = self.0.keys().copied().collect();
        let mut seen: HashSet<_> = todo.iter().copied().collect();
        while let Some((namespace, name)) = todo.pop() {
            let Some(object) = objects.get("TraefikService", namespace, name) else {
                continue;
            };
            let routers = self.of(object);
            for target in parts(object)
                .into_iter()
                .filter_map(|(_, node)| target(object, node))
            {
                if seen.insert(target) {
                    self.0.entry(target).or_default().extend(routers.iter().cloned());
                    todo.push(target);
                }
            }
        }
    }

    fn of(&self, object: Object<'a>) -> Vec<Router<'a>> {
        self.0
            .get(&(object.namespace, object.name))
            .cloned()
            .unwrap_or_default()
    }
}

fn target<'a>(object: Object<'a>, node: &'a Node) -> Option<(&'a str, &'a str)> {
    let name = text(node, "name").filter(|_| text(node, "kind") == Some("TraefikService"))?;
    Some((text(node, "namespace").unwrap_or(object.namespace), name))
}

const ERRORS: &str = "spec.errors.service";
