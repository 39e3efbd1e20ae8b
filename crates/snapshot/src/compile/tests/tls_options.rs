//! Client-leg policies: which host has which, and that none is ever weaker than meant (I2).

use std::sync::Arc;

use serde_json::{Value, json};
use viaduct_config::finding::Code;
use viaduct_config::{EntryPointName, Severity};
use viaduct_testkit::pki::Leaf;
use viaduct_tls::ClientAuth;
use viaduct_tls::names::Version;

use super::kit::{Compiled, Outcome, World, ca, issued, other_ca, pair, routers, served};

/// Routers at `websecure`, with these options: name -> (rule, options).
fn world(list: &[(&str, &str, &str)], options: Value) -> World {
    let mut written = serde_json::Map::new();
    for (name, rule, options) in list {
        let router = json!({ "rule": rule, "service": "app", "entryPoints": ["websecure"],
                             "tls": { "options": options } });
        written.insert((*name).into(), router);
    }
    let mut dynamic = routers(Value::Object(written));
    dynamic["tls"] = json!({ "options": options });
    World::of(dynamic)
}

fn mutual() -> Value {
    json!({ "clientAuth": { "caFiles": [ca().pem()], "clientAuthType": "RequireAndVerifyClientCert" } })
}

const OUT: Outcome = Outcome::Out(503, Code::ConflictingTlsOptions);

#[test]
fn a3_8_options_follow_the_host_of_the_rule() {
    let compiled = world(
        &[
            ("m", "Host(`m.example.com`)", "mtls"),
            ("o", "Host(`o.example.com`)", ""),
        ],
        json!({ "mtls": mutual() }),
    )
    .compile();
    compiled.assert_no_errors();
    assert!(compiled.demands_certificate("m.example.com"));
    assert!(!compiled.demands_certificate("o.example.com"));
    assert!(!compiled.demands_certificate("unknown.example.com"));
    assert_eq!(compiled.secure("m.example.com", "/"), served("app@file"));
    assert_eq!(compiled.secure("o.example.com", "/"), served("app@file"));
    // A8.23: a connection made for one host is no good for the other.
    for (sni, host) in [
        (Some("o.example.com"), "m.example.com"),
        (Some("m.example.com"), "o.example.com"),
        (None, "m.example.com"),
        (Some("unknown"), "m.example.com"),
    ] {
        assert_eq!(
            compiled.secure_over(sni, host, "/"),
            Outcome::Misdirected,
            "{sni:?} {host}"
        );
    }
    assert_eq!(
        compiled.secure_over(None, "o.example.com", "/"),
        served("app@file")
    );
}

#[test]
fn cve_2022_23632_trailing_dots_and_case_choose_the_same_options() {
    let compiled = world(
        &[("m", "Host(`app.example.com`)", "mtls")],
        json!({ "mtls": mutual() }),
    )
    .compile();
    for sni in [
        "app.example.com",
        "app.example.com.",
        "APP.example.COM",
        "App.Example.Com.",
    ] {
        assert!(compiled.demands_certificate(sni), "{sni}");
    }
}

#[test]
fn cve_2026_48491_wildcard_hosts_have_their_options() {
    let compiled = world(
        &[
            ("wild", "Host(`*.a.com`)", "mtls"),
            ("exact", "Host(`free.a.com`)", ""),
            ("public", "Host(`public.b.com`)", ""),
        ],
        json!({ "mtls": mutual() }),
    )
    .compile();
    assert!(compiled.demands_certificate("x.a.com"));
    assert!(
        !compiled.demands_certificate("free.a.com"),
        "exact beats wildcard"
    );
    assert!(!compiled.demands_certificate("x.y.a.com"), "one label only");
    assert!(!compiled.demands_certificate("a.com"));
    assert_eq!(
        compiled.secure_over(Some("public.b.com"), "x.a.com", "/"),
        Outcome::Misdirected
    );
    assert_eq!(compiled.secure("x.a.com", "/"), served("app@file"));
    assert_eq!(compiled.secure("free.a.com", "/"), served("app@file"));
}

#[test]
fn a14_14_conflicting_options_refuse_both_routers() {
    for (first, second) in [("mtls", ""), ("", "mtls"), ("mtls", "other"), ("modern", "")] {
        let compiled = world(
            &[
                ("one", "Host(`a`)", first),
                ("two", "Host(`a`) && PathPrefix(`/x`)", second),
                ("free", "Host(`b`)", ""),
            ],
            json!({
                "mtls": mutual(),
                "other": { "clientAuth": { "caFiles": [other_ca().pem()] } },
                "modern": { "minVersion": "VersionTLS13" },
            }),
        )
        .compile();
        assert_eq!(compiled.secure("a", "/"), OUT, "{first} {second}");
        assert_eq!(compiled.secure("a", "/x"), OUT);
        assert_eq!(compiled.secure("b", "/"), served("app@file"));
        let strict = first != "modern";
        assert_eq!(
            compiled.demands_certificate("a"),
            strict,
            "the strictest policy answers"
        );
        let findings = compiled.found(Code::ConflictingTlsOptions);
        assert_eq!(findings.len(), 2);
        assert!(findings[0].message.contains("`one@file`") && findings[0].message.contains("`two@file`"));
    }
}

#[test]
fn cve_2026_85596_equal_options_of_different_names_do_not_conflict() {
    let compiled = world(
        &[
            ("one", "Host(`a`)", "x"),
            ("two", "Host(`a`) && PathPrefix(`/x`)", "y"),
        ],
        json!({ "x": mutual(), "y": mutual() }),
    )
    .compile();
    compiled.assert_no_errors();
    assert!(compiled.demands_certificate("a"));
    assert_eq!(compiled.secure("a", "/x"), served("app@file"));
}

#[test]
fn cve_2026_85597_a_conflict_about_one_host_leaves_the_others() {
    let compiled = world(
        &[
            ("both", "Host(`a`) || Host(`b`)", "mtls"),
            ("one", "Host(`b`)", ""),
        ],
        json!({ "mtls": mutual() }),
    )
    .compile();
    assert!(compiled.demands_certificate("a"));
    assert_eq!(compiled.secure("a", "/"), served("app@file"));
    assert!(compiled.demands_certificate("b"));
    assert_eq!(compiled.secure("b", "/"), OUT);
    assert_eq!(compiled.secure_over(Some("a"), "b", "/"), OUT);
    assert_eq!(compiled.found(Code::ConflictingTlsOptions).len(), 2);
}

#[test]
fn cve_2026_114656_a_negated_host_is_no_claim() {
    let compiled = world(
        &[
            ("secure", "Host(`secure`)", "mtls"),
            ("rest", "!Host(`secure`)", ""),
        ],
        json!({ "mtls": mutual() }),
    )
    .compile();
    compiled.assert_no_errors();
    assert!(compiled.demands_certificate("secure"));
    assert_eq!(compiled.secure("secure", "/"), served("app@file"));
    assert_eq!(compiled.secure("other", "/"), served("app@file"));
}

#[test]
fn i2_demanded_certificates_hold_for_hosts_that_the_rule_does_not_name() {
    let compiled = world(
        &[
            ("mixed", "Host(`a`) || PathPrefix(`/admin`)", "mtls"),
            ("rest", "PathPrefix(`/`)", ""),
        ],
        json!({ "mtls": mutual() }),
    )
    .compile();
    assert_eq!(compiled.secure("a", "/admin"), served("app@file"));
    assert_eq!(compiled.secure("b", "/admin"), Outcome::Misdirected);
    assert_eq!(compiled.secure("b", "/"), served("app@file"));
    assert_eq!(compiled.only(Code::InvalidTlsOption).severity, Severity::Warning);
}

#[test]
fn i2_options_without_a_host_fail_closed_where_they_demand_certificates() {
    for rule in [
        "PathPrefix(`/x`)",
        "HostRegexp(`^x`)",
        "!Host(`a`) && PathPrefix(`/x`)",
    ] {
        let options = json!({ "mtls": mutual(), "modern": { "minVersion": "VersionTLS13" } });
        let compiled = world(
            &[("r", rule, "mtls"), ("free", "Host(`free`)", "")],
            options.clone(),
        )
        .compile();
        assert_eq!(
            compiled.secure("x", "/x"),
            Outcome::Out(503, Code::InvalidTlsOption),
            "{rule}"
        );
        assert_eq!(compiled.secure("free", "/"), served("app@file"), "{rule}");
        // Options that demand nothing of the client cannot apply either; Traefik's way is kept, and said.
        let compiled = world(&[("r", rule, "modern")], options).compile();
        assert_eq!(compiled.secure("x", "/x"), served("app@file"), "{rule}");
        assert_eq!(compiled.only(Code::InvalidTlsOption).severity, Severity::Warning);
    }
}

#[test]
fn a3_8_any_host_takes_the_place_of_the_default() {
    let compiled = world(
        &[("any", "Host(`*`)", "mtls"), ("free", "Host(`free`)", "")],
        json!({ "mtls": mutual() }),
    )
    .compile();
    assert!(compiled.demands_certificate("whatever"));
    assert!(!compiled.demands_certificate("free"));
    assert_eq!(compiled.secure_over(None, "whatever", "/"), served("app@file"));
}

#[test]
fn cve_2022_46153_unusable_options_never_mean_default_options() {
    let unverifiable = json!({ "clientAuth": { "clientAuthType": "RequireAndVerifyClientCert" } });
    for (options, code) in [
        (json!({}), Code::MissingReference),
        (json!({ "mtls": unverifiable }), Code::MissingTrust),
        (
            json!({ "mtls": { "clientAuth": { "caFiles": [""] } } }),
            Code::MissingTrust,
        ),
        (
            json!({ "mtls": { "clientAuth": { "caFiles": ["nonsense"] } } }),
            Code::MissingTrust,
        ),
        (
            json!({ "mtls": { "clientAuth": { "caFiles": [ca().pem(), ""] } } }),
            Code::MissingTrust,
        ),
        (
            json!({ "mtls": { "clientAuth": { "clientAuthType": "Sometimes" } } }),
            Code::InvalidTlsOption,
        ),
        (
            json!({ "mtls": { "cipherSuites": ["TLS_MADE_UP"] } }),
            Code::InvalidTlsOption,
        ),
        (
            json!({ "mtls": { "minVersion": "VersionTLS14" } }),
            Code::InvalidTlsOption,
        ),
        (
            json!({ "mtls": { "curvePreferences": ["P1"] } }),
            Code::InvalidTlsOption,
        ),
        (
            json!({ "mtls": { "alpnProtocols": ["spdy/3"] } }),
            Code::InvalidTlsOption,
        ),
    ] {
        let compiled = world(
            &[
                ("m", "Host(`m`)", "mtls"),
                ("path", "Host(`m`) && Path(`/`)", ""),
                ("o", "Host(`o`)", ""),
            ],
            options.clone(),
        )
        .compile();
        assert_eq!(compiled.secure("m", "/x"), Outcome::Out(503, code), "{options}");
        assert_eq!(compiled.secure("o", "/"), served("app@file"), "{options}");
    }
}

#[test]
fn a8_5_client_authentication_types() {
    let with = |auth: Value| {
        let compiled = world(&[("m", "Host(`m`)", "x")], json!({ "x": { "clientAuth": auth } })).compile();
        compiled.assert_no_errors();
        auth_of(&compiled)
    };
    let cas = json!([ca().pem()]);
    assert!(matches!(with(json!({})), ClientAuth::None));
    assert!(matches!(
        with(json!({ "clientAuthType": "NoClientCert" })),
        ClientAuth::None
    ));
    assert!(matches!(
        with(json!({ "clientAuthType": "RequestClientCert" })),
        ClientAuth::Request
    ));
    assert!(matches!(
        with(json!({ "clientAuthType": "RequireAnyClientCert" })),
        ClientAuth::RequireAny
    ));
    assert!(matches!(
        with(json!({ "clientAuthType": "VerifyClientCertIfGiven", "caFiles": cas })),
        ClientAuth::VerifyIfGiven(_)
    ));
    assert!(matches!(
        with(json!({ "caFiles": cas })),
        ClientAuth::RequireAndVerify(_)
    ));
}

fn auth_of(compiled: &Compiled) -> ClientAuth {
    let entry_point = &compiled.snapshot.entry_points[&EntryPointName::new("websecure")];
    entry_point.tls(Some("m")).0.policy().client_auth.clone()
}

#[test]
fn a8_1_to_a8_9_options_are_read() {
    let compiled = world(
        &[("m", "Host(`m`)", "x")],
        json!({ "x": {
            "minVersion": "VersionTLS10", "maxVersion": "VersionTLS12",
            "cipherSuites": ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"],
            "curvePreferences": ["CurveP256", "X25519"],
            "sniStrict": true, "alpnProtocols": ["http/1.1", "acme-tls/1"],
            "disableSessionTickets": true, "preferServerCipherSuites": true,
        }}),
    )
    .compile();
    compiled.assert_no_errors();
    let entry_point = &compiled.snapshot.entry_points[&EntryPointName::new("websecure")];
    let policy = entry_point.tls(Some("m")).0.policy();
    assert_eq!(
        (policy.versions.min, policy.versions.max),
        (Version::Tls12, Version::Tls12)
    );
    assert_eq!(policy.cipher_suites.as_ref().map(Vec::len), Some(1));
    assert_eq!(policy.groups.as_ref().map(Vec::len), Some(2));
    assert_eq!(policy.alpn, [b"http/1.1".to_vec()]);
    assert!(policy.sni_strict && !policy.session_tickets);
    let warnings: Vec<_> = compiled
        .findings
        .iter()
        .filter_map(|finding| finding.field.as_deref())
        .collect();
    assert_eq!(warnings, ["preferServerCipherSuites", "minVersion"]);
}

#[test]
fn a8_10_default_options_apply_where_none_are_named() {
    let compiled = world(&[("r", "Host(`a`)", "")], json!({ "default": mutual() })).compile();
    compiled.assert_no_errors();
    assert!(compiled.demands_certificate("a"));
    assert!(compiled.demands_certificate("unknown"));
    let entry_point = &compiled.snapshot.entry_points[&EntryPointName::new("websecure")];
    assert!(entry_point.single_policy().is_some());
}

#[test]
fn a8_10_several_defaults_mean_the_built_in_one_unless_that_is_weaker() {
    let mut world = world(
        &[("r", "Host(`a`)", "")],
        json!({ "default": { "minVersion": "VersionTLS13" } }),
    );
    world.say(
        "other",
        json!({ "tls": { "options": { "default": { "sniStrict": true } } } }),
    );
    let compiled = world.compile();
    assert_eq!(compiled.only(Code::DuplicateObject).severity, Severity::Error);
    assert_eq!(compiled.secure("a", "/"), served("app@file"));

    world.say("other", json!({ "tls": { "options": { "default": mutual() } } }));
    let compiled = world.compile();
    assert_eq!(
        compiled.secure("a", "/"),
        Outcome::Out(503, Code::DuplicateObject)
    );
}

#[test]
fn a8_10_broken_default_options_serve_no_router() {
    let compiled = world(
        &[("r", "Host(`a`)", ""), ("own", "Host(`b`)", "modern")],
        json!({ "default": { "clientAuth": { "caFiles": [""] } }, "modern": { "minVersion": "VersionTLS13" } }),
    )
    .compile();
    assert_eq!(compiled.secure("a", "/"), Outcome::Out(503, Code::MissingTrust));
    assert_eq!(compiled.secure("b", "/"), served("app@file"));
}

#[test]
fn a2_4_options_of_the_entry_point_bind_its_routers() {
    let mut world = World::of(routers(json!({
        "r": { "rule": "Host(`a`)", "service": "app", "entryPoints": ["websecure"] },
    })));
    if let Some(tls) = &mut world.install.entry_points[1].tls {
        tls.options = "mtls@other".into();
    }
    world.say("other", json!({ "tls": { "options": { "mtls": mutual() } } }));
    let compiled = world.compile();
    compiled.assert_no_errors();
    assert!(compiled.demands_certificate("a"));
}

#[test]
fn a3_8_entry_points_do_not_share_their_options() {
    // The same host at two entry points with different options is no conflict.
    let mut world = world(&[("m", "Host(`a`)", "mtls")], json!({ "mtls": mutual() }));
    world.install.entry_points.push(crate::EntryPointInstall {
        name: EntryPointName::new("second"),
        tls: None,
        middlewares: Vec::new(),
        as_default: false,
    });
    world.say(
        "other",
        json!({ "http": { "routers": { "o": {
            "rule": "Host(`a`)", "service": "app@file", "entryPoints": ["second"], "tls": {},
        }}}}),
    );
    let compiled = world.compile();
    compiled.assert_no_errors();
    let demands = |name: &str| {
        let entry_point = &compiled.snapshot.entry_points[&EntryPointName::new(name)];
        !matches!(
            entry_point.tls(Some("a")).0.policy().client_auth,
            ClientAuth::None
        )
    };
    assert!(demands("websecure") && !demands("second"));
}

#[test]
fn c40_policies_keep_their_identity_by_content() {
    let first = world(&[("m", "Host(`a`)", "x")], json!({ "x": mutual() })).compile();
    let renamed = world(&[("m", "Host(`a`)", "y")], json!({ "y": mutual() })).compile_after(Some(&first));
    let changed = world(
        &[("m", "Host(`a`)", "y")],
        json!({ "y": { "clientAuth": { "caFiles": [other_ca().pem()] } } }),
    )
    .compile_after(Some(&renamed));
    let back = world(&[("m", "Host(`a`)", "y")], json!({ "y": mutual() })).compile_after(Some(&changed));
    let of = |compiled: &Compiled| {
        let entry_point = &compiled.snapshot.entry_points[&EntryPointName::new("websecure")];
        let (tls, id) = entry_point.tls(Some("a"));
        (Arc::clone(tls), id)
    };
    let (a, b, c, d) = (of(&first), of(&renamed), of(&changed), of(&back));
    assert_eq!(a.1, b.1);
    assert!(Arc::ptr_eq(&a.0, &b.0));
    assert_ne!(b.1, c.1);
    assert!(d.1 != c.1 && d.1 != a.1, "never given twice");
}

#[test]
fn a8_11_certificates_of_all_providers_fill_one_store() {
    let mut world = World::of(json!({ "tls": { "certificates": [pair(issued())] } }));
    let second = ca().issue(Leaf::server("second.example.com"));
    world.say(
        "other",
        json!({ "tls": { "certificates": [pair(&second), { "certFile": "x", "keyFile": "y" }] } }),
    );
    let compiled = world.compile();
    let store = &compiled.snapshot.book.store.store;
    assert!(store.covers("web.example.com") && store.covers("second.example.com"));
    let finding = compiled.only(Code::InvalidCertificate);
    assert_eq!(finding.element, Some(viaduct_config::Element::Certificate(1)));
}

#[test]
fn a8_13_default_certificate_of_the_default_store() {
    let default = ca().issue(Leaf::server("default.example.com"));
    let mut world = World::of(json!({ "tls": { "stores": {
        "default": { "defaultCertificate": pair(&default) },
        "other": { "defaultCertificate": pair(issued()) },
    }}}));
    let names = |compiled: &Compiled| compiled.snapshot.book.store.default.facts().dns_names.clone();
    assert_eq!(names(&world.compile()), ["default.example.com"]);
    world.say("second", json!({ "tls": { "stores": { "default": {} } } }));
    let compiled = world.compile();
    compiled.only(Code::DuplicateObject);
    assert_eq!(names(&compiled), ["default.invalid"], "the generated one");
}
