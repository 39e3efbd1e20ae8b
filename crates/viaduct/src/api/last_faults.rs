//! `/api/faults`, and the same beside each service: the last faults of the backend leg.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Map, Value, json};
use viaduct_snapshot::ServiceKind;
use viaduct_tls::Reason;

use super::View;
use super::catalogue::Object;
use super::overview::date;
use crate::last_faults::Cause;
use crate::preflight::Preflight;

/// One object for each cause of each service.
pub(super) fn all(view: &View) -> Vec<Object> {
    let faults = view.last_faults.all();
    let known = Known::of(view, faults.iter().map(|(service, _)| &**service));
    faults
        .into_iter()
        .flat_map(|(service, causes)| {
            let known = &known;
            causes
                .into_iter()
                .map(move |cause| Object::plain(service.to_string(), shown(&service, &cause, known)))
        })
        .collect()
}

/// A service as its list shows it, with its faults, if there are any.
pub(super) fn with_faults(view: &View, service: &Object) -> Value {
    let mut value = service.view();
    let causes = view.last_faults.of(&service.name);
    if let Some(fields) = value.as_object_mut()
        && !causes.is_empty()
    {
        let known = Known::of(view, [&*service.name]);
        let faults = causes
            .iter()
            .map(|cause| Value::Object(shown(&service.name, cause, &known)));
        fields.insert("faults".to_owned(), faults.collect());
    }
    value
}

/// What says whether faults of some services are over. Made once for all of them: there are many servers.
struct Known {
    /// `None`: there is no configuration yet.
    servers: Option<HashMap<Arc<str>, HashSet<Arc<str>>>>,
    /// When pre-flight passed at servers, by service and URL; under each transport.
    passed: HashMap<Arc<str>, HashMap<Arc<str>, Vec<SystemTime>>>,
}

impl Known {
    fn of<'n>(view: &View, services: impl IntoIterator<Item = &'n str>) -> Self {
        let asked: HashSet<&str> = services.into_iter().collect();
        let servers = view.published().map(|published| {
            let services = published.snapshot.services();
            let asked = services.filter(|service| asked.contains(&*service.name));
            asked
                .filter_map(|service| match &service.kind {
                    ServiceKind::LoadBalancer(balancer) => {
                        let urls = balancer.servers.iter().map(|server| Arc::clone(&server.url));
                        Some((Arc::clone(&service.name), urls.collect()))
                    }
                    ServiceKind::Weighted(_) | ServiceKind::Internal(_) => None,
                })
                .collect()
        });
        let mut passed: HashMap<_, HashMap<_, Vec<_>>> = HashMap::new();
        let report = view.preflight.get().map(Preflight::report);
        for checked in report.iter().flat_map(|report| &report.checked) {
            let endpoint = &checked.endpoint;
            if let Some(outcome) = &checked.outcome
                && outcome.fault.is_none()
                && asked.contains(&*endpoint.service)
            {
                let servers = passed.entry(Arc::clone(&endpoint.service)).or_default();
                let times = servers.entry(Arc::clone(&endpoint.server.url)).or_default();
                times.push(outcome.at);
            }
        }
        Self { servers, passed }
    }

    /// The first success since a fault was met last: of a request, or of pre-flight where a handshake shows it.
    fn over(&self, service: &str, cause: &Cause) -> Option<SystemTime> {
        let last = cause.seen()?.last;
        let passed = self
            .passed
            .get(service)
            .and_then(|servers| servers.get(&*cause.server))
            .filter(|_| ends_with_handshake(cause.reason));
        let passed = passed.into_iter().flatten().copied();
        passed.filter(|at| *at > last).chain(cause.over()).min()
    }

    /// Whether the service has the server still.
    fn has(&self, service: &str, server: &str) -> bool {
        self.servers.as_ref().is_none_or(|services| {
            services
                .get(service)
                .is_some_and(|servers| servers.contains(server))
        })
    }
}

/// Whether it is met before there is a connection that a request can go out on.
pub(super) fn ends_with_handshake(reason: Reason) -> bool {
    !matches!(
        reason,
        Reason::ClosedBeforeResponse | Reason::ResponseTimeout | Reason::BadResponse | Reason::BodyBroken
    )
}

fn shown(service: &str, cause: &Cause, known: &Known) -> Map<String, Value> {
    let seen = cause.seen();
    let over = known.over(service, cause);
    let status = match over {
        Some(_) => "over",
        None if known.has(service, &cause.server) => "open",
        None => "gone",
    };
    let shown = json!({
        "service": service,
        "code": cause.reason.code(),
        "meaning": cause.reason.meaning(),
        "leg": "backend",
        "server": cause.server,
        "router": cause.router,
        "transport": cause.transport,
        "object": cause.object.as_ref().map(ToString::to_string),
        "wanted": cause.wanted,
        "got": cause.got,
        "fix": cause.hint,
        "suggestion": cause.suggestion,
        "count": seen.map_or(0, |seen| seen.count),
        "first": seen.map(|seen| date(seen.first)),
        "last": seen.map(|seen| date(seen.last)),
        "status": status,
        "over": over.map(date),
    });
    match shown {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
