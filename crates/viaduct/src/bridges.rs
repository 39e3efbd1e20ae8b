//! Every way from a router to a backend server, with its class and all that an auditor asks of it: one list for the API,
//! the metrics and `viaduct audit`.

mod entry;
mod live;
mod row;

use std::collections::BTreeMap;

use viaduct_config::finding::Code;
use viaduct_observe::families::BridgeCount;
use viaduct_snapshot::bridge::Backend;
use viaduct_snapshot::{BridgeClass, Router, RouterState, Server, Snapshot};

pub(crate) use entry::{Entry, entries};
pub(crate) use live::{Failed, Live};
pub(crate) use row::{Row, Trial};

/// A router, and one server that it leads to.
pub(crate) struct Bridge<'s> {
    pub(crate) router: &'s Router,
    pub(crate) backend: Backend<'s>,
    pub(crate) server: &'s Server,
    pub(crate) class: BridgeClass,
    pub(crate) state: State,
}

/// Whether requests cross a bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    Served,
    /// Below what is required, and only reported.
    Reported,
    /// Below what is required, under an exception.
    Excepted,
    /// The router is out of service because a bridge of it is below what is required.
    Refused,
    /// The router is out of service for another reason.
    OutOfService,
    /// There are no servers.
    NoServers,
    /// No router of this kind is served yet.
    NotServed,
}

impl State {
    pub(crate) const ALL: [Self; 7] = [
        Self::Served,
        Self::Reported,
        Self::Excepted,
        Self::Refused,
        Self::OutOfService,
        Self::NoServers,
        Self::NotServed,
    ];

    /// In tables, in the API and as a metric label.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Served => "served",
            Self::Reported => "reported",
            Self::Excepted => "excepted",
            Self::Refused => "refused",
            Self::OutOfService => "out-of-service",
            Self::NoServers => "no-servers",
            Self::NotServed => "not-served",
        }
    }

    pub(crate) fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.label() == label)
    }

    /// Of a router, whatever its servers are; `None`: it is in service.
    fn of(router: &Router) -> Option<Self> {
        match &router.state {
            RouterState::Ready(_) => None,
            RouterState::OutOfService { finding, .. } if finding.code == Code::BelowRequiredClass => {
                Some(Self::Refused)
            }
            RouterState::OutOfService { .. } => Some(Self::OutOfService),
        }
    }
}

/// Those of one router, the worst first of each service.
pub(crate) fn of_router<'s>(snapshot: &'s Snapshot, router: &'s Router) -> Vec<Bridge<'s>> {
    let policy = snapshot.bridge_policy();
    let required = policy.required(router);
    let mut bridges = Vec::new();
    for backend in router.backends() {
        let excepted = policy.exception(router, backend.service).is_some();
        let state = |class| {
            State::of(router).unwrap_or(match class < required {
                false => State::Served,
                true if excepted => State::Excepted,
                true => State::Reported,
            })
        };
        let servers = backend.balancer.servers.iter();
        let mut own: Vec<_> = servers
            .map(|server| {
                let class = BridgeClass::of(server, &backend.balancer.transport);
                Bridge {
                    router,
                    backend,
                    server,
                    class,
                    state: state(class),
                }
            })
            .collect();
        own.sort_by_key(|bridge| bridge.class);
        bridges.append(&mut own);
    }
    bridges
}

/// Every bridge of a snapshot as text; `live`: what a running process knows beside its configuration.
pub(crate) fn rows(snapshot: &Snapshot, live: &Live) -> Vec<Row> {
    let entries = entries(snapshot);
    entries.iter().map(|entry| entry.row(snapshot, live)).collect()
}

/// How many there are of each class; of those that are served also where there is none, so that it can be asked for.
pub(crate) fn counts(snapshot: &Snapshot) -> Vec<BridgeCount> {
    let routers = snapshot.routers.values();
    let all = routers.flat_map(|router| {
        let bridges = of_router(snapshot, router);
        bridges
            .into_iter()
            .map(|bridge| (bridge.class, bridge.router.tls, bridge.state))
    });
    let passed = snapshot.passthroughs().into_iter();
    count(all.chain(passed.map(|_| (BridgeClass::Passthrough, true, State::NotServed))))
}

fn count(bridges: impl Iterator<Item = (BridgeClass, bool, State)>) -> Vec<BridgeCount> {
    let served = BridgeClass::ALL
        .into_iter()
        .filter(|class| *class != BridgeClass::Passthrough);
    let mut counts: BTreeMap<_, u64> = served
        .flat_map(|class| [true, false].map(|tls| ((class, tls, State::Served), 0)))
        .collect();
    for bridge in bridges {
        *counts.entry(bridge).or_default() += 1;
    }
    counts
        .into_iter()
        .map(|((class, tls, state), count)| BridgeCount {
            class: class.label(),
            client_leg: client_leg(tls),
            state: state.label(),
            count,
        })
        .collect()
}

/// How many of each class there are among rows.
pub(crate) fn counts_of(rows: &[Row]) -> Vec<BridgeCount> {
    let known = rows.iter().filter_map(|row| {
        let class = row.class()?;
        Some((class, row.client_leg == client_leg(true), row.state()))
    });
    count(known)
}

/// A client leg without TLS is a property of the route, whatever its class.
pub(crate) fn client_leg(tls: bool) -> &'static str {
    if tls { "TLS" } else { "plaintext" }
}
