//! A router against the policy: whether it may be served, and what is to be said of it.

use std::sync::Arc;

use viaduct_config::finding::Code;
use viaduct_config::{EntryPointName, Finding, ObjectRef, Severity};

use super::policy::Source;
use super::{Backend, BridgeClass, BridgeException, BridgeMode, BridgePolicy, Excepted, backends};
use crate::explain;
use crate::router::Router;
use crate::service::Service;

/// Whom a verdict is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) name: &'a str,
    pub(crate) written_name: &'a str,
    pub(crate) entry_point: Option<&'a EntryPointName>,
    pub(crate) origin: Option<&'a ObjectRef>,
}

impl<'a> Subject<'a> {
    pub(crate) fn of(router: &'a Router) -> Self {
        Self {
            name: &router.name,
            written_name: &router.written_name,
            entry_point: router.entry_point.as_ref(),
            origin: router.origin.as_ref(),
        }
    }
}

/// What the policy makes of a router.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    /// It is served, with this to be told.
    Served(Option<Finding>),
    Refused(Finding),
}

impl BridgePolicy {
    /// Judges a router by every service that it can reach. A single server that is below is enough.
    pub(crate) fn judge<'s>(
        &self,
        subject: &Subject<'_>,
        services: impl Iterator<Item = &'s Arc<Service>> + Clone,
    ) -> Verdict {
        let (required, source) = self.demand(subject);
        let weakest = services.clone().filter_map(|service| service.weakest).min();
        if weakest.is_none_or(|class| class >= required) {
            return Verdict::Served(None);
        }
        let mut excepted = None;
        let mut worst: Option<(BridgeClass, Backend<'_>)> = None;
        for backend in backends(services) {
            let Some(class) = backend.service.weakest.filter(|class| *class < required) else {
                continue;
            };
            match self.live_exception(subject, backend.service) {
                Some(exception) => {
                    excepted.get_or_insert((class, backend, exception));
                }
                None if worst.is_none_or(|(least, _)| class < least) => worst = Some((class, backend)),
                None => {}
            }
        }
        let demand = Demand { required, source };
        match (worst, excepted) {
            (Some((class, backend)), _) => {
                let ended = self.ended_exception(subject, backend.service);
                let finding = demand.shortfall(class, &backend, subject, ended);
                match self.mode {
                    BridgeMode::Enforce => Verdict::Refused(finding),
                    BridgeMode::Report => Verdict::Served(Some(Finding {
                        severity: Severity::Warning,
                        ..finding
                    })),
                }
            }
            (None, Some((class, backend, exception))) => {
                Verdict::Served(Some(demand.exception(class, &backend, exception)))
            }
            (None, None) => Verdict::Served(None),
        }
    }
}

struct Demand<'p> {
    required: BridgeClass,
    source: Source<'p>,
}

impl Demand<'_> {
    fn shortfall(
        &self,
        class: BridgeClass,
        backend: &Backend<'_>,
        subject: &Subject<'_>,
        ended: Option<&BridgeException>,
    ) -> Finding {
        let mut message = self.sentence(class, backend);
        if let Some(ended) = ended {
            message = format!("{message}; the exception for it ended with {}", ended.until);
        }
        self.finding(Severity::Error, class, message).hint(explain::raise(
            class,
            self.required,
            backend,
            subject,
        ))
    }

    fn exception(&self, class: BridgeClass, backend: &Backend<'_>, exception: &BridgeException) -> Finding {
        let message = format!(
            "{}; it is served until {} by an exception: {}",
            self.sentence(class, backend),
            exception.until,
            exception.reason
        );
        self.finding(Severity::Info, class, message)
    }

    fn finding(&self, severity: Severity, class: BridgeClass, message: String) -> Finding {
        Finding::new(severity, Code::BelowRequiredClass, message)
            .field("service")
            .wanted(format!("`{}` or better ({})", self.required, self.source))
            .got(class.label())
    }

    /// No server is named: they come and go, and this is one mistake.
    fn sentence(&self, class: BridgeClass, backend: &Backend<'_>) -> String {
        let how = match class {
            BridgeClass::Passthrough => "by TLS that is not terminated here",
            BridgeClass::Plaintext => "in plain text",
            BridgeClass::Unverified => "by TLS that is not verified",
            BridgeClass::NameSkipped => "by TLS whose server name is not verified",
            BridgeClass::Verified | BridgeClass::Mtls => "without a client certificate",
        };
        format!(
            "service `{}` is reached {how}, which is below what is required of the route",
            backend.service.name
        )
    }
}

/// Namespaces whose demand is no class.
pub(crate) fn misread(policy: &BridgePolicy) -> Vec<Finding> {
    let told = policy.misread.iter().map(|(namespace, text)| {
        let message = format!(
            "`viaduct.io/require: {text}` names no class: routes of the namespace have to be {} until it does",
            BridgeClass::Mtls
        );
        Finding::error(Code::InvalidObject, message)
            .object(ObjectRef::new("Namespace", "", Arc::clone(namespace)))
            .field("metadata")
            .wanted("`mtls`, `verified`, `name-skipped`, `unverified` or `plaintext`")
            .got(text.as_str())
    });
    told.collect()
}

/// Exceptions that are for nothing that is there: a name that is misspelt protects nobody.
pub(crate) fn unused<'r>(
    policy: &BridgePolicy,
    routers: impl Iterator<Item = &'r Arc<Router>> + Clone,
) -> Vec<Finding> {
    let exceptions = policy.exceptions.iter().filter(|exception| {
        let mut routers = routers.clone();
        !routers.any(|router| match &exception.of {
            Excepted::Service(name) => {
                let mut backends = router.backends().into_iter();
                backends.any(|backend| backend.service.name == *name)
            }
            // Also where its service is not there at the moment.
            of => of.is_router(&Subject::of(router)),
        })
    });
    let finding = |exception: &BridgeException| {
        let message = format!(
            "the exception for {} (`bridge.exceptions`) is for nothing that is there",
            exception.of
        );
        Finding::warning(Code::BridgeException, message)
            .hint("remove it, or compare the name with `viaduct audit`")
    };
    exceptions.map(finding).collect()
}
