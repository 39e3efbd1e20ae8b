//! A Service -> its servers, whoever refers to it: an IngressRoute or an Ingress.

use viaduct_config::dynamic::http::Server;
use viaduct_config::finding::Code;
use viaduct_config::{Finding, Severity};

use super::endpoints::{self, Destination, Host, Protocol, Scheme, port_number};
use super::{Context, Draft, near};
use crate::api::core::{Service, ServicePort, ServiceTarget};
use crate::api::{Name, Port};
use crate::index::{Lookup, Subject};

/// How one port of a Service is to be reached, and who says so.
pub(super) struct Reach<'a> {
    pub(super) subject: Subject<'a>,
    /// The field that names the Service.
    pub(super) field: String,
    /// The field that names the port.
    pub(super) port_field: String,
    /// `Some`: by the Service's cluster IP; the field that says so.
    pub(super) native_lb: Option<String>,
    /// `Some`: by a port of each node, if the Service has one; the field that says so.
    pub(super) node_port_lb: Option<String>,
    pub(super) name: &'a Name,
    pub(super) service: &'a Service,
    pub(super) port: &'a ServicePort,
    pub(super) scheme: Scheme,
}

impl Reach<'_> {
    /// For HTTP.
    pub(super) fn servers(&self, cx: &Context<'_>, draft: &mut Draft) -> Result<Vec<Server>, Finding> {
        let found = self.destinations(cx, draft, Protocol::Tcp)?;
        Ok(found
            .iter()
            .map(|destination| destination.server(self.scheme))
            .collect())
    }

    pub(super) fn destinations(
        &self,
        cx: &Context<'_>,
        draft: &mut Draft,
        protocol: Protocol,
    ) -> Result<Vec<Destination>, Finding> {
        let name = self.name;
        match &self.service.target {
            ServiceTarget::ExternalName(external) => self.fixed(cx, self.external(cx, external)?),
            ServiceTarget::Nothing => {
                let message = format!("Service `{name}` has neither endpoints nor an external name");
                Err(self.error(Code::InvalidService, &self.field, message))
            }
            ServiceTarget::Cluster {
                cluster_ip,
                node_port,
            } => match (&self.native_lb, &self.node_port_lb, cluster_ip) {
                (Some(_), _, Some(address)) => self.fixed(cx, Host::Address(*address)),
                (Some(field), _, None) => {
                    let message = format!("`nativeLB` needs a cluster IP, and Service `{name}` has none");
                    Err(self.error(Code::InvalidService, field, message))
                }
                (None, Some(field), _) if *node_port => self.nodes(cx, draft, field),
                (None, _, _) => self.endpoints(cx, draft, protocol),
            },
        }
    }

    fn fixed(&self, cx: &Context<'_>, host: Host) -> Result<Vec<Destination>, Finding> {
        let number = port_number(self.port.number).ok_or_else(|| {
            let message = format!("{} is not a port", self.port.number);
            self.error(Code::InvalidService, &self.port_field, message)
                .wanted("1 to 65535")
        })?;
        Destination::new(cx, host, number)
            .map(|destination| vec![destination])
            .map_err(|refused| refused.finding(self.subject, &self.field))
    }

    /// Without a node there is nobody, and no endpoint stands in for it.
    fn nodes(&self, cx: &Context<'_>, draft: &mut Draft, field: &str) -> Result<Vec<Destination>, Finding> {
        let name = self.name;
        let Some(port) = port_number(self.port.node_port) else {
            let message = format!("the port of Service `{name}` has no node port");
            return Err(self.error(Code::InvalidService, field, message));
        };
        let (found, notes) = endpoints::nodes(cx, self.subject, field, port);
        notes.into_iter().for_each(|note| draft.note(note));
        if found.is_empty() {
            let message = format!("no Node is known whose address leads to Service `{name}`");
            return Err(self
                .error(Code::NoServers, field, message)
                .wanted("a Node with an address of type InternalIP"));
        }
        Ok(found)
    }

    fn external(&self, cx: &Context<'_>, external: &str) -> Result<Host, Finding> {
        let name = self.name;
        if !cx.policy.allow_external_name_services {
            let message = format!("Service `{name}` is an ExternalName service, which are not allowed");
            return Err(self
                .error(Code::ForbiddenReference, &self.field, message)
                .hint("allow them with `allowExternalNameServices`"));
        }
        Host::parse(external).ok_or_else(|| {
            let message = format!(
                "the external name `{}` of Service `{name}` is not a host",
                external.escape_debug()
            );
            self.error(Code::InvalidService, &self.field, message)
        })
    }

    fn endpoints(
        &self,
        cx: &Context<'_>,
        draft: &mut Draft,
        protocol: Protocol,
    ) -> Result<Vec<Destination>, Finding> {
        let found = endpoints::destinations(cx, self.subject, &self.field, self.name, self.port, protocol);
        for note in found.notes {
            draft.note(note);
        }
        match found.nobody {
            Some(nobody) if cx.policy.allow_empty_services => draft.note(nobody),
            Some(nobody) => {
                return Err(Finding {
                    severity: Severity::Error,
                    ..nobody
                });
            }
            None => {}
        }
        Ok(found.destinations)
    }

    fn error(&self, code: Code, field: &str, message: impl Into<String>) -> Finding {
        self.subject.error(code, field, message)
    }
}

/// The Service that `field` names.
pub(super) fn find<'v>(
    cx: &Context<'v>,
    subject: Subject<'_>,
    field: &str,
    name: &Name,
) -> Result<&'v Service, Finding> {
    match cx.view.get::<Service>(name) {
        Lookup::Good(service) => Ok(service),
        Lookup::Broken(cause) => {
            let message = format!("Service `{name}` cannot be read: {}", cause.message);
            Err(subject.error(Code::InvalidService, field, message).because(cause))
        }
        Lookup::Missing => {
            let message = format!("Service `{name}` does not exist");
            let missing = subject.error(Code::MissingReference, field, message);
            Err(near::hint::<Service>(cx, missing, name))
        }
    }
}

/// The port of `service` that `field` names: by name or by number; a number may be written as text.
pub(super) fn port(
    subject: Subject<'_>,
    field: &str,
    service: &Service,
    protocol: Protocol,
    asked: Option<&Port>,
) -> Result<ServicePort, Finding> {
    let (known, listed) = match protocol {
        Protocol::Tcp => (&service.ports, ports(service)),
        Protocol::Udp => (&service.udp_ports, listed(&service.udp_ports)),
    };
    let (number, name) = match asked {
        None | Some(Port::Number(0)) => {
            let missing = subject.error(Code::InvalidService, field, "the service has no `port`");
            return Err(port_hint(missing.wanted(listed), known));
        }
        Some(Port::Number(number)) => (Some(*number), None),
        Some(Port::Name(name)) => (name.parse().ok(), Some(name)),
    };
    let by_name = known
        .iter()
        .find(|port| port.name.len() <= MAX_PORT_NAME && name.is_some_and(|name| **name == *port.name));
    let by_number = || known.iter().find(|port| number == Some(port.number));
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
            let wanted = asked.map_or_else(String::new, Port::to_string);
            let message = format!("the Service has no port `{wanted}`");
            let missing = subject.error(Code::InvalidService, field, message);
            Err(port_hint(missing.wanted(listed).got(wanted), known))
        }
    }
}

/// The TCP ports a Service has, for messages.
pub(super) fn ports(service: &Service) -> String {
    listed(&service.ports)
}

fn listed(ports: &[ServicePort]) -> String {
    let named: Vec<_> = ports
        .iter()
        .map(|port| {
            if port.name.is_empty() {
                port.number.to_string()
            } else {
                format!("{} ({})", port.number, port.name)
            }
        })
        .collect();
    if named.is_empty() {
        "a port, but the Service has none".to_owned()
    } else {
        named.join(" or ")
    }
}

/// The edit, where there is only one port that it could be.
fn port_hint(missing: Finding, ports: &[ServicePort]) -> Finding {
    match ports {
        [only] => missing.hint(format!("write `port: {}`", only.number)),
        _ => missing,
    }
}

/// The longest name that Kubernetes gives a port. Names of services count on it: what ends like a hash
/// is one.
const MAX_PORT_NAME: usize = 15;
