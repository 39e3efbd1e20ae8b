//! One entry of `routes[].services` -> a load balancer, or why there is none.

use viaduct_config::Finding;
use viaduct_config::dynamic::http::{LoadBalancer, ServerHealthCheck};
use viaduct_config::finding::Code;

use super::endpoints::Scheme;
use super::reach::{self, Reach};
use super::references::{Target, Written};
use super::{Context, Draft, near};
use crate::api::core::{Service, ServicePort, ServiceTarget};
use crate::api::ingress_route::ServiceRef;
use crate::api::{Name, Port, ServersTransport};
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
    /// TLS to endpoints, and nothing says whom to trust.
    pub(super) trusts_system: bool,
}

impl Asked<'_> {
    pub(super) fn build(&self, cx: &Context<'_>, draft: &mut Draft) -> Result<Built, Finding> {
        self.refuse_unsupported()?;
        let name = self.name(cx)?;
        let service = reach::find(cx, self.subject, &self.at("name"), &name)?;
        let port = self.port(service)?;
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
        let asked = self.service;
        let external = matches!(service.target, ServiceTarget::ExternalName(_));
        Ok(Built {
            trusts_system: scheme == Scheme::Https && servers_transport.is_empty() && !external,
            balancer: LoadBalancer {
                servers,
                strategy: self.strategy()?.to_owned(),
                pass_host_header: Some(asked.pass_host_header.unwrap_or(true)),
                response_forwarding: asked.response_forwarding.clone(),
                servers_transport,
                sticky: asked.sticky.clone(),
                health_check: self.health_check(external)?,
                passive_health_check: asked.passive_health_check.clone(),
            },
            service: name,
        })
    }

    /// `<name>@internal`, if that is what it names: what the proxy answers itself. Only as the one
    /// TraefikService of a route, never as a share of a weighted one (CVE-2026-44774).
    pub(super) fn internal(&self, cx: &Context<'_>) -> Option<Result<String, Finding>> {
        let asked = self.service;
        if asked.kind.as_deref() != Some("TraefikService") || !asked.name.ends_with("@internal") {
            return None;
        }
        let field = self.at("name");
        let reference = Written {
            subject: self.subject,
            field: &field,
            kind: "TraefikService",
            name: &asked.name,
            namespace: None,
        };
        match reference.resolve(cx) {
            Ok(Target::Element(name)) => Some(Ok(name)),
            Ok(Target::Object(_)) => None,
            Err(finding) => Some(Err(finding)),
        }
    }

    /// The path of a field of the entry.
    pub(super) fn at(&self, field: &str) -> String {
        format!("{}.{field}", self.field)
    }

    fn error(&self, code: Code, field: &str, message: impl Into<String>) -> Finding {
        self.subject.error(code, &self.at(field), message)
    }

    fn refuse_unsupported(&self) -> Result<(), Finding> {
        match self.service.kind.as_deref() {
            None | Some("" | "Service") => {}
            Some("TraefikService") => {
                return Err(self.error(Code::Unsupported, "kind", "TraefikServices are not served yet"));
            }
            Some(other) => {
                let message = format!("`{other}` is not a kind of service");
                let finding = self.error(Code::InvalidObject, "kind", message);
                return Err(finding.wanted("Service").got(other));
            }
        }
        if !self.service.middlewares.is_empty() {
            let message = "middlewares of a service are not served yet";
            return Err(self.error(Code::Unsupported, "middlewares", message));
        }
        Ok(())
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

    /// By number or by name; a number may be written as text.
    fn port(&self, service: &Service) -> Result<ServicePort, Finding> {
        let (number, name) = match &self.service.port {
            None | Some(Port::Number(0)) => {
                let message = "the service has no `port`";
                let missing = self.error(Code::InvalidService, "port", message);
                return Err(port_hint(missing.wanted(reach::ports(service)), service));
            }
            Some(Port::Number(number)) => (Some(*number), None),
            Some(Port::Name(name)) => (name.parse().ok(), Some(name)),
        };
        let by_name = service
            .ports
            .iter()
            .find(|port| port.name.len() <= MAX_PORT_NAME && name == Some(&port.name));
        let by_number = || service.ports.iter().find(|port| number == Some(port.number));
        if let Some(found) = by_name.or_else(by_number) {
            return Ok(found.clone());
        }
        match (&service.target, number) {
            // An external name has the ports it has, whatever the Service says.
            (ServiceTarget::ExternalName(_), Some(number)) => Ok(ServicePort {
                number,
                ..ServicePort::default()
            }),
            _ => {
                let wanted = self
                    .service
                    .port
                    .as_ref()
                    .map_or_else(String::new, Port::to_string);
                let message = format!("the Service has no port `{wanted}`");
                let missing = self.error(Code::InvalidService, "port", message);
                Err(port_hint(
                    missing.wanted(reach::ports(service)).got(wanted),
                    service,
                ))
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

    fn health_check(&self, external: bool) -> Result<Option<ServerHealthCheck>, Finding> {
        if self.service.health_check.is_some() && !external {
            let message = "a health check is for ExternalName services; Kubernetes checks the others itself";
            return Err(self.error(Code::InvalidService, "healthCheck", message));
        }
        Ok(self.service.health_check.clone())
    }
}

/// The longest name that Kubernetes gives a port. Names of services count on it: what ends like a hash
/// is one.
const MAX_PORT_NAME: usize = 15;

/// The edit, where there is only one port that it could be.
fn port_hint(missing: Finding, service: &Service) -> Finding {
    match service.ports.as_slice() {
        [only] => missing.hint(format!("write `port: {}`", only.number)),
        _ => missing,
    }
}
