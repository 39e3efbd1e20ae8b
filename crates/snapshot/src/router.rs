//! One HTTP router.

use std::sync::Arc;

use viaduct_config::Finding;
use viaduct_config::rule::Rule;

use crate::service::{Service, Slot};

#[derive(Debug)]
pub struct Router {
    /// `name@provider`.
    pub name: Arc<str>,
    pub rule: Rule,
    pub priority: i64,
    pub tls: bool,
    /// As written, for messages: `name@provider`.
    pub service_name: Arc<str>,
    pub state: RouterState,
    pub access_log: bool,
    pub metrics: bool,
    /// Kubernetes object behind it, for logs and messages.
    pub origin: Option<viaduct_config::ObjectRef>,
    pub slot: Slot,
}

/// A router that is out of service keeps its place in the table: its requests are answered with the
/// reason's status and never fall through to a router that was not meant for them (I2).
#[derive(Debug)]
pub enum RouterState {
    Ready(Arc<Service>),
    OutOfService {
        /// 404 when the service does not exist (as Traefik), 503 otherwise.
        status: u16,
        finding: Arc<Finding>,
    },
}
