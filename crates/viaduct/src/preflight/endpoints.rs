//! The servers that requests would reach over TLS. Pure.

use std::collections::HashSet;
use std::sync::Arc;

use viaduct_proxy::probe::Target;
use viaduct_snapshot::{
    PoolId, Revocations, Router, RouterState, Scheme, Server, Service, ServiceKind, Snapshot, Transport,
};

/// One server of one service.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(crate) service: Arc<str>,
    pub(crate) server: Arc<Server>,
    pub(crate) transport: Arc<Transport>,
    /// The first by name of those that lead to it: hints and Events name it.
    pub(crate) router: Arc<Router>,
    pub(crate) revocations: Arc<Revocations>,
}

impl Endpoint {
    /// Servers with the same one are the same server under the same trust, name and client certificates.
    pub(crate) fn pool(&self) -> PoolId {
        self.server.pool
    }

    /// Who takes turns with others: the namespace of the route, or the service where it has none.
    pub(crate) fn tenant(&self) -> Arc<str> {
        let origin = self.router.origin.as_ref();
        let namespace = origin.map(|object| &object.namespace);
        Arc::clone(namespace.unwrap_or(&self.service))
    }

    pub(crate) fn target(&self) -> Target {
        Target::of(&self.server, &self.transport, &self.revocations)
    }
}

/// Every server that takes new requests over TLS, in the order of routers' names; each of a service once.
pub(crate) fn endpoints(snapshot: &Snapshot) -> Vec<Endpoint> {
    let mut found = Vec::new();
    let mut known = HashSet::new();
    for router in snapshot.routers.values() {
        if let RouterState::Ready(service) = &router.state {
            collect(router, service, &snapshot.revocations, &mut known, &mut found);
        }
    }
    found
}

fn collect(
    router: &Arc<Router>,
    service: &Service,
    revocations: &Arc<Revocations>,
    known: &mut HashSet<Arc<str>>,
    found: &mut Vec<Endpoint>,
) {
    if !known.insert(Arc::clone(&service.name)) {
        return;
    }
    match &service.kind {
        ServiceKind::LoadBalancer(balancer) => {
            let servers = balancer.servers.iter();
            let servers = servers.filter(|server| server.scheme == Scheme::Https && !server.fenced);
            let mut once = HashSet::new();
            found.extend(
                servers
                    .filter(|server| once.insert(server.pool))
                    .map(|server| Endpoint {
                        service: Arc::clone(&service.name),
                        server: Arc::clone(server),
                        transport: Arc::clone(&balancer.transport),
                        router: Arc::clone(router),
                        revocations: Arc::clone(revocations),
                    }),
            );
        }
        ServiceKind::Weighted(children) => {
            for (child, _) in children {
                collect(router, child, revocations, known, found);
            }
        }
        ServiceKind::Internal(_) => {}
    }
}
