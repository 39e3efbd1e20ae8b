//! The cluster that may be a real one.

use serde_json::json;
use viaduct_testkit::cluster::Cluster;
use viaduct_testkit::kubectl::Kubectl;
use viaduct_testkit::manifest::Manifests;

#[test]
fn objects_come_and_go_in_a_namespace_of_the_tests_own() {
    let cluster = Cluster::start();
    let backend = Manifests::new().backend("app", 8080);
    cluster.apply_here(backend);
    let service = cluster.get("service", "app").unwrap();
    assert_eq!(service["metadata"]["namespace"], cluster.namespace());
    cluster.delete("service", "app");
    assert_eq!(cluster.get("service", "app"), None);
    assert!(cluster.get("endpointslice", "app-0").is_some());
}

#[test]
fn an_account_may_do_what_its_rules_say() {
    let cluster = Cluster::start();
    let rules = json!([{ "apiGroups": [""], "resources": ["services"], "verbs": ["get", "list"] }]);
    let kubectl = Kubectl::new(&cluster.account("reader", &rules));
    kubectl.run(&["get", "services"]);
    let refused = kubectl.refused(&["get", "secrets"], "");
    assert!(refused.contains("secrets is forbidden"), "{refused}");
}
