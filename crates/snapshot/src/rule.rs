//! A rule made ready for requests: what it tests, and where it can match at all.

mod query;
mod reach;
mod test;

use std::net::IpAddr;
use std::sync::Arc;

use smallvec::SmallVec;
use viaduct_config::rule::{HostPattern, Rule, Syntax};

pub(crate) use reach::{HostKey, PathKey, Shape};
pub(crate) use test::parent_domain;

use crate::entry_point::RouteRequest;
use reach::Reach;
use test::Test;

/// A rule, its compiled form, and the hosts and paths outside which it cannot match.
#[derive(Debug)]
pub struct RouteRule {
    rule: Rule,
    test: Test,
    reach: Reach,
    shape: Shape,
    guessed: bool,
}

impl RouteRule {
    pub fn new(rule: Rule) -> Self {
        Self {
            guessed: false,
            test: Test::compile(rule.expr()),
            reach: Reach::of(rule.expr()),
            shape: Shape::of(rule.expr()),
            rule,
        }
    }

    /// The rule that an unreadable text was probably meant to be ([`Rule::guess_http_as`]). Its router is out
    /// of service: it keeps its requests from routers they were not meant for, and claims nothing else.
    pub(crate) fn guess(syntax: Syntax, text: &str) -> Option<Self> {
        let rule = Rule::guess_http_as(syntax, text)?;
        Some(Self {
            guessed: true,
            ..Self::new(rule)
        })
    }

    /// Whether it is what an unreadable text was probably meant to be.
    pub fn is_guessed(&self) -> bool {
        self.guessed
    }

    /// As written.
    pub fn text(&self) -> &str {
        self.rule.text()
    }

    pub(crate) fn syntax(&self) -> Syntax {
        self.rule.syntax()
    }

    /// As it is understood.
    pub(crate) fn canonical(&self) -> String {
        self.rule.canonical()
    }

    pub(crate) fn shared_text(&self) -> &Arc<str> {
        self.rule.shared_text()
    }

    /// Hosts named in a positive position, to which TLS options attach.
    pub fn hosts(&self) -> Vec<&HostPattern> {
        self.rule.hosts()
    }

    /// Whether requests for hosts that [`hosts`](Self::hosts) does not list can match too.
    pub(crate) fn matches_unnamed_hosts(&self) -> bool {
        self.reach.hosts.is_none()
    }

    /// Hosts it can match; `None`: any.
    pub(crate) fn host_keys(&self) -> Option<&[HostKey]> {
        self.reach.hosts.as_deref()
    }

    /// Paths it can match; `None`: any.
    pub(crate) fn path_keys(&self) -> Option<&[PathKey]> {
        self.reach.paths.as_deref()
    }

    pub(crate) fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Those of the conditions joined by `&&` that do not hold, in canonical text and in the order written; empty
    /// where the rule holds. Compiles each anew: for people who ask why, not for requests.
    pub(crate) fn unmet(&self, probe: &Probe<'_>) -> Vec<String> {
        let conditions = test::chain(self.rule.expr(), test::as_and).into_iter();
        conditions
            .filter(|condition| !Test::compile(condition).holds(probe))
            .map(|condition| Rule::from_expr(condition.clone()).text().to_owned())
            .collect()
    }

    /// The whole rule, exactly.
    pub(crate) fn matches(&self, probe: &Probe<'_>) -> bool {
        self.test.holds(probe)
    }
}

/// A request as rules see it; made once for all rules that are tried.
pub(crate) struct Probe<'a> {
    pub(crate) request: &'a RouteRequest<'a>,
    pub(crate) path: RoutingPath<'a>,
    /// IPv4-mapped IPv6 addresses as IPv4.
    pub(crate) client_ip: IpAddr,
}

impl<'a> Probe<'a> {
    pub(crate) fn new(request: &'a RouteRequest<'a>) -> Self {
        Self {
            request,
            path: RoutingPath::new(request.path),
            client_ip: request.client_ip.to_canonical(),
        }
    }
}

/// A path as rules are written: everything decoded but reserved characters, which would change its
/// meaning (A3.7). ``PathPrefix(`/foo bar`)`` matches `/foo%20bar`; ``Path(`/a/b`)`` does not match
/// `/a%2Fb`.
#[expect(
    clippy::large_enum_variant,
    reason = "it lives on the stack for one look-up, so that most escaped paths need no allocation"
)]
pub(crate) enum RoutingPath<'a> {
    AsSent(&'a [u8]),
    Decoded(SmallVec<[u8; 256]>),
}

impl<'a> RoutingPath<'a> {
    fn new(path: &'a str) -> Self {
        let bytes = path.as_bytes();
        if !bytes.contains(&b'%') {
            return Self::AsSent(bytes);
        }
        let mut decoded = SmallVec::with_capacity(bytes.len());
        let mut rest = bytes;
        while let Some((&first, tail)) = rest.split_first() {
            match escaped(rest) {
                Some(byte) if !is_reserved(byte) => {
                    decoded.push(byte);
                    rest = rest.get(3..).unwrap_or_default();
                }
                Some(_) | None => {
                    decoded.push(first);
                    rest = tail;
                }
            }
        }
        Self::Decoded(decoded)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::AsSent(bytes) => bytes,
            Self::Decoded(bytes) => bytes,
        }
    }
}

/// The byte of a `%XX` at the start of `text`.
pub(crate) fn escaped(text: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = text else {
        return None;
    };
    let nibble = |digit: u8| char::from(digit).to_digit(16);
    u8::try_from(nibble(*high)? * 16 + nibble(*low)?).ok()
}

/// RFC 3986's reserved characters, and `%` itself.
fn is_reserved(byte: u8) -> bool {
    matches!(
        byte,
        b':' | b'/'
            | b'?'
            | b'#'
            | b'['
            | b']'
            | b'@'
            | b'!'
            | b'$'
            | b'&'
            | b'\''
            | b'('
            | b')'
            | b'*'
            | b'+'
            | b','
            | b';'
            | b'='
            | b'%'
    )
}
