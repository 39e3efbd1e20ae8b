//! `/api/revoked`: certificates that nobody trusts, or one transport does not (C9), and whether that is in force.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use viaduct_snapshot::Snapshot;

use crate::telemetry::Metrics;

/// What `/api/revoked` answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Told {
    /// Every worker has cut the connections that rest on these, and makes no other.
    pub(crate) in_force: bool,
    /// SHA-256, of `bridge.revoked` and `bridge.revokedFile`: for every transport.
    pub(crate) everywhere: Vec<String>,
    pub(crate) transports: Vec<OfTransport>,
    /// The same by who says so.
    pub(crate) objects: Vec<ByObject>,
}

/// What annotations revoke for one transport.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OfTransport {
    pub(crate) transport: String,
    pub(crate) revoked: Vec<String>,
}

/// What the annotation of one object revokes, for the transports that name it or that it is.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ByObject {
    /// Such as `Secret web/backend-ca`.
    pub(crate) object: String,
    pub(crate) revoked: Vec<String>,
}

pub(super) fn all(snapshot: &Snapshot, metrics: &Metrics) -> Value {
    let revocations = &snapshot.revocations;
    let listed = |revoked: &viaduct_snapshot::Revoked| -> Vec<String> {
        revoked.iter().map(ToString::to_string).collect()
    };
    let mut transports: Vec<_> = revocations
        .by_transport()
        .map(|(transport, revoked)| OfTransport {
            transport: transport.to_string(),
            revoked: listed(revoked),
        })
        .collect();
    transports.sort_by(|a, b| a.transport.cmp(&b.transport));
    let objects = revocations.by_object().map(|(object, revoked)| ByObject {
        object: object.to_string(),
        revoked: listed(revoked),
    });
    json!(Told {
        in_force: metrics.has_enforced(revocations),
        everywhere: listed(revocations.for_all()),
        transports,
        objects: objects.collect(),
    })
}
