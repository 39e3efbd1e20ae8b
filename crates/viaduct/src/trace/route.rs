//! Which entry point, and which router.

use std::net::SocketAddr;
use std::sync::Arc;

use viaduct_config::install::INTERNAL_ENTRY_POINT;
use viaduct_proxy::preview::Preview;
use viaduct_proxy::{ForwardedTrust, Hygiene};
use viaduct_snapshot::table::{Considered, Outcome, RoutingTable};
use viaduct_snapshot::{EntryPoint, Routed, Router, Snapshot};

use super::report::{self, Ended, Fault, Report};
use super::{Listening, Question};

/// The entry point that the request is taken to have come in by.
pub(super) struct Chosen<'s> {
    pub(super) entry_point: &'s Arc<EntryPoint>,
    pub(super) address: Option<String>,
    /// Where it can be connected to.
    pub(super) reach: Option<SocketAddr>,
    pub(super) hygiene: Hygiene,
    /// `None`: nobody is believed.
    pub(super) forwarded: Option<&'s ForwardedTrust>,
    pub(super) why: String,
    pub(super) remark: Option<String>,
}

/// The one that is named, else the one at the URL's port, else one with a router for the request, else any.
pub(super) fn entry_point<'s>(
    snapshot: &'s Snapshot,
    listening: &'s [Listening],
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
    } else {
        any(&all, question).ok_or("there is no entry point")?
    };
    let remark = remark(listening, question);
    let listening = listening
        .iter()
        .find(|listening| listening.name == entry_point.name.as_str());
    Ok(Chosen {
        entry_point,
        address: listening.map(|listening| listening.address.clone()),
        reach: listening.and_then(|listening| listening.reach),
        remark,
        hygiene: listening.map_or_else(Hygiene::default, |listening| listening.hygiene),
        forwarded: listening.map(|listening| &listening.forwarded),
        why,
    })
}

/// One with a router for the request, else one with any router of the kind. The API's own entry point comes last, as
/// its router is for every host, and nobody means it.
fn any<'s>(all: &[&'s Arc<EntryPoint>], question: &Question) -> Option<(&'s Arc<EntryPoint>, String)> {
    let what = if question.is_secure() {
        "with TLS"
    } else {
        "without TLS"
    };
    let mut others = all
        .iter()
        .filter(|other| other.name.as_str() != INTERNAL_ENTRY_POINT);
    if let Some(found) = others.clone().find(|other| has_router(other, question)) {
        return Some((found, format!("it has a router {what} for the request")));
    }
    let found = others.find(|other| !table(other, question).is_empty());
    let found = found.or_else(|| all.first())?;
    Some((
        found,
        format!("no entry point has a router {what} for the request"),
    ))
}

fn table<'e>(entry_point: &'e EntryPoint, question: &Question) -> &'e RoutingTable {
    if question.is_secure() {
        &entry_point.secure
    } else {
        &entry_point.plain
    }
}

/// What is to be said of a port that nobody listens at. Nothing where there is no process.
fn remark(listening: &[Listening], question: &Question) -> Option<String> {
    if listening.is_empty() || at_port(listening, question).is_some() {
        return None;
    }
    Some(format!(
        "no entry point listens at port {}: such a request comes here only where something in front, such as a Service, leads that port here",
        port(question)
    ))
}

/// The URL's.
fn port(question: &Question) -> u16 {
    let default = if question.is_secure() { 443 } else { 80 };
    question.url.port_u16().unwrap_or(default)
}

fn at_port<'l>(listening: &'l [Listening], question: &Question) -> Option<(&'l str, u16)> {
    let port = port(question);
    let ending = format!(":{port}");
    let at = listening.iter().find(|listening| {
        let address = listening.address.split('/').next().unwrap_or_default();
        address.ends_with(&ending)
    })?;
    Some((&at.name, port))
}

fn has_router(entry_point: &EntryPoint, question: &Question) -> bool {
    let head = question.head();
    let Ok(preview) = Preview::new(
        head,
        &Hygiene::default(),
        question.client,
        None,
        question.is_secure(),
    ) else {
        return false;
    };
    table(entry_point, question).find(&preview.for_rules()).is_some()
}

/// The router that the proxy would take, with all that were looked at. `sni`: by TLS, under the options of this server
/// name.
pub(super) fn router<'s>(
    entry_point: &'s EntryPoint,
    preview: &Preview,
    sni: Option<Option<&str>>,
    report: &mut Report,
) -> Result<&'s Arc<Router>, Ended> {
    let request = preview.for_rules();
    let secure = sni.is_some();
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
    let routed = match sni {
        Some(name) => entry_point.route_secure(&request, entry_point.tls(name).1),
        None => entry_point.route_plain(&request),
    };
    match routed {
        Routed::Router(router) => Ok(router),
        Routed::Misdirected => Err(Ended::failed(
            http::StatusCode::MISDIRECTED_REQUEST,
            Fault::plain(
                "misdirected",
                format!(
                    "the connection was made under the TLS options of `{}`, and those of `{}`, or of its router, are others",
                    sni.flatten().unwrap_or("no name"),
                    request.host
                ),
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
