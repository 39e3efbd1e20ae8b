//! `http.redirections.entryPoint`: a router in front of all others, whose middleware sends clients elsewhere.

use viaduct_config::dynamic::http::{Middleware, RedirectScheme, Router};
use viaduct_config::{Dynamic, Install};

use super::INTERNAL;

pub(super) fn add(install: &Install, dynamic: &mut Dynamic) {
    for (name, entry_point) in &install.entry_points {
        let redirections = entry_point.http.redirections.as_ref();
        let Some(redirection) = redirections.and_then(|all| all.entry_point.as_ref()) else {
            continue;
        };
        // The install configuration names no entry point here that does not exist.
        let Some(port) = port(install, &redirection.to) else {
            continue;
        };
        let target = redirection.to.trim_start_matches(':');
        let router_name = format!("{name}-to-{target}");
        let middleware_name = format!("redirect-{router_name}");
        let redirect = RedirectScheme {
            scheme: redirection.scheme.clone(),
            port: port.to_owned(),
            permanent: redirection.permanent,
        };
        let middleware = Middleware {
            redirect_scheme: Some(redirect),
            ..Middleware::default()
        };
        let router = Router {
            entry_points: vec![name.clone()],
            middlewares: vec![format!("{middleware_name}@{INTERNAL}")],
            // Whoever needs no redirection, because a trusted proxy says so, finds nothing here (as Traefik).
            service: format!("noop@{INTERNAL}"),
            rule: EVERYTHING.to_owned(),
            priority: Some(redirection.priority),
            ..Router::default()
        };
        dynamic.http.routers.insert(router_name, router);
        dynamic.http.middlewares.insert(middleware_name, middleware);
    }
}

/// `:port`, or that of the entry point named.
fn port<'i>(install: &'i Install, to: &'i str) -> Option<&'i str> {
    if let Some(port) = to.strip_prefix(':') {
        return Some(port);
    }
    let address = &install.entry_points.get(to)?.address;
    let address = address
        .split_once('/')
        .map_or(address.as_str(), |(address, _)| address);
    address.rsplit_once(':').map(|(_, port)| port)
}

/// Every host; a request without one is refused before routing.
const EVERYTHING: &str = "HostRegexp(`^.+$`)";
