//! What has a line in the table: a bridge, and what stands where there is none.

use viaduct_snapshot::bridge::Passthrough;
use viaduct_snapshot::{BridgeClass, Router, ServiceKind, Snapshot};

use super::{Bridge, Live, Row, State, of_router, row};

/// One line of the table, before it is text: of ten thousand routes only those that are shown become one.
pub(crate) enum Entry<'s> {
    Bridge(Bridge<'s>),
    /// A router of whose service no server is known; not one that this process answers.
    Serverless(&'s Router, State),
    Passthrough(Passthrough),
}

/// Of a whole snapshot, by router, service and class.
pub(crate) fn entries(snapshot: &Snapshot) -> Vec<Entry<'_>> {
    let passthroughs = snapshot.passthroughs().into_iter();
    let mut entries: Vec<Entry<'_>> = passthroughs.map(Entry::Passthrough).collect();
    for router in snapshot.routers.values() {
        let bridges = of_router(snapshot, router);
        if bridges.is_empty() {
            entries.extend(serverless(router));
        }
        entries.extend(bridges.into_iter().map(Entry::Bridge));
    }
    // Stable: the servers of a service stay in their order.
    entries.sort_by(|a, b| a.key().cmp(&b.key()));
    entries
}

fn serverless(router: &Router) -> Option<Entry<'_>> {
    let service = router.named_service.as_ref();
    let internal = service.is_some_and(|service| matches!(service.kind, ServiceKind::Internal(_)));
    (!internal).then(|| Entry::Serverless(router, State::of(router).unwrap_or(State::NoServers)))
}

impl Entry<'_> {
    pub(crate) fn router(&self) -> &str {
        match self {
            Self::Bridge(bridge) => &bridge.router.name,
            Self::Serverless(router, _) => &router.name,
            Self::Passthrough(passed) => &passed.name,
        }
    }

    pub(crate) fn service(&self) -> &str {
        match self {
            Self::Bridge(bridge) => &bridge.backend.service.name,
            Self::Serverless(router, _) => &router.service_name,
            Self::Passthrough(passed) => &passed.service,
        }
    }

    /// `None`: no server is known, so nothing is known of the way to it.
    pub(crate) fn class(&self) -> Option<BridgeClass> {
        match self {
            Self::Bridge(bridge) => Some(bridge.class),
            Self::Serverless(..) => None,
            Self::Passthrough(_) => Some(BridgeClass::Passthrough),
        }
    }

    pub(crate) fn state(&self) -> State {
        match self {
            Self::Bridge(bridge) => bridge.state,
            Self::Serverless(_, state) => *state,
            Self::Passthrough(_) => State::NotServed,
        }
    }

    /// Whether its router, rule, service or server has this text, which is in small letters.
    pub(crate) fn has(&self, text: &str) -> bool {
        let (rule, servers) = match self {
            Self::Bridge(bridge) => (&*bridge.router.rule_text, vec![&*bridge.server.url]),
            Self::Serverless(router, _) => (&*router.rule_text, Vec::new()),
            Self::Passthrough(passed) => {
                let servers = passed.servers.iter().map(String::as_str);
                (passed.rule.as_str(), servers.collect())
            }
        };
        let texts = [self.router(), self.service(), rule].into_iter().chain(servers);
        texts.into_iter().any(|one| one.to_lowercase().contains(text))
    }

    pub(crate) fn row(&self, snapshot: &Snapshot, live: &Live) -> Row {
        match self {
            Self::Bridge(bridge) => row::of_bridge(snapshot, bridge, live),
            Self::Serverless(router, state) => row::without_servers(snapshot, router, *state),
            Self::Passthrough(passed) => row::passthrough(passed),
        }
    }

    fn key(&self) -> (&str, &str, Option<BridgeClass>) {
        (self.router(), self.service(), self.class())
    }
}
