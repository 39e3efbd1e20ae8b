//! Who may do what.

use serde_json::{Value, json};
use viaduct_testkit::apiserver::ApiServer;

use crate::client::{Client, MAPS, config_map, server};

const ALL: &str = "/api/v1/configmaps";

fn namespaced(verbs: &[&str]) -> (ApiServer, Client) {
    let (server, _) = server();
    let account = server.account("web", "viaduct");
    server.allow(&account, verbs, &["configmaps"], &["web"]);
    let client = Client::with_token(&server, &account.token);
    (server, client)
}

#[test]
fn c61_a_role_holds_in_its_namespace_only() {
    let (server, client) = namespaced(&["list", "watch"]);
    server.create_namespace("other");
    assert_eq!(client.get(MAPS).0, 200);
    let (code, refused) = client.get("/api/v1/namespaces/other/configmaps");
    assert_eq!((code, &refused["reason"]), (403, &json!("Forbidden")));
    assert_eq!(
        refused["message"],
        "configmaps is forbidden: User \"system:serviceaccount:web:viaduct\" cannot list resource \"configmaps\" \
         in API group \"\" in the namespace \"other\""
    );
    assert_eq!(client.get(ALL).0, 403);
    assert_eq!(client.get(&format!("{MAPS}/a")).0, 403, "another verb");
    client.watch(&format!("{MAPS}?watch=1"));
}

#[test]
fn a_cluster_role_holds_everywhere_and_a_denial_against_it() {
    let (server, _) = server();
    let account = server.account("web", "viaduct");
    server.allow(
        &account,
        &["list"],
        &["configmaps", "ingressroutes.traefik.io"],
        &[],
    );
    let client = Client::with_token(&server, &account.token);
    assert_eq!(client.get(ALL).0, 200);
    assert_eq!(
        client.get("/apis/traefik.io/v1alpha1/ingressroutes").0,
        404,
        "allowed, but not there"
    );
    assert_eq!(client.get("/apis/traefik.io/v1alpha1/tlsoptions").0, 403);
    server.deny(&account, &["*"], &["configmaps"], &["kube-system"]);
    assert_eq!(client.get("/api/v1/namespaces/kube-system/configmaps").0, 403);
    assert_eq!(client.get(ALL).0, 200);
    server.clear_denials();
    assert_eq!(client.get("/api/v1/namespaces/kube-system/configmaps").0, 200);
}

#[test]
fn a_role_may_be_for_one_name_and_for_a_subresource() {
    let (server, _) = server();
    let account = server.account("web", "viaduct");
    let client = Client::with_token(&server, &account.token);
    server.apply(
        r"
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: one, namespace: web}
rules:
- {apiGroups: [''], resources: [configmaps], resourceNames: [a], verbs: [get, list]}
- {apiGroups: [networking.k8s.io], resources: [ingresses/status], verbs: [update]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: one, namespace: web}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: one}
subjects: [{kind: Group, name: 'system:serviceaccounts:web', apiGroup: rbac.authorization.k8s.io}]
",
    );
    server.put(&config_map("a", "1"));
    assert_eq!(client.get(&format!("{MAPS}/a")).0, 200);
    assert_eq!(client.get(&format!("{MAPS}/b")).0, 403);
    assert_eq!(client.get(MAPS).0, 403);
    assert_eq!(
        client.get(&format!("{MAPS}?fieldSelector=metadata.name%3Da")).0,
        200
    );
    let ingress = "/apis/networking.k8s.io/v1/namespaces/web/ingresses/i";
    assert_eq!(client.put(ingress, &json!({})).0, 403);
    assert_eq!(
        client.put(&format!("{ingress}/status"), &json!({})).0,
        404,
        "allowed, but not there"
    );
}

#[test]
fn r14_a_token_that_was_rotated_away_is_unauthorized() {
    let (server, _) = server();
    let mut account = server.account("web", "viaduct");
    server.allow(&account, &["list"], &["configmaps"], &[]);
    let old = Client::with_token(&server, &account.token);
    assert_eq!(old.get(ALL).0, 200);
    server.rotate_token(&mut account);
    let (code, refused) = old.get(ALL);
    assert_eq!((code, &refused["reason"]), (401, &json!("Unauthorized")));
    assert_eq!(
        std::fs::read_to_string(&account.token_file).unwrap(),
        account.token
    );
    assert_eq!(Client::with_token(&server, &account.token).get(ALL).0, 200);
}

#[test]
fn who_shows_nothing_is_anonymous() {
    let (server, _) = server();
    let client = Client::with_token(&server, "");
    let (code, refused) = client.get(ALL);
    assert_eq!(code, 403);
    assert!(
        refused["message"]
            .as_str()
            .unwrap()
            .contains("User \"system:anonymous\""),
        "{refused}"
    );
    assert_eq!(client.get("/version").0, 200);
    assert_eq!(client.get("/apis").0, 403);
}

#[test]
fn anyone_may_ask_what_they_may_do() {
    let (_server, client) = namespaced(&["list"]);
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let may = |verb: &str, namespace: Value| {
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": { "resourceAttributes": { "verb": verb, "resource": "configmaps", "namespace": namespace } },
        });
        client.post(path, &review).1["status"]["allowed"].clone()
    };
    assert_eq!(may("list", json!("web")), true);
    assert_eq!(may("delete", json!("web")), false);
    assert_eq!(may("list", Value::Null), false);
    let rules = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": { "namespace": "web" },
    });
    let (_, rules) = client.post("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", &rules);
    assert_eq!(
        rules["status"]["resourceRules"][0]["resources"],
        json!(["configmaps"])
    );
}
