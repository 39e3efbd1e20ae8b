//! Drafts -> entry points: TLS options tied to hosts, conflicts, tables.

use std::collections::HashMap;
use std::sync::Arc;

use viaduct_config::finding::Code;
use viaduct_config::{EntryPointName, Finding, Map};

use super::claims::Claims;
use super::policies::Policies;
use super::routers::{Draft, Fault, unreadable};
use crate::Snapshot;
use crate::book::{Slots, Slotted};
use crate::entry_point::{EntryPoint, HostPolicies};
use crate::install::Install;
use crate::router::{Router, RouterObservability, RouterState};
use crate::table::RoutingTable;

type EntryPoints = HashMap<EntryPointName, Arc<EntryPoint>>;
type Routers = Map<Arc<str>, Arc<Router>>;

pub(super) fn build(
    install: &Install,
    drafts: Vec<Draft<'_>>,
    policies: &Policies,
    previous: Option<&Snapshot>,
    slots: &mut Slots,
    findings: &mut Vec<Finding>,
) -> (EntryPoints, Routers) {
    let mut by_entry_point: HashMap<&EntryPointName, Vec<Draft<'_>>> = HashMap::new();
    let mut said = Said::default();
    let mut routers = Routers::new();
    for draft in drafts {
        let entry_point = draft
            .entry_point
            .as_ref()
            .and_then(|name| install.entry_points.iter().find(|known| known.name == *name));
        match entry_point {
            Some(entry_point) => by_entry_point.entry(&entry_point.name).or_default().push(draft),
            None => {
                let router = share(finish(&draft, slots), previous);
                said.say(&draft, findings);
                routers.insert(Arc::clone(&router.name), router);
            }
        }
    }
    let mut entry_points = EntryPoints::new();
    for installed in &install.entry_points {
        let mut drafts = by_entry_point.remove(&installed.name).unwrap_or_default();
        let claims = Claims::of(&drafts, policies.fallback());
        claims.put_losers_out_of_service(&mut drafts);
        unreadable::name_heirs(&mut drafts);
        let built: Vec<_> = drafts
            .iter()
            .map(|draft| share(finish(draft, slots), previous))
            .collect();
        drafts.iter().for_each(|draft| said.say(draft, findings));
        let hosts = claims.into_policies(&drafts, &built, policies.fallback());
        routers.extend(
            built
                .iter()
                .map(|router| (Arc::clone(&router.name), Arc::clone(router))),
        );
        let entry_point = entry_point(&installed.name, built, hosts, previous);
        entry_points.insert(installed.name.clone(), entry_point);
    }
    (entry_points, routers)
}

fn entry_point(
    name: &EntryPointName,
    routers: Vec<Arc<Router>>,
    policies: HostPolicies,
    previous: Option<&Snapshot>,
) -> Arc<EntryPoint> {
    let (secure, plain): (Vec<_>, Vec<_>) = routers.into_iter().partition(|router| router.tls);
    let before = previous.and_then(|previous| previous.entry_points.get(name));
    if let Some(before) = before
        && before.plain.is_of(&plain)
        && before.secure.is_of(&secure)
        && before.policies.same(&policies)
    {
        return Arc::clone(before);
    }
    Arc::new(EntryPoint {
        name: name.clone(),
        plain: RoutingTable::new(plain),
        secure: RoutingTable::new(secure),
        policies: Arc::new(policies),
    })
}

fn finish(draft: &Draft<'_>, slots: &mut Slots) -> Router {
    let state = state(draft);
    let ready = matches!(state, RouterState::Ready(_));
    Router {
        slot: slots.slot(Slotted::Router, &draft.name),
        name: Arc::clone(&draft.name),
        written_name: Arc::clone(&draft.written_name),
        rule_text: match &draft.rule {
            Some(rule) => Arc::clone(rule.shared_text()),
            None => draft.written.rule.as_str().into(),
        },
        rule: draft.rule.clone(),
        entry_point: draft.entry_point.clone(),
        priority: draft.priority,
        tls: draft.tls,
        demanded_policy: draft
            .policy
            .as_ref()
            .filter(|policy| ready && policy.demands_certificate())
            .map(|policy| policy.id),
        service_name: Arc::clone(&draft.service_name),
        named_service: draft.service.clone(),
        middlewares: match &state {
            RouterState::Ready(_) => draft.middlewares.clone().into_boxed_slice(),
            RouterState::OutOfService { .. } => Box::default(),
        },
        state,
        observability: draft
            .written
            .observability
            .as_ref()
            .map(observed)
            .unwrap_or_default(),
        origin: draft.origin.clone(),
    }
}

fn observed(written: &viaduct_config::dynamic::http::RouterObservability) -> RouterObservability {
    RouterObservability {
        access_log: written.access_logs,
        metrics: written.metrics,
        tracing: written.tracing,
        detailed: match written.trace_verbosity.as_str() {
            "" => None,
            verbosity => Some(verbosity == "detailed"),
        },
    }
}

fn state(draft: &Draft<'_>) -> RouterState {
    match (draft.faults.first(), &draft.service) {
        (None, Some(service)) => RouterState::Ready(Arc::clone(service)),
        (Some(fault), _) => out_of_service(draft, fault),
        // A router without a service has a fault that says so.
        (None, None) => out_of_service(
            draft,
            &Fault::unavailable(Finding::error(
                Code::MissingReference,
                "the router has no service",
            )),
        ),
    }
}

fn out_of_service(draft: &Draft<'_>, fault: &Fault) -> RouterState {
    RouterState::OutOfService {
        status: fault.status,
        finding: Arc::new(draft.place(fault.finding.clone())),
    }
}

fn share(router: Router, previous: Option<&Snapshot>) -> Arc<Router> {
    match previous.and_then(|previous| previous.routers.get(&router.name)) {
        Some(before) if before.same(&router) => Arc::clone(before),
        Some(_) | None => Arc::new(router),
    }
}

/// What was said of each router: a fault at two entry points is one fault.
#[derive(Default)]
struct Said<'a>(HashMap<(&'a str, &'a str), Vec<Finding>>);

impl<'a> Said<'a> {
    fn say(&mut self, draft: &Draft<'a>, findings: &mut Vec<Finding>) {
        if draft.faults.is_empty() && draft.warnings.is_empty() {
            return;
        }
        let said = self
            .0
            .entry((draft.source.provider().as_str(), draft.element))
            .or_default();
        let faults = draft.faults.iter().map(|fault| &fault.finding);
        for finding in faults.chain(&draft.warnings) {
            if draft.is_said(finding) {
                continue;
            }
            let finding = draft.place(finding.clone());
            if !said.contains(&finding) {
                said.push(finding.clone());
                findings.push(finding);
            }
        }
    }
}
