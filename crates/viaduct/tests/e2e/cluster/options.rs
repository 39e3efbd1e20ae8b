//! `providers.kubernetesCRD.*` (A9.8).

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use viaduct_testkit::manifest::{Manifests, Route};
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::viaduct::Running;
use viaduct_testkit::wait::wait_until;

use super::{Cluster, plain, raw_data, status, wait_status};
use crate::fixture::{BACKEND, root};

#[test]
pub(crate) fn a9_8_label_selector_and_ingress_class_choose_among_traefiks_kinds_only() {
    let cluster = Cluster::anywhere();
    let origin = Origin::http(|_| ok("hello"));
    cluster.apply(&Manifests::new().backend(BACKEND, origin.port()));
    for (name, labels, class) in [
        ("both", json!({"team": "a"}), "mine"),
        ("unlabelled", json!({}), "mine"),
        ("unclassed", json!({"team": "a"}), ""),
    ] {
        cluster.server.apply(&plain(name, &format!("{name}.test")).yaml());
        cluster.server.edit("ingressroutes", "web", name, |route| {
            route["metadata"]["labels"] = labels;
            route["metadata"]["annotations"] = json!({"kubernetes.io/ingress.class": class});
        });
    }
    let options = [
        "--providers.kubernetesCRD.labelSelector=team in (a,b)",
        "--providers.kubernetesCRD.ingressClass=mine",
    ];
    let running = Running::until_ready(&mut cluster.command(&options));
    assert_eq!(status(&running, "both.test"), 200);
    assert_eq!(status(&running, "unlabelled.test"), 404);
    assert_eq!(status(&running, "unclassed.test"), 404);
}

#[test]
pub(crate) fn a9_8_namespaces_are_watched_one_by_one() {
    let cluster = Cluster::anywhere();
    let origin = Origin::http(|_| ok("hello"));
    for namespace in ["web", "other"] {
        cluster.server.create_namespace(namespace);
        let all = Manifests::new().backend(BACKEND, origin.port()).yaml();
        let route = plain("one", &format!("{namespace}.test")).yaml();
        for text in [all, route] {
            cluster.server.apply(&text.replace(
                "\"namespace\": \"web\"",
                &format!("\"namespace\": \"{namespace}\""),
            ));
        }
    }
    let only = ["--providers.kubernetesCRD.namespaces=other"];
    let running = Running::until_ready(&mut cluster.command(&only));
    assert_eq!(status(&running, "other.test"), 200);
    assert_eq!(status(&running, "web.test"), 404);
    if let Some(server) = cluster.server.own() {
        let wide = server.count(|request| {
            request.user == cluster.account.user()
                && !request.resource.is_empty()
                && request.namespace.is_none()
                && request.resource != "nodes"
        });
        assert_eq!(wide, 0, "nothing but Nodes is asked for cluster-wide");
    }
}

/// `enabled` or `disabled`, as the API has it; nothing for a router that is not there.
fn state(data: &Value, host: &str) -> String {
    let rule = format!("Host(`{host}`)");
    let mut routers = data["routers"].as_object().into_iter().flatten();
    let found = routers.find(|(_, router)| router["rule"] == rule.as_str());
    let state = found.and_then(|(_, router)| router["status"].as_str());
    state.unwrap_or_default().to_owned()
}

#[test]
pub(crate) fn a9_8_options_say_what_routes_may_ask_for() {
    let cluster = Cluster::anywhere();
    let origin = Origin::http(|_| ok("hello"));
    cluster.server.create_namespace("other");
    let backend = || Manifests::new().backend(BACKEND, origin.port());
    cluster.apply(&backend());
    cluster.apply(&backend().in_namespace("other"));
    for service in [
        "{name: external, namespace: web}, spec: {type: ExternalName, externalName: localhost, ports: [{port: 443}]}",
        "{name: empty, namespace: web}, spec: {ports: [{port: 443}]}",
    ] {
        let service = format!("{{apiVersion: v1, kind: Service, metadata: {service}}}");
        cluster.server.apply(&service);
    }
    let file = cluster.work.path().join("file.yaml");
    let middleware = "http: {middlewares: {x: {addPrefix: {prefix: /x}}}}\n";
    std::fs::write(&file, middleware).expect("a file");
    let file = format!("--providers.file.filename={}", file.display());
    let to = |name: &str, service: &str| Route::plain(name, &format!("Host(`{name}`)"), service, "http");
    let routes = Manifests::new()
        .route(to("own", BACKEND))
        .route(to("elsewhere", BACKEND).service_field("namespace", json!("other")))
        .route(to("external", "external"))
        .route(to("empty", "empty"))
        .route(to("cross", BACKEND).rule_field("middlewares", json!([{"name": "x@file"}])));
    cluster.apply(&routes);
    let of = |more: &[&str]| {
        let flags = [&[file.as_str()], more].concat();
        let running = Running::until_ready(&mut cluster.command(&flags));
        let data = raw_data(&running);
        let states = ["own", "elsewhere", "external", "empty", "cross"].map(|host| state(&data, host));
        (states, status(&running, "own"), data)
    };
    let (states, answer, _) = of(&[]);
    assert_eq!(states, ["enabled", "disabled", "disabled", "disabled", "enabled"]);
    assert_eq!(answer, 200);
    let (states, answer, _) = of(&[
        "--providers.kubernetesCRD.allowCrossNamespace=true",
        "--providers.kubernetesCRD.allowExternalNameServices=true",
        "--providers.kubernetesCRD.allowEmptyServices=true",
        "--providers.kubernetesCRD.crossProviderNamespaces=other",
    ]);
    assert_eq!(states, ["enabled", "enabled", "enabled", "enabled", "disabled"]);
    assert_eq!(answer, 200);
    let (_, _, data) = of(&["--providers.kubernetesCRD.nativeLBByDefault=true"]);
    let services = data["services"].as_object().expect("services");
    let service = cluster
        .server
        .get("services", "web", BACKEND)
        .expect("the Service");
    let address = service["spec"]["clusterIP"].as_str().expect("its address");
    let native = services
        .values()
        .any(|service| service["loadBalancer"]["servers"][0]["url"] == format!("http://{address}:443"));
    assert!(native, "{services:?}");
}

#[test]
pub(crate) fn a9_8_changes_wait_for_each_other() {
    let cluster = Cluster::anywhere();
    let origin = Origin::http(|_| ok("hello"));
    cluster.apply(&Manifests::new().backend(BACKEND, origin.port()));
    let slow = ["--providers.kubernetesCRD.throttleDuration=700ms"];
    let running = Running::until_ready(&mut cluster.command(&slow));
    let began = Instant::now();
    for name in ["one", "two"] {
        cluster.server.apply(&plain(name, name).yaml());
        wait_until("the router", || state(&raw_data(&running), name) == "enabled");
    }
    assert!(
        began.elapsed() >= Duration::from_millis(700),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn c62_endpoints_on_loopback_are_refused_by_default() {
    let cluster = Cluster::new();
    let origin = Origin::http(|_| ok("hello"));
    cluster.apply(&Manifests::new().backend(BACKEND, origin.port()));
    cluster.apply(&plain("one", "a.test"));
    let closed = ["--viaduct.allowLoopbackEndpoints=false"];
    let mut running = Running::until_ready(&mut cluster.command(&closed));
    assert_ne!(status(&running, "a.test"), 200);
    assert_eq!(origin.connections(), 0);
    running.child().wait_line("loopback");
}

#[test]
fn a9_8_kubeconfig_is_honoured_outside_of_a_cluster() {
    let cluster = Cluster::anywhere();
    let origin = Origin::http(|_| ok("hello"));
    cluster.apply(&Manifests::new().backend(BACKEND, origin.port()));
    cluster.apply(&plain("one", "a.test"));
    let mut command = root(cluster.work.path());
    command
        .env(
            "KUBECONFIG",
            cluster.server.kubeconfig_with_token_file(&cluster.account),
        )
        .args([
            "--entryPoints.web.address=127.0.0.1:0",
            "--providers.kubernetesCRD=true",
            "--viaduct.allowLoopbackEndpoints=true",
        ]);
    let mut running = Running::until_ready(&mut command);
    wait_status(&mut running, "a.test", 200);
}

#[test]
fn a9_8_without_any_address_of_an_api_server_the_process_does_not_start() {
    let work = tempfile::tempdir().expect("a directory");
    let mut command = root(work.path());
    command.args([
        "--entryPoints.web.address=127.0.0.1:0",
        "--providers.kubernetesCRD=true",
    ]);
    let finished = viaduct_testkit::child::run(&mut command, b"");
    assert!(!finished.status.success());
    assert!(
        finished
            .output
            .contains("nothing says where the Kubernetes API server is"),
        "{finished:?}"
    );
}
