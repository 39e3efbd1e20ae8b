//! kube's own watcher, as a judge: under every fault it ends with what a fresh list says.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{StreamExt as _, pin_mut};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::reflector::store::Writer;
use kube::runtime::{reflector, watcher};
use kube::{Client, Config};
use serde_json::{Value, json};
use viaduct_testkit::apiserver::{ApiServer, Matching, Order, Reply, Truncation};
use viaduct_testkit::wait::PATIENCE;

/// Namespace, name, revision of every object.
type Seen = BTreeMap<(String, String), String>;

fn in_the_cluster(server: &ApiServer) -> Seen {
    let text =
        |object: &Value, field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
    let objects = server.list("configmaps");
    objects
        .iter()
        .map(|object| {
            (
                (text(object, "namespace"), text(object, "name")),
                text(object, "resourceVersion"),
            )
        })
        .collect()
}

fn in_the_store(store: &reflector::Store<DynamicObject>) -> Seen {
    let state = store.state();
    let entries = state.iter().map(|object| {
        let metadata = object.metadata.clone();
        let key = (
            metadata.namespace.unwrap_or_default(),
            metadata.name.unwrap_or_default(),
        );
        (key, metadata.resource_version.unwrap_or_default())
    });
    entries.collect()
}

async fn client(server: &ApiServer) -> Client {
    let kubeconfig = Kubeconfig::read_from(server.kubeconfig()).expect("a kubeconfig");
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .expect("a usable kubeconfig");
    Client::try_from(config).expect("a client")
}

/// Changes objects while kube watches, about one for each event; at the end both have to know the same.
fn judge(config: watcher::Config, changes: impl Fn(&ApiServer, usize)) -> ApiServer {
    let server = ApiServer::start_plain();
    server.create_namespace("web");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let resource = ApiResource::erase::<ConfigMap>(&());
        let api: Api<DynamicObject> = Api::all_with(client(&server).await, &resource);
        let writer = Writer::new(resource);
        let store = writer.as_reader();
        let stream = reflector(writer, watcher(api, config));
        pin_mut!(stream);
        let mut round = 0;
        let both_know_the_same = async {
            while round < ROUNDS || in_the_store(&store) != in_the_cluster(&server) {
                tokio::select! {
                    // Failures are what this is about; the watcher goes on by itself.
                    event = stream.next() => assert!(event.is_some(), "the watcher never ends"),
                    // Changes that are held back bring no event.
                    () = tokio::time::sleep(Duration::from_millis(5)) => {}
                }
                if round < ROUNDS {
                    put(&server, round);
                    changes(&server, round);
                    round += 1;
                }
            }
        };
        if tokio::time::timeout(PATIENCE, both_know_the_same).await.is_err() {
            panic!(
                "round {round}: {:#?}\nand in the cluster\n{:#?}",
                in_the_store(&store),
                in_the_cluster(&server)
            );
        }
    });
    server
}

fn watches(server: &ApiServer) -> usize {
    server.count(|request| request.verb == "watch" && request.status == 200)
}

/// Objects come, change and go.
fn put(server: &ApiServer, round: usize) {
    let name = format!("map-{}", round % 7);
    if round % 5 == 4 {
        server.delete("configmaps", "web", &format!("map-{}", (round + 3) % 7));
    }
    server.put(&json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name, "namespace": "web" },
        "data": { "round": round.to_string() },
    }));
}

/// The last rounds of each period end its faults, and 100 is the end of all of them.
const ROUNDS: usize = 100;

#[test]
fn without_faults_there_is_one_list() {
    let server = judge(watcher::Config::default(), |_, _| {});
    assert_eq!(server.lists("configmaps"), 1);
}

#[test]
fn a_streamed_list_does_as_well() {
    let server = judge(watcher::Config::default().streaming_lists(), |_, _| {});
    assert_eq!(server.count(|request| request.verb == "list"), 0);
    assert_eq!(server.lists("configmaps"), 1);
}

#[test]
fn a_list_in_chunks_does_as_well() {
    let server = judge(watcher::Config::default().page_size(2), |server, round| {
        if round % 20 == 10 {
            server.faults().hold_events(true);
        }
        if round % 20 == 12 {
            server.faults().forget_history();
            server.faults().hold_events(false);
        }
    });
    let chunks = server.count(|request| request.verb == "list" && !request.query.get("continue").is_empty());
    assert!(chunks > 1, "{chunks} chunks after a first one");
}

#[test]
fn r15_410_leads_to_a_new_list() {
    let server = judge(watcher::Config::default(), |server, round| {
        if round % 20 == 10 {
            server.faults().hold_events(true);
        }
        if round % 20 == 12 {
            server.faults().forget_history();
            server.faults().hold_events(false);
        }
    });
    assert!(server.lists("configmaps") > 1);
}

#[test]
fn r15_resets_do_not_lose_a_change() {
    let server = judge(watcher::Config::default(), |server, round| {
        if round % 3 == 0 {
            server.faults().reset_connections();
        }
    });
    assert!(watches(&server) > 1);
}

#[test]
fn r15_events_cut_off_in_the_middle_do_not_lose_a_change() {
    for how in [Truncation::CleanEnd, Truncation::Broken] {
        let server = judge(watcher::Config::default(), move |server, round| {
            if round % 10 == 0 {
                server.faults().truncate_next_event(how);
            }
        });
        assert!(watches(&server) > 1);
    }
}

#[test]
fn r15_duplicates_and_other_orders_come_to_the_same() {
    judge(watcher::Config::default(), |server, round| {
        server.faults().duplicate_events(round % 2 == 0);
        server.faults().order(Order::SwappedBetweenObjects);
        server.faults().hold_events(round % 10 < 5);
    });
}

#[test]
fn r15_bookmarks_that_are_dropped_or_stale_come_to_the_same() {
    judge(watcher::Config::default(), |server, round| {
        let faults = server.faults();
        faults.drop_bookmarks(round % 20 < 10);
        faults.stale_bookmarks(Some(server.revision() - 2));
        faults.bookmark_now();
        if round % 25 == 24 {
            faults.end_watches();
        }
    });
}

#[test]
fn r14_a_server_that_is_down_for_a_while_comes_to_the_same() {
    judge(watcher::Config::default(), |server, round| match round % 30 {
        10 => server.faults().stop(),
        20 => server.faults().start_again(),
        _ => {}
    });
}

#[test]
fn r14_refusals_of_every_kind_come_to_the_same() {
    let server = judge(watcher::Config::default(), |server, round| {
        let faults = server.faults();
        let reply = match round % 6 {
            0 => Reply::InternalError,
            1 => Reply::Html(502),
            2 => Reply::Unauthorized,
            3 => Reply::Forbidden,
            4 => Reply::Reset,
            _ => Reply::Expired,
        };
        if round % 9 == 0 {
            faults.reply_next(1, Matching::of("watch", "configmaps"), reply.clone());
            faults.reply_next(1, Matching::of("list", "configmaps"), reply);
            faults.forget_history();
            faults.reset_connections();
        }
    });
    assert!(server.count(|request| request.status != 200) > 3);
}
