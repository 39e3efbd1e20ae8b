//! How well the way from a router to each of its servers is secured (C6), and what is demanded of it (C7).
//!
//! The class is read from the configuration alone: the scheme of the server, and the policy of its transport.
//! What a server does with it is seen in the access log and in faults.

mod policy;
mod verdict;

use std::collections::HashSet;
use std::sync::Arc;

use viaduct_config::{Element, ObjectRef};
use viaduct_tls::backend_leg::Verification;

use crate::router::Router;
use crate::service::{LoadBalancer, Scheme, Server, Service, ServiceKind};
use crate::transport::Transport;
use crate::{MiddlewareKind, Snapshot};

pub use policy::{BridgeException, BridgeMode, BridgePolicy, Excepted};
pub(crate) use verdict::{Subject, Verdict, misread, unused};

/// How well a backend leg is secured, from the least to the most.
///
/// The client leg is no part of it: whether a router has TLS is its own fact ([`Router::tls`]).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BridgeClass {
    /// A TCP router that hands TLS on unread (`tls.passthrough`). Least of all, since the proxy can vouch for
    /// nothing in it. Such routers are shown, and not served yet.
    Passthrough,
    /// HTTP without TLS.
    #[default]
    Plaintext,
    /// TLS with anybody (`insecureSkipVerify`). A `peerCertURI` does not change that: without a trusted chain anybody
    /// can write it into a certificate; nor does a client certificate, which anybody can ask for.
    Unverified,
    /// The chain is verified and the name is not. No configuration of Traefik's comes to this: `insecureSkipVerify`
    /// gives up both, and `peerCertURI` is checked on top of the name. It has its place in the order all the same, so
    /// that a demand for it can be written, which only what is better meets.
    NameSkipped,
    /// Chain and name are verified.
    Verified,
    /// Verified, and the transport has a client certificate to show. Whether the server asks for it is the server's
    /// affair, and the access log says of each connection whether it was shown (`BackendTLSClientCertificate`).
    Mtls,
}

impl BridgeClass {
    /// The best first.
    pub const ALL: [Self; 6] = [
        Self::Mtls,
        Self::Verified,
        Self::NameSkipped,
        Self::Unverified,
        Self::Plaintext,
        Self::Passthrough,
    ];

    /// As it is shown everywhere: tables, API, metric labels, findings.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Passthrough => "passthrough",
            Self::Plaintext => "plaintext",
            Self::Unverified => "unverified",
            Self::NameSkipped => "name-skipped",
            Self::Verified => "bridged+verified",
            Self::Mtls => "bridged+mTLS",
        }
    }

    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.label() == label)
    }

    /// As it stands in options and annotations, in any case.
    pub fn from_word(word: &str) -> Option<Self> {
        match word.trim().to_ascii_lowercase().as_str() {
            "mtls" => Some(Self::Mtls),
            "verified" => Some(Self::Verified),
            "name-skipped" => Some(Self::NameSkipped),
            "unverified" => Some(Self::Unverified),
            "plaintext" => Some(Self::Plaintext),
            _ => None,
        }
    }

    /// Of a server that is reached by `transport`.
    pub fn of(server: &Server, transport: &Transport) -> Self {
        let policy = transport.tls.policy();
        match (server.scheme, &policy.verification) {
            (Scheme::Http | Scheme::H2c, _) => Self::Plaintext,
            (Scheme::Https, Verification::DangerSkip) => Self::Unverified,
            (Scheme::Https, Verification::Full(_)) if policy.identities.is_empty() => Self::Verified,
            (Scheme::Https, Verification::Full(_)) => Self::Mtls,
        }
    }
}

impl std::fmt::Display for BridgeClass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.label())
    }
}

impl ServiceKind {
    /// The least class among all servers below, whatever their weight: a weight of 0 is one edit away from another.
    /// `None`: there is no server.
    pub(crate) fn weakest(&self) -> Option<BridgeClass> {
        match self {
            Self::LoadBalancer(balancer) => {
                let servers = balancer.servers.iter();
                servers
                    .map(|server| BridgeClass::of(server, &balancer.transport))
                    .min()
            }
            Self::Weighted(children) => children.iter().filter_map(|(child, _)| child.weakest).min(),
            // Answered by this process: there is no backend leg.
            Self::Internal(_) => None,
        }
    }
}

/// A service with servers, as a router reaches it.
#[derive(Debug, Clone, Copy)]
pub struct Backend<'a> {
    pub service: &'a Service,
    pub balancer: &'a LoadBalancer,
    /// In the weighted service above it; 1 without one.
    pub share: u32,
}

impl Router {
    /// Every service with servers that a request to this router can end at, each once; also while the router is out
    /// of service.
    pub fn backends(&self) -> Vec<Backend<'_>> {
        backends(self.named_service.iter().chain(self.reached_by_middlewares()))
    }

    fn reached_by_middlewares(&self) -> impl Iterator<Item = &Arc<Service>> {
        let middlewares = self.middlewares.iter();
        middlewares.filter_map(|middleware| middleware.kind.service())
    }
}

/// The services with servers below these, each once.
pub(crate) fn backends<'a>(services: impl Iterator<Item = &'a Arc<Service>>) -> Vec<Backend<'a>> {
    let (mut found, mut seen) = (Vec::new(), HashSet::new());
    for service in services {
        collect(service, 1, &mut seen, &mut found);
    }
    found
}

/// A service that is reached on several ways is looked at once, or a few dozen nested ones would be billions of ways.
fn collect<'a>(
    service: &'a Arc<Service>,
    share: u32,
    seen: &mut HashSet<*const Service>,
    found: &mut Vec<Backend<'a>>,
) {
    if !seen.insert(Arc::as_ptr(service)) {
        return;
    }
    match &service.kind {
        ServiceKind::LoadBalancer(balancer) => found.push(Backend {
            service,
            balancer,
            share,
        }),
        ServiceKind::Weighted(children) => {
            for (child, share) in children {
                collect(child, *share, seen, found);
            }
        }
        ServiceKind::Internal(_) => {}
    }
}

impl MiddlewareKind {
    /// The service that it can send a request to by itself. A kind that has one has to say so here before it compiles:
    /// what is demanded of a route holds there, too.
    pub fn service(&self) -> Option<&Arc<Service>> {
        match self {
            Self::AddPrefix(_)
            | Self::BasicAuth(_)
            | Self::ContentType
            | Self::EncodedCharacters(_)
            | Self::Headers(_)
            | Self::InFlightReq(_)
            | Self::IpAllowList(_)
            | Self::PassTlsClientCert(_)
            | Self::RedirectRegex(_)
            | Self::RedirectScheme(_)
            | Self::ReplacePath(_)
            | Self::ReplacePathRegex(_)
            | Self::StripPrefix(_)
            | Self::StripPrefixRegex(_) => None,
        }
    }
}

/// A TCP router with `tls.passthrough`.
#[derive(Debug)]
pub struct Passthrough {
    /// `name@provider`.
    pub name: String,
    pub rule: String,
    /// As written; empty: the default ones.
    pub entry_points: Vec<String>,
    /// As written.
    pub service: String,
    /// `host:port`, where the service is one with servers of the same provider.
    pub servers: Vec<String>,
    pub origin: Option<ObjectRef>,
}

impl Snapshot {
    /// TCP routers that hand TLS on unread, by name. They are not served yet.
    pub fn passthroughs(&self) -> Vec<Passthrough> {
        let updates = self.book.sources.values().map(|source| &source.update);
        let mut found: Vec<_> = updates
            .flat_map(|update| {
                let routers = update.dynamic.tcp.routers.iter();
                let routers =
                    routers.filter(|(_, router)| router.tls.as_ref().is_some_and(|tls| tls.passthrough));
                routers.map(|(name, router)| {
                    let service = update.dynamic.tcp.services.get(&router.service);
                    let balancer = service.and_then(|service| service.load_balancer.as_ref());
                    let servers = balancer.into_iter().flat_map(|balancer| &balancer.servers);
                    let origin = update.origins.get(&Element::TcpRouter(name.clone()));
                    Passthrough {
                        name: crate::resolve::qualified(name, &update.provider),
                        rule: router.rule.clone(),
                        entry_points: router.entry_points.clone(),
                        service: router.service.clone(),
                        servers: servers.map(|server| server.address.clone()).collect(),
                        origin: origin.and_then(|origin| origin.object.clone()),
                    }
                })
            })
            .collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        found
    }

    /// What is demanded of routes, and which exceptions are live.
    pub fn bridge_policy(&self) -> &BridgePolicy {
        &self.book.install.bridge
    }
}
