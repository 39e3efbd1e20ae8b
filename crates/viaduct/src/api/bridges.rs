//! Both TLS legs of every router, and everything there is to say: what Traefik's API does not have (C6).

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};
use viaduct_config::rule::HostPattern;
use viaduct_config::{Finding, Severity};
use viaduct_snapshot::{BridgeClass, Router, RouterState, Scheme, Server, ServiceKind, Snapshot, Transport};
use viaduct_tls::backend_leg::Verification;
use viaduct_tls::names::{Version, Versions};
use viaduct_tls::trust::Trust;
use viaduct_tls::{ClientAuth, ClientPolicy, Identity};

use super::certificates;
use super::last_faults::ends_with_handshake;
use super::listing::{self, Query};
use super::overview::date;
use super::published::Published;
use super::{View, shadow};
use crate::bridges::{self, Bridge, Entry, Failed, Live};
use crate::preflight::Preflight;

/// The rows of `viaduct audit`, narrowed and sorted as the query says; no more than a page of them is put together,
/// unless they are sorted by what only a row knows.
pub(super) fn rows(view: &View, snapshot: &Snapshot, query: &Query) -> Response<Bytes> {
    let live = live(view, snapshot);
    let mut entries = bridges::entries(snapshot);
    entries.retain(|entry| wants(query, entry));
    let row = |entry: &Entry<'_>| serde_json::to_value(entry.row(snapshot, &live)).unwrap_or_default();
    match query.get("sortBy") {
        Some("service") => entries.sort_by(|a, b| a.service().cmp(b.service())),
        Some("class") => entries.sort_by_key(|entry| entry.class().map_or("", BridgeClass::label)),
        Some("status") => entries.sort_by_key(|entry| entry.state().label()),
        Some(field) if SORTED_BY.contains(&field) => {
            entries.sort_by_cached_key(|entry| match row(entry).get(field) {
                Some(Value::String(text)) => text.clone(),
                Some(_) | None => String::new(),
            });
        }
        // As they come, by router; any other field is no order, as in the other lists.
        Some(_) | None => {}
    }
    if query.get("direction") == Some("desc") {
        entries.reverse();
    }
    listing::paged(&entries, query, |entry, text| entry.has(text), row)
}

/// What only a row knows, and rows can be sorted by: texts.
const SORTED_BY: [&str; 15] = [
    "entryPoint",
    "rule",
    "server",
    "required",
    "clientLeg",
    "verifiedName",
    "trust",
    "expires",
    "handshake",
    "seen",
    "certificateFingerprint",
    "certificateExpires",
    "owner",
    "transport",
    "transportOwner",
];

fn wants(query: &Query, entry: &Entry<'_>) -> bool {
    let is = |field: &str, own: &str| {
        query
            .get(field)
            .is_none_or(|wanted| own.eq_ignore_ascii_case(wanted))
    };
    is("class", entry.class().map_or("", BridgeClass::label))
        && is("status", entry.state().label())
        && query.get("serviceName").is_none_or(|name| {
            let service = entry.service();
            service == name || service.rsplit_once('@').is_some_and(|(bare, _)| bare == name)
        })
}

/// What this process knows beside its configuration.
fn live(view: &View, snapshot: &Snapshot) -> Live {
    let report = view.preflight.get().map(Preflight::report);
    let metrics = view.metrics.get();
    Live::new(
        report.as_deref(),
        metrics.map(|metrics| metrics.leafs()).unwrap_or_default(),
        failed(view),
        metrics
            .map(|metrics| shadow::trials(snapshot, metrics))
            .unwrap_or_default(),
    )
}

/// Requests that found no connection, by service.
fn failed(view: &View) -> HashMap<Arc<str>, Vec<Failed>> {
    let faults = view.last_faults.all().into_iter();
    let told = faults.map(|(service, causes)| {
        let causes = causes
            .into_iter()
            .filter(|cause| ends_with_handshake(cause.reason));
        let failed = causes.filter_map(|cause| {
            Some(Failed {
                at: cause.seen()?.last,
                result: cause.reason.code(),
                server: cause.server,
                transport: cause.transport,
            })
        });
        (service, failed.collect())
    });
    told.collect()
}

/// One entry for each router at each entry point, in the order of names.
pub(super) fn list(snapshot: &Snapshot, query: &Query) -> Response<Bytes> {
    let mut routers: Vec<&Arc<Router>> = snapshot.routers.values().collect();
    routers.sort_by(|a, b| a.name.cmp(&b.name));
    let has = |router: &&Arc<Router>, text: &str| {
        let mut texts = [&*router.name, &*router.rule_text, &*router.service_name].into_iter();
        texts.any(|candidate| candidate.to_lowercase().contains(text))
    };
    listing::paged(&routers, query, has, |router| bridge(snapshot, router))
}

pub(super) fn findings(published: &Published) -> Value {
    published.findings().iter().map(finding).collect()
}

fn finding(finding: &Finding) -> Value {
    let text = |value: Option<String>| value.map_or(Value::Null, Value::from);
    json!({
        "severity": match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "info",
        },
        "code": format!("{:?}", finding.code),
        "diagnosis": viaduct_check::code_of(finding),
        "object": text(finding.object.as_ref().map(ToString::to_string)),
        "element": text(finding.element.as_ref().map(ToString::to_string)),
        "provider": text(finding.provider.as_ref().map(ToString::to_string)),
        "at": text(finding.location.as_ref().map(ToString::to_string)),
        "field": finding.field,
        "message": finding.message,
        "wanted": finding.wanted,
        "got": finding.got,
        "hint": finding.hint,
    })
}

fn bridge(snapshot: &Snapshot, router: &Router) -> Value {
    let (status, error) = match &router.state {
        RouterState::Ready(_) => ("enabled", None),
        RouterState::OutOfService { finding, .. } => ("disabled", Some(finding.message.as_str())),
    };
    let found = bridges::of_router(snapshot, router);
    let more = found.len().saturating_sub(MOST_BACKENDS);
    let mut backends: Vec<_> = found.iter().take(MOST_BACKENDS).map(backend).collect();
    if let Some(service) = &router.named_service
        && matches!(service.kind, ServiceKind::Internal(_))
    {
        backends.push(json!({ "service": &*service.name, "internal": true }));
    }
    json!({
        "name": &*router.name,
        "rule": &*router.rule_text,
        "entryPoint": router.entry_point.as_ref().map(ToString::to_string),
        "priority": router.priority,
        "service": &*router.service_name,
        "owner": router.origin.as_ref().map(ToString::to_string),
        "status": status,
        "error": error,
        "client": client(snapshot, router),
        "backends": backends,
        "moreBackends": more,
    })
}

/// The client leg; null without TLS. Where the rule names several hosts, their policies can differ.
fn client(snapshot: &Snapshot, router: &Router) -> Value {
    let entry_point = router.entry_point.as_ref();
    let Some(entry_point) = entry_point.and_then(|name| snapshot.entry_points.get(name)) else {
        return Value::Null;
    };
    if !router.tls {
        return Value::Null;
    }
    let hosts = router.rule.as_ref().map(|rule| rule.hosts()).unwrap_or_default();
    let mut names: Vec<Option<String>> = hosts
        .into_iter()
        .map(|host| match host {
            HostPattern::Exact(name) => Some(name.clone()),
            // Any name below will do; this one is not likely to have a certificate of its own.
            HostPattern::Wildcard(parent) => Some(format!("any.{parent}")),
            HostPattern::Any => None,
        })
        .collect();
    if names.is_empty() {
        names.push(None);
    }
    let legs = names.iter().take(MOST_HOSTS).map(|name| {
        let (tls, _) = entry_point.tls(name.as_deref());
        let store = snapshot.certificates();
        let identity = name
            .as_deref()
            .map_or_else(|| store.default_identity(), |name| store.shown_for(name));
        let mut leg = policy(tls.policy());
        if let Some(fields) = leg.as_object_mut() {
            fields.insert("host".to_owned(), json!(name));
            fields.insert("certificate".to_owned(), certificate(identity));
        }
        leg
    });
    legs.collect()
}

fn policy(policy: &ClientPolicy) -> Value {
    let alpn: Vec<_> = policy
        .alpn
        .iter()
        .map(|protocol| String::from_utf8_lossy(protocol).into_owned())
        .collect();
    json!({
        "versions": versions(policy.versions),
        "clientAuth": client_auth(&policy.client_auth),
        "sniStrict": policy.sni_strict,
        "alpn": alpn,
    })
}

/// What becomes of client certificates.
pub(crate) fn client_auth(demand: &ClientAuth) -> &'static str {
    match demand {
        ClientAuth::None => "none",
        ClientAuth::Request => "requested, not verified",
        ClientAuth::RequireAny => "required, not verified",
        ClientAuth::VerifyIfGiven(_) => "verified if given",
        ClientAuth::RequireAndVerify(_) => "required and verified",
    }
}

fn certificate(identity: &Identity) -> Value {
    let facts = identity.facts();
    json!({
        "label": facts.label(),
        "fingerprint": facts.fingerprint.to_string(),
        "notAfter": date(facts.not_after),
        "status": certificates::status(facts.not_after),
        "generated": facts.common_name.as_deref() == Some(certificates::GENERATED),
    })
}

fn backend(bridge: &Bridge<'_>) -> Value {
    let server = bridge.server;
    let balancer = bridge.backend.balancer;
    let mut backend = json!({
        "service": &*bridge.backend.service.name,
        "url": &*server.url,
        "class": bridge.class.label(),
        "state": bridge.state.label(),
        "weight": server.weight,
        "share": bridge.backend.share,
        "fenced": server.fenced,
        "transport": &*balancer.transport.name,
    });
    if let Some(fields) = backend.as_object_mut() {
        fields.insert(
            "tls".to_owned(),
            match server.scheme {
                Scheme::Https => leg(&balancer.transport, server),
                Scheme::Http | Scheme::H2c => Value::Null,
            },
        );
    }
    backend
}

/// The backend leg of a server that speaks TLS.
fn leg(transport: &Transport, server: &Server) -> Value {
    let policy = transport.tls.policy();
    let (trust, roots, verified) = match &policy.verification {
        Verification::DangerSkip => ("not verified", None, false),
        Verification::Full(trust) => match &trust.0 {
            Trust::Bundle(bundle) => ("rootCAs", Some(bundle), true),
            Trust::System => ("system roots", None, true),
        },
    };
    let roots: Vec<_> = roots
        .iter()
        .flat_map(|bundle| bundle.roots())
        .take(MOST_ROOTS)
        .map(|root| {
            json!({
                "label": root.label(),
                "fingerprint": root.fingerprint.to_string(),
                "notAfter": date(root.not_after),
                "status": certificates::status(root.not_after),
            })
        })
        .collect();
    json!({
        "verified": verified,
        "name": policy.server_name.as_deref().unwrap_or(&server.host),
        "peerURI": policy.peer_uri,
        "trust": trust,
        "roots": roots,
        "versions": versions(policy.versions),
        "clientCertificates": policy.identities.iter().map(|own| certificate(own)).collect::<Vec<_>>(),
    })
}

pub(crate) fn versions(versions: Versions) -> String {
    match (versions.min, versions.max) {
        (Version::Tls12, Version::Tls13) => "TLS 1.2, 1.3".to_owned(),
        (min, max) if min == max => min.to_string(),
        (min, max) => format!("{min} to {max}"),
    }
}

/// Shown of one router.
const MOST_HOSTS: usize = 32;
/// Likewise; a page has many routers.
const MOST_BACKENDS: usize = 256;
/// Shown of one bundle.
const MOST_ROOTS: usize = 16;
