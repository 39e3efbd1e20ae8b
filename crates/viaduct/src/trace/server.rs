//! Which server, and the way to it.

use std::collections::HashSet;
use std::sync::Arc;

use viaduct_proxy::probe::{self, Seen, Target};
use viaduct_snapshot::{LoadBalancer, Revocations, Server, Service, ServiceKind};

use super::Question;
use super::report::{self, Ended, Fault, Report, ServerTold};

/// A server below a service.
struct Candidate<'s> {
    service: &'s Service,
    balancer: &'s LoadBalancer,
    server: &'s Server,
    /// Whether new requests come to it.
    taken: bool,
}

/// The server that was asked for, else the first that takes new requests.
pub(super) fn choose<'s>(
    service: &'s Service,
    question: &Question,
    report: &mut Report,
) -> Result<(&'s LoadBalancer, &'s Server), Ended> {
    let mut all = Vec::new();
    if !collect(service, true, &mut HashSet::new(), &mut all) {
        report.service = Some(told(service, &all, None, "this process answers itself"));
        return Err(Ended::AnsweredHere(None));
    }
    let takers = all.iter().filter(|candidate| candidate.taken).count();
    let (found, why) = match &question.server {
        Some(url) => (
            all.iter().position(|candidate| *candidate.server.url == **url),
            "it was asked for".to_owned(),
        ),
        None => (
            all.iter().position(|candidate| candidate.taken),
            match takers {
                1 => format!("it is the only one that takes new requests{}", lost(service)),
                _ => format!(
                    "{takers} take new requests in turn; this is the first of them{}",
                    lost(service)
                ),
            },
        ),
    };
    report.service = Some(told(service, &all, found, &why));
    let Some(candidate) = found.and_then(|place| all.get(place)) else {
        let message = match &question.server {
            Some(url) => format!("service {} has no server `{url}`", service.name),
            None => "the service has no available server".to_owned(),
        };
        let fault = Fault::plain("no_server", message);
        return Err(Ended::failed(http::StatusCode::SERVICE_UNAVAILABLE, fault));
    };
    Ok((candidate.balancer, candidate.server))
}

/// Those below `service`; false where this process answers. A service that is reached on several ways is looked at
/// once with requests and once without, or a few dozen nested ones would be billions of ways.
fn collect<'s>(
    service: &'s Service,
    taken: bool,
    seen: &mut HashSet<(*const Service, bool)>,
    all: &mut Vec<Candidate<'s>>,
) -> bool {
    let place = std::ptr::from_ref(service);
    // Who is known with requests is not told again without.
    if seen.contains(&(place, true)) || !seen.insert((place, taken)) {
        return true;
    }
    match &service.kind {
        ServiceKind::LoadBalancer(balancer) => {
            all.extend(balancer.servers.iter().map(|server| Candidate {
                service,
                balancer,
                server,
                taken: taken && server.weight > 0 && !server.fenced,
            }));
            true
        }
        ServiceKind::Weighted(children) => {
            for (child, weight) in children {
                collect(child, taken && *weight > 0, seen, all);
            }
            true
        }
        ServiceKind::Internal(_) => false,
    }
}

/// The share of the requests to a weighted service that ends at a service without a server for it.
fn lost(service: &Service) -> String {
    let ServiceKind::Weighted(children) = &service.kind else {
        return String::new();
    };
    let total: u64 = children.iter().map(|(_, weight)| u64::from(*weight)).sum();
    let mut all = Vec::new();
    let told = children
        .iter()
        .filter(|(_, weight)| *weight > 0)
        .filter_map(|(child, weight)| {
            all.clear();
            collect(child, true, &mut HashSet::new(), &mut all);
            let takes = all.iter().any(|candidate| candidate.taken);
            (!takes).then(|| {
                format!(
                    "; but {weight} of {total} requests go to {}, which has no server: 503",
                    child.name
                )
            })
        });
    told.collect()
}

fn told(service: &Service, all: &[Candidate<'_>], chosen: Option<usize>, why: &str) -> report::Service {
    // The chosen one is told of, however many come before it.
    let shown = all
        .iter()
        .enumerate()
        .filter(|(place, _)| *place < MOST_SERVERS || chosen == Some(*place));
    let servers: Vec<_> = shown
        .map(|(place, candidate)| ServerTold {
            url: candidate.server.url.to_string(),
            service: candidate.service.name.to_string(),
            weight: candidate.server.weight,
            fenced: candidate.server.fenced,
            chosen: chosen == Some(place),
        })
        .collect();
    let chosen = chosen.and_then(|place| all.get(place));
    report::Service {
        name: service.name.to_string(),
        chosen: chosen.map(|candidate| candidate.service.name.to_string()),
        more: all.len().saturating_sub(servers.len()),
        servers,
        why: why.to_owned(),
    }
}

/// Connects, and sends the request if there is one.
pub(super) async fn reach(
    balancer: &LoadBalancer,
    server: &Server,
    revocations: &Arc<Revocations>,
    request: Option<http::Request<()>>,
) -> Seen {
    let target = Target::of(server, &balancer.transport, revocations);
    match request {
        Some(request) => probe::ask(&target, request).await,
        None => probe::probe(&target).await,
    }
}

/// Told of one service.
const MOST_SERVERS: usize = 32;
