//! A Service -> its servers, whoever refers to it: an IngressRoute or an Ingress.

use viaduct_config::dynamic::http::Server;
use viaduct_config::finding::Code;
use viaduct_config::{Finding, Severity};

use super::endpoints::{self, Host, Scheme, port_number};
use super::{Context, Draft, near};
use crate::api::Name;
use crate::api::core::{Service, ServicePort, ServiceTarget};
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
    pub(super) fn servers(&self, cx: &Context<'_>, draft: &mut Draft) -> Result<Vec<Server>, Finding> {
        let name = self.name;
        match &self.service.target {
            ServiceTarget::ExternalName(external) => self.fixed(cx, &self.external(cx, external)?),
            ServiceTarget::Nothing => {
                let message = format!("Service `{name}` has neither endpoints nor an external name");
                Err(self.error(Code::InvalidService, &self.field, message))
            }
            ServiceTarget::Cluster {
                cluster_ip,
                node_port,
            } => match (&self.native_lb, &self.node_port_lb, cluster_ip) {
                (Some(_), _, Some(address)) => self.fixed(cx, &Host::Address(*address)),
                (Some(field), _, None) => {
                    let message = format!("`nativeLB` needs a cluster IP, and Service `{name}` has none");
                    Err(self.error(Code::InvalidService, field, message))
                }
                (None, Some(field), _) if *node_port => {
                    Err(self.error(Code::Unsupported, field, "`nodePortLB` is not served yet"))
                }
                (None, _, _) => self.endpoints(cx, draft),
            },
        }
    }

    fn fixed(&self, cx: &Context<'_>, host: &Host) -> Result<Vec<Server>, Finding> {
        let number = port_number(self.port.number).ok_or_else(|| {
            let message = format!("{} is not a port", self.port.number);
            self.error(Code::InvalidService, &self.port_field, message)
                .wanted("1 to 65535")
        })?;
        endpoints::server(cx, host, number, self.scheme)
            .map(|server| vec![server])
            .map_err(|refused| refused.finding(self.subject, &self.field))
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

    fn endpoints(&self, cx: &Context<'_>, draft: &mut Draft) -> Result<Vec<Server>, Finding> {
        let found = endpoints::servers(cx, self.subject, &self.field, self.name, self.port, self.scheme);
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
        Ok(found.servers)
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

/// The ports a Service has, for messages.
pub(super) fn ports(service: &Service) -> String {
    let ports: Vec<_> = service
        .ports
        .iter()
        .map(|port| {
            if port.name.is_empty() {
                port.number.to_string()
            } else {
                format!("{} ({})", port.number, port.name)
            }
        })
        .collect();
    if ports.is_empty() {
        "a port, but the Service has none".to_owned()
    } else {
        ports.join(" or ")
    }
}
