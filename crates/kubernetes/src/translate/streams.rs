//! Services behind routers of TCP and UDP.

use viaduct_config::Finding;
use viaduct_config::finding::Code;

use super::endpoints::{Destination, Protocol, Scheme};
use super::reach::{self, Reach};
use super::references::{Target, Written};
use super::{Context, Draft};
use crate::api::Port;
use crate::index::Subject;

/// A Service, and where and how it is asked for.
pub(super) struct Stream<'a> {
    pub(super) subject: Subject<'a>,
    /// `spec.routes[0].services[0]`.
    pub(super) field: String,
    pub(super) protocol: Protocol,
    pub(super) name: &'a str,
    pub(super) namespace: Option<&'a str>,
    pub(super) port: Option<&'a Port>,
    pub(super) native_lb: Option<bool>,
    pub(super) node_port_lb: bool,
}

impl Stream<'_> {
    /// `host:port` of each server. Endpoints that terminate are no servers: there are no sticky sessions.
    pub(super) fn addresses(&self, cx: &Context<'_>, draft: &mut Draft) -> Result<Vec<String>, Finding> {
        let field = self.at("name");
        let reference = Written {
            subject: self.subject,
            field: &field,
            kind: "Service",
            name: self.name,
            namespace: self.namespace,
        };
        let name = match reference.resolve(cx)? {
            Target::Object(name) => name,
            Target::Element(element) => {
                let message = format!("`{element}` is not a Kubernetes Service");
                return Err(self.subject.error(Code::ForbiddenReference, &field, message));
            }
        };
        let service = reach::find(cx, self.subject, &field, &name)?;
        let port_field = self.at("port");
        let port = reach::port(self.subject, &port_field, service, self.protocol, self.port)?;
        let native_lb = self.native_lb.unwrap_or(cx.policy.native_lb_by_default);
        let reach = Reach {
            subject: self.subject,
            field,
            port_field,
            native_lb: native_lb.then(|| self.at("nativeLB")),
            node_port_lb: self.node_port_lb.then(|| self.at("nodePortLB")),
            name: &name,
            service,
            port: &port,
            // Nobody asks for it here.
            scheme: Scheme::Http,
        };
        let destinations = reach.destinations(cx, draft, self.protocol)?;
        Ok(destinations
            .iter()
            .filter(|destination| !destination.fenced)
            .map(Destination::to_string)
            .collect())
    }

    fn at(&self, field: &str) -> String {
        format!("{}.{field}", self.field)
    }
}
