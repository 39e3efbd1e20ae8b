//! `TLSOption` and `TLSStore` -> `tls.options` and `tls.stores`.

use std::collections::BTreeSet;

use viaduct_config::dynamic::tls::{ClientAuth, TlsOptions, TlsStore as WrittenStore};
use viaduct_config::finding::Code;
use viaduct_config::{Element, Finding, Materials};

use super::material::{self, CaSource, Fault};
use super::references::{Named, Target, Written};
use super::{Context, Draft};
use crate::api::{DEFAULT, Kind, Name, Reference, TlsOption, TlsStore};
use crate::index::Subject;

pub(super) fn translate_options(cx: &Context<'_>, draft: &mut Draft) {
    let mut defaults = Vec::new();
    for held in cx.view.all::<TlsOption>() {
        if &*held.subject.name.name == DEFAULT {
            defaults.push(held);
        } else {
            let name = cx.names.options(held.subject.name);
            options(cx, draft, held.subject, held.state, name);
        }
    }
    match defaults.as_slice() {
        [] => {}
        [only] => options(cx, draft, only.subject, only.state, DEFAULT.to_owned()),
        several => {
            let subjects: Vec<_> = several.iter().map(|held| held.subject).collect();
            let finding = ambiguous_default(&subjects);
            // Traefik falls back to its built-in options. Where one of these asks for client
            // certificates, that would let everybody in.
            let guards = several.iter().any(|held| held.state.map_or(true, demands));
            if guards {
                draft.broken(Element::TlsOptions(DEFAULT.to_owned()), finding);
            } else {
                draft.note(finding);
            }
        }
    }
}

fn options(
    cx: &Context<'_>,
    draft: &mut Draft,
    subject: Subject<'_>,
    state: Result<&TlsOption, &Finding>,
    name: String,
) {
    let element = Element::TlsOptions(name.clone());
    draft.origin(element.clone(), subject, "");
    match state {
        Ok(option) => {
            let (written, materials, faults) = read_options(cx, subject, option);
            draft.update.materials.insert(element.clone(), materials);
            for fault in faults {
                draft.broken(element.clone(), fault);
            }
            draft.update.dynamic.tls.options.insert(name, written);
        }
        Err(finding) => draft.broken(element, finding.clone()),
    }
}

fn read_options(
    cx: &Context<'_>,
    subject: Subject<'_>,
    option: &TlsOption,
) -> (TlsOptions, Materials, Vec<Finding>) {
    let mut faults = Vec::new();
    let mut materials = Materials::default();
    let client_auth = option.client_auth.as_ref().map(|auth| {
        let mut ca_files = Vec::new();
        let mut seen = BTreeSet::new();
        for (index, secret) in auth.secret_names.iter().enumerate() {
            if !seen.insert(secret) {
                continue;
            }
            let name = Name::new(&*subject.name.namespace, secret.as_str());
            match material::secret_ca(cx, &name, CaSource::CaKeys) {
                Ok(ca) => {
                    materials.cas.push(ca.origin(cx, Kind::Secret, &name));
                    ca_files.push(ca.pem);
                }
                Err(fault) => faults.push(client_ca_fault(cx, &fault, subject, index)),
            }
        }
        ClientAuth {
            ca_files,
            client_auth_type: auth.client_auth_type.clone(),
        }
    });
    let written = TlsOptions {
        min_version: option.min_version.clone(),
        max_version: option.max_version.clone(),
        cipher_suites: option.cipher_suites.clone(),
        curve_preferences: option.curve_preferences.clone(),
        client_auth,
        sni_strict: option.sni_strict,
        alpn_protocols: option.alpn_protocols.clone(),
        disable_session_tickets: option.disable_session_tickets,
        prefer_server_cipher_suites: option.prefer_server_cipher_suites,
    };
    (written, materials, faults)
}

/// Somebody who names a server's Secret here may want the backend trusted (C3).
fn client_ca_fault(cx: &Context<'_>, fault: &Fault, subject: Subject<'_>, index: usize) -> Finding {
    let field = format!("spec.clientAuth.secretNames[{index}]");
    let finding = fault.finding(cx, subject, &field, Code::MissingTrust);
    match fault {
        Fault::NoKey { .. } => finding.hint(
            "`clientAuth` checks the certificates of this proxy's clients; to trust a backend's certificate use a ServersTransport with `rootCAs`",
        ),
        Fault::Missing { .. }
        | Fault::Broken { .. }
        | Fault::NotOneKey { .. }
        | Fault::Empty { .. }
        | Fault::NotText { .. } => finding,
    }
}

/// Whether the options may ask clients for a certificate.
pub(super) fn demands(option: &TlsOption) -> bool {
    option.client_auth.as_ref().is_some_and(|auth| {
        !auth.secret_names.is_empty() || !matches!(auth.client_auth_type.as_str(), "" | "NoClientCert")
    })
}

fn ambiguous_default(subjects: &[Subject<'_>]) -> Finding {
    let namespaces: Vec<_> = subjects.iter().map(|subject| &*subject.name.namespace).collect();
    let kind = subjects.first().map_or(Kind::TlsOption, |subject| subject.kind);
    let message = format!(
        "{kind} `default` exists in several namespaces ({}); none of them is used",
        namespaces.join(", ")
    );
    let finding = Finding::error(Code::DuplicateObject, message).hint("keep one of them");
    match subjects.last() {
        Some(last) => finding.object(last.name.of_kind(kind)).at(last.at("")),
        None => finding,
    }
}

/// The options that a router names, by `spec.tls.options`; an empty name means the default ones.
pub(super) fn options_of(cx: &Context<'_>, subject: Subject<'_>, options: Option<&Reference>) -> Named {
    let Some(options) = options.filter(|options| !options.name.is_empty()) else {
        return Named::default();
    };
    let written = options_reference(subject, options);
    if let Ok(Target::Object(target)) = written.resolve(cx)
        && &*target.name == DEFAULT
    {
        return Named {
            name: DEFAULT.to_owned(),
            fault: None,
        };
    }
    written.element::<TlsOption>(cx, |name| cx.names.options(name))
}

pub(super) fn options_reference<'a>(subject: Subject<'a>, options: &'a Reference) -> Written<'a> {
    Written {
        subject,
        field: "spec.tls.options",
        kind: "TLSOption",
        name: &options.name,
        namespace: options.namespace.as_deref(),
    }
}

/// That a router names a store which does not count.
pub(super) fn note_store(subject: Subject<'_>, store: Option<&Reference>, draft: &mut Draft) {
    if let Some(store) = store.filter(|store| store.name != DEFAULT) {
        let message = "only the TLSStore named `default` exists; this one has no effect";
        let finding = subject.warning(Code::Unsupported, "spec.tls.store.name", message);
        draft.note(finding.wanted(DEFAULT).got(store.name.as_str()));
    }
}

pub(super) fn translate_stores(cx: &Context<'_>, draft: &mut Draft) {
    let mut defaults = Vec::new();
    for held in cx.view.all::<TlsStore>() {
        if &*held.subject.name.name == DEFAULT {
            defaults.push(held);
        } else {
            let message = "only the TLSStore named `default` exists; this one has no effect";
            draft.note(held.subject.warning(Code::Unsupported, "", message));
        }
    }
    if let [only] = defaults.as_slice() {
        match only.state {
            Ok(store) => {
                default_certificate(cx, draft, only.subject, store);
                certificates(cx, draft, only.subject, store);
            }
            Err(finding) => draft.broken(Element::TlsStore(DEFAULT.to_owned()), finding.clone()),
        }
    } else if !defaults.is_empty() {
        let subjects: Vec<_> = defaults.iter().map(|held| held.subject).collect();
        draft.note(ambiguous_default(&subjects));
    }
}

fn default_certificate(cx: &Context<'_>, draft: &mut Draft, subject: Subject<'_>, store: &TlsStore) {
    let element = Element::TlsStore(DEFAULT.to_owned());
    draft.origin(element.clone(), subject, "");
    let mut written = WrittenStore {
        default_certificate: None,
        default_generated_cert: store.default_generated_cert.clone(),
    };
    if let Some(secret) = &store.default_certificate {
        let name = Name::new(&*subject.name.namespace, secret.secret_name.as_str());
        match material::pair(cx, &name) {
            Ok(pair) => written.default_certificate = Some(pair),
            Err(fault) => {
                let field = "spec.defaultCertificate.secretName";
                draft.broken(
                    element,
                    fault.finding(cx, subject, field, Code::InvalidCertificate),
                );
            }
        }
    }
    draft
        .update
        .dynamic
        .tls
        .stores
        .insert(DEFAULT.to_owned(), written);
}

/// A certificate that cannot be had is missing alone; Traefik drops the whole store with it.
fn certificates(cx: &Context<'_>, draft: &mut Draft, subject: Subject<'_>, store: &TlsStore) {
    for (index, secret) in store.certificates.iter().enumerate() {
        let name = Name::new(&*subject.name.namespace, secret.secret_name.as_str());
        match material::pair(cx, &name) {
            Ok(pair) => draft.certificate(name, pair, Some(DEFAULT)),
            Err(fault) => {
                let field = format!("spec.certificates[{index}].secretName");
                draft.note(fault.finding(cx, subject, &field, Code::InvalidCertificate));
            }
        }
    }
}
