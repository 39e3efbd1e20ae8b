//! `TraefikService` -> `http.services`.

use viaduct_config::finding::Code;

use super::composed::{Composed, Part, Shape};
use super::services::Asked;
use super::{Context, Draft};
use crate::api::{ServiceRef, TraefikService};
use crate::index::Subject;

pub(super) fn translate<'a>(cx: &'a Context<'a>, draft: &mut Draft, composed: &mut Vec<Composed<'a>>) {
    for held in cx.view.all::<TraefikService>() {
        let name = cx.names.traefik_service(held.subject.name);
        // A broken one keeps its name, too, lest a part of another service takes it.
        let (field, shape) = match held.state {
            Ok(service) => shape(cx, draft, held.subject, service),
            Err(finding) => ("", Shape::Broken(Box::new(finding.clone()))),
        };
        composed.push(Composed {
            name,
            subject: held.subject,
            field: field.to_owned(),
            rule: "",
            shape,
        });
    }
}

fn shape(
    cx: &Context<'_>,
    draft: &mut Draft,
    subject: Subject<'_>,
    service: &TraefikService,
) -> (&'static str, Shape) {
    let mut part = |field: String, service: &ServiceRef, share| {
        let asked = Asked {
            subject,
            field,
            service,
            route_transport: None,
        };
        Part {
            share,
            is: asked.part(cx, draft),
            field: asked.field,
        }
    };
    let mut list = |field: &str, services: &[ServiceRef]| -> Vec<Part> {
        let services = (0_usize..).zip(services);
        services
            .map(|(index, service)| part(format!("{field}.services[{index}]"), service, service.weight))
            .collect()
    };
    match service {
        TraefikService {
            weighted: Some(weighted),
            mirroring: None,
            highest_random_weight: None,
            failover: None,
        } => {
            let parts = list("spec.weighted", &weighted.services);
            let sticky = weighted.sticky.clone();
            ("spec.weighted", Shape::Weighted { parts, sticky })
        }
        TraefikService {
            highest_random_weight: Some(random),
            weighted: None,
            mirroring: None,
            failover: None,
        } => {
            let parts = list("spec.highestRandomWeight", &random.services);
            ("spec.highestRandomWeight", Shape::HighestRandomWeight(parts))
        }
        TraefikService {
            mirroring: Some(mirroring),
            weighted: None,
            highest_random_weight: None,
            failover: None,
        } => {
            let shape = Shape::Mirroring {
                main: part("spec.mirroring".to_owned(), &mirroring.service, None),
                mirrors: (0_usize..)
                    .zip(&mirroring.mirrors)
                    .map(|(index, mirror)| {
                        let field = format!("spec.mirroring.mirrors[{index}]");
                        part(field, &mirror.service, mirror.percent)
                    })
                    .collect(),
                mirror_body: mirroring.mirror_body,
                max_body_size: mirroring.max_body_size,
            };
            ("spec.mirroring", shape)
        }
        TraefikService {
            failover: Some(failover),
            weighted: None,
            mirroring: None,
            highest_random_weight: None,
        } => {
            let shape = Shape::Failover {
                main: part("spec.failover.service".to_owned(), &failover.service, None),
                fallback: part("spec.failover.fallback".to_owned(), &failover.fallback, None),
                errors: failover.errors.clone(),
            };
            ("spec.failover", shape)
        }
        none_or_several => ("spec", undecided(subject, none_or_several)),
    }
}

/// Traefik takes the first kind that it knows; which one is meant is not known.
fn undecided(subject: Subject<'_>, service: &TraefikService) -> Shape {
    let written: Vec<_> = [
        ("weighted", service.weighted.is_some()),
        ("mirroring", service.mirroring.is_some()),
        ("highestRandomWeight", service.highest_random_weight.is_some()),
        ("failover", service.failover.is_some()),
    ]
    .into_iter()
    .filter_map(|(kind, written)| written.then_some(kind))
    .collect();
    let message = "a TraefikService has exactly one kind";
    let finding = subject
        .error(Code::InvalidService, "spec", message)
        .wanted("`weighted`, `mirroring`, `highestRandomWeight` or `failover`")
        .got(if written.is_empty() {
            "none".to_owned()
        } else {
            written.join(", ")
        });
    Shape::Broken(Box::new(finding))
}
