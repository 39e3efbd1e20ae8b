//! Which entry point, and which router.

use std::sync::Arc;

use viaduct_proxy::Hygiene;
use viaduct_proxy::preview::Preview;
use viaduct_snapshot::table::{Considered, Outcome};
use viaduct_snapshot::{EntryPoint, Routed, Router, Snapshot};

use super::report::{self, Ended, Fault, Report};
use super::{Listening, Question};

/// The entry point that the request is taken to have come in by.
pub(super) struct Chosen<'s> {
    pub(super) entry_point: &'s Arc<EntryPoint>,
    pub(super) address: Option<String>,
    pub(super) hygiene: Hygiene,
    pub(super) why: String,
}

/// The one that is named, else the one at the URL's port, else one with a router for the request, else any.
pub(super) fn entry_point<'s>(
    snapshot: &'s Snapshot,
    listening: &[Listening],
    question: &Question,
) -> Result<Chosen<'s>, String> {
    let mut all: Vec<_> = snapshot.entry_points.values().collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    let found = |name: &str| {
        all.iter()
            .copied()
            .find(|entry_point| entry_point.name.as_str() == name)
    };
    let (entry_point, why) = if let Some(name) = &question.entry_point {
        let known = || {
            let names: Vec<_> = all.iter().map(|entry_point| entry_point.name.as_str()).collect();
            format!(
                "there is no entry point `{name}`; there are: {}",
                names.join(", ")
            )
        };
        (found(name).ok_or_else(known)?, "it was asked for".to_owned())
    } else if let Some((entry_point, port)) =
        at_port(listening, question).and_then(|(name, port)| Some((found(name)?, port)))
    {
        (
            entry_point,
            format!("it listens at port {port}, which the URL names"),
        )
    } else if let Some(entry_point) = all.iter().find(|entry_point| has_router(entry_point, question)) {
        let what = if question.is_secure() {
            "with TLS"
        } else {
            "without TLS"
        };
        (*entry_point, format!("it has a router {what} for the request"))
    } else {
        let any = all.first().ok_or("there is no entry point")?;
        (*any, "none has a router for the request".to_owned())
    };
    let listening = listening
        .iter()
        .find(|listening| listening.name == entry_point.name.as_str());
    Ok(Chosen {
        entry_point,
        address: listening.map(|listening| listening.address.clone()),
        hygiene: listening.map_or_else(Hygiene::default, |listening| listening.hygiene),
        why,
    })
}

fn at_port<'l>(listening: &'l [Listening], question: &Question) -> Option<(&'l str, u16)> {
    let port = question
        .url
        .port_u16()
        .unwrap_or_else(|| if question.is_secure() { 443 } else { 80 });
    let ending = format!(":{port}");
    let at = listening.iter().find(|listening| {
        let address = listening.address.split('/').next().unwrap_or_default();
        address.ends_with(&ending)
    })?;
    Some((&at.name, port))
}

fn has_router(entry_point: &EntryPoint, question: &Question) -> bool {
    let head = question.head();
    let Ok(preview) = Preview::new(head, &Hygiene::default(), question.client, question.is_secure()) else {
        return false;
    };
    let table = if question.is_secure() {
        &entry_point.secure
    } else {
        &entry_point.plain
    };
    table.find(&preview.for_rules()).is_some()
}

/// The router that the proxy would take, with all that were looked at.
pub(super) fn router<'s>(
    entry_point: &'s EntryPoint,
    preview: &Preview,
    secure: bool,
    report: &mut Report,
) -> Result<&'s Arc<Router>, Ended> {
    let request = preview.for_rules();
    let (table, other) = if secure {
        (&entry_point.secure, &entry_point.plain)
    } else {
        (&entry_point.plain, &entry_point.secure)
    };
    let considered = table.consider(&request, MOST_ROUTERS);
    report.routers.more = considered.more;
    report.routers.other_hosts = considered.other_hosts;
    report.routers.why = why(&considered.routers);
    report.routers.considered = considered.routers.iter().map(told).collect();
    let routed = if secure {
        let (_, policy) = entry_point.tls(Some(request.host).filter(|host| !host.is_empty()));
        entry_point.route_secure(&request, policy)
    } else {
        entry_point.route_plain(&request)
    };
    match routed {
        Routed::Router(router) => Ok(router),
        Routed::Misdirected => Err(Ended::failed(
            http::StatusCode::MISDIRECTED_REQUEST,
            Fault::plain(
                "misdirected",
                "the router demands client certificates under TLS options that this host does not have",
            ),
        )),
        Routed::NotFound => {
            let mut fault = Fault::plain("no_router", "no router matches");
            fault.fix = other.find(&request).map(|router| {
                let (there, here) = if secure {
                    ("plain HTTP", "https")
                } else {
                    ("TLS", "http")
                };
                format!(
                    "router {} would match, but it is for {there} and the request came by {here}",
                    router.name
                )
            });
            Err(Ended::failed(http::StatusCode::NOT_FOUND, fault))
        }
    }
}

fn why(considered: &[Considered<'_>]) -> Option<String> {
    let chosen = considered
        .iter()
        .find(|one| one.outcome == Outcome::Chosen)?
        .router;
    let rival = considered.iter().find(|one| one.outcome == Outcome::Outranked);
    Some(match rival.map(|rival| rival.router) {
        None => "no other router's rule holds".to_owned(),
        Some(rival) if rival.priority < chosen.priority => format!(
            "its priority {} is above that of {} ({})",
            chosen.priority, rival.name, rival.priority
        ),
        Some(rival) => format!(
            "{} has the same priority {}; among equals the provider's precedence decides, then the name",
            rival.name, chosen.priority
        ),
    })
}

fn told(considered: &Considered<'_>) -> report::Considered {
    let router = considered.router;
    let (outcome, unmet) = match &considered.outcome {
        Outcome::Chosen => ("chosen", Vec::new()),
        Outcome::Outranked => ("outranked", Vec::new()),
        Outcome::Unmet(unmet) => ("unmet", unmet.clone()),
    };
    report::Considered {
        name: router.name.to_string(),
        rule: router.rule_text.to_string(),
        priority: router.priority,
        object: router.origin.as_ref().map(ToString::to_string),
        outcome: outcome.to_owned(),
        unmet,
    }
}

/// Told of one entry point.
const MOST_ROUTERS: usize = 20;
