//! Routers and services as finished requests name them.

use std::cell::RefCell;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

use viaduct_observe::WorkerCounters;
use viaduct_observe::counters::{ServerAddress, ServerTally};
use viaduct_snapshot::{Router, Scheme, Server, Service, ServiceKind, Slot};

/// Routers and services of one worker, by slot. An exchange outlives the snapshot it was routed by; a
/// count of its own per worker keeps all workers from sharing the one inside the `Arc`.
#[derive(Default)]
pub(crate) struct Labels {
    routers: RefCell<Table<Router>>,
    services: RefCell<Table<Service>>,
}

/// A share in something of a snapshot that only this worker counts.
pub(super) struct Label<T>(Rc<Held<T>>);

struct Held<T> {
    value: Arc<T>,
    /// Where requests to the servers of a service are counted, by position; empty where they are not.
    servers: Box<[Option<Arc<ServerTally>>]>,
}

type Table<T> = Vec<Option<Label<T>>>;

impl Labels {
    pub(super) fn router(&self, router: &Arc<Router>) -> Label<Router> {
        label(&mut self.routers.borrow_mut(), router.slot, router, Box::default)
    }

    pub(super) fn service(&self, service: &Arc<Service>, counters: &WorkerCounters) -> Label<Service> {
        let servers = || tallies(service, counters);
        label(&mut self.services.borrow_mut(), service.slot, service, servers)
    }
}

impl Label<Service> {
    /// Where requests to the server at this position are counted, if they are.
    pub(super) fn tally(&self, server: usize) -> Option<&ServerTally> {
        self.0.servers.get(server)?.as_deref()
    }
}

impl<T> Label<T> {
    /// As snapshots hold it.
    pub(super) fn shared(&self) -> &Arc<T> {
        &self.0.value
    }
}

impl<T> Clone for Label<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<T> Deref for Label<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.value
    }
}

fn label<T>(
    table: &mut Table<T>,
    slot: Slot,
    value: &Arc<T>,
    servers: impl Fn() -> Box<[Option<Arc<ServerTally>>]>,
) -> Label<T> {
    let slot = slot.0 as usize;
    if slot >= table.len() {
        table.resize(slot + 1, None);
    }
    let fresh = || {
        Label(Rc::new(Held {
            value: Arc::clone(value),
            servers: servers(),
        }))
    };
    match table.get_mut(slot) {
        Some(Some(known)) if Arc::ptr_eq(&known.0.value, value) => known.clone(),
        Some(place) => place.insert(fresh()).clone(),
        None => fresh(),
    }
}

fn tallies(service: &Service, counters: &WorkerCounters) -> Box<[Option<Arc<ServerTally>>]> {
    match &service.kind {
        ServiceKind::LoadBalancer(balancer) if counters.times_servers() => {
            let servers = balancer.servers.iter();
            servers.map(|server| counters.server(&address(server))).collect()
        }
        ServiceKind::LoadBalancer(_) | ServiceKind::Weighted(_) | ServiceKind::Internal(_) => Box::default(),
    }
}

fn address(server: &Server) -> ServerAddress {
    ServerAddress {
        host: Arc::clone(&server.host),
        port: server.port,
        secure: server.scheme == Scheme::Https,
    }
}
