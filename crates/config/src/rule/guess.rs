//! What a rule that does not parse was probably meant to be.

use super::error::{Fault, RuleErrorKind};
use super::lexer::{Lexer, TokenKind};
use super::{Expr, HostPattern, Syntax, parser};
use crate::suggest;

/// Mends one slip after the other, each as the hint of its error says.
pub(super) fn guess(syntax: Syntax, written: &str) -> Option<Expr> {
    let mut text = written.to_owned();
    for _ in 0..=MAX_SLIPS {
        match parser::parse(syntax, &text) {
            Ok(expr) => return Some(expr),
            Err(fault) => text = mended(syntax, &text, &fault)?,
        }
    }
    None
}

fn mended(syntax: Syntax, text: &str, fault: &Fault) -> Option<String> {
    let (before, rest) = text.split_at_checked(fault.offset)?;
    match &fault.kind {
        RuleErrorKind::UnsupportedFunction(name) => {
            let names = match syntax {
                Syntax::V3 => &super::MATCHER_NAMES[..],
                Syntax::V2 => &super::MATCHER_NAMES_V2[..],
            };
            let meant = suggest::closest(name, names.iter().copied())?;
            Some(format!("{before}{meant}{}", rest.strip_prefix(name.as_str())?))
        }
        RuleErrorKind::UnexpectedCharacter('\'') => {
            let (value, after) = rest.strip_prefix('\'')?.split_once('\'')?;
            (!value.contains(['`', '\n'])).then(|| format!("{before}`{value}`{after}"))
        }
        RuleErrorKind::PathWithoutSlash { .. } => {
            let quote = rest.chars().next().filter(|quote| matches!(quote, '`' | '"'))?;
            Some(format!("{before}{quote}/{}", rest.strip_prefix(quote)?))
        }
        RuleErrorKind::WrongArity {
            function,
            wanted: "one value",
            ..
        } if syntax == Syntax::V3 => {
            let (calls, after) = one_value_each(function, rest)?;
            Some(format!("{before}({calls}){after}"))
        }
        RuleErrorKind::Unexpected { wanted, .. } if wanted.contains("`)`") && rest.trim().is_empty() => {
            Some(format!("{text})"))
        }
        _ => None,
    }
}

/// ``Host(`a`, `b`)``, as Traefik 2 had it -> ``Host(`a`) || Host(`b`)``, and what follows.
fn one_value_each<'a>(function: &str, call: &'a str) -> Option<(String, &'a str)> {
    let mut lexer = Lexer::new(call);
    let mut calls: Vec<String> = Vec::new();
    let mut value_at = None;
    loop {
        let token = lexer.next().ok()?;
        let value = value_at.and_then(|at| call.get(at..token.offset));
        match token.kind {
            TokenKind::Name(_) | TokenKind::Open => {}
            TokenKind::Text(_) => value_at = Some(token.offset),
            TokenKind::Comma | TokenKind::Close => {
                calls.extend(value.map(|value| format!("{function}({})", value.trim_end())));
                value_at = None;
                if token.kind == TokenKind::Close {
                    let after = call.get(token.offset + 1..)?;
                    return (!calls.is_empty()).then(|| (calls.join(" || "), after));
                }
            }
            _ => return None,
        }
    }
}

/// Hosts that stand in a text as ``Host(`...`)``, whatever surrounds them.
pub(super) fn hosts(text: &str) -> Vec<HostPattern> {
    let mut hosts: Vec<HostPattern> = text
        .match_indices("Host(")
        .take(MAX_HOSTS)
        .filter_map(|(at, call)| {
            let value = text.get(at + call.len()..)?.trim_start();
            let quote = value
                .chars()
                .next()
                .filter(|quote| matches!(quote, '`' | '"' | '\''))?;
            let (host, _) = value.strip_prefix(quote)?.split_once(quote)?;
            HostPattern::parse(host).filter(|_| !host.is_empty())
        })
        .collect();
    hosts.sort_unstable();
    hosts.dedup();
    hosts
}

/// More than that is not a slip of the pen.
const MAX_SLIPS: usize = 16;
const MAX_HOSTS: usize = 64;
