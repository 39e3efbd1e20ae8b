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
//!
//! Where nothing but servers came and went, [`patch`] makes the same snapshot out of the previous one, and looks at
//! nothing else.

mod certificates;
mod claims;
mod entry_points;
mod materials;
mod middlewares;
mod names;
mod patch;
mod policies;
mod routers;
mod services;
pub(crate) mod sources;
mod staples;
mod transports;

use std::collections::HashMap;
use std::sync::Arc;

use viaduct_config::finding::Code;
use viaduct_config::{Element, EntryPointName, Finding, Map, Update};
use viaduct_tls::Identity;
use viaduct_tls::ocsp::Staples;

use crate::book::{Book, Counters, Findings, KeptSource, Slots};
use crate::bridge;
use crate::entry_point::EntryPoint;
use crate::resolve::Resolver;
use crate::rotation::Overlaps;
use crate::router::Router;
use crate::{Install, Snapshot};
use services::{Built, Services};
use sources::{Source, Sources};

pub(crate) use transports::{DEFAULT_TRANSPORT, Transports};

pub struct Inputs<'a> {
    pub install: &'a Install,
    /// The latest update of each provider.
    pub updates: &'a [Arc<Update>],
    /// Answers where no certificate matches and no store names a default (A8.14).
    pub generated_default: Arc<Identity>,
    /// What the authorities say of the certificates; `None`: OCSP stapling is off.
    pub staples: Option<&'a Arc<Staples>>,
    /// Replaced bundles that may still be believed; one that this very compile replaces may, too. `None`: a
    /// rotation takes effect at once.
    pub overlaps: Option<&'a Overlaps>,
}

/// Never fails: what is broken is left out or put out of service, and said.
pub fn compile(inputs: &Inputs<'_>, previous: Option<&Snapshot>) -> (Arc<Snapshot>, Vec<Finding>) {
    let snapshot = follow(inputs, previous);
    let findings = snapshot.findings().to_vec();
    (snapshot, findings)
}

/// The same; what there is to say is in the snapshot, and shared with the previous one where it is the same.
pub fn follow(inputs: &Inputs<'_>, previous: Option<&Snapshot>) -> Arc<Snapshot> {
    let patched = previous.and_then(|previous| patch::patch(inputs, previous));
    patched.unwrap_or_else(|| whole(inputs, previous))
}

/// Looks at everything.
fn whole(inputs: &Inputs<'_>, previous: Option<&Snapshot>) -> Arc<Snapshot> {
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
    let mut lists = transports::Lists::default();
    let transports = transports::build(inputs, &sources, book, &mut counters, &mut lists, &mut findings);
    let revocations = transports::revocations(&sources, &inputs.install.revoked, &mut lists);
    let revocations = match previous {
        // Workers need not look through what they know.
        Some(previous) if *previous.revocations == revocations => Arc::clone(&previous.revocations),
        _ => Arc::new(revocations),
    };
    let before_services = std::mem::take(&mut findings);
    let mut services = Services::new(&sources, &resolver, &transports, book);
    services.build_all(&mut slots);
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
    let Built {
        ready: services,
        pools,
        said,
    } = services.into_built();
    let mut identities = certificates.by_provider;
    let book = Book {
        install: Arc::new(inputs.install.clone()),
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
        generated_default: Arc::clone(&inputs.generated_default),
        told_staples: inputs.staples.cloned(),
        store: Arc::new(certificates.kept),
        tls_options: Arc::new(policies.named()),
        policies: Arc::new(policies.all),
        transports: Arc::new(transports),
        services,
        middlewares: Arc::new(middlewares.into_ready()),
        counters,
        slots: Arc::new(slots),
        pools,
        findings: Findings::new(Arc::new(before_services), said, Arc::new(findings)),
        users: Arc::default(),
    };
    Arc::new(Snapshot {
        generation: generation(previous, &entry_points, &routers),
        entry_points,
        out_of_service: routers.values().filter(|router| !router.is_ready()).count(),
        routers,
        revocations,
        live_pools: book.pools.live().clone(),
        slots: book.slots.bound(),
        book,
    })
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
    routers: &Map<Arc<str>, Arc<Router>>,
) -> u64 {
    let Some(previous) = previous else {
        return 1;
    };
    let is_known = |(name, entry_point): (&EntryPointName, &Arc<EntryPoint>)| {
        let known = previous.entry_points.get(name);
        known.is_some_and(|known| Arc::ptr_eq(known, entry_point))
    };
    let same = entry_points.len() == previous.entry_points.len()
        && entry_points.iter().all(is_known)
        && routers
            .differences_by(&previous.routers, Arc::ptr_eq)
            .next()
            .is_none();
    previous.generation + u64::from(!same)
}

#[cfg(test)]
mod tests;
