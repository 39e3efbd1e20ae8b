//! Certificates as such: their time, their chain, their keys.

use std::time::SystemTime;

use viaduct_config::{Element, Update};
use viaduct_tls::certificate::pem_chain;
use viaduct_tls::{CertificateDetails, CertificateFacts};

use super::Looked;
use super::guards::client_cas;
use super::objects::{Object, Objects, list};
use super::trusts::Of;
use crate::Setting;
use crate::catalogue::Diagnosis;
use crate::diagnostic::Diagnostic;
use crate::place::Place;
use crate::serve::Served;

pub(super) fn look(looked: &Looked<'_>, served: &Served, setting: &Setting, found: &mut Vec<Diagnostic>) {
    let objects = &looked.objects;
    let mut uses = of_objects(objects);
    uses.extend(of_files(looked, served));
    let known: Vec<CertificateFacts> = authorities(objects);
    for one in &uses {
        let chain = certificates(&one.pem);
        let Some((first, _)) = chain.first() else { continue };
        // A list of CAs has no order; any of them may be too old.
        let looked = if one.is_pair {
            chain.get(..1).unwrap_or_default()
        } else {
            &chain
        };
        for (facts, details) in looked {
            in_time(one, facts, setting, found);
            weak(one, facts, details.as_ref(), found);
        }
        if one.is_pair {
            complete(one, first, &chain, &known, found);
        }
    }
}

/// Material that something names.
struct Use {
    pem: Vec<u8>,
    /// A certificate with its chain; otherwise CAs.
    is_pair: bool,
    what: String,
    subject: String,
    place: Option<Place>,
    field: String,
}

impl Use {
    fn diagnostic(&self, diagnosis: Diagnosis, message: String) -> Diagnostic {
        let diagnostic = Diagnostic::new(diagnosis, message)
            .about(self.subject.as_str())
            .at(self.place.clone());
        if self.field.is_empty() {
            diagnostic
        } else {
            diagnostic.field(self.field.as_str())
        }
    }
}

/// Every Secret that an object names for its certificate or CA.
fn of_objects(objects: &Objects<'_>) -> Vec<Use> {
    let mut uses = Vec::new();
    for object in objects.all() {
        for (path, name, is_pair) in named(object) {
            let Some(secret) = objects.get("Secret", object.namespace, name) else {
                continue;
            };
            let material = if is_pair {
                secret.value("tls.crt").map(|pem| ("tls.crt", pem))
            } else {
                secret.ca()
            };
            if let Some((key, pem)) = material {
                uses.push(Use {
                    pem,
                    is_pair,
                    what: format!("`{key}` of Secret `{name}`"),
                    subject: object.subject(),
                    place: objects.place_of(object, &path),
                    field: path,
                });
            }
        }
    }
    uses
}

/// Path, Secret, and whether it is for a certificate with its key.
fn named(object: Object<'_>) -> Vec<(String, &str, bool)> {
    let root = object.root;
    let mut found = Vec::new();
    let mut one = |path: String, is_pair: bool| {
        let field = crate::place::Field::at(root, &path);
        if let Some(name) = field.and_then(|field| field.value.as_str()) {
            found.push((path, name, is_pair));
        }
    };
    let items = |path: &str| list(root, path).len();
    match object.kind {
        "IngressRoute" | "IngressRouteTCP" => {
            one("spec.tls.secretName".to_owned(), true);
            (0..items("spec.routes")).for_each(|index| one(format!("spec.routes[{index}].secretName"), true));
        }
        "Ingress" => {
            (0..items("spec.tls")).for_each(|index| one(format!("spec.tls[{index}].secretName"), true))
        }
        "TLSStore" => {
            one("spec.defaultCertificate.secretName".to_owned(), true);
            (0..items("spec.certificates"))
                .for_each(|index| one(format!("spec.certificates[{index}].secretName"), true));
        }
        "TLSOption" => {
            let path = "spec.clientAuth.secretNames";
            (0..items(path)).for_each(|index| one(format!("{path}[{index}]"), false));
        }
        "ServersTransport" | "ServersTransportTCP" => {
            let at = if object.kind == "ServersTransport" {
                "spec"
            } else {
                "spec.tls"
            };
            let path = format!("{at}.certificatesSecrets");
            (0..items(&path)).for_each(|index| one(format!("{path}[{index}]"), true));
            let path = format!("{at}.rootCAsSecrets");
            (0..items(&path)).for_each(|index| one(format!("{path}[{index}]"), false));
            let path = format!("{at}.rootCAs");
            (0..items(&path)).for_each(|index| one(format!("{path}[{index}].secret"), false));
        }
        _ => {}
    }
    found
}

/// Certificates and CAs of the file provider, whose PEM files have been read.
fn of_files(looked: &Looked<'_>, served: &Served) -> Vec<Use> {
    let objects = &looked.objects;
    let mut uses = Vec::new();
    let updates = served.updates.iter();
    for update in updates.filter(|update| update.provider.as_str() == "file") {
        for (index, stored) in update.dynamic.tls.certificates.iter().enumerate() {
            let element = Element::Certificate(index);
            uses.push(Use {
                pem: stored.pair.cert_file.as_bytes().to_vec(),
                is_pair: true,
                what: "the certificate".to_owned(),
                subject: element.to_string(),
                place: place_of(objects, update, &element),
                field: String::new(),
            });
        }
        for (name, store) in &update.dynamic.tls.stores {
            let element = Element::TlsStore(name.clone());
            uses.extend(store.default_certificate.iter().map(|pair| Use {
                pem: pair.cert_file.as_bytes().to_vec(),
                is_pair: true,
                what: "the default certificate".to_owned(),
                subject: element.to_string(),
                place: place_of(objects, update, &element),
                field: "defaultCertificate".to_owned(),
            }));
        }
    }
    let of_files = looked
        .transports
        .iter()
        .filter(|transport| matches!(transport.of, Of::File { .. }));
    for transport in of_files {
        let used = |pem: &[u8], is_pair, what: &str, mark, field: &str| Use {
            pem: pem.to_vec(),
            is_pair,
            what: what.to_owned(),
            subject: transport.subject.clone(),
            place: objects.place_at((transport.file, mark)),
            field: field.to_owned(),
        };
        let cas = transport.cas.iter();
        uses.extend(cas.map(|ca| used(&ca.pem, false, &ca.what, ca.mark, &ca.field)));
        let shown = transport.shown.iter();
        uses.extend(shown.map(|shown| used(&shown.pem, true, &shown.what, shown.mark, &shown.field)));
    }
    let of_clients = client_cas(objects, served).into_iter();
    uses.extend(
        of_clients
            .filter(|(_, _, ca)| ca.secret.is_none())
            .map(|(subject, file, ca)| Use {
                place: objects.place_at((file, ca.mark)),
                pem: ca.pem,
                is_pair: false,
                what: ca.what,
                subject,
                field: ca.field,
            }),
    );
    uses
}

fn place_of(objects: &Objects<'_>, update: &Update, element: &Element) -> Option<Place> {
    let origin = update.origins.get(element)?;
    objects.sources.place(origin.location.as_ref()?, None, false)
}

/// Every CA certificate that is in a Secret, for whatever it is there.
fn authorities(objects: &Objects<'_>) -> Vec<CertificateFacts> {
    let secrets = objects.of_kind("Secret");
    let texts = secrets.flat_map(|secret| ["tls.ca", "ca.crt", "tls.crt"].map(|key| secret.value(key)));
    let all = texts.flatten().flat_map(|pem| certificates(&pem));
    all.map(|(facts, _)| facts).filter(|facts| facts.is_ca).collect()
}

fn in_time(one: &Use, facts: &CertificateFacts, setting: &Setting, found: &mut Vec<Diagnostic>) {
    let (what, label) = (&one.what, facts.label());
    let CertificateFacts {
        not_before,
        not_after,
        ..
    } = *facts;
    if setting.at > not_after {
        let message = format!("{what} (`{label}`) expired on {}", day(not_after));
        found.push(one.diagnostic(Diagnosis::Expired, message));
    } else if setting.at < not_before {
        let message = format!("{what} (`{label}`) is not valid before {}", day(not_before));
        found.push(one.diagnostic(Diagnosis::NotYetValid, message));
    } else if is_near_its_end(setting, not_before, not_after) {
        let message = format!("{what} (`{label}`) expires on {}", day(not_after));
        found.push(one.diagnostic(Diagnosis::ExpiresSoon, message));
    }
}

/// Less than a third of its life is left, which is when tools that renew certificates do so, and less than what is
/// asked for: a certificate of a year is renewed in time after its last third has begun, one of a week is not old
/// with all of it before it.
fn is_near_its_end(setting: &Setting, not_before: SystemTime, not_after: SystemTime) -> bool {
    let life = not_after.duration_since(not_before).unwrap_or_default();
    not_after
        .duration_since(setting.at)
        .is_ok_and(|left| left < setting.soon.min(life / 3))
}

fn day(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).map_or_else(
        |_| "a day that no calendar has".to_owned(),
        |time| time.strftime("%Y-%m-%d %H:%M UTC").to_string(),
    )
}

fn weak(
    one: &Use,
    facts: &CertificateFacts,
    details: Option<&CertificateDetails>,
    found: &mut Vec<Diagnostic>,
) {
    let Some(details) = details else { return };
    let why = match (details.key_type, details.key_size) {
        ("RSA", bits @ 1..2048) => format!("an RSA key of {bits} bits"),
        _ if OLD_SIGNATURES.contains(&details.signature_algorithm.as_str()) && !facts.self_issued => {
            "a signature with SHA-1 or MD5".to_owned()
        }
        _ => return,
    };
    let message = format!("{} (`{}`) has {why}", one.what, facts.label());
    found.push(one.diagnostic(Diagnosis::WeakKey, message));
}

/// What a client needs to get from the certificate to a root: each issuer behind its certificate. That one is missing
/// is only said where it is known that the issuer is no root.
fn complete(
    one: &Use,
    first: &CertificateFacts,
    chain: &[(CertificateFacts, Option<CertificateDetails>)],
    known: &[CertificateFacts],
    found: &mut Vec<Diagnostic>,
) {
    let mut last = first;
    for (next, _) in chain.iter().skip(1) {
        if next.subject != last.issuer {
            let message = format!(
                "{}: `{}` is followed by `{}`, which has not issued it",
                one.what,
                last.label(),
                next.label()
            );
            found.push(one.diagnostic(Diagnosis::IncompleteChain, message));
            return;
        }
        last = next;
    }
    let mut issuers = known.iter().filter(|issuer| issuer.subject == last.issuer);
    if !last.self_issued && issuers.next().is_some_and(|issuer| !issuer.self_issued) {
        let message = format!(
            "{} ends before the intermediate certificate `{}`, which clients need",
            one.what, last.issuer
        );
        found.push(one.diagnostic(Diagnosis::IncompleteChain, message));
    }
}

/// The certificates of a PEM text that can be read.
pub(crate) fn certificates(pem: &[u8]) -> Vec<(CertificateFacts, Option<CertificateDetails>)> {
    let chain = pem_chain(pem);
    let read = chain.iter().filter_map(|der| {
        let facts = CertificateFacts::from_der(der).ok()?;
        Some((facts, CertificateDetails::from_der(der)))
    });
    read.collect()
}

/// With SHA-1 (RSA, ECDSA) and MD5.
const OLD_SIGNATURES: [&str; 3] = [
    "1.2.840.113549.1.1.5",
    "1.2.840.10045.4.1",
    "1.2.840.113549.1.1.4",
];
