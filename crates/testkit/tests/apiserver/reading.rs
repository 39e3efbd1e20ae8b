//! Lists and watches.

use serde_json::{Value, json};

use crate::client::{MAPS, Next, config_map, server};

fn names(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().expect("a list");
    items
        .iter()
        .map(|item| item["metadata"]["name"].as_str().expect("a name"))
        .collect()
}

fn revision(object: &Value) -> u64 {
    let text = object["metadata"]["resourceVersion"]
        .as_str()
        .expect("a revision");
    text.parse().expect("a number")
}

#[test]
fn a_list_is_of_one_revision_and_a_watch_from_it_misses_nothing() {
    let (server, client) = server();
    server.put(&config_map("a", "1"));
    let (code, list) = client.get(MAPS);
    assert_eq!((code, names(&list)), (200, vec!["a"]));
    assert_eq!(list["kind"], "ConfigMapList");
    assert_eq!(
        list["items"][0].get("kind"),
        None,
        "built-in kinds are not repeated"
    );
    let from = revision(&list);
    server.put(&config_map("b", "1"));
    server.put(&config_map("a", "2"));
    server.delete("configmaps", "web", "b");
    let mut watch = client.watch(&format!("{MAPS}?watch=1&resourceVersion={from}"));
    assert_eq!(watch.told(), ("ADDED".to_owned(), "b".to_owned()));
    let (kind, object) = watch.event();
    assert_eq!((kind.as_str(), revision(&object)), ("MODIFIED", from + 2));
    let (kind, object) = watch.event();
    assert_eq!(
        (kind.as_str(), revision(&object)),
        ("DELETED", from + 3),
        "the revision of its end"
    );
    server.put(&config_map("c", "1"));
    assert_eq!(watch.told(), ("ADDED".to_owned(), "c".to_owned()));
}

#[test]
fn chunks_are_of_the_first_ones_revision_until_it_is_forgotten() {
    let (server, client) = server();
    for name in ["a", "b", "c", "d"] {
        server.put(&config_map(name, "1"));
    }
    let (_, first) = client.get(&format!("{MAPS}?limit=2"));
    assert_eq!(names(&first), ["a", "b"]);
    assert_eq!(first["metadata"]["remainingItemCount"], 2);
    server.delete("configmaps", "web", "c");
    server.put(&config_map("bb", "1"));
    let rest = format!(
        "{MAPS}?limit=2&continue={}",
        first["metadata"]["continue"].as_str().unwrap()
    );
    let (_, second) = client.get(&rest);
    assert_eq!(names(&second), ["c", "d"]);
    assert_eq!(revision(&second), revision(&first));
    assert_eq!(second["metadata"].get("continue"), None);

    server.faults().forget_history();
    let (code, gone) = client.get(&rest);
    assert_eq!((code, &gone["reason"]), (410, &json!("Expired")));
    let again = gone["metadata"]["continue"].as_str().unwrap();
    let (_, rest) = client.get(&format!("{MAPS}?continue={again}"));
    assert_eq!(names(&rest), ["bb", "d"], "from the newest revision");
}

#[test]
fn a_list_may_ask_for_a_revision() {
    let (server, client) = server();
    let first = revision(&server.put(&config_map("a", "1")));
    let second = revision(&server.put(&config_map("b", "1")));
    let at = |query: String| client.get(&format!("{MAPS}?{query}"));
    let exactly = |revision: u64| at(format!("resourceVersion={revision}&resourceVersionMatch=Exact"));
    assert_eq!(names(&exactly(first).1), ["a"]);
    assert_eq!(revision(&exactly(first).1), first);
    assert_eq!(names(&at("resourceVersion=0".to_owned()).1), ["a", "b"]);
    assert_eq!(
        names(&at(format!("resourceVersion={first}")).1),
        ["a", "b"],
        "not older"
    );
    assert_eq!(
        names(&at(format!("resourceVersion={first}&limit=9")).1),
        ["a"],
        "a limit makes it exact"
    );
    let (code, future) = at(format!("resourceVersion={}", second + 1));
    assert_eq!(code, 504);
    assert_eq!(
        future["details"]["causes"][0]["reason"],
        "ResourceVersionTooLarge"
    );
    server.faults().forget_history();
    assert_eq!(exactly(first).0, 410);
    assert_eq!(at("resourceVersionMatch=Exact".to_owned()).0, 400);
    assert_eq!(
        at("resourceVersion=0&resourceVersionMatch=Exact".to_owned()).0,
        400
    );
    assert_eq!(at("resourceVersion=x".to_owned()).0, 400);
}

#[test]
fn c64_410_comes_as_an_event_or_as_a_status() {
    let (server, client) = server();
    let from = revision(&server.put(&config_map("a", "1")));
    server.put(&config_map("a", "2"));
    server.faults().forget_history();
    let path = format!("{MAPS}?watch=1&resourceVersion={from}");
    let mut watch = client.watch(&path);
    let (kind, status) = watch.event();
    assert_eq!(
        (kind.as_str(), &status["code"], &status["reason"]),
        ("ERROR", &json!(410), &json!("Expired"))
    );
    assert_eq!(watch.next(), Next::End(String::new()));
    server.faults().expired_as_status(true);
    assert_eq!(client.get(&path).0, 410);
}

#[test]
fn a_history_of_two_changes_reaches_back_two_changes() {
    let (server, client) = server();
    server.faults().history(2);
    let revisions: Vec<u64> = ["1", "2", "3", "4"]
        .iter()
        .map(|text| revision(&server.put(&config_map("a", text))))
        .collect();
    let first = |from: u64| {
        client
            .watch(&format!("{MAPS}?watch=1&resourceVersion={from}"))
            .event()
    };
    assert_eq!(first(revisions[0]).0, "ERROR");
    let (kind, object) = first(revisions[1]);
    assert_eq!((kind.as_str(), revision(&object)), ("MODIFIED", revisions[2]));
}

#[test]
fn what_comes_into_view_is_added_and_what_leaves_it_is_deleted() {
    let (server, client) = server();
    let mut watch = client.watch(&format!("{MAPS}?watch=1&labelSelector=tier%3Dedge"));
    let label = |tier: &str| {
        let mut object = config_map("a", "1");
        object["metadata"]["labels"] = json!({ "tier": tier });
        server.put(&object);
    };
    label("core");
    label("edge");
    assert_eq!(watch.told(), ("ADDED".to_owned(), "a".to_owned()));
    label("core");
    let (kind, object) = watch.event();
    assert_eq!(kind, "DELETED");
    assert_eq!(
        object["metadata"]["labels"]["tier"], "edge",
        "as it was last seen"
    );
    assert_eq!(
        revision(&object),
        server.revision(),
        "at the revision of the change"
    );
}

#[test]
fn a_watch_of_one_namespace_sees_no_other() {
    let (server, client) = server();
    server.create_namespace("other");
    let mut watch = client.watch(&format!("{MAPS}?watch=1"));
    let mut all = client.watch("/api/v1/configmaps?watch=1");
    let mut foreign = config_map("a", "1");
    foreign["metadata"]["namespace"] = json!("other");
    server.put(&foreign);
    server.put(&config_map("b", "1"));
    assert_eq!(watch.told().1, "b");
    assert_eq!((all.told().1, all.told().1), ("a".to_owned(), "b".to_owned()));
}

#[test]
fn a_streamed_list_ends_with_a_bookmark_that_says_so() {
    let (server, client) = server();
    server.put(&config_map("a", "1"));
    let path = format!("{MAPS}?watch=1&sendInitialEvents=true&allowWatchBookmarks=true");
    assert_eq!(client.get(&path).0, 400, "it needs a match");
    server.clear_requests();
    let mut watch = client.watch(&format!(
        "{path}&resourceVersionMatch=NotOlderThan&resourceVersion=0"
    ));
    assert_eq!(watch.told(), ("ADDED".to_owned(), "a".to_owned()));
    let (kind, mark) = watch.event();
    assert_eq!(kind, "BOOKMARK");
    assert_eq!(
        mark["metadata"]["annotations"]["k8s.io/initial-events-end"],
        "true"
    );
    assert_eq!(revision(&mark), server.revision());
    server.put(&config_map("b", "1"));
    assert_eq!(watch.told(), ("ADDED".to_owned(), "b".to_owned()));
    assert_eq!(server.lists("configmaps"), 1);
}

#[test]
fn a_watch_ends_when_its_time_is_up_with_a_bookmark() {
    let (server, client) = server();
    let path = format!("{MAPS}?watch=1&allowWatchBookmarks=true&timeoutSeconds=1&resourceVersion=");
    let mut watch = client.watch(&format!("{path}{}", server.revision()));
    server.advance_revision(7);
    let (kind, mark) = watch.event();
    assert_eq!((kind.as_str(), revision(&mark)), ("BOOKMARK", server.revision()));
    assert_eq!(watch.next(), Next::End(String::new()));
}

#[test]
fn secrets_are_selected_by_type() {
    let (server, client) = server();
    server.apply(
        "{apiVersion: v1, kind: Secret, metadata: {name: a, namespace: web}, stringData: {x: 'y'}}
---
{apiVersion: v1, kind: Secret, metadata: {name: b, namespace: web}, type: example.com/own}",
    );
    let (_, list) = client.get("/api/v1/secrets?fieldSelector=type%3DOpaque");
    assert_eq!(names(&list), ["a"]);
    assert_eq!(list["items"][0]["data"], json!({ "x": "eQ==" }));
    let (_, list) = client.get("/api/v1/secrets?fieldSelector=type!%3DOpaque");
    assert_eq!(names(&list), ["b"]);
}

#[test]
fn a_kind_that_is_not_served_is_not_found_until_it_is() {
    let (server, client) = server();
    let path = "/apis/traefik.io/v1alpha1/ingressroutes";
    assert_eq!(client.get(path).0, 404);
    assert_eq!(client.get("/apis/traefik.io/v1alpha1").0, 404);
    server.define_traefik("traefik.io");
    assert_eq!(client.get(path).0, 200);
    let (_, resources) = client.get("/apis/traefik.io/v1alpha1");
    assert_eq!(resources["resources"].as_array().unwrap().len(), 10);
    server.undefine("ingressroutes.traefik.io");
    assert_eq!(client.get(path).0, 404);
}

#[test]
fn both_groups_show_the_same_events() {
    let (server, client) = server();
    let event = json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": { "name": "e", "namespace": "web" },
        "regarding": { "kind": "Secret", "name": "s", "namespace": "web" }, "reason": "Broken", "note": "it is",
        "type": "Warning", "action": "Checked", "reportingController": "viaduct", "reportingInstance": "v-1",
        "eventTime": "2026-01-02T03:04:05.000006Z",
    });
    let (code, made) = client.post("/apis/events.k8s.io/v1/namespaces/web/events", &event);
    assert_eq!((code, &made["note"]), (201, &json!("it is")));
    let (_, old) = client.get("/api/v1/namespaces/web/events?fieldSelector=involvedObject.name%3Ds");
    assert_eq!(old["items"][0]["message"], "it is");
    assert_eq!(old["items"][0]["eventTime"], "2026-01-02T03:04:05.000006Z");
    assert_eq!(server.list("events").len(), 1);
}

#[test]
fn a_watch_ends_when_its_kind_does() {
    let (server, client) = server();
    server.define_traefik("traefik.io");
    let mut watch = client.watch("/apis/traefik.io/v1alpha1/tlsoptions?watch=1");
    server.undefine("tlsoptions.traefik.io");
    assert_eq!(watch.next(), Next::End(String::new()));
}
