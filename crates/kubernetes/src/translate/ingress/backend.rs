//! A backend of an Ingress -> a load balancer, or why there is none.

use viaduct_config::Finding;
use viaduct_config::dynamic::http::LoadBalancer;
use viaduct_config::finding::Code;

use super::super::endpoints::Scheme;
use super::super::reach::{self, Reach};
use super::super::{Context, Draft};
use super::annotations::{self, ServiceOptions};
use super::elements::Elements;
use crate::api::annotations::Annotations;
use crate::api::core::{Service, ServicePort, ServiceTarget};
use crate::api::ingress::IngressBackend;
use crate::api::{Kind, Name, Port};
use crate::index::Subject;

/// A backend, and where it is written.
pub(super) struct Asked<'a> {
    pub(super) subject: Subject<'a>,
    /// `spec.rules[0].http.paths[0].backend`.
    pub(super) field: String,
    pub(super) backend: &'a IngressBackend,
}

/// The Service of a backend, as far as it can be told without looking.
pub(super) struct Wanted<'a> {
    pub(super) name: &'a str,
    pub(super) port: Option<&'a Port>,
}

impl Wanted<'_> {
    /// As Traefik writes it into the name of the service.
    pub(super) fn port_text(&self) -> String {
        self.port.map_or_else(|| "0".to_owned(), Port::to_string)
    }
}

impl<'a> Asked<'a> {
    /// `Err`: it is no Service.
    pub(super) fn wanted(&self) -> Result<Wanted<'a>, Finding> {
        match self.backend {
            IngressBackend::Service { name, port } => Ok(Wanted {
                name,
                port: port.as_ref(),
            }),
            IngressBackend::Resource { kind, name } => {
                let message = format!(
                    "{} `{}` is a resource, and only Services are backends",
                    kind.escape_debug(),
                    name.escape_debug()
                );
                Err(self
                    .error(Code::Unsupported, "resource", message)
                    .hint(format!("name a Service in `{}.service`", self.field)))
            }
            IngressBackend::Nothing => {
                Err(self.error(Code::InvalidService, "service", "the backend names no Service"))
            }
        }
    }

    pub(super) fn build(
        &self,
        cx: &Context<'_>,
        elements: &Elements<'_>,
        wanted: &Wanted<'_>,
        draft: &mut Draft,
    ) -> Result<LoadBalancer, Finding> {
        let name = Name::new(&*self.subject.name.namespace, wanted.name);
        let field = self.at("service.name");
        let service = reach::find(cx, self.subject, &field, &name)?;
        let port = self.port(service, wanted.port)?;
        let of_service = cx.view.subject(Kind::Service, &name).unwrap_or(self.subject);
        let options = options(of_service, service, draft)?;
        let scheme = options.scheme.unwrap_or_else(|| Scheme::of_port(&port));
        let native = options.native_lb.unwrap_or(cx.policy.native_lb_by_default);
        let transport = options.transport.as_ref();
        let servers_transport = transport
            .map(|mention| elements.transport(cx, of_service, mention))
            .transpose()?
            .unwrap_or_default();
        let reach = Reach {
            subject: self.subject,
            field,
            port_field: self.at("service.port"),
            native_lb: native.then(|| Annotations::field("service.nativelb")),
            node_port_lb: options
                .node_port_lb
                .then(|| Annotations::field("service.nodeportlb")),
            name: &name,
            service,
            port: &port,
            scheme,
        };
        Ok(LoadBalancer {
            servers: reach.servers(cx, draft)?,
            pass_host_header: Some(options.pass_host_header.unwrap_or(true)),
            servers_transport,
            sticky: options.sticky.map(Box::new),
            ..LoadBalancer::default()
        })
    }

    /// By number or by name; the first one where none is written.
    fn port(&self, service: &Service, wanted: Option<&Port>) -> Result<ServicePort, Finding> {
        let found = service.ports.iter().find(|port| match wanted {
            None => true,
            Some(Port::Number(number)) => port.number == *number,
            Some(Port::Name(name)) => *port.name == **name,
        });
        match (found, &service.target, wanted) {
            (Some(port), _, _) => Ok(port.clone()),
            // An external name has the ports it has, whatever the Service says.
            (None, ServiceTarget::ExternalName(_), Some(Port::Number(number))) => Ok(ServicePort {
                number: *number,
                ..ServicePort::default()
            }),
            (None, _, _) => {
                let wanted = wanted.map_or_else(String::new, ToString::to_string);
                let message = format!("the Service has no port `{}`", wanted.escape_debug());
                let missing = self.error(Code::InvalidService, "service.port", message);
                let missing = missing.wanted(reach::ports(service)).got(wanted);
                Err(match &*service.ports {
                    [only] => missing.hint(format!("write `port: {{number: {}}}`", only.number)),
                    _ => missing,
                })
            }
        }
    }

    fn at(&self, field: &str) -> String {
        format!("{}.{field}", self.field)
    }

    fn error(&self, code: Code, field: &str, message: impl Into<String>) -> Finding {
        self.subject.error(code, &self.at(field), message)
    }
}

/// A Service whose annotations cannot be read is not served, as in Traefik.
fn options<'a>(
    subject: Subject<'a>,
    service: &'a Service,
    draft: &mut Draft,
) -> Result<ServiceOptions<'a>, Finding> {
    let read = annotations::service(subject, &service.annotations);
    read.notes.into_iter().for_each(|note| draft.note(note));
    let mut faults = read.faults.into_iter();
    match faults.next() {
        None => Ok(read.options),
        Some(first) => {
            faults.for_each(|fault| draft.note(fault));
            Err(first)
        }
    }
}
