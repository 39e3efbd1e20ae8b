//! Routers: entry points, priorities, what takes one out of service, and that nothing else suffers.

use serde_json::json;
use viaduct_config::finding::{Code, Location};
use viaduct_config::rule::Syntax;
use viaduct_config::update::Origin;
use viaduct_config::{Element, Finding, ObjectRef, ProviderName};

use super::kit::{Outcome, World, balancer, routers, served, update};

#[test]
fn a3_5_router_serves_at_its_entry_points() {
    let compiled = World::of(routers(json!({
        "r": { "rule": "Host(`a`)", "service": "app", "entryPoints": ["web"] },
    })))
    .compile();
    compiled.assert_no_errors();
    assert_eq!(compiled.plain("a", "/"), served("app@file"));
    assert_eq!(compiled.plain("b", "/"), Outcome::NotFound);
    assert_eq!(compiled.secure("a", "/"), Outcome::NotFound);
    assert!(!compiled.router("r@file").tls);
}

#[test]
fn a2_4_entry_point_tls_is_the_default_of_its_routers() {
    let compiled = World::of(routers(json!({
        "r": { "rule": "Host(`a`)", "service": "app" },
    })))
    .compile();
    // No entry point is marked as default, so all serve it; each is a router of its own, as in Traefik.
    assert_eq!(compiled.plain("a", "/"), served("app@file"));
    assert_eq!(compiled.secure("a", "/"), served("app@file"));
    assert!(!compiled.router("web-r@file").tls);
    assert!(compiled.router("websecure-r@file").tls);
}

#[test]
fn a2_4_default_entry_points_are_those_marked() {
    let mut world = World::of(routers(json!({ "r": { "rule": "Host(`a`)", "service": "app" } })));
    world.install.entry_points[1].as_default = true;
    let compiled = world.compile();
    assert_eq!(compiled.plain("a", "/"), Outcome::NotFound);
    assert_eq!(compiled.secure("a", "/"), served("app@file"));
    assert!(compiled.router("r@file").tls);
}

#[test]
fn a3_5_unknown_entry_points_are_said() {
    let compiled = World::of(routers(json!({
        "some": { "rule": "Host(`a`)", "service": "app", "entryPoints": ["web", "nope"] },
        "none": { "rule": "Host(`b`)", "service": "app", "entryPoints": ["nope"] },
    })))
    .compile();
    assert_eq!(compiled.plain("a", "/"), served("app@file"));
    assert_eq!(compiled.plain("b", "/"), Outcome::NotFound);
    let messages: Vec<_> = compiled
        .found(Code::UnknownEntryPoint)
        .into_iter()
        .map(|finding| finding.message.as_str())
        .collect();
    assert_eq!(
        messages,
        [
            "no valid entryPoint for this router",
            "entryPoint \"nope\" doesn't exist",
            "entryPoint \"nope\" doesn't exist",
        ]
    );
    assert!(compiled.router("none@file").entry_point.is_none());
}

#[test]
fn a3_4_longer_rules_win_unless_a_priority_is_given() {
    let compiled = World::of(json!({ "http": {
        "routers": {
            "short": { "rule": "Host(`a`)", "service": "short", "entryPoints": ["web"], "priority": 0 },
            "long": { "rule": "Host(`a`) && PathPrefix(`/x`)", "service": "long", "entryPoints": ["web"] },
            "wins": { "rule": "PathPrefix(`/x/y`)", "service": "wins", "entryPoints": ["web"], "priority": 1000 },
            "last": { "rule": "PathPrefix(`/`)", "service": "last", "entryPoints": ["web"], "priority": -1 },
        },
        "services": {
            "short": balancer("http://10.0.0.1"), "long": balancer("http://10.0.0.2"),
            "wins": balancer("http://10.0.0.3"), "last": balancer("http://10.0.0.4"),
        },
    }}))
    .compile();
    assert_eq!(compiled.plain("a", "/"), served("short@file"));
    assert_eq!(compiled.plain("a", "/x"), served("long@file"));
    assert_eq!(compiled.plain("a", "/x/y"), served("wins@file"));
    assert_eq!(compiled.plain("b", "/"), served("last@file"));
    assert_eq!(compiled.router("long@file").priority, 29);
}

#[test]
fn a3_4_priority_has_a_maximum() {
    let compiled = World::of(routers(json!({
        "r": { "rule": "Host(`a`)", "service": "app", "entryPoints": ["web"], "priority": i64::MAX - 999 },
        "max": { "rule": "Host(`b`)", "service": "app", "entryPoints": ["web"], "priority": i64::MAX - 1000 },
    })))
    .compile();
    assert_eq!(compiled.plain("a", "/"), Outcome::Out(503, Code::InvalidObject));
    assert_eq!(compiled.plain("b", "/"), served("app@file"));
    assert_eq!(
        compiled.only(Code::InvalidObject).message,
        "the router priority 9223372036854774808 exceeds the max user-defined priority 9223372036854774807"
    );
}

#[test]
fn a3_4_ties_are_settled_by_provider_precedence_then_by_name() {
    let one = |name: &str| {
        json!({
            "http": {
                "routers": { name: { "rule": "Host(`a`)", "service": "app", "entryPoints": ["web"] } },
                "services": { "app": balancer("http://10.0.0.1") },
            },
        })
    };
    let mut world = World::new();
    world.say("alpha", one("z"));
    world.say("beta", one("y"));
    assert_eq!(world.compile().plain("a", "/"), served("app@beta"));
    world.install.provider_precedence = vec![ProviderName::new("alpha")];
    assert_eq!(world.compile().plain("a", "/"), served("app@alpha"));
}

#[test]
fn a3_2_malformed_rule_is_left_out_with_its_position() {
    let mut said = update(
        "file",
        routers(json!({
            "bad": { "rule": "Host(`a`) &&", "service": "app", "entryPoints": ["web"] },
            "good": { "rule": "Host(`a`)", "service": "app", "entryPoints": ["web"] },
        })),
    );
    let location = Location {
        file: "routes.yaml".into(),
        line: 7,
        column: 3,
    };
    said.origins.insert(
        Element::Router("bad".into()),
        Origin {
            object: Some(ObjectRef::new("IngressRoute", "web", "bad")),
            location: Some(location.clone()),
        },
    );
    let mut world = World::new();
    world.put(said);
    let compiled = world.compile();
    assert_eq!(compiled.plain("a", "/"), served("app@file"));
    let finding = compiled.only(Code::InvalidRule);
    assert_eq!(finding.location, Some(location));
    assert_eq!(finding.field.as_deref(), Some("rule"));
    assert!(finding.message.contains("column"), "{}", finding.message);
    assert_eq!(
        finding.object.as_ref().map(ToString::to_string).as_deref(),
        Some("IngressRoute web/bad")
    );
    let bad = compiled.router("bad@file");
    assert!(bad.rule.is_none());
    assert_eq!(&*bad.rule_text, "Host(`a`) &&");
}

#[test]
fn a6_13_missing_service_is_404_and_keeps_its_place() {
    let compiled = World::of(routers(json!({
        "missing": { "rule": "Host(`a`) && PathPrefix(`/x`)", "service": "ap", "entryPoints": ["web"] },
        "unnamed": { "rule": "Host(`b`)", "entryPoints": ["web"] },
        "rest": { "rule": "Host(`a`)", "service": "app", "entryPoints": ["web"] },
    })))
    .compile();
    assert_eq!(
        compiled.plain("a", "/x"),
        Outcome::Out(404, Code::MissingReference)
    );
    assert_eq!(
        compiled.plain("b", "/"),
        Outcome::Out(404, Code::MissingReference)
    );
    assert_eq!(compiled.plain("a", "/"), served("app@file"));
    let finding = compiled.found(Code::MissingReference)[0];
    assert_eq!(finding.message, "service `ap@file` does not exist");
    assert_eq!(finding.hint.as_deref(), Some("did you mean `app@file`?"));
}

#[test]
fn routers_that_name_middlewares_are_never_served_without_them() {
    let mut dynamic = routers(json!({
        "known": { "rule": "Host(`a`)", "service": "app", "entryPoints": ["web"], "middlewares": ["auth"] },
        "unknown": { "rule": "Host(`b`)", "service": "app", "entryPoints": ["web"], "middlewares": ["auht"] },
        "free": { "rule": "Host(`c`)", "service": "app", "entryPoints": ["web"] },
    }));
    dynamic["http"]["middlewares"] = json!({ "auth": { "circuitBreaker": {} } });
    let compiled = World::of(dynamic).compile();
    assert_eq!(compiled.plain("a", "/"), Outcome::Out(503, Code::Unsupported));
    assert_eq!(
        compiled.plain("b", "/"),
        Outcome::Out(503, Code::MissingReference)
    );
    assert_eq!(compiled.plain("c", "/"), served("app@file"));
    // Of the middleware, and of the router that needs it.
    let messages: Vec<_> = compiled
        .found(Code::Unsupported)
        .iter()
        .map(|finding| &*finding.message)
        .collect();
    assert_eq!(
        messages,
        [
            "middlewares of type `circuitBreaker` are not served yet",
            "middleware `auth`: middlewares of type `circuitBreaker` are not served yet",
        ]
    );
    let missing = compiled.only(Code::MissingReference);
    assert_eq!(missing.message, "middleware \"auht@file\" does not exist");
    assert_eq!(missing.hint.as_deref(), Some("did you mean `auth@file`?"));
    assert_eq!(missing.field.as_deref(), Some("middlewares[0]"));
}

#[test]
fn capabilities_to_come_take_their_router_out_of_service() {
    let compiled = World::of(routers(json!({
        "resolver": { "rule": "Host(`a`)", "service": "app", "entryPoints": ["websecure"],
                      "tls": { "certResolver": "le" } },
        "child": { "rule": "PathPrefix(`/`)", "service": "app", "parentRefs": ["resolver"] },
        "forbidden": { "rule": "Host(`d`)", "service": "secret@internal", "entryPoints": ["web"] },
    })))
    .compile();
    assert_eq!(compiled.secure("a", "/"), Outcome::Out(503, Code::Unsupported));
    assert_eq!(
        compiled.plain("d", "/"),
        Outcome::Out(404, Code::ForbiddenReference)
    );
    assert_eq!(
        compiled.plain("e", "/"),
        Outcome::NotFound,
        "a child is not a root router"
    );
    assert_eq!(compiled.found(Code::Unsupported).len(), 2);
}

#[test]
fn a3_3_the_rule_syntax_is_each_routers_own() {
    let compiled = World::of(routers(json!({
        "old": { "rule": "Host(`a`, `b`) && Path(`/{id:[0-9]+}`)", "service": "app",
                 "entryPoints": ["web"], "ruleSyntax": "v2" },
        "new": { "rule": "Host(`c`)", "service": "app", "entryPoints": ["web"], "ruleSyntax": "v3" },
        "wrong": { "rule": "Host(`d`, `e`)", "service": "app", "entryPoints": ["web"] },
    })))
    .compile();
    for host in ["a", "b"] {
        assert_eq!(compiled.plain(host, "/42"), served("app@file"));
        assert_eq!(compiled.plain(host, "/x"), Outcome::NotFound);
    }
    assert_eq!(compiled.plain("c", "/"), served("app@file"));
    assert_eq!(
        compiled.only(Code::InvalidRule).field.as_deref(),
        Some("rule"),
        "v3 has no second value"
    );
}

#[test]
fn a1_7_the_default_rule_syntax_is_for_routers_that_name_none() {
    let mut world = World::of(routers(json!({
        "old": { "rule": "HostHeader(`a`)", "service": "app", "entryPoints": ["web"] },
        "new": { "rule": "Host(`b`) && Header(`x`, `y`) || Host(`b`)", "service": "app",
                 "entryPoints": ["web"], "ruleSyntax": "v3" },
        "odd": { "rule": "PathRegexp(`^/odd`)", "service": "app", "entryPoints": ["web"],
                 "ruleSyntax": "foobar" },
    })));
    let before = world.compile();
    assert_eq!(before.plain("a", "/"), Outcome::NotFound);
    world.install.default_rule_syntax = Syntax::V2;
    let compiled = world.compile_after(Some(&before));
    assert_eq!(compiled.plain("a", "/"), served("app@file"));
    assert_eq!(compiled.plain("b", "/"), served("app@file"));
    // As in Traefik, a syntax that does not exist is v3.
    assert_eq!(compiled.plain("c", "/odd"), served("app@file"));
    let unknown = compiled.only(Code::InvalidRule);
    assert_eq!(
        (unknown.field.as_deref(), unknown.got.as_deref()),
        (Some("ruleSyntax"), Some("foobar"))
    );
}

#[test]
fn a3_3_the_same_text_in_another_syntax_is_another_rule() {
    let router = |syntax: &str| {
        routers(json!({ "r": { "rule": "HostRegexp(`a.c`)", "service": "app",
                               "entryPoints": ["web"], "ruleSyntax": syntax } }))
    };
    let mut world = World::of(router("v3"));
    let before = world.compile();
    assert_eq!(before.plain("abc", "/"), served("app@file"));
    world.say("file", router("v2"));
    let after = world.compile_after(Some(&before));
    assert_eq!(after.plain("abc", "/"), Outcome::NotFound);
    assert_eq!(after.plain("a.c", "/"), served("app@file"));
}

#[test]
fn broken_routers_answer_with_the_reason_of_their_provider() {
    let mut said = update(
        "file",
        routers(json!({ "r": { "rule": "Host(`a`)", "service": "app", "entryPoints": ["web"] } })),
    );
    said.broken.push((
        Element::Router("r".into()),
        Finding::error(Code::InvalidCertificate, "secret `web/tls` holds no key"),
    ));
    let mut world = World::new();
    world.put(said);
    let compiled = world.compile();
    assert_eq!(
        compiled.plain("a", "/"),
        Outcome::Out(503, Code::InvalidCertificate)
    );
    assert_eq!(
        compiled.only(Code::InvalidCertificate).message,
        "secret `web/tls` holds no key"
    );
}

#[test]
fn a3_5_observability_can_be_turned_off() {
    let compiled = World::of(routers(json!({
        "on": { "rule": "Host(`a`)", "service": "app", "entryPoints": ["web"] },
        "off": { "rule": "Host(`b`)", "service": "app", "entryPoints": ["web"],
                 "observability": { "accessLogs": false, "metrics": false } },
    })))
    .compile();
    let (on, off) = (compiled.router("on@file"), compiled.router("off@file"));
    assert_eq!(
        (on.observability.access_log, on.observability.metrics),
        (None, None)
    );
    let off = off.observability;
    assert_eq!((off.access_log, off.metrics), (Some(false), Some(false)));
}

/// The application for everybody, and a part of it with more demands and a rule `admin`.
fn guarded(admin: &str) -> super::kit::Compiled {
    World::of(json!({ "http": {
        "routers": {
            "app": { "rule": "Host(`app.test`)", "service": "app", "entryPoints": ["web"] },
            "other": { "rule": "Host(`other.test`)", "service": "app", "entryPoints": ["web"] },
            "admin": { "rule": admin, "service": "app", "entryPoints": ["web"], "middlewares": ["auth"] },
        },
        "services": { "app": balancer("http://10.0.0.1") },
        "middlewares": { "auth": { "basicAuth": { "users": ["a:b"] } } },
    } }))
    .compile()
}

#[test]
fn i2_a_misspelt_rule_keeps_its_requests_from_the_router_behind_it() {
    for admin in [
        "Host(`app.test`) && PathPrefx(`/admin`)",
        "Host('app.test') && PathPrefix('/admin')",
        "Host(`app.test`) && PathPrefix(`admin`)",
        "Host(`app.test`) && PathPrefix(`/admin`, `/root`)",
        "Host(`app.test`) && PathPrefix(`/admin`",
    ] {
        let compiled = guarded(admin);
        assert_eq!(
            compiled.plain("app.test", "/admin/x"),
            Outcome::Out(503, Code::InvalidRule),
            "{admin}"
        );
        // It takes nothing else.
        for (host, path) in [("app.test", "/"), ("other.test", "/admin"), ("other.test", "/")] {
            assert_eq!(
                compiled.plain(host, path),
                served("app@file"),
                "{admin}: {host}{path}"
            );
        }
        let finding = compiled.only(Code::InvalidRule);
        assert!(
            finding
                .message
                .contains("requests that match `Host(`app.test`) && ")
                && finding.message.ends_with("are answered with 503"),
            "{}",
            finding.message
        );
    }
    let finding = guarded("Host(`app.test`) && PathPrefx(`/admin`)");
    let finding = finding.only(Code::InvalidRule);
    assert_eq!(
        finding.message,
        "unsupported function: PathPrefx at column 21; until that is mended, requests that match \
         `Host(`app.test`) && PathPrefix(`/admin`)` are answered with 503"
    );
    assert_eq!(finding.hint.as_deref(), Some("did you mean `PathPrefix`?"));
}

#[test]
fn i2_a_rule_that_means_nothing_names_who_gets_its_requests() {
    let compiled = guarded("Host(`app.test`) & PathPrefix(`/admin`)");
    assert_eq!(compiled.plain("app.test", "/admin"), served("app@file"));
    let message = &compiled.only(Code::InvalidRule).message;
    assert!(
        message.ends_with(
            "; requests for `app.test` now reach router `app@file` (which has no middleware `auth`)"
        ),
        "{message}"
    );
    let compiled = guarded("Host(`gone.test`) & PathPrefix(`/admin`)");
    let message = &compiled.only(Code::InvalidRule).message;
    assert!(
        message.ends_with("; requests for `gone.test` are answered with 404"),
        "{message}"
    );
}

#[test]
fn i2_a_guessed_rule_is_a_guess_at_every_reload() {
    let rule = "Host(`app.test`) && PathPrefx(`/admin`)";
    let mut world = World::of(routers(json!({
        "admin": { "rule": rule, "service": "app", "entryPoints": ["web"] },
    })));
    let first = world.compile();
    world.say("another", json!({}));
    let second = world.compile_after(Some(&first));
    assert_eq!(
        second.plain("app.test", "/admin"),
        Outcome::Out(503, Code::InvalidRule)
    );
    assert_eq!(second.snapshot.generation, first.snapshot.generation);
}

#[test]
fn i2_a_guessed_rule_claims_no_tls_options() {
    let options = |rule: &str| {
        World::of(json!({
            "http": {
                "routers": {
                    "app": { "rule": "Host(`app.test`)", "service": "app", "entryPoints": ["websecure"] },
                    "admin": { "rule": rule, "service": "app", "entryPoints": ["websecure"],
                               "tls": { "options": "other" } },
                },
                "services": { "app": balancer("http://10.0.0.1") },
            },
            "tls": { "options": { "other": { "minVersion": "VersionTLS13" } } },
        }))
        .compile()
    };
    let readable = options("Host(`app.test`) && PathPrefix(`/admin`)");
    assert_eq!(
        readable.secure("app.test", "/"),
        Outcome::Out(503, Code::ConflictingTlsOptions)
    );
    let guessed = options("Host(`app.test`) && PathPrefx(`/admin`)");
    assert_eq!(guessed.secure("app.test", "/"), served("app@file"));
    assert_eq!(
        guessed.secure("app.test", "/admin"),
        Outcome::Out(503, Code::InvalidRule)
    );
}

/// Router `app` at two entry points, beside one that is really named as its part at the first.
#[test]
fn i4_the_part_of_a_router_is_no_other_router() {
    let app = json!({ "rule": "Host(`a`)", "service": "app", "entryPoints": ["web", "websecure"] });
    let real = json!({ "rule": "Host(`b`)", "service": "app", "entryPoints": ["web"] });
    let alone = World::of(routers(json!({ "app": app }))).compile();
    assert_eq!(&*alone.router("web-app@file").written_name, "app@file");

    let compiled = World::of(routers(json!({ "app": app, "web-app": real }))).compile();
    assert_eq!(compiled.snapshot.routers.len(), 3);
    assert_eq!(&*compiled.router("web-app@file").rule_text, "Host(`b`)");
    assert_eq!(&*compiled.router("websecure-app@file").written_name, "app@file");
    let parts = compiled.snapshot.routers.values();
    let renamed: Vec<_> = parts
        .filter(|router| &*router.written_name == "app@file" && &*router.name != "websecure-app@file")
        .collect();
    assert_eq!(renamed.len(), 1);
    assert!(renamed[0].name.starts_with("web-app-"), "{}", renamed[0].name);
    assert!(compiled.only(Code::DuplicateObject).message.contains("`web-app`"));
    assert_eq!(compiled.plain("a", "/"), served("app@file"));
    assert_eq!(compiled.plain("b", "/"), served("app@file"));

    // Whoever takes the name with the suffix, too, gets nowhere.
    let suffixed = renamed[0].name.strip_suffix("@file").expect("a provider");
    let all = json!({ "app": app, "web-app": real, suffixed: real });
    let compiled = World::of(routers(all)).compile();
    assert_eq!(compiled.snapshot.routers.len(), 4);
}

#[test]
fn i4_parts_of_two_routers_have_two_names() {
    let mut world = World::of(routers(json!({
        "b-c": { "rule": "Host(`a`)", "service": "app", "entryPoints": ["web", "a"] },
        "c": { "rule": "Host(`b`)", "service": "app", "entryPoints": ["web", "a-b"] },
    })));
    for name in ["a", "a-b"] {
        let mut more = world.install.entry_points[0].clone();
        more.name = viaduct_config::EntryPointName::new(name);
        world.install.entry_points.push(more);
    }
    let compiled = world.compile();
    assert_eq!(compiled.snapshot.routers.len(), 4);
    let again = world.compile_after(Some(&compiled));
    assert_eq!(again.snapshot.generation, compiled.snapshot.generation);
}

#[test]
fn i2_a_router_without_the_certificate_it_asks_for_is_out() {
    let mut update = update(
        "kubernetescrd",
        json!({
            "http": {
                "routers": {
                    "own": { "rule": "Host(`a`)", "service": "app", "entryPoints": ["websecure"], "tls": {} },
                    "other": { "rule": "Host(`b`)", "service": "app", "entryPoints": ["websecure"], "tls": {} },
                },
                "services": { "app": balancer("http://10.0.0.1") },
            },
            "tls": { "certificates": [{ "certFile": "junk", "keyFile": "junk" }] },
        }),
    );
    update
        .own_certificates
        .insert(Element::Router("own".to_owned()), 0_usize);
    let mut world = World::new();
    world.put(update);
    let compiled = world.compile();
    assert_eq!(
        compiled.secure("a", "/"),
        Outcome::Out(503, Code::InvalidCertificate)
    );
    assert_eq!(compiled.secure("b", "/"), served("app@kubernetescrd"));
    // Not read again, and still not served.
    let again = world.compile_after(Some(&compiled));
    assert_eq!(
        again.secure("a", "/"),
        Outcome::Out(503, Code::InvalidCertificate)
    );
}
