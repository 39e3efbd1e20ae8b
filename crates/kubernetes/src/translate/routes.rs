//! `IngressRoute` -> `http.routers` and `http.services`.

use std::collections::{BTreeMap, HashSet};

use viaduct_config::dynamic::http::{Router, RouterTls};
use viaduct_config::finding::Code;
use viaduct_config::rule::Rule;
use viaduct_config::{Element, Finding};

use super::composed::{Composed, Part, Shape};
use super::incremental::Traces;
use super::material::{self, Fault};
use super::references::{self, Target, Written};
use super::services::Asked;
use super::tls;
use super::{Context, Draft, near};
use crate::api::ingress_route::Route;
use crate::api::{IngressRoute, Kind, Name, Reference, TlsOption};
use crate::index::{Lookup, Subject};

pub(super) fn translate<'a>(
    cx: &'a Context<'a>,
    draft: &mut Draft,
    composed: &mut Vec<Composed<'a>>,
    traces: &mut Traces,
) {
    let parents = parents(cx);
    let mut routers: BTreeMap<String, Routed<'a>> = BTreeMap::new();
    traces.others.extend(cx.view.looked());
    for held in cx.view.all::<IngressRoute>() {
        // One that was never good has no rule to be found by; its fault is among the index's.
        let Ok(object) = held.state else { continue };
        let is_parent = parents.contains(held.subject.name);
        let is_plain = translate_one(cx, draft, held.subject, object, is_parent, &mut routers);
        traces.route(held.subject.name, is_plain, cx.view.looked());
    }
    for routed in routers.into_values() {
        composed.extend(routed.finish(draft));
    }
}

/// Adds the routers of one object. Whether they are plain, and nothing is said about any.
pub(super) fn translate_one<'a>(
    cx: &'a Context<'a>,
    draft: &mut Draft,
    subject: Subject<'a>,
    object: &'a IngressRoute,
    is_parent: bool,
    routers: &mut BTreeMap<String, Routed<'a>>,
) -> bool {
    let class = object.spec.ingress_class_name.as_deref();
    if !is_of_class(cx, class, object.class_annotation.as_deref()) {
        return true;
    }
    let notes = draft.update.notes.len();
    let mut is_plain = true;
    for index in 0..object.spec.routes.len() {
        let Some(routed) =
            Routing::new(cx, subject, object, index).and_then(|routing| routing.route(draft, is_parent))
        else {
            continue;
        };
        is_plain &= routed.is_plain();
        if let Some(earlier) = routers.insert(routed.name.clone(), routed) {
            draft.note(overwritten(earlier.subject, &earlier.field));
        }
    }
    is_plain && draft.update.notes.len() == notes
}

/// IngressRoutes that others name as their parents. Those may do without a service.
fn parents(cx: &Context<'_>) -> HashSet<Name> {
    let routes = cx.view.all::<IngressRoute>();
    let parents = routes.flat_map(|held| {
        let parents = held.state.map(|object| object.spec.parent_refs.as_slice());
        let namespace = &held.subject.name.namespace;
        parents
            .unwrap_or_default()
            .iter()
            .map(move |parent| parent.of(namespace))
    });
    parents.collect()
}

/// A router and its service, until all routes have been read.
pub(super) struct Routed<'a> {
    name: String,
    subject: Subject<'a>,
    /// `spec.routes[0]`.
    field: String,
    router: Router,
    faults: Vec<Finding>,
    /// `None`: another element answers.
    service: Option<Composed<'a>>,
}

impl<'a> Routed<'a> {
    /// Whether one Service is behind it, or a service that has a name already, and nothing is wrong with it.
    pub(super) fn is_plain(&self) -> bool {
        let service = self.service.as_ref();
        self.faults.is_empty() && service.is_none_or(|own| matches!(own.shape, Shape::One(_)))
    }

    pub(super) fn finish(self, draft: &mut Draft) -> Option<Composed<'a>> {
        let element = Element::Router(self.name.clone());
        draft.origin(
            element.clone(),
            self.subject,
            &[self.field.as_str(), ".match"].concat(),
        );
        for fault in self.faults {
            draft.broken(element.clone(), fault);
        }
        draft.update.dynamic.http.routers.insert(self.name, self.router);
        self.service
    }
}

/// Whether an object is of the class we serve. Without one configured: of no class, or `traefik`.
pub(super) fn is_of_class(cx: &Context<'_>, class: Option<&str>, annotation: Option<&str>) -> bool {
    let class = class.or(annotation).unwrap_or_default();
    match cx.policy.ingress_class.as_deref() {
        None | Some("") => class.is_empty() || class == "traefik",
        Some(wanted) => class == wanted,
    }
}

/// Traefik lets the last of two equal rules of an object win.
pub(super) fn overwritten(subject: Subject<'_>, field: &str) -> Finding {
    let message = "a later route of the same object has the same rule and replaces this one";
    subject.warning(Code::DuplicateObject, &format!("{field}.match"), message)
}

/// One route of an object, being read.
struct Routing<'a> {
    cx: &'a Context<'a>,
    subject: Subject<'a>,
    object: &'a IngressRoute,
    route: &'a Route,
    field: String,
    faults: Vec<Finding>,
}

/// Who answers a route.
enum Service {
    /// The service of its own name.
    Own { field: String, shape: Box<Shape> },
    /// An element that has a name already.
    Named(String),
    /// Nobody: it is there for the routes below it.
    Nobody,
}

impl<'a> Routing<'a> {
    fn new(
        cx: &'a Context<'a>,
        subject: Subject<'a>,
        object: &'a IngressRoute,
        index: usize,
    ) -> Option<Self> {
        Some(Self {
            cx,
            subject,
            object,
            route: object.spec.routes.get(index)?,
            field: format!("spec.routes[{index}]"),
            faults: Vec::new(),
        })
    }

    /// `None` for a route without a rule, which nothing could be routed by.
    fn route(mut self, draft: &mut Draft, is_parent: bool) -> Option<Routed<'a>> {
        if self.route.rule.trim().is_empty() {
            let message = "the route has no rule";
            draft.note(self.error(Code::InvalidRule, "match", message));
            return None;
        }
        self.check_kind();
        let parent_refs = self.parent_refs();
        let middlewares = self.middlewares();
        let tls = self.tls(draft);
        let name = self.cx.names.router(self.subject.name, &self.route.rule);
        let (service, own) = match self.service(draft, is_parent) {
            Service::Named(element) => (element, None),
            Service::Nobody => (String::new(), None),
            Service::Own { field, shape } => {
                self.lint_wrong_object(&shape, draft);
                let own = Composed {
                    name: name.clone(),
                    subject: self.subject,
                    field,
                    rule: &self.route.rule,
                    shape: *shape,
                };
                (name.clone(), Some(own))
            }
        };
        let router = Router {
            entry_points: self.object.spec.entry_points.clone(),
            middlewares,
            service,
            rule: self.route.rule.clone(),
            rule_syntax: self.route.syntax.clone(),
            priority: self.route.priority,
            tls,
            observability: self.route.observability.clone(),
            parent_refs,
        };
        Some(Routed {
            name,
            subject: self.subject,
            field: self.field,
            router,
            faults: self.faults,
            service: own,
        })
    }

    fn at(&self, field: &str) -> String {
        [self.field.as_str(), ".", field].concat()
    }

    fn error(&self, code: Code, field: &str, message: impl Into<String>) -> Finding {
        self.subject.error(code, &self.at(field), message)
    }

    fn check_kind(&mut self) {
        if let Some(kind) = self.route.kind.as_deref().filter(|kind| *kind != "Rule") {
            let message = format!("`{kind}` is not a kind of route");
            let finding = self.error(Code::InvalidObject, "kind", message);
            self.faults.push(finding.wanted("Rule").got(kind));
        }
    }

    /// The names of all that are written, whether or not they can be had: the router is served with all
    /// of them or not at all.
    fn middlewares(&mut self) -> Vec<String> {
        let mut names = Vec::new();
        for (index, middleware) in self.route.middlewares.iter().enumerate() {
            let field = self.at(&format!("middlewares[{index}]"));
            let named = references::middleware(self.cx, self.subject, &field, middleware);
            names.push(named.name);
            self.faults.extend(named.fault.map(|fault| *fault));
        }
        names
    }

    /// The routers of all IngressRoutes that this one is below of.
    fn parent_refs(&mut self) -> Vec<String> {
        let mut names = Vec::new();
        for (index, parent) in self.object.spec.parent_refs.iter().enumerate() {
            let field = format!("spec.parentRefs[{index}]");
            match self.parent(parent, &field) {
                Ok(routers) => names.extend(routers),
                Err(fault) => self.faults.push(fault),
            }
        }
        names
    }

    fn parent(&self, parent: &Reference, field: &str) -> Result<Vec<String>, Finding> {
        let written = Written {
            subject: self.subject,
            field,
            kind: "IngressRoute",
            name: &parent.name,
            namespace: parent.namespace.as_deref(),
        };
        let target = match written.resolve(self.cx)? {
            Target::Object(target) => target,
            Target::Element(element) => return Ok(vec![element]),
        };
        match self.cx.view.find::<IngressRoute>(&target) {
            Some((name, Ok(object))) if !object.spec.routes.is_empty() => {
                let routes = object.spec.routes.iter();
                Ok(routes
                    .map(|route| self.cx.names.router(name, &route.rule))
                    .collect())
            }
            Some((_, Ok(_))) => {
                let message = format!("IngressRoute `{target}` has no routes to be below of");
                Err(self.subject.error(Code::InvalidObject, field, message))
            }
            Some((_, Err(cause))) => {
                let message = format!("IngressRoute `{target}` cannot be read: {}", cause.message);
                let finding = self.subject.error(Code::InvalidObject, field, message);
                Err(finding.because(cause))
            }
            None => Err(near::hint::<IngressRoute>(
                self.cx,
                written.missing(&target),
                &target,
            )),
        }
    }

    fn tls(&mut self, draft: &mut Draft) -> Option<RouterTls> {
        let written = self.object.spec.tls.as_ref();
        self.misplaced_secret(draft);
        if let Some(secret) = written
            .and_then(|tls| tls.secret_name.as_deref())
            .filter(|name| !name.is_empty())
        {
            self.certificate(secret, "spec.tls.secretName", draft);
        } else if let Some(secret) = self.route.secret_name.as_deref() {
            let field = self.at("secretName");
            self.certificate(secret, &field, draft);
        }
        let Some(tls) = written else {
            return self.route.secret_name.as_ref().map(|_| RouterTls::default());
        };
        tls::note_store(self.subject, tls.store.as_ref(), draft);
        let options = tls::options_of(self.cx, self.subject, tls.options.as_ref());
        self.faults.extend(options.fault.map(|fault| *fault));
        Some(RouterTls {
            options: options.name,
            cert_resolver: tls.cert_resolver.clone(),
            domains: tls.domains.clone(),
        })
    }

    /// `secretName` under the route, where an API server would drop it (S2).
    fn misplaced_secret(&self, draft: &mut Draft) {
        let Some(secret) = &self.route.secret_name else {
            return;
        };
        let of_tls = self
            .object
            .spec
            .tls
            .as_ref()
            .and_then(|tls| tls.secret_name.as_ref());
        let message = match of_tls {
            None => {
                "`secretName` does not belong under a route; it is read as `spec.tls.secretName`, and a cluster would drop it"
            }
            Some(_) => {
                "`secretName` does not belong under a route and has no effect: `spec.tls.secretName` is set"
            }
        };
        draft.note(
            self.subject
                .warning(Code::MisplacedField, &self.at("secretName"), message)
                .hint(format!("write `spec.tls.secretName: {secret}`")),
        );
    }

    fn certificate(&mut self, secret: &str, field: &str, draft: &mut Draft) {
        let name = Name::new(&*self.subject.name.namespace, secret);
        // Whoever was first looked at it for all; this looks at it for this one.
        let name = self.cx.view.known(Kind::Secret, name);
        let router = self.cx.names.router(self.subject.name, &self.route.rule);
        let owner = (Element::Router(router), name.clone());
        if draft.has_certificate(&name) {
            draft.own_certificates.push(owner);
            return;
        }
        match material::pair(self.cx, &name) {
            Ok(pair) => {
                draft.own_certificates.push(owner);
                draft.certificate(name, pair, None);
            }
            Err(fault) => {
                let finding = fault.finding(self.cx, self.subject, field, Code::InvalidCertificate);
                self.faults.push(self.without_certificate(finding, &fault));
            }
        }
    }

    /// What is missing, what clients notice of it, and the edit.
    fn without_certificate(&self, finding: Finding, fault: &Fault) -> Finding {
        let mut hosts: Vec<_> = self
            .object
            .spec
            .routes
            .iter()
            .take(MAX_HOSTS)
            .flat_map(|route| Rule::hosts_mentioned(&route.rule))
            .map(|host| format!("`{host}`"))
            .collect();
        hosts.dedup();
        let hosts = match hosts.get(..MAX_HOSTS) {
            _ if hosts.is_empty() => String::new(),
            None => format!(" for {}", hosts.join(", ")),
            Some(first) => format!(" for {} and others", first.join(", ")),
        };
        let entry_points = match self.object.spec.entry_points.as_slice() {
            [] => "every entry point".to_owned(),
            [only] => format!("entry point `{only}`"),
            several => format!("entry points `{}`", several.join("`, `")),
        };
        let message = format!(
            "{}; unless another certificate has the name, clients of {entry_points} are shown the default certificate{hosts}, which they do not trust; requests are answered with 503",
            finding.message,
        );
        let edit = match fault {
            Fault::Missing { name, .. } => Some(format!(
                "create Secret `{name}` with `tls.crt` and `tls.key`, or name another one"
            )),
            Fault::NoKey { .. }
            | Fault::NotOneKey { .. }
            | Fault::Broken { .. }
            | Fault::Empty { .. }
            | Fault::NotText { .. } => None,
        };
        let hint = match (finding.hint.clone(), edit) {
            (Some(near), Some(edit)) if near.ends_with('?') => Some(format!("{near} Otherwise {edit}")),
            (Some(near), Some(edit)) => Some(format!("{near}: {edit}")),
            (near, edit) => near.or(edit),
        };
        Finding {
            message,
            hint,
            ..finding
        }
    }

    fn service(&mut self, draft: &mut Draft, is_parent: bool) -> Service {
        let of_route = self.at("serversTransport");
        let route_transport = self
            .route
            .servers_transport
            .as_deref()
            .filter(|name| !name.is_empty())
            .map(|name| (of_route.as_str(), name));
        if let Some((field, name)) = route_transport {
            draft.note(self.misplaced_transport(field, name));
        }
        let mut asked: Vec<_> = self
            .route
            .services
            .iter()
            .enumerate()
            .map(|(index, service)| Asked {
                subject: self.subject,
                field: self.at(&format!("services[{index}]")),
                service,
                route_transport,
            })
            .collect();
        let field = self.at("services");
        if asked.is_empty() && is_parent {
            let message = "routes above other routes are not served yet, and this one has no service";
            let finding = self.error(Code::Unsupported, "services", message);
            self.faults.push(finding);
            return Service::Nobody;
        }
        let shape = match asked.as_mut_slice() {
            [] => {
                let finding = self.error(Code::InvalidService, "services", "the route has no service");
                Shape::Broken(Box::new(finding))
            }
            [only] if only.is_composed() => {
                let named = only.composed(self.cx, draft);
                match named.fault {
                    None => return Service::Named(named.name),
                    Some(fault) => Shape::Broken(fault),
                }
            }
            [only] => match only.build(self.cx, draft) {
                Ok(built) => {
                    let field = std::mem::take(&mut only.field);
                    let shape = Box::new(Shape::One(Box::new(built)));
                    return Service::Own { field, shape };
                }
                Err(fault) => Shape::Broken(Box::new(fault)),
            },
            several => Shape::Weighted {
                parts: several
                    .iter_mut()
                    .map(|asked| Part {
                        share: asked.service.weight,
                        is: asked.part(self.cx, draft),
                        field: std::mem::take(&mut asked.field),
                    })
                    .collect(),
                sticky: None,
            },
        };
        Service::Own {
            field,
            shape: Box::new(shape),
        }
    }

    fn misplaced_transport(&self, field: &str, name: &str) -> Finding {
        let message = "`serversTransport` does not belong under a route; it is read as that of the route's services, and a cluster would drop it";
        let services = self.at("services[0].serversTransport");
        self.subject
            .warning(Code::MisplacedField, field, message)
            .hint(format!("write `{services}: {name}`"))
    }

    /// The afternoon that is lost when `clientAuth` is thought to be about the backend (C3).
    fn lint_wrong_object(&self, shape: &Shape, draft: &mut Draft) {
        let Some(options) = self.object.spec.tls.as_ref().and_then(|tls| tls.options.as_ref()) else {
            return;
        };
        let Ok(Target::Object(target)) = tls::options_reference(self.subject, options).resolve(self.cx)
        else {
            return;
        };
        let Lookup::Good(option) = self.cx.view.get::<TlsOption>(&target) else {
            return;
        };
        if let Some(built) = shape.built().into_iter().find(|built| built.trusts_system)
            && tls::demands(option)
        {
            let message = format!(
                "`clientAuth` of TLSOption `{target}` asks this proxy's clients for a certificate; it does not make the certificate of Service `{}` trusted",
                built.service
            );
            draft.note(
                self.subject
                    .warning(Code::MisplacedField, "spec.tls.options", message)
                    .hint("whom to trust behind an https service is said by a ServersTransport with `rootCAs`, named in `services[].serversTransport`"),
            );
        }
    }
}

/// How many hosts a message names.
const MAX_HOSTS: usize = 4;
