//! Which router ties which TLS options to which host, and where they disagree (A3.8, A14.14, I2).
//!
//! Options count as different by content, not by name. Routers that disagree about a host are refused
//! for that host, never served under `default`; for their other hosts they go on. The handshake for
//! the host has the strictest of the policies. A host that no readable router with usable options names
//! has the default options.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use foldhash::fast::RandomState;
use smallvec::SmallVec;
use viaduct_config::Finding;
use viaduct_config::finding::Code;
use viaduct_config::rule::HostPattern;
use viaduct_tls::{ClientAuth, ClientPolicy};

use super::routers::{Draft, Fault};
use crate::entry_point::{HostPolicies, HostPolicy, Policy};
use crate::router::{Router, RouterState};

/// The hosts of one entry point that need a policy of their own.
pub(super) struct Claims(BTreeMap<HostPattern, Claim>);

struct Claim {
    policy: Policy,
    /// Positions of the routers that name the host.
    parties: Parties,
    /// `Some` if they disagree.
    conflict: Option<Arc<Finding>>,
}

/// Nearly every host has one router.
type Parties = SmallVec<[usize; 2]>;

impl Claims {
    pub(super) fn of(drafts: &[Draft<'_>], fallback: &Policy) -> Self {
        let mut hosts: HashMap<&HostPattern, Parties, RandomState> = HashMap::default();
        for (position, draft) in drafts.iter().enumerate() {
            let (Some(rule), Some(_)) = (&draft.rule, &draft.policy) else {
                continue;
            };
            // What is only guessed may take nothing from another router.
            if rule.is_guessed() {
                continue;
            }
            for host in rule.hosts() {
                let parties = hosts.entry(host).or_default();
                if parties.last() != Some(&position) {
                    parties.push(position);
                }
            }
        }
        let has_fallback = |parties: &Parties| {
            let mut policies = parties.iter().filter_map(|at| policy_of(drafts, *at));
            policies.all(|policy| policy.id == fallback.id)
        };
        // With one policy for all, which is the rule, ten thousand hosts need no table.
        let overridden = hosts
            .iter()
            .any(|(host, parties)| !matches!(host, HostPattern::Exact(_)) && !has_fallback(parties));
        Self(
            hosts
                .into_iter()
                .filter(|(_, parties)| overridden || !has_fallback(parties))
                .filter_map(|(host, parties)| Some((host.clone(), claim(host, parties, drafts)?)))
                .collect(),
        )
    }

    /// Routers that are refused for each of their hosts.
    pub(super) fn put_losers_out_of_service(&self, drafts: &mut [Draft<'_>]) {
        for claim in self.0.values() {
            let Some(finding) = &claim.conflict else { continue };
            for position in &claim.parties {
                let Some(draft) = drafts.get_mut(*position) else {
                    continue;
                };
                let finding = Finding::clone(finding);
                if self.keeps_a_host(draft) {
                    draft.warnings.push(finding);
                } else {
                    draft.faults.push(Fault::unavailable(finding));
                }
            }
        }
    }

    fn keeps_a_host(&self, draft: &Draft<'_>) -> bool {
        draft.rule.as_ref().is_some_and(|rule| {
            let uncontested =
                |host: &&HostPattern| self.0.get(host).is_none_or(|claim| claim.conflict.is_none());
            rule.hosts().iter().any(uncontested)
        })
    }

    /// `routers` in the places of their `drafts`.
    pub(super) fn into_policies(
        self,
        drafts: &[Draft<'_>],
        routers: &[Arc<Router>],
        fallback: &Policy,
    ) -> HostPolicies {
        let mut exact = HashMap::default();
        let mut below = HashMap::default();
        let mut rest = HostPolicy::of(fallback.clone());
        for (pattern, claim) in self.0 {
            let host = HostPolicy {
                refused: refused(&claim, drafts, routers),
                policy: claim.policy,
            };
            match pattern {
                HostPattern::Exact(name) => drop(exact.insert(name.into(), host)),
                HostPattern::Wildcard(parent) => drop(below.insert(parent.into(), host)),
                HostPattern::Any => rest = host,
            }
        }
        HostPolicies::new(exact, below, rest)
    }
}

fn policy_of<'d>(drafts: &'d [Draft<'_>], position: usize) -> Option<&'d Policy> {
    drafts.get(position)?.policy.as_ref()
}

fn claim(host: &HostPattern, parties: Parties, drafts: &[Draft<'_>]) -> Option<Claim> {
    let policies = || parties.iter().filter_map(|at| policy_of(drafts, *at));
    let strictest = policies()
        .max_by_key(|policy| (strictness(policy.tls.policy()), Reverse(policy.id.0)))?
        .clone();
    let agreed = policies().all(|policy| policy.id == strictest.id);
    Some(Claim {
        policy: strictest,
        conflict: (!agreed).then(|| Arc::new(disagreement(host, &parties, drafts))),
        parties,
    })
}

/// Ordered by how hard a client has it, client certificates first.
fn strictness(policy: &ClientPolicy) -> impl Ord {
    let certificate = match policy.client_auth {
        ClientAuth::None => 0,
        ClientAuth::Request => 1,
        ClientAuth::VerifyIfGiven(_) => 2,
        ClientAuth::RequireAny => 3,
        ClientAuth::RequireAndVerify(_) => 4,
    };
    (certificate, policy.versions.min, policy.sni_strict)
}

/// The parties to a conflict as they answer for the contested host.
fn refused(claim: &Claim, drafts: &[Draft<'_>], routers: &[Arc<Router>]) -> Vec<Arc<Router>> {
    let Some(finding) = &claim.conflict else {
        return Vec::new();
    };
    claim
        .parties
        .iter()
        .filter_map(|position| Some((drafts.get(*position)?, routers.get(*position)?)))
        .map(|(draft, router)| match &router.state {
            RouterState::OutOfService { .. } => Arc::clone(router),
            RouterState::Ready(_) => Arc::new(Router {
                demanded_policy: None,
                state: RouterState::OutOfService {
                    status: 503,
                    finding: Arc::new(draft.place(Finding::clone(finding))),
                },
                ..Router::clone(router)
            }),
        })
        .collect()
}

fn disagreement(host: &HostPattern, parties: &[usize], drafts: &[Draft<'_>]) -> Finding {
    let host = match host {
        HostPattern::Any => "*".to_owned(),
        HostPattern::Exact(name) => name.clone(),
        HostPattern::Wildcard(parent) => format!("*.{parent}"),
    };
    let mut named: Vec<_> = parties
        .iter()
        .filter_map(|position| drafts.get(*position))
        .take(MAX_NAMED)
        .map(|draft| {
            let options = if draft.options.is_empty() {
                "default"
            } else {
                draft.options
            };
            format!("`{}` ({options})", draft.name)
        })
        .collect();
    if parties.len() > MAX_NAMED {
        named.push(format!("{} more", parties.len() - MAX_NAMED));
    }
    Finding::error(
        Code::ConflictingTlsOptions,
        format!(
            "host `{host}` is given different TLS options by routers {}: none of them is served for it",
            named.join(", ")
        ),
    )
    .field("tls.options")
    .hint(format!("give every router of `{host}` the same TLS options"))
}

/// So many routers are named in one message.
const MAX_NAMED: usize = 5;
