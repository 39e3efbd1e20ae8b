use viaduct_config::Install;
use viaduct_config::install::{Api, Metrics, Ping, Prometheus};

use super::internal;

fn routers(install: &Install) -> Vec<(String, String, String)> {
    let routers = internal(install).dynamic.http.routers;
    let routers = routers
        .into_values()
        .map(viaduct_config::Shared::into_inner)
        .map(|router| (router.service, router.entry_points.join(","), router.rule));
    routers.collect()
}

fn services(install: &Install) -> Vec<String> {
    internal(install).dynamic.http.services.into_keys().collect()
}

fn route(service: &str, entry_point: &str, rule: &str) -> (String, String, String) {
    (service.to_owned(), entry_point.to_owned(), rule.to_owned())
}

#[test]
fn c74_nothing_is_routed_unless_asked_for() {
    assert_eq!(routers(&Install::default()), []);
    assert_eq!(services(&Install::default()), ["noop"]);
    let api = Install {
        api: Some(Api::default()),
        ..Install::default()
    };
    assert_eq!(routers(&api), [], "`api` makes the service and no router");
    assert_eq!(services(&api), ["api", "dashboard", "noop"]);
}

#[test]
fn a12_1_insecure_puts_api_and_dashboard_on_the_traefik_entry_point_below_the_base_path() {
    let mut install = Install {
        api: Some(Api {
            insecure: true,
            ..Api::default()
        }),
        ..Install::default()
    };
    let expected = [
        route("api@internal", "traefik", "PathPrefix(`/api`)"),
        route("dashboard@internal", "traefik", "PathPrefix(`/`)"),
    ];
    assert_eq!(routers(&install), expected);
    if let Some(api) = &mut install.api {
        api.base_path = "/edge".to_owned();
        api.dashboard = false;
    }
    let expected = [route("api@internal", "traefik", "PathPrefix(`/edge/api`)")];
    assert_eq!(routers(&install), expected);
    assert_eq!(services(&install), ["api", "noop"]);
}

#[test]
fn a12_8_ping_has_its_entry_point_unless_it_is_routed_by_hand() {
    let ping = |manual_routing| Install {
        ping: Some(Ping {
            entry_point: "web".to_owned(),
            manual_routing,
            ..Ping::default()
        }),
        ..Install::default()
    };
    let expected = [route("ping@internal", "web", "PathPrefix(`/ping`)")];
    assert_eq!(routers(&ping(false)), expected);
    assert_eq!(routers(&ping(true)), []);
    assert_eq!(services(&ping(true)), ["noop", "ping"]);
}

#[test]
fn a12_8_ping_and_metrics_win_over_the_dashboard_on_their_entry_point() {
    let install = Install {
        api: Some(Api {
            insecure: true,
            ..Api::default()
        }),
        ping: Some(Ping::default()),
        metrics: Some(Metrics {
            prometheus: Some(Prometheus::default()),
            ..Metrics::default()
        }),
        ..Install::default()
    };
    let routers = internal(&install).dynamic.http.routers;
    let priority = |name: &str| routers[name].priority;
    for above in ["ping", "prometheus"] {
        assert!(priority(above) > priority("api"));
        assert!(priority(above) > priority("dashboard"));
    }
    assert!(priority("api") > priority("dashboard"));
}

#[test]
fn a2_5_a_redirection_is_a_router_in_front_of_all_others() {
    let text = "
entryPoints:
  web: {address: ':80', http: {redirections: {entryPoint: {to: websecure}}}}
  alt: {address: ':8080', http: {redirections: {entryPoint: {to: ':8443', permanent: false, priority: 7}}}}
  websecure: {address: '127.0.0.1:443/tcp'}
";
    let install = viaduct_config::install::from_file("t.yml", text).unwrap().install;
    let dynamic = internal(&install).dynamic;
    let router = &dynamic.http.routers["web-to-websecure"];
    assert_eq!(router.entry_points, ["web"]);
    assert_eq!(router.priority, Some(i64::MAX - 1));
    assert_eq!(router.service, "noop@internal");
    assert_eq!(router.middlewares, ["redirect-web-to-websecure@internal"]);
    let redirect = |name: &str| dynamic.http.middlewares[name].redirect_scheme.clone().unwrap();
    let to_websecure = redirect("redirect-web-to-websecure");
    assert_eq!(
        (to_websecure.scheme.as_str(), to_websecure.port.as_str()),
        ("https", "443")
    );
    assert!(to_websecure.permanent);
    let to_port = redirect("redirect-alt-to-8443");
    assert_eq!((to_port.port.as_str(), to_port.permanent), ("8443", false));
    assert_eq!(dynamic.http.routers["alt-to-8443"].priority, Some(7));
}
