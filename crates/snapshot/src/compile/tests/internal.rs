//! `<name>@internal` (A6.16).

use serde_json::json;
use viaduct_config::finding::Code;

use super::kit::{Compiled, Outcome, World, served};

/// One provider routes `a` to `service`, with these services switched on.
fn routed_to(service: &str, on: &[&str]) -> Compiled {
    let mut world = World::of(json!({ "http": {
        "routers": { "r": { "rule": "Host(`a`)", "service": service, "entryPoints": ["web"] } },
        "services": {
            "share": { "weighted": { "services": [{ "name": "api@internal", "weight": 1 }] } },
        },
    } }));
    let services: serde_json::Map<_, _> = on.iter().map(|name| ((*name).to_owned(), json!({}))).collect();
    world.say("internal", json!({ "http": { "services": services } }));
    world.compile()
}

#[test]
fn a6_16_internal_services_are_there_when_they_are_switched_on() {
    for name in ["api", "dashboard", "ping", "prometheus", "noop"] {
        let qualified = format!("{name}@internal");
        assert_eq!(routed_to(&qualified, &[name]).plain("a", "/"), served(&qualified));
    }
    for name in ["api", "dashboard", "ping", "prometheus"] {
        let off = routed_to(&format!("{name}@internal"), &["noop"]);
        assert_eq!(off.plain("a", "/"), Outcome::Out(404, Code::MissingReference));
    }
}

#[test]
fn a6_16_what_is_off_says_how_to_switch_it_on() {
    let off = routed_to("ping@internal", &["api"]);
    let finding = off.only(Code::MissingReference);
    assert_eq!(
        finding.message,
        "service `ping@internal` does not exist: it is not switched on"
    );
    assert_eq!(
        finding.hint.as_deref(),
        Some("switch ping on: `ping: {}` or `--ping`")
    );
}

#[test]
fn cve_2026_44774_the_rest_service_is_never_served() {
    let rest = routed_to("rest@internal", &["rest", "api"]);
    assert!(matches!(rest.plain("a", "/"), Outcome::Out(..)));
    let off = routed_to("rest@internal", &["api"]);
    assert_eq!(off.plain("a", "/"), Outcome::Out(503, Code::Unsupported));
}

#[test]
fn cve_2026_44774_a_weighted_service_holds_no_internal_one() {
    let hidden = routed_to("share", &["api"]);
    assert_eq!(
        hidden.plain("a", "/"),
        Outcome::Out(503, Code::ForbiddenReference)
    );
}

#[test]
fn c74_no_other_provider_can_make_an_internal_service() {
    let world = World::of(json!({ "http": {
        "routers": { "r": { "rule": "Host(`a`)", "service": "api", "entryPoints": ["web"] } },
        "services": { "api": {} },
    } }));
    assert_eq!(
        world.compile().plain("a", "/"),
        Outcome::Out(503, Code::InvalidService)
    );
}
