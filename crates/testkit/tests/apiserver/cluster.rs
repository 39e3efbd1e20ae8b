//! The cluster that may be a real one.

use serde_json::json;
use viaduct_testkit::cluster::anywhere;
use viaduct_testkit::kubectl::Kubectl;
use viaduct_testkit::manifest::Manifests;

#[test]
fn objects_come_change_and_go() {
    let server = anywhere();
    server.create_namespace("web");
    server.apply(&Manifests::new().backend("app", 8080).yaml());
    server.edit("services", "web", "app", |service| {
        service["metadata"]["annotations"] = json!({ "a": "b" });
    });
    let service = server.get("services", "web", "app").unwrap();
    assert_eq!(service["metadata"]["annotations"]["a"], "b");
    assert_eq!(service["spec"]["ports"][0]["port"], 443);
    assert!(server.delete("services", "web", "app"));
    assert!(!server.delete("services", "web", "app"));
    assert_eq!(server.get("services", "web", "app"), None);
    let slices = server.list("endpointslices.discovery.k8s.io");
    assert!(slices.iter().any(|slice| slice["metadata"]["name"] == "app-0"));
}

#[test]
fn an_account_may_do_what_its_roles_say() {
    let server = anywhere();
    let account = server.account("web", "reader");
    server.allow(&account, &["get", "list"], &["services"], &["web"]);
    let kubectl = Kubectl::new(&server.kubeconfig_of(&account));
    kubectl.run(&["get", "services", "--namespace", "web"]);
    let refused = kubectl.refused(&["get", "secrets", "--namespace", "web"], "");
    assert!(refused.contains("secrets is forbidden"), "{refused}");
}

#[test]
fn kinds_that_are_defined_are_served() {
    let server = anywhere();
    server.create_namespace("web");
    for group in ["traefik.io", "traefik.containo.us"] {
        server.define_traefik(group);
        let route = json!({
            "apiVersion": format!("{group}/v1alpha1"), "kind": "IngressRoute",
            "metadata": { "name": "one", "namespace": "web" }, "spec": { "routes": [] },
        });
        server.put(&route);
        let stored = server
            .get(&format!("ingressroutes.{group}"), "web", "one")
            .unwrap();
        assert_eq!(stored["spec"]["routes"], json!([]));
    }
}
