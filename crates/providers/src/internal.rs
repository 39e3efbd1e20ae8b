//! The provider `internal`: what the install configuration itself asks to be served.
//!
//! ```text
//!  api.insecure, ping, metrics.prometheus --> routers on their own entry point
//!  api, api.dashboard, ping, prometheus  --> services that routers of users may name
//!  http.redirections of an entry point   --> a router for everything on it, and its middleware
//! ```

mod redirections;
#[cfg(test)]
mod tests;

use viaduct_config::dynamic::http::{Router, RouterObservability, Service};
use viaduct_config::install::INTERNAL_ENTRY_POINT;
use viaduct_config::rule::{Expr, Matcher, Rule};
use viaduct_config::{Dynamic, Install, ProviderName, Update};

/// Its name.
pub const INTERNAL: &str = "internal";

/// Pure: the same options, the same update.
pub fn internal(install: &Install) -> Update {
    let mut dynamic = Dynamic::default();
    service(&mut dynamic, "noop");
    api(install, &mut dynamic);
    ping(install, &mut dynamic);
    prometheus(install, &mut dynamic);
    redirections::add(install, &mut dynamic);
    Update::new(ProviderName::new(INTERNAL), dynamic)
}

/// The services exist when the API is on; routers for them only under `api.insecure`, and only on the entry
/// point `traefik` (C74).
fn api(install: &Install, dynamic: &mut Dynamic) {
    let Some(api) = &install.api else {
        return;
    };
    service(dynamic, "api");
    if api.dashboard {
        service(dynamic, "dashboard");
    }
    if !api.insecure {
        return;
    }
    let base = api.base_path.trim_end_matches('/');
    let rule = path_prefix(&format!("{base}/api"));
    router(dynamic, "api", INTERNAL_ENTRY_POINT, rule, BELOW_MAX);
    if api.dashboard {
        let rule = path_prefix(if base.is_empty() { "/" } else { base });
        router(dynamic, "dashboard", INTERNAL_ENTRY_POINT, rule, BELOW_MAX - 1);
    }
}

fn ping(install: &Install, dynamic: &mut Dynamic) {
    let Some(ping) = &install.ping else {
        return;
    };
    service(dynamic, "ping");
    if !ping.manual_routing {
        router(dynamic, "ping", &ping.entry_point, path_prefix("/ping"), i64::MAX);
    }
}

fn prometheus(install: &Install, dynamic: &mut Dynamic) {
    let metrics = install.metrics.as_ref();
    let Some(prometheus) = metrics.and_then(|metrics| metrics.prometheus.as_ref()) else {
        return;
    };
    service(dynamic, "prometheus");
    if !prometheus.manual_routing {
        router(
            dynamic,
            "prometheus",
            &prometheus.entry_point,
            path_prefix("/metrics"),
            i64::MAX,
        );
    }
}

/// One that says nothing: what it is follows from its name.
fn service(dynamic: &mut Dynamic, name: &str) {
    dynamic.http.services.insert(name.to_owned(), Service::default());
}

fn router(dynamic: &mut Dynamic, service: &str, entry_point: &str, rule: Rule, priority: i64) {
    let router = Router {
        entry_points: vec![entry_point.to_owned()],
        service: format!("{service}@{INTERNAL}"),
        rule: rule.text().to_owned(),
        priority: Some(priority),
        // As in Traefik, what looks at the proxy is no traffic of the proxy.
        observability: Some(RouterObservability {
            access_logs: Some(false),
            metrics: Some(false),
            tracing: Some(false),
            ..RouterObservability::default()
        }),
        ..Router::default()
    };
    dynamic.http.routers.insert(service.to_owned(), router);
}

fn path_prefix(path: &str) -> Rule {
    Rule::from_expr(Expr::Match(Matcher::PathPrefix(path.into())))
}

/// Behind ping and metrics, whose paths a dashboard at `/` contains; in front of every router of a user.
const BELOW_MAX: i64 = i64::MAX - 1;
