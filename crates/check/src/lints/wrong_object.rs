//! Whom to trust behind an https service: said by no object, or by one that is about clients (C3).

mod solution;

use viaduct_config::document::{Node, Value};

use super::Looked;
use super::backends::{Backend, Form, Leg};
use super::evidence::{self, Known, Signed};
use super::guards::{Guard, Requests};
use super::material;
use super::objects::{Object, Objects, list, text};
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
    /// No client is known to have, or could have, a certificate that they take: without them nobody comes in who did not
    /// before. Nothing less takes them away from a route.
    pub(super) is_for_nobody: bool,
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
    let mut told: Vec<(&Backend<'a>, Guard<'a>)> = Vec::new();
    for backend in &looked.backends {
        if backend.leg != Leg::Tls || backend.transport.is_some() || backend.is_external() {
            continue;
        }
        if trusts_by_default && !backend.form.is_tcp() {
            continue;
        }
        let mut meant = guards(objects, served, backend);
        meant.retain(|guard| !is_for_clients(looked, backend, guard));
        if meant.is_empty() {
            found.push(nobody_said(looked, backend));
        }
        for guard in meant {
            if !told.iter().any(|(_, known)| std::ptr::eq(known.node, guard.node)) {
                told.push((backend, guard));
            }
        }
    }
    let meant = for_nobody(looked, &told);
    for ((backend, guard), meant) in told.iter().zip(&meant) {
        found.push(client_auth(looked, backend, guard, meant.is_for_nobody));
    }
    meant
}

/// Of options that several ask for, the proof has to be there for each of them.
fn for_nobody<'a>(looked: &Looked<'a>, told: &[(&Backend<'a>, Guard<'a>)]) -> Vec<Meant<'a>> {
    let requests = Requests::of(&looked.objects);
    let proved: Vec<&Node> = told
        .iter()
        .filter(|(backend, guard)| {
            is_the_backends(looked, backend, guard) && leads_nowhere_else(looked, backend, guard)
        })
        .map(|(_, guard)| guard.node)
        .collect();
    told.iter()
        .map(|(_, guard)| Meant {
            node: guard.node,
            option: guard.object,
            is_for_nobody: proved.iter().any(|node| std::ptr::eq(*node, guard.node))
                && guard
                    .object
                    .is_some_and(|option| !requests.has_others(option, &proved)),
        })
        .collect()
}

/// Whether what clients are verified with is the pair of the backend's server, and nothing that a client could have a
/// certificate of.
fn is_the_backends(looked: &Looked<'_>, backend: &Backend<'_>, guard: &Guard<'_>) -> bool {
    let (Some(secret), Some(pem), true) = (guard.secret, guard.pem.as_deref(), guard.is_only_ca) else {
        return false;
    };
    let evidence = &looked.evidence;
    let known = evidence.of_backend(backend);
    let Some(signed) = evidence::signed(pem, &known) else {
        return false;
    };
    let is_own = |known: &Known<'_, '_>| {
        let held = known.secret();
        (held.namespace, held.name) == (secret.namespace, secret.name)
    };
    // A client's certificate that is pinned looks the same, but for its usage, its names and where it is.
    let is_servers = evidence.in_secret(secret).is_some_and(|own| {
        let facts = &own.facts;
        own.is_for_servers
            && !(facts.dns_names.is_empty() && facts.ip_addresses.is_empty())
            && secret.value("tls.key").is_some()
    });
    let is_backends = signed.known.is_mounted() || is_own(&signed.known) && is_servers;
    // Of several each could be somebody else's.
    let certificates = material::certificates(pem);
    let [(verifies, _)] = certificates.as_slice() else {
        return false;
    };
    if !verifies.is_ca {
        return is_backends && signed.is_same;
    }
    // A CA may have given certificates to clients, unless it is the one beside the server's pair and has signed
    // nothing else that is there.
    is_own(&signed.known) && is_servers && !evidence.has_signed_others(pem, secret)
}

/// Whether everything that the options guard is this backend: who takes them away takes them away for all of it.
fn leads_nowhere_else(looked: &Looked<'_>, backend: &Backend<'_>, guard: &Guard<'_>) -> bool {
    let Some(router) = &guard.router else {
        // Lines that stand on their own guard nothing.
        return true;
    };
    let is_same = |other: &Backend<'_>| (other.namespace, other.name) == (backend.namespace, backend.name);
    let through = looked.backends.iter().filter(|other| {
        let mut routers = other.routers.iter();
        routers.any(|router| router.options.is_some_and(|node| std::ptr::eq(node, guard.node)))
    });
    // What is no Service of the sources, `api@internal` for one, is no backend.
    let is_known = |node: &Node| match text(node, "kind") {
        Some("TraefikService") => text(node, "name").is_some_and(|name| {
            let namespace = text(node, "namespace").unwrap_or(router.namespace);
            looked.objects.get("TraefikService", namespace, name).is_some()
        }),
        _ => true,
    };
    let routes = list(router.root, "spec.routes").iter();
    through.into_iter().all(is_same) && routes.flat_map(|route| list(route, "services")).all(is_known)
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

/// It is known which certificate the backend has, and that these CAs have not signed it: then they are for whom they say
/// they are.
fn is_for_clients<'a>(looked: &Looked<'a>, backend: &Backend<'a>, guard: &Guard<'_>) -> bool {
    let mounted = looked.evidence.mounted(backend);
    let pem = guard.pem.as_deref().filter(|_| !mounted.is_empty());
    pem.is_some_and(|pem| evidence::signed(pem, &mounted).is_none())
}

fn client_auth<'a>(
    looked: &Looked<'a>,
    backend: &Backend<'a>,
    guard: &Guard<'a>,
    is_for_nobody: bool,
) -> Diagnostic {
    let objects = &looked.objects;
    let known = looked.evidence.of_backend(backend);
    let signed = guard.pem.as_deref().and_then(|pem| evidence::signed(pem, &known));
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
    // Whom a CA that is not there stands for is anybody's guess.
    let solution = solution(looked, backend, guard.pem.is_some().then_some(&ca));
    let without = without_options(objects, backend, guard).filter(|_| is_for_nobody);
    match without {
        // With the options still there, the bridge that is mended would be reached by nobody.
        Some(edits) if !solution.edits.is_empty() => diagnostic.help(Help::edit(
            format!(
                "{}; and take the {} off the route, as no client has a certificate of the backend's",
                solution.text,
                options_of(backend)
            ),
            solution.edits.into_iter().chain(edits).collect(),
        )),
        Some(edits) => diagnostic.help(solution).help(Help::edit(
            format!(
                "take the {} off the route, as no client has a certificate of the backend's",
                options_of(backend)
            ),
            edits,
        )),
        None if guard.router.is_none() => diagnostic.help(solution),
        // Who comes in is nothing to be guessed at.
        None => diagnostic.help(solution).help(Help::words(format!(
            "take the {} off the route, unless its clients are to show certificates",
            options_of(backend)
        ))),
    }
}

fn options_of(backend: &Backend<'_>) -> &'static str {
    if backend.form.is_file() {
        "TLS options"
    } else {
        "TLSOption"
    }
}

/// What was verified.
fn proof(signed: &Signed<'_, '_>, guard: &Guard<'_>, backend: &Backend<'_>) -> String {
    let Signed { ca, known, is_same } = signed;
    let whose = if known.is_mounted() {
        format!("the certificate of {}", backend.label())
    } else {
        "that certificate".to_owned()
    };
    if *is_same {
        return format!(
            "what {} verifies clients with is {whose} itself (`{}` in {})",
            guard.label,
            ca.label(),
            known.what()
        );
    }
    format!(
        "verified: the CA of {} (`{}`) has signed {whose}: `{}` in {}",
        guard.label,
        ca.label(),
        known.facts().label(),
        known.what()
    )
}

fn nobody_said<'a>(looked: &Looked<'a>, backend: &Backend<'a>) -> Diagnostic {
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
    let mounted = looked.evidence.mounted(backend);
    let authority = looked.evidence.authority(backend.namespace, &mounted);
    let ca = authority.map(|(secret, signed)| Ca {
        written: secret.name,
        known: Some(signed.known),
    });
    Diagnostic::new(Diagnosis::NoTransport, message)
        .about(backend.subject.as_str())
        .at(looked.objects.place_at(backend.mark))
        .field(backend.field.as_str())
        .help(solution(looked, backend, ca.as_ref()))
}

/// The route without the TLS options, and with TLS as before.
fn without_options(objects: &Objects<'_>, backend: &Backend<'_>, guard: &Guard<'_>) -> Option<Vec<Edit>> {
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
    Some(edits)
}

/// What is wrong with the CA of such options is mended by taking `clientAuth` out, where nobody asks for them who means
/// his clients.
pub(super) fn mend_options(looked: &Looked<'_>, meant: &[Meant<'_>], found: &mut [Diagnostic]) {
    let mended = meant.iter().filter(|meant| meant.is_for_nobody);
    for option in mended.filter_map(|meant| meant.option) {
        let Some(edit) = without_client_auth(&looked.objects, option) else {
            continue;
        };
        for diagnostic in found.iter_mut() {
            let is_about = diagnostic.subject.as_deref() == Some(option.subject().as_str())
                && diagnostic
                    .field
                    .as_deref()
                    .is_some_and(|field| field.starts_with(SECRETS));
            // A Secret that is not there proves nothing.
            if is_about && diagnostic.diagnosis == Diagnosis::SecretKeyMissing {
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
