//! The previous snapshot -> the next one, where nothing has changed but the servers of services.
//!
//! It is the change that a cluster sees all day, and what everything else is made of is as it was: so only the
//! services whose servers changed are made anew, the weighted services above them, the routers that name those, and
//! the places of these in the tables. All else is shared. Whatever is not plain is left to the whole compile: an
//! element that comes, goes or is written otherwise, a service that cannot be used before or afterwards, a router whose
//! verdict would be another one.
//!
//! That both ways lead to the same snapshot and the same findings is held against each other in
//! `tests/patching.rs`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use viaduct_config::dynamic::http::Service as WrittenService;
use viaduct_config::dynamic::{Http, Tcp, Tls, Udp};
use viaduct_config::{Dynamic, Element, EntryPointName, Finding, ProviderName, Update};

use super::Inputs;
use super::services::{Balancing, Kind, kind_of};
use super::sources::{Source, Sources};
use crate::book::{Book, Findings, KeptService, KeptSource, PoolKey, Pools, Position};
use crate::bridge::{Subject, Verdict};
use crate::entry_point::EntryPoint;
use crate::resolve::Resolver;
use crate::rotation::bundle;
use crate::router::{Router, RouterState};
use crate::service::{Service, ServiceKind};
use crate::users::{Replaced, Users};
use crate::{Snapshot, resolve};

/// `None`: there is more to it.
pub(super) fn patch(inputs: &Inputs<'_>, previous: &Snapshot) -> Option<Arc<Snapshot>> {
    let book = &previous.book;
    is_around_as_before(inputs, book).then_some(())?;
    let sources = Sources::new(inputs.updates, Some(book));
    let users = book.users.get_or_init(|| Users::of(previous));
    (!users.beyond).then_some(())?;
    let mut patch = Patch {
        inputs,
        previous,
        users,
        pools: book.pools.clone(),
        services: BTreeMap::new(),
        replaced: Replaced::default(),
        said: BTreeMap::new(),
    };
    let changed = changed_services(&sources, book)?;
    let resolver = Resolver::new(&sources);
    for changed in &changed {
        patch.rebuild(changed, &resolver)?;
    }
    for changed in &changed {
        patch.let_go(&changed.kept.service);
    }
    patch.rebuild_parents(&changed)?;
    patch.finish(&sources)
}

/// Whether everything but the updates is what it was, and such that a transport that is written as it was is as it was.
fn is_around_as_before(inputs: &Inputs<'_>, book: &Book) -> bool {
    let Inputs {
        install,
        updates,
        generated_default,
        staples,
        overlaps,
    } = inputs;
    let same_staples = match (staples, &book.told_staples) {
        (None, None) => true,
        (Some(staples), Some(before)) => Arc::ptr_eq(staples, before),
        (Some(_), None) | (None, Some(_)) => false,
    };
    let believes_nobody_else = |policy| bundle(policy).is_none_or(|bundle| bundle.previous().is_empty());
    same_staples
        && updates.len() == book.sources.len()
        && Arc::ptr_eq(generated_default, &book.generated_default)
        && **install == *book.install
        && overlaps.is_none_or(|overlaps| overlaps.is_empty())
        && book
            .transports
            .ready()
            .all(|transport| believes_nobody_else(transport.tls.policy()))
}

/// A service that is written otherwise than before, and can be used.
struct Changed<'s> {
    source: &'s Source<'s>,
    name: &'s str,
    written: &'s WrittenService,
    kept: &'s KeptService,
}

/// In the order in which they are built. `None`: something else is different, too.
fn changed_services<'s>(sources: &'s Sources<'s>, book: &'s Book) -> Option<Vec<Changed<'s>>> {
    let mut changed = Vec::new();
    for source in sources.iter() {
        let before = &source.kept?.update;
        if Arc::ptr_eq(before, source.update) {
            continue;
        }
        is_same_but_services(before, source.update).then_some(())?;
        let services = &source.update.dynamic.http.services;
        for difference in services.differences(&before.dynamic.http.services) {
            let (_, now) = (difference.before?, difference.now?);
            let is_broken = || source.broken(&Element::Service(difference.key.clone())).is_some();
            if source.has_broken() && is_broken() {
                return None;
            }
            let name = resolve::qualified(difference.key, source.provider());
            changed.push(Changed {
                source,
                name: difference.key,
                written: now,
                kept: book.services.get(name.as_str())?,
            });
        }
    }
    changed.sort_by_key(|changed| changed.kept.position);
    Some(changed)
}

/// Whether two updates are equal as far as they are not services. What is added to them has to be looked at here.
fn is_same_but_services(before: &Update, now: &Update) -> bool {
    let Update {
        provider,
        dynamic: Dynamic { http, tcp, udp, tls },
        broken,
        origins,
        balanced,
        materials,
        own_certificates,
        demands,
        demands_unknown,
        notes,
    } = now;
    let Http {
        routers,
        services: _,
        middlewares,
        servers_transports,
    } = http;
    let before_http = &before.dynamic.http;
    *provider == before.provider
        && *routers == before_http.routers
        && *middlewares == before_http.middlewares
        && *servers_transports == before_http.servers_transports
        && same_rest((tcp, udp, tls), &before.dynamic)
        && *broken == before.broken
        && *origins == before.origins
        && *balanced == before.balanced
        && *materials == before.materials
        && *own_certificates == before.own_certificates
        && *demands == before.demands
        && *demands_unknown == before.demands_unknown
        && *notes == before.notes
}

fn same_rest((tcp, udp, tls): (&Tcp, &Udp, &Tls), before: &Dynamic) -> bool {
    *tcp == before.tcp && *udp == before.udp && *tls == before.tls
}

struct Patch<'p> {
    inputs: &'p Inputs<'p>,
    previous: &'p Snapshot,
    users: &'p Users,
    pools: Pools,
    /// What has been made anew, in the order in which it is built: what it was and what it is.
    services: BTreeMap<Position, (Arc<Service>, Arc<Service>)>,
    replaced: Replaced<Service>,
    /// What there is to say of them.
    said: BTreeMap<Position, Vec<Finding>>,
}

impl Patch<'_> {
    fn rebuild(&mut self, changed: &Changed<'_>, resolver: &Resolver<'_>) -> Option<()> {
        let Changed {
            source,
            name,
            written,
            kept,
        } = changed;
        let Ok(Kind::Balancer(balancer)) = kind_of(source, name, written) else {
            return None;
        };
        let before = &kept.service;
        matches!(before.kind, ServiceKind::LoadBalancer(_)).then_some(())?;
        let mut notes = Vec::new();
        let kind = Balancing {
            source,
            resolver,
            transports: &self.previous.book.transports,
            pools: &mut self.pools,
            pools_before: None,
        }
        .build(balancer, Some(before), None, &mut notes)
        .ok()?;
        let place = |finding| source.at(Element::Service((*name).to_owned()), finding);
        self.said
            .insert(kept.position, notes.into_iter().map(place).collect());
        self.put(kept, kind);
        Some(())
    }

    /// The servers that a service had are its no more.
    fn let_go(&mut self, before: &Service) {
        if let ServiceKind::LoadBalancer(balancer) = &before.kind {
            for server in &balancer.servers {
                self.pools.release(&PoolKey::of(server, &balancer.transport));
            }
        }
    }

    /// Makes the weighted services anew that are above, those below others first.
    fn rebuild_parents(&mut self, changed: &[Changed<'_>]) -> Option<()> {
        let services = &self.previous.book.services;
        let mut above = BTreeMap::new();
        let mut names: Vec<&Arc<str>> = changed.iter().map(|changed| &changed.kept.service.name).collect();
        while let Some(name) = names.pop() {
            for parent in self.users.parents(name) {
                let kept = services.get(&**parent)?;
                if above.insert(kept.position, kept).is_none() {
                    names.push(&kept.service.name);
                }
            }
        }
        for kept in above.into_values() {
            let ServiceKind::Weighted(children) = &kept.service.kind else {
                return None;
            };
            let replaced = &self.replaced;
            let now = |child: &Arc<Service>| replaced.get(child).unwrap_or_else(|| Arc::clone(child));
            let children = children.iter().map(|(child, weight)| (now(child), *weight));
            let kind = ServiceKind::Weighted(children.collect());
            self.put(kept, kind);
        }
        Some(())
    }

    fn put(&mut self, kept: &KeptService, kind: ServiceKind) {
        let before = &kept.service;
        let service = Service {
            name: Arc::clone(&before.name),
            weakest: kind.weakest(),
            kind,
            slot: before.slot,
            balances: before.balances.clone(),
        };
        if !before.same(&service) {
            let service = Arc::new(service);
            self.replaced.put(before, Arc::clone(&service));
            self.services.insert(kept.position, (Arc::clone(before), service));
        }
    }

    fn finish(mut self, sources: &Sources<'_>) -> Option<Arc<Snapshot>> {
        let replaced = self.routers()?;
        let (previous, book) = (self.previous, &self.previous.book);
        let mut routers = previous.routers.clone();
        let mut services = book.services.clone();
        for (position, (before, now)) in &self.services {
            let kept = KeptService {
                service: Arc::clone(now),
                position: *position,
            };
            services.insert(Arc::clone(&now.name), kept);
            for name in self.users.routers(&before.name) {
                if let Some(router) = previous
                    .routers
                    .get(&**name)
                    .and_then(|before| replaced.get(before))
                {
                    routers.insert(Arc::clone(name), router);
                }
            }
        }
        let findings = self.findings();
        let book = Book {
            sources: kept_sources(sources, book),
            services,
            pools: self.pools,
            findings,
            users: Arc::clone(&book.users),
            ..book.clone()
        };
        Some(Arc::new(Snapshot {
            generation: previous.generation + u64::from(!replaced.is_empty()),
            entry_points: entry_points(previous, &replaced),
            routers,
            out_of_service: previous.out_of_service,
            live_pools: book.pools.live().clone(),
            revocations: Arc::clone(&previous.revocations),
            slots: previous.slots,
            book,
        }))
    }

    /// The routers that name one of the services.
    fn routers(&self) -> Option<Replaced<Router>> {
        let mut replaced = Replaced::default();
        for (before, now) in self.services.values() {
            for name in self.users.routers(&before.name) {
                let router = self.previous.routers.get(&**name)?;
                let is_refused = |entry_point: &Arc<EntryPoint>| entry_point.policies.refuses(router);
                if self.previous.entry_points.values().any(is_refused)
                    || self.verdict(router, before) != self.verdict(router, now)
                {
                    return None;
                }
                replaced.put(router, Arc::new(with_service(router, now)));
            }
        }
        Some(replaced)
    }

    fn verdict(&self, router: &Router, service: &Arc<Service>) -> Verdict {
        let policy = &self.inputs.install.bridge;
        policy.judge(&Subject::of(router), std::iter::once(service))
    }

    fn findings(&mut self) -> Findings {
        let before = &self.previous.book.findings;
        let is_said = |(position, said): (&Position, &Vec<Finding>)| {
            let known = before.of_services.get(position);
            known.map_or(said.is_empty(), |known| known == said)
        };
        if self.said.iter().all(is_said) {
            return before.clone();
        }
        let mut of_services = BTreeMap::clone(&before.of_services);
        for (position, said) in std::mem::take(&mut self.said) {
            if said.is_empty() {
                of_services.remove(&position);
            } else {
                of_services.insert(position, said);
            }
        }
        Findings::new(
            Arc::clone(&before.before_services),
            of_services,
            Arc::clone(&before.after_services),
        )
    }
}

fn with_service(router: &Router, service: &Arc<Service>) -> Router {
    Router {
        named_service: Some(Arc::clone(service)),
        state: match &router.state {
            RouterState::Ready(_) => RouterState::Ready(Arc::clone(service)),
            out @ RouterState::OutOfService { .. } => out.clone(),
        },
        ..router.clone()
    }
}

fn entry_points(
    previous: &Snapshot,
    replaced: &Replaced<Router>,
) -> HashMap<EntryPointName, Arc<EntryPoint>> {
    if replaced.is_empty() {
        return previous.entry_points.clone();
    }
    let patched = previous.entry_points.iter().map(|(name, before)| {
        let (plain, secure) = (before.plain.with(replaced), before.secure.with(replaced));
        let entry_point = if plain.is_none() && secure.is_none() {
            Arc::clone(before)
        } else {
            Arc::new(EntryPoint {
                name: before.name.clone(),
                plain: plain.unwrap_or_else(|| before.plain.clone()),
                secure: secure.unwrap_or_else(|| before.secure.clone()),
                policies: Arc::clone(&before.policies),
            })
        };
        (name.clone(), entry_point)
    });
    patched.collect()
}

fn kept_sources(sources: &Sources<'_>, book: &Book) -> HashMap<ProviderName, KeptSource> {
    let mut kept = book.sources.clone();
    for source in sources.iter() {
        if let Some(kept) = kept.get_mut(source.provider()) {
            kept.update = Arc::clone(source.update);
        }
    }
    kept
}
