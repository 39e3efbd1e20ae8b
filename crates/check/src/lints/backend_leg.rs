//! What a ServersTransport trusts, shows and expects, compared with the certificates that are there (C5).

use std::collections::HashSet;

use viaduct_tls::{CertificateFacts, Identity};

use super::objects::{Object, Objects, first_certificate, list, text};
use crate::catalogue::Diagnosis;
use crate::diagnostic::{Diagnostic, Help};
use crate::place::Field;

pub(super) fn look(objects: &Objects<'_>, found: &mut Vec<Diagnostic>) {
    let used: HashSet<(&str, &str)> = objects
        .backends()
        .iter()
        .filter(|backend| backend.is_https())
        .filter_map(|backend| Some((backend.object.namespace, backend.transport()?)))
        .collect();
    for transport in objects.of_kind("ServersTransport") {
        let cas = cas(objects, transport);
        for ca in &cas {
            leaf_as_root(objects, transport, ca, found);
            key_of_ca(objects, transport, ca, found);
        }
        servers_own_key(objects, transport, &cas, found);
        if used.contains(&(transport.namespace, transport.name)) {
            name(objects, transport, &cas, found);
        }
    }
    for option in objects.of_kind("TLSOption") {
        let secrets = list(option.root, "spec.clientAuth.secretNames")
            .iter()
            .enumerate();
        for (index, item) in secrets {
            let secret = item
                .as_str()
                .and_then(|name| objects.get("Secret", option.namespace, name));
            if let Some(secret) = secret {
                let path = format!("spec.clientAuth.secretNames[{index}]");
                key_of_ca(objects, option, &Ca { path, secret }, found);
            }
        }
    }
}

/// A Secret that a transport takes its CA from.
struct Ca<'a> {
    /// Of the field that names it.
    path: String,
    secret: Object<'a>,
}

fn cas<'a>(objects: &Objects<'a>, transport: Object<'a>) -> Vec<Ca<'a>> {
    let of_list = list(transport.root, "spec.rootCAsSecrets").iter().enumerate();
    let of_list = of_list.map(|(index, item)| (format!("spec.rootCAsSecrets[{index}]"), item.as_str()));
    let roots = list(transport.root, "spec.rootCAs").iter().enumerate();
    let roots = roots.map(|(index, item)| (format!("spec.rootCAs[{index}].secret"), text(item, "secret")));
    of_list
        .chain(roots)
        .filter_map(|(path, name)| {
            let secret = objects.get("Secret", transport.namespace, name?)?;
            Some(Ca { path, secret })
        })
        .collect()
}

/// Under the key for CAs, which translation believes.
fn leaf_as_root(objects: &Objects<'_>, transport: Object<'_>, ca: &Ca<'_>, found: &mut Vec<Diagnostic>) {
    let Some((key @ ("tls.ca" | "ca.crt"), pem)) = ca.secret.ca() else {
        return;
    };
    let Some(facts) = first_certificate(&pem).filter(|facts| !facts.is_ca) else {
        return;
    };
    let message = format!(
        "`{key}` of Secret `{}` is no CA but the certificate of `{}` itself",
        ca.secret.name,
        facts.label()
    );
    found.push(
        Diagnostic::new(Diagnosis::LeafAsRoot, message)
            .about(transport.subject())
            .at(objects.place_of(transport, &ca.path))
            .field(ca.path.as_str())
            .help(Help::words(format!("put the CA that issued it under `{key}`"))),
    );
}

fn key_of_ca(objects: &Objects<'_>, owner: Object<'_>, ca: &Ca<'_>, found: &mut Vec<Diagnostic>) {
    let Some((_, pem)) = ca.secret.ca() else { return };
    let is_ca = first_certificate(&pem).is_some_and(|facts| facts.is_ca);
    let holds = |key: &&&str| {
        let value = ca.secret.value(key).unwrap_or_default();
        let is_key = String::from_utf8_lossy(&value).contains("PRIVATE KEY");
        is_key && Identity::from_pem(&pem, &value).is_ok()
    };
    let keys = ca.secret.keys();
    let Some(key) = keys.iter().find(holds).filter(|_| is_ca) else {
        return;
    };
    let message = format!(
        "Secret `{}` holds the private key of the CA (`{key}`), which nobody needs who trusts it",
        ca.secret.name
    );
    found.push(
        Diagnostic::new(Diagnosis::KeyOfCa, message)
            .about(owner.subject())
            .at(objects.place_of(owner, &ca.path))
            .field(ca.path.as_str()),
    );
}

/// By another Secret's name; the same Secret is found by translation.
fn servers_own_key(
    objects: &Objects<'_>,
    transport: Object<'_>,
    cas: &[Ca<'_>],
    found: &mut Vec<Diagnostic>,
) {
    let servers: Vec<CertificateFacts> = cas.iter().filter_map(|ca| leaf(ca.secret)).collect();
    for (index, item) in list(transport.root, "spec.certificatesSecrets")
        .iter()
        .enumerate()
    {
        let Some(name) = item
            .as_str()
            .filter(|name| !cas.iter().any(|ca| ca.secret.name == *name))
        else {
            continue;
        };
        let shown = objects.get("Secret", transport.namespace, name).and_then(leaf);
        if shown.is_some_and(|shown| {
            servers
                .iter()
                .any(|server| server.fingerprint == shown.fingerprint)
        }) {
            let path = format!("spec.certificatesSecrets[{index}]");
            let message =
                format!("the client certificate in Secret `{name}` is the backend's own server certificate");
            found.push(
                Diagnostic::new(Diagnosis::BackendsOwnKey, message)
                    .about(transport.subject())
                    .at(objects.place_of(transport, &path))
                    .field(path),
            );
        }
    }
}

/// The server's certificate that lies beside its CA, as cert-manager writes it.
fn leaf(secret: Object<'_>) -> Option<CertificateFacts> {
    first_certificate(&secret.value("tls.crt")?).filter(|facts| !facts.is_ca)
}

/// The name that is verified, and the names that the backend's certificate has.
fn name(objects: &Objects<'_>, transport: Object<'_>, cas: &[Ca<'_>], found: &mut Vec<Diagnostic>) {
    let skips = Field::at(transport.root, "spec.insecureSkipVerify").is_some();
    let servers: Vec<CertificateFacts> = cas.iter().filter_map(|ca| leaf(ca.secret)).collect();
    let Some(first) = servers.first().filter(|_| !skips) else {
        return;
    };
    let written = Field::at(transport.root, "spec.serverName").and_then(|field| field.value.as_str());
    let fits = match written.filter(|name| !name.is_empty()) {
        Some(name) => servers.iter().any(|server| carries(server, name)),
        // The pod's address is verified.
        None => servers.iter().any(|server| !server.ip_addresses.is_empty()),
    };
    if fits {
        return;
    }
    let has = if first.dns_names.is_empty() {
        "no DNS name".to_owned()
    } else {
        first.dns_names.join(", ")
    };
    let message = match written {
        Some(name) => format!("the backend's certificate does not carry the name `{name}`"),
        None => "no `serverName` is written, so that the pod's address is verified, which the backend's certificate does not carry".to_owned(),
    };
    let path = if written.is_some() {
        "spec.serverName"
    } else {
        "spec"
    };
    let mut diagnostic = Diagnostic::new(Diagnosis::NameNotCarried, message)
        .about(transport.subject())
        .at(objects.place_of(transport, path))
        .field("spec.serverName");
    diagnostic.wanted = written.map(str::to_owned);
    diagnostic.got = Some(has);
    if let Some(help) = expecting(objects, transport, first) {
        diagnostic = diagnostic.help(help);
    }
    found.push(diagnostic);
}

fn expecting(objects: &Objects<'_>, transport: Object<'_>, server: &CertificateFacts) -> Option<Help> {
    let name = server.dns_names.iter().find(|name| !name.starts_with('*'))?;
    let editor = objects.editor(transport.file)?;
    let edit = match Field::at(transport.root, "spec.serverName") {
        Some(field) => editor.set(field.value, name)?,
        None => editor.append(transport.root, "spec", &[format!("serverName: {name}")])?,
    };
    Some(Help::edit(
        format!("expect a name that it carries: `{name}`"),
        vec![edit],
    ))
}

fn carries(server: &CertificateFacts, name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let is_address = name
        .parse()
        .is_ok_and(|address| server.ip_addresses.contains(&address));
    is_address
        || server.dns_names.iter().any(|known| {
            let known = known.to_ascii_lowercase();
            let below = known.strip_prefix("*.");
            known == name || below.is_some() && name.split_once('.').map(|(_, parent)| parent) == below
        })
}
