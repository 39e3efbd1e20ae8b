//! Host and path of an Ingress -> a rule, as a syntax tree (I4).
//!
//! What an Ingress holds is a value of the tree and never part of a text that is parsed (CVE-2026-29777).

use viaduct_config::rule::{Expr, HostPattern, Matcher, Rule, RuleErrorKind, Syntax};

use crate::api::ingress::{IngressPath, PathType};

/// How paths are matched.
#[derive(Debug, Clone, Copy)]
pub(super) struct Matching<'a> {
    /// `strictPrefixMatching`: a prefix ends where a segment of the path ends.
    pub(super) strict: bool,
    /// Of `ImplementationSpecific` paths.
    pub(super) syntax: Syntax,
    /// `router.pathmatcher`, for `ImplementationSpecific` paths. Default `PathPrefix`.
    pub(super) matcher: Option<&'a str>,
}

/// A rule and its priority.
#[derive(Debug, PartialEq)]
pub(super) struct Placed {
    pub(super) rule: Rule,
    /// `None`: the rule's length, as everywhere.
    pub(super) priority: Option<i64>,
}

/// Why there is no such rule, and the place that its router keeps, out of service, if that can be told.
#[derive(Debug, PartialEq)]
pub(super) struct Misfit {
    pub(super) why: Why,
    pub(super) kept: Option<Placed>,
}

#[derive(Debug, PartialEq, thiserror::Error)]
pub(super) enum Why {
    #[error("the host `{0}` cannot be matched")]
    Host(String),
    #[error("the path `{path}` cannot be matched: {why}")]
    Path { path: String, why: RuleErrorKind },
    #[error("`{0}` is not a matcher of paths")]
    Matcher(String),
    #[error("`{0}` is not a type of path")]
    Type(String),
}

/// `host` is empty for every host, the path for every path.
pub(super) fn build(host: &str, path: &IngressPath, matching: Matching<'_>) -> Result<Placed, Misfit> {
    let host = Host::parse(host).map_err(|why| Misfit { why, kept: None })?;
    match path_expr(path, matching) {
        Ok(expr) => Ok(host.place(expr, exact_over(path, matching))),
        Err(why) => Err(Misfit {
            kept: host.keep(path),
            why,
        }),
    }
}

/// The rule of `spec.defaultBackend`: everything, after everything else.
pub(super) fn default_backend() -> Placed {
    Placed {
        rule: Rule::from_expr(prefix("/")),
        priority: Some(i64::from(i32::MIN)),
    }
}

fn path_expr(path: &IngressPath, matching: Matching<'_>) -> Result<Option<Expr>, Why> {
    let text = path.path.as_str();
    if let PathType::Other(other) = &path.path_type {
        return Err(Why::Type(other.escape_debug().to_string()));
    }
    if text.is_empty() {
        return Ok(None);
    }
    let specific = path.path_type == PathType::ImplementationSpecific;
    let matcher = matching.matcher.filter(|_| specific).unwrap_or(PATH_PREFIX);
    let call = |syntax, matcher| {
        Expr::call(syntax, matcher, text).map_err(|why| Why::Path {
            path: text.escape_debug().to_string(),
            why,
        })
    };
    let expr = match &path.path_type {
        PathType::Exact => call(Syntax::V3, "Path")?,
        _ if matcher.eq_ignore_ascii_case(PATH_PREFIX) && matching.strict => {
            let as_written = call(Syntax::V3, PATH_PREFIX)?;
            if text == "/" { as_written } else { segments(text) }
        }
        PathType::ImplementationSpecific if is_path_matcher(matcher) => call(matching.syntax, matcher)?,
        PathType::ImplementationSpecific => {
            return Err(Why::Matcher(matcher.escape_debug().to_string()));
        }
        PathType::Prefix | PathType::Other(_) => call(Syntax::V3, PATH_PREFIX)?,
    };
    Ok(Some(expr))
}

const PATH_PREFIX: &str = "PathPrefix";

/// Those that Traefik documents for `router.pathmatcher`.
fn is_path_matcher(name: &str) -> bool {
    ["Path", PATH_PREFIX, "PathRegexp"]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(name))
}

/// `/foo`, and everything below it, but not `/foobar`.
fn segments(path: &str) -> Expr {
    let path = path.strip_suffix('/').unwrap_or(path);
    let itself = Expr::Match(Matcher::Path(path.to_owned()));
    itself.or(prefix(&format!("{path}/")))
}

fn prefix(path: &str) -> Expr {
    Expr::Match(Matcher::PathPrefix(path.to_owned()))
}

/// What an exact path has to win over: the rule of the same path as a prefix.
fn exact_over(path: &IngressPath, matching: Matching<'_>) -> Option<Expr> {
    let exact = path.path_type == PathType::Exact && !path.path.is_empty();
    exact.then(|| {
        if matching.strict && path.path != "/" {
            segments(&path.path)
        } else {
            prefix(&path.path)
        }
    })
}

/// A host that can be matched; `None` for all of them.
struct Host(Option<HostPattern>);

impl Host {
    fn parse(text: &str) -> Result<Self, Why> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        let usable = |pattern: &HostPattern| match pattern {
            HostPattern::Any => true,
            HostPattern::Exact(name) | HostPattern::Wildcard(name) => !name.is_empty(),
        };
        HostPattern::parse(text)
            .filter(usable)
            .map(|pattern| Self(Some(pattern)))
            .ok_or_else(|| Why::Host(text.escape_debug().to_string()))
    }

    /// The rule, and the priority where its length is not what Kubernetes says: an exact path wins over the same
    /// path as a prefix, and a host over a wildcard.
    fn place(&self, path: Option<Expr>, exact_over: Option<Expr>) -> Placed {
        let rule = self.rule(path);
        let length = |rule: &Rule| i64::try_from(rule.text().len()).unwrap_or(MAX_LENGTH);
        let own = length(&rule);
        let wanted = exact_over.map_or(own, |prefix| length(&self.rule(Some(prefix))) + 1);
        let priority = match &self.0 {
            // Less than any host of one label more: with the same path, and with a prefix where this is exact.
            Some(HostPattern::Wildcard(_)) => wanted - 2,
            Some(HostPattern::Any | HostPattern::Exact(_)) | None => wanted,
        };
        Placed {
            priority: (priority != own).then_some(priority),
            rule,
        }
    }

    fn rule(&self, path: Option<Expr>) -> Rule {
        let host = self.0.clone().map(|pattern| Expr::Match(Matcher::Host(pattern)));
        Rule::from_expr(match (host, path) {
            (Some(host), Some(path)) => host.and(path),
            (Some(host), None) => host,
            (None, Some(path)) => path,
            (None, None) => prefix("/"),
        })
    }

    /// The place of a path that cannot be matched: that of the path with its slash, or behind the host's other
    /// paths. Without either it would be everything.
    fn keep(&self, path: &IngressPath) -> Option<Placed> {
        let text = path.path.as_str();
        let guessed = match &path.path_type {
            PathType::Other(_) if text.is_empty() => None,
            _ if !text.starts_with('/') => Some(prefix(&format!("/{text}"))),
            PathType::Other(_) => Some(prefix(text)),
            _ => None,
        };
        match (&self.0, guessed) {
            (None, None) => None,
            (_, guessed) => Some(self.place(guessed, None)),
        }
    }
}

/// Of a rule that could not be longer.
const MAX_LENGTH: i64 = 1 << 32;

#[cfg(test)]
mod tests;
