//! Configuration that changes, breaks and comes back while requests go on (A13.7, A13.8, R5).

use std::time::{Duration, Instant};

use serde_json::json;
use viaduct_testkit::http1::Connection;
use viaduct_testkit::manifest::{Manifests, Route};
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::tls::dial_plain;
use viaduct_testkit::viaduct::Viaduct;
use viaduct_testkit::wait::{wait_equal, wait_until};

use crate::fixture::{BACKEND, HOST, Pki, RULE, TRANSPORT, up};
use crate::traffic::Traffic;

/// A plain route of its own file: `host` to `service`.
fn plain(name: &str, host: &str) -> Manifests {
    Manifests::new().route(Route::plain(name, &format!("Host(`{host}`)"), BACKEND, "http"))
}

/// The status of a plain request to `host`.
fn status(viaduct: &Viaduct, host: &str) -> u16 {
    let mut connection = Connection::new(dial_plain(viaduct.web()));
    connection.send(format!(
        "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    ));
    connection.response().map_or(0, |response| response.status)
}

fn started(origin: &Origin, files: &[(&str, Manifests)]) -> Viaduct {
    let backend = Manifests::new().backend(BACKEND, origin.port()).yaml();
    let up = up().file("backend.yaml", backend);
    files
        .iter()
        .fold(up, |up, (name, manifests)| up.file(name, manifests.yaml()))
        .start()
}

#[test]
fn a13_7_every_kind_of_file_change_is_applied_in_under_a_second() {
    let origin = Origin::http(|_| ok(""));
    let viaduct = started(&origin, &[("a.yaml", plain("a", "a.test"))]);
    assert_eq!(status(&viaduct, "a.test"), 200, "{}", viaduct.log());
    let applied = |what: &str, host: &str, wanted: u16| {
        let start = Instant::now();
        wait_equal(&wanted, || status(&viaduct, host));
        (what.to_owned(), start.elapsed())
    };
    let directory = viaduct.directory();
    let mut times = Vec::new();

    std::fs::write(directory.join("b.yaml"), plain("b", "b.test").yaml()).expect("a new file");
    times.push(applied("new file", "b.test", 200));
    std::fs::write(directory.join("b.yaml"), plain("b", "b2.test").yaml()).expect("a rewrite in place");
    times.push(applied("rewritten", "b2.test", 200));
    viaduct.replace("b.yaml", &plain("b", "b3.test").yaml());
    times.push(applied("renamed over", "b3.test", 200));
    assert_eq!(status(&viaduct, "b2.test"), 404, "the old rule is gone");
    viaduct.remove("b.yaml");
    times.push(applied("removed", "b3.test", 404));

    // As Kubernetes mounts a ConfigMap: files are links through a directory that is swapped.
    let (one, two) = (directory.join("..one"), directory.join("..two"));
    for (version, host) in [(&one, "c1.test"), (&two, "c2.test")] {
        std::fs::create_dir(version).expect("a directory");
        std::fs::write(version.join("c.yaml"), plain("c", host).yaml()).expect("a file");
    }
    std::os::unix::fs::symlink("..one", directory.join("..data")).expect("a link");
    std::os::unix::fs::symlink("..data/c.yaml", directory.join("c.yaml")).expect("a link");
    times.push(applied("linked", "c1.test", 200));
    std::os::unix::fs::symlink("..two", directory.join("..tmp")).expect("a link");
    std::fs::rename(directory.join("..tmp"), directory.join("..data")).expect("the swap");
    times.push(applied("link swapped", "c2.test", 200));

    // One may be late on a loaded machine; a rule that is broken is late every time.
    let slow: Vec<_> = times
        .iter()
        .filter(|(_, time)| *time >= Duration::from_secs(1))
        .collect();
    assert!(slow.len() <= 1, "{times:?}");
}

#[test]
fn a13_8_a_half_written_file_keeps_the_last_good_state_of_its_objects() {
    let origin = Origin::http(|_| ok(""));
    let viaduct = started(
        &origin,
        &[("a.yaml", plain("a", "a.test")), ("b.yaml", plain("b", "b.test"))],
    );
    let whole = plain("a", "a2.test").yaml();
    for cut in [whole.len() / 3, whole.len() / 2, whole.len() - 4] {
        std::fs::write(
            viaduct.directory().join("a.yaml"),
            whole.get(..cut).unwrap_or_default(),
        )
        .expect("half a file");
        viaduct.wait_log("a.yaml");
        // A marker that comes after it has been applied: so has the half file.
        let marker = format!("marker-{cut}.test");
        viaduct.replace("marker.yaml", &plain("marker", &marker).yaml());
        wait_equal(&200, || status(&viaduct, &marker));
        assert_eq!(
            status(&viaduct, "a.test"),
            200,
            "cut at {cut}:\n{}",
            viaduct.log()
        );
        assert_eq!(status(&viaduct, "b.test"), 200, "cut at {cut}");
    }
    std::fs::write(viaduct.directory().join("a.yaml"), &whole).expect("the rest");
    wait_equal(&200, || status(&viaduct, "a2.test"));
    assert_eq!(status(&viaduct, "a.test"), 404);
}

#[test]
fn a13_8_a_bad_object_affects_its_own_route_only() {
    let origin = Origin::http(|_| ok(""));
    let bad: &[(&str, Manifests, &str)] = &[
        (
            "rule",
            Manifests::new().route(Route::plain("bad", "Host(`bad.test`", BACKEND, "http")),
            "web/bad",
        ),
        (
            "type",
            Manifests::new().traefik("IngressRoute", "bad", json!({ "routes": "none" })),
            "web/bad",
        ),
        (
            "service",
            Manifests::new().route(Route::plain("bad", "Host(`bad.test`)", "nowhere", "http")),
            "nowhere",
        ),
        (
            "transport",
            Manifests::new()
                .route(Route::plain("bad", "Host(`bad.test`)", BACKEND, "https").transport("nowhere")),
            "nowhere",
        ),
        (
            "secret",
            Manifests::new().object(json!({
                "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "bad", "namespace": "web" },
                "data": { "tls.crt": "!!! not base64" },
            })),
            "web/bad",
        ),
        (
            "middleware",
            Manifests::new().route(
                Route::plain("bad", "Host(`bad.test`)", BACKEND, "http")
                    .rule_field("middlewares", json!([{ "name": "x" }])),
            ),
            "web/bad",
        ),
        (
            "no name",
            Manifests::new().object(json!({
                "apiVersion": "traefik.io/v1alpha1", "kind": "IngressRoute", "spec": {},
            })),
            "IngressRoute",
        ),
    ];
    for (name, manifests, named) in bad {
        let viaduct = started(
            &origin,
            &[
                ("good.yaml", plain("good", "good.test")),
                ("bad.yaml", manifests.clone()),
            ],
        );
        assert_eq!(status(&viaduct, "good.test"), 200, "{name}:\n{}", viaduct.log());
        assert_ne!(status(&viaduct, "bad.test"), 200, "{name}");
        let line = viaduct.wait_log("bad.yaml");
        assert!(line.contains(named), "{name}: `{named}` is not named in: {line}");
    }
}

#[test]
fn a3_1_a_malformed_rule_is_told_with_its_place_and_cause() {
    let origin = Origin::http(|_| ok(""));
    let viaduct = started(
        &origin,
        &[(
            "bad.yaml",
            Manifests::new().route(Route::plain(
                "bad",
                "Host(`a.test`) && Pth(`/x`)",
                BACKEND,
                "http",
            )),
        )],
    );
    let line = viaduct.wait_log("Pth");
    assert!(line.contains("bad.yaml:") && line.contains("web/bad"), "{line}");
}

#[test]
fn a13_8_files_that_are_no_manifests_are_told_and_nothing_else_suffers() {
    let origin = Origin::http(|_| ok(""));
    let viaduct = started(&origin, &[("good.yaml", plain("good", "good.test"))]);
    for (name, bytes) in [
        ("noise.yaml", b"\x00\x01\xff\xfe".as_slice()),
        ("tabs.yaml", b"a:\n\t- b: [\n"),
        ("bomb.yaml", b"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\nh: &h [*g,*g,*g,*g,*g,*g,*g,*g,*g]\ni: [*h,*h,*h,*h,*h,*h,*h,*h,*h]\n"),
        ("list.yaml", b"- 1\n- 2\n"),
    ] {
        std::fs::write(viaduct.directory().join(name), bytes).expect("a file");
        viaduct.wait_log(name);
        assert_eq!(status(&viaduct, "good.test"), 200, "{name}");
    }
    // Kinds that are somebody else's are none of our business.
    viaduct.replace(
        "others.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: others}\n",
    );
    viaduct.replace("marker.yaml", &plain("marker", "marker.test").yaml());
    wait_equal(&200, || status(&viaduct, "marker.test"));
    assert!(!viaduct.log().contains("others.yaml"), "{}", viaduct.log());
    assert!(viaduct.resident_kib() < 200 * 1024);
}

#[test]
fn a13_8_a_directory_that_vanishes_keeps_everything_and_its_return_is_noticed() {
    let origin = Origin::http(|_| ok(""));
    let viaduct = started(&origin, &[("a.yaml", plain("a", "a.test"))]);
    assert_eq!(status(&viaduct, "a.test"), 200);
    let aside = viaduct.directory().with_extension("aside");
    std::fs::rename(viaduct.directory(), &aside).expect("moving the directory away");
    viaduct.wait_log("manifests");
    wait_until("the loss to be told", || {
        let log = viaduct.log().to_lowercase();
        log.contains("no such file")
            || log.contains("vanished")
            || log.contains("cannot read")
            || log.contains("gone")
    });
    assert_eq!(status(&viaduct, "a.test"), 200, "the last good state is served");
    std::fs::write(aside.join("b.yaml"), plain("b", "b.test").yaml()).expect("a file");
    std::fs::rename(&aside, viaduct.directory()).expect("moving it back");
    wait_equal(&200, || status(&viaduct, "b.test"));
    assert_eq!(status(&viaduct, "a.test"), 200);
}

#[test]
fn r5_changes_under_load_lose_nothing_valid_or_not() {
    let pki = Pki::new();
    let origin = Origin::https(pki.server(&["http/1.1"]), |_| ok("hello"));
    let viaduct = up().file("bridge.yaml", pki.bridge(origin.port()).yaml()).start();
    let traffic = Traffic::start(&viaduct, &pki);
    for round in 0..40 {
        let other =
            Route::secure("other", &format!("Host(`r{round}.test`)"), BACKEND, "https").transport(TRANSPORT);
        let text = Manifests::new().route(other).yaml();
        let text = if round % 10 == 9 {
            text.get(..text.len() / 2).unwrap_or_default()
        } else {
            &text
        };
        viaduct.replace("other.yaml", text);
        traffic.pass(3);
    }
    traffic.finish();
}

#[test]
fn a13_7_a_request_in_flight_ends_on_the_configuration_it_began_with() {
    let pki = Pki::new();
    let (release, held) = std::sync::mpsc::sync_channel::<()>(1);
    let held = std::sync::Mutex::new(held);
    let slow = Origin::http(move |_| {
        held.lock()
            .expect("the test")
            .recv_timeout(Duration::from_secs(20))
            .unwrap_or_default();
        ok("old")
    });
    let new = Origin::http(|_| ok("new"));
    let viaduct = up().file("r.yaml", pki.edge_only(slow.port()).yaml()).start();
    let mut in_flight = pki.open(&viaduct);
    in_flight.send(format!("GET /in-flight HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
    wait_until("the request at the origin", || slow.connections() == 1);
    viaduct.replace("r.yaml", &pki.edge_only(new.port()).yaml());
    wait_until("the new configuration", || {
        new.connections() > 0 || {
            // While the old one is in force a probe would hang in the slow origin: ask for another path.
            viaduct.log().matches("configuration applied").count() >= 2
        }
    });
    assert_eq!(pki.open(&viaduct).get(HOST, "/now").text(), "new");
    release.send(()).expect("the origin");
    assert_eq!(in_flight.response().expect("an answer").text(), "old");
}

#[test]
fn a3_4_ten_thousand_routes_are_served_and_one_of_them_can_change() {
    let origin = Origin::http(|_| ok(""));
    let many: Manifests = (0..10_000).fold(Manifests::new(), |manifests, index| {
        let rule = format!("Host(`r{index}.test`)");
        manifests.route(Route::plain(&format!("r{index}"), &rule, BACKEND, "http"))
    });
    let viaduct = started(
        &origin,
        &[("many.yaml", many), ("one.yaml", plain("one", "one.test"))],
    );
    for host in ["r0.test", "r4999.test", "r9999.test", "one.test"] {
        assert_eq!(status(&viaduct, host), 200, "{host}");
    }
    assert_eq!(status(&viaduct, "r10000.test"), 404);
    viaduct.replace("one.yaml", &plain("one", "two.test").yaml());
    wait_equal(&200, || status(&viaduct, "two.test"));
    assert_eq!(status(&viaduct, "one.test"), 404);
    assert_eq!(status(&viaduct, "r9999.test"), 200);
}

#[test]
fn a3_4_the_longer_rule_wins_unless_a_priority_says_otherwise() {
    let (short, long) = (Origin::http(|_| ok("short")), Origin::http(|_| ok("long")));
    let manifests = |priority: i64| {
        Manifests::new()
            .backend(BACKEND, short.port())
            .backend("long", long.port())
            .route(Route::plain("short", RULE, BACKEND, "http").rule_field("priority", json!(priority)))
            .route(Route::plain(
                "long",
                "Host(`web.example.com`) && PathPrefix(`/`)",
                "long",
                "http",
            ))
    };
    for (priority, wanted) in [(0, "long"), (1, "long"), (1000, "short")] {
        let viaduct = up().file("r.yaml", manifests(priority).yaml()).start();
        let mut connection = Connection::new(dial_plain(viaduct.web()));
        assert_eq!(connection.get(HOST, "/").text(), wanted, "priority {priority}");
    }
}
