//! Every kind of reference into another namespace, from every kind of object (I4).

use viaduct_config::finding::Code;

use super::{BACKEND, object, secret, update_under};
use crate::policy::Policy;

/// What the tenant `web` writes to reach an object of namespace `infra`.
struct Reach {
    what: &'static str,
    spec: &'static str,
}

/// Each names the foreign object with `namespace:` or hidden in a name.
const REACHES: &[Reach] = &[
    Reach {
        what: "service",
        spec: "{routes: [{match: m, services: [{name: backend, namespace: infra, port: 443}]}]}",
    },
    Reach {
        what: "service of several",
        spec: "{routes: [{match: m, services: [{name: backend, port: 443}, {name: backend, namespace: infra, port: 443}]}]}",
    },
    Reach {
        what: "service by element name",
        spec: "{routes: [{match: m, services: [{name: infra-backend@kubernetescrd, port: 443}]}]}",
    },
    Reach {
        what: "transport by element name",
        spec: "{routes: [{match: m, services: [{name: backend, port: 443, serversTransport: infra-t@kubernetescrd}]}]}",
    },
    Reach {
        what: "transport of the route by element name",
        spec: "{routes: [{match: m, serversTransport: infra-t@kubernetescrd, services: [{name: backend, port: 443}]}]}",
    },
    Reach {
        what: "options",
        spec: "{routes: [{match: m, services: [{name: backend, port: 443}]}], tls: {options: {name: o, namespace: infra}}}",
    },
    Reach {
        what: "default options",
        spec: "{routes: [{match: m, services: [{name: backend, port: 443}]}], tls: {options: {name: default, namespace: infra}}}",
    },
    Reach {
        what: "options by element name",
        spec: "{routes: [{match: m, services: [{name: backend, port: 443}]}], tls: {options: {name: infra-o@kubernetescrd}}}",
    },
    Reach {
        what: "middleware",
        spec: "{routes: [{match: m, middlewares: [{name: auth, namespace: infra}], services: [{name: backend, port: 443}]}]}",
    },
    Reach {
        what: "middleware by element name",
        spec: "{routes: [{match: m, middlewares: [{name: infra-auth@kubernetescrd}], services: [{name: backend, port: 443}]}]}",
    },
    Reach {
        what: "parent",
        spec: "{parentRefs: [{name: p, namespace: infra}], routes: [{match: m, services: [{name: backend, port: 443}]}]}",
    },
];

fn infra() -> String {
    [
        BACKEND.replace("web", "infra"),
        object("TLSOption", "infra", "o", "{}"),
        object("TLSOption", "infra", "default", "{}"),
        object("ServersTransport", "infra", "t", "{}"),
        object(
            "TraefikService",
            "infra",
            "s",
            "{weighted: {services: [{name: backend, port: 443}]}}",
        ),
        object("Middleware", "infra", "auth", "{addPrefix: {prefix: /x}}"),
        object(
            "IngressRoute",
            "infra",
            "p",
            "{routes: [{match: p, services: [{name: backend, port: 443}]}]}",
        ),
        secret("infra", "ca", "{ca.crt: CA}"),
        secret("infra", "pair", "{tls.crt: C, tls.key: K}"),
    ]
    .join("\n---\n")
}

#[test]
fn cve_2026_65601_no_reference_leads_into_another_namespace() {
    for policy in [Policy::default(), Policy::directory()] {
        for reach in REACHES {
            let route = object("IngressRoute", "web", "r", reach.spec);
            let update = update_under(&policy, &[BACKEND, &infra(), &route]);
            let forbidden: Vec<_> = update
                .broken
                .iter()
                .filter(|(_, finding)| finding.code == Code::ForbiddenReference)
                .collect();
            assert_eq!(forbidden.len(), 1, "{}: {:#?}", reach.what, update.broken);
            let owner = forbidden[0].1.object.as_ref().unwrap().to_string();
            assert_eq!(owner, "IngressRoute web/r", "{}", reach.what);
        }
    }
}

#[test]
fn cve_2026_65601_the_same_references_work_where_they_are_allowed() {
    let policy = Policy {
        allow_cross_namespace: true,
        ..Policy::directory()
    };
    for reach in REACHES {
        let route = object("IngressRoute", "web", "r", reach.spec);
        let update = update_under(&policy, &[BACKEND, &infra(), &route]);
        let forbidden = update
            .broken
            .iter()
            .find(|(_, finding)| finding.code == Code::ForbiddenReference);
        // A Service is never named by the name of an element, wherever it is.
        let expected = reach.what == "service by element name";
        assert_eq!(forbidden.is_some(), expected, "{}: {forbidden:#?}", reach.what);
    }
}

/// Every field of every other kind that takes a namespace or the name of an element, each with `FOREIGN` in
/// the place of the reference.
const REFERRERS: &[(&str, &str, &str)] = &[
    ("Middleware", "Middleware", "{chain: {middlewares: [FOREIGN]}}"),
    (
        "Middleware",
        "Service",
        "{errors: {status: ['500'], service: FOREIGN}}",
    ),
    (
        "Middleware",
        "TraefikService",
        "{errors: {status: ['500'], service: FOREIGN}}",
    ),
    ("TraefikService", "Service", "{weighted: {services: [FOREIGN]}}"),
    (
        "TraefikService",
        "TraefikService",
        "{weighted: {services: [FOREIGN]}}",
    ),
    (
        "TraefikService",
        "Service",
        "{highestRandomWeight: {services: [FOREIGN]}}",
    ),
    (
        "TraefikService",
        "TraefikService",
        "{highestRandomWeight: {services: [FOREIGN]}}",
    ),
    ("TraefikService", "Service", "{mirroring: FOREIGN}"),
    ("TraefikService", "TraefikService", "{mirroring: FOREIGN}"),
    (
        "TraefikService",
        "Service",
        "{mirroring: {name: backend, port: 443, mirrors: [FOREIGN]}}",
    ),
    (
        "TraefikService",
        "TraefikService",
        "{mirroring: {name: backend, port: 443, mirrors: [FOREIGN]}}",
    ),
    (
        "TraefikService",
        "Service",
        "{failover: {errors: {}, service: FOREIGN, fallback: {name: backend, port: 443}}}",
    ),
    (
        "TraefikService",
        "TraefikService",
        "{failover: {errors: {}, service: {name: backend, port: 443}, fallback: FOREIGN}}",
    ),
    (
        "TraefikService",
        "Middleware",
        "{weighted: {services: [{name: backend, port: 443, middlewares: [FOREIGN]}]}}",
    ),
    (
        "TraefikService",
        "ServersTransport",
        "{weighted: {services: [{name: backend, port: 443, serversTransport: NAME}]}}",
    ),
    (
        "IngressRoute",
        "TraefikService",
        "{routes: [{match: m, services: [FOREIGN]}]}",
    ),
    (
        "IngressRoute",
        "TraefikService",
        "{routes: [{match: m, services: [FOREIGN, {name: backend, port: 443}]}]}",
    ),
    (
        "IngressRoute",
        "Middleware",
        "{routes: [{match: m, services: [{name: backend, port: 443, middlewares: [FOREIGN]}]}]}",
    ),
];

/// How a foreign object of a kind is written down.
fn foreign(kind: &str) -> Vec<(&'static str, &'static str)> {
    match kind {
        "Service" => vec![("{name: backend, namespace: infra, port: 443}", "")],
        "TraefikService" => vec![
            ("{name: s, namespace: infra, kind: TraefikService}", ""),
            ("{name: infra-s@kubernetescrd, kind: TraefikService}", ""),
            ("{name: infra-backend-443@kubernetes, kind: TraefikService}", ""),
        ],
        "Middleware" => vec![
            ("{name: auth, namespace: infra}", ""),
            ("{name: infra-auth@kubernetescrd}", ""),
            ("{name: infra-auth@kubernetes}", ""),
        ],
        _ => vec![("", "infra-t@kubernetescrd")],
    }
}

#[test]
fn cve_2026_85594_every_reference_of_every_kind_stays_in_its_namespace() {
    let open = Policy {
        allow_cross_namespace: true,
        ..Policy::directory()
    };
    for (kind, target, spec) in REFERRERS {
        for (reference, name) in foreign(target) {
            let spec = spec.replace("FOREIGN", reference).replace("NAME", name);
            let subject = object(kind, "web", "x", &spec);
            let forbidden = |policy: &Policy| {
                let update = update_under(policy, &[BACKEND, &infra(), &subject]);
                let mut owners: Vec<_> = update
                    .broken
                    .iter()
                    .filter(|(_, finding)| finding.code == Code::ForbiddenReference)
                    .map(|(_, finding)| finding.object.as_ref().unwrap().to_string())
                    .collect();
                owners.dedup();
                owners
            };
            for policy in [Policy::default(), Policy::directory()] {
                assert_eq!(forbidden(&policy), [format!("{kind} web/x")], "{spec}");
            }
            assert_eq!(forbidden(&open), [""; 0], "{spec}");
        }
    }
}

/// These fields have no namespace: the name alone must not find a foreign object.
#[test]
fn c61_secrets_are_looked_up_at_home_alone() {
    let policy = Policy {
        allow_cross_namespace: true,
        ..Policy::directory()
    };
    for (kind, spec) in [
        (
            "IngressRoute",
            "{routes: [{match: m, services: [{name: backend, port: 443}]}], tls: {secretName: NAME}}",
        ),
        (
            "IngressRoute",
            "{routes: [{match: m, secretName: NAME, services: [{name: backend, port: 443}]}]}",
        ),
        ("ServersTransport", "{rootCAs: [{secret: NAME}]}"),
        ("ServersTransport", "{rootCAs: [{configMap: NAME}]}"),
        ("ServersTransport", "{rootCAsSecrets: [NAME]}"),
        ("ServersTransport", "{certificatesSecrets: [NAME]}"),
        ("TLSOption", "{clientAuth: {secretNames: [NAME]}}"),
        ("Middleware", "{basicAuth: {secret: NAME}}"),
        ("Middleware", "{digestAuth: {secret: NAME}}"),
        (
            "Middleware",
            "{forwardAuth: {address: 'http://a', tls: {caSecret: NAME}}}",
        ),
        (
            "Middleware",
            "{forwardAuth: {address: 'http://a', tls: {certSecret: NAME}}}",
        ),
        ("Middleware", "{rateLimit: {redis: {secret: NAME}}}"),
        ("Middleware", "{rateLimit: {redis: {tls: {caSecret: NAME}}}}"),
        ("Middleware", "{rateLimit: {redis: {tls: {certSecret: NAME}}}}"),
        (
            "IngressRouteTCP",
            "{routes: [{match: m, services: [{name: backend, port: 443}]}], tls: {secretName: NAME}}",
        ),
        ("ServersTransportTCP", "{tls: {rootCAs: [{secret: NAME}]}}"),
        ("ServersTransportTCP", "{tls: {rootCAs: [{configMap: NAME}]}}"),
        ("ServersTransportTCP", "{tls: {rootCAsSecrets: [NAME]}}"),
        ("ServersTransportTCP", "{tls: {certificatesSecrets: [NAME]}}"),
    ] {
        for name in [
            "pair",
            "ca",
            "infra/pair",
            "../infra/pair",
            "infra-pair",
            "pair@kubernetescrd",
        ] {
            let subject = object(kind, "web", "x", &spec.replace("NAME", &format!("'{name}'")));
            let update = update_under(&policy, &[BACKEND, &infra(), &subject]);
            let codes: Vec<_> = update.broken.iter().map(|(_, finding)| finding.code).collect();
            assert_eq!(codes, [Code::MissingReference], "{kind} {spec} {name}");
        }
    }
}

#[test]
fn a9_8_other_providers_are_for_the_namespaces_that_may() {
    let spec = "{routes: [{match: m, services: [{name: backend, port: 443, serversTransport: t@file}]}, \
                          {match: n, middlewares: [{name: m@file}], services: [{name: s@file, kind: TraefikService}]}], \
                 tls: {options: {name: o@file}}}";
    let tcp = "{routes: [{match: m, middlewares: [{name: m@file}], services: [{name: backend, port: 443, serversTransport: t@file}]}], \
                tls: {options: {name: o@file}}}";
    let route = [
        object("IngressRoute", "web", "r", spec),
        object(
            "Middleware",
            "web",
            "c",
            "{chain: {middlewares: [{name: m@file}]}}",
        ),
        object(
            "TraefikService",
            "web",
            "s",
            "{mirroring: {name: s@file, kind: TraefikService}}",
        ),
        object("IngressRouteTCP", "web", "t", tcp),
    ]
    .join("\n---\n");
    let with = |allowed: Option<&[&str]>| {
        let policy = Policy {
            cross_provider_namespaces: allowed
                .map(|allowed| allowed.iter().map(|&namespace| namespace.to_owned()).collect()),
            ..Policy::directory()
        };
        let update = update_under(&policy, &[BACKEND, &route]);
        update
            .broken
            .iter()
            .filter(|(_, finding)| finding.code == Code::ForbiddenReference)
            .count()
    };
    assert_eq!(with(None), 0);
    assert_eq!(with(Some(&["web"])), 0);
    // The options of both routes, transport, middleware and service of one each, chain, mirroring; TCP.
    assert_eq!(with(Some(&["infra"])), 10);
    assert_eq!(with(Some(&[])), 10);
}

#[test]
fn cve_2026_29777_a_rule_is_carried_and_never_built() {
    let hostile = "Host(`a`) || Host(`b`) || PathPrefix(`/`)\\\"') || Host(`c`)";
    let spec = format!("{{routes: [{{match: \"{hostile}\", services: [{{name: backend, port: 443}}]}}]}}");
    let update = update_under(
        &Policy::directory(),
        &[BACKEND, &object("IngressRoute", "web", "r", &spec)],
    );
    let router = update.dynamic.http.routers.values().next().unwrap();
    assert_eq!(router.rule, hostile.replace("\\\"", "\""));
}

#[test]
fn c60_hostile_texts_stay_texts() {
    let hostile = "x`) || Host(`*`) # {{ .Values }} ${env:HOME} ../../etc\u{0}\u{202e}\n";
    let text = serde_json::to_string(hostile).unwrap();
    let spec = format!(
        "{{routes: [{{match: {text}, services: [{{name: backend, port: 443, serversTransport: {text}, middlewares: [{{name: {text}}}]}}], \
          middlewares: [{{name: {text}}}]}}], tls: {{options: {{name: {text}}}, secretName: {text}}}}}"
    );
    let middleware = format!(
        "{{redirectRegex: {{regex: {text}, replacement: {text}}}, headers: {{customRequestHeaders: {{X: {text}}}}}, \
          chain: {{middlewares: [{{name: {text}}}]}}}}"
    );
    let update = update_under(
        &Policy::directory(),
        &[
            BACKEND,
            &object("IngressRoute", "web", "r", &spec),
            &object("Middleware", "web", "m", &middleware),
            &object(
                "TraefikService",
                "web",
                "s",
                &format!("{{weighted: {{services: [{{name: {text}, port: {text}}}]}}}}"),
            ),
            &object("IngressRouteTCP", "web", "t", &spec.replace("HostSNI", "")),
        ],
    );
    let http = &update.dynamic.http;
    let router = http.routers.values().next().unwrap();
    assert_eq!(router.rule, hostile);
    let written = &http.middlewares["web-m"];
    assert_eq!(written.redirect_regex.as_ref().unwrap().replacement, hostile);
    assert_eq!(
        written.headers.as_ref().unwrap().custom_request_headers["X"],
        hostile
    );
    // Names of elements are made of letters, digits and `-`, whatever they come from.
    let names = http
        .routers
        .keys()
        .chain(http.services.keys())
        .chain(http.middlewares.keys())
        .chain(update.dynamic.tcp.routers.keys())
        .chain(&router.middlewares)
        .chain([&router.service]);
    for name in names {
        assert!(name.chars().all(|c| c.is_alphanumeric() || c == '-'), "{name:?}");
    }
}
