//! Which certificate a backend has, as far as that is among the sources, and whether a CA has signed it.

use std::collections::HashSet;

use viaduct_config::document::{Node, Value};
use viaduct_tls::certificate::{is_signed_by, pem_chain};
use viaduct_tls::{CertificateFacts, Fingerprint};

use super::backends::Backend;
use super::objects::{Object, Objects, list, text};
use super::trusts::{Of, Transport};
use crate::place::Field;

/// A certificate that is known to be, or could be, a backend's.
#[derive(Debug)]
pub(super) struct Known {
    /// "Secret `x`, which Deployment web/app mounts".
    pub(super) what: String,
    pub(super) facts: CertificateFacts,
    /// DER, as a server would send it.
    chain: Vec<Vec<u8>>,
    /// A pod of the Service mounts it.
    pub(super) is_mounted: bool,
}

/// A CA that has signed a backend's certificate.
pub(super) struct Signed<'k> {
    pub(super) ca: CertificateFacts,
    pub(super) known: &'k Known,
    /// It is the certificate itself.
    pub(super) is_same: bool,
}

/// Certificates of the pods behind a Service; where no pod is among the sources, those that nobody else shows.
pub(super) fn of_backend(
    objects: &Objects<'_>,
    transports: &[Transport<'_>],
    backend: &Backend<'_>,
) -> Vec<Known> {
    let mut known = Vec::new();
    let mut any_pod = false;
    for object in objects
        .all()
        .filter(|object| object.namespace == backend.namespace)
    {
        let Some(pod) =
            pod(object).filter(|pod| backend.service.is_some_and(|service| selects(service, pod)))
        else {
            continue;
        };
        any_pod = true;
        for name in mounted(pod) {
            if let Some(secret) = objects.get("Secret", object.namespace, name) {
                let what = format!("Secret `{name}`, which {} mounts", object.subject());
                known.extend(certificate(secret, what, true));
            }
        }
    }
    if any_pod || backend.namespace.is_empty() {
        return known;
    }
    let used = shown_by_us(objects, transports);
    let secrets = objects
        .of_kind("Secret")
        .filter(|secret| secret.namespace == backend.namespace);
    let free = secrets.filter(|secret| !used.contains(&(secret.namespace, secret.name)));
    known.extend(free.filter_map(|secret| {
        let what = format!("Secret `{}`, which no route shows to clients", secret.name);
        certificate(secret, what, false)
    }));
    known
}

/// The one that some CA of a PEM text has signed.
pub(super) fn signed<'k>(pem: &[u8], known: &'k [Known]) -> Option<Signed<'k>> {
    let cas = pem_chain(pem);
    cas.iter().find_map(|ca| {
        let fingerprint = Fingerprint::of(ca);
        let known = known
            .iter()
            .find(|known| known.facts.fingerprint == fingerprint || leads_to(&known.chain, ca))?;
        Some(Signed {
            ca: CertificateFacts::from_der(ca).ok()?,
            known,
            is_same: known.facts.fingerprint == fingerprint,
        })
    })
}

/// Whether signatures lead from the first certificate, over the others, to the CA.
fn leads_to(chain: &[Vec<u8>], ca: &[u8]) -> bool {
    let Some((mut last, mut rest)) = chain.split_first() else {
        return false;
    };
    for _ in 0..MAX_STEPS {
        if is_signed_by(last, ca) {
            return true;
        }
        match rest.split_first() {
            Some((next, behind)) if is_signed_by(last, next) => (last, rest) = (next, behind),
            Some(_) | None => return false,
        }
    }
    false
}

/// The certificate of a server in a Secret: under `tls.crt`, or under whatever key a server without a habit reads.
fn certificate(secret: Object<'_>, what: String, is_mounted: bool) -> Option<Known> {
    let keys = secret.keys();
    let keys = std::iter::once("tls.crt").chain(keys.into_iter().filter(|key| *key != "tls.crt"));
    keys.take(MAX_KEYS).find_map(|key| {
        let chain = pem_chain(&secret.value(key)?);
        let facts = CertificateFacts::from_der(chain.first()?)
            .ok()
            .filter(|facts| !facts.is_ca)?;
        Some(Known {
            what: what.clone(),
            facts,
            chain: chain.iter().map(|der| der.to_vec()).collect(),
            is_mounted,
        })
    })
}

/// Metadata and specification of the pods that an object makes.
fn pod(object: Object<'_>) -> Option<&Node> {
    let template = match object.kind {
        "Pod" => return Some(object.root),
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "Job" => "spec.template",
        "CronJob" => "spec.jobTemplate.spec.template",
        _ => return None,
    };
    Field::at(object.root, template).map(|field| field.value)
}

fn selects(service: Object<'_>, pod: &Node) -> bool {
    let selector = Field::at(service.root, "spec.selector").map(|field| &field.value.value);
    let labels = Field::at(pod, "metadata.labels").map(|field| field.value);
    match (selector, labels) {
        (Some(Value::Mapping(wanted)), Some(labels)) if !wanted.is_empty() => {
            wanted.iter().all(|(key, value)| {
                let label = labels.get(&key.text).and_then(Node::as_str);
                label.is_some() && label == value.as_str()
            })
        }
        _ => false,
    }
}

/// Secrets that a pod mounts.
fn mounted(pod: &Node) -> Vec<&str> {
    let mut names = Vec::new();
    for volume in list(pod, "spec.volumes") {
        names.extend(volume.get("secret").and_then(|secret| text(secret, "secretName")));
        let sources = list(volume, "projected.sources").iter();
        names.extend(sources.filter_map(|source| text(source.get("secret")?, "name")));
    }
    names
}

/// Secrets whose certificates this proxy shows, to clients or to backends.
fn shown_by_us<'a>(objects: &Objects<'a>, transports: &[Transport<'a>]) -> HashSet<(&'a str, &'a str)> {
    let mut used = HashSet::new();
    for object in objects.all() {
        let root = object.root;
        let mut one = |path: &str| {
            if let Some(name) = Field::at(root, path).and_then(|field| field.value.as_str()) {
                used.insert((object.namespace, name));
            }
        };
        match object.kind {
            "IngressRoute" | "IngressRouteTCP" => {
                one("spec.tls.secretName");
                (0..list(root, "spec.routes").len())
                    .for_each(|at| one(&format!("spec.routes[{at}].secretName")));
            }
            "Ingress" => {
                (0..list(root, "spec.tls").len()).for_each(|at| one(&format!("spec.tls[{at}].secretName")))
            }
            "TLSStore" => {
                one("spec.defaultCertificate.secretName");
                let count = list(root, "spec.certificates").len();
                (0..count).for_each(|at| one(&format!("spec.certificates[{at}].secretName")));
            }
            _ => {}
        }
    }
    for transport in transports {
        // The backend's own pair, shown by mistake, is the backend's all the same.
        let cas: Vec<_> = transport.cas.iter().filter_map(|ca| ca.secret).collect();
        if let Of::Object(object) = transport.of {
            let shown = transport.shown.iter().filter_map(|shown| shown.secret);
            let shown = shown.filter(|name| !cas.iter().any(|ca| ca.name == *name));
            used.extend(shown.map(|name| (object.namespace, name)));
        }
    }
    used
}

const MAX_STEPS: usize = 8;
const MAX_KEYS: usize = 16;
