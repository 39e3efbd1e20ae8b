//! What has been asked, for tests that count.

use std::time::Instant;

use super::query::Query;

/// A request and how it was answered.
#[derive(Debug, Clone)]
pub struct Request {
    pub at: Instant,
    pub method: String,
    /// Without the query.
    pub path: String,
    pub query: Query,
    /// `list`, `watch`, `get`, `create`, `update`, `patch`, `delete`, `deletecollection`; empty for what
    /// is no object, such as discovery.
    pub verb: &'static str,
    /// `ingressroutes.traefik.io`, `services`, `ingresses.networking.k8s.io/status`; empty for what is no
    /// object.
    pub resource: String,
    /// Of the path; `None` for cluster-wide requests.
    pub namespace: Option<String>,
    /// Of the path.
    pub name: Option<String>,
    /// `system:serviceaccount:NAMESPACE:NAME`, a certificate's common name, or `system:anonymous`.
    pub user: String,
    pub user_agent: String,
    /// Of the body that was sent.
    pub content_type: String,
    /// The body that was sent, as text.
    pub body: String,
    /// Of the answer.
    pub status: u16,
}

impl Request {
    /// Whether it was one that changes something.
    pub fn is_write(&self) -> bool {
        matches!(
            self.verb,
            "create" | "update" | "patch" | "delete" | "deletecollection"
        )
    }

    /// Whether it began a list: chunks after the first do not count, lists that are streamed do.
    pub fn is_list(&self) -> bool {
        (self.verb == "list" && self.query.get("continue").is_empty())
            || (self.verb == "watch" && self.query.is_set("sendInitialEvents"))
    }
}
