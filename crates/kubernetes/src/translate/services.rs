//! One entry of `routes[].services` -> a load balancer, or why there is none.

use std::sync::Arc;

use viaduct_config::Finding;
use viaduct_config::dynamic::http::{LoadBalancer, ServerHealthCheck};
use viaduct_config::finding::Code;

use super::composed::PartIs;
use super::endpoints::{Protocol, Scheme};
use super::reach::{self, Reach};
use super::references::{self, Named, Target, Written};
use super::{Context, Draft, names, near};
use crate::api::core::{ServicePort, ServiceTarget};
use crate::api::ingress_route::ServiceRef;
use crate::api::{Kind, Name, ServersTransport, TraefikService};
use crate::index::Subject;

/// A service of a route, and where it is written.
pub(super) struct Asked<'a> {
    pub(super) subject: Subject<'a>,
    /// `spec.routes[0].services[0]`.
    pub(super) field: String,
    pub(super) service: &'a ServiceRef,
    /// `serversTransport` of the route, which no schema has (C4): the field and its value.
    pub(super) route_transport: Option<(&'a str, &'a str)>,
}

/// A load balancer and the Service it balances.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Built {
    pub(super) balancer: LoadBalancer,
    pub(super) service: Name,
    /// Its port, as written.
    pub(super) port: Arc<str>,
    /// Run once the service is chosen.
    pub(super) middlewares: Vec<String>,
    /// TLS to endpoints, and nothing says whom to trust.
    pub(super) trusts_system: bool,
}

impl Asked<'_> {
    pub(super) fn build(&self, cx: &Context<'_>, draft: &mut Draft) -> Result<Built, Finding> {
        self.check_kind()?;
        let name = cx.view.known(Kind::Service, self.name(cx)?);
        let service = reach::find(cx, self.subject, &self.at("name"), &name)?;
        let asked = self.service;
        let port = reach::port(
            self.subject,
            &self.at("port"),
            service,
            Protocol::Tcp,
            asked.port.as_ref(),
        )?;
        let scheme = self.scheme(&port)?;
        let reach = Reach {
            subject: self.subject,
            field: self.at("name"),
            port_field: self.at("port"),
            native_lb: self.native_lb(cx).then(|| self.at("nativeLB")),
            node_port_lb: self.service.node_port_lb.then(|| self.at("nodePortLB")),
            name: &name,
            service,
            port: &port,
            scheme,
        };
        let servers = reach.servers(cx, draft)?;
        let servers_transport = self.transport(cx, &name)?;
        let external = matches!(service.target, ServiceTarget::ExternalName(_));
        Ok(Built {
            trusts_system: scheme == Scheme::Https && servers_transport.is_empty() && !external,
            balancer: LoadBalancer {
                servers,
                strategy: self.strategy()?.to_owned(),
                pass_host_header: Some(asked.pass_host_header.unwrap_or(true)),
                response_forwarding: asked.response_forwarding.as_deref().cloned(),
                servers_transport,
                sticky: asked.sticky.clone(),
                health_check: self.health_check(external)?,
                passive_health_check: asked.passive_health_check.clone(),
            },
            middlewares: self.middlewares(cx)?,
            port: written_port(asked).into(),
            service: name,
        })
    }

    /// Whether it is a TraefikService, or another provider's service.
    pub(super) fn is_composed(&self) -> bool {
        self.service.kind.as_deref() == Some("TraefikService")
    }

    /// As a part of another service.
    pub(super) fn part(&self, cx: &Context<'_>, draft: &mut Draft) -> PartIs {
        if self.is_composed() {
            let mut named = self.composed(cx, draft);
            if named.fault.is_none() && named.name.ends_with(INTERNAL) {
                let message = format!("`{}` is internal: only a router can name it", named.name);
                named.fault = Some(Box::new(self.error(Code::ForbiddenReference, "name", message)));
            }
            return PartIs::Named(named);
        }
        let service = self.service;
        let namespace = service
            .namespace
            .as_deref()
            .unwrap_or(&self.subject.name.namespace);
        let name = Name::new(namespace, service.name.as_str());
        PartIs::Service {
            plain: names::child(&name, &written_port(service)),
            built: Box::new(self.build(cx, draft)),
        }
    }

    /// The TraefikService, or another provider's service, that it names. What the proxy answers itself
    /// (`<name>@internal`) is among them, and is for routers alone (CVE-2026-44774).
    pub(super) fn composed(&self, cx: &Context<'_>, draft: &mut Draft) -> Named {
        let field = self.at("name");
        let reference = Written {
            subject: self.subject,
            field: &field,
            kind: "TraefikService",
            name: &self.service.name,
            namespace: self.service.namespace.as_deref(),
        };
        let mut named = reference.element::<TraefikService>(cx, |name| cx.names.traefik_service(name));
        if named.fault.is_none() && !self.service.middlewares.is_empty() {
            let message = "middlewares of a service are for Services, and would not be applied here";
            let finding = self.error(Code::InvalidService, "middlewares", message);
            named.fault = Some(Box::new(
                finding.hint("name them in the TraefikService's own services"),
            ));
        }
        for field in self.without_effect() {
            let message = format!("`{field}` has no effect beside a TraefikService");
            let finding = self
                .subject
                .warning(Code::MisplacedField, &self.at(field), message);
            draft.note(finding.hint("write it where the TraefikService names its Services"));
        }
        named
    }

    /// Fields that say how a Service is used.
    fn without_effect(&self) -> impl Iterator<Item = &'static str> {
        let service = self.service;
        [
            ("scheme", !service.scheme.is_empty()),
            ("strategy", !service.strategy.is_empty()),
            ("sticky", service.sticky.is_some()),
            ("passHostHeader", service.pass_host_header.is_some()),
            ("responseForwarding", service.response_forwarding.is_some()),
            ("serversTransport", !service.servers_transport.is_empty()),
            ("nativeLB", service.native_lb.is_some()),
            ("nodePortLB", service.node_port_lb),
            ("healthCheck", service.health_check.is_some()),
            ("passiveHealthCheck", service.passive_health_check.is_some()),
        ]
        .into_iter()
        .filter_map(|(field, written)| written.then_some(field))
    }

    /// The path of a field of the entry.
    pub(super) fn at(&self, field: &str) -> String {
        [self.field.as_str(), ".", field].concat()
    }

    fn error(&self, code: Code, field: &str, message: impl Into<String>) -> Finding {
        self.subject.error(code, &self.at(field), message)
    }

    fn check_kind(&self) -> Result<(), Finding> {
        match self.service.kind.as_deref() {
            None | Some("" | "Service") => Ok(()),
            Some(other) => {
                let message = format!("`{other}` is not a kind of service");
                let finding = self.error(Code::InvalidObject, "kind", message);
                Err(finding.wanted("Service or TraefikService").got(other))
            }
        }
    }

    fn middlewares(&self, cx: &Context<'_>) -> Result<Vec<String>, Finding> {
        let named = (0_usize..)
            .zip(&self.service.middlewares)
            .map(|(index, reference)| {
                let field = self.at(&format!("middlewares[{index}]"));
                let named = references::middleware(cx, self.subject, &field, reference);
                named.fault.map_or(Ok(named.name), |fault| Err(*fault))
            });
        named.collect()
    }

    fn name(&self, cx: &Context<'_>) -> Result<Name, Finding> {
        let field = self.at("name");
        let reference = Written {
            subject: self.subject,
            field: &field,
            kind: "Service",
            name: &self.service.name,
            namespace: self.service.namespace.as_deref(),
        };
        match reference.resolve(cx)? {
            Target::Object(name) => Ok(name),
            Target::Element(element) => {
                let message = format!("`{element}` is not a Kubernetes Service");
                Err(self.error(Code::ForbiddenReference, "name", message))
            }
        }
    }

    /// As written; else https for port 443 and for ports whose name begins so (A9.4).
    fn scheme(&self, port: &ServicePort) -> Result<Scheme, Finding> {
        let written = self.service.scheme.as_str();
        if written.is_empty() {
            return Ok(Scheme::of_port(port));
        }
        Scheme::parse(written).ok_or_else(|| {
            let message = format!("`{written}` is not a scheme");
            let finding = self.error(Code::InvalidService, "scheme", message);
            finding.wanted("http, https or h2c").got(written)
        })
    }

    fn native_lb(&self, cx: &Context<'_>) -> bool {
        self.service.native_lb.unwrap_or(cx.policy.native_lb_by_default)
    }

    /// The name that the balancer refers to; empty for the default transport.
    fn transport(&self, cx: &Context<'_>, service: &Name) -> Result<String, Finding> {
        let own = self.at("serversTransport");
        let (field, name) = match (self.service.servers_transport.as_str(), self.route_transport) {
            ("", None) => return Ok(String::new()),
            ("", Some(of_route)) => of_route,
            (name, _) => (own.as_str(), name),
        };
        let reference = Written {
            subject: self.subject,
            field,
            kind: "ServersTransport",
            name,
            // Traefik looks in the Service's namespace, not in the route's.
            namespace: Some(&service.namespace),
        };
        match reference.resolve(cx)? {
            Target::Element(element) => Ok(element),
            Target::Object(target) if cx.view.has::<ServersTransport>(&target) => {
                Ok(cx.names.transport(&target))
            }
            Target::Object(target) => {
                let missing = reference.missing(&target);
                Err(near::hint::<ServersTransport>(cx, missing, &target))
            }
        }
    }

    fn strategy(&self) -> Result<&str, Finding> {
        match self.service.strategy.as_str() {
            "RoundRobin" => Ok("wrr"),
            known @ ("" | "wrr" | "p2c" | "hrw" | "leasttime") => Ok(known),
            other => {
                let message = format!("`{other}` is not a load-balancing strategy");
                let finding = self.error(Code::InvalidService, "strategy", message);
                Err(finding.wanted("wrr, p2c, hrw or leasttime").got(other))
            }
        }
    }

    fn health_check(&self, external: bool) -> Result<Option<Box<ServerHealthCheck>>, Finding> {
        if self.service.health_check.is_some() && !external {
            let message = "a health check is for ExternalName services; Kubernetes checks the others itself";
            return Err(self.error(Code::InvalidService, "healthCheck", message));
        }
        Ok(self.service.health_check.clone())
    }
}

/// A number or a name.
fn written_port(service: &ServiceRef) -> String {
    service
        .port
        .as_ref()
        .map_or_else(String::new, ToString::to_string)
}

/// What the proxy answers itself.
const INTERNAL: &str = "@internal";
