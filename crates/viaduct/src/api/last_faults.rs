//! `/api/faults`, and the same beside each service: the last faults of the backend leg.

use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Map, Value, json};
use viaduct_snapshot::{ServiceKind, Snapshot};
use viaduct_tls::Reason;

use super::View;
use super::catalogue::Object;
use super::overview::date;
use crate::last_faults::Cause;
use crate::preflight::{Preflight, Report};

/// One object for each cause of each service.
pub(super) fn all(view: &View) -> Vec<Object> {
    let known = Known::of(view);
    let faults = view.last_faults.all().into_iter();
    faults
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
        let known = Known::of(view);
        let faults = causes
            .iter()
            .map(|cause| Value::Object(shown(&service.name, cause, &known)));
        fields.insert("faults".to_owned(), faults.collect());
    }
    value
}

/// What says whether a fault is over.
struct Known {
    snapshot: Option<Arc<Snapshot>>,
    report: Option<Arc<Report>>,
}

impl Known {
    fn of(view: &View) -> Self {
        Self {
            snapshot: view.published().map(|published| Arc::clone(&published.snapshot)),
            report: view.preflight.get().map(Preflight::report),
        }
    }

    /// The first success since a fault was met last: of a request, or of pre-flight where a handshake shows it.
    fn over(&self, service: &str, cause: &Cause) -> Option<SystemTime> {
        let last = cause.seen()?.last;
        let checked = self.report.iter().flat_map(|report| &report.checked);
        let mut own = checked.filter(|checked| {
            &*checked.endpoint.service == service && *checked.endpoint.server.url == *cause.server
        });
        let passed = own.find_map(|checked| {
            let outcome = checked.outcome.as_ref()?;
            let passed = outcome.fault.is_none() && outcome.at > last && ends_with_handshake(cause.reason);
            passed.then_some(outcome.at)
        });
        [cause.over(), passed].into_iter().flatten().min()
    }

    /// Whether the service has the server still.
    fn has(&self, service: &str, server: &str) -> bool {
        self.snapshot.as_ref().is_none_or(|snapshot| {
            snapshot.services().any(|known| {
                &*known.name == service
                    && match &known.kind {
                        ServiceKind::LoadBalancer(balancer) => {
                            balancer.servers.iter().any(|known| &*known.url == server)
                        }
                        ServiceKind::Weighted(_) | ServiceKind::Internal(_) => false,
                    }
            })
        })
    }
}

/// Whether it is met before there is a connection that a request can go out on.
fn ends_with_handshake(reason: Reason) -> bool {
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
