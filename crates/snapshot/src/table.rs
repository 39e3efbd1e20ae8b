//! The compiled routing table: exact host -> hash, wildcard host -> suffix, path prefix -> candidates,
//! in front of the exact semantics of priority. Ten thousand host routes cost what one costs.

use std::sync::Arc;

use crate::entry_point::RouteRequest;
use crate::router::Router;

#[derive(Debug, Default)]
pub struct RoutingTable {
    _private: (),
}

impl RoutingTable {
    /// Order among equals: priority (higher first), then as Traefik (rule text descending by length is
    /// the default priority; then name).
    pub fn new(_routers: Vec<Arc<Router>>) -> Self {
        todo!()
    }

    /// The winning router. No allocation.
    pub fn find(&self, _request: &RouteRequest<'_>) -> Option<&Arc<Router>> {
        todo!()
    }
}
