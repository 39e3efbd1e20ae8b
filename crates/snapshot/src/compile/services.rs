//! `services` -> services, references followed.

mod heights;
mod servers;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;
use viaduct_config::dynamic::http::{
    LoadBalancer as WrittenBalancer, ResponseForwarding, Service as WrittenService, Weighted,
};
use viaduct_config::finding::Code;
use viaduct_config::{Element, Finding, Map, QualifiedName};

use self::heights::Heights;
use super::sources::{Source, Sources};
use super::transports::Transports;
use crate::book::{Book, KeptService, Pools, Position, Slots, Slotted};
use crate::resolve::{INTERNAL, Resolver, Unresolved, because_of};
use crate::service::{InternalService, LoadBalancer, Service, ServiceKind};

/// Builds services on demand and remembers the outcome of each.
pub(super) struct Services<'s> {
    sources: &'s Sources<'s>,
    resolver: &'s Resolver<'s>,
    transports: &'s Transports,
    book: Option<&'s Book>,
    heights: Heights<'s>,
    built: HashMap<Key<'s>, Outcome, RandomState>,
    pools: Pools,
    said: Said,
    done: Position,
}

/// Source and name.
type Key<'s> = (usize, &'s str);

type Said = BTreeMap<Position, Vec<Finding>>;

#[derive(Clone)]
enum Outcome {
    /// Being built: whoever asks for it now is part of it.
    Begun,
    Done(Result<Arc<Service>, Arc<Finding>>, Position),
}

/// What the next compile needs to know.
pub(super) struct Built {
    /// Those that can be used.
    pub(super) ready: Map<Arc<str>, KeptService>,
    pub(super) pools: Pools,
    /// What there is to say of each service, in the order in which they were built.
    pub(super) said: Said,
}

/// How many services above lead to the one that is asked for.
struct Depth(usize);

impl<'s> Services<'s> {
    pub(super) fn new(
        sources: &'s Sources<'s>,
        resolver: &'s Resolver<'s>,
        transports: &'s Transports,
        book: Option<&'s Book>,
    ) -> Self {
        Self {
            sources,
            resolver,
            transports,
            book,
            heights: Heights::of(sources),
            built: HashMap::default(),
            pools: Pools::next_round(book.map(|book| &book.pools)),
            said: Said::new(),
            done: 0,
        }
    }

    /// Every service, referred to or not, so that each fault is found.
    pub(super) fn build_all(&mut self, slots: &mut Slots) {
        for source in self.sources.iter() {
            for (name, written) in &source.update.dynamic.http.services {
                if !source.has_broken() || source.broken(&Element::Service(name.clone())).is_none() {
                    // A failure has been reported, and is remembered for those who refer to it.
                    drop(self.build(source, name, written, slots, Depth(0)));
                }
            }
        }
    }

    /// The service that a router names.
    pub(super) fn of(&self, name: &QualifiedName) -> Result<Arc<Service>, Unresolved> {
        let found = self.resolver.service(name)?;
        let unusable = |finding| Unresolved {
            exists: true,
            finding,
        };
        match self.built.get(&(found.source.index, found.name)) {
            Some(Outcome::Done(Ok(service), _)) => Ok(Arc::clone(service)),
            Some(Outcome::Done(Err(cause), _)) => Err(unusable(because_of(cause))),
            Some(Outcome::Begun) | None => Err(unusable(circular(name))),
        }
    }

    pub(super) fn into_built(self) -> Built {
        let ready = self.built.into_values().filter_map(|outcome| match outcome {
            Outcome::Done(Ok(service), position) => Some(KeptService { service, position }),
            Outcome::Done(Err(_), _) | Outcome::Begun => None,
        });
        let mut ready: Vec<_> = ready.collect();
        ready.sort_unstable_by(|a, b| a.service.name.cmp(&b.service.name));
        let named = |kept: KeptService| (Arc::clone(&kept.service.name), kept);
        Built {
            ready: ready.into_iter().map(named).collect(),
            pools: self.pools,
            said: self.said,
        }
    }

    fn build(
        &mut self,
        source: &'s Source<'s>,
        name: &'s str,
        written: &'s WrittenService,
        slots: &mut Slots,
        depth: Depth,
    ) -> Result<Arc<Service>, Arc<Finding>> {
        let key = (source.index, name);
        match self.built.get(&key) {
            Some(Outcome::Done(done, _)) => return done.clone(),
            Some(Outcome::Begun) => {
                let name = QualifiedName::new(name, source.provider().clone());
                return Err(Arc::new(circular(&name)));
            }
            None => {}
        }
        self.built.insert(key, Outcome::Begun);
        let qualified = source.qualified(name);
        let slot = slots.slot(Slotted::Service, &qualified);
        let place = |finding| source.at(Element::Service(name.into()), finding);
        let kept = self.book.and_then(|book| book.services.get(&qualified));
        let kept = kept.map(|kept| &kept.service);
        let mut notes = Vec::new();
        let kind = match kind_of(source, name, written) {
            Err(finding) => Err(finding),
            Ok(Kind::Balancer(balancer)) => {
                let before = kept.filter(|_| is_as_before(source, name, written));
                let pools_before = self.book.map(|book| &book.pools);
                Balancing {
                    source,
                    resolver: self.resolver,
                    transports: self.transports,
                    pools: &mut self.pools,
                    pools_before,
                }
                .build(balancer, kept, before, &mut notes)
            }
            Ok(Kind::Weighted(weighted)) => self.weighted(key, source, weighted, slots, depth),
            Ok(Kind::Internal(internal)) => Ok(ServiceKind::Internal(internal)),
        };
        let mut said: Vec<Finding> = notes.into_iter().map(place).collect();
        let done = kind
            .map(|kind| {
                let service = Service {
                    name: qualified,
                    weakest: kind.weakest(),
                    kind,
                    slot,
                    balances: source.balanced(name),
                };
                match kept {
                    Some(kept) if kept.same(&service) => Arc::clone(kept),
                    Some(_) | None => Arc::new(service),
                }
            })
            .map_err(|finding| {
                let finding = place(finding);
                said.push(finding.clone());
                Arc::new(finding)
            });
        if !said.is_empty() {
            self.said.insert(self.done, said);
        }
        self.built.insert(key, Outcome::Done(done.clone(), self.done));
        self.done += 1;
        done
    }

    fn weighted(
        &mut self,
        key: Key<'s>,
        source: &Source<'_>,
        written: &Weighted,
        slots: &mut Slots,
        Depth(depth): Depth,
    ) -> Result<ServiceKind, Finding> {
        refuse_unserved_weighted(written)?;
        // What it leads to is not to blame. A way that never ends is followed for as long, for the fault that is on it.
        if self.heights.get(key).unwrap_or(depth + 1) > MAX_DEPTH {
            let message = format!("weighted services are nested more than {MAX_DEPTH} deep");
            return Err(Finding::error(Code::InvalidService, message));
        }
        let mut children = Vec::with_capacity(written.services.len());
        for (index, child) in (0..).zip(&written.services) {
            let index: usize = index;
            let at = |finding: Finding| finding.field(format!("weighted.services[{index}]"));
            let name = QualifiedName::resolve(&child.name, source.provider());
            let found = self.resolver.service(&name).map_err(|error| at(error.finding))?;
            let service = self
                .build(found.source, found.name, found.value, slots, Depth(depth + 1))
                .map_err(|cause| at(because_of(&cause)))?;
            if matches!(service.kind, ServiceKind::Internal(_)) {
                let message = format!("`{name}` is internal: only a router can name it");
                return Err(at(Finding::error(Code::ForbiddenReference, message)));
            }
            children.push((service, weight(child.weight).map_err(at)?));
        }
        Ok(ServiceKind::Weighted(children))
    }
}

/// A load balancer of one provider, on its way to being a service.
pub(super) struct Balancing<'b, 's> {
    pub(super) source: &'b Source<'s>,
    pub(super) resolver: &'b Resolver<'s>,
    pub(super) transports: &'b Transports,
    pub(super) pools: &'b mut Pools,
    pub(super) pools_before: Option<&'b Pools>,
}

impl Balancing<'_, '_> {
    /// `kept`: what it was at the previous compile; `before`: the same, if it is written as it was.
    pub(super) fn build(
        &mut self,
        written: &WrittenBalancer,
        kept: Option<&Arc<Service>>,
        before: Option<&Arc<Service>>,
        notes: &mut Vec<Finding>,
    ) -> Result<ServiceKind, Finding> {
        refuse_unserved(written)?;
        let transport = self
            .transports
            .of(&written.servers_transport, self.source, self.resolver)
            .map_err(|finding| finding.field("loadBalancer.serversTransport"))?;
        if written.servers.is_empty() {
            notes.push(Finding::warning(
                Code::NoServers,
                "the service has no servers: its requests are answered with 503",
            ));
        }
        if let Some(ServiceKind::LoadBalancer(before)) = before.map(|before| &before.kind)
            && Arc::ptr_eq(&before.transport, &transport)
        {
            servers::keep_pools(&before.servers, &transport, self.pools, self.pools_before);
            return Ok(ServiceKind::LoadBalancer(before.clone()));
        }
        let known = servers::Known::of(kept);
        let servers = (0..)
            .zip(&written.servers)
            .map(|(index, server): (usize, _)| {
                let mut server_notes = Vec::new();
                let built = servers::build(
                    server,
                    &transport,
                    self.pools,
                    self.pools_before,
                    &mut server_notes,
                );
                let field = format!("loadBalancer.servers[{index}]");
                notes.extend(
                    server_notes
                        .into_iter()
                        .map(|note: Finding| note.field(field.clone())),
                );
                built
                    .map(|server| known.share(server))
                    .map_err(|finding| finding.field(field))
            })
            .collect::<Result<_, _>>()?;
        Ok(ServiceKind::LoadBalancer(LoadBalancer {
            servers,
            pass_host_header: written.pass_host_header.unwrap_or(true),
            flush_interval: flush_interval(written.response_forwarding.as_ref()),
            transport,
        }))
    }
}

/// Whether reading a service again would give what it gave before, and say nothing.
fn is_as_before(source: &Source<'_>, name: &str, written: &WrittenService) -> bool {
    let Some(kept) = source.kept else {
        return false;
    };
    let before = kept.update.dynamic.http.services.get(name);
    let same = before.is_some_and(|before| std::ptr::eq(&**before, written) || **before == *written);
    same && written.load_balancer.iter().all(|balancer| {
        !balancer.servers.is_empty() && balancer.servers.iter().all(|server| !server.url.contains('?'))
    })
}

pub(super) enum Kind<'a> {
    Balancer(&'a WrittenBalancer),
    Weighted(&'a Weighted),
    Internal(InternalService),
}

pub(super) fn kind_of<'a>(
    source: &Source<'_>,
    name: &str,
    written: &'a WrittenService,
) -> Result<Kind<'a>, Finding> {
    if source.provider().as_str() == INTERNAL
        && let Some(internal) = InternalService::from_name(name)
    {
        return Ok(Kind::Internal(internal));
    }
    let invalid = |message: String| Err(Finding::error(Code::InvalidService, message));
    let kinds: Vec<&str> = written.kinds().collect();
    match (kinds.as_slice(), &written.load_balancer, &written.weighted) {
        _ if !written.middlewares.is_empty() => Err(unserved("service middlewares", "middlewares")),
        ([_], Some(balancer), None) => Ok(Kind::Balancer(balancer)),
        ([_], None, Some(weighted)) => Ok(Kind::Weighted(weighted)),
        ([kind], ..) => Err(unserved(&format!("`{kind}`"), kind)),
        ([], ..) => invalid("the service says nothing: `loadBalancer` or `weighted` is needed".to_owned()),
        ([one, another, ..], ..) => invalid(format!(
            "a service has one kind, and this has two: `{one}` and `{another}`"
        )),
    }
}

/// What is not served yet takes the service out of service, rather than being left away silently.
fn refuse_unserved_weighted(written: &Weighted) -> Result<(), Finding> {
    if written.sticky.is_some() {
        return Err(unserved("sticky sessions", "weighted.sticky"));
    }
    if written.health_check.is_some() {
        return Err(unserved("health checks", "weighted.healthCheck"));
    }
    Ok(())
}

/// The same of a load balancer.
fn refuse_unserved(written: &WrittenBalancer) -> Result<(), Finding> {
    if written.sticky.is_some() {
        return Err(unserved("sticky sessions", "loadBalancer.sticky"));
    }
    if written.health_check.is_some() {
        return Err(unserved("health checks", "loadBalancer.healthCheck"));
    }
    if written.passive_health_check.is_some() {
        return Err(unserved(
            "passive health checks",
            "loadBalancer.passiveHealthCheck",
        ));
    }
    // `RoundRobin` is the old spelling of the Kubernetes CRD.
    match written.strategy.as_str() {
        "" | "wrr" | "RoundRobin" => Ok(()),
        "p2c" | "hrw" | "leasttime" => Err(unserved(
            &format!("strategy `{}`", written.strategy),
            "loadBalancer.strategy",
        )),
        other => Err(
            Finding::error(Code::InvalidService, format!("`{other}` is not a strategy"))
                .field("loadBalancer.strategy")
                .wanted("wrr"),
        ),
    }
}

fn unserved(what: &str, field: &str) -> Finding {
    let verb = if what.ends_with('s') { "are" } else { "is" };
    Finding::error(Code::Unsupported, format!("{what} {verb} not served yet")).field(field)
}

fn circular(name: &QualifiedName) -> Finding {
    Finding::error(
        Code::InvalidService,
        format!("service `{name}` contains itself: the references are circular"),
    )
}

/// Default 1.
fn weight(written: Option<i64>) -> Result<u32, Finding> {
    let weight = written.unwrap_or(1);
    u32::try_from(weight).map_err(|_| {
        Finding::error(Code::InvalidService, format!("`{weight}` is not a weight"))
            .wanted("a number from 0 to 4294967295")
            .got(weight.to_string())
    })
}

/// Default 100 ms; negative: at once.
fn flush_interval(written: Option<&ResponseForwarding>) -> Option<Duration> {
    match written.and_then(|forwarding| forwarding.flush_interval) {
        None => Some(DEFAULT_FLUSH),
        Some(interval) => interval.to_std().filter(|interval| !interval.is_zero()),
    }
}

const DEFAULT_FLUSH: Duration = Duration::from_millis(100);
const MAX_DEPTH: usize = 64;
