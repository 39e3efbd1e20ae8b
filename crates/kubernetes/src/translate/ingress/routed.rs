//! Routers and services, until they have their names.
//!
//! Names are Traefik's where those are unique, and every object has its own where they are not (I4).

use std::collections::BTreeMap;

use viaduct_config::dynamic::http::{LoadBalancer, Router, Service};
use viaduct_config::{Element, Finding};

use super::super::names::{self, Assigned};
use super::super::{Context, Draft};
use super::backend::Asked;
use super::elements::Elements;
use crate::api::{Kind, Name, Port};
use crate::index::Subject;

/// What a router is for: one path of one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Identity<'a> {
    pub(super) object: &'a Name,
    pub(super) host: &'a str,
    pub(super) path: &'a str,
    /// An exact path and the same path as a prefix are two.
    pub(super) exact: bool,
}

impl Identity<'_> {
    /// `namespace-ingress-host-path`.
    pub(super) fn plain_name(&self) -> String {
        names::normalize(&format!("{}-{}{}", self.object, self.host, self.path))
    }

    fn unique(&self) -> String {
        let exact = if self.exact { "exact" } else { "" };
        names::unique(&[
            &self.object.namespace,
            &self.object.name,
            self.host,
            self.path,
            exact,
        ])
    }
}

/// A router before its name and its service's are known.
pub(super) struct Pending<'a> {
    pub(super) subject: Subject<'a>,
    /// `spec.rules[0].http.paths[0]`.
    pub(super) field: String,
    pub(super) plain: String,
    pub(super) router: Router,
    pub(super) faults: Vec<Finding>,
    pub(super) backend: Backend,
    /// The one of `spec.defaultBackend`.
    pub(super) is_default: bool,
}

/// Whom a router leads to.
pub(super) enum Backend {
    Service(Wanted),
    /// No Service at all.
    Nothing(Box<Finding>),
}

/// Namespace, Service and port as written: what makes two backends one service.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Wanted {
    service: Name,
    port: String,
    by_name: bool,
}

/// The services, each once, whoever names it.
#[derive(Default)]
pub(super) struct Backends<'a>(BTreeMap<Wanted, Made<'a>>);

struct Made<'a> {
    /// Who named it first.
    subject: Subject<'a>,
    field: String,
    balancer: Result<LoadBalancer, Finding>,
}

impl<'a> Backends<'a> {
    pub(super) fn take(
        &mut self,
        cx: &Context<'_>,
        elements: &Elements<'_>,
        asked: &Asked<'a>,
        draft: &mut Draft,
    ) -> Backend {
        let wanted = match asked.wanted() {
            Ok(wanted) => wanted,
            Err(fault) => return Backend::Nothing(Box::new(fault)),
        };
        let key = Wanted {
            service: Name::new(&*asked.subject.name.namespace, wanted.name),
            port: wanted.port_text(),
            by_name: matches!(wanted.port, Some(Port::Name(_))),
        };
        if !self.0.contains_key(&key) {
            let made = Made {
                subject: asked.subject,
                field: asked.field.clone(),
                balancer: asked.build(cx, elements, &wanted, draft),
            };
            self.0.insert(key.clone(), made);
        }
        Backend::Service(key)
    }
}

/// Gives everything its name and puts it into the update.
pub(super) fn finish(
    pending: BTreeMap<Identity<'_>, Pending<'_>>,
    backends: Backends<'_>,
    draft: &mut Draft,
) {
    let routers = router_names(&pending);
    let services = service_names(&pending, &backends);
    for (identity, plain) in &routers.ambiguous {
        draft.note(names::ambiguity(Kind::Ingress, identity.object, plain));
    }
    for (service, plain) in &services.ambiguous {
        draft.note(names::ambiguity(Kind::Service, &service.service, plain));
    }
    for (identity, pending) in pending {
        let name = routers.get(&identity).unwrap_or_else(|| pending.plain.clone());
        let service = match &pending.backend {
            Backend::Service(wanted) => services.get(&wanted).unwrap_or_else(|| wanted.plain()),
            Backend::Nothing(fault) => {
                draft.broken(Element::Service(name.clone()), (**fault).clone());
                name.clone()
            }
        };
        pending.place(name, service, draft);
    }
    for (wanted, made) in &backends.0 {
        let name = services.get(&wanted).unwrap_or_else(|| wanted.plain());
        made.place(wanted, name, draft);
    }
}

/// Within an object, Traefik tells routers of one name apart by the hashes of their rules; between objects it
/// does not.
fn router_names<'a>(pending: &BTreeMap<Identity<'a>, Pending<'a>>) -> Assigned<Identity<'a>> {
    let mut of_object: BTreeMap<(&Name, &str), usize> = BTreeMap::new();
    for (identity, pending) in pending {
        *of_object.entry((identity.object, &pending.plain)).or_default() += 1;
    }
    let mut names = Assigned::default();
    for (identity, pending) in pending {
        let plain = pending.plain.as_str();
        let name = match of_object.get(&(identity.object, plain)) {
            _ if pending.is_default => DEFAULT_ROUTER.to_owned(),
            Some(2..) => names::normalize(&format!("{plain}-{}", names::hash(&pending.router.rule))),
            _ => plain.to_owned(),
        };
        names.claim(*identity, name);
    }
    names.settle(|identity| identity.unique())
}

fn service_names<'b>(
    pending: &BTreeMap<Identity<'_>, Pending<'_>>,
    backends: &'b Backends<'_>,
) -> Assigned<&'b Wanted> {
    let default = pending.values().find(|pending| pending.is_default);
    // Shared with a rule it has the rule's name; alone it has Traefik's.
    let of_rules = |wanted: &Wanted| {
        let mut rules = pending.values().filter(|pending| !pending.is_default);
        rules.any(|pending| matches!(&pending.backend, Backend::Service(named) if named == wanted))
    };
    let of_default = match default.map(|pending| &pending.backend) {
        Some(Backend::Service(wanted)) if !of_rules(wanted) => Some(wanted),
        _ => None,
    };
    let mut names = Assigned::default();
    for wanted in backends.0.keys() {
        let name = if of_default == Some(wanted) {
            DEFAULT_SERVICE.to_owned()
        } else {
            wanted.plain()
        };
        names.claim(wanted, name);
    }
    names.settle(Wanted::unique)
}

/// As Traefik names them.
const DEFAULT_ROUTER: &str = "default-router";
const DEFAULT_SERVICE: &str = "default-backend";

impl Wanted {
    /// `namespace-service-port`.
    fn plain(&self) -> String {
        names::child(&self.service, &self.port)
    }

    fn unique(&self) -> String {
        let by = if self.by_name { "name" } else { "number" };
        names::unique(&[&self.service.namespace, &self.service.name, &self.port, by])
    }
}

impl Pending<'_> {
    fn place(self, name: String, service: String, draft: &mut Draft) {
        let element = Element::Router(name.clone());
        draft.origin(element.clone(), self.subject, &self.field);
        for fault in self.faults {
            draft.broken(element.clone(), fault);
        }
        let router = Router {
            service,
            ..self.router
        };
        draft.update.dynamic.http.routers.insert(name, router);
    }
}

impl Made<'_> {
    fn place(&self, wanted: &Wanted, name: String, draft: &mut Draft) {
        let element = Element::Service(name.clone());
        draft.origin(element.clone(), self.subject, &self.field);
        match &self.balancer {
            Ok(balancer) => {
                draft.balanced(element, &wanted.service, wanted.port.as_str().into());
                let service = Service {
                    load_balancer: Some(balancer.clone()),
                    ..Service::default()
                };
                draft.update.dynamic.http.services.insert(name, service);
            }
            Err(fault) => draft.broken(element, fault.clone()),
        }
    }
}
