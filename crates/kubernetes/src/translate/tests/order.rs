//! C64 for Traefik's own kinds: what comes out does not depend on the order in which objects come.

use super::*;

/// Routes that meet: equal rules, names that join to one name, defaults of two namespaces, and some that are broken.
fn documents() -> Vec<String> {
    let to_backend = "[{name: backend, port: 443, namespace: web}]";
    let routes = |rules: &[&str]| {
        let routes = rules
            .iter()
            .map(|rule| format!("{{match: '{rule}', services: {to_backend}}}"));
        format!("{{routes: [{}]}}", routes.collect::<Vec<_>>().join(", "))
    };
    let weighted =
        "{weighted: {services: [{name: backend, port: 443, weight: 2}, {name: backend, port: 80}]}}";
    let mut documents: Vec<String> = BACKEND.split("\n---\n").map(str::to_owned).collect();
    documents.extend([
        object(
            "IngressRoute",
            "web",
            "one",
            &routes(&["Host(`a`)", "Host(`a`) && PathPrefix(`/x`)"]),
        ),
        object("IngressRoute", "web", "two", &routes(&["Host(`a`)"])),
        object("IngressRoute", "web", "a-b", &routes(&["Host(`b`)"])),
        object("IngressRoute", "web-a", "b", &routes(&["Host(`b`)"])),
        object("IngressRoute", "web", "unreadable", &routes(&["Host(a"])),
        object(
            "IngressRoute",
            "web",
            "composed",
            "{routes: [{match: Host(`c`), services: [{name: both, kind: TraefikService}]}]}",
        ),
        object("TraefikService", "web", "both", weighted),
        object(
            "TraefikService",
            "web",
            "round",
            "{weighted: {services: [{name: round, kind: TraefikService}]}}",
        ),
        object(
            "IngressRouteTCP",
            "web",
            "tcp",
            "{routes: [{match: HostSNI(`t`), services: [{name: backend, port: 443}]}]}",
        ),
        object("TLSOption", "web", "default", "{minVersion: VersionTLS13}"),
        object("TLSOption", "shop", "default", "{minVersion: VersionTLS12}"),
        object("TLSStore", "web", "default", "{}"),
        object("ServersTransport", "web", "transport", "{serverName: backend}"),
        object("Middleware", "web", "prefix", "{addPrefix: {prefix: /p}}"),
    ]);
    documents
}

/// What is out of service, and why; where it was written is another place each time.
fn out_of_service(update: &Update) -> Vec<(&Element, Code, &str)> {
    let broken = update.broken.iter();
    broken
        .map(|(element, finding)| (element, finding.code, finding.message.as_str()))
        .collect()
}

#[test]
fn c64_routes_are_the_same_in_any_order() {
    let written = documents();
    let wanted = update(&written.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(
        wanted.dynamic.http.routers.len(),
        7,
        "{:#?}",
        wanted.dynamic.http.routers
    );
    assert!(!out_of_service(&wanted).is_empty());
    for index in shuffled(written) {
        let got = translate(&index, &Policy::directory());
        assert_eq!(got.dynamic, wanted.dynamic);
        assert_eq!(out_of_service(&got), out_of_service(&wanted));
    }
}
