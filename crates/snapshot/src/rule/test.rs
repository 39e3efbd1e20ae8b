//! The compiled form of a rule.

use std::borrow::Cow;

use http::header::{HOST, HeaderName};
use ipnet::{IpNet, Ipv4Net};
use viaduct_config::regexp::GoRegexp;
use viaduct_config::rule::{Expr, HostPattern, Matcher};

use super::{Probe, query};

/// What a request must satisfy.
#[derive(Debug)]
pub(super) enum Test {
    All(Box<[Self]>),
    Any(Box<[Self]>),
    Not(Box<Self>),
    Always,
    Never,
    Host(Box<str>),
    /// One more label before this suffix.
    HostBelow(Box<str>),
    HostRegexp(GoRegexp),
    Method(Box<str>),
    Path(Box<[u8]>),
    PathPrefix(Box<[u8]>),
    PathRegexp(GoRegexp),
    Header(HeaderName, Box<[u8]>),
    HeaderRegexp(HeaderName, GoRegexp),
    Query(Box<[u8]>, Box<[u8]>),
    QueryRegexp(Box<[u8]>, GoRegexp),
    ClientIp(IpNet),
}

impl Test {
    pub(super) fn compile(expr: &Expr) -> Self {
        match expr {
            Expr::And(..) => Self::All(chain(expr, as_and).into_iter().map(Self::compile).collect()),
            Expr::Or(..) => Self::Any(chain(expr, as_or).into_iter().map(Self::compile).collect()),
            Expr::Not(inner) => Self::Not(Box::new(Self::compile(inner))),
            Expr::Match(matcher) => Self::matcher(matcher),
        }
    }

    fn matcher(matcher: &Matcher) -> Self {
        match matcher {
            Matcher::Host(HostPattern::Any) => Self::Always,
            Matcher::Host(HostPattern::Exact(host)) => Self::Host(host.as_str().into()),
            Matcher::Host(HostPattern::Wildcard(parent)) => Self::HostBelow(parent.as_str().into()),
            Matcher::HostRegexp(regexp) => Self::HostRegexp(regexp.clone()),
            Matcher::Method(method) => Self::Method(method.as_str().into()),
            Matcher::Path(path) => Self::Path(path.as_bytes().into()),
            Matcher::PathPrefix(prefix) => Self::PathPrefix(prefix.as_bytes().into()),
            Matcher::PathRegexp(regexp) => Self::PathRegexp(regexp.clone()),
            Matcher::Header { name, value } => {
                header(name).map_or(Self::Never, |name| Self::Header(name, value.as_bytes().into()))
            }
            Matcher::HeaderRegexp { name, value } => {
                header(name).map_or(Self::Never, |name| Self::HeaderRegexp(name, value.clone()))
            }
            // As Traefik: a key alone asks for that key with an empty value.
            Matcher::Query { key, value } => Self::Query(
                key.as_bytes().into(),
                value.as_deref().unwrap_or_default().as_bytes().into(),
            ),
            Matcher::QueryRegexp { key, value: None } => Self::Query(key.as_bytes().into(), Box::default()),
            Matcher::QueryRegexp {
                key,
                value: Some(regexp),
            } => Self::QueryRegexp(key.as_bytes().into(), regexp.clone()),
            Matcher::ClientIp(net) => Self::ClientIp(canonical(*net)),
        }
    }

    pub(super) fn holds(&self, probe: &Probe<'_>) -> bool {
        let request = probe.request;
        match self {
            Self::All(tests) => tests.iter().all(|test| test.holds(probe)),
            Self::Any(tests) => tests.iter().any(|test| test.holds(probe)),
            Self::Not(test) => !test.holds(probe),
            Self::Always => true,
            Self::Never => false,
            Self::Host(host) => **host == *request.host,
            Self::HostBelow(parent) => parent_domain(request.host) == Some(parent),
            Self::HostRegexp(regexp) => regexp.is_match(request.host),
            Self::Method(method) => **method == *request.method,
            Self::Path(path) => **path == *probe.path.bytes(),
            Self::PathPrefix(prefix) => probe.path.bytes().starts_with(prefix),
            Self::PathRegexp(regexp) => regexp.is_match(&text(probe.path.bytes())),
            Self::Header(name, value) => request
                .headers
                .get_all(name)
                .iter()
                .any(|found| found.as_bytes() == &**value),
            Self::HeaderRegexp(name, regexp) => request
                .headers
                .get_all(name)
                .iter()
                .any(|found| regexp.is_match(&text(found.as_bytes()))),
            Self::Query(key, value) => query::any(request.query, key, |found| found == &**value),
            Self::QueryRegexp(key, regexp) => {
                query::any(request.query, key, |found| regexp.is_match(&text(found)))
            }
            Self::ClientIp(net) => net.contains(&probe.client_ip),
        }
    }
}

/// What follows the first label; `None` without a first label or without a parent.
pub(crate) fn parent_domain(host: &str) -> Option<&str> {
    let (label, parent) = host.split_once('.')?;
    (!label.is_empty() && !parent.is_empty()).then_some(parent)
}

/// The operands of a chain of one operator, left to right, without recursion: rules may list
/// thousands of hosts.
pub(super) fn chain(expr: &Expr, operands: fn(&Expr) -> Option<(&Expr, &Expr)>) -> Vec<&Expr> {
    let mut found = Vec::new();
    let mut pending = vec![expr];
    while let Some(next) = pending.pop() {
        match operands(next) {
            Some((left, right)) => {
                pending.push(right);
                pending.push(left);
            }
            None => found.push(next),
        }
    }
    found
}

pub(super) fn as_and(expr: &Expr) -> Option<(&Expr, &Expr)> {
    match expr {
        Expr::And(left, right) => Some((left, right)),
        Expr::Or(..) | Expr::Not(_) | Expr::Match(_) => None,
    }
}

pub(super) fn as_or(expr: &Expr) -> Option<(&Expr, &Expr)> {
    match expr {
        Expr::Or(left, right) => Some((left, right)),
        Expr::And(..) | Expr::Not(_) | Expr::Match(_) => None,
    }
}

/// `None` for names that no request can carry. `Host` is one of them: HTTP/2 has none, and Go takes it
/// out of HTTP/1.1 requests too, so no rule can depend on it.
fn header(name: &str) -> Option<HeaderName> {
    HeaderName::from_bytes(name.as_bytes())
        .ok()
        .filter(|name| *name != HOST)
}

/// IPv4-mapped networks as IPv4, like the addresses they are compared with.
fn canonical(net: IpNet) -> IpNet {
    match net {
        IpNet::V6(v6) if v6.prefix_len() >= 96 => v6
            .addr()
            .to_ipv4_mapped()
            .and_then(|v4| Ipv4Net::new(v4, v6.prefix_len() - 96).ok())
            .map_or(net, IpNet::V4),
        IpNet::V4(_) | IpNet::V6(_) => net,
    }
}

fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}
