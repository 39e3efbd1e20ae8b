//! What is wrong, as it is told on the Kubernetes object that it is about.

use std::sync::Arc;

use viaduct_config::{Finding, ObjectRef, Severity};
use viaduct_kubernetes::events::{Events, Notice};
use viaduct_proxy::{FaultWitness, ToldFault};
use viaduct_tls::Fault;

/// Several who are told of the same faults.
pub(crate) struct Witnesses(Vec<Arc<dyn FaultWitness>>);

impl Witnesses {
    /// `None`: there is nobody.
    pub(crate) fn of(
        witnesses: impl IntoIterator<Item = Arc<dyn FaultWitness>>,
    ) -> Option<Arc<dyn FaultWitness>> {
        let witnesses: Vec<_> = witnesses.into_iter().collect();
        (!witnesses.is_empty()).then(|| Arc::new(Self(witnesses)) as Arc<dyn FaultWitness>)
    }
}

impl FaultWitness for Witnesses {
    fn witness(&self, told: &ToldFault<'_>) {
        for witness in &self.0 {
            witness.witness(told);
        }
    }
}

/// Tells faults of the backend leg on the servers transport, or on the route that has none.
pub(crate) struct Witness(pub(crate) Events);

impl FaultWitness for Witness {
    fn witness(&self, told: &ToldFault<'_>) {
        let route = told.router.and_then(|router| router.origin.clone());
        if let Some(object) = told.transport.origin.clone().or(route) {
            let place = (told.service, told.server);
            self.0.tell(fault_notice(object, told.fault, place, told.hint));
        }
    }
}

fn fault_notice(
    object: ObjectRef,
    fault: &Fault,
    (service, server): (&str, &str),
    hint: Option<&str>,
) -> Notice {
    let mut message = format!(
        "{}: the backend leg of service {service} to {server} failed; wanted: {}; got: {}",
        fault.reason, fault.wanted, fault.got
    );
    if let Some(hint) = hint {
        message = format!("{message}; fix: {hint}");
    }
    Notice::new(object, "BackendFault", message)
}

/// `None`: it is about no object of a cluster, or nothing to be mended.
pub(super) fn notice(finding: &Finding) -> Option<Notice> {
    let object = finding.object.clone()?;
    // What was read from a file is told with the file's place, in the log.
    if finding.severity == Severity::Info || finding.location.is_some() {
        return None;
    }
    let mut message = match &finding.field {
        Some(field) => format!("{field}: {}", finding.message),
        None => finding.message.clone(),
    };
    for (name, value) in [
        ("wanted", &finding.wanted),
        ("got", &finding.got),
        ("fix", &finding.hint),
    ] {
        if let Some(value) = value {
            message = format!("{message}; {name}: {value}");
        }
    }
    Some(Notice::new(object, format!("{:?}", finding.code), message))
}

#[cfg(test)]
mod tests;
