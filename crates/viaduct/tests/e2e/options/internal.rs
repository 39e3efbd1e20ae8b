//! `api`, `ping`, `ocsp`, `core`.

use serde_json::Value;
use viaduct_testkit::http1;

use super::Seen;
use crate::api::{self, ROUTES, get, serve};
use crate::client_leg::stapling;
use crate::file_provider::several;
use crate::install::commands;

pub(super) fn seen() -> Vec<Seen> {
    vec![
        seen!(api::a6_16_a_router_of_the_file_provider_serves_the_api_through_its_middlewares =>
            "api", "ping", "ping.manualRouting",
        ),
        seen!(api::c74_insecure_serves_on_the_traefik_entry_point_alone_and_says_so_aloud => "api.insecure"),
        seen!(a12_1_the_api_is_where_and_what_its_options_say => "api.basePath", "api.dashboard", "api.dashboardName"),
        seen!(commands::a1_5_healthcheck_of_the_real_process => "ping.entryPoint"),
        seen!(api::a12_8_ping_says_that_the_process_ends_while_it_still_accepts => "ping.terminatingStatusCode"),
        seen!(stapling::a8_22_traefiks_install_options_staple_what_the_file_provider_names => "ocsp", "ocsp.responderOverrides._name_"),
        seen!(several::a1_7_rules_of_v2_are_the_default_where_the_install_configuration_says_so =>
            "core.defaultRuleSyntax",
        ),
    ]
}

#[test]
fn a12_1_the_api_is_where_and_what_its_options_say() {
    let work = tempfile::tempdir().expect("a temporary directory");
    let flags = [
        "--api.insecure",
        "--api.basepath=/base",
        "--api.dashboardname=Bridges of the north",
    ];
    let running = serve(work.path(), ROUTES, &flags);
    let traefik = running.address("traefik");
    assert_eq!(get(traefik, "/api/version").status, 404);
    assert_eq!(get(traefik, "/base/api/version").status, 200);
    assert_eq!(get(traefik, "/base/dashboard/").status, 200);
    let about: Value = serde_json::from_slice(&get(traefik, "/base/api/viaduct/about").body).expect("JSON");
    assert!(about.to_string().contains("Bridges of the north"), "{about}");

    let running = serve(work.path(), ROUTES, &["--api.insecure", "--api.dashboard=false"]);
    let traefik = running.address("traefik");
    assert_eq!(get(traefik, "/api/version").status, 200);
    let dashboard = http1::once(traefik, "GET /dashboard/ HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(dashboard.status, 404);
}
