//! Host -> TLS policy (A3.8, I2): exact host, then one-label wildcard, then every host, then the
//! default options.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use foldhash::fast::RandomState;
use smallvec::SmallVec;
use viaduct_tls::{ClientAuth, ServerTls};

use crate::entry_point::PolicyId;
use crate::router::Router;
use crate::rule::parent_domain;
use crate::service::Slot;

/// A TLS policy ready for handshakes.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    pub(crate) id: PolicyId,
    pub(crate) tls: Arc<ServerTls>,
}

impl Policy {
    /// Whether no client gets in without a certificate.
    pub(crate) fn demands_certificate(&self) -> bool {
        match self.tls.policy().client_auth {
            ClientAuth::RequireAny | ClientAuth::RequireAndVerify(_) => true,
            ClientAuth::None | ClientAuth::Request | ClientAuth::VerifyIfGiven(_) => false,
        }
    }

    fn same(&self, other: &Self) -> bool {
        self.id == other.id && Arc::ptr_eq(&self.tls, &other.tls)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct HostPolicy {
    pub(crate) policy: Policy,
    /// Routers that give this host different options (I2, A14.14), each as it answers here: out of
    /// service. The handshake has the strictest of their policies.
    pub(crate) refused: Vec<Arc<Router>>,
}

impl HostPolicy {
    pub(crate) fn of(policy: Policy) -> Self {
        Self {
            policy,
            refused: Vec::new(),
        }
    }

    pub(super) fn refused(&self, router: &Router) -> Option<&Arc<Router>> {
        self.refused.iter().find(|refused| refused.slot == router.slot)
    }

    fn same(&self, other: &Self) -> bool {
        self.policy.same(&other.policy)
            && self.refused.len() == other.refused.len()
            && self.refused.iter().zip(&other.refused).all(|(a, b)| a.same(b))
    }
}

pub(crate) type ByHost = HashMap<Box<str>, HostPolicy, RandomState>;

#[derive(Debug)]
pub(crate) struct HostPolicies {
    exact: ByHost,
    /// Keyed by what follows the first label.
    below: ByHost,
    /// Every other host, and connections that name none.
    rest: HostPolicy,
    /// Every host has the policy of `rest`.
    single: bool,
    /// Routers that are refused for some host.
    refused: HashSet<Slot, RandomState>,
}

impl HostPolicies {
    pub(crate) fn new(exact: ByHost, below: ByHost, rest: HostPolicy) -> Self {
        let single = exact
            .values()
            .chain(below.values())
            .all(|host| host.policy.id == rest.policy.id);
        let hosts = exact.values().chain(below.values()).chain([&rest]);
        let refused = hosts.flat_map(|host| &host.refused);
        Self {
            refused: refused.map(|router| router.slot).collect(),
            exact,
            below,
            rest,
            single,
        }
    }

    /// Whether it answers for some host otherwise than for others.
    pub(crate) fn refuses(&self, router: &Router) -> bool {
        self.refused.contains(&router.slot)
    }

    pub(super) fn single(&self) -> Option<&Policy> {
        self.single.then_some(&self.rest.policy)
    }

    /// `host` should be in lower case and without a trailing dot; it is looked up as if it were
    /// (CVE-2022-23632).
    pub(super) fn of(&self, host: &str) -> &HostPolicy {
        let host = host.strip_suffix('.').unwrap_or(host);
        if !host.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return self.of_normal(host);
        }
        let lower: SmallVec<[u8; 256]> = host.bytes().map(|byte| byte.to_ascii_lowercase()).collect();
        // Lower-casing ASCII keeps UTF-8 valid; were it not, the host would be unknown.
        self.of_normal(std::str::from_utf8(&lower).unwrap_or_default())
    }

    fn of_normal(&self, host: &str) -> &HostPolicy {
        if let Some(found) = self.exact.get(host) {
            return found;
        }
        parent_domain(host)
            .filter(|_| !self.below.is_empty())
            .and_then(|parent| self.below.get(parent))
            .unwrap_or(&self.rest)
    }

    /// Whether `other` decides the same for every host.
    pub(crate) fn same(&self, other: &Self) -> bool {
        same_hosts(&self.exact, &other.exact)
            && same_hosts(&self.below, &other.below)
            && self.rest.same(&other.rest)
    }
}

fn same_hosts(a: &ByHost, b: &ByHost) -> bool {
    a.len() == b.len()
        && a.iter()
            .all(|(host, policy)| b.get(host).is_some_and(|other| policy.same(other)))
}
