//! Services that have a name of their own, and what they are made of, until the parts have names, too.

mod circles;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use viaduct_config::dynamic::http::{
    Failover, FailoverErrors, HighestRandomWeight, Mirror, Mirroring, Service, Sticky, Weighted,
    WeightedService,
};
use viaduct_config::finding::Code;
use viaduct_config::{Element, Finding};

use super::references::Named;
use super::services::Built;
use super::{Draft, PROVIDER, names};
use crate::index::Subject;

/// The service of a route, of a TraefikService or of a Middleware of kind `errors`.
pub(super) struct Composed<'a> {
    pub(super) name: String,
    pub(super) subject: Subject<'a>,
    /// Where it is written, such as `spec.routes[0].services`.
    pub(super) field: String,
    /// The rule of the route, which tells it from others of its object.
    pub(super) rule: &'a str,
    pub(super) shape: Shape,
}

pub(super) enum Shape {
    /// Nothing that could be served.
    Broken(Box<Finding>),
    One(Box<Built>),
    Weighted {
        parts: Vec<Part>,
        sticky: Option<Sticky>,
    },
    HighestRandomWeight(Vec<Part>),
    Mirroring {
        main: Part,
        mirrors: Vec<Part>,
        mirror_body: Option<bool>,
        max_body_size: Option<i64>,
    },
    Failover {
        main: Part,
        fallback: Part,
        errors: FailoverErrors,
    },
}

/// A service that another one is made of.
pub(super) struct Part {
    pub(super) field: String,
    /// `weight` or `percent`.
    pub(super) share: Option<i64>,
    pub(super) is: PartIs,
}

pub(super) enum PartIs {
    /// A TraefikService, or another provider's service.
    Named(Named),
    /// A Service.
    Service {
        /// `namespace-service-port`, if it is written so that there can be one.
        plain: String,
        built: Box<Result<Built, Finding>>,
    },
}

impl Shape {
    fn parts(&self) -> Vec<&Part> {
        match self {
            Self::Broken(_) | Self::One(_) => Vec::new(),
            Self::Weighted { parts, .. } | Self::HighestRandomWeight(parts) => parts.iter().collect(),
            Self::Mirroring { main, mirrors, .. } => std::iter::once(main).chain(mirrors).collect(),
            Self::Failover { main, fallback, .. } => vec![main, fallback],
        }
    }

    /// The Services it leads to itself.
    pub(super) fn built(&self) -> Vec<&Built> {
        if let Self::One(built) = self {
            return vec![built];
        }
        let parts = self.parts().into_iter();
        parts.filter_map(|part| part.is.built()).collect()
    }
}

impl PartIs {
    fn built(&self) -> Option<&Built> {
        match self {
            Self::Named(_) => None,
            Self::Service { built, .. } => (**built).as_ref().ok(),
        }
    }
}

/// Gives every part its name and puts everything into the draft.
pub(super) fn finish(composed: Vec<Composed<'_>>, draft: &mut Draft) {
    let shared = Shared::of(&composed);
    for service in composed {
        service.place(&shared, draft);
    }
    break_circles(draft);
}

/// Puts services into the draft that have no parts.
pub(super) fn place_plain(composed: Vec<Composed<'_>>, draft: &mut Draft) {
    let shared = Shared(HashSet::new());
    for service in composed {
        service.place(&shared, draft);
    }
}

/// Names of parts. Whoever uses a Service in the same way shares one service, as in Traefik; where it is
/// used differently, or where two names are the same by chance, each has its own.
struct Shared(HashSet<String>);

impl Shared {
    /// Finds the plain names that one service alone can have.
    fn of(composed: &[Composed<'_>]) -> Self {
        let mut uses: BTreeMap<&str, Option<&Built>> = BTreeMap::new();
        for part in composed.iter().flat_map(|service| service.shape.parts()) {
            if let PartIs::Service { plain, built } = &part.is {
                let built = (**built).as_ref().ok();
                uses.entry(plain)
                    .and_modify(|known| *known = known.filter(|known| Some(*known) == built))
                    .or_insert(built);
            }
        }
        let own: HashSet<&str> = composed.iter().map(|service| service.name.as_str()).collect();
        let plain = uses
            .into_iter()
            .filter(|(plain, built)| built.is_some() && !own.contains(plain))
            .map(|(plain, _)| plain.to_owned())
            .collect();
        Self(plain)
    }

    fn name(&self, plain: &str, part: &Part, of: &Composed<'_>) -> String {
        if self.0.contains(plain) {
            return plain.to_owned();
        }
        let name = of.subject.name;
        let parts = [&*name.namespace, &*name.name, of.rule, part.field.as_str()];
        format!("{plain}-{}", names::unique(&parts))
    }
}

impl Composed<'_> {
    fn place(&self, shared: &Shared, draft: &mut Draft) {
        let element = Element::Service(self.name.clone());
        draft.origin(element.clone(), self.subject, &self.field);
        let mut part = |part: &Part| self.part(part, shared, draft);
        let service = match &self.shape {
            Shape::Broken(fault) => {
                draft.broken(element, (**fault).clone());
                return;
            }
            Shape::One(built) => {
                draft.balanced(element, &built.service, Arc::clone(&built.port));
                service_of(built)
            }
            Shape::Weighted { parts, sticky } => Service {
                weighted: Some(Box::new(Weighted {
                    services: parts.iter().map(|each| weighted(each, part(each))).collect(),
                    sticky: sticky.clone(),
                    health_check: None,
                })),
                ..Service::default()
            },
            Shape::HighestRandomWeight(parts) => Service {
                highest_random_weight: Some(Box::new(HighestRandomWeight {
                    services: parts.iter().map(|each| weighted(each, part(each))).collect(),
                    health_check: None,
                })),
                ..Service::default()
            },
            Shape::Mirroring {
                main,
                mirrors,
                mirror_body,
                max_body_size,
            } => Service {
                mirroring: Some(Box::new(Mirroring {
                    service: part(main),
                    mirror_body: *mirror_body,
                    max_body_size: *max_body_size,
                    mirrors: mirrors
                        .iter()
                        .map(|each| Mirror {
                            name: part(each),
                            percent: each.share,
                        })
                        .collect(),
                    health_check: None,
                })),
                ..Service::default()
            },
            Shape::Failover {
                main,
                fallback,
                errors,
            } => Service {
                failover: Some(Box::new(Failover {
                    service: part(main),
                    fallback: part(fallback),
                    health_check: None,
                    errors: Some(errors.clone()),
                })),
                ..Service::default()
            },
        };
        draft
            .update
            .dynamic
            .http
            .services
            .insert(self.name.clone(), service);
    }

    /// The name of a part, which is put into the draft if it is a Service.
    fn part(&self, part: &Part, shared: &Shared, draft: &mut Draft) -> String {
        match &part.is {
            PartIs::Named(named) => {
                if let Some(fault) = &named.fault {
                    draft.broken(Element::Service(self.name.clone()), (**fault).clone());
                }
                named.name.clone()
            }
            PartIs::Service { plain, built } => {
                let name = shared.name(plain, part, self);
                let element = Element::Service(name.clone());
                draft.origin(element.clone(), self.subject, &part.field);
                match &**built {
                    Ok(built) => {
                        draft.balanced(element, &built.service, Arc::clone(&built.port));
                        let services = &mut draft.update.dynamic.http.services;
                        services.insert(name.clone(), service_of(built));
                    }
                    Err(fault) => draft.broken(element, fault.clone()),
                }
                name
            }
        }
    }
}

fn weighted(part: &Part, name: String) -> WeightedService {
    WeightedService {
        name,
        weight: Some(part.share.unwrap_or(1)),
    }
}

fn service_of(built: &Built) -> Service {
    Service {
        load_balancer: Some(built.balancer.clone()),
        middlewares: built.middlewares.clone(),
        ..Service::default()
    }
}

/// Takes out of service what is made of itself, and what lies between two such.
fn break_circles(draft: &mut Draft) {
    let services = draft.update.dynamic.http.services.iter();
    let leads_to = services.map(|(name, service)| (name.as_str(), parts_of(service)));
    let circular: Vec<String> = circles::on_circles(leads_to)
        .into_iter()
        .map(str::to_owned)
        .collect();
    for name in circular {
        let element = Element::Service(name);
        let origin = draft.update.origins.get(&element).cloned().unwrap_or_default();
        let message = "the service contains itself: the references are circular";
        let finding = Finding {
            object: origin.object,
            ..Finding::error(Code::InvalidService, message).at(origin.location)
        };
        draft.broken(element, finding);
    }
}

/// The services of the same provider that a service is made of.
fn parts_of(service: &Service) -> Vec<&str> {
    let weighted = service.weighted.iter().flat_map(|weighted| &weighted.services);
    let random = service
        .highest_random_weight
        .iter()
        .flat_map(|random| &random.services);
    let mirroring = service.mirroring.iter().flat_map(|mirroring| {
        let mirrors = mirroring.mirrors.iter().map(|mirror| &mirror.name);
        mirrors.chain([&mirroring.service])
    });
    let failover = service
        .failover
        .iter()
        .flat_map(|failover| [&failover.service, &failover.fallback]);
    weighted
        .chain(random)
        .map(|part| &part.name)
        .chain(mirroring)
        .chain(failover)
        .filter_map(|name| match name.rsplit_once('@') {
            None => Some(name.as_str()),
            Some((name, PROVIDER)) => Some(name),
            Some(_) => None,
        })
        .collect()
}
