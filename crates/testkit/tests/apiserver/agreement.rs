//! What a watch tells adds up to what a list says, whatever has been changed in between.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use viaduct_testkit::apiserver::{ApiServer, Order};

use crate::client::{Client, Watch, server};

/// Something that happens to one of a few objects.
#[derive(Debug, Clone)]
enum Change {
    Put {
        namespace: usize,
        name: usize,
        tier: usize,
        text: u8,
    },
    Delete {
        namespace: usize,
        name: usize,
    },
    DeleteNamespace {
        namespace: usize,
    },
}

const NAMESPACES: [&str; 2] = ["web", "other"];
const NAMES: [&str; 3] = ["a", "b", "c"];
const TIERS: [&str; 2] = ["edge", "core"];

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        6 => (0..2_usize, 0..3_usize, 0..2_usize, 0..3_u8).prop_map(|(namespace, name, tier, text)| {
            Change::Put { namespace, name, tier, text }
        }),
        3 => (0..2_usize, 0..3_usize).prop_map(|(namespace, name)| Change::Delete { namespace, name }),
        1 => (0..2_usize).prop_map(|namespace| Change::DeleteNamespace { namespace }),
    ]
}

impl Change {
    fn make(&self, server: &ApiServer) {
        match *self {
            Self::Put {
                namespace,
                name,
                tier,
                text,
            } => {
                server.create_namespace(NAMESPACES[namespace]);
                server.put(&json!({
                    "apiVersion": "v1", "kind": "ConfigMap",
                    "metadata": {
                        "name": NAMES[name], "namespace": NAMESPACES[namespace],
                        "labels": { "tier": TIERS[tier] },
                    },
                    "data": { "text": text.to_string() },
                }));
            }
            Self::Delete { namespace, name } => {
                server.delete("configmaps", NAMESPACES[namespace], NAMES[name]);
            }
            Self::DeleteNamespace { namespace } => {
                server.delete("namespaces", "", NAMESPACES[namespace]);
            }
        }
    }
}

/// Objects by namespace and name.
type Objects = BTreeMap<(String, String), Value>;

fn key(object: &Value) -> (String, String) {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
    (text("namespace"), text("name"))
}

fn listed(client: &Client, path: &str) -> (Objects, String) {
    let (code, list) = client.get(path);
    assert_eq!(code, 200, "{list}");
    let items = list["items"].as_array().expect("a list").iter();
    let mut objects: Objects = items.map(|item| (key(item), item.clone())).collect();
    for object in objects.values_mut() {
        object["apiVersion"] = json!("v1");
        object["kind"] = json!("ConfigMap");
    }
    let revision = list["metadata"]["resourceVersion"].as_str().expect("a revision");
    (objects, revision.to_owned())
}

/// Takes events in until the bookmark that says: up to here.
fn follow(watch: &mut Watch, objects: &mut Objects, until: u64) {
    let until = until.to_string();
    loop {
        let (kind, object) = watch.event();
        match kind.as_str() {
            "ADDED" => assert!(
                objects.insert(key(&object), object.clone()).is_none(),
                "added twice: {object}"
            ),
            "MODIFIED" => assert!(
                objects.insert(key(&object), object.clone()).is_some(),
                "modified before it was added: {object}"
            ),
            "DELETED" => assert!(
                objects.remove(&key(&object)).is_some(),
                "deleted before it was added: {object}"
            ),
            "BOOKMARK" if object["metadata"]["resourceVersion"] == *until => return,
            "BOOKMARK" => {}
            other => panic!("{other}: {object}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_list_and_the_watch_from_it_agree_with_every_later_list(
        before in prop::collection::vec(change(), 0..10),
        held in prop::collection::vec(change(), 0..20),
        after in prop::collection::vec(change(), 0..20),
        is_swapped in any::<bool>(),
    ) {
        let (server, client) = server();
        let paths = [
            "/api/v1/configmaps",
            "/api/v1/namespaces/web/configmaps",
            "/api/v1/configmaps?labelSelector=tier%3Dedge",
            "/api/v1/namespaces/other/configmaps?fieldSelector=metadata.name!%3Da",
        ];
        before.iter().for_each(|change| change.make(&server));
        let mut views: Vec<(&str, Objects, Watch)> = paths
            .iter()
            .map(|path| {
                let (objects, revision) = listed(&client, path);
                let and = if path.contains('?') { '&' } else { '?' };
                let watch =
                    client.watch(&format!("{path}{and}watch=1&allowWatchBookmarks=1&resourceVersion={revision}"));
                (*path, objects, watch)
            })
            .collect();
        if is_swapped {
            server.faults().order(Order::SwappedBetweenObjects);
        }
        server.faults().hold_events(true);
        held.iter().for_each(|change| change.make(&server));
        server.faults().hold_events(false);
        after.iter().for_each(|change| change.make(&server));
        server.faults().bookmark_now();
        for (path, objects, watch) in &mut views {
            follow(watch, objects, server.revision());
            prop_assert_eq!(&*objects, &listed(&client, path).0);
        }
    }

    #[test]
    fn chunks_add_up_to_the_list_whatever_changes_between_them(
        before in prop::collection::vec(change(), 0..20),
        between in prop::collection::vec(change(), 0..12),
        limit in 1..4_usize,
    ) {
        let (server, client) = server();
        before.iter().for_each(|change| change.make(&server));
        let (whole, revision) = listed(&client, "/api/v1/configmaps");
        let mut between = between.iter();
        let mut objects = Objects::new();
        let mut path = format!("/api/v1/configmaps?limit={limit}");
        loop {
            let (code, list) = client.get(&path);
            prop_assert_eq!(code, 200);
            prop_assert_eq!(&list["metadata"]["resourceVersion"], &json!(revision));
            let items = list["items"].as_array().unwrap();
            prop_assert!(items.len() <= limit);
            objects.extend(items.iter().map(|item| (key(item), item.clone())));
            between.by_ref().take(2).for_each(|change| change.make(&server));
            match list["metadata"]["continue"].as_str() {
                Some(token) => path = format!("/api/v1/configmaps?limit={limit}&continue={token}"),
                None => break,
            }
        }
        prop_assert_eq!(objects.keys().collect::<Vec<_>>(), whole.keys().collect::<Vec<_>>());
    }
}
