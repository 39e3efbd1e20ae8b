//! Traefik's v3 rule language: text -> syntax tree.
//!
//! Grammar: Go expressions reduced to calls, `&&`, `||`, `!` and parentheses, with Go string literals
//! (interpreted `"..."` with escapes, raw `` `...` ``).

use ipnet::IpNet;

use crate::regexp::GoRegexp;

/// A parsed rule together with its text. Traefik's default priority is the text's length in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    text: String,
    expr: Expr,
}

impl Rule {
    /// Parses a v3 HTTP rule.
    pub fn parse_http(_text: &str) -> Result<Self, RuleError> {
        todo!()
    }

    /// Builds a rule from a tree (I4: providers build rules as trees, never by joining strings).
    pub fn from_expr(_expr: Expr) -> Self {
        todo!("text = canonical printing of the tree with safely quoted literals")
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    /// Host patterns that the rule names in a positive position, as Traefik collects them to attach
    /// TLS options and ACME domains. `!Host(a)` contributes nothing (CVE-2026-114656).
    pub fn hosts(&self) -> Vec<&HostPattern> {
        todo!()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expr {
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    Match(Matcher),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Matcher {
    Host(HostPattern),
    HostRegexp(GoRegexp),
    /// Upper case.
    Method(String),
    /// Exact path, compared with reserved characters still escaped.
    Path(String),
    PathPrefix(String),
    PathRegexp(GoRegexp),
    /// Name in canonical form (`X-Foo-Bar`).
    Header {
        name: String,
        value: String,
    },
    HeaderRegexp {
        name: String,
        value: GoRegexp,
    },
    /// `None`: the key must be present, with any value.
    Query {
        key: String,
        value: Option<String>,
    },
    QueryRegexp {
        key: String,
        value: Option<GoRegexp>,
    },
    ClientIp(IpNet),
}

/// What `Host(...)` accepts. Lower case, without a trailing dot, IDNA in ASCII form.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HostPattern {
    /// `Host(`*`)`.
    Any,
    Exact(String),
    /// `*.example.com`: exactly one more label. Holds `example.com`.
    Wildcard(String),
}

/// Why a rule was refused, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at column {column}")]
pub struct RuleError {
    /// Byte offset into the rule.
    pub offset: usize,
    /// Line and column in the rule's text, from 1, in characters.
    pub line: u32,
    pub column: u32,
    pub kind: RuleErrorKind,
}

/// Closed set of causes; `Unsupported function` keeps Traefik's wording.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleErrorKind {
    #[error("the rule is empty")]
    Empty,
    #[error("unsupported function: {0}")]
    UnsupportedFunction(String),
}
