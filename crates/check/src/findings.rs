//! Findings of translation and compilation -> diagnostics: the entry of the catalogue, the bytes, the edits.

mod entry_point;
pub(crate) mod mend;
mod status;

use std::collections::HashMap;
use viaduct_config::{Finding, Location};

use viaduct_config::finding::Code;

use crate::catalogue::Diagnosis;
use crate::diagnostic::Diagnostic;
use crate::lints::Objects;
use crate::serve::Served;
use crate::source::Sources;
use status::Statuses;

/// One diagnostic for one mistake: what follows from another finding is told with that one.
pub(crate) fn diagnostics(sources: &Sources, served: &Served) -> Vec<Diagnostic> {
    let findings = served.findings.as_slice();
    let statuses = Statuses::of(served);
    let mut roots: Vec<(Finding, Vec<String>)> = Vec::new();
    let mut by_place: HashMap<(Option<&Location>, &str), Vec<usize>> = HashMap::new();
    for finding in findings {
        let root = finding.root();
        let near = by_place
            .entry((root.location.as_ref(), root.message.as_str()))
            .or_default();
        let is_known = |at: &&usize| roots.get(**at).is_some_and(|(known, _)| known == root);
        let known = near.iter().find(is_known).copied();
        let position = known.unwrap_or_else(|| {
            roots.push((root.clone(), Vec::new()));
            near.push(roots.len() - 1);
            roots.len() - 1
        });
        let affected = finding.cause.is_some().then(|| subject(finding)).flatten();
        if let (Some(name), Some((root, affects))) = (affected, roots.get_mut(position))
            && subject(root).as_ref() != Some(&name)
            && !affects.contains(&name)
        {
            affects.push(name);
        }
    }
    // That none is left follows from each that does not exist.
    let lost = |finding: &Finding| {
        finding.code == Code::UnknownEntryPoint
            && finding.got.is_none()
            && findings.iter().any(|other| {
                other.code == finding.code
                    && other.got.is_some()
                    && other.object == finding.object
                    && other.element == finding.element
            })
    };
    let objects = Objects::new(sources);
    let is_no_fault = |finding: &Finding| {
        diagnosis(finding) == Diagnosis::BackendsOwnKey && mend::is_for_clients(sources, &objects, finding)
    };
    roots
        .into_iter()
        // A lint of ours tells of it in full.
        .filter(|(finding, _)| !lost(finding) && !TOLD_BY_LINTS.contains(&diagnosis(finding)))
        .filter(|(finding, _)| !is_no_fault(finding))
        .map(|(finding, affects)| {
            let mut diagnostic = Diagnostic {
                affects,
                ..diagnostic(sources, &objects, &finding)
            };
            statuses.tell(sources, &finding, &mut diagnostic);
            diagnostic
        })
        .collect()
}

fn diagnostic(sources: &Sources, objects: &Objects<'_>, finding: &Finding) -> Diagnostic {
    let diagnosis = diagnosis(finding);
    let mut diagnostic = Diagnostic::new(diagnosis, finding.message.clone());
    diagnostic.severity = finding.severity;
    diagnostic.subject = subject(finding);
    diagnostic.field.clone_from(&finding.field);
    diagnostic.wanted.clone_from(&finding.wanted);
    diagnostic.got.clone_from(&finding.got);
    if let Some((place, help)) = entry_point::named(sources, finding) {
        diagnostic.place = Some(place);
        diagnostic.help = help;
        return diagnostic;
    }
    if let Some(location) = &finding.location {
        let keys = matches!(finding.code, Code::UnknownField | Code::MisplacedField);
        diagnostic.place = sources.place(location, finding.field.as_deref(), keys);
        if diagnostic.place.is_none() {
            diagnostic.elsewhere = Some(location.to_string());
        }
    }
    diagnostic.help = mend::help(sources, objects, finding, diagnosis);
    diagnostic
}

/// The object that a finding is about, or the element.
fn subject(finding: &Finding) -> Option<String> {
    let object = finding.object.as_ref().map(ToString::to_string);
    object.or_else(|| finding.element.as_ref().map(ToString::to_string))
}

/// The code under which `check` tells a finding of serving; `None` where it is about a process, which no text shows.
pub fn code_of(finding: &Finding) -> Option<&'static str> {
    let is_kept = matches!(finding.code, Code::LastGoodKept | Code::TrustHeld);
    (!is_kept && !crate::is_of_a_process(finding.code)).then(|| diagnosis(finding).code())
}

/// The entry of the catalogue. One code of serving may be several of ours: what helps is another thing.
fn diagnosis(finding: &Finding) -> Diagnosis {
    let message = finding.message.as_str();
    let field = finding.field.as_deref().unwrap_or_default();
    match finding.code {
        Code::UnreadableDocument
        | Code::LastGoodKept
        | Code::TrustHeld
        | Code::ClusterAccess
        | Code::OcspStapling
        | Code::RevokedCertificate => Diagnosis::Unreadable,
        Code::InvalidObject if field == "kind" => Diagnosis::UnknownKind,
        Code::InvalidObject => Diagnosis::InvalidObject,
        Code::UnknownField if message.contains("is another controller's") => Diagnosis::ForeignAnnotation,
        Code::UnknownField => Diagnosis::UnknownField,
        Code::MisplacedField if field == "spec.tls.options" => Diagnosis::ClientAuthForBackend,
        Code::MisplacedField if field.contains("certificatesSecrets[") => Diagnosis::BackendsOwnKey,
        Code::MisplacedField => Diagnosis::MisplacedField,
        Code::ApiVersion if finding.got.as_deref().is_some_and(is_old_group) => Diagnosis::OldApiGroup,
        Code::ApiVersion => Diagnosis::ApiVersion,
        Code::DuplicateObject => Diagnosis::Duplicate,
        Code::InvalidRule => Diagnosis::InvalidRule,
        Code::MissingReference => missing(message, field),
        Code::ForbiddenReference => Diagnosis::ForbiddenReference,
        Code::Unsupported => Diagnosis::Unsupported,
        Code::MissingTrust if message.contains("trusted as it is") => Diagnosis::LeafAsRoot,
        Code::InvalidCertificate | Code::MissingTrust if finding.wanted.is_some() => {
            Diagnosis::SecretKeyMissing
        }
        Code::MissingTrust => Diagnosis::NoTrust,
        Code::InvalidCertificate if message.contains("does not belong to the certificate") => {
            Diagnosis::KeyMismatch
        }
        Code::InvalidCertificate | Code::CertificateValidity => Diagnosis::UnusableCertificate,
        Code::InvalidTlsOption => Diagnosis::InvalidTlsOption,
        Code::ConflictingTlsOptions => Diagnosis::ConflictingTlsOptions,
        Code::UnknownEntryPoint => Diagnosis::EntryPointMissing,
        Code::InvalidService if field.ends_with(".port") || field.contains(".port.") => {
            Diagnosis::PortMissing
        }
        Code::InvalidService => Diagnosis::InvalidService,
        Code::NoServers => Diagnosis::NoServers,
        Code::BelowRequiredClass => Diagnosis::BelowRequiredClass,
        Code::BridgeException => Diagnosis::BridgeException,
    }
}

/// What the lints tell of in full, wherever translation does.
const TOLD_BY_LINTS: [Diagnosis; 2] = [Diagnosis::ClientAuthForBackend, Diagnosis::ForeignAnnotation];

fn is_old_group(version: &str) -> bool {
    version.starts_with("traefik.containo.us/")
}

/// Messages begin with the kind of what is missing, in the words of the object or of the element; those about an
/// annotation are told apart by it.
fn missing(message: &str, field: &str) -> Diagnosis {
    let of_annotation = [
        ("router.middlewares]", Diagnosis::MiddlewareMissing),
        ("router.tls.options]", Diagnosis::TlsOptionMissing),
        ("service.serverstransport]", Diagnosis::TransportMissing),
    ];
    let named = field.to_ascii_lowercase();
    if let Some((_, diagnosis)) = of_annotation.iter().find(|(end, _)| named.ends_with(end)) {
        return *diagnosis;
    }
    let begins = |words: &[&str]| words.iter().any(|word| message.starts_with(word));
    if begins(&[
        "Service `",
        "service `",
        "the service",
        "the router has no service",
    ]) {
        Diagnosis::ServiceMissing
    } else if begins(&["Secret `", "ConfigMap `"]) {
        Diagnosis::SecretMissing
    } else if begins(&["ServersTransport", "servers transport"]) {
        Diagnosis::TransportMissing
    } else if begins(&["Middleware", "middleware"]) {
        Diagnosis::MiddlewareMissing
    } else if begins(&["TLSOption", "TLS options"]) {
        Diagnosis::TlsOptionMissing
    } else {
        Diagnosis::ReferenceMissing
    }
}
