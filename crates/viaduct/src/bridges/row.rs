//! A bridge as text: what the API shows and `viaduct audit` prints.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use viaduct_snapshot::bridge::Passthrough;
use viaduct_snapshot::{BridgeClass, Router, RouterState, Scheme, Snapshot, Transport};
use viaduct_tls::backend_leg::Verification;
use viaduct_tls::{Backend as BackendTrust, CertificateFacts, Identity, Trust};

use super::{Bridge, State, client_leg, of_router};
use crate::api::date;

/// One line of the table. What is not there is empty; `class` is, where there is no server. Whoever reads one demands
/// every field: what is missing must not pass for what is harmless.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    pub(crate) router: String,
    pub(crate) entry_point: String,
    pub(crate) rule: String,
    pub(crate) service: String,
    pub(crate) class: String,
    pub(crate) status: String,
    /// The class that is required of the router; empty where nothing is.
    pub(crate) required: String,
    /// `TLS` or `plaintext`.
    pub(crate) client_leg: String,
    /// URLs; no more than [`MOST_SERVERS`] of them.
    pub(crate) servers: Vec<String>,
    pub(crate) server_count: usize,
    /// Whom the servers have to prove to be.
    pub(crate) verified_names: Vec<String>,
    /// `rootCAs`, `system roots`, or nothing.
    pub(crate) trust: String,
    /// SHA-256 of the certificates in `rootCAs`, no more than [`MOST_CAS`] of them.
    pub(crate) ca_fingerprints: Vec<String>,
    /// SHA-256 of what servers can be shown.
    pub(crate) client_certificates: Vec<String>,
    /// The earliest end of what the configuration holds for the leg.
    pub(crate) expires: String,
    /// What ends then.
    pub(crate) expiring: String,
    /// The object that the router comes from, `Kind namespace/name`.
    pub(crate) owner: String,
    pub(crate) transport: String,
    /// The object that the transport comes from.
    pub(crate) transport_owner: String,
    /// Why it is out of service, or served all the same.
    pub(crate) reason: String,
}

impl Row {
    pub(crate) fn class(&self) -> Option<BridgeClass> {
        BridgeClass::from_label(&self.class)
    }

    /// One that is not known counts as served: nothing is taken for harmless because of its spelling.
    pub(crate) fn state(&self) -> State {
        State::from_label(&self.status).unwrap_or(State::Served)
    }
}

/// Every bridge of a snapshot by router and service; routers without one too, except those to this process itself.
pub(crate) fn rows(snapshot: &Snapshot) -> Vec<Row> {
    let mut rows: Vec<Row> = snapshot.passthroughs().iter().map(passthrough).collect();
    for router in snapshot.routers.values() {
        let bridges = of_router(snapshot, router);
        rows.extend(bridges.iter().map(|bridge| row(snapshot, bridge)));
        if bridges.is_empty() {
            rows.extend(without_servers(snapshot, router));
        }
    }
    rows.sort_by(|a, b| (&a.router, &a.service, &a.class).cmp(&(&b.router, &b.service, &b.class)));
    rows
}

fn row(snapshot: &Snapshot, bridge: &Bridge<'_>) -> Row {
    let transport = &bridge.backend.balancer.transport;
    let servers = bridge.servers.iter();
    let mut row = Row {
        service: bridge.backend.service.name.to_string(),
        class: bridge.class.label().to_owned(),
        status: bridge.state.label().to_owned(),
        servers: servers
            .take(MOST_SERVERS)
            .map(|server| server.url.to_string())
            .collect(),
        server_count: bridge.servers.len(),
        transport: transport.name.to_string(),
        transport_owner: transport
            .origin
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        ..of(snapshot, bridge.router)
    };
    if bridge.state == State::Excepted
        && let Some(exception) = snapshot
            .bridge_policy()
            .exception(bridge.router, bridge.backend.service)
    {
        row.reason = format!("until {}: {}", exception.until, exception.reason);
    }
    if bridge.servers.iter().any(|server| server.scheme == Scheme::Https) {
        tell_leg(transport, bridge, &mut row);
    }
    row
}

/// The TLS of the backend leg.
fn tell_leg(transport: &Transport, bridge: &Bridge<'_>, row: &mut Row) {
    let policy = transport.tls.policy();
    let mut ends = Vec::new();
    if let Verification::Full(BackendTrust(trust)) = &policy.verification {
        let hosts = bridge.servers.iter().map(|server| server.host.to_string());
        row.verified_names = match &policy.server_name {
            Some(name) => vec![name.clone()],
            None => hosts
                .collect::<BTreeSet<_>>()
                .into_iter()
                .take(MOST_SERVERS)
                .collect(),
        };
        match trust {
            Trust::System => row.trust = "system roots".to_owned(),
            Trust::Bundle(cas) => {
                row.trust = "rootCAs".to_owned();
                let fingerprints = cas.roots().map(|ca| ca.fingerprint.to_string());
                row.ca_fingerprints = fingerprints.take(MOST_CAS).collect();
                ends.extend(cas.roots().map(|ca| end("CA", ca)));
            }
        }
    }
    for identity in &policy.identities {
        let fingerprint = identity.facts().fingerprint.to_string();
        row.client_certificates.push(fingerprint);
        ends.extend(ends_of(identity));
    }
    if let Some((when, what)) = ends.into_iter().min() {
        (row.expires, row.expiring) = (date(when), what);
    }
}

/// Of a client certificate and of those above it.
fn ends_of(identity: &Arc<Identity>) -> Vec<(SystemTime, String)> {
    let above = identity.chain().iter().skip(1);
    let above = above.filter_map(|der| CertificateFacts::from_der(der).ok());
    let own = end("client certificate", identity.facts());
    std::iter::once(own)
        .chain(above.map(|facts| end("CA of the client certificate", &facts)))
        .collect()
}

fn end(what: &str, facts: &CertificateFacts) -> (SystemTime, String) {
    (facts.not_after, format!("{what} {}", facts.label()))
}

/// What all bridges of a router share.
fn of(snapshot: &Snapshot, router: &Router) -> Row {
    let required = snapshot.bridge_policy().required(router);
    Row {
        router: router.name.to_string(),
        entry_point: router
            .entry_point
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        rule: router.rule_text.to_string(),
        required: match required {
            BridgeClass::Passthrough | BridgeClass::Plaintext => String::new(),
            class => class.label().to_owned(),
        },
        client_leg: client_leg(router.tls).to_owned(),
        owner: router
            .origin
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        reason: match &router.state {
            RouterState::Ready(_) => String::new(),
            RouterState::OutOfService { finding, .. } => finding.message.clone(),
        },
        ..Row::default()
    }
}

/// A router whose service has no servers, or is not there. `None`: this process answers.
fn without_servers(snapshot: &Snapshot, router: &Router) -> Option<Row> {
    let internal = router
        .named_service
        .as_ref()
        .is_some_and(|service| matches!(service.kind, viaduct_snapshot::ServiceKind::Internal(_)));
    let state = State::of(router).unwrap_or(State::NoServers);
    (!internal).then(|| Row {
        service: router.service_name.to_string(),
        status: state.label().to_owned(),
        ..of(snapshot, router)
    })
}

fn passthrough(passed: &Passthrough) -> Row {
    Row {
        router: passed.name.clone(),
        entry_point: passed.entry_points.join(", "),
        rule: passed.rule.clone(),
        service: passed.service.clone(),
        class: BridgeClass::Passthrough.label().to_owned(),
        status: State::NotServed.label().to_owned(),
        client_leg: client_leg(true).to_owned(),
        servers: passed.servers.iter().take(MOST_SERVERS).cloned().collect(),
        server_count: passed.servers.len(),
        owner: passed
            .origin
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        reason: "TCP routers are not served yet".to_owned(),
        ..Row::default()
    }
}

/// Shown of one row.
pub(crate) const MOST_SERVERS: usize = 16;
pub(crate) const MOST_CAS: usize = 16;
