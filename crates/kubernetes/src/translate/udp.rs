//! `IngressRouteUDP` -> `udp.routers` and `udp.services`.

use std::collections::{BTreeMap, HashSet};

use viaduct_config::Element;
use viaduct_config::dynamic::udp::{
    UdpLoadBalancer, UdpRouter, UdpServer, UdpService, UdpWeighted, UdpWeightedService,
};
use viaduct_config::finding::Code;

use super::endpoints::Protocol;
use super::names;
use super::streams::Stream;
use super::{Context, Draft, routes};
use crate::api::IngressRouteUdp;
use crate::api::ingress_route_udp::{Route, ServiceRef};
use crate::index::Subject;

pub(super) fn translate(cx: &Context<'_>, draft: &mut Draft) {
    let mut routings = BTreeMap::new();
    for held in cx.view.all::<IngressRouteUdp>() {
        let Ok(object) = held.state else { continue };
        let class = object.spec.ingress_class_name.as_deref();
        if !routes::is_of_class(cx, class, object.class_annotation.as_deref()) {
            continue;
        }
        for (index, route) in object.spec.routes.iter().enumerate() {
            let name = cx.names.udp_router(held.subject.name, index);
            let routing = Routing {
                cx,
                subject: held.subject,
                entry_points: &object.spec.entry_points,
                route,
                field: format!("spec.routes[{index}]"),
            };
            routings.insert(name, routing);
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
    entry_points: &'a [String],
    route: &'a Route,
    field: String,
}

impl Routing<'_> {
    fn route(&self, name: String, taken: &mut HashSet<String>, draft: &mut Draft) {
        draft.origin(Element::UdpRouter(name.clone()), self.subject, &self.field);
        self.services(&name, taken, draft);
        let router = UdpRouter {
            entry_points: self.entry_points.to_vec(),
            service: name.clone(),
        };
        draft.update.dynamic.udp.routers.insert(name, router);
    }

    /// The service `own`, and its parts if it has several.
    fn services(&self, own: &str, taken: &mut HashSet<String>, draft: &mut Draft) {
        let field = format!("{}.services", self.field);
        match self.route.services.as_slice() {
            [] => {
                let message = "the route has no service";
                let finding = self.subject.error(Code::InvalidService, &field, message);
                draft.broken(Element::UdpService(own.to_owned()), finding);
            }
            [only] => self.service(own.to_owned(), 0, only, draft),
            several => {
                let mut services = Vec::new();
                for (index, service) in several.iter().enumerate() {
                    let name = names::part(own, &service.name, service.port.as_ref(), index, taken);
                    self.service(name.clone(), index, service, draft);
                    services.push(UdpWeightedService {
                        name,
                        weight: Some(service.weight.unwrap_or(1)),
                    });
                }
                draft.origin(Element::UdpService(own.to_owned()), self.subject, &field);
                let weighted = UdpService {
                    weighted: Some(UdpWeighted { services }),
                    ..UdpService::default()
                };
                draft.update.dynamic.udp.services.insert(own.to_owned(), weighted);
            }
        }
    }

    fn service(&self, name: String, index: usize, service: &ServiceRef, draft: &mut Draft) {
        let field = format!("{}.services[{index}]", self.field);
        let element = Element::UdpService(name.clone());
        draft.origin(element.clone(), self.subject, &field);
        let stream = Stream {
            subject: self.subject,
            field,
            protocol: Protocol::Udp,
            name: &service.name,
            namespace: service.namespace.as_deref(),
            port: service.port.as_ref(),
            native_lb: service.native_lb,
            node_port_lb: service.node_port_lb,
        };
        match stream.addresses(self.cx, draft) {
            Ok(addresses) => {
                let servers = addresses.into_iter();
                let written = UdpService {
                    load_balancer: Some(UdpLoadBalancer {
                        servers: servers.map(|address| UdpServer { address }).collect(),
                    }),
                    ..UdpService::default()
                };
                draft.update.dynamic.udp.services.insert(name, written);
            }
            Err(fault) => draft.broken(element, fault),
        }
    }
}
