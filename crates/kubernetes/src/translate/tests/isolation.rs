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
    let spec = "{routes: [{match: m, services: [{name: backend, port: 443, serversTransport: t@file}]}], \
                 tls: {options: {name: o@file}}}";
    let route = object("IngressRoute", "web", "r", spec);
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
    assert_eq!(with(Some(&["infra"])), 2);
    assert_eq!(with(Some(&[])), 2);
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
