//! A cluster of some size. In a debug build times say little; how often the API server is asked, and how much memory it
//! takes, are those of a release.

use std::time::Instant;

use serde_json::json;
use viaduct_testkit::manifest::{Manifests, Route};
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::wait::wait_until;

use super::{Cluster, raw_data, status};
use crate::fixture::{BACKEND, FRONT_SECRET};

#[test]
fn r14_a_thousand_routes_with_their_services_and_secrets_take_one_list_of_each_kind() {
    let cluster = Cluster::new();
    let (before, after) = (Origin::http(|_| ok("before")), Origin::http(|_| ok("after")));
    let server = &cluster.server;
    server.apply(&Manifests::new().backend(BACKEND, before.port()).yaml());
    let secret = Manifests::new()
        .tls_secret(FRONT_SECRET, &cluster.pki.front)
        .yaml();
    for index in 0..ROUTES {
        server.apply(&secret.replace(FRONT_SECRET, &format!("secret-{index}")));
        let service = format!("service-{index}");
        let rule = format!("Host(`r{index}.test`)");
        let route = Route::secure(&format!("route-{index}"), &rule, &service, "http");
        server.apply(
            &Manifests::new()
                .backends(&service, &[before.port(); 3])
                .route(route.certificate(&format!("secret-{index}")))
                .yaml(),
        );
    }
    server.clear_requests();
    let begin = Instant::now();
    let mut running = cluster.start();
    eprintln!("ready after {:?}", begin.elapsed());
    let routers = raw_data(&running)["routers"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    let enabled = routers
        .values()
        .filter(|router| router["status"] == "enabled")
        .count();
    assert!(enabled >= ROUTES, "{enabled} of {ROUTES}");
    for kind in [
        "ingressroutes.traefik.io",
        "services",
        "endpointslices.discovery.k8s.io",
        "secrets",
    ] {
        assert_eq!(server.lists(kind), 1, "{kind}");
    }
    let fetched = server.count(|request| request.verb == "get" && request.resource == "secrets");
    assert_eq!(fetched, 0, "what is referred to comes with the list");

    server.apply(&super::plain("marker", "marker.test").yaml());
    super::wait_status(&mut running, "marker.test", 200);
    let changed = Instant::now();
    let slice = server
        .list("endpointslices")
        .into_iter()
        .find(|slice| slice["metadata"]["labels"]["kubernetes.io/service-name"] == BACKEND);
    let name = slice.expect("a slice")["metadata"]["name"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    server.edit("endpointslices", "web", &name, |slice| {
        slice["ports"][0]["port"] = json!(after.port());
    });
    wait_until("a request at the new endpoint", || {
        status(&running, "marker.test");
        !after.requests().is_empty()
    });
    eprintln!("an endpoint is served after {:?}", changed.elapsed());
    let held = anonymous_kib(running.child().id());
    eprintln!("{held} KiB held");
    // It was 26 to 46 MiB; a third more is something new that is kept of every route.
    assert!(held < 62 * 1024, "{held} KiB");
}

/// What the process holds, without the pages of its own file: those of a debug build are many.
fn anonymous_kib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("/proc");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.expect("RssAnon")
}

const ROUTES: usize = 1000;
