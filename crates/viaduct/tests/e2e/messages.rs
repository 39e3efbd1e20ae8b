//! What the log says of mistakes in manifests: one line for each, the cause first, with the edit.

use serde_json::json;
use viaduct_testkit::http1::Connection;
use viaduct_testkit::manifest::{Manifests, Route};
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::pki::{Ca, Leaf};
use viaduct_testkit::tls::dial_plain;
use viaduct_testkit::viaduct::{Running, Viaduct};

use crate::fixture::{BACKEND, BINARY, FRONT_SECRET, HOST, Pki, RULE, TRANSPORT, secure_route, up};

fn started(manifests: &Manifests) -> Viaduct {
    up().file("m.yaml", manifests.yaml()).start()
}

/// Lines of the log at this level.
fn lines(viaduct: &Viaduct, level: &str) -> Vec<String> {
    let level = format!(" {level} ");
    let log = viaduct.log();
    log.lines()
        .filter(|line| line.contains(&level))
        .map(str::to_owned)
        .collect()
}

/// The log's only error, with all these words.
#[track_caller]
fn assert_one_error(viaduct: &Viaduct, words: &[&str]) {
    match lines(viaduct, "ERROR").as_slice() {
        [line] => assert_says(line, words),
        several => panic!("not one error but: {several:#?}"),
    }
}

#[track_caller]
fn assert_says(line: &str, words: &[&str]) {
    for word in words {
        assert!(line.contains(word), "`{word}` is missing in: {line}");
    }
}

fn status(viaduct: &Viaduct, path: &str) -> u16 {
    Connection::new(dial_plain(viaduct.web())).get(HOST, path).status
}

#[test]
fn i2_a_misspelt_rule_closes_what_it_guards_and_nothing_else() {
    let origin = Origin::http(|_| ok("open"));
    let route = |name, rule| Route::plain(name, rule, BACKEND, "http");
    let base = Manifests::new()
        .backend(BACKEND, origin.port())
        .route(route("app", RULE));
    let viaduct = started(
        &base
            .clone()
            .route(route("admin", "Host(`web.example.com`) && PathPrefx(`/admin`)")),
    );
    assert_eq!((status(&viaduct, "/admin/x"), status(&viaduct, "/")), (503, 200));
    assert_one_error(
        &viaduct,
        &[
            "unsupported function: PathPrefx at column 28",
            "requests that match `Host(`web.example.com`) && PathPrefix(`/admin`)` are answered with 503",
            "IngressRoute web/admin",
            "did you mean `PathPrefix`?",
        ],
    );
    let viaduct = started(&base.route(route("admin", "Host(`web.example.com`) PathPrefix(`/admin`)")));
    assert_eq!(status(&viaduct, "/admin/x"), 200);
    assert_one_error(
        &viaduct,
        &["requests for `web.example.com` now reach router `web-app-"],
    );
}

#[test]
fn c2_a_second_mistake_is_told_at_once() {
    let pki = Pki::new();
    let origin = Origin::https(pki.server(&["http/1.1"]), |_| ok(""));
    let expecting = |name: &str| {
        pki.bridge_with(origin.port(), json!({ "serverName": name }))
            .yaml()
    };
    let viaduct = up().file("m.yaml", expecting("one.test")).start();
    let curl = pki.curl(&viaduct);
    assert_eq!(curl.get(HOST, "/").status, 502);
    viaduct.wait_log("a certificate for `one.test`");
    viaduct.apply("m.yaml", &expecting("two.test"));
    assert_eq!(curl.get(HOST, "/").status, 502);
    let line = viaduct.wait_log("a certificate for `two.test`");
    assert!(!line.contains("suppressed"), "{line}");
}

#[test]
fn c2_a_secret_without_a_certificate_is_named_itself_with_all_it_affects() {
    let pki = Pki::new();
    let viaduct = started(
        &pki.base(1)
            .secret("backend-ca", &[("ca.crt", "junk")])
            .transport(TRANSPORT, json!({ "rootCAs": [{ "secret": "backend-ca" }] }))
            .route(secure_route("https").transport(TRANSPORT)),
    );
    assert_one_error(
        &viaduct,
        &[
            "`ca.crt` cannot be used: it holds no certificate in PEM form",
            "object=Secret web/backend-ca at=",
            "m.yaml:",
            "affects=\"ServersTransport web/web-transport, IngressRoute web/web-ingressroute\"",
        ],
    );
}

#[test]
fn c2_a_missing_front_certificate_says_what_clients_see_and_what_to_write() {
    let pki = Pki::new();
    let viaduct = started(
        &Manifests::new()
            .tls_secret(FRONT_SECRET, &pki.front)
            .backend(BACKEND, 1)
            .route(
                Route::secure("web-ingressroute", RULE, BACKEND, "http").certificate("web-ingresroute-tls"),
            ),
    );
    assert_one_error(
        &viaduct,
        &[
            "Secret `web/web-ingresroute-tls` does not exist",
            "clients of entry point `websecure` are shown the default certificate for `web.example.com`",
            "requests are answered with 503",
            "did you mean `web-ingressroute-tls`?",
            "create Secret `web/web-ingresroute-tls` with `tls.crt` and `tls.key`",
            "spec.tls.secretName",
        ],
    );
}

#[test]
fn c2_i2_a_front_certificate_that_cannot_be_read_is_named_itself_and_takes_its_router_out() {
    let pki = Pki::new();
    let viaduct = started(
        &Manifests::new()
            .secret(FRONT_SECRET, &[("tls.crt", "junk"), ("tls.key", "junk")])
            .backend(BACKEND, 1)
            .route(secure_route("http")),
    );
    assert_one_error(
        &viaduct,
        &[
            "no certificate in the PEM text",
            "object=Secret web/web-ingressroute-tls ",
            "are shown the default certificate",
            "affects=\"IngressRoute web/web-ingressroute\"",
        ],
    );
    // Not served under a certificate that nobody chose (I2).
    assert_eq!(
        pki.curl(&viaduct).args(&["--insecure"]).get(HOST, "/").status,
        503
    );
}

#[test]
fn c2_a_missing_service_or_port_names_what_there_is() {
    let to = |service: &str, port: u16| {
        let route = Route::plain("r", RULE, service, "http").service_field("port", json!(port));
        Manifests::new().backend(BACKEND, 1).route(route)
    };
    assert_one_error(
        &started(&to("backend-scv", 443)),
        &[
            "Service `web/backend-scv` does not exist",
            "did you mean `backend-svc`?",
        ],
    );
    assert_one_error(
        &started(&to(BACKEND, 8443)),
        &["the Service has no port `8443`", "443 (app)", "write `port: 443`"],
    );
}

#[test]
fn c4_misspelt_kinds_and_fields_name_the_nearest() {
    let route = Route::plain("r", RULE, BACKEND, "http").service_field("passHostHeaders", json!(true));
    let viaduct = started(&Manifests::new().backend(BACKEND, 1).route(route).traefik(
        "IngresRoute",
        "q",
        json!({}),
    ));
    let warnings = lines(&viaduct, "WARN").join("\n");
    assert_says(
        &warnings,
        &[
            "Traefik has no kind `IngresRoute`",
            "did you mean `IngressRoute`?",
            "`spec.routes[0].services[0].passHostHeaders` does not exist",
            "did you mean `passHostHeader`?",
        ],
    );
}

#[test]
fn c2_a_ca_of_the_same_name_with_another_key_is_told_apart() {
    let pki = Pki::new();
    let namesake = Ca::new("Backend CA");
    let origin = Origin::https(pki.server(&["http/1.1"]), |_| ok(""));
    let viaduct = started(
        &pki.base(origin.port())
            .secret("backend-ca", &[("ca.crt", namesake.pem())])
            .transport(
                TRANSPORT,
                json!({ "serverName": HOST, "rootCAs": [{ "secret": "backend-ca" }] }),
            )
            .route(secure_route("https").transport(TRANSPORT)),
    );
    assert_eq!(pki.curl(&viaduct).get(HOST, "/").status, 502);
    assert_says(
        &viaduct.wait_log("unknown_ca"),
        &[
            "in Secret web/backend-ca (`rootCAs` in ServersTransport web/web-transport)",
            "another key",
        ],
    );
}

#[test]
fn c2_the_hint_for_a_wrong_ca_names_its_secret() {
    let pki = Pki::new();
    let origin = Origin::https(pki.server(&["http/1.1"]), |_| ok(""));
    let viaduct = started(
        &pki.base(origin.port())
            .secret("backend-ca", &[("ca.crt", pki.edge_ca.pem())])
            .transport(
                TRANSPORT,
                json!({ "serverName": HOST, "rootCAs": [{ "secret": "backend-ca" }] }),
            )
            .route(secure_route("https").transport(TRANSPORT)),
    );
    assert_eq!(pki.curl(&viaduct).get(HOST, "/").status, 502);
    assert_says(
        &viaduct.wait_log("unknown_ca"),
        &["`rootCAs` in ServersTransport web/web-transport, or to Secret web/backend-ca"],
    );
}

#[test]
fn a13_8_what_changes_nothing_is_not_said_to_be_applied() {
    let origin = Origin::http(|_| ok(""));
    let route = Route::plain("r", RULE, BACKEND, "http");
    let manifests = Manifests::new().backend(BACKEND, origin.port()).route(route);
    let viaduct = started(&manifests);
    viaduct.replace("m.yaml", "a: [");
    viaduct.wait_log("configuration read: what is served stays as it was");
    assert_eq!(viaduct.log().matches("configuration applied").count(), 1);
    assert_eq!(status(&viaduct, "/"), 200);
}

#[test]
fn a_directory_without_objects_is_told() {
    let viaduct = up().start();
    assert_says(
        &viaduct.wait_log("holds no Kubernetes object"),
        &["WARN", "there is nothing to serve", "hint="],
    );
    let route = Route::plain("r", RULE, BACKEND, "http");
    viaduct.apply(
        "m.yaml",
        &Manifests::new().backend(BACKEND, 1).route(route).yaml(),
    );
    viaduct.wait_log("resolved: ");
}

#[test]
fn a1_9_the_systems_roots_are_read_at_the_start() {
    let pki = Pki::new();
    let backend = pki.backend_ca.issue(Leaf::server(HOST).ip("127.0.0.1"));
    let server = viaduct_testkit::tls::server(&backend, &["http/1.1"], None);
    let origin = Origin::https(server, |_| ok(""));
    let work = tempfile::tempdir().expect("a temporary directory");
    let manifests = work.path().join("manifests");
    std::fs::create_dir(&manifests).expect("a directory");
    let route = pki.base(origin.port()).route(secure_route("https"));
    std::fs::write(manifests.join("m.yaml"), route.yaml()).expect("a manifest");
    let roots = pki.backend_ca.write_to(work.path(), "roots.pem");
    let mut command = std::process::Command::new(BINARY);
    command
        .arg("up")
        .arg(&manifests)
        .args(["--entrypoint", "websecure=127.0.0.1:0"])
        .env("SSL_CERT_FILE", &roots)
        .env_remove("SSL_CERT_DIR");
    let running = Running::start(&mut command, 1);
    // A worker that reads them at its first handshake would find another authority.
    pki.edge_ca.write_to(work.path(), "roots.pem");
    let curl = viaduct_testkit::curl::Curl::secure(running.only_address(), pki.edge_ca.pem());
    assert_eq!(curl.get(HOST, "/").status, 200);
}
