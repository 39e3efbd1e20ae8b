//! Pre-flight: handshakes before requests need them (C11), and certificates that drift (C12, C20).

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use viaduct_testkit::child::run;
use viaduct_testkit::http1;
use viaduct_testkit::nginx::Nginx;
use viaduct_testkit::openssl::SServer;
use viaduct_testkit::pki::{Ca, Issued, Leaf};
use viaduct_testkit::port::closed_port;
use viaduct_testkit::viaduct::Running;
use viaduct_testkit::wait::{wait_for, wait_until};

use crate::api;
use crate::fixture::{BINARY, HOST, Pki, up};

/// What the API knows of each server, once it is as wanted.
pub(crate) fn wait_report(traefik: SocketAddr, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    wait_for(&format!("pre-flight to say: {what}"), || {
        let answer = api::get(traefik, "/api/viaduct/preflight");
        assert_eq!(answer.status, 200);
        let report: Value = serde_json::from_slice(&answer.body).expect("JSON");
        is(&report).then_some(report)
    })
}

/// What the log says of pre-flight.
fn said(running: &mut Running, text: &str) -> String {
    wait_for(&format!("the log to say `{text}`"), || {
        let output = running.child().output();
        output.lines().find(|line| line.contains(text)).map(str::to_owned)
    })
}

/// One service with these servers, verified with `cas`.
pub(crate) fn routes(servers: &[u16], cas: &[&Ca]) -> String {
    let servers: Vec<Value> = servers
        .iter()
        .map(|port| json!({ "url": format!("https://127.0.0.1:{port}") }))
        .collect();
    let cas: Vec<&str> = cas.iter().map(|ca| ca.pem()).collect();
    // JSON is YAML.
    json!({ "http": {
        "routers": { "app": { "rule": "Host(`app.example`)", "service": "app" } },
        "services": { "app": { "loadBalancer": { "servers": servers, "serversTransport": "to-app" } } },
        "serversTransports": { "to-app": { "serverName": HOST, "rootCAs": cas } },
    } })
    .to_string()
}

pub(crate) fn serve(work: &Path, routes: &str, flags: &[&str]) -> Running {
    let mut all = vec!["--api.insecure", "--log.level=INFO"];
    all.extend(flags);
    api::serve(work, routes, &all)
}

fn server(identity: &Issued) -> SServer {
    SServer::start(identity, &[])
}

#[test]
fn c11_who_would_fail_is_told_before_a_request_does() {
    let pki = Pki::new();
    let nginx = Nginx::server(&pki.backend, "");
    let wrong = json!({ "serverName": "other.example.com" });
    let viaduct = up()
        .arg("--preflight=report")
        .file("bridge.yaml", pki.bridge_with(nginx.port(), wrong).yaml())
        .start();
    let line = viaduct.wait_log("pre-flight: requests to a server would fail");
    for wanted in [
        "reason=\"name_mismatch\"",
        &format!("https://127.0.0.1:{}", nginx.port()),
        "set `serverName: web.example.com` in ServersTransport",
    ] {
        assert!(line.contains(wanted), "{line}");
    }
    assert!(viaduct.access_log().is_empty());
    assert_eq!(
        viaduct.log().matches("requests to a server would fail").count(),
        1
    );
}

/// The overlap of a rotation answers 200 with a CA that was not meant, and it is said at once what comes of it.
#[test]
fn c8_c11_a_wrong_ca_is_told_while_the_one_before_still_serves() {
    let pki = Pki::new();
    let nginx = Nginx::server(&pki.backend, "location / { return 204; }");
    let viaduct = up()
        .arg("--preflight=report")
        .file("bridge.yaml", pki.bridge(nginx.port()).yaml())
        .start();
    assert_eq!(pki.curl(&viaduct).get(HOST, "/").status, 204);
    let wrong = Pki {
        backend_ca: Ca::new("Wrong CA"),
        edge_ca: Ca::new("Unused CA"),
        front: pki.front.clone(),
        backend: pki.backend.clone(),
    };
    viaduct.apply("bridge.yaml", &wrong.bridge(nginx.port()).yaml());
    let line = viaduct.wait_log("would fail but for the CA that was replaced");
    for wanted in ["reason=\"unknown_ca\"", "put the CA from before back"] {
        assert!(line.contains(wanted), "{line}");
    }
    assert_eq!(pki.curl(&viaduct).get(HOST, "/").status, 204);
    viaduct.apply("bridge.yaml", &pki.bridge(nginx.port()).yaml());
    viaduct.wait_log("pre-flight: causes are gone");
}

#[test]
pub(crate) fn c11_report_is_the_default_and_off_tries_nobody() {
    let ca = Ca::new("Backend CA");
    let (good, bad) = (
        server(&ca.issue(Leaf::server(HOST))),
        server(&Ca::new("Other CA").issue(Leaf::server(HOST))),
    );
    let routes = routes(&[good.port(), bad.port(), 9], &[&ca]);
    let work = tempfile::tempdir().expect("a temporary directory");
    let flags = ["--metrics.prometheus"];
    let mut running = serve(work.path(), &routes, &flags);
    let traefik = running.address("traefik");
    let report = wait_report(traefik, "all are tried", |report| report["failed"] == 2);
    let results: Vec<_> = report["servers"]
        .as_array()
        .expect("servers")
        .iter()
        .map(|server| (server["result"].as_str(), server["reason"].as_str()))
        .collect();
    assert_eq!(
        results,
        [
            (Some("passed"), None),
            (Some("failed"), Some("unknown_ca")),
            (Some("failed"), Some("connect_refused"))
        ]
    );
    assert_eq!(
        (&report["mode"], &report["intervalSeconds"]),
        (&json!("report"), &json!(600.0))
    );
    let presented = &report["servers"][1]["certificate"];
    assert_eq!(presented["issuer"], "CN=Other CA", "of a refused one, too");
    said(&mut running, "reason=\"unknown_ca\"");
    let metrics = api::get(traefik, "/metrics").text();
    for series in [
        r#"viaduct_preflight_endpoints{result="passed",reason=""} 1"#,
        r#"viaduct_preflight_endpoints{result="failed",reason="unknown_ca"} 1"#,
        r#"viaduct_preflight_endpoints{result="failed",reason="connect_refused"} 1"#,
    ] {
        assert!(metrics.contains(series), "{metrics}");
    }

    let elsewhere = tempfile::tempdir().expect("a temporary directory");
    let running_off = serve(elsewhere.path(), &routes, &["--bridge.preflight=off"]);
    let off = wait_report(running_off.address("traefik"), "whom it knows", |report| {
        report["servers"]
            .as_array()
            .is_some_and(|servers| servers.len() == 3)
    });
    assert_eq!((&off["mode"], &off["unchecked"]), (&json!("off"), &json!(3)));
}

#[test]
fn c11_a_change_is_tried_and_what_is_mended_is_told() {
    let ca = Ca::new("Backend CA");
    let good = server(&ca.issue(Leaf::server(HOST)));
    let work = tempfile::tempdir().expect("a temporary directory");
    let wrong = routes(&[good.port()], &[&Ca::new("Other CA")]);
    let mut running = serve(work.path(), &wrong, &[]);
    let traefik = running.address("traefik");
    wait_report(traefik, "it fails", |report| report["failed"] == 1);
    std::fs::write(work.path().join("routes.yml"), routes(&[good.port()], &[&ca])).expect("a file");
    wait_report(traefik, "it passes", |report| report["passed"] == 1);
    said(&mut running, "pre-flight: causes are gone");
}

#[test]
fn c12_a_certificate_unlike_its_siblings_is_named_and_c20_its_series_go_with_its_server() {
    let (ca, before) = (Ca::new("CA of now"), Ca::new("CA of before"));
    let now = || server(&ca.issue(Leaf::server(HOST)));
    let (first, second, odd) = (now(), now(), server(&before.issue(Leaf::server(HOST))));
    let ports = [first.port(), odd.port(), second.port()];
    let work = tempfile::tempdir().expect("a temporary directory");
    let flags = ["--metrics.prometheus"];
    let mut running = serve(work.path(), &routes(&ports, &[&ca, &before]), &flags);
    let traefik = running.address("traefik");
    let line = said(&mut running, "has another issuer than its siblings'");
    let odd_url = format!("https://127.0.0.1:{}", odd.port());
    assert!(line.contains(&format!("servers=\"{odd_url}\" ")), "{line}");
    let report = wait_report(traefik, "all pass", |report| report["passed"] == 3);
    assert_eq!(report["servers"][1]["drift"][0]["kind"], "issuer");
    assert_eq!(report["servers"][0]["drift"], json!([]));
    let series =
        format!(r#"viaduct_backend_certificate_not_after{{service="app@file",server="{odd_url}"}} "#);
    let metrics = api::get(traefik, "/metrics").text();
    assert!(metrics.contains(&series), "{metrics}");
    assert!(
        metrics.contains(r#"viaduct_preflight_drifting_endpoints{kind="issuer"} 1"#),
        "{metrics}"
    );

    let without = routes(&[first.port(), second.port()], &[&ca, &before]);
    std::fs::write(work.path().join("routes.yml"), without).expect("a file");
    wait_report(traefik, "it is gone", |report| report["passed"] == 2);
    let metrics = api::get(traefik, "/metrics").text();
    assert!(!metrics.contains(&odd_url), "{metrics}");
}

#[test]
pub(crate) fn c12_a_silent_rotation_is_seen_by_trying_again() {
    let ca = Ca::new("Backend CA");
    let nginx = Nginx::server(&ca.issue(Leaf::server(HOST)), "");
    let work = tempfile::tempdir().expect("a temporary directory");
    let mut running = serve(
        work.path(),
        &routes(&[nginx.port()], &[&ca]),
        &["--bridge.preflightInterval=1s"],
    );
    wait_report(running.address("traefik"), "it passes", |report| {
        report["passed"] == 1
    });
    nginx.rotate(&Ca::new("Other CA").issue(Leaf::server(HOST)));
    let line = said(&mut running, "pre-flight: requests to a server would fail");
    assert!(line.contains("reason=\"unknown_ca\""), "{line}");
}

#[test]
fn c9_a_server_whose_certificate_is_revoked_fails_before_a_request_does() {
    let ca = Ca::new("Backend CA");
    let stolen = ca.issue(Leaf::server(HOST));
    let (bad, good) = (server(&stolen), server(&ca.issue(Leaf::server(HOST))));
    let work = tempfile::tempdir().expect("a temporary directory");
    let lists = tempfile::tempdir().expect("a temporary directory");
    let list = lists.path().join("revoked");
    std::fs::write(&list, "# nothing yet\n").expect("a file");
    let flag = format!("--bridge.revokedFile={}", list.display());
    let running = serve(work.path(), &routes(&[bad.port(), good.port()], &[&ca]), &[&flag]);
    let traefik = running.address("traefik");
    wait_report(traefik, "both pass", |report| report["passed"] == 2);

    std::fs::write(&list, &stolen.cert_pem).expect("a file");
    let report = wait_report(traefik, "one is revoked", |report| {
        report["failed"] == 1 && report["passed"] == 1
    });
    assert_eq!(report["servers"][0]["reason"], "revoked");
    assert_eq!(report["servers"][0]["certificate"]["issuer"], "CN=Backend CA");
}

/// `gate`, and a server that `old` vouches for.
fn gated(work: &Path, nginx: &Nginx, cas: &[&Ca]) -> Running {
    serve(
        work,
        &routes(&[nginx.port()], cas),
        &["--bridge.preflight=gate", "--metrics.prometheus"],
    )
}

fn ask(running: &Running) -> u16 {
    http1::once(
        running.address("web"),
        "GET / HTTP/1.1\r\nHost: app.example\r\n\r\n",
    )
    .status
}

#[test]
fn c11_a_trust_under_which_servers_would_fail_waits_until_they_pass() {
    let (old, new) = (Ca::new("Old CA"), Ca::new("New CA"));
    let nginx = Nginx::server(&old.issue(Leaf::server(HOST)), "");
    let work = tempfile::tempdir().expect("a temporary directory");
    let mut running = gated(work.path(), &nginx, &[&old]);
    let traefik = running.address("traefik");
    assert_eq!(ask(&running), 200);

    let file = work.path().join("routes.yml");
    std::fs::write(&file, routes(&[nginx.port()], &[&new])).expect("a file");
    let line = said(&mut running, "the trust of before stays in force");
    let why = "1 of 1 servers would fail: https://127.0.0.1:";
    assert!(line.contains(why) && line.contains("unknown_ca"), "{line}");
    assert_eq!(ask(&running), 200);
    let report = wait_report(traefik, "it waits", |report| report["held"][0]["why"].is_string());
    assert_eq!(report["held"][0]["transport"], "to-app@file");
    let series = r#"viaduct_preflight_trust_held{transport="to-app@file"} 1"#;
    assert!(api::get(traefik, "/metrics").text().contains(series));

    nginx.rotate(&new.issue(Leaf::server(HOST)));
    said(
        &mut running,
        "no server would fail: the new trust is put in force",
    );
    wait_report(traefik, "nothing waits", |report| report["held"] == json!([]));
    assert_eq!(ask(&running), 200);
    assert!(
        !api::get(traefik, "/metrics")
            .text()
            .contains("viaduct_preflight_trust_held")
    );
}

/// A server that cannot be tried may be anybody's when it is back.
#[test]
fn c11_a_server_that_is_down_keeps_the_trust_of_before_until_it_was_tried() {
    let (old, new) = (Ca::new("Old CA"), Ca::new("New CA"));
    let renewed = server(&new.issue(Leaf::server(HOST)));
    let down = closed_port();
    let work = tempfile::tempdir().expect("a temporary directory");
    let before = routes(&[renewed.port(), down], &[&old]);
    let mut running = serve(work.path(), &before, &["--bridge.preflight=gate"]);
    let traefik = running.address("traefik");
    let file = work.path().join("routes.yml");
    std::fs::write(&file, routes(&[renewed.port(), down], &[&new])).expect("a file");
    let line = said(&mut running, "the trust of before stays in force");
    let why = format!("1 of 2 servers cannot be tried now: https://127.0.0.1:{down}: connect_refused");
    assert!(line.contains(&why), "{line}");
    wait_report(traefik, "it waits", |report| {
        report["held"][0]["transport"] == "to-app@file"
    });
    // Who is taken away is not waited for.
    std::fs::write(&file, routes(&[renewed.port()], &[&new])).expect("a file");
    said(
        &mut running,
        "no server would fail: the new trust is put in force",
    );
    wait_report(traefik, "nothing waits", |report| report["held"] == json!([]));
}

/// The overlap begins when the gate lets the change pass, and helps nobody before.
#[test]
fn c8_c11_the_overlap_of_a_rotation_begins_when_the_gate_opens() {
    let (old, new) = (Ca::new("Old CA"), Ca::new("New CA"));
    let nginx = Nginx::server(&old.issue(Leaf::server(HOST)), "");
    let work = tempfile::tempdir().expect("a temporary directory");
    let mut running = serve(
        work.path(),
        &routes(&[nginx.port()], &[&old]),
        &["--bridge.preflight=gate", "--bridge.rotation.overlap=1h"],
    );
    let traefik = running.address("traefik");
    let rotations = || -> Value {
        let answer = api::get(traefik, "/api/rotations");
        serde_json::from_slice(&answer.body).expect("JSON")
    };
    assert_eq!(ask(&running), 200);
    std::fs::write(work.path().join("routes.yml"), routes(&[nginx.port()], &[&new])).expect("a file");
    // With the old CA believed for an hour everybody would pass; that is not what was configured.
    said(&mut running, "the trust of before stays in force");
    assert_eq!((ask(&running), rotations()), (200, json!([])));
    nginx.rotate(&new.issue(Leaf::server(HOST)));
    said(
        &mut running,
        "no server would fail: the new trust is put in force",
    );
    wait_until("the overlap", || rotations()[0]["transport"] == "to-app@file");
    let stranger = Ca::new("Stranger");
    for (ca, status) in [(&new, 200), (&old, 200), (&stranger, 502)] {
        nginx.rotate(&ca.issue(Leaf::server(HOST)));
        wait_until("the server's other certificate to count", || {
            ask(&running) == status
        });
    }
}

#[test]
fn c11_the_gate_fails_closed() {
    let (old, new) = (Ca::new("Old CA"), Ca::new("New CA"));
    let nginx = Nginx::server(&old.issue(Leaf::server(HOST)), "");
    let work = tempfile::tempdir().expect("a temporary directory");
    let mut running = gated(work.path(), &nginx, &[&old]);
    let traefik = running.address("traefik");
    assert_eq!(ask(&running), 200);

    // A trust under which everybody passes is in force as soon as that is known.
    let file = work.path().join("routes.yml");
    std::fs::write(&file, routes(&[nginx.port()], &[&old, &new])).expect("a file");
    said(
        &mut running,
        "no server would fail: the new trust is put in force",
    );
    wait_report(traefik, "nothing waits", |report| report["held"] == json!([]));

    // One that cannot be used is not waited for: the route is out of service.
    let broken = routes(&[nginx.port()], &[&old]).replace("-----BEGIN", "-----BEGAN");
    std::fs::write(&file, broken).expect("a file");
    wait_until("the route to be out of service", || ask(&running) == 503);

    // What there was before is not remembered beyond that: the new trust is in force at once.
    std::fs::write(&file, routes(&[nginx.port()], &[&new])).expect("a file");
    wait_until("the new trust to be in force", || ask(&running) == 502);
    assert!(
        !running
            .child()
            .output()
            .contains("the trust of before stays in force")
    );
}

/// `viaduct rehearse --ca FILE ...`: its status and what it says.
fn rehearse(ca: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(BINARY);
    command.args(["rehearse", "--ca"]).arg(ca).args(arguments);
    let finished = run(&mut command, b"");
    (finished.status.code(), finished.output)
}

#[test]
fn c26_a_running_process_rehearses_another_trust_and_changes_nothing() {
    let (old, new) = (Ca::new("Old CA"), Ca::new("New CA"));
    let renewed = server(&new.issue(Leaf::server(HOST)));
    let nginx = Nginx::server(&old.issue(Leaf::server(HOST)), "");
    let work = tempfile::tempdir().expect("a temporary directory");
    let both = routes(&[renewed.port(), nginx.port()], &[&old, &new]);
    let running = serve(work.path(), &both, &["--bridge.preflight=off"]);
    let traefik = running.address("traefik");
    let api = ["--api", &format!("http://{traefik}")].map(str::to_owned);
    let api = api.each_ref().map(String::as_str);

    let new_file = new.write_to(work.path(), "new.pem");
    let (status, said) = rehearse(&new_file, &api);
    assert_eq!(status, Some(1), "{said}");
    for wanted in [
        format!(
            "passes              https://127.0.0.1:{}  app@file",
            renewed.port()
        ),
        format!("WOULD FAIL          https://127.0.0.1:{}  app@file", nginx.port()),
        "unknown_ca: wanted a chain to `CN=New CA`".to_owned(),
        "1 pass, 1 fail (1 of them pass today), 0 not tried".to_owned(),
    ] {
        assert!(said.contains(&wanted), "{wanted}: {said}");
    }

    let both_file = work.path().join("both.pem");
    std::fs::write(&both_file, format!("{}{}", old.pem(), new.pem())).expect("a file");
    let (status, said) = rehearse(&both_file, &[api[0], api[1], "--json", "--service", "app"]);
    let rehearsal: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(
        (status, &rehearsal["passed"], &rehearsal["failed"]),
        (Some(0), &json!(2), &json!(0))
    );

    // What could not be tried is no success.
    let (status, said) = rehearse(&new_file, &[api[0], api[1], "--service", "nobody"]);
    assert_eq!(status, Some(2), "{said}");
    assert!(
        said.contains("no route leads to a server of `nobody` that speaks TLS") && !said.contains("hint:"),
        "{said}"
    );
    assert_eq!(ask(&running), 200);
    assert_eq!(ask(&running), 200, "both servers are as they were");
}

#[test]
fn c26_a_rehearsal_takes_certificates_only_and_is_nothing_a_page_can_start() {
    let ca = Ca::new("Backend CA");
    let issued = ca.issue(Leaf::server(HOST));
    let server = server(&issued);
    let work = tempfile::tempdir().expect("a temporary directory");
    let running = serve(
        work.path(),
        &routes(&[server.port()], &[&ca]),
        &["--bridge.preflight=off"],
    );
    let traefik = running.address("traefik");
    let with_key = work.path().join("pair.pem");
    std::fs::write(&with_key, format!("{}{}", issued.cert_pem, issued.key_pem)).expect("a file");
    let (status, said) = rehearse(&with_key, &["--api", &format!("http://{traefik}")]);
    assert_eq!(status, Some(2), "{said}");
    assert!(said.contains("only `CERTIFICATE` blocks are taken"), "{said}");

    let refused = api::get(traefik, "/api/rehearse");
    assert_eq!((refused.status, refused.header("allow")), (405, Some("POST")));
    let post = |mark: &str, body: &str| {
        let length = body.len();
        let head =
            format!("POST /api/rehearse HTTP/1.1\r\nHost: a\r\n{mark}Content-Length: {length}\r\n\r\n");
        http1::once(traefik, [head.as_str(), body].concat()).status
    };
    const MARK: &str = "X-Viaduct-Rehearse: 1\r\n";
    assert_eq!(
        post("", ca.pem()),
        403,
        "a page can send a body, and no such header"
    );
    assert_eq!(post(MARK, ca.pem()), 200);
    for (given, status) in [
        ("%%%", 400),
        (&*issued.key_pem, 400),
        (&*"A".repeat(100_000), 413),
    ] {
        assert_eq!(post(MARK, given), status);
    }
}

#[test]
fn c26_a_route_that_is_out_of_service_is_named_where_it_leaves_nobody_to_try() {
    let ca = Ca::new("Backend CA");
    let work = tempfile::tempdir().expect("a temporary directory");
    let broken = routes(&[9], &[&ca]).replace("-----BEGIN", "-----BEGAN");
    let running = serve(work.path(), &broken, &["--bridge.preflight=off"]);
    let file = ca.write_to(work.path(), "ca.pem");
    let api = format!("http://{}", running.address("traefik"));
    let (status, said) = rehearse(&file, &["--api", &api]);
    assert_eq!(status, Some(2), "{said}");
    for part in [
        "no route leads to a server that speaks TLS",
        "router `app@file` is out of service: ",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("name the address of the API"), "{said}");
}

#[test]
fn c26_a_directory_is_rehearsed_from_here() {
    let pki = Pki::new();
    let nginx = Nginx::server(&pki.backend, "");
    let work = tempfile::tempdir().expect("a temporary directory");
    let manifests = work.path().join("manifests");
    std::fs::create_dir(&manifests).expect("a directory");
    std::fs::write(manifests.join("bridge.yaml"), pki.bridge(nginx.port()).yaml()).expect("a file");
    let directory = manifests.to_str().expect("a path");
    let good = pki.backend_ca.write_to(work.path(), "good.pem");
    let (status, said) = rehearse(&good, &[directory, "--service", "web-ingressroute"]);
    assert!(
        status == Some(0) && said.contains("1 pass, 0 fail"),
        "{status:?} {said}"
    );
    let other = Ca::new("Other CA").write_to(work.path(), "other.pem");
    let (status, said) = rehearse(&other, &[directory]);
    assert!(
        status == Some(1) && said.contains("WOULD FAIL"),
        "{status:?} {said}"
    );
    let (status, said) = rehearse(&work.path().join("none.pem"), &[directory]);
    assert!(status == Some(2) && said.contains("cannot read"), "{said}");
}
