//! The codes under which log, API and Events tell a finding: one of them may be several diagnoses of ours, as what
//! helps is another thing.

use viaduct_config::finding::Code;

use super::Diagnosis;

/// What `viaduct explain MissingReference` says.
pub(super) fn explain(code: Code) -> String {
    let (meaning, diagnoses) = about(code);
    let mut text =
        format!("{code:?}: {meaning}\n\nThe log, `/api/viaduct/findings` and Events have this code");
    if diagnoses.is_empty() {
        text.push_str("; it is about a running process, so that `viaduct check` has none for it.\n");
        return text;
    }
    text.push_str(", log and API with that of `viaduct check` beside it, as `diagnosis`:\n\n");
    for diagnosis in diagnoses {
        let entry = diagnosis.entry();
        text.push_str(&format!("  {}  {}\n", entry.code, entry.title));
    }
    if let Some(first) = diagnoses.first() {
        text.push_str(&format!("\n`viaduct explain {}` tells more.\n", first.code()));
    }
    text
}

/// What it means, and how `check` calls it.
const fn about(code: Code) -> (&'static str, &'static [Diagnosis]) {
    use Diagnosis as D;
    match code {
        Code::UnreadableDocument => (
            "a file cannot be read, or is not YAML, JSON or TOML",
            &[D::Unreadable],
        ),
        Code::InvalidObject => (
            "a value has the wrong type, or a required part is missing",
            &[D::InvalidObject, D::UnknownKind],
        ),
        Code::UnknownField => (
            "a field or annotation that nothing reads",
            &[D::UnknownField, D::ForeignAnnotation],
        ),
        Code::MisplacedField => (
            "a field that belongs somewhere else, or says something else than was meant",
            &[D::MisplacedField, D::ClientAuthForBackend, D::BackendsOwnKey],
        ),
        Code::ApiVersion => (
            "an `apiVersion` that is missing or old",
            &[D::OldApiGroup, D::ApiVersion],
        ),
        Code::DuplicateObject => ("the same object or element is written twice", &[D::Duplicate]),
        Code::InvalidRule => ("a rule that cannot be read", &[D::InvalidRule]),
        Code::MissingReference => (
            "something is named that does not exist",
            &[
                D::ServiceMissing,
                D::SecretMissing,
                D::TransportMissing,
                D::MiddlewareMissing,
                D::TlsOptionMissing,
                D::ReferenceMissing,
            ],
        ),
        Code::ForbiddenReference => (
            "a reference that policy forbids: another namespace, another provider's or an internal name",
            &[D::ForbiddenReference],
        ),
        Code::Unsupported => ("something that this build does not serve yet", &[D::Unsupported]),
        Code::InvalidCertificate => (
            "a certificate or key that cannot be used",
            &[D::UnusableCertificate, D::KeyMismatch, D::SecretKeyMissing],
        ),
        Code::CertificateValidity => ("a certificate outside its validity", &[D::UnusableCertificate]),
        Code::RevokedCertificate => (
            "a certificate that its authority has revoked, or the operator: `bridge.revoked`, `bridge.revokedFile` or the annotation `viaduct.io/revoked`",
            &[],
        ),
        Code::OcspStapling => (
            "an OCSP answer cannot be had, or is missing where the certificate demands one",
            &[],
        ),
        Code::MissingTrust => (
            "a CA is missing, or what is named for one holds none",
            &[D::NoTrust, D::SecretKeyMissing, D::LeafAsRoot],
        ),
        Code::InvalidTlsOption => (
            "a TLS option with a value that is unknown or contradicts another one",
            &[D::InvalidTlsOption],
        ),
        Code::ConflictingTlsOptions => (
            "two routers give one host different TLS options",
            &[D::ConflictingTlsOptions],
        ),
        Code::UnknownEntryPoint => (
            "a router names an entry point that does not exist, or none that exists",
            &[D::EntryPointMissing],
        ),
        Code::InvalidService => (
            "a service that cannot be built, or a port that it does not have",
            &[D::InvalidService, D::PortMissing],
        ),
        Code::NoServers => ("a service without servers", &[D::NoServers]),
        Code::LastGoodKept => (
            "something was changed into what cannot be used, and its last good state is served on",
            &[],
        ),
        Code::TrustHeld => (
            "a change of trust waits, as servers would fail under it (`bridge.preflight: gate`)",
            &[],
        ),
        Code::BelowRequiredClass => (
            "a backend leg is less secure than `bridge.require` demands",
            &[D::BelowRequiredClass],
        ),
        Code::BridgeException => (
            "an entry of `bridge.exceptions` is for nothing that is there",
            &[D::BridgeException],
        ),
        Code::ClusterAccess => (
            "a Kubernetes API server refuses something, does not have it, or does not answer",
            &[],
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn c18_every_code_of_the_log_is_explained_once() {
        let names: HashSet<_> = Code::ALL.iter().map(|code| format!("{code:?}")).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for code in Code::ALL {
            let text = explain(code);
            assert!(text.starts_with(&format!("{code:?}: ")), "{text}");
            let (_, diagnoses) = about(code);
            let of_process =
                crate::is_of_a_process(code) || matches!(code, Code::LastGoodKept | Code::TrustHeld);
            assert_eq!(diagnoses.is_empty(), of_process, "{text}");
        }
    }
}
