//! The routers that one kind of host can reach, found by path.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::{Rank, RoutingTable};
use crate::rule::{PathKey, Probe};

/// A router on its way into a [`Bucket`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed<'a> {
    pub(super) rank: Rank,
    pub(super) paths: Option<&'a [PathKey]>,
}

/// Every list is in rising order of rank.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    /// Tried for every path.
    any_path: Vec<Rank>,
    /// Absent in small buckets, where trying all is cheaper than looking up.
    by_path: Option<Box<PathIndex>>,
}

#[derive(Debug, Default)]
struct PathIndex {
    exact: HashMap<Box<[u8]>, Vec<Rank>, FixedState>,
    /// Sorted. A path's prefixes are the last node not after it, and that node's ancestors.
    prefixes: Vec<PrefixNode>,
}

#[derive(Debug)]
struct PrefixNode {
    prefix: Box<[u8]>,
    /// The longest other node that is a prefix of this one.
    parent: Option<usize>,
    ranks: Vec<Rank>,
}

impl Bucket {
    /// `placed` in rising order of rank.
    pub(super) fn new(placed: &[Placed<'_>]) -> Self {
        if placed.len() <= SMALL {
            return Self {
                any_path: placed.iter().map(|placed| placed.rank).collect(),
                by_path: None,
            };
        }
        let mut any_path = Vec::new();
        let mut exact: HashMap<Box<[u8]>, Vec<Rank>, FixedState> = HashMap::default();
        let mut prefixes: HashMap<&[u8], Vec<Rank>, FixedState> = HashMap::default();
        for Placed { rank, paths } in placed {
            match paths {
                None => any_path.push(*rank),
                Some(keys) => keys.iter().for_each(|key| match key {
                    PathKey::Exact(path) => exact.entry(path.clone()).or_default().push(*rank),
                    PathKey::Prefix(prefix) => prefixes.entry(prefix).or_default().push(*rank),
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
        if let Some(ranks) = index.exact.get(path) {
            best = first_match(table, ranks, probe, best);
        }
        let mut next = index.deepest_prefix(path);
        while let Some(node) = next.and_then(|at| index.prefixes.get(at)) {
            best = first_match(table, &node.ranks, probe, best);
            next = node.parent;
        }
        best
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

/// The first of `ranks` whose rule matches, unless `best` comes before it.
fn first_match(table: &RoutingTable, ranks: &[Rank], probe: &Probe<'_>, best: Option<Rank>) -> Option<Rank> {
    ranks
        .iter()
        .take_while(|rank| best.is_none_or(|best| **rank < best))
        .find(|rank| table.rule(**rank).is_some_and(|rule| rule.matches(probe)))
        .copied()
        .or(best)
}

fn nodes(prefixes: HashMap<&[u8], Vec<Rank>, FixedState>) -> Vec<PrefixNode> {
    let mut sorted: Vec<_> = prefixes.into_iter().collect();
    sorted.sort_unstable_by_key(|(prefix, _)| *prefix);
    let mut nodes: Vec<PrefixNode> = Vec::with_capacity(sorted.len());
    // Nodes that the current one may extend, outermost first.
    let mut open: Vec<usize> = Vec::new();
    for (prefix, ranks) in sorted {
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
            ranks,
        });
        open.push(at);
    }
    nodes
}

/// Up to this many routers are simply tried in order.
const SMALL: usize = 8;
