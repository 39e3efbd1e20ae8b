//! Which router ties which TLS options to which host, and where they disagree (A3.8, A14.14, I2).
//!
//! Options count as different by content, not by name. Routers that disagree about a host are refused
//! for that host, never served under `default`; for their other hosts they go on. The handshake for
//! the host has the strictest of the policies. A host that no readable router with usable options names
//! has the default options.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use viaduct_config::Finding;
use viaduct_config::finding::Code;
use viaduct_config::rule::HostPattern;
use viaduct_tls::{ClientAuth, ClientPolicy};

use super::routers::{Draft, Fault};
use crate::entry_point::{HostPolicies, HostPolicy, Policy};
use crate::router::{Router, RouterState};

/// Every host of one entry point that TLS options are tied to.
pub(super) struct Claims(BTreeMap<HostPattern, Claim>);

struct Claim {
    policy: Policy,
    /// Positions of the routers that name the host, with their policies.
    parties: Vec<(usize, Policy)>,
    /// `Some` if they disagree.
    conflict: Option<Arc<Finding>>,
}

impl Claims {
    pub(super) fn of(drafts: &[Draft<'_>]) -> Self {
        let mut hosts: BTreeMap<&HostPattern, Vec<(usize, Policy)>> = BTreeMap::new();
        for (position, draft) in drafts.iter().enumerate() {
            let (Some(rule), Some(policy)) = (&draft.rule, &draft.policy) else {
                continue;
            };
            for host in rule.hosts() {
                let parties = hosts.entry(host).or_default();
                if parties.last().is_none_or(|(last, _)| *last != position) {
                    parties.push((position, policy.clone()));
                }
            }
        }
        Self(
            hosts
                .into_iter()
                .filter_map(|(host, parties)| Some((host.clone(), claim(host, parties, drafts)?)))
                .collect(),
        )
    }

    /// Routers that are refused for each of their hosts.
    pub(super) fn put_losers_out_of_service(&self, drafts: &mut [Draft<'_>]) {
        let contested: Vec<_> = self
            .0
            .values()
            .filter_map(|claim| Some((claim, claim.conflict.as_ref()?)))
            .collect();
        for (claim, finding) in contested {
            for (position, _) in &claim.parties {
                let Some(draft) = drafts.get_mut(*position) else {
                    continue;
                };
                if self.keeps_a_host(draft) {
                    draft.warnings.push((**finding).clone());
                } else {
                    draft.faults.push(Fault::unavailable((**finding).clone()));
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

fn claim(host: &HostPattern, parties: Vec<(usize, Policy)>, drafts: &[Draft<'_>]) -> Option<Claim> {
    let (_, strictest) = parties
        .iter()
        .max_by_key(|(_, policy)| (strictness(policy.tls.policy()), Reverse(policy.id.0)))?;
    let agreed = parties.iter().all(|(_, policy)| policy.id == strictest.id);
    Some(Claim {
        policy: strictest.clone(),
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
        .filter_map(|(position, _)| Some((drafts.get(*position)?, routers.get(*position)?)))
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

fn disagreement(host: &HostPattern, parties: &[(usize, Policy)], drafts: &[Draft<'_>]) -> Finding {
    let host = match host {
        HostPattern::Any => "*".to_owned(),
        HostPattern::Exact(name) => name.clone(),
        HostPattern::Wildcard(parent) => format!("*.{parent}"),
    };
    let mut named: Vec<_> = parties
        .iter()
        .filter_map(|(position, _)| drafts.get(*position))
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
