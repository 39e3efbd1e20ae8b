//! Why a router answers, and why the others do not: for people who ask, not for requests.

use std::sync::Arc;

use super::RoutingTable;
use crate::entry_point::RouteRequest;
use crate::router::Router;
use crate::rule::{HostKey, Probe, RouteRule, parent_domain};

/// A router that was looked at.
#[derive(Debug)]
pub struct Considered<'a> {
    pub router: &'a Arc<Router>,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Its rule holds, and nothing before it does.
    Chosen,
    /// Its rule holds as well, but it is tried later.
    Outranked,
    /// These of its conditions do not hold.
    Unmet(Vec<String>),
}

/// In the order in which routers are tried.
#[derive(Debug, Default)]
pub struct Consideration<'a> {
    /// Those whose rule holds, and those that could hold for the host: at most as many as were asked for.
    pub routers: Vec<Considered<'a>>,
    /// How many more of them there are.
    pub more: usize,
    /// How many routers are for other hosts.
    pub other_hosts: usize,
}

impl RoutingTable {
    /// Looks at every router that a request is tried with. What I2 says of it is not looked at: see
    /// [`EntryPoint::route_secure`](crate::EntryPoint::route_secure).
    pub fn consider(&self, request: &RouteRequest<'_>, most: usize) -> Consideration<'_> {
        let probe = Probe::new(request);
        let mut all = Consideration::default();
        let mut chosen = false;
        for router in self.routers() {
            let Some(rule) = &router.rule else { continue };
            let holds = rule.matches(&probe);
            if !holds && !may_be_for(rule, request.host) {
                all.other_hosts += 1;
                continue;
            }
            let first = holds && !chosen;
            chosen |= holds;
            // The one that is chosen is told of, however many come before it.
            if all.routers.len() >= most && !first {
                all.more += 1;
                continue;
            }
            let outcome = match (holds, first) {
                (_, true) => Outcome::Chosen,
                (true, false) => Outcome::Outranked,
                (false, false) => Outcome::Unmet(rule.unmet(&probe)),
            };
            all.routers.push(Considered { router, outcome });
        }
        all
    }
}

/// Whether the rule could hold for this host with another path, method or header.
fn may_be_for(rule: &RouteRule, host: &str) -> bool {
    rule.host_keys().is_none_or(|keys| {
        keys.iter().any(|key| match key {
            HostKey::Exact(name) => **name == *host,
            HostKey::Below(parent) => parent_domain(host) == Some(parent),
        })
    })
}
