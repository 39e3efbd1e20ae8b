//! Names of elements, exactly as Traefik builds them where they are unique.
//!
//! Traefik joins namespace and name with `-`, so that `a-b`/`c` and `a`/`b-c` get one name, and one
//! tenant's object stands in for another's. Here every object of such a group gets a suffix of its
//! own (I4): none is mixed up with another, none is put out of service by another, and the outcome
//! does not depend on an order.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use sha2::{Digest as _, Sha256};
use viaduct_config::Finding;
use viaduct_config::finding::Code;

use crate::api::{
    DEFAULT, IngressRoute, IngressRouteTcp, IngressRouteUdp, Kind, Middleware, MiddlewareTcp, Name, Port,
    ServersTransport, ServersTransportTcp, TlsOption, TraefikService, Typed,
};
use crate::index::View;

/// The names of everything that can be referred to or that has an identity of its own.
#[derive(Debug)]
pub(super) struct Names<'a> {
    services: Assigned<Own<'a>>,
    middlewares: Assigned<&'a Name>,
    transports: Assigned<&'a Name>,
    options: Assigned<&'a Name>,
    tcp_routers: Assigned<(&'a Name, &'a str)>,
    tcp_middlewares: Assigned<&'a Name>,
    tcp_transports: Assigned<&'a Name>,
    udp_routers: Assigned<(&'a Name, usize)>,
}

/// Who has a service of its own. A router has the name of its service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Own<'a> {
    /// By object and rule.
    Route(&'a Name, &'a str),
    TraefikService(&'a Name),
    /// The service of a Middleware of kind `errors`.
    ErrorPage(&'a Name),
}

impl<'a> Own<'a> {
    fn plain(self) -> String {
        match self {
            Self::Route(name, rule) => router(name, rule),
            Self::TraefikService(name) => plain(name),
            Self::ErrorPage(name) => normalize(&format!("{name}-errorpage-service")),
        }
    }

    fn suffix(self) -> String {
        match self {
            Self::Route(name, rule) => unique(&[&name.namespace, &name.name, rule]),
            Self::TraefikService(name) => of_object(name),
            // As many parts as nothing else has.
            Self::ErrorPage(name) => unique(&[&name.namespace, &name.name, "", "errors"]),
        }
    }

    fn object(self) -> (Kind, &'a Name) {
        match self {
            Self::Route(name, _) => (Kind::IngressRoute, name),
            Self::TraefikService(name) => (Kind::TraefikService, name),
            Self::ErrorPage(name) => (Kind::Middleware, name),
        }
    }
}

impl<'a> Names<'a> {
    /// For where nothing is ambiguous: everything has the name that Traefik gives it.
    pub(super) fn plain() -> Self {
        Self {
            services: Assigned::default(),
            middlewares: Assigned::default(),
            transports: Assigned::default(),
            options: Assigned::default(),
            tcp_routers: Assigned::default(),
            tcp_middlewares: Assigned::default(),
            tcp_transports: Assigned::default(),
            udp_routers: Assigned::default(),
        }
    }

    pub(super) fn assign(view: &View<'a>) -> Self {
        let mut tcp_routers = Assigned::default();
        for held in view.all::<IngressRouteTcp>() {
            let name = held.subject.name;
            for route in held.state.iter().flat_map(|route| &route.spec.routes) {
                let rule = route.rule.as_str();
                tcp_routers.claim((name, rule), router(name, rule));
            }
        }
        let mut udp_routers = Assigned::default();
        for held in view.all::<IngressRouteUdp>() {
            let name = held.subject.name;
            let routes = held.state.map_or(0, |route| route.spec.routes.len());
            for index in 0..routes {
                udp_routers.claim((name, index), udp_router(name, index));
            }
        }
        Self {
            services: own_services(view),
            middlewares: of_kind::<Middleware>(view, |_| true),
            transports: of_kind::<ServersTransport>(view, |_| true),
            options: of_kind::<TlsOption>(view, |name| &*name.name != DEFAULT),
            tcp_routers: tcp_routers
                .settle(|(name, rule): (&Name, &str)| unique(&[&name.namespace, &name.name, rule])),
            tcp_middlewares: of_kind::<MiddlewareTcp>(view, |_| true),
            tcp_transports: of_kind::<ServersTransportTcp>(view, |_| true),
            udp_routers: udp_routers.settle(|(name, index): (&Name, usize)| {
                unique(&[&name.namespace, &name.name, &index.to_string()])
            }),
        }
    }

    pub(super) fn router(&self, name: &'a Name, rule: &'a str) -> String {
        self.service(Own::Route(name, rule))
    }

    pub(super) fn traefik_service(&self, name: &Name) -> String {
        self.services
            .get(&Own::TraefikService(name))
            .unwrap_or_else(|| plain(name))
    }

    /// The service of middleware `name`.
    pub(super) fn error_page(&self, name: &'a Name) -> String {
        self.service(Own::ErrorPage(name))
    }

    fn service(&self, own: Own<'a>) -> String {
        self.services.get(&own).unwrap_or_else(|| own.plain())
    }

    pub(super) fn middleware(&self, name: &Name) -> String {
        self.middlewares.get(&name).unwrap_or_else(|| plain(name))
    }

    pub(super) fn transport(&self, name: &Name) -> String {
        self.transports.get(&name).unwrap_or_else(|| plain(name))
    }

    /// Of options that are not named `default`.
    pub(super) fn options(&self, name: &Name) -> String {
        self.options.get(&name).unwrap_or_else(|| plain(name))
    }

    pub(super) fn tcp_router(&self, name: &'a Name, rule: &'a str) -> String {
        self.tcp_routers
            .get(&(name, rule))
            .unwrap_or_else(|| router(name, rule))
    }

    pub(super) fn tcp_middleware(&self, name: &Name) -> String {
        self.tcp_middlewares.get(&name).unwrap_or_else(|| plain(name))
    }

    pub(super) fn tcp_transport(&self, name: &Name) -> String {
        self.tcp_transports.get(&name).unwrap_or_else(|| plain(name))
    }

    pub(super) fn udp_router(&self, name: &'a Name, index: usize) -> String {
        self.udp_routers
            .get(&(name, index))
            .unwrap_or_else(|| udp_router(name, index))
    }

    /// What to say of objects whose names would have been the same.
    pub(super) fn ambiguities(&self) -> Vec<Finding> {
        let of_kind = |kind: Kind, assigned: &Assigned<&Name>| -> Vec<Finding> {
            let ambiguous = assigned.ambiguous.iter();
            ambiguous
                .map(|(name, plain)| ambiguity(kind, name, plain))
                .collect()
        };
        let services = self.services.ambiguous.iter().map(|(own, plain)| {
            let (kind, name) = own.object();
            ambiguity(kind, name, plain)
        });
        let tcp = self.tcp_routers.ambiguous.iter();
        let udp = self.udp_routers.ambiguous.iter();
        services
            .chain(of_kind(Kind::Middleware, &self.middlewares))
            .chain(of_kind(Kind::ServersTransport, &self.transports))
            .chain(of_kind(Kind::TlsOption, &self.options))
            .chain(tcp.map(|((name, _), plain)| ambiguity(Kind::IngressRouteTcp, name, plain)))
            .chain(of_kind(Kind::MiddlewareTcp, &self.tcp_middlewares))
            .chain(of_kind(Kind::ServersTransportTcp, &self.tcp_transports))
            .chain(udp.map(|((name, _), plain)| ambiguity(Kind::IngressRouteUdp, name, plain)))
            .collect()
    }
}

/// Routers, TraefikServices and error pages share one space of names.
fn own_services<'a>(view: &View<'a>) -> Assigned<Own<'a>> {
    let mut services = Assigned::default();
    let mut claim = |own: Own<'a>| services.claim(own, own.plain());
    for held in view.all::<IngressRoute>() {
        for route in held.state.iter().flat_map(|route| &route.spec.routes) {
            claim(Own::Route(held.subject.name, &route.rule));
        }
    }
    for held in view.all::<TraefikService>() {
        claim(Own::TraefikService(held.subject.name));
    }
    for held in view.all::<Middleware>() {
        if held.state.is_ok_and(|middleware| middleware.errors.is_some()) {
            claim(Own::ErrorPage(held.subject.name));
        }
    }
    services.settle(Own::suffix)
}

/// The objects of a kind, by namespace and name.
fn of_kind<'a, T: Typed + 'a>(view: &View<'a>, counts: impl Fn(&Name) -> bool) -> Assigned<&'a Name> {
    let mut assigned = Assigned::default();
    for held in view.all::<T>() {
        let name = held.subject.name;
        if counts(name) {
            assigned.claim(name, plain(name));
        }
    }
    assigned.settle(of_object)
}

fn of_object(name: &Name) -> String {
    unique(&[&name.namespace, &name.name])
}

/// Names by what they name.
#[derive(Debug)]
pub(super) struct Assigned<I> {
    names: HashMap<I, String>,
    /// What had to be given another name than Traefik's, and that one. Sorted.
    pub(super) ambiguous: Vec<(I, String)>,
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
    pub(super) fn claim(&mut self, identity: I, plain: String) {
        self.names.insert(identity, plain);
    }

    /// Gives a suffix to each of those that claimed the same name. Somebody may have claimed a name
    /// that another has only with its suffix, so this goes on until nothing is shared; each gets one
    /// suffix at most, and suffixes differ.
    pub(super) fn settle(mut self, suffix: impl Fn(I) -> String) -> Self {
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

    pub(super) fn get(&self, identity: &I) -> Option<String> {
        self.names.get(identity).cloned()
    }
}

pub(super) fn ambiguity(kind: Kind, name: &Name, plain: &str) -> Finding {
    let message = format!("another object would be named `{plain}` too; both are named with a suffix");
    Finding::warning(Code::DuplicateObject, message).object(name.of_kind(kind))
}

/// `web-web-ingressroute-6cd908afc82ca51c00cf`: namespace, name, and the first ten bytes of the
/// rule's SHA-256.
fn router(name: &Name, rule: &str) -> String {
    let hash = hex(&Sha256::digest(rule));
    normalize(&[&*name.namespace, "-", &*name.name, "-", hash.as_str()].concat())
}

/// `web-dns-0`: namespace, name and the position of the route.
fn udp_router(name: &Name, index: usize) -> String {
    normalize(&format!("{name}-{index}"))
}

/// `parent-service-port`, for a part of a service where parts are not shared. A name that is `taken`
/// already gets a suffix.
pub(super) fn part(
    parent: &str,
    service: &str,
    port: Option<&Port>,
    index: usize,
    taken: &mut HashSet<String>,
) -> String {
    let port = port.map_or_else(String::new, ToString::to_string);
    let mut name = normalize(&format!("{parent}-{service}-{port}"));
    if taken.contains(&name) {
        let suffix = unique(&[parent, service, &port, &index.to_string()]);
        name = format!("{name}-{suffix}");
    }
    taken.insert(name.clone());
    name
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

/// As much of a text's hash as Traefik puts into a name.
pub(super) fn hash(text: &str) -> String {
    hex(&Sha256::digest(text))
}

/// Ten bytes are what Traefik uses.
fn hex(digest: &[u8]) -> String {
    let nibbles = digest.iter().take(10).flat_map(|byte| [byte >> 4, byte & 0xf]);
    nibbles
        .filter_map(|nibble| char::from_digit(u32::from(nibble), 16))
        .collect()
}

/// Letters and digits stay; every run of anything else is one `-`.
pub(super) fn normalize(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    for word in text.split(|character: char| !character.is_alphanumeric()) {
        if !word.is_empty() {
            normal.push_str(if normal.is_empty() { "" } else { "-" });
            normal.push_str(word);
        }
    }
    normal
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

    proptest::proptest! {
        #[test]
        fn a3_15_a_normal_name_is_its_words_joined(text in "[ -~é]{0,12}") {
            let words = text.split(|character: char| !character.is_alphanumeric());
            let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
            proptest::prop_assert_eq!(normalize(&text), words.join("-"));
        }
    }

    #[test]
    fn cve_2026_54765_suffixes_differ_where_joined_names_do_not() {
        assert_eq!(plain(&Name::new("a-b", "c")), plain(&Name::new("a", "b-c")));
        assert_ne!(unique(&["a-b", "c"]), unique(&["a", "b-c"]));
    }
}
