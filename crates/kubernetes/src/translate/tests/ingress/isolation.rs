//! Every kind of reference that an annotation can make, into every namespace (I4).

use super::*;
use crate::translate::ingress::{ROUTER as OF_ROUTERS, SERVICE as OF_SERVICES};

const P: &str = "traefik.ingress.kubernetes.io";

/// Object kind, and what names it: an annotation of the Ingress or of the Service.
const REACHES: [(&str, &str, Place); 3] = [
    ("Middleware", "router.middlewares", Place::Ingress),
    ("TLSOption", "router.tls.options", Place::Ingress),
    ("ServersTransport", "service.serverstransport", Place::Service),
];

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Ingress,
    Service,
}

fn reach(policy: &Policy, place: Place, annotation: &str, name: &str, others: &[String]) -> Update {
    let annotations = format!("{{{P}/{annotation}: '{name}'}}");
    let (backend, ingress) = match place {
        Place::Ingress => (BACKEND.to_owned(), simple(&annotations)),
        Place::Service => (annotated(&annotations), simple("{}")),
    };
    let policy = IngressPolicy {
        common: policy.clone(),
        ..IngressPolicy::directory()
    };
    let documents: Vec<_> = [&backend, &ingress]
        .into_iter()
        .chain(others)
        .map(String::as_str)
        .collect();
    update_under(&policy, &documents)
}

fn named_element(update: &Update, annotation: &str) -> String {
    let router = &update.dynamic.http.routers[ROUTER];
    match annotation {
        "router.middlewares" => router.middlewares.join(","),
        "router.tls.options" => router.tls.as_ref().unwrap().options.clone(),
        _ => balancer(update, "web-backend-443").servers_transport.clone(),
    }
}

fn of_kind(kind: &str, namespace: &str, name: &str) -> String {
    object(kind, namespace, name, "{}")
}

#[test]
fn cve_2026_71325_no_annotation_leads_into_another_namespace() {
    for (kind, annotation, place) in REACHES {
        let others = [of_kind(kind, "infra", "x"), of_kind(kind, "web", "x")];
        for policy in [Policy::default(), Policy::directory()] {
            let update = reach(&policy, place, annotation, "infra-x@kubernetescrd", &others);
            let found: Vec<_> = update.broken.iter().map(|(_, finding)| finding.code).collect();
            assert_eq!(found, [Code::ForbiddenReference], "{kind}");
            let own = reach(&policy, place, annotation, "web-x@kubernetescrd", &others);
            assert_eq!(own.broken, [], "{kind}");
            assert_eq!(named_element(&own, annotation), "web-x@kubernetescrd");
        }
        let policy = Policy {
            allow_cross_namespace: true,
            ..Policy::default()
        };
        let update = reach(&policy, place, annotation, "infra-x@kubernetescrd", &others);
        assert_eq!(update.broken, [], "{kind}");
        assert_eq!(named_element(&update, annotation), "infra-x@kubernetescrd");
    }
}

#[test]
fn cve_2026_54765_a_name_that_two_objects_would_have_means_the_one_at_home() {
    for (kind, annotation, place) in REACHES {
        // `web-a-x` is `a-x` of `web`, and `x` of `web-a`.
        let others = [of_kind(kind, "web-a", "x"), of_kind(kind, "web", "a-x")];
        let update = reach(
            &Policy::default(),
            place,
            annotation,
            "web-a-x@kubernetescrd",
            &others,
        );
        assert_eq!(update.broken, [], "{kind}");
        let named = named_element(&update, annotation);
        let foreign = reach(
            &Policy::default(),
            place,
            annotation,
            "web-a-x@kubernetescrd",
            &others[..1],
        );
        assert_eq!(foreign.broken[0].1.code, Code::ForbiddenReference, "{kind}");
        assert_ne!(
            named, "web-a-x@kubernetescrd",
            "{kind}: the one with its own suffix"
        );
    }
}

#[test]
fn a9_10_names_that_lead_nowhere_say_what_there_is() {
    for (kind, annotation, place) in REACHES {
        let others = [of_kind(kind, "web", "secure")];
        for (name, hint) in [
            (
                "web-secur@kubernetescrd",
                "did you mean `web-secure@kubernetescrd`?",
            ),
            ("secure", "write `web-secure@kubernetescrd`"),
            ("secure@kubernetes", "write `web-secure@kubernetescrd`"),
        ] {
            let update = reach(&Policy::default(), place, annotation, name, &others);
            let finding = &update.broken[0].1;
            assert_eq!(finding.code, Code::MissingReference, "{kind} {name}");
            assert_eq!(finding.hint.as_deref(), Some(hint), "{kind} {name}");
        }
    }
}

#[test]
fn a9_8_other_providers_are_for_the_namespaces_that_may() {
    for (kind, annotation, place) in REACHES {
        let others = [of_kind(kind, "web", "x")];
        for name in ["x@file", "x@internal", "web-x@kubernetescrd"] {
            let with = |allowed: Option<&[&str]>| {
                let allowed = allowed.map(|allowed| allowed.iter().map(|&one| one.to_owned()).collect());
                let policy = Policy {
                    cross_provider_namespaces: allowed,
                    ..Policy::default()
                };
                let update = reach(&policy, place, annotation, name, &others);
                update
                    .broken
                    .iter()
                    .map(|(_, finding)| finding.code)
                    .collect::<Vec<_>>()
            };
            assert_eq!(with(None), [], "{kind} {name}");
            assert_eq!(with(Some(&["web"])), [], "{kind} {name}");
            assert_eq!(
                with(Some(&["infra"])),
                [Code::ForbiddenReference],
                "{kind} {name}"
            );
            assert_eq!(with(Some(&[])), [Code::ForbiddenReference], "{kind} {name}");
        }
    }
}

/// A backend and a Secret have no namespace: the name alone must not find a foreign object.
#[test]
fn c61_services_and_secrets_are_looked_up_at_home_alone() {
    let infra = [
        BACKEND
            .replace("web", "infra")
            .replace("name: backend", "name: other"),
        secret("infra", "cert", "{tls.crt: C, tls.key: K}"),
    ]
    .join("\n---\n");
    let policy = IngressPolicy {
        common: Policy {
            allow_cross_namespace: true,
            ..Policy::directory()
        },
        ..IngressPolicy::directory()
    };
    for name in [
        "other",
        "infra/other",
        "../infra/other",
        "infra-other",
        "other@kubernetescrd",
    ] {
        let backend = format!("{{service: {{name: '{name}', port: {{number: 443}}}}}}");
        let update = update_under(&policy, &[&infra, &ingress("{}", &one_path(PREFIX, &backend))]);
        let found: Vec<_> = update.broken.iter().map(|(_, finding)| finding.code).collect();
        assert_eq!(found, [Code::MissingReference], "{name}");
    }
    for name in ["cert", "infra/cert", "../infra/cert", "infra-cert"] {
        let spec = one_path(PREFIX, PORT_443)
            .replace("{rules", &format!("{{tls: [{{secretName: '{name}'}}], rules"));
        let update = update_under(&policy, &[BACKEND, &infra, &ingress("{}", &spec)]);
        let found: Vec<_> = update.broken.iter().map(|(_, finding)| finding.code).collect();
        assert_eq!(found, [Code::MissingReference], "{name}");
        assert!(update.dynamic.tls.certificates.is_empty());
    }
}

#[test]
fn cve_2026_54765_routers_and_services_of_two_tenants_never_share_a_name() {
    let of = |namespace: &str, name: &str| {
        [
            BACKEND.replace("web", namespace),
            named(namespace, name, "{}", &one_path(PREFIX, PORT_443)),
        ]
        .join("\n---\n")
    };
    // Both routers would be `a-b-c-a-test`.
    let update = update(&[&of("a-b", "c"), &of("a", "b-c")]);
    assert_eq!(update.dynamic.http.routers.len(), 2);
    assert_eq!(
        codes(&update.notes),
        [Code::DuplicateObject, Code::DuplicateObject]
    );
    let mut services: Vec<_> = update
        .dynamic
        .http
        .routers
        .values()
        .map(|router| router.service.as_str())
        .collect();
    services.sort_unstable();
    assert_eq!(services, ["a-b-backend-443", "a-backend-443"]);

    // Both services would be `a-b-c-443`.
    let service = |namespace: &str, name: &str| {
        let backend = format!("{{service: {{name: {name}, port: {{number: 443}}}}}}");
        [
            BACKEND
                .replace("namespace: web", &format!("namespace: {namespace}"))
                .replace("{name: backend,", &format!("{{name: {name},"))
                .replace("service-name: backend", &format!("service-name: {name}"))
                .replace("10.1.0.1", if name == "c" { "10.1.0.2" } else { "10.1.0.1" }),
            named(namespace, "i", "{}", &one_path(PREFIX, &backend)),
        ]
        .join("\n---\n")
    };
    let update = super::update(&[&service("a-b", "c"), &service("a", "b-c")]);
    for (router, url) in [
        ("a-b-i-a-test", "https://10.1.0.2:8443"),
        ("a-i-a-test", "https://10.1.0.1:8443"),
    ] {
        let service = &update.dynamic.http.routers[router].service;
        assert_ne!(service, "a-b-c-443");
        assert_eq!(servers(&update, service), [url]);
    }
}

#[test]
fn cve_2026_54765_an_ingress_cannot_take_the_names_of_the_default_backend() {
    let default = named("web", "d", "{}", &format!("{{defaultBackend: {PORT_443}}}"));
    let taker = [
        BACKEND.replace("web", "default"),
        named(
            "default",
            "router",
            "{}",
            &one_path(PREFIX, PORT_443).replace("host: a.test, ", ""),
        ),
    ]
    .join("\n---\n");
    let update = update(&[BACKEND, &default, &taker]);
    assert_eq!(update.dynamic.http.routers.len(), 2);
    assert!(!update.dynamic.http.routers.contains_key("default-router"));
    assert_eq!(
        codes(&update.notes),
        [Code::DuplicateObject, Code::DuplicateObject]
    );
}

/// What ingress controllers that write configuration as text have been taken over with, and its like.
const HOSTILE: [&str; 8] = [
    "x`) || Host(`b.test`) || PathPrefix(`/",
    "Host(`b.test`)",
    "{{ env `HOME` }} ${env:HOME} $(id)",
    "../../../../etc/passwd",
    "\";\n}\nlocation / { root /; }\n#",
    "true\r\nX-Injected: yes",
    "\u{0}\u{202e}\u{feff}",
    "api@internal",
];

#[test]
fn c60_hostile_texts_in_every_annotation_are_inert() {
    let elsewhere = BACKEND.replace("namespace: web", "namespace: b");
    let neighbour = named(
        "b",
        "neighbour",
        "{}",
        &one_path(PREFIX, PORT_443).replace("a.test", "b.test"),
    );
    let names = |places: &'static [&'static str], place| places.iter().map(move |name| (place, *name));
    let all = names(OF_ROUTERS, Place::Ingress).chain(names(OF_SERVICES, Place::Service));
    let mut tried = 0;
    for (place, name) in all {
        for hostile in HOSTILE {
            let text = serde_json::to_string(hostile).unwrap();
            let annotations = format!("{{{P}/{name}: {text}}}");
            let (backend, ingress) = match place {
                Place::Ingress => (BACKEND.to_owned(), simple(&annotations)),
                Place::Service => (annotated(&annotations), simple("{}")),
            };
            let found = update(&[&backend, &ingress, &elsewhere, &neighbour]);
            // The neighbour is as if it were alone.
            let alone = update(&[&elsewhere, &neighbour]);
            let (http, wanted) = (&found.dynamic.http, &alone.dynamic.http);
            for (key, router) in &wanted.routers {
                assert_eq!(http.routers.get(key), Some(router), "{name}: {hostile:?}");
                let broken = found
                    .broken
                    .iter()
                    .any(|(element, _)| *element == Element::Router(key.clone()));
                assert!(!broken, "{name}: {hostile:?}");
            }
            for (key, service) in &wanted.services {
                assert_eq!(http.services.get(key), Some(service), "{name}: {hostile:?}");
            }
            // The text is nowhere in a rule, and in no name.
            for (key, router) in &http.routers {
                assert!(
                    key.chars().all(|c| c.is_alphanumeric() || c == '-'),
                    "{name}: {key:?}"
                );
                let own = "Host(`a.test`) && PathPrefix(`/`)";
                let is_ours = router.rule == own || wanted.routers.contains_key(key);
                assert!(is_ours, "{name}: {hostile:?}: {}", router.rule);
            }
            tried += 1;
        }
    }
    assert!(tried > 150, "{tried}");
}
