//! Services of the file provider.

use viaduct_config::document::{Node, Value};

use super::{Backend, Form, Leg, Router};
use crate::lints::objects::{Objects, in_any_case, items, named, text_in_any_case};

pub(super) fn find<'a>(objects: &Objects<'a>, found: &mut Vec<Backend<'a>>) {
    for (section, form) in [("http", Form::FileHttp), ("tcp", Form::FileTcp)] {
        let routers = routers(objects, section);
        for (file, root) in objects.documents() {
            for (key, node) in named(root, section, "services") {
                let Some(balancer) = in_any_case(node, &["loadBalancer"]) else {
                    continue;
                };
                let own = routers
                    .iter()
                    .filter(|(service, _)| service.split('@').next() == Some(key));
                let own: Vec<_> = own.map(|(_, router)| router.clone()).collect();
                found.extend(backend(form, file, root, key, balancer, own));
            }
        }
    }
}

fn routers<'a>(objects: &Objects<'a>, section: &'static str) -> Vec<(&'a str, Router<'a>)> {
    let mut found = Vec::new();
    for (file, root) in objects.documents() {
        for (key, node) in named(root, section, "routers") {
            let Some(service) = text_in_any_case(node, "service") else {
                continue;
            };
            let protocol = if section == "tcp" { "TCP router" } else { "router" };
            found.push((
                service,
                Router {
                    subject: format!("{protocol} `{key}`"),
                    file,
                    root,
                    namespace: "",
                    rule: text_in_any_case(node, "rule"),
                    options: in_any_case(node, &["tls", "options"]),
                    tls: format!("{section}.routers.{key}.tls"),
                },
            ));
        }
    }
    found
}

fn backend<'a>(
    form: Form,
    file: usize,
    root: &'a Node,
    name: &'a str,
    balancer: &'a Node,
    routers: Vec<Router<'a>>,
) -> Option<Backend<'a>> {
    let servers = items(in_any_case(balancer, &["servers"]));
    let (field, section, protocol) = if form.is_tcp() {
        ("address", "tcp", "TCP service")
    } else {
        ("url", "http", "service")
    };
    let is_passed = |router: &Router<'_>| {
        let own = router
            .tls
            .strip_suffix(".tls")
            .and_then(|path| path.rsplit_once('.'));
        let node = own.and_then(|(_, key)| {
            let routers = named(router.root, section, "routers");
            routers.into_iter().find(|(known, _)| *known == key)
        });
        node.and_then(|(_, node)| in_any_case(node, &["tls", "passthrough"]))
            .is_some_and(|value| matches!(value.value, Value::Bool(true)))
    };
    let passes = form.is_tcp() && !routers.is_empty() && routers.iter().all(is_passed);
    let leg = |server: &Node| match form {
        Form::FileTcp if is_tls(server) => Leg::Tls,
        Form::FileTcp if passes => Leg::Passthrough,
        Form::FileTcp => Leg::Plain,
        _ => scheme(text_in_any_case(server, field).unwrap_or_default()),
    };
    // One that is spoken to by TLS decides: it needs a transport.
    let at = servers
        .iter()
        .position(|server| leg(server) == Leg::Tls)
        .unwrap_or_default();
    let first = servers.get(at)?;
    let hosts = servers.iter().filter(|server| leg(server) == Leg::Tls);
    let hosts = hosts
        .filter_map(|server| host(text_in_any_case(server, field)?))
        .collect();
    Some(Backend {
        form,
        subject: format!("{protocol} `{name}`"),
        file,
        root,
        path: format!("{section}.services.{name}.loadBalancer"),
        mark: (file, in_any_case(first, &[field])?),
        field: format!("loadBalancer.servers[{at}].{field}"),
        name,
        namespace: "",
        service: None,
        leg: leg(first),
        transport: text_in_any_case(balancer, "serversTransport").filter(|name| !name.is_empty()),
        hosts,
        routers,
    })
}

fn is_tls(server: &Node) -> bool {
    in_any_case(server, &["tls"]).is_some_and(|value| matches!(value.value, Value::Bool(true)))
}

fn scheme(url: &str) -> Leg {
    match url.split_once("://") {
        Some((scheme, _)) if scheme.eq_ignore_ascii_case("https") => Leg::Tls,
        Some((scheme, _))
            if ["http", "h2c"]
                .iter()
                .any(|plain| scheme.eq_ignore_ascii_case(plain)) =>
        {
            Leg::Plain
        }
        Some(_) | None => Leg::Unknown,
    }
}

/// The host of a URL or address.
fn host(url: &str) -> Option<&str> {
    let behind = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = behind.split(['/', '?', '#']).next()?;
    if let Some(inside) = authority.strip_prefix('[') {
        return inside.split(']').next();
    }
    authority.split(':').next().filter(|host| !host.is_empty())
}
