//! Certificates that are not as their siblings', or near their end (C12). Pure.

use std::fmt;
use std::time::{Duration, SystemTime};

use viaduct_tls::CertificateFacts;

use crate::api::date;

/// What is odd about a server's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Drift {
    pub(crate) kind: Kind,
    /// What the siblings have, or when it ends.
    pub(crate) detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Another issuer than the siblings'.
    Issuer,
    /// Other names than the siblings'.
    Names,
    /// Much older than the siblings': its renewal has not arrived.
    Older,
    /// It ends soon.
    Expiring,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Issuer, Self::Names, Self::Older, Self::Expiring];

    /// For API and metric.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Issuer => "issuer",
            Self::Names => "names",
            Self::Older => "older",
            Self::Expiring => "expiring",
        }
    }

    /// For people.
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Self::Issuer => "a server's certificate has another issuer than its siblings'",
            Self::Names => "a server's certificate has other names than its siblings'",
            Self::Older => "a server's certificate is much older than its siblings'",
            Self::Expiring => "a server's certificate ends soon",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Beside each of a service's certificates what is odd about it.
pub(crate) fn drifts(siblings: &[&CertificateFacts], now: SystemTime) -> Vec<Vec<Drift>> {
    let issuer = usual(siblings, |facts| facts.issuer.clone());
    let own_names = usual(siblings, names);
    let median = median(siblings);
    let of = |facts: &CertificateFacts| {
        let mut drifts = Vec::new();
        let mut say = |kind, detail| drifts.push(Drift { kind, detail });
        if let Some(issuer) = issuer.as_ref().filter(|issuer| **issuer != facts.issuer) {
            say(
                Kind::Issuer,
                format!("`{}`, its siblings' is `{issuer}`", facts.issuer),
            );
        }
        if let Some(usual) = own_names.as_ref().filter(|usual| **usual != names(facts)) {
            let said = (names(facts).join(", "), usual.join(", "));
            say(
                Kind::Names,
                format!("`{}`, its siblings' are `{}`", said.0, said.1),
            );
        }
        if let Some(median) = median.filter(|median| is_much_older(facts, *median)) {
            let (own, usual) = (date(facts.not_before), date(median));
            say(Kind::Older, format!("issued {own}, its siblings' {usual}"));
        }
        if is_ending(facts, now) {
            say(Kind::Expiring, format!("it ends {}", date(facts.not_after)));
        }
        drifts
    };
    siblings.iter().map(|facts| of(facts)).collect()
}

/// What at least half of the siblings have; where two things have as many, the one with the newest certificate. `None`
/// where it is usual to differ, as with a name of its own for each pod.
fn usual<T: PartialEq>(siblings: &[&CertificateFacts], of: impl Fn(&CertificateFacts) -> T) -> Option<T> {
    let mut groups: Vec<(T, usize, SystemTime)> = Vec::new();
    for facts in siblings {
        let value = of(facts);
        match groups.iter_mut().find(|(known, ..)| *known == value) {
            Some((_, count, newest)) => {
                *count += 1;
                *newest = facts.not_before.max(*newest);
            }
            None => groups.push((value, 1, facts.not_before)),
        }
    }
    let (value, count, _) = groups
        .into_iter()
        .max_by_key(|(_, count, newest)| (*count, *newest))?;
    (count * 2 >= siblings.len()).then_some(value)
}

/// Sorted, so that their order does not matter.
fn names(facts: &CertificateFacts) -> Vec<String> {
    let addresses = facts.ip_addresses.iter().map(ToString::to_string);
    let names = facts.dns_names.iter().map(|name| name.to_ascii_lowercase());
    let mut names: Vec<_> = names.chain(addresses).chain(facts.uris.iter().cloned()).collect();
    names.sort_unstable();
    names
}

/// When the siblings' were issued; of two, the newer one counts.
fn median(siblings: &[&CertificateFacts]) -> Option<SystemTime> {
    let mut issued: Vec<_> = siblings.iter().map(|facts| facts.not_before).collect();
    issued.sort_unstable();
    issued.get(issued.len() / 2).copied()
}

/// By a third of its life and an hour: whatever renews certificates has renewed the siblings' meanwhile.
fn is_much_older(facts: &CertificateFacts, median: SystemTime) -> bool {
    let behind = median.duration_since(facts.not_before).unwrap_or_default();
    behind > HOUR && behind > life(facts) / 3
}

/// In the last fifth of its life, at most two weeks before its end: what is renewed at two thirds is late.
fn is_ending(facts: &CertificateFacts, now: SystemTime) -> bool {
    let left = facts.not_after.duration_since(now).unwrap_or_default();
    left < FORTNIGHT.min(life(facts) / 5)
}

fn life(facts: &CertificateFacts) -> Duration {
    facts
        .not_after
        .duration_since(facts.not_before)
        .unwrap_or_default()
}

const HOUR: Duration = Duration::from_secs(3600);
const FORTNIGHT: Duration = Duration::from_secs(14 * 24 * 3600);
