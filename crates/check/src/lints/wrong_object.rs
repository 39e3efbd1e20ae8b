//! Whom to trust behind an https service: said by no object, or by one that is about clients (C3).

mod solution;

use viaduct_config::document::{Node, Value};

use super::Looked;
use super::backends::{Backend, Form, Leg};
use super::evidence::{self, Known, Signed};
use super::guards::Guard;
use super::objects::{Object, Objects, first_certificate, text};
use crate::Setting;
use crate::catalogue::Diagnosis;
use crate::diagnostic::{Diagnostic, Help};
use crate::edit::Edit;
use crate::place::Field;
use crate::serve::Served;
use solution::{Ca, solution};

/// TLS options that were meant for a backend.
pub(super) struct Meant<'a> {
    /// Where they are asked for.
    pub(super) node: &'a Node,
    option: Option<Object<'a>>,
}

pub(super) fn look<'a>(
    looked: &Looked<'a>,
    served: &Served,
    setting: &Setting,
    found: &mut Vec<Diagnostic>,
) -> Vec<Meant<'a>> {
    let objects = &looked.objects;
    let trusts_by_default = setting.routing.as_ref().is_some_and(|routing| {
        let transport = &routing.servers_transport;
        transport.root_cas.is_some() || transport.insecure_skip_verify
    });
    let mut told: Vec<Meant<'a>> = Vec::new();
    for backend in &looked.backends {
        if backend.leg != Leg::Tls || backend.transport.is_some() {
            continue;
        }
        if trusts_by_default && !backend.form.is_tcp() {
            continue;
        }
        let known = evidence::of_backend(objects, &looked.transports, backend);
        let guards = guards(objects, served, backend);
        let meant: Vec<_> = guards
            .iter()
            .filter(|guard| !is_for_clients(guard, &known))
            .collect();
        if meant.is_empty() && !backend.is_external() {
            found.push(nobody_said(looked, backend, &known));
        }
        for guard in meant {
            if !told.iter().any(|meant| std::ptr::eq(meant.node, guard.node)) {
                told.push(Meant {
                    node: guard.node,
                    option: guard.object,
                });
                found.push(client_auth(looked, backend, guard, &known));
            }
        }
    }
    told
}

/// The TLS options of its routers that demand certificates of clients.
fn guards<'a>(objects: &Objects<'a>, served: &Served, backend: &Backend<'a>) -> Vec<Guard<'a>> {
    let routers = backend.routers.iter();
    let mut guards: Vec<_> = routers
        .filter_map(|router| match router.options {
            Some(_) => Guard::of(objects, served, router),
            None if backend.form == Form::IngressRoute => Guard::of_fragment(objects, router),
            None => None,
        })
        .collect();
    guards.dedup_by(|one, other| std::ptr::eq(one.node, other.node));
    guards
}

/// It is known which certificate the backend has, and that these CAs have not signed it; or the backend is none of
/// ours. Then they are for whom they say they are.
fn is_for_clients(guard: &Guard<'_>, known: &[Known]) -> bool {
    let Some(pem) = &guard.pem else { return false };
    let is_known = known.iter().any(|known| known.is_mounted);
    is_known && evidence::signed(pem, known).is_none()
}

fn client_auth(looked: &Looked<'_>, backend: &Backend<'_>, guard: &Guard<'_>, known: &[Known]) -> Diagnostic {
    let objects = &looked.objects;
    let signed = guard.pem.as_deref().and_then(|pem| evidence::signed(pem, known));
    let transport = if backend.form.is_tcp() {
        "ServersTransportTCP"
    } else {
        "ServersTransport"
    };
    let message = format!(
        "`clientAuth` of {} guards your clients: it demands a certificate of everyone who visits, and does not make the certificate of {} trusted; you want a {}",
        guard.label,
        backend.label(),
        if backend.form.is_file() {
            "servers transport"
        } else {
            transport
        },
    );
    let field = match &guard.router {
        Some(router) if backend.form == Form::Ingress => format!("{}[{OPTIONS}]", router.tls),
        Some(router) if backend.form.is_file() => router
            .tls
            .rsplit('.')
            .next()
            .map_or_else(String::new, |tls| format!("{tls}.options")),
        Some(_) | None => "spec.tls.options".to_owned(),
    };
    let node = guard.node.get("name").unwrap_or(guard.node);
    let mut diagnostic = Diagnostic::new(Diagnosis::ClientAuthForBackend, message)
        .about(
            guard
                .router
                .as_ref()
                .map_or(backend.subject.as_str(), |router| router.subject.as_str()),
        )
        .at(objects.place_at((guard.file, node)))
        .field(field);
    diagnostic.proof = signed.as_ref().map(|signed| proof(signed, guard, backend));
    let ca = Ca {
        written: guard.ca,
        known: signed.as_ref().map(|signed| signed.known),
    };
    let solution = solution(looked, backend, Some(&ca));
    let is_servers = signed.is_some() || is_of_a_server(objects, guard);
    match without_options(objects, backend, guard) {
        None => diagnostic.help(solution),
        // With the options still there, the bridge that is mended would be reached by nobody.
        Some(without) if is_servers && !solution.edits.is_empty() => diagnostic.help(Help::edit(
            format!(
                "{}; and take the {} off the route, as no client has a certificate of the backend's",
                solution.text,
                if backend.form.is_file() {
                    "TLS options"
                } else {
                    "TLSOption"
                }
            ),
            solution.edits.into_iter().chain(without.edits).collect(),
        )),
        Some(without) => diagnostic.help(solution).help(without),
    }
}

/// What was verified.
fn proof(signed: &Signed<'_>, guard: &Guard<'_>, backend: &Backend<'_>) -> String {
    let Signed { ca, known, is_same } = signed;
    let whose = if known.is_mounted {
        format!("the certificate of {}", backend.label())
    } else {
        "that certificate".to_owned()
    };
    if *is_same {
        return format!(
            "what {} verifies clients with is {whose} itself (`{}` in {})",
            guard.label,
            ca.label(),
            known.what
        );
    }
    format!(
        "verified: the CA of {} (`{}`) has signed {whose}: `{}` in {}",
        guard.label,
        ca.label(),
        known.facts.label(),
        known.what
    )
}

/// Whether clients could never have a certificate of it: it is a server's pair and no CA.
fn is_of_a_server(objects: &Objects<'_>, guard: &Guard<'_>) -> bool {
    let secret = guard
        .object
        .and_then(|option| objects.get("Secret", option.namespace, guard.ca));
    secret
        .and_then(|secret| first_certificate(&secret.value("tls.crt")?))
        .is_some_and(|facts| !facts.is_ca)
}

fn nobody_said(looked: &Looked<'_>, backend: &Backend<'_>, known: &[Known]) -> Diagnostic {
    let address = match backend.hosts.first() {
        Some(host) => format!("`{host}`"),
        None => "the pod's address".to_owned(),
    };
    let transport = match backend.form {
        form if form.is_file() => "servers transport",
        form if form.is_tcp() => "ServersTransportTCP",
        _ => "ServersTransport",
    };
    let message = format!(
        "{} is spoken to by TLS, and no {transport} says whom to trust and by which name: the system's CAs, and {address}",
        backend.label()
    );
    // A CA among the Secrets whose signature is on the certificate that the pods have.
    let mounted: Vec<_> = known.iter().filter(|known| known.is_mounted).collect();
    let secrets = looked
        .objects
        .of_kind("Secret")
        .filter(|secret| secret.namespace == backend.namespace);
    let ca = secrets.filter(|_| !mounted.is_empty()).find_map(|secret| {
        let (_, pem) = secret.ca()?;
        let signed = evidence::signed(&pem, known).filter(|signed| signed.known.is_mounted)?;
        Some(Ca {
            written: secret.name,
            known: Some(signed.known),
        })
    });
    Diagnostic::new(Diagnosis::NoTransport, message)
        .about(backend.subject.as_str())
        .at(looked.objects.place_at(backend.mark))
        .field(backend.field.as_str())
        .help(solution(looked, backend, ca.as_ref()))
}

/// The route without the TLS options, and with TLS as before.
fn without_options(objects: &Objects<'_>, backend: &Backend<'_>, guard: &Guard<'_>) -> Option<Help> {
    let router = guard.router.as_ref()?;
    let editor = objects.editor(router.file)?;
    let edits = if backend.form == Form::Ingress {
        let path = format!("{}[{PREFIX}router.tls]", router.tls);
        let own = format!("{}[{PREFIX}router.tls.options]", router.tls);
        if Field::at(router.root, &path).is_some() {
            vec![editor.remove(router.root, &own)?]
        } else {
            // TLS was on because of the options.
            let field = Field::at(router.root, &own)?;
            vec![
                editor.rename_key(field.key?, &format!("{PREFIX}router.tls"))?,
                editor.set_text(field.value, "true")?,
            ]
        }
    } else {
        let tls = Field::at(router.root, &router.tls)?;
        let alone = match &tls.value.value {
            Value::Mapping(entries) => entries.len() == 1,
            _ => false,
        };
        if alone {
            vec![editor.empty(router.root, &router.tls)?]
        } else {
            vec![editor.remove(router.root, &format!("{}.options", router.tls))?]
        }
    };
    let what = if backend.form.is_file() {
        "TLS options"
    } else {
        "TLSOption"
    };
    Some(Help::edit(
        format!("take the {what} off the route, unless its clients are to show certificates"),
        edits,
    ))
}

/// What is wrong with the CA of such options is mended by taking `clientAuth` out, unless others ask for them, too.
pub(super) fn mend_options(looked: &Looked<'_>, meant: &[Meant<'_>], found: &mut [Diagnostic]) {
    for option in meant.iter().filter_map(|meant| meant.option) {
        let of_others = looked
            .objects
            .of_kind("IngressRoute")
            .chain(looked.objects.of_kind("IngressRouteTCP"));
        let mut of_others =
            of_others.filter_map(|object| Some((object, Field::at(object.root, "spec.tls.options")?.value)));
        let is_of_others = of_others.any(|(object, node)| {
            let namespace = text(node, "namespace").unwrap_or(object.namespace);
            (namespace, text(node, "name")) == (option.namespace, Some(option.name))
                && !meant.iter().any(|meant| std::ptr::eq(meant.node, node))
        });
        if is_of_others {
            continue;
        }
        let Some(edit) = without_client_auth(&looked.objects, option) else {
            continue;
        };
        for diagnostic in found.iter_mut() {
            let is_about = diagnostic.subject.as_deref() == Some(option.subject().as_str())
                && diagnostic
                    .field
                    .as_deref()
                    .is_some_and(|field| field.starts_with(SECRETS));
            if is_about
                && [Diagnosis::SecretKeyMissing, Diagnosis::SecretMissing].contains(&diagnostic.diagnosis)
            {
                let text = "take `clientAuth` out: it was meant for the backend (V0201), and no client has a certificate to show";
                diagnostic.help = vec![Help::edit(text, vec![edit.clone()])];
            }
        }
    }
}

fn without_client_auth(objects: &Objects<'_>, option: Object<'_>) -> Option<Edit> {
    let editor = objects.editor(option.file)?;
    match &Field::at(option.root, "spec")?.value.value {
        Value::Mapping(entries) if entries.len() == 1 => editor.empty(option.root, "spec"),
        _ => editor.remove(option.root, "spec.clientAuth"),
    }
}

const SECRETS: &str = "spec.clientAuth.secretNames";
const PREFIX: &str = "traefik.ingress.kubernetes.io/";
const OPTIONS: &str = "traefik.ingress.kubernetes.io/router.tls.options";
