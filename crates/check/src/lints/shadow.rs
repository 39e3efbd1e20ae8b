//! Routers that no request reaches, since another one of higher priority takes all of theirs.
//!
//! Only what can be proved is said: see [`covers`].

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use viaduct_config::rule::{Expr, HostPattern, Matcher, Rule};
use viaduct_config::{Element, Location};
use viaduct_snapshot::Router;

use crate::catalogue::Diagnosis;
use crate::diagnostic::{Diagnostic, Help};
use crate::serve::Served;
use crate::source::Sources;

pub(super) fn look(sources: &Sources, served: &Served, found: &mut Vec<Diagnostic>) {
    let mut tables: BTreeMap<Table<'_>, Vec<Ruled<'_>>> = BTreeMap::new();
    for router in served.snapshot.routers.values() {
        let entry_point = router.entry_point.as_ref().map(|name| name.as_str());
        // Of the rule as it was written: one that is merely guessed proves nothing.
        if let Ok(rule) = Rule::parse_http(&router.rule_text)
            && router.rule.as_ref().is_some_and(|rule| !rule.is_guessed())
            && entry_point.is_some()
        {
            tables
                .entry((entry_point, router.tls))
                .or_default()
                .push((router, rule));
        }
    }
    for table in tables.values_mut() {
        table.sort_by(|(one, _), (other, _)| {
            other
                .priority
                .cmp(&one.priority)
                .then_with(|| one.name.cmp(&other.name))
        });
        let hosts = Hosts::of(table);
        for (router, rule) in table.iter() {
            let above = hosts
                .near(rule)
                .into_iter()
                .filter_map(|position| table.get(position));
            let winner = above
                .take_while(|(above, _)| above.priority > router.priority)
                .find(|(_, above)| covers(above.expr(), rule.expr(), &mut MOST_STEPS.clone()));
            if let Some((winner, _)) = winner {
                found.push(diagnostic(sources, served, router, winner));
            }
        }
    }
}

/// Which rules are worth a comparison, by their positions: those that share a host.
#[derive(Default)]
struct Hosts {
    exact: HashMap<String, Vec<usize>>,
    /// Rules for no host in particular, or for a whole domain.
    others: Vec<usize>,
}

impl Hosts {
    fn of(table: &[Ruled<'_>]) -> Self {
        let mut hosts = Self::default();
        for (position, (_, rule)) in table.iter().enumerate() {
            let named = exact_hosts(rule);
            if named.is_empty() || named.len() < rule.hosts().len() {
                hosts.others.push(position);
            }
            for host in named {
                hosts.exact.entry(host.to_owned()).or_default().push(position);
            }
        }
        hosts
    }

    /// In the order of the table, the first ones only where they are very many.
    fn near(&self, rule: &Rule) -> Vec<usize> {
        let of_hosts = exact_hosts(rule)
            .into_iter()
            .filter_map(|host| self.exact.get(host));
        let mut near: Vec<usize> = of_hosts.flatten().chain(&self.others).copied().collect();
        near.sort_unstable();
        near.dedup();
        near.truncate(MOST_COMPARISONS);
        near
    }
}

fn exact_hosts(rule: &Rule) -> Vec<&str> {
    let hosts = rule.hosts().into_iter();
    hosts
        .filter_map(|host| match host {
            HostPattern::Exact(host) => Some(host.as_str()),
            HostPattern::Wildcard(_) | HostPattern::Any => None,
        })
        .collect()
}

/// An entry point, and whether it is about requests over TLS.
type Table<'a> = (Option<&'a str>, bool);

type Ruled<'a> = (&'a Arc<Router>, Rule);

/// Whether `above` matches everything that `rule` matches. False where that is not plain to see.
fn covers(above: &Expr, rule: &Expr, steps: &mut usize) -> bool {
    let Some(left) = steps.checked_sub(1) else {
        return false;
    };
    *steps = left;
    if above == rule {
        return true;
    }
    match (above, rule) {
        (_, Expr::Or(one, other)) => covers(above, one, steps) && covers(above, other, steps),
        (Expr::And(one, other), _) => covers(one, rule, steps) && covers(other, rule, steps),
        (Expr::Or(one, other), Expr::And(left, right)) => {
            covers(one, rule, steps)
                || covers(other, rule, steps)
                || covers(above, left, steps)
                || covers(above, right, steps)
        }
        (Expr::Or(one, other), _) => covers(one, rule, steps) || covers(other, rule, steps),
        (_, Expr::And(one, other)) => covers(above, one, steps) || covers(above, other, steps),
        (Expr::Match(above), Expr::Match(rule)) => matcher_covers(above, rule),
        (Expr::Match(_) | Expr::Not(_), Expr::Match(_) | Expr::Not(_)) => false,
    }
}

fn matcher_covers(above: &Matcher, rule: &Matcher) -> bool {
    match (above, rule) {
        // A prefix of the text, as routing has it.
        (Matcher::PathPrefix(above), Matcher::PathPrefix(rule) | Matcher::Path(rule)) => {
            rule.starts_with(above.as_str())
        }
        (Matcher::Host(HostPattern::Wildcard(parent)), Matcher::Host(HostPattern::Exact(host))) => host
            .as_str()
            .split_once('.')
            .is_some_and(|(label, rest)| !label.is_empty() && rest == parent.as_str()),
        _ => false,
    }
}

fn diagnostic(sources: &Sources, served: &Served, router: &Router, winner: &Router) -> Diagnostic {
    let message = format!(
        "no request reaches this router: {} (`{}`, priority {}) takes all of its requests (`{}`, priority {})",
        told(winner),
        winner.rule_text,
        winner.priority,
        router.rule_text,
        router.priority
    );
    let place = origin(served, router).and_then(|location| sources.place(location, None, false));
    Diagnostic::new(Diagnosis::Unreachable, message)
        .about(told(router))
        .at(place)
        .help(Help::words(format!(
            "give it a `priority` above {}, or leave out the priorities: the longer rule then comes first",
            winner.priority
        )))
}

fn told(router: &Router) -> String {
    router.origin.as_ref().map_or_else(
        || format!("router `{}`", router.written_name),
        ToString::to_string,
    )
}

fn origin<'a>(served: &'a Served, router: &Router) -> Option<&'a Location> {
    let (name, provider) = router.written_name.rsplit_once('@')?;
    let update = served
        .updates
        .iter()
        .find(|update| update.provider.as_str() == provider)?;
    let origin = update.origins.get(&Element::Router(name.to_owned()))?;
    origin.location.as_ref()
}

/// Routers that one is compared with.
const MOST_COMPARISONS: usize = 1_000;
/// Parts of two rules that are compared.
const MOST_STEPS: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn is_covered(rule: &str, above: &str) -> bool {
        let [rule, above] = [rule, above].map(|text| Rule::parse_http(text).expect("a rule"));
        covers(above.expr(), rule.expr(), &mut MOST_STEPS.clone())
    }

    #[test]
    fn c18_a_rule_is_covered_only_where_every_request_is() {
        for (rule, above) in [
            ("Host(`a`) && PathPrefix(`/x`)", "Host(`a`)"),
            ("Host(`a`)", "Host(`a`) || Host(`b`)"),
            ("Host(`a`) || Host(`b`)", "Host(`b`) || Host(`a`)"),
            ("Path(`/api/v1`)", "PathPrefix(`/api`)"),
            (
                "Host(`a`) && PathPrefix(`/api/v1`)",
                "PathPrefix(`/api`) && Host(`a`)",
            ),
            ("Host(`w.example.com`)", "Host(`*.example.com`)"),
            (
                "Host(`a`) && Method(`GET`) && !Path(`/x`)",
                "!Path(`/x`) && Host(`a`)",
            ),
        ] {
            assert!(is_covered(rule, above), "`{above}` covers `{rule}`");
        }
        for (rule, above) in [
            ("Host(`a`)", "Host(`a`) && PathPrefix(`/x`)"),
            ("Host(`a`) || Host(`b`)", "Host(`a`)"),
            ("PathPrefix(`/a`)", "Path(`/a`)"),
            ("PathPrefix(`/a`)", "PathPrefix(`/a/`)"),
            ("Host(`a`)", "!Host(`b`)"),
            ("Host(`example.com`)", "Host(`*.example.com`)"),
            ("Host(`v.w.example.com`)", "Host(`*.example.com`)"),
            ("!PathPrefix(`/a`)", "!PathPrefix(`/a/b`) && Host(`a`)"),
            ("PathRegexp(`^/a`)", "PathPrefix(`/a`)"),
        ] {
            assert!(!is_covered(rule, above), "`{above}` does not cover `{rule}`");
        }
    }
}
