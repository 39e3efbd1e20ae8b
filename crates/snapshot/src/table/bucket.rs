//! The routers that one kind of host can reach, found by path.

use foldhash::fast::RandomState;
use smallvec::SmallVec;
use std::collections::HashMap;

use super::{Rank, RoutingTable};
use crate::rule::{PathKey, Probe, RouteRule, Shape};

/// A router on its way into a [`Bucket`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed<'a> {
    pub(super) rank: Rank,
    pub(super) rule: &'a RouteRule,
}

/// Every list is in rising order of rank.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    /// Tried for every path. Most hosts have one router, which then lies here, in the hash table's own
    /// memory.
    any_path: SmallVec<[Candidate; 1]>,
    /// Absent in small buckets, where trying all is cheaper than looking up.
    by_path: Option<Box<PathIndex>>,
}

/// A router, and what is left of its rule where the host (and, in [`PathIndex`], the path) is settled:
/// that part was decided by finding the candidate.
#[derive(Debug)]
struct Candidate {
    rank: Rank,
    rest: Rest,
}

#[derive(Debug)]
enum Rest {
    Nothing,
    PathPrefix(Box<[u8]>),
    /// The whole rule, in the router.
    Rule,
}

#[derive(Debug, Default)]
struct PathIndex {
    exact: HashMap<Box<[u8]>, Vec<Candidate>, RandomState>,
    /// Sorted. A path's prefixes are the last node not after it, and that node's ancestors.
    prefixes: Vec<PrefixNode>,
}

#[derive(Debug)]
struct PrefixNode {
    prefix: Box<[u8]>,
    /// The longest other node that is a prefix of this one.
    parent: Option<usize>,
    candidates: Vec<Candidate>,
}

impl Bucket {
    /// `placed` in rising order of rank.
    pub(super) fn new(placed: &[Placed<'_>]) -> Self {
        if placed.len() <= SMALL {
            return Self {
                any_path: placed.iter().map(Candidate::at_any_path).collect(),
                by_path: None,
            };
        }
        let mut any_path = SmallVec::new();
        let mut exact: HashMap<Box<[u8]>, Vec<Candidate>, RandomState> = HashMap::default();
        let mut prefixes: HashMap<&[u8], Vec<Candidate>, RandomState> = HashMap::default();
        for placed in placed {
            let candidate = || Candidate::at_its_path(placed);
            match placed.rule.path_keys() {
                None => any_path.push(Candidate::at_any_path(placed)),
                Some(keys) => keys.iter().for_each(|key| match key {
                    PathKey::Exact(path) => exact.entry(path.clone()).or_default().push(candidate()),
                    PathKey::Prefix(prefix) => prefixes.entry(prefix).or_default().push(candidate()),
                }),
            }
        }
        Self {
            any_path,
            by_path: Some(Box::new(PathIndex {
                exact,
                prefixes: nodes(prefixes),
            })),
        }
    }

    /// The lowest rank that matches, if it is below `best`; else `best`.
    pub(super) fn best(&self, table: &RoutingTable, probe: &Probe<'_>, best: Option<Rank>) -> Option<Rank> {
        let mut best = first_match(table, &self.any_path, probe, best);
        let Some(index) = &self.by_path else {
            return best;
        };
        let path = probe.path.bytes();
        if let Some(candidates) = index.exact.get(path) {
            best = first_match(table, candidates, probe, best);
        }
        let mut next = index.deepest_prefix(path);
        while let Some(node) = next.and_then(|at| index.prefixes.get(at)) {
            best = first_match(table, &node.candidates, probe, best);
            next = node.parent;
        }
        best
    }
}

impl Candidate {
    fn at_any_path(placed: &Placed<'_>) -> Self {
        let rest = match placed.rule.shape() {
            Shape::Hosts => Rest::Nothing,
            Shape::HostsAndPrefix(prefix) => Rest::PathPrefix(prefix.clone()),
            Shape::Other => Rest::Rule,
        };
        Self {
            rank: placed.rank,
            rest,
        }
    }

    fn at_its_path(placed: &Placed<'_>) -> Self {
        let rest = match placed.rule.shape() {
            Shape::Hosts | Shape::HostsAndPrefix(_) => Rest::Nothing,
            Shape::Other => Rest::Rule,
        };
        Self {
            rank: placed.rank,
            rest,
        }
    }

    fn matches(&self, table: &RoutingTable, probe: &Probe<'_>) -> bool {
        match &self.rest {
            Rest::Nothing => true,
            Rest::PathPrefix(prefix) => probe.path.bytes().starts_with(prefix),
            Rest::Rule => table.rule(self.rank).is_some_and(|rule| rule.matches(probe)),
        }
    }
}

impl PathIndex {
    /// The longest node that is a prefix of `path`.
    fn deepest_prefix(&self, path: &[u8]) -> Option<usize> {
        let after = self.prefixes.partition_point(|node| &*node.prefix <= path);
        // Whatever sorts between a path and its longest prefix begins with that prefix, so it is the
        // node found or an ancestor of it.
        let mut at = after.checked_sub(1);
        while let Some(node) = at.and_then(|at| self.prefixes.get(at)) {
            if path.starts_with(&node.prefix) {
                return at;
            }
            at = node.parent;
        }
        None
    }
}

/// The first candidate that matches, unless `best` comes before it.
fn first_match(
    table: &RoutingTable,
    candidates: &[Candidate],
    probe: &Probe<'_>,
    best: Option<Rank>,
) -> Option<Rank> {
    candidates
        .iter()
        .take_while(|candidate| best.is_none_or(|best| candidate.rank < best))
        .find(|candidate| candidate.matches(table, probe))
        .map(|candidate| candidate.rank)
        .or(best)
}

fn nodes(prefixes: HashMap<&[u8], Vec<Candidate>, RandomState>) -> Vec<PrefixNode> {
    let mut sorted: Vec<_> = prefixes.into_iter().collect();
    sorted.sort_unstable_by_key(|(prefix, _)| *prefix);
    let mut nodes: Vec<PrefixNode> = Vec::with_capacity(sorted.len());
    // Nodes that the current one may extend, outermost first.
    let mut open: Vec<usize> = Vec::new();
    for (prefix, candidates) in sorted {
        while let Some(node) = open.last().and_then(|at| nodes.get(*at)) {
            if prefix.starts_with(&node.prefix) {
                break;
            }
            open.pop();
        }
        let at = nodes.len();
        nodes.push(PrefixNode {
            prefix: prefix.into(),
            parent: open.last().copied(),
            candidates,
        });
        open.push(at);
    }
    nodes
}

/// Up to this many routers are simply tried in order.
const SMALL: usize = 8;
