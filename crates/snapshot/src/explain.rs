//! Turns a fault into the edit that mends it: the smallest YAML, in Traefik's words.

mod mend;
mod merge;
mod place;
mod service;

use viaduct_tls::backend_leg::Verification;
use viaduct_tls::names::Version;
use viaduct_tls::{Fault, Reason, Remedy};

use crate::bridge::{Backend, BridgeClass, Subject};
use crate::{Router, Transport};
pub use mend::mend;
pub use merge::{Merge, merges};
use place::Place;

/// The hint of a log line, such as
/// ``set `serverName: other.example.com` in ServersTransport web/web-transport``. One line.
pub fn hint(fault: &Fault, transport: &Transport, router: &Router) -> Option<String> {
    let place = Place::of(transport, router);
    Some(match Edit::mending(fault, transport) {
        Some(Edit::Transport(change)) => place.instruction(&change),
        Some(Edit::Scheme(scheme)) => service::speak(router, transport, scheme),
        // The same certificate again would do no better.
        Some(Edit::Elsewhere(_)) if matches!(fault.reason, Reason::WrongUsage | Reason::BadCertificate) => {
            mend(fault.reason).to_owned()
        }
        Some(Edit::Elsewhere(advice)) => advice.to_owned(),
        None => general(fault.reason, &place),
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
fn general(reason: Reason, place: &Place<'_>) -> String {
    match reason {
        Reason::ConnectRefused => format!(
            "nothing listens at the server's port: compare `port` at the service of {} with the ports of its Service and of its endpoints, and these with where the application listens",
            place.router()
        ),
        Reason::UnrecognizedName => place.instruction(&Change::Choose(
            "serverName",
            "a name that the server has a certificate for",
        )),
        Reason::ConnectTimeout => format!(
            "{}, if the network allows the connection at all",
            place.instruction(&Change::Choose("forwardingTimeouts.dialTimeout", "a longer time"))
        ),
        Reason::ResponseTimeout => format!(
            "{}, or make the server faster",
            place.instruction(&Change::Choose(
                "forwardingTimeouts.responseHeaderTimeout",
                "a longer time"
            ))
        ),
        _ => mend(reason).to_owned(),
    }
}

/// The same edit as YAML, over several lines; `None` where no configuration of ours is known to mend the fault.
///
/// What it says is merged into the objects it names: mappings field by field, `null` takes a field away, items of
/// `routes` and `services` are those with the same `match` or `name` (an item with neither stands for each), other
/// lists are there in full. Secrets and files that it names and that are not there are to be made; comments say of what.
pub fn suggestion(fault: &Fault, transport: &Transport, router: &Router) -> Option<String> {
    match Edit::mending(fault, transport)? {
        Edit::Transport(change) => {
            let place = Place::of(transport, router);
            let yaml = place.yaml(&change)?;
            Some(if place.is_default() {
                format!("{yaml}{}", service::naming(router, transport, place::NEW_NAME))
            } else {
                yaml
            })
        }
        Edit::Scheme(scheme) => Some(service::speaking(router, transport, scheme)),
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
    /// With what may be done instead.
    Remove(&'static str, &'static str),
    /// To a value that only people know: what it has to be.
    Choose(&'static str, &'static str),
}

/// What comes from Secrets in Kubernetes, and from files elsewhere.
#[derive(Clone, Copy)]
enum Material {
    RootCas,
    ClientCertificates,
}

impl Edit {
    fn mending(fault: &Fault, transport: &Transport) -> Option<Self> {
        match &fault.remedy {
            Some(remedy) => Some(Self::of(remedy)),
            None => Self::widening(fault.reason, transport).map(Self::Transport),
        }
    }

    /// Lifts a restriction of the transport's own that leaves nothing in common with a server.
    fn widening(reason: Reason, transport: &Transport) -> Option<Change> {
        let policy = transport.tls.policy();
        match reason {
            Reason::VersionOrCipher if policy.versions.min == Version::Tls13 => {
                Some(Change::Set("minVersion", "VersionTLS12".to_owned()))
            }
            Reason::VersionOrCipher if policy.versions.max == Version::Tls12 => {
                Some(Change::Set("maxVersion", "VersionTLS13".to_owned()))
            }
            Reason::VersionOrCipher if policy.cipher_suites.is_some() => {
                Some(Change::Remove("cipherSuites", "name one that the server has"))
            }
            Reason::Alpn if transport.disable_http2 => Some(Change::Set("disableHTTP2", "false".to_owned())),
            _ => None,
        }
    }

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
            Remedy::RemovePeerUri => Self::Transport(Change::Remove(
                "peerCertURI",
                "set it to a URI of the certificate",
            )),
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
