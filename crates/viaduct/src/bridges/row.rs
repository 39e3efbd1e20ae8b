//! A bridge as text: what the API shows and `viaduct audit` prints.

use std::sync::Arc;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use viaduct_snapshot::bridge::Passthrough;
use viaduct_snapshot::{BridgeClass, Router, RouterState, Scheme, Snapshot};
use viaduct_tls::backend_leg::Verification;
use viaduct_tls::{Backend as BackendTrust, CertificateFacts, Identity, Trust};

use super::{Bridge, Live, State, client_leg};
use crate::api::date;

/// One line of the table: a router and a server. What is not there is empty; `class` is, where no server is known.
/// Whoever reads one demands every field: what is missing must not pass for what is harmless.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    pub(crate) router: String,
    pub(crate) entry_point: String,
    pub(crate) rule: String,
    pub(crate) service: String,
    /// URL; of a TCP router all of them, with spaces between.
    pub(crate) server: String,
    pub(crate) class: String,
    pub(crate) status: String,
    /// The class that is required of the router; empty where nothing is.
    pub(crate) required: String,
    /// `TLS` or `plaintext`.
    pub(crate) client_leg: String,
    /// Whom the server has to prove to be.
    pub(crate) verified_name: String,
    /// `rootCAs`, `system roots`, or nothing.
    pub(crate) trust: String,
    /// SHA-256 of the certificates in `rootCAs`, no more than [`MOST_CAS`] of them.
    pub(crate) ca_fingerprints: Vec<String>,
    /// SHA-256 of what the server can be shown.
    pub(crate) client_certificates: Vec<String>,
    /// The earliest end of what is known of the leg.
    pub(crate) expires: String,
    /// What ends then.
    pub(crate) expiring: String,
    /// What the last handshake came to, `passed` or the code of a reason. This and the four below are known to a running
    /// process only.
    pub(crate) handshake: String,
    /// When that was.
    pub(crate) seen: String,
    /// SHA-256 of the certificate that the server showed then.
    pub(crate) certificate_fingerprint: String,
    /// The end of that.
    pub(crate) certificate_expires: String,
    /// What verification would say, where it is skipped.
    pub(crate) trial: Option<Trial>,
    /// The object that the router comes from, `Kind namespace/name`.
    pub(crate) owner: String,
    pub(crate) transport: String,
    /// The object that the transport comes from.
    pub(crate) transport_owner: String,
    /// Why it is out of service, or served all the same.
    pub(crate) reason: String,
}

/// Verification that is tried where it is skipped, as `/api/shadow` has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Trial {
    /// Whether verification can be switched on.
    pub(crate) safe: bool,
    /// Since when every handshake would have passed; empty where it is not safe.
    pub(crate) safe_since: String,
    /// The same as a sentence.
    pub(crate) summary: String,
    /// YAML; empty: there is nothing to say yet.
    pub(crate) patch: String,
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

pub(super) fn of_bridge(snapshot: &Snapshot, bridge: &Bridge<'_>, live: &Live) -> Row {
    let transport = &bridge.backend.balancer.transport;
    let owner = transport.origin.as_ref().map(ToString::to_string);
    let mut row = Row {
        service: bridge.backend.service.name.to_string(),
        server: bridge.server.url.to_string(),
        class: bridge.class.label().to_owned(),
        status: bridge.state.label().to_owned(),
        transport: transport.name.to_string(),
        transport_owner: owner.unwrap_or_default(),
        ..of(snapshot, bridge.router)
    };
    if bridge.state == State::Excepted
        && let Some(exception) = snapshot
            .bridge_policy()
            .exception(bridge.router, bridge.backend.service)
    {
        row.reason = format!("until {}: {}", exception.until, exception.reason);
    }
    if bridge.server.scheme == Scheme::Https {
        tell_leg(bridge, live, &mut row);
    }
    row
}

/// The TLS of the backend leg.
fn tell_leg(bridge: &Bridge<'_>, live: &Live, row: &mut Row) {
    let (transport, server) = (&bridge.backend.balancer.transport, bridge.server);
    let policy = transport.tls.policy();
    let mut ends = Vec::new();
    match &policy.verification {
        Verification::Full(BackendTrust(trust)) => {
            let name = policy.server_name.as_deref().unwrap_or(&server.host);
            name.clone_into(&mut row.verified_name);
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
        Verification::DangerSkip => row.trial = live.trial(&transport.name).cloned(),
    }
    for identity in &policy.identities {
        let fingerprint = identity.facts().fingerprint.to_string();
        row.client_certificates.push(fingerprint);
        ends.extend(ends_of(identity));
    }
    if let Some(seen) = live.seen(&bridge.backend, server) {
        row.handshake = seen.result.to_owned();
        row.seen = date(seen.at);
        if let Some(shown) = seen.shown {
            row.certificate_fingerprint = shown.fingerprint.to_string();
            row.certificate_expires = date(shown.not_after);
            ends.push((shown.not_after, "certificate of the server".to_owned()));
        }
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

/// A router whose service has no servers, or is not there.
pub(super) fn without_servers(snapshot: &Snapshot, router: &Router, state: State) -> Row {
    Row {
        service: router.service_name.to_string(),
        status: state.label().to_owned(),
        ..of(snapshot, router)
    }
}

pub(super) fn passthrough(passed: &Passthrough) -> Row {
    let servers: Vec<_> = passed.servers.iter().take(MOST_SERVERS).cloned().collect();
    let owner = passed.origin.as_ref().map(ToString::to_string);
    Row {
        router: passed.name.clone(),
        entry_point: passed.entry_points.join(", "),
        rule: passed.rule.clone(),
        service: passed.service.clone(),
        server: servers.join(" "),
        class: BridgeClass::Passthrough.label().to_owned(),
        status: State::NotServed.label().to_owned(),
        client_leg: client_leg(true).to_owned(),
        owner: owner.unwrap_or_default(),
        reason: "TCP routers are not served yet".to_owned(),
        ..Row::default()
    }
}

/// Shown of a TCP router.
const MOST_SERVERS: usize = 16;
const MOST_CAS: usize = 16;
