//! What is wrong, as it is told on the Kubernetes object that it is about.

use std::sync::Arc;

use viaduct_config::{Finding, Severity};
use viaduct_kubernetes::events::{Events, Notice};
use viaduct_proxy::{FaultWitness, ToldFault};

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
        let Some(object) = told.transport.origin.clone().or(route) else {
            return;
        };
        let fault = told.fault;
        let (reason, service, server) = (fault.reason.code(), told.service, told.server);
        let mut message = format!(
            "{reason}: the backend leg of service {service} to {server} failed; wanted: {}; got: {}",
            fault.wanted, fault.got
        );
        if let Some(hint) = told.hint {
            message = format!("{message}; fix: {hint}");
        }
        self.0.tell(Notice::new(object, "BackendFault", message));
    }
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
mod tests {
    use viaduct_config::finding::Code;
    use viaduct_config::{Location, ObjectRef};

    use super::*;

    #[test]
    fn c17_an_event_says_code_field_wanted_got_and_fix() {
        let finding = Finding::error(Code::MissingReference, "Secret `web/x` does not exist")
            .object(ObjectRef::new("IngressRoute", "web", "app"))
            .field("spec.tls.secretName")
            .wanted("a Secret")
            .got("nothing")
            .hint("did you mean `y`?");
        let notice = notice(&finding).expect("a notice");
        assert_eq!(notice.object.to_string(), "IngressRoute web/app");
        assert_eq!(notice.reason, "MissingReference");
        assert_eq!(
            notice.message(),
            "spec.tls.secretName: Secret `web/x` does not exist; wanted: a Secret; got: nothing; fix: did you mean `y`?"
        );
    }

    #[test]
    fn c17_what_stands_in_a_file_or_needs_no_mending_is_no_event() {
        let about = |finding: Finding| finding.object(ObjectRef::new("Secret", "web", "app"));
        let place = Location {
            file: "a.yaml".into(),
            line: 1,
            column: 1,
        };
        let written = about(Finding::error(Code::InvalidObject, "x")).at(Some(place));
        assert_eq!(notice(&written), None);
        let info = about(Finding::new(Severity::Info, Code::InvalidObject, "x"));
        assert_eq!(notice(&info), None);
        assert_eq!(notice(&Finding::error(Code::InvalidRule, "x")), None);
    }
}
