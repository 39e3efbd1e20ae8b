//! What a ServersTransport trusts, shows and expects, compared with the certificates that are there (C5).

use viaduct_tls::{CertificateFacts, Identity};

use super::Looked;
use super::backends::{Backend, Leg};
use super::evidence;
use super::guards::client_cas;
use super::material::certificates;
use super::objects::{Object, Objects, first_certificate};
use super::trusts::{Of, Transport, Trusted};
use crate::catalogue::Diagnosis;
use crate::diagnostic::{Diagnostic, Help};
use crate::serve::Served;

pub(super) fn look(looked: &Looked<'_>, served: &Served, found: &mut Vec<Diagnostic>) {
    let objects = &looked.objects;
    for transport in &looked.transports {
        for ca in &transport.cas {
            leaf_as_root(objects, transport, ca, found);
            key_of_ca(objects, (&transport.subject, transport.file), ca, found);
        }
        servers_own_key(objects, transport, found);
        let named = looked
            .backends
            .iter()
            .filter(|backend| backend.leg == Leg::Tls && transport.is_of(backend));
        let named: Vec<_> = named.collect();
        if !named.is_empty() {
            name(looked, transport, &named, found);
        }
    }
    for (subject, file, ca) in client_cas(objects, served) {
        key_of_ca(objects, (&subject, file), &ca, found);
    }
}

/// Under the key for CAs, which translation believes, or in a file.
fn leaf_as_root(
    objects: &Objects<'_>,
    transport: &Transport<'_>,
    ca: &Trusted<'_>,
    found: &mut Vec<Diagnostic>,
) {
    let Some(facts) = first_certificate(&ca.pem).filter(|facts| !facts.is_ca && ca.is_under_ca_key) else {
        return;
    };
    let message = format!(
        "{} is no CA but the certificate of `{}` itself",
        ca.what,
        facts.label()
    );
    let words = match ca.what.split('`').nth(1).filter(|_| ca.secret.is_some()) {
        Some(key) => format!("put the CA that issued it under `{key}`"),
        None => "put the CA that issued it in its place".to_owned(),
    };
    found.push(
        Diagnostic::new(Diagnosis::LeafAsRoot, message)
            .about(transport.subject.as_str())
            .at(objects.place_at((transport.file, ca.mark)))
            .field(ca.field.as_str())
            .help(Help::words(words)),
    );
}

/// In the Secret that the CA is in, or behind it in the same file.
fn key_of_ca(
    objects: &Objects<'_>,
    (subject, file): (&str, usize),
    ca: &Trusted<'_>,
    found: &mut Vec<Diagnostic>,
) {
    // A server's pair that is trusted as it is has its key beside it: that is told as what it is.
    if !ca.is_under_ca_key || !first_certificate(&ca.pem).is_some_and(|facts| facts.is_ca) {
        return;
    }
    let belongs = |value: &[u8]| {
        String::from_utf8_lossy(value).contains("PRIVATE KEY") && Identity::from_pem(&ca.pem, value).is_ok()
    };
    let message = match ca.secret {
        Some(secret) => {
            let keys = secret.keys();
            let mut keys = keys.iter();
            let Some(key) = keys.find(|key| belongs(&secret.value(key).unwrap_or_default())) else {
                return;
            };
            format!(
                "Secret `{}` holds the private key of the CA (`{key}`), which nobody needs who trusts it",
                secret.name
            )
        }
        None if belongs(&ca.pem) => {
            format!(
                "{} holds the private key of the CA, which nobody needs who trusts it",
                ca.what
            )
        }
        None => return,
    };
    found.push(
        Diagnostic::new(Diagnosis::KeyOfCa, message)
            .about(subject)
            .at(objects.place_at((file, ca.mark)))
            .field(ca.field.as_str()),
    );
}

/// By another Secret's name, or in a file; the same Secret is found by translation.
fn servers_own_key(objects: &Objects<'_>, transport: &Transport<'_>, found: &mut Vec<Diagnostic>) {
    let servers: Vec<_> = transport.cas.iter().flat_map(leafs).collect();
    for shown in &transport.shown {
        let is_same = shown.secret.is_some()
            && transport
                .cas
                .iter()
                .any(|ca| ca.secret.map(|secret| secret.name) == shown.secret);
        let Some(facts) = first_certificate(&shown.pem).filter(|_| !is_same) else {
            continue;
        };
        if servers
            .iter()
            .any(|server| server.fingerprint == facts.fingerprint)
        {
            let message = format!("{} is the backend's own server certificate", shown.what);
            found.push(
                Diagnostic::new(Diagnosis::BackendsOwnKey, message)
                    .about(transport.subject.as_str())
                    .at(objects.place_at((transport.file, shown.mark)))
                    .field(shown.field.as_str()),
            );
        }
    }
}

/// The server's certificate: trusted as it is, or beside its CA, as cert-manager writes it.
fn leafs(ca: &Trusted<'_>) -> Vec<CertificateFacts> {
    let beside = |secret: Object<'_>| {
        let (facts, details) = certificates(&secret.value("tls.crt")?).into_iter().next()?;
        // A client's pair has its CA beside it as well.
        details.is_none_or(|details| details.server_auth).then_some(facts)
    };
    let own = first_certificate(&ca.pem);
    let all = own.into_iter().chain(ca.secret.and_then(beside));
    all.filter(|facts| !facts.is_ca).collect()
}

/// The name that is verified, and the names that the backend's certificate has.
fn name(
    looked: &Looked<'_>,
    transport: &Transport<'_>,
    backends: &[&Backend<'_>],
    found: &mut Vec<Diagnostic>,
) {
    // What is shown is for clients, unless it is what is trusted: the CA beside it says nothing of its names.
    let is_shown = |ca: &Trusted<'_>| {
        let mut shown = transport.shown.iter();
        ca.is_under_ca_key
            && shown.any(|shown| shown.secret.is_some() && shown.secret == ca.secret.map(|own| own.name))
    };
    let told = transport.cas.iter().filter(|ca| !is_shown(ca));
    let mut servers: Vec<CertificateFacts> = told.flat_map(leafs).collect();
    for backend in backends {
        // What the pods have, as far as this trust vouches for it.
        let mounted = looked.evidence.mounted(backend);
        let signed = transport
            .cas
            .iter()
            .filter_map(|ca| evidence::signed(&ca.pem, &mounted));
        servers.extend(signed.map(|signed| signed.known.facts().clone()));
    }
    let Some(first) = servers.first().filter(|_| !transport.skips) else {
        return;
    };
    let written = transport.server_name.and_then(|name| name.as_str());
    let hosts: Vec<&str> = backends
        .iter()
        .flat_map(|backend| backend.hosts.iter().copied())
        .collect();
    let fits = match written {
        Some(name) => servers.iter().any(|server| carries(server, name)),
        None if !hosts.is_empty() => hosts
            .iter()
            .all(|host| servers.iter().any(|server| carries(server, host))),
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
    let message = match (written, hosts.first()) {
        (Some(name), _) => format!("the backend's certificate does not carry the name `{name}`"),
        (None, Some(host)) => format!(
            "no `serverName` is written, so that the server's host `{host}` is verified, which the backend's certificate does not carry"
        ),
        (None, None) => "no `serverName` is written, so that the pod's address is verified, which the backend's certificate does not carry".to_owned(),
    };
    let objects = &looked.objects;
    let place = match transport.server_name {
        Some(name) => objects.place_at((transport.file, name)),
        None => match transport.of {
            Of::Object(object) => objects.place_of(object, &transport.path),
            Of::File { .. } => transport
                .cas
                .first()
                .and_then(|ca| objects.place_at((transport.file, ca.mark))),
        },
    };
    let mut diagnostic = Diagnostic::new(Diagnosis::NameNotCarried, message)
        .about(transport.subject.as_str())
        .at(place)
        .field(transport.field("serverName"));
    diagnostic.wanted = written.map(str::to_owned);
    diagnostic.got = Some(has);
    if let Some(help) = expecting(objects, transport, first) {
        diagnostic = diagnostic.help(help);
    }
    found.push(diagnostic);
}

fn expecting(objects: &Objects<'_>, transport: &Transport<'_>, server: &CertificateFacts) -> Option<Help> {
    let name = server.dns_names.iter().find(|name| !name.starts_with('*'))?;
    let text = format!("expect a name that it carries: `{name}`");
    let editor = objects.editor(transport.file)?;
    let edit = match transport.server_name {
        Some(written) => editor.set(written, name),
        None => editor.append(transport.root, &transport.path, &[format!("serverName: {name}")]),
    };
    Some(Help::edit(text, edit.into_iter().collect()))
}

pub(crate) fn carries(server: &CertificateFacts, name: &str) -> bool {
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
