//! The matchers of v2, on the tree of v3.
//!
//! `Host`, `HostHeader`, `HostRegexp`, `Path`, `PathPrefix`, `Method` and `ClientIP` hold for any of their
//! values; `Headers`, `HeadersRegexp` and `Query` for all of their pairs. A value of a host or path matcher,
//! or of a query, may have parts written `{name:regexp}` or `{name}`; the expression stands for that part
//! alone, and everything else is taken literally.
//!
//! As in Traefik, a host has no wildcard in v2: ``Host(`*.a`)`` names the host `*.a`, which no request has.
//! Two things are better than there: an expression in `Host` is taken as in `HostRegexp`, where Traefik
//! compares its text, and `Query` looks at every value of a repeated key, where Traefik sees the first.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use super::error::RuleErrorKind;
use super::matcher::{absolute, canonical_header_name, client_ip, not_ascii, regexp};
use super::{Chain, Expr, HostPattern, Matcher};

/// The names as documented.
pub const MATCHER_NAMES: [&str; 10] = [
    "ClientIP",
    "Headers",
    "HeadersRegexp",
    "Host",
    "HostHeader",
    "HostRegexp",
    "Method",
    "Path",
    "PathPrefix",
    "Query",
];

/// Builds the matcher `function` (one of [`MATCHER_NAMES`]) from its arguments.
pub(super) fn build(function: &'static str, arguments: &[Cow<'_, str>]) -> Result<Expr, RuleErrorKind> {
    if arguments.iter().any(|argument| argument.is_empty()) {
        return Err(RuleErrorKind::EmptyValue { function });
    }
    let values = arguments.iter().map(AsRef::as_ref);
    match function {
        "ClientIP" => any(function, values.map(client_ip)),
        "Headers" => all(pairs(function, values)?, |name, value| {
            Ok(Matcher::Header {
                name: canonical_header_name(name),
                value: value.to_owned(),
            })
        }),
        "HeadersRegexp" => all(pairs(function, values)?, |name, value| {
            Ok(Matcher::HeaderRegexp {
                name: canonical_header_name(name),
                value: regexp(function, value)?,
            })
        }),
        "Host" | "HostHeader" => any(function, values.map(|value| host(function, value))),
        "HostRegexp" => any(function, values.map(|value| host_regexp(function, value))),
        "Method" => any(
            function,
            values.map(|method| Ok(Matcher::Method(method.to_uppercase()))),
        ),
        "Path" => any(function, values.map(|value| path(function, value, End::Here))),
        "PathPrefix" => any(function, values.map(|value| path(function, value, End::Anywhere))),
        "Query" => {
            // Traefik cuts each value at its first `=`, and pairs what comes out.
            let halves = values.flat_map(|value| {
                let (key, value) = match value.split_once('=') {
                    Some((key, value)) => (key, Some(value)),
                    None => (value, None),
                };
                std::iter::once(key).chain(value)
            });
            all(pairs(function, halves)?, |key, value| query(function, key, value))
        }
        other => Err(RuleErrorKind::UnsupportedFunction(other.to_owned())),
    }
}

/// One value at least; any of them will do.
fn any(
    function: &'static str,
    matchers: impl Iterator<Item = Result<Matcher, RuleErrorKind>>,
) -> Result<Expr, RuleErrorKind> {
    join(Chain::Or, matchers)?.ok_or(RuleErrorKind::WrongArity {
        function,
        wanted: "one value or more",
        got: 0,
    })
}

/// Every pair has to hold. Of pairs with one name the last counts, as in Go's maps.
fn all(
    pairs: Vec<(&str, &str)>,
    matcher: impl Fn(&str, &str) -> Result<Matcher, RuleErrorKind>,
) -> Result<Expr, RuleErrorKind> {
    let matchers = pairs.into_iter().map(|(name, value)| matcher(name, value));
    // `pairs` gives one at least.
    join(Chain::And, matchers)?.ok_or(RuleErrorKind::Empty)
}

fn join(
    chain: Chain,
    matchers: impl Iterator<Item = Result<Matcher, RuleErrorKind>>,
) -> Result<Option<Expr>, RuleErrorKind> {
    let operands: Vec<Expr> = matchers
        .map(|matcher| matcher.map(Expr::Match))
        .collect::<Result<_, _>>()?;
    let mut operands = operands.into_iter();
    Ok(operands
        .next()
        .map(|first| Expr::join(chain, first, operands.collect())))
}

fn pairs<'a>(
    function: &'static str,
    mut values: impl Iterator<Item = &'a str>,
) -> Result<Vec<(&'a str, &'a str)>, RuleErrorKind> {
    let wanted = match function {
        "Query" => "values such as `key=value`",
        _ => "names and values in turn",
    };
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    while let Some(name) = values.next() {
        let Some(value) = values.next() else {
            return Err(RuleErrorKind::OddArity { function, wanted });
        };
        if function != "Query" {
            pairs.retain(|(known, _)| canonical_header_name(known) != canonical_header_name(name));
        }
        pairs.push((name, value));
    }
    if pairs.is_empty() {
        return Err(RuleErrorKind::WrongArity {
            function,
            wanted,
            got: 0,
        });
    }
    Ok(pairs)
}

fn host(function: &'static str, text: &str) -> Result<Matcher, RuleErrorKind> {
    if text.contains(['{', '}']) {
        return host_regexp(function, text);
    }
    if !text.is_ascii() {
        return Err(not_ascii(function, text));
    }
    let lower = text.to_ascii_lowercase();
    let host = lower.strip_suffix('.').unwrap_or(&lower);
    Ok(Matcher::Host(HostPattern::Exact(host.to_owned())))
}

fn host_regexp(function: &'static str, text: &str) -> Result<Matcher, RuleErrorKind> {
    if !text.is_ascii() {
        return Err(not_ascii(function, text));
    }
    // Hosts are compared in lower case.
    let source = Template::read(function, text, "[^.]+")?.source(str::to_ascii_lowercase);
    regexp(function, &format!("(?i)^{source}$")).map(Matcher::HostRegexp)
}

/// Where a path has to end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Here,
    Anywhere,
}

fn path(function: &'static str, text: &str, end: End) -> Result<Matcher, RuleErrorKind> {
    let text = absolute(function, text)?;
    if !text.contains(['{', '}']) {
        return Ok(match end {
            End::Here => Matcher::Path(text),
            End::Anywhere => Matcher::PathPrefix(text),
        });
    }
    let source = Template::read(function, &text, "[^/]+")?.source(str::to_owned);
    let end = if end == End::Here { "$" } else { "" };
    regexp(function, &format!("^{source}{end}")).map(Matcher::PathRegexp)
}

/// A value that is empty stands for any.
fn query(function: &'static str, key: &str, value: &str) -> Result<Matcher, RuleErrorKind> {
    if key.is_empty() || key.contains(['{', '}']) {
        return Err(RuleErrorKind::InvalidTemplate {
            function,
            value: format!("{key}={value}"),
            why: "the key has to be a plain text",
        });
    }
    if !value.is_empty() && !value.contains(['{', '}']) {
        return Ok(Matcher::Query {
            key: key.to_owned(),
            value: Some(value.to_owned()),
        });
    }
    let source = match value {
        "" => ".*".to_owned(),
        template => Template::read(function, template, ".*")?.source(str::to_owned),
    };
    Ok(Matcher::QueryRegexp {
        key: key.to_owned(),
        value: Some(regexp(function, &format!("^{source}$"))?),
    })
}

/// A text with expressions in braces.
struct Template<'a> {
    parts: Vec<Part<'a>>,
}

enum Part<'a> {
    Literal(&'a str),
    Pattern(&'a str),
}

impl<'a> Template<'a> {
    /// `default`: what `{name}` without an expression stands for.
    fn read(function: &'static str, text: &'a str, default: &'a str) -> Result<Self, RuleErrorKind> {
        let fault = |why| RuleErrorKind::InvalidTemplate {
            function,
            value: text.to_owned(),
            why,
        };
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, inside, after)) = next_braces(rest).map_err(fault)? {
            parts.push(Part::Literal(literal));
            let (name, pattern) = match inside.split_once(':') {
                Some((name, pattern)) => (name, pattern),
                None => (inside, default),
            };
            if name.is_empty() || pattern.is_empty() {
                return Err(fault("a name or an expression is missing between `{` and `}`"));
            }
            parts.push(Part::Pattern(pattern));
            rest = after;
        }
        parts.push(Part::Literal(rest));
        Ok(Self { parts })
    }

    /// As one expression without anchors.
    fn source(&self, literal: impl Fn(&str) -> String) -> String {
        let mut source = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(text) => quote(&literal(text), &mut source),
                Part::Pattern(pattern) => {
                    source.push_str("(?:");
                    source.push_str(pattern);
                    source.push(')');
                }
            }
        }
        source
    }
}

/// What stands before, inside and after the first outermost pair of braces.
fn next_braces(text: &str) -> Result<Option<(&str, &str, &str)>, &'static str> {
    const UNBALANCED: &str = "unbalanced braces";
    let (mut level, mut start) = (0_usize, 0);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => {
                if level == 0 {
                    start = at;
                }
                level += 1;
            }
            b'}' => {
                level = level.checked_sub(1).ok_or(UNBALANCED)?;
                if level == 0 {
                    let piece = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default();
                    return Ok(Some((
                        piece(0..start),
                        piece(start + 1..at),
                        piece(at + 1..text.len()),
                    )));
                }
            }
            _ => {}
        }
    }
    if level == 0 { Ok(None) } else { Err(UNBALANCED) }
}

/// Go's `QuoteMeta`.
fn quote(text: &str, out: &mut String) {
    for c in text.chars() {
        if "\\.+*?()|[]{}^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
}
