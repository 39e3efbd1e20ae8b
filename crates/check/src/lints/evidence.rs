//! Which certificate a backend has, as far as that is among the sources, and whether a CA has signed it.
//!
//! Every Secret is read once, whatever the number of backends: what is asked for each of them is looked up.

use std::collections::{HashMap, HashSet};

use viaduct_config::document::{Node, Value};
use viaduct_tls::certificate::{is_signed_by, pem_chain};
use viaduct_tls::{CertificateDetails, CertificateFacts, Fingerprint};

use super::backends::Backend;
use super::objects::{Object, Objects, list, text};
use super::trusts::{Of, Transport};
use crate::place::Field;

/// A certificate in a Secret that is no CA's.
#[derive(Debug)]
pub(super) struct Certificate<'a> {
    pub(super) secret: Object<'a>,
    pub(super) facts: CertificateFacts,
    /// Its extended key usage allows it to be a server's.
    pub(super) is_for_servers: bool,
    /// DER, as a server would send it.
    chain: Vec<Vec<u8>>,
    /// Who has issued it, and each certificate behind it.
    issuers: Vec<String>,
}

/// A certificate that is known to be, or could be, a backend's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'e, 'a> {
    certificate: &'e Certificate<'a>,
    /// What mounts it, of the pods of the Service.
    pod: Option<Object<'a>>,
}

/// A CA that has signed a backend's certificate.
pub(super) struct Signed<'e, 'a> {
    pub(super) ca: CertificateFacts,
    pub(super) known: Known<'e, 'a>,
    /// It is the certificate itself.
    pub(super) is_same: bool,
}

/// What is known of the certificates of all backends.
#[derive(Debug)]
pub(super) struct Evidence<'a> {
    certificates: Vec<Certificate<'a>>,
    /// By namespace and name of the Secret.
    by_secret: HashMap<(&'a str, &'a str), usize>,
    pods: Vec<Pod<'a>>,
    /// By namespace and one label.
    by_label: HashMap<(&'a str, &'a str, &'a str), Vec<usize>>,
    /// By namespace: those that no route shows to clients.
    free: HashMap<&'a str, Vec<usize>>,
    authorities: Vec<Authority<'a>>,
    /// By namespace and subject.
    by_subject: HashMap<(&'a str, String), Vec<usize>>,
}

/// What an object makes, or is.
#[derive(Debug)]
struct Pod<'a> {
    object: Object<'a>,
    /// Metadata and specification.
    node: &'a Node,
}

/// What a Secret has for a CA.
#[derive(Debug)]
struct Authority<'a> {
    secret: Object<'a>,
    pem: Vec<u8>,
}

impl<'a> Known<'_, 'a> {
    /// "Secret `x`, which Deployment web/app mounts".
    pub(super) fn what(&self) -> String {
        let secret = self.certificate.secret.name;
        match self.pod {
            Some(pod) => format!("Secret `{secret}`, which {} mounts", pod.subject()),
            None => format!("Secret `{secret}`, which no route shows to clients"),
        }
    }

    pub(super) const fn facts(&self) -> &CertificateFacts {
        &self.certificate.facts
    }

    pub(super) const fn secret(&self) -> Object<'a> {
        self.certificate.secret
    }

    /// A pod of the Service mounts it.
    pub(super) const fn is_mounted(&self) -> bool {
        self.pod.is_some()
    }
}

impl<'a> Evidence<'a> {
    pub(super) fn new(objects: &Objects<'a>, transports: &[Transport<'a>]) -> Self {
        let used = shown_by_us(objects, transports);
        let mut evidence = Self {
            certificates: Vec::new(),
            by_secret: HashMap::new(),
            pods: Vec::new(),
            by_label: HashMap::new(),
            free: HashMap::new(),
            authorities: Vec::new(),
            by_subject: HashMap::new(),
        };
        for object in objects.all() {
            if object.kind == "Secret" {
                evidence.add_secret(object, &used);
            } else if let Some(node) = pod(object) {
                evidence.add_pod(object, node);
            }
        }
        evidence
    }

    fn add_secret(&mut self, secret: Object<'a>, used: &HashSet<(&'a str, &'a str)>) {
        let name = (secret.namespace, secret.name);
        if let Some(certificate) = certificate(secret) {
            let position = self.certificates.len();
            self.by_secret.entry(name).or_insert(position);
            if !used.contains(&name) {
                self.free.entry(secret.namespace).or_default().push(position);
            }
            self.certificates.push(certificate);
        }
        if let Some((_, pem)) = secret.ca() {
            let position = self.authorities.len();
            for der in pem_chain(&pem) {
                if let Ok(facts) = CertificateFacts::from_der(&der) {
                    let subject = (secret.namespace, facts.subject);
                    self.by_subject.entry(subject).or_default().push(position);
                }
            }
            self.authorities.push(Authority { secret, pem });
        }
    }

    fn add_pod(&mut self, object: Object<'a>, node: &'a Node) {
        let labels = Field::at(node, "metadata.labels").map(|field| &field.value.value);
        if let Some(Value::Mapping(labels)) = labels {
            let position = self.pods.len();
            for (key, value) in labels {
                if let Some(value) = value.as_str() {
                    let label = (object.namespace, key.text.as_str(), value);
                    self.by_label.entry(label).or_default().push(position);
                }
            }
            self.pods.push(Pod { object, node });
        }
    }

    /// Certificates of the pods behind a Service; where no pod is among the sources, those that nobody else shows.
    pub(super) fn of_backend(&self, backend: &Backend<'a>) -> Vec<Known<'_, 'a>> {
        let mut pods = self.pods_of(backend).peekable();
        if pods.peek().is_some() {
            return self.mounted_by(pods).collect();
        }
        let free = self.free.get(backend.namespace).into_iter().flatten();
        free.filter_map(|position| {
            let certificate = self.certificates.get(*position)?;
            Some(Known {
                certificate,
                pod: None,
            })
        })
        .collect()
    }

    /// Certificates of the pods behind a Service.
    pub(super) fn mounted(&self, backend: &Backend<'a>) -> Vec<Known<'_, 'a>> {
        self.mounted_by(self.pods_of(backend)).collect()
    }

    fn mounted_by<'e>(
        &'e self,
        pods: impl Iterator<Item = &'e Pod<'a>>,
    ) -> impl Iterator<Item = Known<'e, 'a>>
    where
        'a: 'e,
    {
        pods.flat_map(|pod| {
            mounted(pod.node).into_iter().filter_map(|name| {
                let position = self.by_secret.get(&(pod.object.namespace, name))?;
                Some(Known {
                    certificate: self.certificates.get(*position)?,
                    pod: Some(pod.object),
                })
            })
        })
    }

    fn pods_of(&self, backend: &Backend<'a>) -> impl Iterator<Item = &Pod<'a>> {
        let selector = backend
            .service
            .and_then(|service| Field::at(service.root, "spec.selector"))
            .map(|field| &field.value.value);
        let wanted = match selector {
            Some(Value::Mapping(wanted)) => wanted.as_slice(),
            _ => &[],
        };
        let near = wanted.first().and_then(|(key, value)| {
            let label = (backend.namespace, key.text.as_str(), value.as_str()?);
            self.by_label.get(&label)
        });
        let near = near.into_iter().flatten();
        near.filter_map(|position| self.pods.get(*position))
            .filter(move |pod| has_labels(pod.node, wanted))
    }

    /// The first Secret of the backend's namespace with a CA that has signed one of these.
    pub(super) fn authority<'e>(
        &'e self,
        namespace: &'a str,
        known: &[Known<'e, 'a>],
    ) -> Option<(Object<'a>, Signed<'e, 'a>)> {
        let names = known.iter().flat_map(|known| {
            let certificate = known.certificate;
            certificate.issuers.iter().chain([&certificate.facts.subject])
        });
        let lists = names.filter_map(|name| self.by_subject.get(&(namespace, name.clone())));
        let firsts = lists.filter_map(|list| {
            // One CA lies beside every pair that it has signed.
            let mut seen = HashSet::new();
            list.iter().find_map(|position| {
                let authority = self.authorities.get(*position)?;
                let is_new = seen.insert(authority.pem.as_slice());
                let signed = is_new.then(|| signed(&authority.pem, known)).flatten()?;
                Some((*position, authority.secret, signed))
            })
        });
        let first = firsts.min_by_key(|(position, ..)| *position);
        first.map(|(_, secret, signed)| (secret, signed))
    }

    /// All certificates that are known, but for one's own Secret: what else has a CA of this text signed?
    pub(super) fn has_signed_others(&self, pem: &[u8], own: Object<'a>) -> bool {
        let others = self.certificates.iter().filter(|certificate| {
            (certificate.secret.namespace, certificate.secret.name) != (own.namespace, own.name)
        });
        let others: Vec<_> = others
            .map(|certificate| Known {
                certificate,
                pod: None,
            })
            .collect();
        let own = self.by_secret.get(&(own.namespace, own.name));
        let own = own.and_then(|position| self.certificates.get(*position));
        // Copies of its own are no others.
        let others: Vec<_> = others
            .into_iter()
            .filter(|other| own.is_none_or(|own| own.facts.fingerprint != other.facts().fingerprint))
            .collect();
        signed(pem, &others).is_some()
    }

    /// The server's certificate in a Secret.
    pub(super) fn in_secret(&self, secret: Object<'a>) -> Option<&Certificate<'a>> {
        let position = self.by_secret.get(&(secret.namespace, secret.name))?;
        self.certificates.get(*position)
    }
}

/// The one that some CA of a PEM text has signed.
pub(super) fn signed<'e, 'a>(pem: &[u8], known: &[Known<'e, 'a>]) -> Option<Signed<'e, 'a>> {
    let cas = pem_chain(pem);
    cas.iter().find_map(|der| {
        let fingerprint = Fingerprint::of(der);
        let ca = CertificateFacts::from_der(der).ok()?;
        let is_of = |known: &&Known<'e, 'a>| {
            let Certificate {
                facts,
                issuers,
                chain,
                ..
            } = known.certificate;
            // Names cost less than signatures.
            facts.fingerprint == fingerprint || issuers.contains(&ca.subject) && leads_to(chain, der)
        };
        let known = *known.iter().find(is_of)?;
        Some(Signed {
            is_same: known.facts().fingerprint == fingerprint,
            known,
            ca,
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
fn certificate(secret: Object<'_>) -> Option<Certificate<'_>> {
    let keys = secret.keys();
    let keys = std::iter::once("tls.crt").chain(keys.into_iter().filter(|key| *key != "tls.crt"));
    keys.take(MAX_KEYS).find_map(|key| {
        let chain = pem_chain(&secret.value(key)?);
        let first = chain.first()?;
        let facts = CertificateFacts::from_der(first)
            .ok()
            .filter(|facts| !facts.is_ca)?;
        let chain: Vec<_> = chain.iter().take(MAX_STEPS).map(|der| der.to_vec()).collect();
        let issuers = chain
            .iter()
            .filter_map(|der| CertificateFacts::from_der(der).ok());
        Some(Certificate {
            secret,
            facts,
            is_for_servers: CertificateDetails::from_der(first).is_none_or(|details| details.server_auth),
            issuers: issuers.map(|facts| facts.issuer).collect(),
            chain,
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

fn has_labels(pod: &Node, wanted: &[(viaduct_config::document::Key, Node)]) -> bool {
    let Some(labels) = Field::at(pod, "metadata.labels").map(|field| field.value) else {
        return false;
    };
    wanted.iter().all(|(key, value)| {
        let label = labels.get(&key.text).and_then(Node::as_str);
        label.is_some() && label == value.as_str()
    })
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
