//! `IngressRouteTCP` and `MiddlewareTCP` -> `tcp.routers`, `tcp.services` and `tcp.middlewares`.

use std::collections::{BTreeMap, HashSet};

use viaduct_config::dynamic::tcp::{
    TcpLoadBalancer, TcpMiddleware, TcpRouter, TcpRouterTls, TcpServer, TcpService, TcpWeighted,
    TcpWeightedService,
};
use viaduct_config::finding::Code;
use viaduct_config::{Element, Finding};

use super::endpoints::Protocol;
use super::material;
use super::names;
use super::references::Written;
use super::streams::Stream;
use super::{Context, Draft, routes, tls};
use crate::api::ingress_route_tcp::{Route, ServiceRef, Tls};
use crate::api::{IngressRouteTcp, MiddlewareTcp, Name, Reference, ServersTransportTcp};
use crate::index::Subject;

pub(super) fn translate_middlewares(cx: &Context<'_>, draft: &mut Draft) {
    for held in cx.view.all::<MiddlewareTcp>() {
        let name = cx.names.tcp_middleware(held.subject.name);
        let element = Element::TcpMiddleware(name.clone());
        draft.origin(element.clone(), held.subject, "");
        match held.state {
            Ok(middleware) => {
                let written = TcpMiddleware {
                    in_flight_conn: middleware.in_flight_conn.clone(),
                    ip_allow_list: middleware.ip_allow_list.clone(),
                    ip_white_list: middleware.ip_white_list.clone(),
                };
                draft.update.dynamic.tcp.middlewares.insert(name, written);
            }
            Err(finding) => draft.broken(element, finding.clone()),
        }
    }
}

pub(super) fn translate(cx: &Context<'_>, draft: &mut Draft) {
    let mut routings = BTreeMap::new();
    for held in cx.view.all::<IngressRouteTcp>() {
        // One that was never good has no rule to be found by; its fault is among the index's.
        let Ok(object) = held.state else { continue };
        let class = object.spec.ingress_class_name.as_deref();
        if !routes::is_of_class(cx, class, object.class_annotation.as_deref()) {
            continue;
        }
        for (index, route) in object.spec.routes.iter().enumerate() {
            let routing = Routing {
                cx,
                subject: held.subject,
                object,
                route,
                field: format!("spec.routes[{index}]"),
            };
            if route.rule.trim().is_empty() {
                let message = "the route has no rule";
                draft.note(routing.error(Code::InvalidRule, "match", message));
                continue;
            }
            let name = cx.names.tcp_router(held.subject.name, &route.rule);
            if let Some(earlier) = routings.insert(name, routing) {
                draft.note(routes::overwritten(earlier.subject, &earlier.field));
            }
        }
    }
    let mut taken: HashSet<String> = routings.keys().cloned().collect();
    for (name, routing) in routings {
        routing.route(name, &mut taken, draft);
    }
}

/// One route of an object, being read.
struct Routing<'a> {
    cx: &'a Context<'a>,
    subject: Subject<'a>,
    object: &'a IngressRouteTcp,
    route: &'a Route,
    field: String,
}

impl Routing<'_> {
    fn route(&self, name: String, taken: &mut HashSet<String>, draft: &mut Draft) {
        let element = Element::TcpRouter(name.clone());
        draft.origin(element.clone(), self.subject, &self.at("match"));
        let mut faults = Vec::new();
        let router = TcpRouter {
            entry_points: self.object.spec.entry_points.clone(),
            middlewares: self.middlewares(&mut faults),
            service: name.clone(),
            rule: self.route.rule.clone(),
            rule_syntax: self.route.syntax.clone(),
            priority: self.route.priority,
            tls: self
                .object
                .spec
                .tls
                .as_ref()
                .map(|tls| self.tls(&element, tls, &mut faults, draft)),
        };
        for fault in faults {
            draft.broken(element.clone(), fault);
        }
        self.services(&name, taken, draft);
        draft.update.dynamic.tcp.routers.insert(name, router);
    }

    fn at(&self, field: &str) -> String {
        format!("{}.{field}", self.field)
    }

    fn error(&self, code: Code, field: &str, message: &str) -> Finding {
        self.subject.error(code, &self.at(field), message)
    }

    fn middlewares(&self, faults: &mut Vec<Finding>) -> Vec<String> {
        let references = self.route.middlewares.iter().enumerate();
        references
            .map(|(index, reference)| {
                let field = self.at(&format!("middlewares[{index}]"));
                let Reference { name, namespace } = reference;
                let written = Written {
                    subject: self.subject,
                    field: &field,
                    kind: "MiddlewareTCP",
                    name,
                    namespace: namespace.as_deref(),
                };
                let cx = self.cx;
                let named = written.element::<MiddlewareTcp>(cx, |name| cx.names.tcp_middleware(name));
                faults.extend(named.fault.map(|fault| *fault));
                named.name
            })
            .collect()
    }

    fn tls(&self, router: &Element, tls: &Tls, faults: &mut Vec<Finding>, draft: &mut Draft) -> TcpRouterTls {
        if let Some(secret) = tls.secret_name.as_deref().filter(|name| !name.is_empty()) {
            let name = Name::new(&*self.subject.name.namespace, secret);
            match material::pair(self.cx, &name) {
                Ok(pair) => {
                    draft.own_certificates.push((router.clone(), name.clone()));
                    draft.certificate(name, pair, None);
                }
                Err(fault) => {
                    let field = "spec.tls.secretName";
                    faults.push(fault.finding(self.cx, self.subject, field, Code::InvalidCertificate));
                }
            }
        }
        tls::note_store(self.subject, tls.store.as_ref(), draft);
        let options = tls::options_of(self.cx, self.subject, tls.options.as_ref());
        faults.extend(options.fault.map(|fault| *fault));
        TcpRouterTls {
            passthrough: tls.passthrough,
            options: options.name,
            cert_resolver: tls.cert_resolver.clone(),
            domains: tls.domains.clone(),
        }
    }

    /// The service `own`, and its parts if it has several.
    fn services(&self, own: &str, taken: &mut HashSet<String>, draft: &mut Draft) {
        match self.route.services.as_slice() {
            [] => {
                let element = Element::TcpService(own.to_owned());
                let message = "the route has no service";
                draft.broken(element, self.error(Code::InvalidService, "services", message));
            }
            [only] => self.service(own.to_owned(), 0, only, draft),
            several => {
                let mut services = Vec::new();
                for (index, service) in several.iter().enumerate() {
                    let name = names::part(own, &service.name, service.port.as_ref(), index, taken);
                    self.service(name.clone(), index, service, draft);
                    services.push(TcpWeightedService {
                        name,
                        weight: Some(service.weight.unwrap_or(1)),
                    });
                }
                let element = Element::TcpService(own.to_owned());
                draft.origin(element, self.subject, &self.at("services"));
                let weighted = TcpService {
                    weighted: Some(TcpWeighted {
                        services,
                        health_check: None,
                    }),
                    ..TcpService::default()
                };
                draft.update.dynamic.tcp.services.insert(own.to_owned(), weighted);
            }
        }
    }

    fn service(&self, name: String, index: usize, service: &ServiceRef, draft: &mut Draft) {
        let field = self.at(&format!("services[{index}]"));
        let element = Element::TcpService(name.clone());
        draft.origin(element.clone(), self.subject, &field);
        match self.balancer(field, service, draft) {
            Ok(balancer) => {
                let written = TcpService {
                    load_balancer: Some(balancer),
                    ..TcpService::default()
                };
                draft.update.dynamic.tcp.services.insert(name, written);
            }
            Err(fault) => draft.broken(element, fault),
        }
    }

    fn balancer(
        &self,
        field: String,
        service: &ServiceRef,
        draft: &mut Draft,
    ) -> Result<TcpLoadBalancer, Finding> {
        let transport_field = format!("{field}.serversTransport");
        let stream = Stream {
            subject: self.subject,
            field,
            protocol: Protocol::Tcp,
            name: &service.name,
            namespace: service.namespace.as_deref(),
            port: service.port.as_ref(),
            native_lb: service.native_lb,
            node_port_lb: service.node_port_lb,
        };
        let addresses = stream.addresses(self.cx, draft)?;
        Ok(TcpLoadBalancer {
            servers: addresses
                .into_iter()
                .map(|address| TcpServer {
                    address,
                    tls: service.tls,
                })
                .collect(),
            servers_transport: self.transport(&transport_field, &service.servers_transport)?,
            proxy_protocol: service.proxy_protocol.clone(),
            termination_delay: service.termination_delay,
            health_check: None,
        })
    }

    /// Empty for the default one.
    fn transport(&self, field: &str, name: &str) -> Result<String, Finding> {
        if name.is_empty() {
            return Ok(String::new());
        }
        let written = Written {
            subject: self.subject,
            field,
            kind: "ServersTransportTCP",
            name,
            namespace: None,
        };
        let cx = self.cx;
        let named = written.element::<ServersTransportTcp>(cx, |name| cx.names.tcp_transport(name));
        named.fault.map_or(Ok(named.name), |fault| Err(*fault))
    }
}
