//! Traefik's rule language: text -> syntax tree.
//!
//! Two syntaxes, v3 and the older v2, differ in their matchers alone; both become the same tree.
//!
//! Grammar: Go expressions reduced to calls, `&&`, `||`, `!` and parentheses, with Go string literals
//! (interpreted `"..."` with escapes, raw `` `...` ``). As in Go, a line may break after an operator, a
//! comma or an opening parenthesis, and comments are allowed.

mod error;
mod guess;
mod lexer;
mod literal;
mod matcher;
mod parser;
mod print;
#[cfg(test)]
mod tests;
mod v2;

use std::sync::Arc;

use ipnet::IpNet;

use crate::regexp::GoRegexp;

pub use error::{RuleError, RuleErrorKind};
pub use matcher::MATCHER_NAMES;
pub use v2::MATCHER_NAMES as MATCHER_NAMES_V2;

/// Reads the Go string literal that `text` begins with, `"interpreted"` or `` `raw` ``: its value and what
/// follows it. `None` if there is none, or if it is not closed or not well-formed.
pub fn read_literal(text: &str) -> Option<(std::borrow::Cow<'_, str>, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '`' | '"'))?;
    let inside = text.get(1..)?;
    let (value, rest) = inside.split_at_checked(literal::end(inside, quote)?)?;
    let value = match quote {
        '`' => literal::raw(value),
        _ => literal::interpret(value).ok()?,
    };
    Some((value, rest.get(1..)?))
}

/// Which matchers a rule is written with: Traefik's `ruleSyntax` and `core.defaultRuleSyntax`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Syntax {
    /// One value each, regular expressions in matchers of their own. The default.
    #[default]
    V3,
    /// Traefik 2's, deprecated by Traefik: several values each, `{name:regexp}` inside hosts and paths.
    V2,
}

impl Syntax {
    /// Reads `v2` or `v3`, spelled exactly so, as Traefik does.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "v3" => Some(Self::V3),
            "v2" => Some(Self::V2),
            _ => None,
        }
    }
}

impl std::fmt::Display for Syntax {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::V3 => "v3",
            Self::V2 => "v2",
        })
    }
}

/// A parsed rule together with its text. Traefik's default priority is the text's length in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    text: Arc<str>,
    syntax: Syntax,
    expr: Expr,
}

impl Rule {
    /// Parses a v3 HTTP rule.
    ///
    /// Bounds: 256 KiB of text, 10,000 matchers, 100 levels of parentheses and negations.
    pub fn parse_http(text: &str) -> Result<Self, RuleError> {
        Self::parse_http_as(Syntax::V3, text)
    }

    /// Parses an HTTP rule of the given syntax, within the same bounds; each value of a v2 matcher counts
    /// as a matcher.
    pub fn parse_http_as(syntax: Syntax, text: &str) -> Result<Self, RuleError> {
        parser::parse(syntax, text)
            .map(|expr| Self {
                text: text.into(),
                syntax,
                expr,
            })
            .map_err(|fault| fault.locate(syntax, text))
    }

    /// What a text that [`parse_http_as`](Self::parse_http_as) refuses was probably meant to be: a matcher's
    /// name misspelt, single quotes, a path without its slash, Traefik 2's lists of values, a parenthesis
    /// not closed. `None` where nothing near it makes sense. The rule's text is the one given.
    ///
    /// Good enough to refuse requests by, never to serve them by.
    pub fn guess_http_as(syntax: Syntax, text: &str) -> Option<Self> {
        guess::guess(syntax, text).map(|expr| Self {
            text: text.into(),
            syntax,
            expr,
        })
    }

    /// The tree's canonical text, which differs from [`text`](Self::text) in a rule that was guessed.
    pub fn canonical(&self) -> String {
        print::print(&self.expr)
    }

    /// Hosts that stand in a text as ``Host(`...`)``, for messages about a text that does not parse.
    pub fn hosts_mentioned(text: &str) -> Vec<HostPattern> {
        guess::hosts(text)
    }

    /// Builds a rule from a tree (I4: providers build rules as trees, never by joining strings).
    ///
    /// The text parses back to the same tree, provided that its values are as [`Matcher`] says they are
    /// (a path begins with `/`, nothing is empty). What a value holds can never become syntax.
    pub fn from_expr(expr: Expr) -> Self {
        let expr = expr.balanced();
        Self {
            text: print::print(&expr).into(),
            syntax: Syntax::V3,
            expr,
        }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text, for those who keep it.
    pub fn shared_text(&self) -> &Arc<str> {
        &self.text
    }

    /// The syntax that [`text`](Self::text) is written in.
    pub fn syntax(&self) -> Syntax {
        self.syntax
    }

    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    /// Host patterns that the rule names in a positive position, as Traefik collects them to attach
    /// TLS options and ACME domains. `!Host(a)` contributes nothing (CVE-2026-114656).
    pub fn hosts(&self) -> Vec<&HostPattern> {
        let mut hosts = Vec::new();
        self.expr.collect_hosts(false, &mut hosts);
        hosts
    }
}

/// Inside a [`Rule`], a chain of one operator (`a && b && c && ...`) is a balanced tree: its operands stand
/// in the order written, and its depth is the logarithm of their number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expr {
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Not(Box<Self>),
    Match(Matcher),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Matcher {
    Host(HostPattern),
    /// Matched against the lower-cased host, case-sensitively.
    HostRegexp(GoRegexp),
    /// Upper case.
    Method(String),
    /// Exact path, compared with reserved characters still escaped. Begins with `/`.
    Path(String),
    /// Begins with `/`. A prefix of text, not of segments: `/api` matches `/apis`, as in Traefik.
    PathPrefix(String),
    PathRegexp(GoRegexp),
    /// Name in canonical form (`X-Foo-Bar`); as written if it is no header name, which then never matches.
    Header {
        name: String,
        value: String,
    },
    HeaderRegexp {
        name: String,
        value: GoRegexp,
    },
    /// One of the key's values equals `value`. `None` stands for the empty value, as Traefik has it:
    /// ``Query(`k`)`` matches `?k` and `?k=`, and does not match `?k=v`.
    Query {
        key: String,
        value: Option<String>,
    },
    /// `None` as in [`Matcher::Query`].
    QueryRegexp {
        key: String,
        value: Option<GoRegexp>,
    },
    /// Host bits are cleared; a v4 address or network in v6 notation is v4.
    ClientIp(IpNet),
}

/// What `Host(...)` accepts. ASCII (Traefik refuses anything else), lower case, without a trailing dot.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HostPattern {
    /// `Host(`*`)`.
    Any,
    Exact(String),
    /// `*.example.com`: exactly one more label. Holds `example.com`.
    Wildcard(String),
}

impl HostPattern {
    /// Reads what stands in `Host(...)`; `None` if it is not ASCII.
    pub fn parse(text: &str) -> Option<Self> {
        if !text.is_ascii() {
            return None;
        }
        if text == "*" {
            return Some(Self::Any);
        }
        let lower = text.to_ascii_lowercase();
        let host = lower.strip_suffix('.').unwrap_or(&lower);
        // `*.` and `*x` are neither; Traefik takes them, and they match nothing.
        let pattern = match host.strip_prefix("*.") {
            Some(parent) => Self::Wildcard(parent.to_owned()),
            None if host == "*" => Self::Exact(lower),
            None => Self::Exact(host.to_owned()),
        };
        Some(pattern)
    }
}

impl std::fmt::Display for HostPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Exact(host) => f.write_str(host),
            Self::Wildcard(parent) => write!(f, "*.{parent}"),
        }
    }
}

/// The two operators that chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chain {
    And,
    Or,
}

impl Expr {
    /// The matcher that `name(value)` would be in a rule of `syntax`, checked in the same way. `name` is
    /// one of [`MATCHER_NAMES`] or [`MATCHER_NAMES_V2`], in any spelling that a rule may have; what `value`
    /// holds is never read as syntax, beyond the `{name:regexp}` of v2.
    pub fn call(syntax: Syntax, name: &str, value: &str) -> Result<Self, RuleErrorKind> {
        let names = match syntax {
            Syntax::V3 => &MATCHER_NAMES[..],
            Syntax::V2 => &v2::MATCHER_NAMES[..],
        };
        let function = matcher::canonical_name(name, names)
            .ok_or_else(|| RuleErrorKind::UnsupportedFunction(name.to_owned()))?;
        let values = [std::borrow::Cow::Borrowed(value)];
        match syntax {
            Syntax::V3 => matcher::build(function, &values).map(Self::Match),
            Syntax::V2 => v2::build(function, &values),
        }
    }

    /// Both hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::And(Box::new(self), Box::new(other))
    }

    /// One of them holds, or both.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self::Or(Box::new(self), Box::new(other))
    }

    /// Joins operands, in order, into a balanced tree.
    fn join(chain: Chain, first: Self, mut rest: Vec<Self>) -> Self {
        // Of n + 1 operands, the left half takes the first one and n / 2 others.
        let mut right = rest.split_off(rest.len() / 2).into_iter();
        let Some(middle) = right.next() else {
            return first;
        };
        let left = Box::new(Self::join(chain, first, rest));
        let right = Box::new(Self::join(chain, middle, right.collect()));
        match chain {
            Chain::And => Self::And(left, right),
            Chain::Or => Self::Or(left, right),
        }
    }

    /// Takes a chain apart: its first operand and the others in order. What is no such chain is one operand.
    fn into_operands(self, chain: Chain) -> (Self, Vec<Self>) {
        let mut pending = Vec::new();
        let first = self.leftmost(chain, &mut pending);
        let mut rest = Vec::new();
        while let Some(expr) = pending.pop() {
            rest.push(expr.leftmost(chain, &mut pending));
        }
        (first, rest)
    }

    /// The leftmost operand; what stands right of it goes on top of `pending`, the nearest last.
    fn leftmost(self, chain: Chain, pending: &mut Vec<Self>) -> Self {
        let mut expr = self;
        loop {
            expr = match (chain, expr) {
                (Chain::And, Self::And(left, right)) | (Chain::Or, Self::Or(left, right)) => {
                    pending.push(*right);
                    *left
                }
                (_, operand) => return operand,
            };
        }
    }

    /// The same meaning with every chain balanced.
    fn balanced(self) -> Self {
        let chain = match self {
            Self::And(..) => Chain::And,
            Self::Or(..) => Chain::Or,
            Self::Not(inner) => return Self::Not(Box::new(inner.balanced())),
            Self::Match(_) => return self,
        };
        let (first, rest) = self.into_operands(chain);
        Self::join(
            chain,
            first.balanced(),
            rest.into_iter().map(Self::balanced).collect(),
        )
    }

    fn collect_hosts<'a>(&'a self, negated: bool, hosts: &mut Vec<&'a HostPattern>) {
        match self {
            Self::And(left, right) | Self::Or(left, right) => {
                left.collect_hosts(negated, hosts);
                right.collect_hosts(negated, hosts);
            }
            Self::Not(inner) => inner.collect_hosts(!negated, hosts),
            Self::Match(Matcher::Host(host)) if !negated => hosts.push(host),
            Self::Match(_) => {}
        }
    }
}
