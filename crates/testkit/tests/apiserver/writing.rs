//! Creating, changing and deleting.

use serde_json::{Value, json};

use crate::client::{MAPS, config_map, server};

const SERVICES: &str = "/api/v1/namespaces/web/services";
const INGRESSES: &str = "/apis/networking.k8s.io/v1/namespaces/web/ingresses";
const TRANSPORTS: &str = "/apis/traefik.io/v1alpha1/namespaces/web/serverstransports";

fn ingress() -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": { "name": "i" },
        "spec": { "defaultBackend": { "service": { "name": "s", "port": { "number": 80 } } } },
        "status": { "loadBalancer": { "ingress": [{ "ip": "192.0.2.1" }] } },
    })
}

fn transport(server_name: &str) -> Value {
    json!({
        "apiVersion": "traefik.io/v1alpha1", "kind": "ServersTransport", "metadata": { "name": "t" },
        "spec": { "serverName": server_name },
    })
}

#[test]
fn who_has_not_seen_the_last_change_gets_a_conflict() {
    let (server, client) = server();
    let (code, first) = client.post(MAPS, &config_map("a", "1"));
    assert_eq!(code, 201);
    assert_eq!(client.post(MAPS, &config_map("a", "1")).0, 409);
    let path = format!("{MAPS}/a");
    assert_eq!(client.put(&path, &first).1, first, "no change, no revision");
    let mut second = first.clone();
    second["data"]["text"] = json!("2");
    assert_eq!(client.put(&path, &second).0, 200);
    second["data"]["text"] = json!("3");
    let (code, conflict) = client.put(&path, &second);
    assert_eq!((code, &conflict["reason"]), (409, &json!("Conflict")));
    assert_eq!(
        conflict["message"],
        "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your \
         changes to the latest version and try again"
    );
    let patch = json!({ "metadata": { "resourceVersion": first["metadata"]["resourceVersion"] } });
    assert_eq!(client.merge(&path, &patch).0, 409);
    assert_eq!(
        client.put(&path, &config_map("a", "4")).0,
        200,
        "without a revision"
    );
    assert_eq!(server.get("cm", "web", "a").unwrap()["data"]["text"], "4");
}

#[test]
fn a_custom_object_is_not_replaced_without_its_revision() {
    let (server, client) = server();
    server.define_traefik("traefik.io");
    client.post(TRANSPORTS, &transport("a"));
    let (code, refused) = client.put(&format!("{TRANSPORTS}/t"), &transport("b"));
    assert_eq!((code, &refused["reason"]), (422, &json!("Invalid")));
    let patch = json!({ "spec": { "serverName": "b" } });
    let strategic = "application/strategic-merge-patch+json";
    assert_eq!(
        client
            .ask("PATCH", &format!("{TRANSPORTS}/t"), strategic, &patch)
            .0,
        415
    );
    assert_eq!(client.merge(&format!("{TRANSPORTS}/t"), &patch).0, 200);
}

#[test]
fn the_generation_counts_changes_of_what_is_wanted() {
    let (server, client) = server();
    server.define_traefik("traefik.io");
    let (_, made) = client.post(TRANSPORTS, &transport("a"));
    assert_eq!(made["metadata"]["generation"], 1);
    let path = format!("{TRANSPORTS}/t");
    let (_, labelled) = client.merge(&path, &json!({ "metadata": { "labels": { "a": "b" } } }));
    assert_eq!(labelled["metadata"]["generation"], 1);
    let (_, changed) = client.merge(&path, &json!({ "spec": { "serverName": "b" } }));
    assert_eq!(changed["metadata"]["generation"], 2);
    assert_eq!(
        client.get(&format!("{path}/status")).0,
        404,
        "there is no such subresource"
    );
}

#[test]
fn r16_the_status_is_written_at_its_own_place_only() {
    let (_server, client) = server();
    let (_, made) = client.post(INGRESSES, &ingress());
    assert_eq!(made.get("status"), Some(&json!({ "loadBalancer": {} })));
    let mut object = ingress();
    object["spec"]["ingressClassName"] = json!("other");
    let (code, written) = client.put(&format!("{INGRESSES}/i/status"), &object);
    assert_eq!(code, 200);
    assert_eq!(written["status"]["loadBalancer"]["ingress"][0]["ip"], "192.0.2.1");
    assert_eq!(written["spec"].get("ingressClassName"), None);
    assert_eq!(written["metadata"]["generation"], 1);
    let mut object = ingress();
    object["spec"]["ingressClassName"] = json!("other");
    object["status"] = json!({});
    let (_, written) = client.put(&format!("{INGRESSES}/i"), &object);
    assert_eq!(written["status"]["loadBalancer"]["ingress"][0]["ip"], "192.0.2.1");
    assert_eq!(written["spec"]["ingressClassName"], "other");
    assert_eq!(written["metadata"]["generation"], 2);
    let patch = json!({ "spec": { "ingressClassName": "third" }, "status": { "loadBalancer": null } });
    let (_, written) = client.merge(&format!("{INGRESSES}/i/status"), &patch);
    assert_eq!(written["spec"]["ingressClassName"], "other");
    assert_eq!(written["status"].pointer("/loadBalancer/ingress"), None);
}

#[test]
fn an_object_with_finalizers_goes_when_the_last_of_them_does() {
    let (server, client) = server();
    let mut object = config_map("a", "1");
    object["metadata"]["finalizers"] = json!(["example.com/wait"]);
    client.post(MAPS, &object);
    let path = format!("{MAPS}/a");
    let (code, ending) = client.delete(&path, &Value::Null);
    assert_eq!(code, 200);
    assert!(ending["metadata"]["deletionTimestamp"].is_string(), "{ending}");
    assert_eq!(client.get(&path).0, 200);
    client.merge(&path, &json!({ "metadata": { "finalizers": null } }));
    assert_eq!(server.get("configmaps", "web", "a"), None);
}

#[test]
fn a_deletion_holds_to_its_preconditions() {
    let (_server, client) = server();
    let (_, made) = client.post(MAPS, &config_map("a", "1"));
    let path = format!("{MAPS}/a");
    let with = |field: &str, value: &Value| json!({ "preconditions": { field: value } });
    assert_eq!(client.delete(&path, &with("uid", &json!("other"))).0, 409);
    assert_eq!(client.delete(&path, &with("resourceVersion", &json!("1"))).0, 409);
    let (code, status) = client.delete(&path, &with("uid", &made["metadata"]["uid"]));
    assert_eq!((code, &status["status"]), (200, &json!("Success")));
    assert_eq!(client.delete(&path, &Value::Null).0, 404);
}

#[test]
fn a_dry_run_changes_nothing() {
    let (server, client) = server();
    let before = server.revision();
    assert_eq!(
        client
            .post(&format!("{MAPS}?dryRun=All"), &config_map("a", "1"))
            .0,
        201
    );
    assert_eq!(server.revision(), before);
    client.post(MAPS, &config_map("a", "1"));
    let before = server.revision();
    let (_, patched) = client.merge(
        &format!("{MAPS}/a?dryRun=All"),
        &json!({ "data": { "text": "2" } }),
    );
    assert_eq!(patched["data"]["text"], "2");
    client.delete(&format!("{MAPS}/a?dryRun=All"), &Value::Null);
    assert_eq!(server.revision(), before);
}

#[test]
fn what_is_no_object_of_the_kind_is_refused_with_a_reason() {
    let (_server, client) = server();
    let code = |object: Value| client.post(SERVICES, &object).0;
    let service = |name: &str, spec: Value| json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": name }, "spec": spec });
    let ports = json!([{ "port": 80 }]);
    assert_eq!(code(service("a", json!({ "ports": ports }))), 201);
    assert_eq!(code(service("b", json!({}))), 422, "no ports");
    assert_eq!(code(service("1b", json!({ "ports": ports }))), 422, "its name");
    assert_eq!(
        code(service("b", json!({ "ports": [{ "port": "http" }] }))),
        400,
        "a type"
    );
    assert_eq!(code(json!({ "kind": "Service" })), 400, "no version");
    assert_eq!(code(config_map("b", "")), 400, "another kind");
    let (code, refused) = client.post(
        "/api/v1/namespaces/nowhere/configmaps",
        &json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a" },
        }),
    );
    assert_eq!(
        (code, &refused["message"]),
        (404, &json!("namespaces \"nowhere\" not found"))
    );
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "s" }, "type": "kubernetes.io/tls",
        "stringData": { "tls.crt": "x" },
    });
    let (code, refused) = client.post("/api/v1/namespaces/web/secrets", &secret);
    assert_eq!(
        (code, &refused["details"]["causes"][0]["field"]),
        (422, &json!("data[tls.key]"))
    );
}

#[test]
fn unknown_fields_are_refused_warned_of_or_dropped() {
    let (_server, client) = server();
    let mut object = config_map("a", "1");
    object["spec"] = json!({ "x": 1 });
    let (code, refused) = client.post(&format!("{MAPS}?fieldValidation=Strict"), &object);
    assert_eq!(code, 400);
    assert!(
        refused["message"]
            .as_str()
            .unwrap()
            .ends_with("unknown field \"spec\""),
        "{refused}"
    );
    let warned = client.raw("POST", MAPS, "application/json", &object).unwrap();
    assert_eq!(warned.status, 201);
    assert_eq!(
        warned.header("warning"),
        Some("299 - \"unknown field \\\"spec\\\"\"")
    );
    let (_, stored) = client.get(&format!("{MAPS}/a"));
    assert_eq!(stored.get("spec"), None);
}

#[test]
fn names_are_made_from_prefixes() {
    let (_server, client) = server();
    let object = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "generateName": "a-" } });
    let name = || {
        client.post(MAPS, &object).1["metadata"]["name"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let (one, two) = (name(), name());
    assert!(one.starts_with("a-") && one.len() == 7, "{one}");
    assert_ne!(one, two);
}

#[test]
fn a_json_patch_is_applied_whole_or_not_at_all() {
    let (_server, client) = server();
    client.post(MAPS, &config_map("a", "1"));
    let patch = |operations: Value| {
        client.ask(
            "PATCH",
            &format!("{MAPS}/a"),
            "application/json-patch+json",
            &operations,
        )
    };
    let add = json!({ "op": "add", "path": "/data/a~1b", "value": "2" });
    let test = |value: &str| json!({ "op": "test", "path": "/data/text", "value": value });
    assert_eq!(patch(json!([add, test("9")])).0, 422);
    let (code, patched) =
        patch(json!([test("1"), add, { "op": "move", "from": "/data/text", "path": "/data/new" }]));
    assert_eq!(
        (code, &patched["data"]),
        (200, &json!({ "a/b": "2", "new": "1" }))
    );
    assert_eq!(patch(json!([{ "op": "remove", "path": "/data/none" }])).0, 422);
    assert_eq!(patch(json!([{ "op": "jump", "path": "/data" }])).0, 400);
}

#[test]
fn what_two_managers_apply_is_both_of_theirs() {
    let (_server, client) = server();
    let service = |ports: Value| {
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": "s" }, "spec": { "ports": ports },
        })
    };
    let path = format!("{SERVICES}/s");
    let http = json!({ "name": "http", "port": 80 });
    let tls = json!({ "name": "tls", "port": 443 });
    assert_eq!(client.apply(&path, "one", &service(json!([http]))).0, 201);
    let (code, both) = client.apply(&path, "two", &service(json!([tls])));
    assert_eq!(
        (code, both["spec"]["ports"].as_array().map(Vec::len)),
        (200, Some(2)),
        "{both}"
    );
    let other = json!([{ "name": "https", "port": 443 }]);
    let (code, refused) = client.apply(&path, "one", &service(other));
    assert_eq!(code, 409);
    assert_eq!(
        refused["message"],
        "Apply failed with 1 conflict: conflict with \"two\": .spec.ports[port=443,protocol=\"TCP\"].name"
    );
    let (_, one) = client.apply(&path, "two", &service(json!([])));
    assert_eq!(one["spec"]["ports"].as_array().map(Vec::len), Some(1), "{one}");
    assert_eq!(
        client
            .ask(
                "PATCH",
                &path,
                "application/apply-patch+yaml",
                &service(json!([]))
            )
            .0,
        400,
        "no manager"
    );
}

#[test]
fn a_field_that_someone_else_has_changed_since_is_a_conflict() {
    let (server, client) = server();
    server.define_traefik("traefik.io");
    let path = format!("{TRANSPORTS}/t");
    client.apply(&path, "one", &transport("a"));
    client.merge(&path, &json!({ "spec": { "serverName": "b" } }));
    let (code, refused) = client.apply(&path, "one", &transport("a"));
    assert_eq!(code, 409);
    assert_eq!(refused["details"]["causes"][0]["field"], ".spec.serverName");
    let (code, forced) = client.apply(&path, "one&force=true", &transport("a"));
    assert_eq!((code, &forced["spec"]["serverName"]), (200, &json!("a")));
    let managers: Vec<&Value> = forced["metadata"]["managedFields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["manager"])
        .collect();
    assert_eq!(managers, [&json!("one")], "the other has nothing left");
}
