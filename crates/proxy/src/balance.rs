//! Step 8: which server. State is per worker, by the service's slot, and survives snapshots.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use viaduct_snapshot::{LoadBalancer, PoolId, Server, Service, ServiceKind};

use crate::answer::ProxyError;

/// The turns of every service, for one worker.
#[derive(Default)]
pub(crate) struct Balancers {
    /// By [`viaduct_snapshot::Slot`].
    by_slot: RefCell<Vec<Option<Rc<Turns>>>>,
}

/// The server that a request goes to, with what leads to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Endpoint<'a> {
    /// The service that holds the server; not the weighted one above it.
    pub(crate) service: &'a Arc<Service>,
    pub(crate) balancer: &'a LoadBalancer,
    pub(crate) server: &'a Arc<Server>,
    /// The server's position among those of the balancer.
    pub(crate) index: usize,
}

impl Balancers {
    /// The next server of a service: weighted round robin, through weighted services down to one.
    /// Fenced servers and weight 0 get nothing.
    pub(crate) fn pick<'a>(&self, service: &'a Arc<Service>) -> Result<Endpoint<'a>, ProxyError> {
        let turns = self.turns(service);
        match &service.kind {
            ServiceKind::LoadBalancer(balancer) => {
                let (index, server) = turns
                    .next(balancer.servers.len())
                    .and_then(|index| Some((index, balancer.servers.get(index)?)))
                    .ok_or(ProxyError::NoServers)?;
                Ok(Endpoint {
                    service,
                    balancer,
                    server,
                    index,
                })
            }
            ServiceKind::Weighted(children) => {
                let (child, _) = turns
                    .next(children.len())
                    .and_then(|index| children.get(index))
                    .ok_or(ProxyError::NoServers)?;
                self.pick(child)
            }
            // It has no server; its requests do not come here.
            ServiceKind::Internal(_) => Err(ProxyError::NoServers),
        }
    }

    /// The turns of exactly this service; those of an earlier snapshot's are carried over.
    fn turns(&self, service: &Arc<Service>) -> Rc<Turns> {
        let slot = service.slot.0 as usize;
        let mut by_slot = self.by_slot.borrow_mut();
        if slot >= by_slot.len() {
            by_slot.resize(slot + 1, None);
        }
        let Some(place) = by_slot.get_mut(slot) else {
            return Rc::new(Turns::new(service, None));
        };
        match place {
            Some(turns) if Arc::ptr_eq(&turns.service, service) => Rc::clone(turns),
            _ => {
                let turns = Rc::new(Turns::new(service, place.as_deref()));
                *place = Some(Rc::clone(&turns));
                turns
            }
        }
    }
}

/// Whose turn it is within one service.
struct Turns {
    service: Arc<Service>,
    order: Order,
}

enum Order {
    /// All weights are equal: the next one is the next one.
    Rotation { next: Cell<usize>, members: Vec<usize> },
    /// Smooth weighted round robin: each turn everybody gains its weight, the richest goes and pays
    /// the sum.
    Smooth { sum: i64, members: Vec<Member> },
}

struct Member {
    index: usize,
    key: Key,
    weight: i64,
    credit: Cell<i64>,
}

/// Which member of one snapshot is which of the next.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Key {
    Server(PoolId),
    Service(Arc<str>),
}

impl Turns {
    fn new(service: &Arc<Service>, previous: Option<&Self>) -> Self {
        let weights = weights(service);
        let first = weights.first().map(|(_, _, weight)| *weight);
        let order = if weights.iter().all(|(_, _, weight)| Some(*weight) == first) {
            let next = match previous.map(|previous| &previous.order) {
                Some(Order::Rotation { next, .. }) => next.get(),
                Some(Order::Smooth { .. }) | None => 0,
            };
            Order::Rotation {
                next: Cell::new(next),
                members: weights.into_iter().map(|(index, _, _)| index).collect(),
            }
        } else {
            Order::Smooth {
                sum: weights.iter().map(|(_, _, weight)| weight).sum(),
                members: weights
                    .into_iter()
                    .map(|(index, key, weight)| Member {
                        index,
                        credit: Cell::new(previous.map_or(0, |previous| previous.credit(&key))),
                        key,
                        weight,
                    })
                    .collect(),
            }
        };
        Self {
            service: Arc::clone(service),
            order,
        }
    }

    fn credit(&self, key: &Key) -> i64 {
        match &self.order {
            Order::Rotation { .. } => 0,
            Order::Smooth { members, .. } => members
                .iter()
                .find(|member| member.key == *key)
                .map_or(0, |member| member.credit.get()),
        }
    }

    /// The index of the next member among `count`.
    fn next(&self, count: usize) -> Option<usize> {
        let index = match &self.order {
            Order::Rotation { next, members } => {
                let turn = next.get().checked_rem(members.len())?;
                next.set(turn + 1);
                *members.get(turn)?
            }
            Order::Smooth { sum, members } => {
                for member in members {
                    member.credit.set(member.credit.get() + member.weight);
                }
                // The first of the richest.
                let chosen = members.iter().reduce(|best, member| {
                    if member.credit.get() > best.credit.get() {
                        member
                    } else {
                        best
                    }
                })?;
                chosen.credit.set(chosen.credit.get() - sum);
                chosen.index
            }
        };
        (index < count).then_some(index)
    }
}

/// Members that may have a turn: position, identity, weight.
fn weights(service: &Service) -> Vec<(usize, Key, i64)> {
    match &service.kind {
        ServiceKind::LoadBalancer(balancer) => balancer
            .servers
            .iter()
            .enumerate()
            .filter(|(_, server)| server.weight > 0 && !server.fenced)
            .map(|(index, server)| (index, Key::Server(server.pool), i64::from(server.weight)))
            .collect(),
        ServiceKind::Weighted(children) => children
            .iter()
            .enumerate()
            .filter(|(_, (_, weight))| *weight > 0)
            .map(|(index, (child, weight))| {
                (index, Key::Service(Arc::clone(&child.name)), i64::from(*weight))
            })
            .collect(),
        ServiceKind::Internal(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
