//! `ServersTransport` -> `http.serversTransports`. Nothing that was asked for is left out: a transport
//! that lacks a CA or a client certificate is broken (A14.1, A14.2).

use viaduct_config::dynamic::http::ServersTransport as Written;
use viaduct_config::dynamic::tls::CertificatePair;
use viaduct_config::finding::Code;
use viaduct_config::{Element, Finding, Materials};

use super::material::{self, CaKey, CaSource};
use super::{Context, Draft};
use crate::api::{Kind, Name, ServersTransport};
use crate::index::Subject;

pub(super) fn translate(cx: &Context<'_>, draft: &mut Draft) {
    for held in cx.view.all::<ServersTransport>() {
        let name = cx.names.transport(held.subject.name);
        let element = Element::ServersTransport(name.clone());
        draft.origin(element.clone(), held.subject, "");
        let transport = match held.state {
            Ok(transport) => transport,
            Err(finding) => {
                draft.broken(element, finding.clone());
                continue;
            }
        };
        let mut reader = Reader {
            cx,
            subject: held.subject,
            faults: Vec::new(),
            notes: Vec::new(),
            materials: Materials::default(),
        };
        let written = reader.read(transport);
        let Reader {
            faults,
            notes,
            materials,
            ..
        } = reader;
        draft.update.materials.insert(element.clone(), materials);
        draft.update.notes.extend(notes);
        for fault in faults {
            draft.broken(element.clone(), fault);
        }
        draft.update.dynamic.http.servers_transports.insert(name, written);
    }
}

/// Reads one transport and collects what is wrong with it.
struct Reader<'a> {
    cx: &'a Context<'a>,
    subject: Subject<'a>,
    faults: Vec<Finding>,
    notes: Vec<Finding>,
    materials: Materials,
}

/// Where one CA is to come from.
enum CaRef<'a> {
    Secret(&'a str),
    ConfigMap(&'a str),
}

impl Reader<'_> {
    fn read(&mut self, transport: &ServersTransport) -> Written {
        let root_cas = self.root_cas(transport);
        let certificates = self.certificates(transport);
        self.lint_shared_secret(transport);
        Written {
            server_name: transport.server_name.clone(),
            insecure_skip_verify: transport.insecure_skip_verify,
            root_cas,
            certificates,
            cipher_suites: transport.cipher_suites.clone(),
            min_version: transport.min_version.clone(),
            max_version: transport.max_version.clone(),
            max_idle_conns_per_host: transport.max_idle_conns_per_host,
            forwarding_timeouts: transport.forwarding_timeouts.clone(),
            disable_http2: transport.disable_http2,
            peer_cert_uri: transport.peer_cert_uri.clone(),
            spiffe: transport.spiffe.clone(),
        }
    }

    /// `None` only if neither field was written.
    fn root_cas(&mut self, transport: &ServersTransport) -> Option<Vec<String>> {
        if transport.root_cas.is_none() && transport.root_cas_secrets.is_none() {
            return None;
        }
        let mut pems = Vec::new();
        let mut named = 0;
        for (index, ca) in transport.root_cas.iter().flatten().enumerate() {
            named += 1;
            let field = format!("spec.rootCAs[{index}]");
            match (&ca.secret, &ca.config_map) {
                (Some(secret), _) => {
                    self.root_ca(&CaRef::Secret(secret), &format!("{field}.secret"), &mut pems);
                }
                (None, Some(map)) => {
                    self.root_ca(&CaRef::ConfigMap(map), &format!("{field}.configMap"), &mut pems);
                }
                (None, None) => self.faults.push(
                    self.subject
                        .error(Code::MissingTrust, &field, "the entry names no CA")
                        .wanted("`secret` or `configMap`"),
                ),
            }
        }
        for (index, secret) in transport.root_cas_secrets.iter().flatten().enumerate() {
            named += 1;
            let field = format!("spec.rootCAsSecrets[{index}]");
            self.root_ca(&CaRef::Secret(secret), &field, &mut pems);
        }
        if named == 0 {
            let field = if transport.root_cas.is_some() {
                "spec.rootCAs"
            } else {
                "spec.rootCAsSecrets"
            };
            let message = "the list of CAs is empty, so no backend could be trusted";
            self.faults.push(
                self.subject
                    .error(Code::MissingTrust, field, message)
                    .hint("remove the field to trust the system's CAs"),
            );
        }
        Some(pems)
    }

    fn root_ca(&mut self, ca: &CaRef<'_>, field: &str, pems: &mut Vec<String>) {
        let namespace = &*self.subject.name.namespace;
        let (kind, name) = match ca {
            CaRef::Secret(secret) => (Kind::Secret, Name::new(namespace, *secret)),
            CaRef::ConfigMap(map) => (Kind::ConfigMap, Name::new(namespace, *map)),
        };
        let found = match ca {
            CaRef::Secret(_) => material::secret_ca(self.cx, &name, CaSource::CaKeysOrCertificate),
            CaRef::ConfigMap(_) => material::config_map_ca(self.cx, &name),
        };
        match found {
            Ok(ca) => {
                if ca.from == CaKey::Certificate {
                    self.note_own_root(field);
                }
                self.materials.cas.push(ca.origin(self.cx, kind, &name));
                pems.push(ca.pem);
            }
            Err(fault) => {
                let finding = fault.finding(self.cx, self.subject, field, Code::MissingTrust);
                self.faults.push(finding);
            }
        }
    }

    /// A Secret without a CA: the certificate itself is what is trusted.
    fn note_own_root(&mut self, field: &str) {
        let message = "the Secret has no `tls.ca` or `ca.crt`: its `tls.crt` is trusted as it is";
        self.notes.push(
            self.subject
                .warning(Code::MissingTrust, field, message)
                .hint("put the CA that issues the backend's certificate under `ca.crt`, so that a renewal keeps working"),
        );
    }

    fn certificates(&mut self, transport: &ServersTransport) -> Vec<CertificatePair> {
        let mut pairs = Vec::new();
        for (index, secret) in transport.certificates_secrets.iter().enumerate() {
            let name = Name::new(&*self.subject.name.namespace, secret.as_str());
            match material::pair(self.cx, &name) {
                Ok(pair) => {
                    let origin = material::pair_origin(self.cx, &name);
                    self.materials.certificates.push(origin);
                    pairs.push(pair);
                }
                Err(fault) => {
                    let field = format!("spec.certificatesSecrets[{index}]");
                    let finding = fault.finding(self.cx, self.subject, &field, Code::InvalidCertificate);
                    self.faults.push(finding);
                }
            }
        }
        pairs
    }

    /// The same Secret as CA and as client certificate: the backend's own key in the proxy's hands
    /// (C5).
    fn lint_shared_secret(&mut self, transport: &ServersTransport) {
        let is_ca = |secret: &String| {
            let in_list = transport.root_cas_secrets.iter().flatten().any(|ca| ca == secret);
            let mut roots = transport.root_cas.iter().flatten();
            in_list || roots.any(|ca| ca.secret.as_ref() == Some(secret))
        };
        for (index, secret) in transport.certificates_secrets.iter().enumerate() {
            if is_ca(secret) {
                let field = format!("spec.certificatesSecrets[{index}]");
                let message = format!(
                    "Secret `{secret}` is both what the backend is trusted by and the client certificate shown to it"
                );
                self.notes.push(
                    self.subject
                        .warning(Code::MisplacedField, &field, message)
                        .hint("trusting a backend takes `rootCAs` alone; remove `certificatesSecrets` unless the backend demands a client certificate, and give that one its own key"),
                );
            }
        }
    }
}
