//! From a refusal to a [`Fault`]: what was wanted, what was there, and what would mend it.

use std::fmt::Display;
use std::sync::Arc;

use rustls_pki_types::{CertificateDer, UnixTime};

use super::chain::{Purpose, seconds};
use super::name;
use crate::certificate::{CertificateFacts, Extensions, read};
use crate::reason::{ExpectedName, Fault, Reason, Remedy, date};
use crate::trust::Anchors;

/// The chain a server presented, read.
pub(super) struct Presented<'a> {
    pub(super) leaf: &'a CertificateDer<'a>,
    pub(super) rest: &'a [CertificateDer<'a>],
    leaf_facts: CertificateFacts,
    leaf_extensions: Extensions,
}

impl<'a> Presented<'a> {
    pub(super) fn read(leaf: &'a CertificateDer<'a>, rest: &'a [CertificateDer<'a>]) -> Result<Self, Fault> {
        match read(leaf) {
            Ok((leaf_facts, leaf_extensions)) => Ok(Self {
                leaf,
                rest,
                leaf_facts,
                leaf_extensions,
            }),
            Err(error) => Err(Fault::new(
                Reason::BadCertificate,
                "a readable server certificate",
                error,
            )),
        }
    }

    pub(super) fn leaf_facts(&self) -> &CertificateFacts {
        &self.leaf_facts
    }

    /// The last of the chain, where it is its own issuer.
    pub(super) fn authority(&self) -> Option<&CertificateDer<'a>> {
        let last = self.rest.last().unwrap_or(self.leaf);
        let facts = CertificateFacts::from_der(last).ok()?;
        facts.self_issued.then_some(last)
    }

    /// All that can be read of the chain, leaf first.
    fn facts(&self) -> Vec<CertificateFacts> {
        let rest = self
            .rest
            .iter()
            .filter_map(|der| CertificateFacts::from_der(der).ok());
        std::iter::once(self.leaf_facts.clone()).chain(rest).collect()
    }

    fn fault(&self, reason: Reason, wanted: impl Display, got: impl Display) -> Fault {
        Fault {
            presented: Arc::from(self.facts()),
            ..Fault::new(reason, wanted, got)
        }
    }

    pub(super) fn chain_fault(
        &self,
        error: &webpki::Error,
        anchors: &Anchors,
        expected: &ExpectedName,
        now: UnixTime,
    ) -> Fault {
        use webpki::Error;
        #[expect(clippy::wildcard_enum_match_arm, reason = "webpki's enum is open")]
        let fault = match error {
            Error::InvalidSignatureForPublicKey if self.has_weak_issuer(anchors) => self.weak_signature(),
            Error::UnknownIssuer | Error::InvalidSignatureForPublicKey => self.unknown_ca(error, anchors),
            // webpki looks at this before it looks for an issuer; it is a foreign certificate first of all.
            Error::CaUsedAsEndEntity if self.leaf_facts.self_issued => self.unknown_ca(error, anchors),
            Error::CertExpired { not_after, .. } => self.expired(not_after.as_secs(), anchors, now),
            Error::CertNotValidYet { not_before, .. } => {
                self.not_yet_valid(not_before.as_secs(), anchors, now)
            }
            Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => self.wrong_usage(),
            Error::NameConstraintViolation => self.fault(
                Reason::NameConstraint,
                "names that the CA's name constraints allow",
                format_args!("{}, under `{}`", names(&self.leaf_facts), self.leaf_facts.issuer),
            ),
            Error::UnsupportedSignatureAlgorithmContext(_)
            | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => self.weak_signature(),
            Error::CertRevoked => self.fault(
                Reason::Revoked,
                "a certificate that is not revoked",
                "a revoked one",
            ),
            other => self.bad_certificate(other),
        };
        if name::covers(&self.leaf_facts, expected) {
            return fault;
        }
        fault.and_got(format_args!(
            "nor does it name `{expected}` but {}",
            names(&self.leaf_facts)
        ))
    }

    fn unknown_ca(&self, error: &webpki::Error, anchors: &Anchors) -> Fault {
        let leaf = &self.leaf_facts;
        let chain = self.facts();
        let top = chain.last().unwrap_or(leaf);
        let lone_leaf = chain.len() == 1;
        let mut got = if leaf.self_issued && lone_leaf {
            format!("the self-signed `{}`", leaf.label())
        } else {
            format!("`{}` issued by `{}`", leaf.label(), top.issuer)
        };
        let namesake = anchors
            .roots()
            .iter()
            .any(|root| root.facts.subject == top.issuer);
        if matches!(error, webpki::Error::InvalidSignatureForPublicKey) || namesake {
            got.push_str(", signed with another key than that of the trusted certificate of this name");
        } else if lone_leaf && !leaf.self_issued {
            got.push_str(" (the server sent no intermediate certificates)");
        }
        let issuer = top.issuer.clone();
        let remedy = if namesake {
            Remedy::ReplaceIssuer { issuer }
        } else {
            Remedy::TrustIssuer {
                issuer,
                self_signed: leaf.self_issued && lone_leaf,
            }
        };
        Fault {
            remedy: Some(remedy),
            ..self.fault(Reason::UnknownCa, trusted(anchors), got)
        }
    }

    fn expired(&self, not_after: u64, anchors: &Anchors, now: UnixTime) -> Fault {
        let (who, remedy) = self.dated(anchors, |facts| seconds(facts.not_after) == not_after);
        let fault = self.fault(
            Reason::Expired,
            format_args!("certificates valid at {}", date(now.as_secs())),
            format_args!("{who}, expired at {}", date(not_after)),
        );
        Fault {
            remedy: Some(remedy),
            ..fault
        }
    }

    fn not_yet_valid(&self, not_before: u64, anchors: &Anchors, now: UnixTime) -> Fault {
        let (who, _) = self.dated(anchors, |facts| seconds(facts.not_before) == not_before);
        let fault = self.fault(
            Reason::NotYetValid,
            format_args!("certificates valid at {}", date(now.as_secs())),
            format_args!("{who}, valid from {}", date(not_before)),
        );
        Fault {
            remedy: Some(Remedy::FixClock),
            ..fault
        }
    }

    /// Whose date it is, and who has to act.
    fn dated(&self, anchors: &Anchors, is_it: impl Fn(&CertificateFacts) -> bool) -> (String, Remedy) {
        if let Some(facts) = self.facts().iter().find(|facts| is_it(facts)) {
            return (format!("`{}`", facts.label()), Remedy::RenewPeerCertificate);
        }
        match anchors
            .roots()
            .iter()
            .map(|root| &root.facts)
            .find(|facts| is_it(facts))
        {
            Some(root) => (
                format!("the trusted root `{}`", root.label()),
                Remedy::TrustIssuer {
                    issuer: root.subject.clone(),
                    self_signed: false,
                },
            ),
            None => (
                "a certificate of the chain".to_owned(),
                Remedy::RenewPeerCertificate,
            ),
        }
    }

    fn wrong_usage(&self) -> Fault {
        let got = match &self.leaf_extensions.usages {
            Some(usages) if !self.leaf_extensions.server_auth => {
                format!("`{}` with {}", self.leaf_facts.label(), usages.join(", "))
            }
            Some(_) | None => format!(
                "an issuer of `{}` with other usages only",
                self.leaf_facts.label()
            ),
        };
        let wanted = format!("extended key usage {}, or none", Purpose::Server.name());
        Fault {
            remedy: Some(Remedy::RenewPeerCertificate),
            ..self.fault(Reason::WrongUsage, wanted, got)
        }
    }

    fn weak_signature(&self) -> Fault {
        let fault = self.fault(
            Reason::BadCertificate,
            "signatures by ECDSA, Ed25519, or RSA of 2048 bits or more, with SHA-256 or better",
            format_args!(
                "a chain of `{}` with a weaker or unknown one",
                self.leaf_facts.label()
            ),
        );
        fault.with_remedy(Remedy::RenewPeerCertificate)
    }

    /// A key too small to be used at all makes a signature look wrong.
    fn has_weak_issuer(&self, anchors: &Anchors) -> bool {
        let is_issuer = |facts: &CertificateFacts, extensions: &Extensions| {
            extensions.weak_key && (facts.subject == self.leaf_facts.issuer || self.rest.len() > 1)
        };
        anchors
            .roots()
            .iter()
            .any(|root| is_issuer(&root.facts, &root.extensions))
            || self
                .rest
                .iter()
                .filter_map(|der| read(der).ok())
                .any(|(facts, extensions)| is_issuer(&facts, &extensions))
    }

    fn bad_certificate(&self, error: &webpki::Error) -> Fault {
        use webpki::Error;
        let leaf = self.leaf_facts.label();
        #[expect(clippy::wildcard_enum_match_arm, reason = "webpki's enum is open")]
        let (wanted, got) = match error {
            Error::CaUsedAsEndEntity => (
                "a server certificate",
                format!("the CA certificate `{leaf}`, which is not itself trusted"),
            ),
            Error::EndEntityUsedAsCa => (
                "issuers that are CAs",
                format!("`{leaf}` issued by a certificate that is none"),
            ),
            Error::PathLenConstraintViolated => {
                ("a chain within its CAs' path length", "a longer chain".to_owned())
            }
            Error::UnsupportedCertVersion => (
                "an X.509 version 3 certificate",
                format!("`{leaf}`, of an older version"),
            ),
            Error::UnsupportedCriticalExtension => (
                "critical extensions that are understood",
                format!("`{leaf}` with another"),
            ),
            other => (
                "a well-formed certificate chain",
                format!("the chain of `{leaf}`: {other:?}"),
            ),
        };
        Fault {
            remedy: Some(Remedy::RenewPeerCertificate),
            ..self.fault(Reason::BadCertificate, wanted, got)
        }
    }

    /// The chain is good, so the names in it may be believed and one of them proposed.
    pub(super) fn name_fault(&self, expected: &ExpectedName) -> Fault {
        let (reason, wanted) = match expected {
            ExpectedName::Dns(name) => (Reason::NameMismatch, format!("a certificate for `{name}`")),
            ExpectedName::Ip(address) => (
                Reason::NoIpSan,
                format!("a certificate for the IP address {address}"),
            ),
        };
        let leaf = &self.leaf_facts;
        let known = leaf.dns_names.iter().find(|name| !name.starts_with('*')).cloned();
        let known = known.or_else(|| leaf.ip_addresses.first().map(ToString::to_string));
        Fault {
            remedy: known.map(Remedy::SetServerName),
            ..self.fault(reason, wanted, names(leaf))
        }
    }

    pub(super) fn uri_fault(&self, wanted: &str) -> Fault {
        let uris = &self.leaf_facts.uris;
        let got = if uris.is_empty() {
            "no URI names".to_owned()
        } else {
            format!("URI names {}", list(uris))
        };
        let fault = self.fault(Reason::UriMismatch, format_args!("the URI name `{wanted}`"), got);
        Fault {
            remedy: Some(Remedy::RemovePeerUri),
            ..fault
        }
    }
}

/// What is trusted, in few words.
fn trusted(anchors: &Anchors) -> String {
    let roots: Vec<String> = anchors
        .roots()
        .iter()
        .take(MANY + 1)
        .map(|root| root.facts.label())
        .collect();
    if roots.len() > MANY {
        return format!("a chain to one of the {} trusted roots", anchors.roots().len());
    }
    format!("a chain to {}", list(&roots))
}

/// The names that count, and a hint where only the common name is there.
fn names(facts: &CertificateFacts) -> String {
    let mut parts = Vec::new();
    if !facts.dns_names.is_empty() {
        parts.push(format!("DNS names {}", list(&facts.dns_names)));
    }
    if !facts.ip_addresses.is_empty() {
        let addresses: Vec<String> = facts.ip_addresses.iter().map(ToString::to_string).collect();
        parts.push(format!("IP addresses {}", list(&addresses)));
    }
    match (parts.is_empty(), &facts.common_name) {
        (false, _) => parts.join(" and "),
        (true, Some(name)) => {
            format!(
                "no DNS names or IP addresses (its common name `{}` does not count)",
                name.escape_debug()
            )
        }
        (true, None) => "no DNS names or IP addresses".to_owned(),
    }
}

fn list(items: &[String]) -> String {
    let shown: Vec<String> = items
        .iter()
        .take(MANY)
        .map(|item| format!("`{}`", item.escape_debug()))
        .collect();
    match items.len().checked_sub(MANY) {
        None | Some(0) => shown.join(", "),
        Some(more) => format!("{} and {more} more", shown.join(", ")),
    }
}

/// How many names a message lists.
const MANY: usize = 8;
