//! OCSP answers -> staples of certificates, and what is to be said about them.
//!
//! Staples are no part of what a certificate is: identities are kept without them, so that a new answer
//! makes a new certificate store and nothing else. Policies, tickets and backend pools live on.

use std::collections::HashMap;
use std::sync::Arc;

use viaduct_config::finding::Code;
use viaduct_config::{Element, Finding, ProviderName, Severity};
use viaduct_tls::Identity;
use viaduct_tls::ocsp::{Staple, Staples, Status};

use super::certificates::DEFAULT;
use super::sources::Sources;

/// What is to be stapled to a certificate.
pub(super) fn of(identity: &Identity, staples: Option<&Staples>) -> Option<Arc<Staple>> {
    staples?.get(&identity.facts().fingerprint)?.staple.clone()
}

/// The certificate as it is served.
pub(super) fn stapled((identity, staple): (&Arc<Identity>, &Option<Arc<Staple>>)) -> Arc<Identity> {
    match staple {
        Some(staple) => Arc::new(identity.with_ocsp(staple.response().to_vec())),
        None => Arc::clone(identity),
    }
}

/// Findings about every certificate that is served.
pub(super) fn tell(
    staples: Option<&Staples>,
    sources: &Sources<'_>,
    by_provider: &HashMap<ProviderName, Arc<Vec<Option<Arc<Identity>>>>>,
    default: &Identity,
    findings: &mut Vec<Finding>,
) {
    for source in sources.iter() {
        let identities = by_provider.get(source.provider()).into_iter();
        let identities = identities.flat_map(|identities| identities.iter());
        for (index, identity) in identities.enumerate() {
            let finding = identity.as_ref().and_then(|identity| about(identity, staples));
            findings.extend(finding.map(|finding| source.at(Element::Certificate(index), finding)));
        }
    }
    let owner = sources
        .iter()
        .find(|source| source.update.dynamic.tls.stores.contains_key(DEFAULT));
    if let (Some(source), Some(finding)) = (owner, about(default, staples)) {
        findings.push(source.at(
            Element::TlsStore(DEFAULT.into()),
            finding.field("defaultCertificate"),
        ));
    }
}

fn about(identity: &Identity, staples: Option<&Staples>) -> Option<Finding> {
    let label = || identity.facts().label();
    let Some(staples) = staples else {
        return identity.must_staple().then(|| stapling_is_off(&label()));
    };
    let stapling = staples.get(&identity.facts().fingerprint)?;
    if let Some(staple) = &stapling.staple
        && staple.status() == Status::Revoked
    {
        return Some(revoked(&label()));
    }
    let fault = stapling.fault.as_deref()?;
    let (severity, consequence) = match (&stapling.staple, identity.must_staple()) {
        (Some(_), _) => (Severity::Warning, "the last answer is stapled until it expires"),
        (None, false) => (Severity::Warning, "it is served without one"),
        (None, true) => (
            Severity::Error,
            "clients refuse it, because it demands one (must-staple)",
        ),
    };
    let message = format!(
        "there is no new OCSP answer for the certificate `{}`: {consequence}",
        label()
    );
    Some(
        Finding::new(severity, Code::OcspStapling, message)
            .wanted("a valid answer of its OCSP responder")
            .got(fault),
    )
}

fn stapling_is_off(label: &str) -> Finding {
    let message = format!(
        "the certificate `{label}` demands a stapled OCSP answer (must-staple), and stapling is off: clients refuse it"
    );
    Finding::warning(Code::OcspStapling, message)
        .hint("switch OCSP stapling on: `viaduct up --ocsp`, or `ocsp` in the install configuration")
}

fn revoked(label: &str) -> Finding {
    let message =
        format!("the certificate `{label}` was revoked by its authority: clients that look refuse it");
    Finding::error(Code::RevokedCertificate, message)
        .wanted("OCSP status good")
        .got("OCSP status revoked")
        .hint("replace the certificate and its key")
}
