//! `ServersTransport` and `ServersTransportTCP` -> `http.serversTransports` and `tcp.serversTransports`. Nothing that was asked for is left out: a transport
//! that lacks a CA or a client certificate is broken (A14.1, A14.2).

use std::collections::BTreeSet;
use std::sync::Arc;

use viaduct_config::dynamic::http::ServersTransport as Written;
use viaduct_config::dynamic::tcp::{TcpClientTls, TcpServersTransport};
use viaduct_config::dynamic::tls::CertificatePair;
use viaduct_config::finding::Code;
use viaduct_config::{Element, Finding, Materials, RevokedHere, RevokedWhat};

use super::material::{self, CaKey, CaSource};
use super::{Context, Draft};
use crate::api::annotations::ALL;
use crate::api::servers_transport::RootCa;
use crate::api::servers_transport_tcp::ClientTls;
use crate::api::{Kind, Name, Revoked, ServersTransport, ServersTransportTcp};
use crate::index::Subject;

pub(super) fn translate(cx: &Context<'_>, draft: &mut Draft) {
    for held in cx.view.all::<ServersTransport>() {
        let name = cx.names.transport(held.subject.name);
        let element = Element::ServersTransport(name.clone());
        draft.origin(element.clone(), held.subject, "");
        match held.state {
            Ok(transport) => {
                let mut reader = Reader::new(cx, held.subject, Trust::of(transport));
                let written = reader.read(transport);
                reader.revoke_itself(&transport.revoked);
                reader.finish(&element, draft);
                draft.update.dynamic.http.servers_transports.insert(name, written);
            }
            Err(finding) => draft.broken(element, finding.clone()),
        }
    }
}

pub(super) fn translate_tcp(cx: &Context<'_>, draft: &mut Draft) {
    for held in cx.view.all::<ServersTransportTcp>() {
        let name = cx.names.tcp_transport(held.subject.name);
        let element = Element::TcpServersTransport(name.clone());
        draft.origin(element.clone(), held.subject, "");
        let transport = match held.state {
            Ok(transport) => transport,
            Err(finding) => {
                draft.broken(element, finding.clone());
                continue;
            }
        };
        let tls = transport.tls.as_ref().map(|tls| {
            let mut reader = Reader::new(cx, held.subject, Trust::of_tcp(tls));
            let written = reader.read_tcp(tls);
            reader.finish(&element, draft);
            written
        });
        let written = TcpServersTransport {
            dial_keep_alive: transport.dial_keep_alive,
            dial_timeout: transport.dial_timeout,
            proxy_protocol: transport.proxy_protocol.clone(),
            termination_delay: transport.termination_delay,
            tls,
        };
        draft.update.dynamic.tcp.servers_transports.insert(name, written);
    }
}

/// Whom to trust and what to show, as both kinds write it.
#[derive(Clone, Copy)]
struct Trust<'a> {
    /// The path of the mapping that holds it.
    at: &'static str,
    root_cas: Option<&'a [RootCa]>,
    root_cas_secrets: Option<&'a [String]>,
    certificates_secrets: &'a [String],
}

impl<'a> Trust<'a> {
    fn of(transport: &'a ServersTransport) -> Self {
        Self {
            at: "spec",
            root_cas: transport.root_cas.as_deref(),
            root_cas_secrets: transport.root_cas_secrets.as_deref(),
            certificates_secrets: &transport.certificates_secrets,
        }
    }

    fn of_tcp(tls: &'a ClientTls) -> Self {
        Self {
            at: "spec.tls",
            root_cas: tls.root_cas.as_deref(),
            root_cas_secrets: tls.root_cas_secrets.as_deref(),
            certificates_secrets: &tls.certificates_secrets,
        }
    }
}

/// Reads one transport and collects what is wrong with it.
struct Reader<'a> {
    cx: &'a Context<'a>,
    subject: Subject<'a>,
    trust: Trust<'a>,
    faults: Vec<Finding>,
    notes: Vec<Finding>,
    materials: Materials,
    /// What has been read as a CA: a list may name one object a hundred thousand times.
    cas: BTreeSet<(Kind, Name)>,
}

/// Where one CA is to come from.
enum CaRef<'a> {
    Secret(&'a str),
    ConfigMap(&'a str),
}

impl<'a> Reader<'a> {
    fn new(cx: &'a Context<'a>, subject: Subject<'a>, trust: Trust<'a>) -> Self {
        Self {
            cx,
            subject,
            trust,
            faults: Vec::new(),
            notes: Vec::new(),
            materials: Materials::default(),
            cas: BTreeSet::new(),
        }
    }

    fn finish(self, element: &Element, draft: &mut Draft) {
        draft.update.materials.insert(element.clone(), self.materials);
        draft.update.notes.extend(self.notes);
        for fault in self.faults {
            draft.broken(element.clone(), fault);
        }
    }

    fn read_tcp(&mut self, tls: &ClientTls) -> TcpClientTls {
        let root_cas = self.root_cas();
        let certificates = self.certificates();
        self.lint_shared_secret();
        TcpClientTls {
            server_name: tls.server_name.clone(),
            insecure_skip_verify: tls.insecure_skip_verify,
            root_cas,
            certificates,
            peer_cert_uri: tls.peer_cert_uri.clone(),
            spiffe: tls.spiffe.clone(),
        }
    }

    fn read(&mut self, transport: &ServersTransport) -> Written {
        let root_cas = self.root_cas();
        let certificates = self.certificates();
        self.lint_shared_secret();
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
    fn root_cas(&mut self) -> Option<Vec<String>> {
        let trust = self.trust;
        if trust.root_cas.is_none() && trust.root_cas_secrets.is_none() {
            return None;
        }
        let mut pems = Vec::new();
        let mut named = 0;
        for (index, ca) in trust.root_cas.iter().copied().flatten().enumerate() {
            named += 1;
            let field = format!("{}.rootCAs[{index}]", trust.at);
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
        for (index, secret) in trust.root_cas_secrets.iter().copied().flatten().enumerate() {
            named += 1;
            let field = format!("{}.rootCAsSecrets[{index}]", trust.at);
            self.root_ca(&CaRef::Secret(secret), &field, &mut pems);
        }
        if named == 0 {
            let list = if trust.root_cas.is_some() {
                "rootCAs"
            } else {
                "rootCAsSecrets"
            };
            let field = format!("{}.{list}", trust.at);
            let message = "the list of CAs is empty, so no backend could be trusted";
            self.faults.push(
                self.subject
                    .error(Code::MissingTrust, &field, message)
                    .hint("remove the field to trust the system's CAs"),
            );
        }
        Some(pems)
    }

    /// A transport has no certificates that it could revoke all of: [`ALL`] is an item like others there, and no fingerprint.
    fn revoke_itself(&mut self, revoked: &Revoked) {
        let all = revoked.all.then(|| Arc::from([ALL.to_owned()]));
        let listed = Some(&revoked.listed).filter(|listed| !listed.is_empty());
        let lists = listed.cloned().into_iter().chain(all);
        self.materials.revoked.extend(lists.map(|list| RevokedHere {
            what: RevokedWhat::Listed(list),
            by: None,
        }));
    }

    fn root_ca(&mut self, ca: &CaRef<'_>, field: &str, pems: &mut Vec<String>) {
        let namespace = &*self.subject.name.namespace;
        let (kind, name) = match ca {
            CaRef::Secret(secret) => (Kind::Secret, Name::new(namespace, *secret)),
            CaRef::ConfigMap(map) => (Kind::ConfigMap, Name::new(namespace, *map)),
        };
        if !self.cas.insert((kind, name.clone())) {
            return;
        }
        let (found, revoked) = match ca {
            CaRef::Secret(_) => (
                material::secret_ca(self.cx, &name, CaSource::CaKeysOrCertificate),
                material::revoked_by_secret(self.cx, &name),
            ),
            CaRef::ConfigMap(_) => (
                material::config_map_ca(self.cx, &name),
                material::revoked_by_config_map(self.cx, &name),
            ),
        };
        let by = name.of_kind(kind);
        if !revoked.listed.is_empty() {
            self.materials.revoked.push(RevokedHere {
                what: RevokedWhat::Listed(revoked.listed),
                by: Some(by.clone()),
            });
        }
        match found {
            Ok(ca) => {
                if ca.from == CaKey::Certificate {
                    self.note_own_root(field);
                }
                self.materials.cas.push(ca.origin(self.cx, kind, &name));
                if revoked.all {
                    self.materials.revoked.push(RevokedHere {
                        what: RevokedWhat::AllOf(ca.pem.clone()),
                        by: Some(by),
                    });
                }
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

    fn certificates(&mut self) -> Vec<CertificatePair> {
        let mut pairs = Vec::new();
        let mut seen = BTreeSet::new();
        for (index, secret) in self.trust.certificates_secrets.iter().enumerate() {
            if !seen.insert(secret) {
                continue;
            }
            let name = Name::new(&*self.subject.name.namespace, secret.as_str());
            match material::pair(self.cx, &name) {
                Ok(pair) => {
                    let origin = material::pair_origin(self.cx, &name);
                    self.materials.certificates.push(origin);
                    pairs.push(pair);
                }
                Err(fault) => {
                    let field = format!("{}.certificatesSecrets[{index}]", self.trust.at);
                    let finding = fault.finding(self.cx, self.subject, &field, Code::InvalidCertificate);
                    self.faults.push(finding);
                }
            }
        }
        pairs
    }

    /// The same Secret as CA and as client certificate: the backend's own key in the proxy's hands
    /// (C5).
    fn lint_shared_secret(&mut self) {
        let trust = self.trust;
        let is_ca = |secret: &String| {
            let in_list = trust
                .root_cas_secrets
                .iter()
                .copied()
                .flatten()
                .any(|ca| ca == secret);
            let mut roots = trust.root_cas.iter().copied().flatten();
            in_list || roots.any(|ca| ca.secret.as_ref() == Some(secret))
        };
        for (index, secret) in self.trust.certificates_secrets.iter().enumerate() {
            if is_ca(secret) {
                let field = format!("{}.certificatesSecrets[{index}]", self.trust.at);
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
