//! How it stands with each collection.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use viaduct_config::Finding;
use viaduct_config::finding::Code;

use super::follower::{Trouble, told};
use crate::api::Kind;
use crate::index::Collection;

#[derive(Debug, Default)]
struct Standing {
    listed: bool,
    trouble: Option<Trouble>,
    /// How often in a row the API server has answered, and not with a list.
    answers: u32,
    /// How often it has said that there is no such kind, since it said otherwise.
    denials: u32,
}

impl Standing {
    /// Whether there is nothing more to wait for. One kind that cannot be had (a conversion webhook that is down, a
    /// selector that is refused, a list that is too large) does not keep the others from being served: what refers to
    /// it goes out of service, as with a kind that may not be listed.
    fn settled(&self) -> bool {
        self.listed
            || matches!(self.trouble, Some(Trouble::Absent | Trouble::Refused(_)))
            || self.answers >= ENOUGH_ANSWERS
    }
}

/// All collections, and what is wrong with the way to them.
#[derive(Debug)]
pub(super) struct Standings {
    endpoint: String,
    by_collection: BTreeMap<Arc<Collection>, Standing>,
    /// What is said of an API server that does not answer: the same from the first failure to the last.
    outage: Option<String>,
}

impl Standings {
    pub(super) fn new(endpoint: &str, collections: impl Iterator<Item = Arc<Collection>>) -> Self {
        let mut standings = Self {
            endpoint: endpoint.to_owned(),
            by_collection: BTreeMap::new(),
            outage: None,
        };
        standings.add(collections);
        standings
    }

    pub(super) fn add(&mut self, collections: impl Iterator<Item = Arc<Collection>>) {
        let fresh = collections.map(|collection| (collection, Standing::default()));
        self.by_collection.extend(fresh);
    }

    /// Whether every collection has been listed, or need not be waited for.
    pub(super) fn settled(&self) -> bool {
        self.by_collection.values().all(Standing::settled)
    }

    /// Whether a collection of the kind has not been had yet, for whatever reason.
    pub(super) fn lacks(&self, kind: Kind) -> bool {
        let mut standings = self.by_collection.iter();
        standings.any(|(collection, standing)| collection.kind == kind && !standing.listed)
    }

    pub(super) const fn failing(&self) -> bool {
        self.outage.is_some()
    }

    /// Each of these says whether there is anything new to tell.
    pub(super) fn listed(&mut self, collection: &Arc<Collection>) -> bool {
        let standing = self.by_collection.entry(Arc::clone(collection)).or_default();
        standing.answers = 0;
        standing.denials = 0;
        let first = !std::mem::replace(&mut standing.listed, true);
        self.recovered(collection) || first
    }

    pub(super) fn recovered(&mut self, collection: &Arc<Collection>) -> bool {
        let Some(standing) = self.by_collection.get_mut(collection) else {
            return false;
        };
        let before = standing.trouble.take();
        self.end_outage();
        before.is_some()
    }

    pub(super) fn troubled(&mut self, collection: &Arc<Collection>, trouble: Trouble) -> bool {
        let standing = self.by_collection.entry(Arc::clone(collection)).or_default();
        let mut changed = standing.trouble.as_ref() != Some(&trouble);
        let outage_before = self.outage.is_some();
        match &trouble {
            Trouble::Failing(error) => {
                standing.answers = if error.is_answer() {
                    standing.answers.saturating_add(1)
                } else {
                    0
                };
                let why = || format!("{error} (asked for {})", told(collection));
                self.outage.get_or_insert_with(why);
            }
            Trouble::Absent => {
                standing.listed = false;
                standing.denials = standing.denials.saturating_add(1);
                changed |= standing.denials == ENOUGH_DENIALS;
            }
            // Nobody waits for ever for one that panics every time.
            Trouble::Restarted(_) => standing.answers = standing.answers.saturating_add(1),
            // There is such a kind now. A server that is starting refuses everything for a moment: no reason to doubt
            // that it lacks the group of before.
            Trouble::Refused(_) if !collection.old => standing.denials = 0,
            Trouble::Missing | Trouble::Kept | Trouble::Refused(_) => {}
        }
        let failing = matches!(trouble, Trouble::Failing(_));
        standing.trouble = Some(trouble);
        // An outage is told once, not collection by collection.
        if failing {
            return !outage_before;
        }
        self.end_outage() || changed
    }

    /// Whether there was an outage that is over: every collection has its answer, be it that there is none such.
    fn end_outage(&mut self) -> bool {
        !self.any_failing() && self.outage.take().is_some()
    }

    /// What is read once is not asked for again: there is no such kind.
    pub(super) fn absent(&mut self, collection: &Arc<Collection>) {
        for _ in 0..ENOUGH_DENIALS {
            self.troubled(collection, Trouble::Absent);
        }
    }

    pub(super) fn refused(&mut self, collection: &Arc<Collection>, why: String) {
        self.troubled(collection, Trouble::Refused(why));
    }

    fn any_failing(&self) -> bool {
        let mut troubles = self.by_collection.values().map(|standing| &standing.trouble);
        troubles.any(|trouble| matches!(trouble, Some(Trouble::Failing(_))))
    }

    /// What is to be told. `ready`: there is a configuration to keep.
    pub(super) fn findings(&self, ready: bool) -> Vec<Finding> {
        let outage = self.outage.iter().map(|why| self.outage_finding(why, ready));
        let mut findings: Vec<_> = outage.collect();
        let others = self.by_collection.iter().filter_map(|(collection, standing)| {
            match standing.trouble.as_ref()? {
                Trouble::Refused(why) => Some(refusal(collection, standing.listed, why)),
                Trouble::Missing => Some(missing(collection)),
                Trouble::Kept => Some(kept(collection)),
                Trouble::Restarted(times) => Some(restarted(collection, *times)),
                Trouble::Absent | Trouble::Failing(_) => None,
            }
        });
        findings.extend(others);
        findings.extend(self.no_kinds());
        findings
    }

    /// Why TLS options `default` might be in force that are not known. They count though no router names them, and
    /// without them everybody is let in whom they ask for a certificate (I2). `None`: all options are known.
    pub(super) fn hidden_default(&self) -> Option<Finding> {
        let mut standings = self.by_collection.iter();
        let (collection, standing) = standings.find(|(collection, standing)| {
            // Most clusters never had the group that Traefik's kinds were in before.
            let enough = if collection.old { 1 } else { ENOUGH_DENIALS };
            // What is certain stays so while the API server is away.
            collection.kind == Kind::TlsOption && !standing.listed && standing.denials < enough
        })?;
        let message = "it is not known whether the cluster has TLS options `default`, which might ask clients for \
                       certificates: routers that name no other options are out of service until it is";
        let what = told(collection);
        let (got, hint) = match &standing.trouble {
            Some(Trouble::Refused(why)) => (
                why.clone(),
                format!("grant `list` and `watch` on {what} to this service account"),
            ),
            Some(Trouble::Absent) => (
                format!("the API server does not know {what}"),
                "it is asked again within ten seconds, and believed then".to_owned(),
            ),
            Some(Trouble::Failing(error)) => (
                error.to_string(),
                "it is asked again by itself, every few seconds".to_owned(),
            ),
            Some(Trouble::Missing | Trouble::Kept | Trouble::Restarted(_)) | None => (
                format!("{what} have not been listed"),
                "it is asked again by itself, every few seconds".to_owned(),
            ),
        };
        Some(Finding::error(Code::ClusterAccess, message).got(got).hint(hint))
    }

    fn outage_finding(&self, why: &str, ready: bool) -> Finding {
        let kept = if ready {
            "the last configuration stays in service"
        } else {
            "there are no routes from it until it answers"
        };
        let message = format!(
            "the Kubernetes API server `{}` cannot be followed: {kept}",
            self.endpoint
        );
        Finding::error(Code::ClusterAccess, message)
            .got(why)
            .hint("it is asked again by itself, every few seconds")
    }

    /// A cluster without Traefik's kinds has nothing to say, which is rarely meant.
    fn no_kinds(&self) -> Option<Finding> {
        let mut kinds = BTreeSet::new();
        for (collection, standing) in &self.by_collection {
            if collection.kind.is_traefik() {
                kinds.insert(standing.trouble == Some(Trouble::Absent));
            }
        }
        (kinds.len() == 1 && kinds.contains(&true)).then(|| {
            Finding::warning(
                Code::ClusterAccess,
                "the cluster has none of the kinds of `traefik.io/v1alpha1`: there is nothing to serve",
            )
            .hint("install the CustomResourceDefinitions; they are noticed by themselves")
        })
    }
}

/// Some seconds at the pace of retries; an API server that starts or is restarted has recovered by then.
const ENOUGH_ANSWERS: u32 = 5;
/// A server that has just begun may not know all its kinds yet; it is asked again some seconds later.
const ENOUGH_DENIALS: u32 = 2;

fn missing(collection: &Collection) -> Finding {
    let message = format!(
        "the API server does not know {} any more: what was known of them stays in service until that is certain",
        told(collection)
    );
    Finding::warning(Code::ClusterAccess, message)
        .hint("it is asked again within ten seconds; see whether the CustomResourceDefinition is there")
}

fn kept(collection: &Collection) -> Finding {
    let message = format!(
        "the API server does not know {} any more: those that were known stay in service, since one of them is `default` and \
         counts for every router",
        told(collection)
    );
    Finding::error(Code::ClusterAccess, message)
        .hint("apply the CustomResourceDefinition again; to do without the options, restart after it is gone")
}

fn restarted(collection: &Collection, times: u32) -> Finding {
    let message = format!(
        "following {} failed within Viaduct: it is begun again, and what was known of them stays in service",
        told(collection)
    );
    Finding::error(Code::ClusterAccess, message)
        .got(format!("{times} failures so far"))
        .hint("please report it, with the lines before this one")
}

fn refusal(collection: &Collection, listed: bool, why: &str) -> Finding {
    let known = match collection.kind {
        _ if listed => "what was known of them stays in service",
        Kind::Namespace => {
            "each of them might demand anything, so all routes of namespaces have to be bridged+mTLS until they may"
        }
        _ => "they are taken not to exist",
    };
    let message = format!("{} may not be listed and watched: {known}", told(collection));
    let role = match (&collection.namespace, collection.kind.is_cluster_scoped()) {
        (Some(namespace), _) => format!("a Role in namespace `{namespace}`"),
        (None, _) => "a ClusterRole".to_owned(),
    };
    let hint = format!("grant `list` and `watch` on them to this service account in {role}");
    let hint = match collection.kind {
        Kind::Node => format!("{hint}, or set `disableClusterScopeResources`"),
        Kind::Namespace => format!("{hint}, or switch `bridge.namespaceLabels` off"),
        _ if collection.namespace.is_none() && !collection.kind.is_cluster_scoped() => {
            format!("{hint}, or name the namespaces to watch in `namespaces`")
        }
        _ => hint,
    };
    Finding::error(Code::ClusterAccess, message).got(why).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::super::connection::ApiError;
    use super::*;

    fn collection(kind: Kind, namespace: Option<&str>) -> Arc<Collection> {
        Arc::new(Collection {
            kind,
            old: false,
            namespace: namespace.map(Into::into),
        })
    }

    fn unreachable() -> Trouble {
        Trouble::Failing(ApiError::Unreachable("refused".to_owned()))
    }

    #[test]
    fn r14_what_is_refused_or_absent_is_not_waited_for() {
        let (routes, nodes) = (collection(Kind::IngressRoute, None), collection(Kind::Node, None));
        let mut standings = Standings::new("https://api", [&routes, &nodes].map(Arc::clone).into_iter());
        assert!(!standings.settled());
        assert!(standings.listed(&routes));
        assert!(!standings.settled());
        assert!(standings.troubled(&nodes, Trouble::Refused("no".to_owned())));
        assert!(standings.settled());
        assert!(
            !standings.troubled(&nodes, Trouble::Refused("no".to_owned())),
            "told already"
        );
        let findings = standings.findings(true);
        assert_eq!(findings.len(), 1);
        assert!(
            findings[0].message.starts_with("nodes may not be listed"),
            "{findings:?}"
        );
        let hint = findings[0].hint.as_deref().unwrap_or_default();
        assert!(hint.contains("disableClusterScopeResources"), "{hint}");
        assert!(standings.recovered(&nodes));
        assert_eq!(standings.findings(true), []);
    }

    #[test]
    fn r14_an_outage_is_over_when_the_last_answer_is_that_there_is_no_such_kind() {
        let (routes, old) = (
            collection(Kind::IngressRoute, None),
            collection(Kind::Middleware, None),
        );
        let (services, nodes) = (collection(Kind::Service, None), collection(Kind::Node, None));
        let all = [&routes, &old, &services, &nodes].map(Arc::clone);
        let mut standings = Standings::new("https://api", all.into_iter());
        for collection in [&routes, &old, &services, &nodes] {
            standings.troubled(collection, unreachable());
        }
        standings.listed(&routes);
        standings.troubled(&nodes, Trouble::Refused("no".to_owned()));
        standings.recovered(&services);
        assert!(standings.failing());
        assert!(
            standings.troubled(&old, Trouble::Absent),
            "there is something to tell"
        );
        assert!(!standings.failing());
        let told = standings.findings(true);
        assert!(
            told.iter()
                .all(|finding| !finding.message.contains("cannot be followed")),
            "{told:?}"
        );
    }

    #[test]
    fn i2_options_that_count_for_every_router_are_known_or_told_to_be_hidden() {
        let new = collection(Kind::TlsOption, Some("web"));
        let old = Arc::new(Collection {
            old: true,
            ..(*new).clone()
        });
        let mut standings = Standings::new("https://api", [&new, &old].map(Arc::clone).into_iter());
        let got = |standings: &Standings| standings.hidden_default().and_then(|finding| finding.got);
        assert!(got(&standings).is_some(), "nothing is known yet");
        standings.troubled(&old, Trouble::Absent);
        for (trouble, told) in [
            (Trouble::Refused("no".to_owned()), "no"),
            (unreachable(), "cannot be reached"),
            (Trouble::Restarted(1), "have not been listed"),
            (Trouble::Absent, "does not know tlsoptions.traefik.io"),
        ] {
            standings.troubled(&new, trouble);
            let got = got(&standings).expect("hidden");
            assert!(got.contains(told), "{got}");
        }
        assert!(
            standings.troubled(&new, Trouble::Absent),
            "now it is certain, which is news"
        );
        assert_eq!(got(&standings), None);
        assert!(!standings.troubled(&new, Trouble::Absent));
        for certain in [&new, &old] {
            standings.troubled(certain, unreachable());
        }
        standings.troubled(&old, Trouble::Refused("starting".to_owned()));
        assert_eq!(
            got(&standings),
            None,
            "it is still certain while the API server is away"
        );
        standings.troubled(&new, Trouble::Refused("no".to_owned()));
        assert!(got(&standings).is_some(), "there is such a kind now");
        standings.listed(&new);
        for trouble in [Trouble::Refused("no".to_owned()), unreachable(), Trouble::Kept] {
            standings.troubled(&new, trouble);
            assert_eq!(got(&standings), None, "what was known counts");
        }
        let ingresses = Standings::new("https://api", std::iter::once(collection(Kind::Ingress, None)));
        assert_eq!(got(&ingresses), None, "nobody asks for the kind");
    }

    #[test]
    fn c7_namespaces_that_may_not_be_read_are_told_to_demand_the_most() {
        let namespaces = collection(Kind::Namespace, None);
        let mut standings = Standings::new("https://api", std::iter::once(Arc::clone(&namespaces)));
        assert!(standings.lacks(Kind::Namespace) && !standings.lacks(Kind::Node));
        standings.refused(&namespaces, "no".to_owned());
        assert!(standings.lacks(Kind::Namespace));
        let message = standings.findings(true).remove(0).message;
        assert!(message.contains("have to be bridged+mTLS"), "{message}");
        standings.listed(&namespaces);
        assert!(!standings.lacks(Kind::Namespace));
        standings.refused(&namespaces, "no".to_owned());
        assert!(!standings.lacks(Kind::Namespace), "what was known counts");
        let message = standings.findings(true).remove(0).message;
        assert!(message.contains("stays in service"), "{message}");
    }

    #[test]
    fn c63_a_kind_that_cannot_be_had_is_not_waited_for_for_ever() {
        let (routes, secrets) = (
            collection(Kind::IngressRoute, None),
            collection(Kind::Secret, None),
        );
        let mut standings = Standings::new("https://api", [&routes, &secrets].map(Arc::clone).into_iter());
        standings.listed(&routes);
        for _ in 0..20 {
            standings.troubled(&secrets, unreachable());
        }
        assert!(!standings.settled(), "nobody answered");
        for _ in 0..ENOUGH_ANSWERS {
            assert!(!standings.settled());
            standings.troubled(&secrets, Trouble::Failing(ApiError::TooLarge(1)));
        }
        assert!(standings.settled());
        let finding = standings.findings(true).remove(0);
        assert!(
            finding.got.is_some_and(|got| got.contains("refused")),
            "the first failure"
        );
    }

    #[test]
    fn r14_what_was_begun_again_or_seems_gone_is_told_until_it_is_listed_again() {
        let routes = collection(Kind::IngressRoute, None);
        let mut standings = Standings::new("https://api", std::iter::once(Arc::clone(&routes)));
        standings.listed(&routes);
        for (trouble, said) in [
            (Trouble::Missing, "does not know ingressroutes.traefik.io"),
            (Trouble::Restarted(1), "following ingressroutes.traefik.io failed"),
        ] {
            assert!(standings.troubled(&routes, trouble));
            assert!(standings.settled(), "what was listed is known");
            let message = standings.findings(true).remove(0).message;
            assert!(
                message.contains(said) && message.contains("stays in service"),
                "{message}"
            );
            standings.listed(&routes);
            assert_eq!(standings.findings(true), []);
        }
    }

    #[test]
    fn r14_an_outage_is_told_once_and_is_over_when_everything_is_followed_again() {
        let (routes, secrets) = (
            collection(Kind::IngressRoute, Some("web")),
            collection(Kind::Secret, Some("web")),
        );
        let mut standings = Standings::new("https://api", [&routes, &secrets].map(Arc::clone).into_iter());
        standings.listed(&routes);
        standings.listed(&secrets);
        assert!(standings.troubled(&routes, unreachable()));
        assert!(!standings.troubled(&secrets, unreachable()), "the same outage");
        assert_eq!(standings.findings(true).len(), 1);
        assert!(standings.settled(), "what was listed is known");
        standings.recovered(&routes);
        assert!(standings.failing());
        standings.recovered(&secrets);
        assert!(!standings.failing());
        assert_eq!(standings.findings(true), []);
    }
}
