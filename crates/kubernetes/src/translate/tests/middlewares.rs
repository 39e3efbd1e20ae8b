use viaduct_config::dynamic::http::Middleware;
use viaduct_config::finding::Code;
use viaduct_config::{Element, Update};

use super::{BACKEND, assert_clean, broken, object, router, router_element, secret, update, update_under};
use crate::policy::Policy;

/// An IngressRoute `web/route` that names these middlewares.
fn guarded(middlewares: &str) -> String {
    let spec = format!(
        "{{routes: [{{match: Host(`a`), middlewares: {middlewares}, services: [{{name: backend, port: 80}}]}}]}}"
    );
    object("IngressRoute", "web", "route", &spec)
}

fn middleware(name: &str, spec: &str) -> String {
    object("Middleware", "web", name, spec)
}

fn written<'a>(update: &'a Update, name: &str) -> &'a Middleware {
    &update.dynamic.http.middlewares[name]
}

fn element(name: &str) -> Element {
    Element::Middleware(name.to_owned())
}

#[test]
fn a9_2_a_route_names_its_middlewares_as_traefik_does() {
    let update = update(&[
        BACKEND,
        &middleware("strip", "{stripPrefix: {prefixes: [/api]}}"),
        &guarded("[{name: strip}, {name: other@file}]"),
    ]);
    assert_clean(&update);
    assert_eq!(router(&update).middlewares, ["web-strip", "other@file"]);
    let strip = written(&update, "web-strip").strip_prefix.as_ref().unwrap();
    assert_eq!(strip.prefixes, ["/api"]);
}

#[test]
fn cve_2026_54762_a_middleware_that_is_missing_closes_the_route_and_stays_named() {
    let update = update(&[BACKEND, &guarded("[{name: gone}]")]);
    let finding = broken(&update, &router_element(&update));
    assert_eq!(finding.code, Code::MissingReference);
    assert_eq!(finding.field.as_deref(), Some("spec.routes[0].middlewares[0]"));
    assert_eq!(router(&update).middlewares, ["web-gone"]);
}

#[test]
fn cve_2026_54762_a_middleware_that_cannot_be_read_is_broken_and_not_left_out() {
    let update = update(&[
        BACKEND,
        &middleware("bad", "{stripPrefix: {prefixes: 7}}"),
        &guarded("[{name: bad}]"),
    ]);
    assert_eq!(broken(&update, &element("web-bad")).code, Code::InvalidObject);
    assert_eq!(router(&update).middlewares, ["web-bad"]);
}

#[test]
fn a4_2_basic_auth_takes_the_lines_of_the_only_key_of_its_secret() {
    let update = update(&[
        BACKEND,
        &secret("web", "users", "{users: \"ann:{SHA}x\\r\\n\\nbob:$apr1$y\\n\"}"),
        &middleware(
            "login",
            "{basicAuth: {secret: users, realm: r, removeHeader: true, headerField: X-User}}",
        ),
        &guarded("[{name: login}]"),
    ]);
    assert_clean(&update);
    let auth = written(&update, "web-login").basic_auth.as_ref().unwrap();
    let users: Vec<_> = auth.users.iter().map(|user| user.expose()).collect();
    assert_eq!(users, ["ann:{SHA}x", "bob:$apr1$y"]);
    assert_eq!((auth.realm.as_str(), auth.header_field.as_str()), ("r", "X-User"));
    assert!(auth.remove_header);
}

#[test]
fn a4_2_basic_auth_takes_the_one_user_of_a_basic_auth_secret() {
    let login = "{apiVersion: v1, kind: Secret, type: kubernetes.io/basic-auth, \
                  metadata: {namespace: web, name: login}, stringData: {username: ann, password: secret}}";
    let update = update(&[login, &middleware("m", "{basicAuth: {secret: login}}")]);
    assert_clean(&update);
    let auth = written(&update, "web-m").basic_auth.as_ref().unwrap();
    // printf secret | openssl sha1 -binary | base64
    assert_eq!(auth.users[0].expose(), "ann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=");
}

#[test]
fn cve_2026_54762_auth_without_a_readable_secret_is_broken() {
    let basic = |keys: &str| {
        format!(
            "{{apiVersion: v1, kind: Secret, type: kubernetes.io/basic-auth, \
              metadata: {{namespace: web, name: s}}, stringData: {keys}}}"
        )
    };
    let secrets = [
        ("", Code::MissingReference),
        (&*secret("infra", "s", "{users: 'a:b'}"), Code::MissingReference),
        (&*secret("web", "s", "{}"), Code::InvalidObject),
        (&*secret("web", "s", "{users: ''}"), Code::InvalidObject),
        (
            &*secret("web", "s", "{users: 'a:b', more: 'c:d'}"),
            Code::InvalidObject,
        ),
        (&*basic("{username: a}"), Code::InvalidObject),
        (&*basic("{username: a, password: ''}"), Code::InvalidObject),
        (
            "{apiVersion: v1, kind: Secret, metadata: {namespace: web, name: s}, data: {users: '*'}}",
            Code::InvalidObject,
        ),
    ];
    for (secret, code) in secrets {
        let auth = middleware("m", "{basicAuth: {secret: s}}");
        let update = update(&[BACKEND, secret, &auth, &guarded("[{name: m}]")]);
        assert_eq!(broken(&update, &element("web-m")).code, code, "{secret}");
        assert_eq!(router(&update).middlewares, ["web-m"], "{secret}");
    }
    let update = update(&[
        &middleware("basic", "{basicAuth: {}}"),
        &middleware("digest", "{digestAuth: {}}"),
    ]);
    assert_eq!(broken(&update, &element("web-basic")).code, Code::InvalidObject);
    assert_eq!(broken(&update, &element("web-digest")).code, Code::InvalidObject);
}

#[test]
fn a4_8_digest_auth_takes_no_basic_auth_secret() {
    let update = update(&[
        &secret(
            "web",
            "users",
            "{users: 'ann:traefik:a2688e031edb4be6a3797f3882655c05'}",
        ),
        &middleware("m", "{digestAuth: {secret: users}}"),
    ]);
    assert_clean(&update);
    let auth = written(&update, "web-m").digest_auth.as_ref().unwrap();
    assert_eq!(auth.users.len(), 1);
}

#[test]
fn a4_11_forward_auth_takes_its_ca_and_certificate_from_secrets() {
    let spec = "{forwardAuth: {address: 'https://auth', tls: {caSecret: ca, certSecret: pair, insecureSkipVerify: true}}}";
    let secrets = [
        secret("web", "ca", "{ca.crt: CA}"),
        secret("web", "pair", "{tls.crt: CERT, tls.key: KEY}"),
    ];
    let good = update(&[&secrets[0], &secrets[1], &middleware("m", spec)]);
    assert_clean(&good);
    let auth = written(&good, "web-m").forward_auth.as_ref().unwrap();
    let tls = auth.tls.as_ref().unwrap();
    assert_eq!(
        (tls.ca.as_str(), tls.cert.as_str(), tls.key.expose()),
        ("CA", "CERT", "KEY")
    );
    assert!(tls.insecure_skip_verify);
    for (kept, field) in [(1, "caSecret"), (0, "certSecret")] {
        let update = update(&[&secrets[kept], &middleware("m", spec)]);
        let finding = broken(&update, &element("web-m"));
        assert_eq!(finding.code, Code::MissingReference);
        assert_eq!(finding.field, Some(format!("spec.forwardAuth.tls.{field}")));
    }
}

#[test]
fn a4_19_rate_limits_take_the_login_of_redis_from_a_secret() {
    let spec = "{rateLimit: {average: 5, period: 1m, redis: {endpoints: ['r:6379'], secret: redis, tls: {caSecret: ca}}}}";
    let ca = secret("web", "ca", "{tls.ca: CA}");
    let login = secret("web", "redis", "{username: u, password: p}");
    let good = update(&[&ca, &login, &middleware("m", spec)]);
    assert_clean(&good);
    let redis = written(&good, "web-m")
        .rate_limit
        .as_ref()
        .unwrap()
        .redis
        .as_ref()
        .unwrap();
    assert_eq!((redis.username.as_str(), redis.password.expose()), ("u", "p"));
    assert_eq!(redis.tls.as_ref().unwrap().ca, "CA");
    let update = update(&[
        &ca,
        &secret("web", "redis", "{username: u}"),
        &middleware("m", spec),
    ]);
    assert_eq!(
        broken(&update, &element("web-m")).field.as_deref(),
        Some("spec.rateLimit.redis.secret")
    );
}

#[test]
fn a4_10_the_page_for_errors_has_a_service_of_its_own() {
    let page = |service: &str| {
        middleware(
            "m",
            &format!("{{errors: {{status: ['500'], query: /x, service: {service}}}}}"),
        )
    };
    let good = update(&[BACKEND, &page("{name: backend, port: 80}")]);
    assert_clean(&good);
    let errors = written(&good, "web-m").errors.as_ref().unwrap();
    assert_eq!(errors.service, "web-m-errorpage-service");
    assert!(good.dynamic.http.services.contains_key(&errors.service));
    for service in [
        "{name: gone, port: 80}",
        "{name: api@internal, kind: TraefikService}",
    ] {
        let update = update(&[BACKEND, &page(service)]);
        broken(&update, &element("web-m"));
    }
}

#[test]
fn cve_2026_41174_a_chain_does_not_lead_into_another_namespace() {
    let infra = object("Middleware", "infra", "auth", "{addPrefix: {prefix: /x}}");
    for reference in [
        "{name: auth, namespace: infra}",
        "{name: infra-auth@kubernetescrd}",
    ] {
        let chain = middleware("chain", &format!("{{chain: {{middlewares: [{reference}]}}}}"));
        let documents = [BACKEND, &infra, &chain, &guarded("[{name: chain}]")];
        for policy in [Policy::default(), Policy::directory()] {
            let update = update_under(&policy, &documents);
            let finding = broken(&update, &element("web-chain"));
            assert_eq!(finding.code, Code::ForbiddenReference);
            assert_eq!(
                finding.object.as_ref().unwrap().to_string(),
                "Middleware web/chain"
            );
        }
        let policy = Policy {
            allow_cross_namespace: true,
            ..Policy::directory()
        };
        assert_clean(&update_under(&policy, &documents));
    }
}

#[test]
fn cve_2026_54765_joined_names_of_middlewares_do_not_mix() {
    let update = update(&[
        &object("Middleware", "a", "b-c", "{addPrefix: {prefix: /one}}"),
        &object("Middleware", "a-b", "c", "{addPrefix: {prefix: /two}}"),
        &object(
            "IngressRoute",
            "a-b",
            "r",
            "{routes: [{match: m, middlewares: [{name: c}]}]}",
        ),
    ]);
    let [named] = router(&update).middlewares.as_slice() else {
        panic!("{update:#?}");
    };
    let prefix = &written(&update, named).add_prefix.as_ref().unwrap().prefix;
    assert_eq!(prefix, "/two");
    assert!(!update.dynamic.http.middlewares.contains_key("a-b-c"));
}

#[test]
fn a4_25_what_a_plugin_takes_is_carried_as_it_is() {
    let update = update(&[&middleware("m", "{plugin: {demo: {a: [1, x], b: {c: true}}}}")]);
    assert_clean(&update);
    let taken = &written(&update, "web-m").plugin["demo"];
    assert_eq!(*taken, serde_json::json!({"a": [1, "x"], "b": {"c": true}}));
}

#[test]
fn a4_2_users_written_into_the_object_are_told_to_belong_into_a_secret() {
    let update = update(&[&middleware("m", "{basicAuth: {users: ['ann:x']}}")]);
    assert_eq!(broken(&update, &element("web-m")).code, Code::InvalidObject);
    let hint = update.notes[0].hint.as_deref().unwrap();
    assert!(hint.contains("`spec.basicAuth.secret`"), "{hint}");
}
