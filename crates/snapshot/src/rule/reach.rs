//! Where a rule can match at all: a superset of its hosts and of its paths, for the index.

use viaduct_config::rule::{Expr, HostPattern, Matcher};

use super::test::{as_and, as_or, chain};

#[derive(Debug)]
pub(super) struct Reach {
    /// `None`: any host.
    pub(super) hosts: Option<Vec<HostKey>>,
    /// `None`: any path.
    pub(super) paths: Option<Vec<PathKey>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum HostKey {
    Exact(Box<str>),
    /// One more label before this.
    Below(Box<str>),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum PathKey {
    Exact(Box<[u8]>),
    Prefix(Box<[u8]>),
}

/// Rules of the most common forms need no evaluation once the index has found them.
#[derive(Debug)]
pub(crate) enum Shape {
    /// Only hosts, any of which will do (or any host at all).
    Hosts,
    /// As [`Hosts`](Self::Hosts), and one path prefix.
    HostsAndPrefix(Box<[u8]>),
    Other,
}

impl Shape {
    pub(super) fn of(expr: &Expr) -> Self {
        if is_hosts(expr) {
            return Self::Hosts;
        }
        let mut found = None;
        for operand in chain(expr, as_and) {
            match operand {
                Expr::Match(Matcher::PathPrefix(prefix)) if found.is_none() => {
                    found = Some(prefix.as_bytes().into());
                }
                // Two lists of hosts at once are left to evaluation: the index holds one of them.
                hosts if is_hosts(hosts) && chain(expr, as_and).len() == 2 => {}
                _ => return Self::Other,
            }
        }
        found.map_or(Self::Other, Self::HostsAndPrefix)
    }
}

/// Whether `expr` holds for exactly the keys that [`Reach`] gives it.
fn is_hosts(expr: &Expr) -> bool {
    chain(expr, as_or)
        .into_iter()
        .all(|operand| matches!(operand, Expr::Match(Matcher::Host(_))))
}

impl Reach {
    pub(super) fn of(expr: &Expr) -> Self {
        let hosts = superset(expr, host_key);
        let mut paths = superset(expr, path_key);
        // The index holds one entry for each pair of host and path; a rule with very many of both is
        // indexed by host alone.
        let pairs = hosts.as_ref().map_or(1, Vec::len) * paths.as_ref().map_or(1, Vec::len);
        if pairs > MAX_PAIRS {
            paths = None;
        }
        Self { hosts, paths }
    }
}

/// All keys under which `expr` can hold; `None` when it can hold under any.
fn superset<K: Ord>(expr: &Expr, key: fn(&Matcher) -> Option<K>) -> Option<Vec<K>> {
    match expr {
        // Each operand is a superset of the whole; the smallest one serves best.
        Expr::And(..) => chain(expr, as_and)
            .into_iter()
            .filter_map(|operand| superset(operand, key))
            .min_by_key(Vec::len),
        Expr::Or(..) => {
            let mut keys = Vec::new();
            for operand in chain(expr, as_or) {
                keys.extend(superset(operand, key)?);
            }
            keys.sort_unstable();
            keys.dedup();
            Some(keys)
        }
        Expr::Not(_) => None,
        Expr::Match(matcher) => key(matcher).map(|key| vec![key]),
    }
}

fn host_key(matcher: &Matcher) -> Option<HostKey> {
    match matcher {
        Matcher::Host(HostPattern::Exact(host)) => Some(HostKey::Exact(host.as_str().into())),
        Matcher::Host(HostPattern::Wildcard(parent)) => Some(HostKey::Below(parent.as_str().into())),
        _ => None,
    }
}

fn path_key(matcher: &Matcher) -> Option<PathKey> {
    match matcher {
        Matcher::Path(path) => Some(PathKey::Exact(path.as_bytes().into())),
        Matcher::PathPrefix(prefix) => Some(PathKey::Prefix(prefix.as_bytes().into())),
        _ => None,
    }
}

const MAX_PAIRS: usize = 4096;
