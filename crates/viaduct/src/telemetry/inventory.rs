//! What a snapshot calls things, and what in it expires.

use std::collections::HashSet;

use viaduct_observe::counters::{ServerAddress, Totals};
use viaduct_observe::families::{Credential, CredentialKind, Names, RouterName, ServerState, ServiceName};
use viaduct_snapshot::{BridgeClass, Router, Scheme, ServiceKind, Snapshot};
use viaduct_tls::backend_leg::Verification;
use viaduct_tls::{Backend, CertificateFacts, Identity, Trust};

use crate::bridges;

/// Made once per snapshot.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    pub(super) names: Names,
    credentials: Vec<Credential>,
    servers: HashSet<String>,
    addresses: HashSet<ServerAddress>,
}

impl Inventory {
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let names = names(snapshot);
        let mut credentials = Vec::new();
        front(snapshot, &mut credentials);
        backend(snapshot, &mut credentials);
        credentials.sort_unstable();
        credentials.dedup();
        let servers = names.servers.iter().map(|server| server.url.clone());
        Self {
            servers: servers.collect(),
            addresses: addresses(snapshot),
            names,
            credentials,
        }
    }

    /// Whether a server is configured.
    pub(super) fn has_server(&self, url: &str) -> bool {
        self.servers.contains(url)
    }

    /// Whether a server is at this address.
    pub(super) fn has_address(&self, address: &ServerAddress) -> bool {
        self.addresses.contains(address)
    }

    /// Everything that expires, with what servers showed.
    pub(super) fn credentials(&self, totals: &Totals) -> Vec<Credential> {
        let seen = totals.leafs.iter().filter(|(url, _)| self.has_server(url));
        // The latest: what another transport was shown before may be of no use to anybody now.
        let latest = seen.filter_map(|(url, leafs)| Some((url, leafs.iter().max_by_key(|leaf| leaf.at)?)));
        let seen = latest.map(|(url, leaf)| Credential {
            kind: CredentialKind::BackendLeaf,
            owner: url.to_string(),
            common_name: leaf.common_name.to_string(),
            serial: leaf.serial.to_string(),
            sans: leaf.sans.to_string(),
            not_after: leaf.not_after,
        });
        self.credentials.iter().cloned().chain(seen).collect()
    }
}

fn names(snapshot: &Snapshot) -> Names {
    let mut names = Names::default();
    for router in snapshot.routers.values() {
        names.routers.push(RouterName {
            slot: router.slot.0,
            name: router.name.to_string(),
            service: router.service_name.to_string(),
            class: weakest(router),
        });
    }
    for service in snapshot.services() {
        names.services.push(ServiceName {
            slot: service.slot.0,
            name: service.name.to_string(),
        });
        if let ServiceKind::LoadBalancer(balancer) = &service.kind {
            let servers = balancer.servers.iter();
            names.servers.extend(servers.map(|server| ServerState {
                service: service.name.to_string(),
                url: server.url.to_string(),
                up: !server.fenced,
            }));
        }
    }
    names.bridges = bridges::counts(snapshot);
    names.routers.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    names.services.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    names
        .servers
        .sort_unstable_by(|a, b| (&a.service, &a.url).cmp(&(&b.service, &b.url)));
    names
        .servers
        .dedup_by(|a, b| (&a.service, &a.url) == (&b.service, &b.url));
    names
}

fn addresses(snapshot: &Snapshot) -> HashSet<ServerAddress> {
    let balancers = snapshot.services().filter_map(|service| match &service.kind {
        ServiceKind::LoadBalancer(balancer) => Some(balancer),
        ServiceKind::Weighted(_) | ServiceKind::Internal(_) => None,
    });
    let servers = balancers.flat_map(|balancer| &balancer.servers);
    servers
        .map(|server| ServerAddress {
            host: server.host.clone(),
            port: server.port,
            secure: server.scheme == Scheme::Https,
        })
        .collect()
}

fn weakest(router: &Router) -> Option<&'static str> {
    let classes = router.backends().into_iter();
    let weakest = classes.filter_map(|backend| backend.service.weakest).min();
    weakest.map(BridgeClass::label)
}

/// What clients are shown, and what they are verified with.
fn front(snapshot: &Snapshot, credentials: &mut Vec<Credential>) {
    for identity in snapshot.identities() {
        let owner = identity.facts().label();
        chain(identity, CredentialKind::FrontLeaf, &owner, credentials);
    }
    for (options, cas) in snapshot.client_cas() {
        let cas = cas.roots();
        credentials.extend(cas.map(|ca| credential(CredentialKind::ClientCa, options, ca)));
    }
}

/// What servers are verified with, and what they are shown.
fn backend(snapshot: &Snapshot, credentials: &mut Vec<Credential>) {
    for transport in snapshot.transports() {
        let (owner, policy) = (&*transport.name, transport.tls.policy());
        if let Verification::Full(Backend(Trust::Bundle(cas))) = &policy.verification {
            let cas = cas.roots();
            credentials.extend(cas.map(|ca| credential(CredentialKind::BackendCa, owner, ca)));
        }
        for identity in &policy.identities {
            chain(identity, CredentialKind::BackendClient, owner, credentials);
        }
    }
}

/// The leaf, and what stands above it.
fn chain(identity: &Identity, kind: CredentialKind, owner: &str, credentials: &mut Vec<Credential>) {
    credentials.push(credential(kind, owner, identity.facts()));
    let above = identity.chain().iter().skip(1);
    let above = above.filter_map(|der| CertificateFacts::from_der(der).ok());
    if kind == CredentialKind::FrontLeaf {
        credentials.extend(above.map(|facts| credential(CredentialKind::FrontChain, owner, &facts)));
    }
}

fn credential(kind: CredentialKind, owner: &str, facts: &CertificateFacts) -> Credential {
    let addresses = facts.ip_addresses.iter().map(ToString::to_string);
    let names = facts.dns_names.iter().cloned().chain(addresses);
    let sans: Vec<String> = names.chain(facts.uris.iter().cloned()).collect();
    Credential {
        kind,
        owner: owner.to_owned(),
        common_name: facts.common_name.clone().unwrap_or_default(),
        serial: facts.serial.clone(),
        sans: sans.join(","),
        not_after: facts.not_after,
    }
}
