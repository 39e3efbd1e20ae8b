//! Middleware objects, from a directory of manifests to the backend.

use serde_json::{Value, json};
use viaduct_testkit::http1::{self, Response};
use viaduct_testkit::manifest::{Manifests, NAMESPACE, Route};
use viaduct_testkit::origin::{Origin, echo, ok};
use viaduct_testkit::viaduct::Viaduct;
use viaduct_testkit::wait::wait_until;

use crate::fixture::{BACKEND, up};

/// One backend, and a route without TLS for each path, guarded by the middleware of the same name.
fn guarded(origin: &Origin, names: &[&str]) -> Manifests {
    let manifests = Manifests::new().backend(BACKEND, origin.port());
    names.iter().fold(manifests, |manifests, name| {
        let rule = format!("PathPrefix(`/{name}`)");
        let route = Route::plain(name, &rule, BACKEND, "http");
        manifests.route(route.rule_field("middlewares", json!([{ "name": name }])))
    })
}

fn get(viaduct: &Viaduct, path: &str, headers: &str) -> Response {
    let request = format!("GET {path} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n{headers}\r\n");
    http1::once(viaduct.web(), request)
}

fn middleware(manifests: Manifests, name: &str, spec: Value) -> Manifests {
    manifests.traefik("Middleware", name, spec)
}

#[test]
fn a4_24_a_middleware_object_takes_a_prefix_off() {
    let origin = Origin::http(echo);
    let manifests = middleware(
        guarded(&origin, &["strip"]),
        "strip",
        json!({ "stripPrefix": { "prefixes": ["/strip"] } }),
    );
    let viaduct = up().file("a.yaml", manifests.yaml()).start();
    assert_eq!(get(&viaduct, "/strip/users", "").status, 200);
    let request = origin.wait_request("/users");
    assert_eq!(request.header("x-forwarded-prefix"), Some("/strip"));
}

#[test]
fn a4_2_a_middleware_object_asks_for_the_users_of_its_secret() {
    let origin = Origin::http(|_| ok("in"));
    let manifests = guarded(&origin, &["lines", "one"])
        // htpasswd -nbs ann secret
        .secret("users", &[("users", "ann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n")])
        .object(json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/basic-auth",
            "metadata": { "name": "login", "namespace": NAMESPACE },
            "stringData": { "username": "ann", "password": "secret" },
        }));
    let manifests = middleware(manifests, "lines", json!({ "basicAuth": { "secret": "users" } }));
    let manifests = middleware(manifests, "one", json!({ "basicAuth": { "secret": "login" } }));
    let viaduct = up().file("a.yaml", manifests.yaml()).start();
    for path in ["/lines", "/one"] {
        let refused = get(&viaduct, path, "");
        assert_eq!(refused.status, 401, "{path}");
        assert!(refused.header("www-authenticate").is_some());
        // ann:wrong
        assert_eq!(
            get(&viaduct, path, "Authorization: Basic YW5uOndyb25n\r\n").status,
            401
        );
        assert!(origin.requests().is_empty());
    }
    for path in ["/lines", "/one"] {
        // ann:secret
        let answer = get(&viaduct, path, "Authorization: Basic YW5uOnNlY3JldA==\r\n");
        assert_eq!((answer.status, answer.text().as_str()), (200, "in"), "{path}");
    }
}

#[test]
fn cve_2026_54762_auth_without_its_secret_is_closed_and_told() {
    let origin = Origin::http(|_| ok("in"));
    let manifests = middleware(
        guarded(&origin, &["login"]),
        "login",
        json!({ "basicAuth": { "secret": "gone" } }),
    );
    let viaduct = up().file("a.yaml", manifests.yaml()).start();
    let log = viaduct.wait_log("`web/gone` does not exist");
    assert!(log.contains("Middleware web/login"), "{log}");
    for headers in ["", "Authorization: Basic YW5uOnNlY3JldA==\r\n"] {
        assert_eq!(get(&viaduct, "/login", headers).status, 503);
    }
    // The Secret opens it, to its user alone.
    let more = Manifests::new().secret("gone", &[("users", "ann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=")]);
    viaduct.apply("b.yaml", &more.yaml());
    // Each worker takes it up by itself.
    wait_until("the Secret to open it", || {
        get(&viaduct, "/login", "").status == 401
    });
    assert!(origin.requests().is_empty());
    let answer = get(&viaduct, "/login", "Authorization: Basic YW5uOnNlY3JldA==\r\n");
    assert_eq!(answer.status, 200);
}

#[test]
fn a4_13_a_middleware_object_changes_headers() {
    let origin = Origin::http(|_| ok("x"));
    let manifests = middleware(
        guarded(&origin, &["headers"]),
        "headers",
        json!({ "headers": { "customRequestHeaders": { "X-Team": "blue" }, "frameDeny": true } }),
    );
    let viaduct = up().file("a.yaml", manifests.yaml()).start();
    let answer = get(&viaduct, "/headers", "X-Team: red\r\n");
    assert_eq!(answer.header("x-frame-options"), Some("DENY"));
    assert_eq!(origin.wait_request("/headers").all("x-team"), ["blue"]);
}

#[test]
fn a4_21_a_middleware_object_sends_clients_to_another_scheme() {
    let origin = Origin::http(|_| ok("x"));
    let manifests = middleware(
        guarded(&origin, &["redirect"]),
        "redirect",
        json!({ "redirectScheme": { "scheme": "https", "port": "8443", "permanent": true } }),
    );
    let viaduct = up().file("a.yaml", manifests.yaml()).start();
    let answer = get(&viaduct, "/redirect/a", "");
    assert_eq!(answer.status, 301);
    assert_eq!(
        answer.header("location"),
        Some("https://a.example:8443/redirect/a")
    );
    assert!(origin.requests().is_empty());
}

#[test]
fn a4_16_a_middleware_object_lets_some_addresses_in() {
    let origin = Origin::http(|_| ok("x"));
    let manifests = guarded(&origin, &["here", "elsewhere"]);
    let manifests = middleware(
        manifests,
        "here",
        json!({ "ipAllowList": { "sourceRange": ["127.0.0.0/8"] } }),
    );
    let manifests = middleware(
        manifests,
        "elsewhere",
        json!({ "ipAllowList": { "sourceRange": ["192.0.2.0/24"], "rejectStatusCode": 404 } }),
    );
    let viaduct = up().file("a.yaml", manifests.yaml()).start();
    assert_eq!(get(&viaduct, "/here", "").status, 200);
    assert_eq!(get(&viaduct, "/elsewhere", "").status, 404);
    assert_eq!(origin.requests().len(), 1);
}

#[test]
fn cve_2026_41174_a_chain_into_another_namespace_is_closed_and_told() {
    let origin = Origin::http(|_| ok("x"));
    let manifests = guarded(&origin, &["own", "foreign"]).object(json!({
        "apiVersion": "traefik.io/v1alpha1", "kind": "Middleware",
        "metadata": { "name": "add", "namespace": "infra" },
        "spec": { "addPrefix": { "prefix": "/infra" } },
    }));
    let manifests = middleware(manifests, "add", json!({ "addPrefix": { "prefix": "/added" } }));
    let manifests = middleware(
        manifests,
        "own",
        json!({ "chain": { "middlewares": [{ "name": "add" }] } }),
    );
    let manifests = middleware(
        manifests,
        "foreign",
        json!({ "chain": { "middlewares": [{ "name": "add", "namespace": "infra" }] } }),
    );
    let viaduct = up().file("a.yaml", manifests.yaml()).start();
    viaduct.wait_log("`infra/add` is in another namespace than `web`");
    assert_eq!(get(&viaduct, "/own", "").status, 200);
    origin.wait_request("/added/own");
    assert_eq!(get(&viaduct, "/foreign", "").status, 503);
    assert_eq!(origin.requests().len(), 1);
}

#[test]
fn a9_7_a_weighted_traefik_service_is_served_and_one_of_another_kind_is_not() {
    let servers = [Origin::http(|_| ok("x")), Origin::http(|_| ok("y"))];
    let part =
        |name: &str, weight: u8| json!({ "name": name, "port": 443, "scheme": "http", "weight": weight });
    let by_name = |name: &str| {
        let rule = format!("PathPrefix(`/{name}`)");
        Route::plain(name, &rule, name, "http").service_field("kind", json!("TraefikService"))
    };
    let manifests = Manifests::new()
        .backend("one", servers[0].port())
        .backend("two", servers[1].port())
        .traefik(
            "TraefikService",
            "shares",
            json!({ "weighted": { "services": [part("one", 3), part("two", 1)] } }),
        )
        .traefik(
            "TraefikService",
            "mirror",
            json!({ "mirroring": { "name": "one", "port": 443, "scheme": "http" } }),
        )
        .route(by_name("shares"))
        .route(by_name("mirror"));
    let viaduct = up().arg("--workers=1").file("a.yaml", manifests.yaml()).start();
    viaduct.wait_log("`mirroring` is not served yet");
    for _ in 0..8 {
        assert_eq!(get(&viaduct, "/shares", "").status, 200);
    }
    assert_eq!(servers.each_ref().map(|server| server.requests().len()), [6, 2]);
    assert_eq!(get(&viaduct, "/mirror", "").status, 503);
}

#[test]
fn a9_5_routes_of_tcp_and_udp_are_told_not_to_be_served() {
    let origin = Origin::http(|_| ok("x"));
    let service = json!([{ "name": BACKEND, "port": 443 }]);
    let manifests = Manifests::new()
        .backend(BACKEND, origin.port())
        .traefik(
            "IngressRouteTCP",
            "db",
            json!({ "routes": [{ "match": "HostSNI(`*`)", "services": service }] }),
        )
        .route(Route::plain("http", "PathPrefix(`/`)", BACKEND, "http"));
    let viaduct = up().file("a.yaml", manifests.yaml()).start();
    let log = viaduct.wait_log("TCP routers are not served yet");
    assert!(log.contains("IngressRouteTCP web/db"), "{log}");
    assert_eq!(get(&viaduct, "/", "").status, 200);
}

/// What a tenant of namespace `web` may try in order to reach objects of `infra`: each a route, or the spec of
/// a route, Middleware or TraefikService that a route names.
fn reaches() -> Vec<(&'static str, Value)> {
    let own = json!({ "name": BACKEND, "port": 443, "scheme": "http" });
    let with = |field: &str, value: Value| {
        let mut service = own.clone();
        service[field] = value;
        service
    };
    let service = json!({ "name": BACKEND, "namespace": "infra", "port": 443, "scheme": "http" });
    let composed = [
        json!({ "name": "shares", "namespace": "infra", "kind": "TraefikService" }),
        json!({ "name": "infra-shares@kubernetescrd", "kind": "TraefikService" }),
    ];
    let guards = [
        json!({ "name": "add", "namespace": "infra" }),
        json!({ "name": "infra-add@kubernetescrd" }),
    ];
    let mut reaches = Vec::new();
    for target in composed.iter().chain([&service]) {
        reaches.push(("IngressRoute", json!({ "services": [target] })));
        reaches.push(("IngressRoute", json!({ "services": [own, target] })));
        reaches.push(("TraefikService", json!({ "weighted": { "services": [target] } })));
        reaches.push((
            "TraefikService",
            json!({ "weighted": { "services": [own, target] } }),
        ));
        reaches.push((
            "TraefikService",
            json!({ "highestRandomWeight": { "services": [target] } }),
        ));
        reaches.push(("TraefikService", json!({ "mirroring": target })));
        reaches.push((
            "TraefikService",
            json!({ "mirroring": with("mirrors", json!([target])) }),
        ));
        let failover = json!({ "service": own, "fallback": target, "errors": { "status": ["500"] } });
        reaches.push(("TraefikService", json!({ "failover": failover })));
        let errors = json!({ "status": ["200-599"], "query": "/", "service": target });
        reaches.push(("Middleware", json!({ "errors": errors })));
    }
    for guard in guards {
        reaches.push((
            "IngressRoute",
            json!({ "middlewares": [guard], "services": [own] }),
        ));
        reaches.push((
            "IngressRoute",
            json!({ "services": [with("middlewares", json!([guard]))] }),
        ));
        reaches.push(("Middleware", json!({ "chain": { "middlewares": [guard] } })));
    }
    let transport = with("serversTransport", json!("infra-trust@kubernetescrd"));
    reaches.push(("IngressRoute", json!({ "services": [transport] })));
    reaches.push((
        "TraefikService",
        json!({ "weighted": { "services": [transport] } }),
    ));
    let api = json!({ "name": "api@internal", "kind": "TraefikService" });
    reaches.push(("TraefikService", json!({ "weighted": { "services": [api] } })));
    reaches.push(("IngressRoute", json!({ "services": [own, api] })));
    for secret in ["users", "infra/users", "infra-users", "../infra/users"] {
        reaches.push(("Middleware", json!({ "basicAuth": { "secret": secret } })));
    }
    reaches
}

#[test]
fn cve_2026_85594_nothing_of_another_namespace_is_reached_through_any_reference() {
    let (own, foreign) = (Origin::http(|_| ok("own")), Origin::http(|_| ok("foreign")));
    let infra = Manifests::new()
        .backend(BACKEND, foreign.port())
        .secret("users", &[("users", "ann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=")])
        .transport("trust", json!({ "insecureSkipVerify": true }))
        .traefik(
            "Middleware",
            "add",
            json!({ "addPrefix": { "prefix": "/infra" } }),
        )
        .traefik(
            "TraefikService",
            "shares",
            json!({ "weighted": { "services": [{ "name": BACKEND, "port": 443, "scheme": "http" }] } }),
        )
        .yaml()
        .replace(
            &format!("\"namespace\": \"{NAMESPACE}\""),
            "\"namespace\": \"infra\"",
        );
    let mut manifests = Manifests::new().backend(BACKEND, own.port()).route(Route::plain(
        "well",
        "Path(`/well`)",
        BACKEND,
        "http",
    ));
    let reaches = reaches();
    for (index, (kind, spec)) in (0_usize..).zip(&reaches) {
        let name = format!("r{index}");
        let service = json!({ "name": BACKEND, "port": 443, "scheme": "http" });
        let mut route = match *kind {
            "IngressRoute" => spec.clone(),
            "Middleware" => json!({ "middlewares": [{ "name": name }], "services": [service] }),
            _ => json!({ "services": [{ "name": name, "kind": "TraefikService" }] }),
        };
        route["match"] = json!(format!("Path(`/{name}`)"));
        if *kind != "IngressRoute" {
            manifests = manifests.traefik(kind, &name, spec.clone());
        }
        manifests = manifests.traefik(
            "IngressRoute",
            &name,
            json!({ "entryPoints": ["web"], "routes": [route] }),
        );
    }
    let viaduct = up()
        .file("infra.yaml", infra)
        .file("web.yaml", manifests.yaml())
        .start();
    assert_eq!(get(&viaduct, "/well", "").text(), "own");
    let log = viaduct.log();
    for (index, (kind, spec)) in (0_usize..).zip(&reaches) {
        let answer = get(
            &viaduct,
            &format!("/r{index}"),
            "Authorization: Basic YW5uOnNlY3JldA==\r\n",
        );
        assert!(
            matches!(answer.status, 404 | 503),
            "{}: {kind} {spec}",
            answer.status
        );
        assert!(
            log.contains(&format!("{kind} web/r{index}")),
            "nothing is said of {kind} {spec}"
        );
    }
    assert_eq!((own.requests().len(), foreign.requests().len()), (1, 0));
}
