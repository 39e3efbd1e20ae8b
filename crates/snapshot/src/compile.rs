//! Updates -> snapshot.
//!
//! ```text
//!  updates -> sources -> certificates -> policies ---------+
//!                     -> transports -> services -> routers +-> entry points -> Snapshot
//!                                   middlewares -+
//! ```
//! Each step takes what the one before it made and the matching part of the previous snapshot's book;
//! what is equal to what was there before is shared. Every step is complete in itself: findings are
//! those of the whole configuration, not of what changed.

mod certificates;
mod claims;
mod entry_points;
mod materials;
mod middlewares;
mod names;
mod policies;
mod routers;
mod services;
pub(crate) mod sources;
mod staples;
mod transports;

use std::collections::HashMap;
use std::sync::Arc;

use viaduct_config::finding::Code;
use viaduct_config::{Element, EntryPointName, Finding, Update};
use viaduct_tls::Identity;
use viaduct_tls::ocsp::Staples;

use crate::book::{Book, Counters, KeptSource, Slots};
use crate::bridge;
use crate::entry_point::EntryPoint;
use crate::resolve::Resolver;
use crate::rotation::Overlaps;
use crate::router::Router;
use crate::{Install, Snapshot};
use services::Services;
use sources::{Source, Sources};

pub(crate) use transports::DEFAULT_TRANSPORT;

pub struct Inputs<'a> {
    pub install: &'a Install,
    /// The latest update of each provider.
    pub updates: &'a [Arc<Update>],
    /// Answers where no certificate matches and no store names a default (A8.14).
    pub generated_default: Arc<Identity>,
    /// What the authorities say of the certificates; `None`: OCSP stapling is off.
    pub staples: Option<&'a Staples>,
    /// Replaced bundles that may still be believed; one that this very compile replaces may, too. `None`: a
    /// rotation takes effect at once.
    pub overlaps: Option<&'a Overlaps>,
}

/// Never fails: what is broken is left out or put out of service, and said.
pub fn compile(inputs: &Inputs<'_>, previous: Option<&Snapshot>) -> (Arc<Snapshot>, Vec<Finding>) {
    let book = previous.map(|previous| &previous.book);
    let mut counters = book.map_or_else(Counters::default, |book| book.counters.clone());
    let mut slots = book.map_or_else(Slots::default, |book| book.slots.next_round());
    let mut findings = Vec::new();

    let sources = Sources::new(inputs.updates, book);
    let resolver = Resolver::new(&sources);
    for source in sources.iter() {
        // What is wrong with an object itself comes before what that breaks.
        findings.extend(source.update.notes.iter().cloned());
        findings.extend(source.update.broken.iter().map(|(_, finding)| finding.clone()));
        findings.extend(unserved(source));
    }
    let certificates = certificates::build(inputs, &sources, book, &mut findings);
    let policies = policies::build(
        &sources,
        &certificates.kept.store,
        book,
        &mut counters,
        &mut findings,
    );
    let transports = transports::build(inputs, &sources, book, &mut counters, &mut findings);
    let revocations = transports::revocations(&sources, &inputs.install.revoked);
    let mut services = Services::new(&sources, &resolver, &transports, book);
    services.build_all(&mut slots, &mut findings);
    let middlewares = middlewares::build(&sources, book, &mut findings);
    let drafts = routers::build(&routers::Context {
        install: inputs.install,
        sources: &sources,
        resolver: &resolver,
        unusable: &certificates.unusable,
        policies: &policies,
        services: &services,
        middlewares: &middlewares,
        previous,
    });
    let (entry_points, routers) = entry_points::build(
        inputs.install,
        drafts,
        &policies,
        previous,
        &mut slots,
        &mut findings,
    );

    findings.extend(bridge::unused(&inputs.install.bridge, routers.values()));
    findings.extend(bridge::misread(&inputs.install.bridge));
    slots.end_round();
    let (services, pools) = services.into_ready();
    let mut identities = certificates.by_provider;
    let book = Book {
        install: inputs.install.clone(),
        sources: sources
            .iter()
            .map(|source| {
                let kept = KeptSource {
                    update: Arc::clone(source.update),
                    identities: identities.remove(source.provider()).unwrap_or_default(),
                };
                (source.provider().clone(), kept)
            })
            .collect(),
        store: certificates.kept,
        tls_options: policies.named(),
        policies: policies.all,
        transports: transports.into_ready(),
        services,
        middlewares: middlewares.into_ready(),
        counters,
        slots,
        pools,
    };
    let snapshot = Snapshot {
        generation: generation(previous, &entry_points, &routers),
        entry_points,
        routers,
        revocations: Arc::new(revocations),
        live_pools: book.pools.live(),
        slots: book.slots.bound(),
        book,
    };
    (Arc::new(snapshot), findings)
}

/// Routers of protocols that are not served, each once.
fn unserved<'s>(source: &'s Source<'_>) -> impl Iterator<Item = Finding> + 's {
    let dynamic = &source.update.dynamic;
    let tcp = dynamic.tcp.routers.keys().cloned().map(Element::TcpRouter);
    let udp = dynamic.udp.routers.keys().cloned().map(Element::UdpRouter);
    tcp.chain(udp).map(|element| {
        let protocol = match element {
            Element::UdpRouter(_) => "UDP",
            _ => "TCP",
        };
        let message = format!("{protocol} routers are not served yet: nobody answers for this one");
        source.at(element, Finding::error(Code::Unsupported, message))
    })
}

/// The previous one, if nothing that serves requests changed.
fn generation(
    previous: Option<&Snapshot>,
    entry_points: &HashMap<EntryPointName, Arc<EntryPoint>>,
    routers: &HashMap<Arc<str>, Arc<Router>>,
) -> u64 {
    let Some(previous) = previous else {
        return 1;
    };
    let same = same_values(entry_points, &previous.entry_points) && same_values(routers, &previous.routers);
    previous.generation + u64::from(!same)
}

fn same_values<K: std::hash::Hash + Eq, V>(a: &HashMap<K, Arc<V>>, b: &HashMap<K, Arc<V>>) -> bool {
    a.len() == b.len()
        && a.iter()
            .all(|(key, value)| b.get(key).is_some_and(|other| Arc::ptr_eq(value, other)))
}

#[cfg(test)]
mod tests;
