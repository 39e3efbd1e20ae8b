//! One HTTP router.

use std::sync::Arc;

use viaduct_config::{EntryPointName, Finding};

use crate::entry_point::PolicyId;
use crate::middleware::Middleware;
use crate::rule::RouteRule;
use crate::service::{Service, Slot};

#[derive(Debug, Clone)]
pub struct Router {
    /// `name@provider`; a router that names several entry points is one router for each of them,
    /// `entrypoint-name@provider`, as in Traefik; with a suffix where
    /// another router is named so.
    pub name: Arc<str>,
    /// `name@provider` as it was written: what it becomes at several entry points has this in common.
    pub written_name: Arc<str>,
    /// As written, even when it does not parse.
    pub rule_text: Arc<str>,
    /// `None`: the rule cannot be read, and the router is in no table.
    pub rule: Option<Arc<RouteRule>>,
    /// Where it is served; `None` when it names no entry point that exists.
    pub entry_point: Option<EntryPointName>,
    /// Default: the rule's length in bytes.
    pub priority: i64,
    pub tls: bool,
    /// The TLS policy that a connection must have been made under, for a router whose options demand
    /// a client certificate. Whatever its rule matches, it is never reached under another one (I2).
    pub demanded_policy: Option<PolicyId>,
    /// As written, for messages: `name@provider`.
    pub service_name: Arc<str>,
    /// What it names, also while it is out of service: for those who tell of it. Requests go by `state`.
    pub named_service: Option<Arc<Service>>,
    pub state: RouterState,
    /// What a request meets on its way to the service, in order: those of the entry point, then the router's
    /// own, chains resolved. Empty for most routers, and then they cost nothing.
    pub middlewares: Box<[Arc<Middleware>]>,
    pub observability: RouterObservability,
    /// Kubernetes object behind it, for logs and messages.
    pub origin: Option<viaduct_config::ObjectRef>,
    pub slot: Slot,
}

/// What is told of a router's requests. `None`: what its entry point says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RouterObservability {
    pub access_log: Option<bool>,
    pub metrics: Option<bool>,
    pub tracing: Option<bool>,
    /// Spans for router and service as well (`traceVerbosity: detailed`).
    pub detailed: Option<bool>,
}

/// A router that is out of service keeps its place in the table: its requests are answered with the
/// reason's status and never fall through to a router that was not meant for them (I2).
#[derive(Debug, Clone)]
pub enum RouterState {
    Ready(Arc<Service>),
    OutOfService {
        /// 404 when the service does not exist (as Traefik), 503 otherwise.
        status: u16,
        finding: Arc<Finding>,
    },
}

impl Router {
    pub fn is_ready(&self) -> bool {
        matches!(self.state, RouterState::Ready(_))
    }

    /// Whether `other` would do exactly the same, so that it can be shared.
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.name == other.name
            && self.written_name == other.written_name
            && self.rule_text == other.rule_text
            && same_rule(self.rule.as_ref(), other.rule.as_ref())
            && self.entry_point == other.entry_point
            && self.priority == other.priority
            && self.tls == other.tls
            && self.demanded_policy == other.demanded_policy
            && self.service_name == other.service_name
            && same_service(self.named_service.as_ref(), other.named_service.as_ref())
            && self.state.same(&other.state)
            && same_middlewares(&self.middlewares, &other.middlewares)
            && self.observability == other.observability
            && self.origin == other.origin
            && self.slot == other.slot
    }
}

impl RouterState {
    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Ready(a), Self::Ready(b)) => Arc::ptr_eq(a, b),
            (
                Self::OutOfService { status, finding },
                Self::OutOfService {
                    status: other_status,
                    finding: other_finding,
                },
            ) => status == other_status && finding == other_finding,
            (Self::Ready(_), Self::OutOfService { .. }) | (Self::OutOfService { .. }, Self::Ready(_)) => {
                false
            }
        }
    }
}

fn same_middlewares(a: &[Arc<Middleware>], b: &[Arc<Middleware>]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| Arc::ptr_eq(a, b))
}

fn same_service(a: Option<&Arc<Service>>, b: Option<&Arc<Service>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn same_rule(a: Option<&Arc<RouteRule>>, b: Option<&Arc<RouteRule>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}
