//! Install configuration.

use viaduct_check::Diagnosis as D;

use crate::Cell::{self, Never, With};
use crate::Form;

pub(crate) const FORM: Form = Form {
    right: include_str!("install.yaml"),
    said: &[],
    cell,
};

const DYNAMIC: &str = "it is about what is routed, and install configuration has no routes";

fn cell(diagnosis: D) -> Cell {
    match diagnosis {
        D::Unreadable => With(&[("  websecure:", "\twebsecure:")]),
        D::NotConfiguration => With(&[("$", "---\nreplicas: 2\n")]),
        D::OptionUnknown => With(&[("address", "adress")]),
        D::OptionRefused => With(&[("kubernetesCRD: {}", "docker: {}")]),
        D::OptionInvalid => With(&[(":443", ":443\n    http3:\n      advertisedPort: many")]),
        D::OptionWithoutEffect => With(&[("$", "global:\n  checkNewVersion: false\n")]),
        D::OptionDeprecated => With(&[("$", "core:\n  defaultRuleSyntax: v2\n")]),
        D::BridgeException => With(&[(
            "$",
            "bridge:\n  exceptions:\n  - service: legacy@file\n    until: 2027-01-31\n    reason: moves in January\n",
        )]),
        D::SkipVerify => With(&[("$", "serversTransport:\n  insecureSkipVerify: true\n")]),
        D::Duplicate => Never("an option that is there twice makes the file unreadable: V0001"),
        D::Fragment
        | D::OldApiGroup
        | D::ApiVersion
        | D::InvalidObject
        | D::UnknownKind
        | D::NoNamespace
        | D::Placeholder
        | D::ServiceMissing
        | D::PortMissing
        | D::SecretMissing
        | D::TransportMissing
        | D::MiddlewareMissing
        | D::TlsOptionMissing
        | D::SecretKeyMissing
        | D::ForbiddenReference
        | D::EntryPointMissing
        | D::ReferenceMissing
        | D::MisplacedField
        | D::UnknownField
        | D::ForeignAnnotation
        | D::DeprecatedField
        | D::InvalidRule
        | D::Unsupported
        | D::InvalidService
        | D::NoServers
        | D::Unreachable
        | D::ClientAuthForBackend
        | D::ConflictingTlsOptions
        | D::InvalidTlsOption
        | D::BackendsOwnKey
        | D::LeafAsRoot
        | D::NoTrust
        | D::PlainBackend
        | D::NameNotCarried
        | D::NoTransport
        | D::KeyOfCa
        | D::BelowRequiredClass
        | D::KeyMismatch
        | D::UnusableCertificate
        | D::Expired
        | D::ExpiresSoon
        | D::NotYetValid
        | D::IncompleteChain
        | D::WeakKey => Never(DYNAMIC),
    }
}
