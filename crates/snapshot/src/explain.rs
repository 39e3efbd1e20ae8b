//! Turns a fault into the edit that mends it: the smallest YAML, in Traefik's words.

mod place;

use viaduct_tls::backend_leg::Verification;
use viaduct_tls::{Fault, Reason, Remedy};

use crate::bridge::{Backend, BridgeClass, Subject};
use crate::{Router, Transport};
use place::Place;

/// The hint of a log line, such as
/// ``set `serverName: other.example.com` in ServersTransport web/web-transport``. One line.
pub fn hint(fault: &Fault, transport: &Transport, router: &Router) -> Option<String> {
    let place = Place::of(transport, router);
    let Some(remedy) = &fault.remedy else {
        return general(fault.reason, &place);
    };
    Some(match Edit::of(remedy) {
        Edit::Transport(change) => place.instruction(&change),
        Edit::Scheme(scheme) => format!("set `scheme: {scheme}` at the service of {}", place.router()),
        Edit::Elsewhere(advice) => advice.to_owned(),
    })
}

/// The edit that lifts a service, as a router reaches it, from `class` to `required`. One line.
pub(crate) fn raise(
    class: BridgeClass,
    required: BridgeClass,
    backend: &Backend<'_>,
    subject: &Subject<'_>,
) -> String {
    let transport = &backend.balancer.transport;
    let place = Place::at(transport, subject.origin, subject.name);
    let skips = transport.tls.policy().verification == Verification::DangerSkip;
    let mut edits = Vec::new();
    if class <= BridgeClass::Plaintext && required > BridgeClass::Plaintext {
        edits.push(place.speak_tls(&backend.service.name));
    }
    if required > BridgeClass::Unverified {
        if skips {
            edits.push(place.verify());
        } else if class <= BridgeClass::Plaintext && place.is_default() {
            edits.push(place.trust());
        }
    }
    if required == BridgeClass::Mtls && transport.tls.policy().identities.is_empty() {
        let what = "a client certificate that the servers accept".to_owned();
        edits.push(place.instruction(&Change::Add(Material::ClientCertificates, what)));
    }
    edits.join("; ")
}

/// Where to look when no single edit is known to mend it.
fn general(reason: Reason, place: &Place<'_>) -> Option<String> {
    (reason == Reason::ConnectRefused).then(|| {
        format!(
            "nothing listens at the server's port: compare `port` at the service of {} with the ports of its Service and of its endpoints, and these with where the application listens",
            place.router()
        )
    })
}

/// The same edit as YAML to paste, over several lines; `None` where no configuration of ours mends the
/// fault.
pub fn suggestion(fault: &Fault, transport: &Transport, router: &Router) -> Option<String> {
    let place = Place::of(transport, router);
    match Edit::of(fault.remedy.as_ref()?) {
        Edit::Transport(change) => Some(place.yaml(&change)),
        Edit::Scheme(scheme) => Some(format!(
            "# at the service of {}:\nscheme: {scheme}\n",
            place.router()
        )),
        Edit::Elsewhere(_) => None,
    }
}

/// What a [`Remedy`] comes to in configuration.
enum Edit {
    /// A field of the servers transport.
    Transport(Change),
    /// The scheme of the server URL, or of the Kubernetes service reference.
    Scheme(&'static str),
    /// Nothing of ours.
    Elsewhere(&'static str),
}

/// A change of one field of a servers transport.
enum Change {
    Set(&'static str, String),
    Add(Material, String),
    Replace(Material),
    /// A CA for another one of the same name.
    Exchange(Material, String),
    Remove(&'static str),
}

/// What comes from Secrets in Kubernetes, and from files elsewhere.
#[derive(Clone, Copy)]
enum Material {
    RootCas,
    ClientCertificates,
}

impl Edit {
    fn of(remedy: &Remedy) -> Self {
        match remedy {
            Remedy::SetServerName(name) => Self::Transport(Change::Set("serverName", yaml_scalar(name))),
            Remedy::TrustIssuer {
                self_signed: true, ..
            } => Self::Transport(Change::Add(
                Material::RootCas,
                "the server's own certificate (it is self-signed)".to_owned(),
            )),
            Remedy::TrustIssuer {
                issuer,
                self_signed: false,
            } => Self::Transport(Change::Add(
                Material::RootCas,
                format!("the CA `{}`", one_line(issuer)),
            )),
            Remedy::ReplaceIssuer { issuer } => {
                Self::Transport(Change::Exchange(Material::RootCas, one_line(issuer)))
            }
            Remedy::OfferClientCertificate { issuers } => Self::Transport(Change::Add(
                Material::ClientCertificates,
                client_certificate(issuers),
            )),
            Remedy::ReplaceClientCertificate => {
                Self::Transport(Change::Replace(Material::ClientCertificates))
            }
            // Allowing an older version lowers the minimum, allowing the newest raises the maximum.
            Remedy::AllowVersion(version @ "VersionTLS13") => {
                Self::Transport(Change::Set("maxVersion", (*version).to_owned()))
            }
            Remedy::AllowVersion(version) => {
                Self::Transport(Change::Set("minVersion", (*version).to_owned()))
            }
            Remedy::RemovePeerUri => Self::Transport(Change::Remove("peerCertURI")),
            Remedy::UseScheme(scheme) => Self::Scheme(scheme),
            Remedy::RenewPeerCertificate => Self::Elsewhere("renew the server's certificate"),
            Remedy::FixClock => {
                Self::Elsewhere("set the clock of this machine, or of the one that issued the certificate")
            }
        }
    }
}

fn client_certificate(issuers: &[String]) -> String {
    let mut shown: Vec<_> = issuers
        .iter()
        .take(MAX_ISSUERS)
        .map(|issuer| format!("`{}`", one_line(issuer)))
        .collect();
    if issuers.len() > MAX_ISSUERS {
        shown.push("others".to_owned());
    }
    if shown.is_empty() {
        "a client certificate that the server accepts".to_owned()
    } else {
        format!("a client certificate issued by {}", shown.join(" or "))
    }
}

/// A plain YAML scalar where that is safe, a quoted one elsewhere: names come from certificates, which
/// the peer wrote.
fn yaml_scalar(text: &str) -> String {
    let plain = text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/'))
        && !YAML_WORDS.contains(&text.to_ascii_lowercase().as_str());
    if plain && text.len() <= MAX_SHOWN {
        return text.to_owned();
    }
    format!("'{}'", one_line(text).replace('\'', "''"))
}

/// Without control characters, and not endless.
fn one_line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_SHOWN).collect()
}

/// Plain scalars that YAML (1.1 or 1.2) does not read as text.
const YAML_WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
const MAX_ISSUERS: usize = 3;
const MAX_SHOWN: usize = 256;

#[cfg(test)]
mod tests;
