//! Names of elements, exactly as Traefik builds them where they are unique.
//!
//! Traefik joins namespace and name with `-`, so that `a-b`/`c` and `a`/`b-c` get one name, and one
//! tenant's object stands in for another's. Here every object of such a group gets a suffix of its
//! own (I4): none is mixed up with another, none is put out of service by another, and the outcome
//! does not depend on an order.

use std::collections::HashMap;
use std::hash::Hash;

use sha2::{Digest as _, Sha256};
use viaduct_config::Finding;
use viaduct_config::finding::Code;

use crate::api::{IngressRoute, Kind, Name, ServersTransport, TlsOption};
use crate::index::View;

/// The name of the options that every TLS router has unless it names others, and of the one store.
pub(super) const DEFAULT: &str = "default";

/// The names of everything that can be referred to or that has an identity of its own.
#[derive(Debug)]
pub(super) struct Names<'a> {
    routers: Assigned<(&'a Name, &'a str)>,
    transports: Assigned<&'a Name>,
    options: Assigned<&'a Name>,
}

impl<'a> Names<'a> {
    pub(super) fn assign(view: &View<'a>) -> Self {
        let mut routers = Assigned::default();
        for held in view.all::<IngressRoute>() {
            let Ok(route) = held.state else { continue };
            let name = held.subject.name;
            for route in &route.spec.routes {
                let rule = route.rule.as_str();
                routers.claim((name, rule), router(name, rule));
            }
        }
        let mut transports = Assigned::default();
        for held in view.all::<ServersTransport>() {
            transports.claim(held.subject.name, plain(held.subject.name));
        }
        let mut options = Assigned::default();
        for held in view.all::<TlsOption>() {
            if &*held.subject.name.name != DEFAULT {
                options.claim(held.subject.name, plain(held.subject.name));
            }
        }
        Self {
            routers: routers.settle(|(name, rule)| unique(&[&name.namespace, &name.name, rule])),
            transports: transports.settle(|name| unique(&[&name.namespace, &name.name])),
            options: options.settle(|name| unique(&[&name.namespace, &name.name])),
        }
    }

    pub(super) fn router(&self, name: &'a Name, rule: &'a str) -> String {
        self.routers
            .get(&(name, rule))
            .unwrap_or_else(|| router(name, rule))
    }

    pub(super) fn transport(&self, name: &Name) -> String {
        self.transports.get(&name).unwrap_or_else(|| plain(name))
    }

    /// Of options that are not named `default`.
    pub(super) fn options(&self, name: &Name) -> String {
        self.options.get(&name).unwrap_or_else(|| plain(name))
    }

    /// What to say of objects whose names would have been the same.
    pub(super) fn ambiguities(&self) -> Vec<Finding> {
        let routers = self
            .routers
            .ambiguous
            .iter()
            .map(|((name, _), plain)| (*name, plain));
        let transports = self
            .transports
            .ambiguous
            .iter()
            .map(|(name, plain)| (*name, plain));
        let options = self.options.ambiguous.iter().map(|(name, plain)| (*name, plain));
        routers
            .map(|(name, plain)| ambiguity(Kind::IngressRoute, name, plain))
            .chain(transports.map(|(name, plain)| ambiguity(Kind::ServersTransport, name, plain)))
            .chain(options.map(|(name, plain)| ambiguity(Kind::TlsOption, name, plain)))
            .collect()
    }
}

/// Names by what they name.
#[derive(Debug)]
struct Assigned<I> {
    names: HashMap<I, String>,
    /// What had to be given another name than Traefik's, and that one. Sorted.
    ambiguous: Vec<(I, String)>,
}

impl<I> Default for Assigned<I> {
    fn default() -> Self {
        Self {
            names: HashMap::new(),
            ambiguous: Vec::new(),
        }
    }
}

impl<I: Copy + Eq + Hash + Ord> Assigned<I> {
    fn claim(&mut self, identity: I, plain: String) {
        self.names.insert(identity, plain);
    }

    /// Gives a suffix to each of those that claimed the same name. Somebody may have claimed a name
    /// that another has only with its suffix, so this goes on until nothing is shared; each gets one
    /// suffix at most, and suffixes differ.
    fn settle(mut self, suffix: impl Fn(I) -> String) -> Self {
        let mut settled: HashMap<I, String> = HashMap::new();
        loop {
            let mut claims: HashMap<&str, usize> = HashMap::new();
            for name in self.names.values() {
                *claims.entry(name).or_default() += 1;
            }
            let shared = |name: &str| claims.get(name).is_some_and(|claims| *claims > 1);
            let found: Vec<(I, String)> = self
                .names
                .iter()
                .filter(|(identity, name)| shared(name) && !settled.contains_key(identity))
                .map(|(identity, name)| (*identity, name.clone()))
                .collect();
            if found.is_empty() {
                break;
            }
            for (identity, plain) in found {
                let name = format!("{plain}-{}", suffix(identity));
                self.names.insert(identity, name);
                settled.insert(identity, plain);
            }
        }
        self.ambiguous = settled.into_iter().collect();
        self.ambiguous.sort_unstable();
        self
    }

    fn get(&self, identity: &I) -> Option<String> {
        self.names.get(identity).cloned()
    }
}

fn ambiguity(kind: Kind, name: &Name, plain: &str) -> Finding {
    let message = format!("another {kind} would be named `{plain}` too; both are named with a suffix");
    Finding::warning(Code::DuplicateObject, message).object(name.of_kind(kind))
}

/// `web-web-ingressroute-6cd908afc82ca51c00cf`: namespace, name, and the first ten bytes of the
/// rule's SHA-256.
fn router(name: &Name, rule: &str) -> String {
    let hash = hex(&Sha256::digest(rule));
    normalize(&format!("{name}-{hash}"))
}

/// `namespace-name`.
pub(super) fn plain(name: &Name) -> String {
    normalize(&name.to_string())
}

/// `namespace-service-port`, the child of a weighted service.
pub(super) fn child(service: &Name, port: &str) -> String {
    normalize(&format!("{service}-{port}"))
}

/// A text that differs for different parts, however they are cut.
pub(super) fn unique(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex(&hash.finalize())
}

/// Ten bytes are what Traefik uses.
fn hex(digest: &[u8]) -> String {
    digest.iter().take(10).map(|byte| format!("{byte:02x}")).collect()
}

/// Letters and digits stay; every run of anything else is one `-`.
fn normalize(text: &str) -> String {
    let words: Vec<_> = text
        .split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    words.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a9_2_a_router_is_named_as_traefik_names_it() {
        let name = Name::new("web", "web-ingressroute");
        assert_eq!(
            router(&name, "Host(`web.example.com`)"),
            "web-web-ingressroute-0942d541708eb45f2d08"
        );
        // From Traefik's own test data.
        assert_eq!(
            router(
                &Name::new("default", "test.route"),
                "Host(`foo.com`) && PathPrefix(`/bar`)"
            ),
            "default-test-route-6b204d94623b3df4370c"
        );
    }

    #[test]
    fn a3_15_names_are_normalized_as_traefik_does() {
        assert_eq!(normalize("web/my.app_v1--x"), "web-my-app-v1-x");
        assert_eq!(normalize("-a-"), "a");
        assert_eq!(
            child(&Name::new("web", "backend-svc"), "443"),
            "web-backend-svc-443"
        );
    }

    #[test]
    fn cve_2026_54765_suffixes_differ_where_joined_names_do_not() {
        assert_eq!(plain(&Name::new("a-b", "c")), plain(&Name::new("a", "b-c")));
        assert_ne!(unique(&["a-b", "c"]), unique(&["a", "b-c"]));
    }
}
