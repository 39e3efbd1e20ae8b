//! `IngressRoute` -> `http.routers` and `http.services`.

use std::collections::BTreeMap;

use viaduct_config::Finding;
use viaduct_config::dynamic::http::{Router, RouterTls};
use viaduct_config::finding::Code;
use viaduct_config::rule::Rule;

use super::material::{self, Fault};
use super::names::{self, DEFAULT};
use super::references::{Target, Written};
use super::routed::{Child, Children, Routed, Services};
use super::services::{Asked, Built};
use super::tls;
use super::{Context, Draft, near};
use crate::api::ingress_route::{Route, Tls};
use crate::api::{IngressRoute, Name, Reference, TlsOption};
use crate::index::{Lookup, Subject};

pub(super) fn translate(cx: &Context<'_>, draft: &mut Draft) {
    let mut routers: BTreeMap<String, Routed<'_>> = BTreeMap::new();
    for held in cx.view.all::<IngressRoute>() {
        // One that was never good has no rule to be found by; its fault is among the index's.
        let Ok(object) = held.state else { continue };
        if !is_ours(cx, object) {
            continue;
        }
        for index in 0..object.spec.routes.len() {
            let Some(routed) =
                Routing::new(cx, held.subject, object, index).and_then(|routing| routing.route(draft))
            else {
                continue;
            };
            if let Some(earlier) = routers.insert(routed.name.clone(), routed) {
                draft.note(overwritten(&earlier));
            }
        }
    }
    let children = Children::assign(&routers);
    for routed in routers.into_values() {
        routed.finish(&children, draft);
    }
}

/// Whether the object is of the class we serve. Without one configured: of no class, or `traefik`.
fn is_ours(cx: &Context<'_>, object: &IngressRoute) -> bool {
    let class = object
        .spec
        .ingress_class_name
        .as_deref()
        .or(object.class_annotation.as_deref())
        .unwrap_or_default();
    match cx.policy.ingress_class.as_deref() {
        None | Some("") => class.is_empty() || class == "traefik",
        Some(wanted) => class == wanted,
    }
}

/// Traefik lets the last of two equal rules of an object win.
fn overwritten(earlier: &Routed<'_>) -> Finding {
    let message = "a later route of the same object has the same rule and replaces this one";
    earlier.subject.warning(
        Code::DuplicateObject,
        &format!("{}.match", earlier.field),
        message,
    )
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
    fn route(mut self, draft: &mut Draft) -> Option<Routed<'a>> {
        if self.route.rule.trim().is_empty() {
            let message = "the route has no rule";
            draft.note(self.error(Code::InvalidRule, "match", message));
            return None;
        }
        self.refuse_unsupported();
        let tls = self.tls(draft);
        let services = self.services(draft);
        self.lint_wrong_object(&services, draft);
        let name = self.cx.names.router(self.subject.name, &self.route.rule);
        let router = Router {
            entry_points: self.object.spec.entry_points.clone(),
            middlewares: Vec::new(),
            service: match &services {
                Services::Internal(internal) => internal.clone(),
                Services::Broken(_) | Services::One(_) | Services::Several(_) => name.clone(),
            },
            rule: self.route.rule.clone(),
            rule_syntax: self.route.syntax.clone(),
            priority: self.route.priority,
            tls,
            observability: self.route.observability.clone(),
            parent_refs: Vec::new(),
        };
        Some(Routed {
            name,
            subject: self.subject,
            field: self.field,
            router,
            faults: self.faults,
            services,
        })
    }

    fn at(&self, field: &str) -> String {
        format!("{}.{field}", self.field)
    }

    fn error(&self, code: Code, field: &str, message: impl Into<String>) -> Finding {
        self.subject.error(code, &self.at(field), message)
    }

    fn refuse_unsupported(&mut self) {
        if let Some(kind) = self.route.kind.as_deref().filter(|kind| *kind != "Rule") {
            let message = format!("`{kind}` is not a kind of route");
            let finding = self.error(Code::InvalidObject, "kind", message);
            self.faults.push(finding.wanted("Rule").got(kind));
        }
        for (index, parent) in self.object.spec.parent_refs.iter().enumerate() {
            let field = format!("spec.parentRefs[{index}]");
            self.refuse_reference(parent, &field, "IngressRoute", "routes below other routes");
        }
        for (index, middleware) in self.route.middlewares.iter().enumerate() {
            let field = self.at(&format!("middlewares[{index}]"));
            self.refuse_reference(middleware, &field, "Middleware", "middlewares");
        }
    }

    /// Of a kind that is not served yet; a reference that is forbidden says that first.
    fn refuse_reference(&mut self, reference: &Reference, field: &str, kind: &'static str, what: &str) {
        let written = Written {
            subject: self.subject,
            field,
            kind,
            name: &reference.name,
            namespace: reference.namespace.as_deref(),
        };
        let fault = match written.resolve(self.cx) {
            Ok(_) => {
                let message = format!("{what} are not served yet, and `{}` is one", reference.name);
                self.subject.error(Code::Unsupported, field, message)
            }
            Err(forbidden) => forbidden,
        };
        self.faults.push(fault);
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
        self.note_store(tls, draft);
        Some(RouterTls {
            options: self.options(tls),
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
        match material::pair(self.cx, &name) {
            Ok(pair) => draft.certificate(name, pair, None),
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
            Fault::NoKey { .. } | Fault::Broken { .. } | Fault::Empty { .. } | Fault::NotText { .. } => None,
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

    fn note_store(&self, tls: &Tls, draft: &mut Draft) {
        if let Some(store) = tls.store.as_ref().filter(|store| store.name != DEFAULT) {
            let message = "only the TLSStore named `default` exists; this one has no effect";
            let finding = self
                .subject
                .warning(Code::Unsupported, "spec.tls.store.name", message);
            draft.note(finding.wanted(DEFAULT).got(store.name.as_str()));
        }
    }

    /// The name of the options; empty for the default ones.
    fn options(&mut self, tls: &Tls) -> String {
        let Some(options) = tls.options.as_ref().filter(|options| !options.name.is_empty()) else {
            return String::new();
        };
        let written = options_reference(self.subject, options);
        match written.resolve(self.cx) {
            Ok(Target::Element(element)) => element,
            Ok(Target::Object(target)) if &*target.name == DEFAULT => DEFAULT.to_owned(),
            Ok(Target::Object(target)) => {
                if !self.cx.view.has::<TlsOption>(&target) {
                    let missing = near::hint::<TlsOption>(self.cx, written.missing(&target), &target);
                    self.faults.push(missing);
                }
                self.cx.names.options(&target)
            }
            Err(forbidden) => {
                self.faults.push(forbidden);
                options.name.clone()
            }
        }
    }

    fn services(&self, draft: &mut Draft) -> Services {
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
        let asked: Vec<_> = self
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
        match asked.as_slice() {
            [] => {
                let finding = self.error(Code::InvalidService, "services", "the route has no service");
                Services::Broken(Box::new(finding))
            }
            [only] => match only.internal(self.cx) {
                Some(Ok(name)) => Services::Internal(name),
                Some(Err(fault)) => Services::Broken(Box::new(fault)),
                None => match only.build(self.cx, draft) {
                    Ok(built) => Services::One(Box::new(built)),
                    Err(fault) => Services::Broken(Box::new(fault)),
                },
            },
            several => Services::Several(several.iter().map(|asked| self.child(asked, draft)).collect()),
        }
    }

    fn misplaced_transport(&self, field: &str, name: &str) -> Finding {
        let message = "`serversTransport` does not belong under a route; it is read as that of the route's services, and a cluster would drop it";
        let services = self.at("services[0].serversTransport");
        self.subject
            .warning(Code::MisplacedField, field, message)
            .hint(format!("write `{services}: {name}`"))
    }

    fn child(&self, asked: &Asked<'a>, draft: &mut Draft) -> Child {
        let service = asked.service;
        let namespace = service
            .namespace
            .as_deref()
            .unwrap_or(&self.subject.name.namespace);
        let port = service
            .port
            .as_ref()
            .map_or_else(String::new, ToString::to_string);
        Child {
            plain: names::child(&Name::new(namespace, service.name.as_str()), &port),
            weight: service.weight.unwrap_or(1),
            field: asked.field.clone(),
            built: asked.build(self.cx, draft),
        }
    }

    /// The afternoon that is lost when `clientAuth` is thought to be about the backend (C3).
    fn lint_wrong_object(&self, services: &Services, draft: &mut Draft) {
        let Some(options) = self.object.spec.tls.as_ref().and_then(|tls| tls.options.as_ref()) else {
            return;
        };
        let Ok(Target::Object(target)) = options_reference(self.subject, options).resolve(self.cx) else {
            return;
        };
        let Lookup::Good(option) = self.cx.view.get::<TlsOption>(&target) else {
            return;
        };
        let built: Vec<&Built> = match services {
            Services::Broken(_) | Services::Internal(_) => Vec::new(),
            Services::One(built) => vec![built],
            Services::Several(children) => children
                .iter()
                .filter_map(|child| child.built.as_ref().ok())
                .collect(),
        };
        if let Some(built) = built.into_iter().find(|built| built.trusts_system)
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

fn options_reference<'a>(subject: Subject<'a>, options: &'a Reference) -> Written<'a> {
    Written {
        subject,
        field: "spec.tls.options",
        kind: "TLSOption",
        name: &options.name,
        namespace: options.namespace.as_deref(),
    }
}

/// How many hosts a message names.
const MAX_HOSTS: usize = 4;
