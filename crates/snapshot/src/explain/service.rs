//! Edits at a service: which scheme it speaks, and by which transport.

use std::collections::HashSet;

use super::yaml_scalar;
use crate::{LoadBalancer, Router, Scheme, Service, ServiceKind, Transport};

/// How a service comes to speak another scheme. One line.
pub(super) fn speak(router: &Router, transport: &Transport, scheme: &str) -> String {
    let Some(object) = &router.origin else {
        let named: Vec<_> = names(router, transport)
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        return format!(
            "write `{scheme}://` in the servers' URLs of service {}",
            named.join(", ")
        );
    };
    if &*object.kind == INGRESS {
        format!("annotate the Service of {object} with `{SCHEME}: {scheme}`")
    } else {
        format!("set `scheme: {scheme}` at the service of {object}")
    }
}

/// The same as YAML.
pub(super) fn speaking(router: &Router, transport: &Transport, scheme: &str) -> String {
    if router.origin.is_some() {
        return in_object(router, "scheme", SCHEME, scheme);
    }
    in_file(router, transport, |balancer| {
        let mut lines = "        servers:\n".to_owned();
        for server in balancer.map(|balancer| &balancer.servers).into_iter().flatten() {
            let rest = server
                .url
                .split_once("://")
                .map_or(&*server.url, |(_, rest)| rest);
            let url = match server.scheme {
                Scheme::Http | Scheme::Https => format!("{scheme}://{rest}"),
                Scheme::H2c => server.url.to_string(),
            };
            lines = format!("{lines}        - url: {}\n", yaml_scalar(&url));
        }
        lines
    })
}

/// Names a transport at the service, as YAML that follows the transport's.
pub(super) fn naming(router: &Router, transport: &Transport, name: &str) -> String {
    let Some(object) = &router.origin else {
        return in_file(router, transport, |_| {
            format!("        serversTransport: {}\n", yaml_scalar(name))
        })
        .replacen("http:\n", "", 1);
    };
    let value = if &*object.kind == INGRESS {
        format!("{}-{name}@kubernetescrd", object.namespace)
    } else {
        name.to_owned()
    };
    format!(
        "---\n{}",
        in_object(router, "serversTransport", TRANSPORT, &value)
    )
}

/// A field of the services of a Kubernetes object's rule, or the annotation that says the same.
fn in_object(router: &Router, field: &str, annotation: &str, value: &str) -> String {
    let value = yaml_scalar(value);
    let Some(object) = router.origin.as_ref().filter(|object| &*object.kind != INGRESS) else {
        return format!(
            "# the Service that {} names\napiVersion: v1\nkind: Service\nmetadata:\n  annotations:\n    {annotation}: {value}\n",
            router
                .origin
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default()
        );
    };
    format!(
        "apiVersion: traefik.io/v1alpha1\nkind: {}\nmetadata:\n  name: {}\n  namespace: {}\nspec:\n  routes:\n  - match: {}\n    services:\n    - {field}: {value}\n",
        object.kind,
        yaml_scalar(&object.name),
        yaml_scalar(&object.namespace),
        whole_scalar(&router.rule_text),
    )
}

/// Lines below `loadBalancer` of each service of the router that uses the transport.
fn in_file(
    router: &Router,
    transport: &Transport,
    lines: impl Fn(Option<&LoadBalancer>) -> String,
) -> String {
    let mut text = "http:\n  services:\n".to_owned();
    for (name, balancer) in users(router, transport) {
        text = format!(
            "{text}    {}:\n      loadBalancer:\n{}",
            yaml_scalar(name),
            lines(balancer)
        );
    }
    text
}

pub(super) fn names<'r>(router: &'r Router, transport: &Transport) -> Vec<&'r str> {
    users(router, transport)
        .into_iter()
        .map(|(name, _)| name)
        .collect()
}

/// The services of a router that use the transport, by their names in a file; the one it names where none does.
fn users<'r>(router: &'r Router, transport: &Transport) -> Vec<(&'r str, Option<&'r LoadBalancer>)> {
    let mut found = Vec::new();
    if let Some(service) = &router.named_service {
        collect(service, transport, &mut HashSet::new(), &mut found);
    }
    if found.is_empty() {
        found.push((unqualified(&router.service_name), None));
    }
    found
}

/// Each once: there can be billions of ways to a service through nested ones.
fn collect<'r>(
    service: &'r Service,
    transport: &Transport,
    seen: &mut HashSet<*const Service>,
    found: &mut Vec<(&'r str, Option<&'r LoadBalancer>)>,
) {
    if !seen.insert(std::ptr::from_ref(service)) {
        return;
    }
    match &service.kind {
        ServiceKind::LoadBalancer(balancer) => {
            let name = unqualified(&service.name);
            let known = found.iter().any(|(known, _)| *known == name);
            if std::ptr::eq(&*balancer.transport, transport) && !known && found.len() < MOST_SERVICES {
                found.push((name, Some(balancer)));
            }
        }
        ServiceKind::Weighted(children) => {
            for (child, _) in children {
                collect(child, transport, seen, found);
            }
        }
        ServiceKind::Internal(_) => {}
    }
}

fn unqualified(name: &str) -> &str {
    name.rsplit_once('@').map_or(name, |(name, _)| name)
}

/// A rule, which is there in full or is another one.
fn whole_scalar(text: &str) -> String {
    let escaped: String = text.chars().map(escaped).collect();
    format!("\"{escaped}\"")
}

fn escaped(c: char) -> String {
    match c {
        '"' | '\\' => format!("\\{c}"),
        c if c.is_control() => format!("\\u{:04x}", u32::from(c)),
        c => c.to_string(),
    }
}

pub(super) const INGRESS: &str = "Ingress";
/// Of a Service that an Ingress names.
const SCHEME: &str = "traefik.ingress.kubernetes.io/service.serversscheme";
const TRANSPORT: &str = "traefik.ingress.kubernetes.io/service.serverstransport";
/// Shown of one router.
const MOST_SERVICES: usize = 8;
