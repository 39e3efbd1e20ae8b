//! Routers and their services, until the services have their names.

use std::collections::{BTreeMap, HashSet};

use viaduct_config::dynamic::http::{Router, Service, Weighted, WeightedService};
use viaduct_config::{Element, Finding};

use super::services::Built;
use super::{Draft, names};
use crate::index::Subject;

/// A router and the services it needs, before the services have their names.
pub(super) struct Routed<'a> {
    pub(super) name: String,
    pub(super) subject: Subject<'a>,
    /// `spec.routes[0]`.
    pub(super) field: String,
    pub(super) router: Router,
    pub(super) faults: Vec<Finding>,
    pub(super) services: Services,
}

pub(super) enum Services {
    /// None, or one that is out of service.
    Broken(Box<Finding>),
    One(Box<Built>),
    /// `<name>@internal`: answered by the proxy itself.
    Internal(String),
    Several(Vec<Child>),
}

/// One service of several.
pub(super) struct Child {
    /// `namespace-service-port`, if it is written so that there can be one.
    pub(super) plain: String,
    pub(super) weight: i64,
    pub(super) field: String,
    pub(super) built: Result<Built, Finding>,
}

/// Names of the services of weighted ones. Routes that use a Service in the same way share one
/// service, as in Traefik; where they use it differently, or where two names are the same by chance,
/// each has its own.
pub(super) struct Children(HashSet<String>);

impl Children {
    /// Finds the plain names that one service alone can have.
    pub(super) fn assign(routers: &BTreeMap<String, Routed<'_>>) -> Self {
        let mut uses: BTreeMap<&str, Option<&Built>> = BTreeMap::new();
        for routed in routers.values() {
            let Services::Several(children) = &routed.services else {
                continue;
            };
            for child in children {
                let built = child.built.as_ref().ok();
                uses.entry(&child.plain)
                    .and_modify(|known| *known = known.filter(|known| Some(*known) == built))
                    .or_insert(built);
            }
        }
        let plain = uses
            .into_iter()
            .filter(|(plain, built)| built.is_some() && !routers.contains_key(*plain))
            .map(|(plain, _)| plain.to_owned())
            .collect();
        Self(plain)
    }

    fn name(&self, child: &Child, routed: &Routed<'_>) -> String {
        if self.0.contains(&child.plain) {
            return child.plain.clone();
        }
        let name = routed.subject.name;
        let parts = [
            &*name.namespace,
            &*name.name,
            routed.router.rule.as_str(),
            child.field.as_str(),
        ];
        format!("{}-{}", child.plain, names::unique(&parts))
    }
}

impl Routed<'_> {
    pub(super) fn finish(self, children: &Children, draft: &mut Draft) {
        let element = Element::Router(self.name.clone());
        draft.origin(element.clone(), self.subject, &format!("{}.match", self.field));
        for fault in &self.faults {
            draft.broken(element.clone(), fault.clone());
        }
        match &self.services {
            Services::Broken(fault) => {
                let element = Element::Service(self.name.clone());
                draft.origin(element.clone(), self.subject, &format!("{}.services", self.field));
                draft.broken(element, (**fault).clone());
            }
            Services::Internal(_) => {}
            Services::One(built) => {
                let field = format!("{}.services[0]", self.field);
                self.place(draft, self.name.clone(), &field, balancer(built));
            }
            Services::Several(several) => {
                let mut services = Vec::new();
                for child in several {
                    let name = children.name(child, &self);
                    match &child.built {
                        Ok(built) => self.place(draft, name.clone(), &child.field, balancer(built)),
                        Err(fault) => draft.broken(Element::Service(name.clone()), fault.clone()),
                    }
                    services.push(WeightedService {
                        name,
                        weight: Some(child.weight),
                    });
                }
                let weighted = Service {
                    weighted: Some(Weighted {
                        services,
                        ..Weighted::default()
                    }),
                    ..Service::default()
                };
                let field = format!("{}.services", self.field);
                self.place(draft, self.name.clone(), &field, weighted);
            }
        }
        draft.update.dynamic.http.routers.insert(self.name, self.router);
    }

    fn place(&self, draft: &mut Draft, name: String, field: &str, service: Service) {
        draft.origin(Element::Service(name.clone()), self.subject, field);
        draft.update.dynamic.http.services.insert(name, service);
    }
}

fn balancer(built: &Built) -> Service {
    Service {
        load_balancer: Some(built.balancer.clone()),
        ..Service::default()
    }
}
