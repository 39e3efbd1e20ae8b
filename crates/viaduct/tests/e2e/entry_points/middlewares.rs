//! Middlewares from configuration files to the backend.

use viaduct_testkit::http1;
use viaduct_testkit::origin::{Origin, ok};

use super::Edge;

const WEB: &str = "entryPoints: {web: {address: '127.0.0.1:0'}}";

fn get(edge: &Edge, host: &str, path: &str, headers: &str) -> http1::Response {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n");
    http1::once(edge.address("web"), request)
}

#[test]
fn a4_4_a_chain_from_a_file() {
    let origin = Origin::http(|_| ok("backend"));
    let edge = Edge::serving(
        WEB,
        "
http:
  routers:
    api: {rule: PathPrefix(`/api`), middlewares: [all@file], service: app}
  middlewares:
    all: {chain: {middlewares: [strip, headers]}}
    strip: {stripPrefix: {prefixes: [/api]}}
    headers: {headers: {customRequestHeaders: {X-Team: blue}, frameDeny: true}}
  services:
    app: {loadBalancer: {servers: [{url: 'http://{origin}'}]}}
",
        &origin,
    );
    let answer = get(&edge, "a.example", "/api/users?x=y", "X_Team: red\r\n");
    assert_eq!((answer.status, answer.text().as_str()), (200, "backend"));
    assert_eq!(answer.header("x-frame-options"), Some("DENY"));
    let request = origin.wait_request("/users?x=y");
    assert_eq!(request.header("x-forwarded-prefix"), Some("/api"));
    assert_eq!(request.all("x-team"), ["blue"]);
    assert_eq!(request.header("x_team"), None);
    // CVE-2026-48020: nothing outside of the prefix is reached through it.
    assert_eq!(get(&edge, "a.example", "/api../admin", "").status, 400);
    assert_eq!(edge.wait_access("/api../admin").fault(), "bad_rewrite");
    assert_eq!(origin.requests().len(), 1);
}

#[test]
fn a4_2_users_of_a_file_and_the_access_log() {
    let origin = Origin::http(|_| ok("secret"));
    let users = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(users.path(), "ann:$apr1$8sFt66rZ$CwW5jnBTcCMb9M9VZMRdm/\n").expect("users");
    let dynamic = "
http:
  routers:
    app: {rule: PathPrefix(`/`), middlewares: [auth], service: app}
  middlewares:
    auth: {basicAuth: {usersFile: USERS, headerField: X-User}}
  services:
    app: {loadBalancer: {servers: [{url: 'http://{origin}'}]}}
";
    let users = users.path().display().to_string();
    let edge = Edge::serving(WEB, &dynamic.replace("USERS", &users), &origin);
    let answer = get(&edge, "a.example", "/without", "");
    assert_eq!(
        (answer.status, answer.header("www-authenticate")),
        (401, Some("Basic realm=\"traefik\""))
    );
    // `ann:password`
    let answer = get(
        &edge,
        "a.example",
        "/with",
        "Authorization: Basic YW5uOnBhc3N3b3Jk\r\n",
    );
    assert_eq!(answer.status, 200);
    assert_eq!(origin.wait_request("/with").header("x-user"), Some("ann"));
    assert_eq!(edge.wait_access("/with").text("ClientUsername"), "ann");
    assert_eq!(edge.wait_access("/without").fault(), "unauthenticated");
    assert_eq!(origin.requests().len(), 1);
}

#[test]
fn cve_2022_46153_a_route_without_its_middleware_is_closed() {
    let origin = Origin::http(|_| ok("secret"));
    let edge = Edge::serving(
        WEB,
        "
http:
  routers:
    empty: {rule: Host(`empty.example`), middlewares: [empty], service: app}
    missing: {rule: Host(`missing.example`), middlewares: [nobody], service: app}
    later: {rule: Host(`later.example`), middlewares: [later], service: app}
    open: {rule: Host(`open.example`), service: app}
  middlewares:
    empty: {basicAuth: {}}
    later: {forwardAuth: {address: 'http://127.0.0.1:1'}}
  services:
    app: {loadBalancer: {servers: [{url: 'http://{origin}'}]}}
",
        &origin,
    );
    for host in ["empty.example", "missing.example", "later.example"] {
        let answer = get(&edge, host, "/", "Authorization: Basic YTpi\r\n");
        assert_eq!(answer.status, 503, "{host}");
    }
    assert_eq!(get(&edge, "open.example", "/", "").status, 200);
    assert_eq!(origin.requests().len(), 1);
}

#[test]
pub(crate) fn a2_6_middlewares_of_an_entry_point_are_before_those_of_its_routers() {
    let origin = Origin::http(|_| ok("backend"));
    let edge = Edge::serving(
        "
entryPoints:
  web: {address: '127.0.0.1:0', http: {middlewares: [outer@file]}}
  plain: {address: '127.0.0.1:0'}
",
        "
http:
  routers:
    app: {rule: PathPrefix(`/`), middlewares: [inner], service: app}
  middlewares:
    outer: {addPrefix: {prefix: /outer}}
    inner: {addPrefix: {prefix: /inner}}
  services:
    app: {loadBalancer: {servers: [{url: 'http://{origin}'}]}}
",
        &origin,
    );
    for (entry_point, target) in [("web", "/inner/outer/a"), ("plain", "/inner/a")] {
        let answer = http1::once(edge.address(entry_point), "GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(answer.status, 200);
        origin.wait_request(target);
    }
}
