//! The compiled routing table: exact host -> hash, wildcard host -> suffix, path prefix -> candidates,
//! in front of the exact semantics of priority. Ten thousand host routes cost what one costs.
//!
//! Every router sits in each bucket where its rule can hold (a superset), and its whole rule is tried
//! there; the winner is the router of the lowest rank that matches, over all buckets a request has.

mod bucket;
mod consider;
mod pages;

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::entry_point::RouteRequest;
use crate::router::Router;
use crate::rule::{HostKey, Probe, RouteRule};
use crate::users::Replaced;
use bucket::{Bucket, Placed};
use pages::Pages;

pub use consider::{Consideration, Considered, Outcome};

/// Place in the order of all routers of a table; the lowest that matches wins.
type Rank = u32;

type Buckets = HashMap<Box<str>, Bucket, RandomState>;

#[derive(Debug, Clone, Default)]
pub struct RoutingTable {
    /// By rank. Those without a readable rule are not here.
    routers: Pages<Arc<Router>>,
    /// Shared with the table before, where no rank and no rule has changed.
    index: Arc<Index>,
}

/// Where each rank is to be found.
#[derive(Debug, Default)]
struct Index {
    exact: Buckets,
    /// Keyed by what follows the first label.
    below: Buckets,
    /// Rules that can match any host.
    anywhere: Bucket,
}

impl RoutingTable {
    /// Order: higher priority first; among equals the order given. `compile` gives them in the order
    /// of `providers.precedence`, then by name.
    pub fn new(mut routers: Vec<Arc<Router>>) -> Self {
        routers.retain(|router| router.rule.is_some());
        routers.sort_by_key(|router| std::cmp::Reverse(router.priority));
        let mut exact: HashMap<&str, Vec<Placed<'_>>, RandomState> = HashMap::default();
        let mut below: HashMap<&str, Vec<Placed<'_>>, RandomState> = HashMap::default();
        let mut anywhere = Vec::new();
        for (rank, router) in (0..).zip(&routers) {
            let Some(rule) = &router.rule else { continue };
            let placed = Placed { rank, rule };
            match rule.host_keys() {
                None => anywhere.push(placed),
                Some(keys) => keys.iter().for_each(|key| match key {
                    HostKey::Exact(host) => exact.entry(host).or_default().push(placed),
                    HostKey::Below(parent) => below.entry(parent).or_default().push(placed),
                }),
            }
        }
        let index = Index {
            exact: buckets(exact),
            below: buckets(below),
            anywhere: Bucket::new(&anywhere),
        };
        Self {
            index: Arc::new(index),
            routers: routers.into_iter().collect(),
        }
    }

    /// The same with other routers in the places of some. Each must have the rule and the priority of the one that it
    /// replaces. `None`: none of those is here.
    pub(crate) fn with(&self, replaced: &Replaced<Router>) -> Option<Self> {
        let routers = self.routers.with(|router| replaced.get(router))?;
        let index = Arc::clone(&self.index);
        Some(Self { routers, index })
    }

    /// The winning router. No allocation, unless a regular expression meets text that is not UTF-8 or
    /// a path or query of more than a few hundred escaped bytes.
    pub fn find(&self, request: &RouteRequest<'_>) -> Option<&Arc<Router>> {
        let probe = Probe::new(request);
        let mut best = None;
        let index = &*self.index;
        if let Some(bucket) = index.exact.get(request.host) {
            best = bucket.best(self, &probe, best);
        }
        if !index.below.is_empty()
            && let Some(parent) = crate::rule::parent_domain(request.host)
            && let Some(bucket) = index.below.get(parent)
        {
            best = bucket.best(self, &probe, best);
        }
        best = index.anywhere.best(self, &probe, best);
        self.routers.get(usize::try_from(best?).ok()?)
    }

    /// In the order in which they are tried.
    pub fn routers(&self) -> impl Iterator<Item = &Arc<Router>> {
        self.routers.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.routers.len() == 0
    }

    pub(crate) fn rule(&self, rank: Rank) -> Option<&RouteRule> {
        self.routers.get(usize::try_from(rank).ok()?)?.rule.as_deref()
    }

    /// Whether a table of `routers` (in the order that [`new`](Self::new) takes) would be this one.
    pub(crate) fn is_of(&self, routers: &[Arc<Router>]) -> bool {
        let mut sorted: Vec<_> = routers.iter().filter(|router| router.rule.is_some()).collect();
        sorted.sort_by_key(|router| std::cmp::Reverse(router.priority));
        sorted.len() == self.routers.len()
            && sorted
                .iter()
                .zip(self.routers.iter())
                .all(|(a, b)| Arc::ptr_eq(a, b))
    }
}

fn buckets(placed: HashMap<&str, Vec<Placed<'_>>, RandomState>) -> Buckets {
    placed
        .into_iter()
        .map(|(host, placed)| (host.into(), Bucket::new(&placed)))
        .collect()
}

#[cfg(test)]
mod tests;
