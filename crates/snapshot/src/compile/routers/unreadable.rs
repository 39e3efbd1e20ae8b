//! Routers whose rule cannot be read (decision 24): which requests they keep from others, or who gets them.

use std::collections::HashSet;
use std::fmt::Write as _;

use viaduct_config::Finding;
use viaduct_config::dynamic::http::Router as WrittenRouter;
use viaduct_config::finding::Code;
use viaduct_config::rule::{HostPattern, Rule, RuleError};

use super::{Draft, Fault};
use crate::rule::{HostKey, RouteRule, parent_domain};

/// Why the router is out of service. `guessed`: what keeps its requests from the routers behind it.
pub(super) fn fault(error: &RuleError, written: &WrittenRouter, guessed: Option<&RouteRule>) -> Fault {
    let message = match guessed {
        Some(rule) => format!(
            "{error}; until that is mended, requests that match `{}` are answered with 503",
            rule.canonical()
        ),
        None => error.to_string(),
    };
    let finding = Finding::error(Code::InvalidRule, message)
        .field("rule")
        .got(written.rule.as_str());
    Fault::unavailable(match error.hint() {
        Some(hint) => finding.hint(hint),
        None => finding,
    })
}

/// Says of each router whose rule means nothing which others of its entry point now get the requests that
/// it may have been meant for, and which of its middlewares they lack.
pub(in crate::compile) fn name_heirs(drafts: &mut [Draft<'_>]) {
    let told: Vec<_> = (0..)
        .zip(&*drafts)
        .filter_map(|(at, draft)| Some((at, unreadable(draft)?)))
        .take(MAX_TOLD)
        .map(|(at, fault)| (at, fault, heirs(drafts, at)))
        .collect();
    for (at, fault, heirs) in told {
        let at: usize = at;
        if let Some(fault) = drafts.get_mut(at).and_then(|draft| draft.faults.get_mut(fault)) {
            fault.finding.message.push_str(&heirs);
        }
    }
}

/// The place of the fault among its faults, if nothing keeps the router's place.
fn unreadable(draft: &Draft<'_>) -> Option<usize> {
    let is_it = |fault: &Fault| fault.finding.code == Code::InvalidRule;
    draft
        .faults
        .iter()
        .position(is_it)
        .filter(|_| draft.rule.is_none())
}

fn heirs(drafts: &[Draft<'_>], at: usize) -> String {
    let Some(broken) = drafts.get(at) else {
        return String::new();
    };
    let hosts = Rule::hosts_mentioned(&broken.written.rule);
    let heirs: Vec<_> = drafts
        .iter()
        .filter(|other| {
            other.tls == broken.tls && other.rule.as_deref().is_some_and(|rule| meets(rule, &hosts))
        })
        .collect();
    let whose = match hosts.as_slice() {
        [] => "its requests".to_owned(),
        [host] => format!("requests for `{host}`"),
        [host, ..] => format!("requests for `{host}` and its other hosts"),
    };
    if heirs.is_empty() {
        return format!("; {whose} are answered with 404");
    }
    let mut text = format!("; {whose} now reach ");
    for (index, heir) in heirs.iter().take(MAX_NAMED).enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        // Writing to a `String` does not fail.
        write!(text, "{separator}router `{}`{}", heir.name, lacks(broken, heir)).unwrap_or_default();
    }
    match heirs.len().checked_sub(MAX_NAMED) {
        None | Some(0) => {}
        Some(more) => write!(text, " and {more} more").unwrap_or_default(),
    }
    text
}

/// Whether requests for one of `hosts` (any at all, if there is none) can match.
fn meets(rule: &RouteRule, hosts: &[HostPattern]) -> bool {
    let Some(keys) = rule.host_keys() else {
        return true;
    };
    hosts.is_empty()
        || hosts.iter().any(|host| match host {
            HostPattern::Any => true,
            HostPattern::Exact(name) => keys.iter().any(|key| match key {
                HostKey::Exact(known) => **known == **name,
                HostKey::Below(parent) => parent_domain(name) == Some(&**parent),
            }),
            HostPattern::Wildcard(parent) => keys.iter().any(|key| match key {
                HostKey::Exact(known) => parent_domain(known) == Some(&**parent),
                HostKey::Below(known) => **known == **parent,
            }),
        })
}

/// `` without the middlewares `auth@file` ``.
fn lacks(broken: &Draft<'_>, heir: &Draft<'_>) -> String {
    let has: HashSet<_> = heir.written.middlewares.iter().collect();
    let missing: Vec<_> = broken
        .written
        .middlewares
        .iter()
        .filter(|name| !has.contains(name))
        .map(|name| format!("`{name}`"))
        .collect();
    match missing.as_slice() {
        [] => String::new(),
        [one] => format!(" (which has no middleware {one})"),
        several => format!(" (which has no middlewares {})", several.join(", ")),
    }
}

/// How many such routers are told about in full; looking for heirs reads every router.
const MAX_TOLD: usize = 64;
/// How many heirs a message names.
const MAX_NAMED: usize = 3;
