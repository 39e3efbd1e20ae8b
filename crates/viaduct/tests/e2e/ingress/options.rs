//! `providers.kubernetesIngress.*` (A9.10): what a process makes of the same objects under different options.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use viaduct_testkit::http1;
use viaduct_testkit::viaduct::Running;

use viaduct_testkit::cluster::Api;

use super::cluster::Cluster;
use super::*;

/// An Ingress for a path of its own, to `service` on port 80.
fn plain(name: &str, service: &str, class: Option<&str>, annotations: Value) -> Value {
    let mut object = ingress(name, &format!("/{name}"), annotations);
    object["spec"]["tls"] = json!([]);
    object["spec"]["ingressClassName"] = json!(class);
    object["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"] =
        json!({ "name": service, "port": { "number": 80 } });
    object
}

fn raw_data(running: &Running) -> Value {
    let request = "GET /api/rawdata HTTP/1.1\r\nHost: api\r\nConnection: close\r\n\r\n";
    let answer = http1::once(running.address("traefik"), request);
    serde_json::from_str(&answer.text()).expect("JSON")
}

/// `enabled`, `disabled`, or nothing for a router that is not there.
fn status(data: &Value, name: &str) -> String {
    let router = &data["routers"][format!("web-{name}-web-example-com-{name}@kubernetes")];
    router["status"].as_str().unwrap_or_default().to_owned()
}

fn cluster(port: u16) -> Cluster<dyn Api> {
    let cluster = Cluster::anywhere();
    let backend = Manifests::new().backend(BACKEND, port).yaml();
    cluster
        .server
        .apply(&backend.replace("\"port\": 443", "\"port\": 80"));
    cluster.server.apply(
        "{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: edge}, \
          spec: {controller: traefik.io/ingress-controller}}",
    );
    for service in [
        "{name: external, namespace: web}, spec: {type: ExternalName, externalName: localhost, ports: [{port: 80}]}",
        "{name: empty, namespace: web}, spec: {ports: [{port: 80}]}",
    ] {
        cluster
            .server
            .apply(&format!("{{apiVersion: v1, kind: Service, metadata: {service}}}"));
    }
    cluster
}

const API: [&str; 2] = ["--entryPoints.traefik.address=127.0.0.1:0", "--api.insecure=true"];

fn start(cluster: &Cluster<dyn Api>, more: &[&str]) -> Running {
    let flags: Vec<_> = API.iter().chain(more).copied().collect();
    cluster.start(&["kubernetesIngress"], &flags)
}

#[test]
pub(crate) fn a9_10_options_choose_ingresses_and_what_they_may_ask_for() {
    let application = Origin::http(echo);
    let cluster = cluster(application.address().port());
    let middleware = "http: {middlewares: {x: {addPrefix: {prefix: /x}}}}\n";
    let file = cluster.work.path().join("file.yaml");
    std::fs::write(&file, middleware).unwrap();
    let file = format!("--providers.file.filename={}", file.display());
    let edge = Some("edge");
    let cross = json!({ (format!("{P}/router.middlewares")): "x@file" });
    let annotated = json!({ "kubernetes.io/ingress.class": "edge" });
    for object in [
        plain("classless", BACKEND, None, json!({})),
        plain("annotated", BACKEND, None, annotated),
        plain("classed", BACKEND, edge, json!({})),
        plain("external", "external", edge, json!({})),
        plain("empty", "empty", edge, json!({})),
        plain("cross", BACKEND, edge, cross),
    ] {
        cluster.server.put(&object);
    }
    cluster.server.create_namespace("blog");
    let mut elsewhere = plain("elsewhere", BACKEND, edge, json!({}));
    elsewhere["metadata"]["namespace"] = json!("blog");
    cluster.server.put(&elsewhere);
    let of = |more: &[&str]| {
        let data = raw_data(&start(&cluster, &[&[file.as_str()], more].concat()));
        let names = ["classless", "annotated", "classed", "external", "empty", "cross"];
        let blog = "blog-elsewhere-web-example-com-elsewhere@kubernetes";
        let there = data["routers"].get(blog).is_some();
        let service = "web-backend-svc-80@kubernetes";
        let server = data["services"][service]["loadBalancer"]["servers"][0]["url"].clone();
        (names.map(|name| status(&data, name)), there, server)
    };
    let (statuses, blog, server) = of(&[]);
    assert_eq!(
        statuses,
        ["enabled", "", "enabled", "disabled", "disabled", "enabled"]
    );
    assert!(blog);
    let port = format!(":{}", application.address().port());
    assert!(
        server.as_str().is_some_and(|url| url.ends_with(&port)),
        "{server}"
    );
    let (statuses, blog, _) = of(&[
        "--providers.kubernetesIngress.ingressClass=edge",
        "--providers.kubernetesIngress.namespaces=web",
        "--providers.kubernetesIngress.allowExternalNameServices=true",
        "--providers.kubernetesIngress.allowEmptyServices=true",
        "--providers.kubernetesIngress.crossProviderNamespaces=blog",
    ]);
    assert_eq!(
        statuses,
        ["", "enabled", "enabled", "enabled", "enabled", "disabled"]
    );
    assert!(!blog);
    let (statuses, _, server) = of(&[
        "--providers.kubernetesIngress.disableIngressClassLookup=true",
        "--providers.kubernetesIngress.nativeLBByDefault=true",
    ]);
    assert_eq!(statuses, ["enabled", "", "", "", "", ""]);
    // An API server may choose another address than the one asked for.
    let service = cluster.server.get("services", "web", BACKEND).unwrap();
    let address = service["spec"]["clusterIP"].as_str().unwrap();
    assert_eq!(server, format!("http://{address}:80"));
}

#[test]
pub(crate) fn a9_10_changes_of_ingresses_wait_for_each_other() {
    let application = Origin::http(echo);
    let cluster = cluster(application.address().port());
    let running = start(
        &cluster,
        &["--providers.kubernetesIngress.throttleDuration=700ms"],
    );
    let is_there = |name: &str| status(&raw_data(&running), name) == "enabled";
    let began = Instant::now();
    for name in ["one", "two"] {
        cluster.server.put(&plain(name, BACKEND, None, json!({})));
        wait_until("the router", || is_there(name));
    }
    assert!(
        began.elapsed() >= Duration::from_millis(700),
        "{:?}",
        began.elapsed()
    );
}
