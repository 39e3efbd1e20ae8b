//! Each fault is what it says.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use viaduct_testkit::apiserver::{Matching, Order, Reply, Truncation};
use viaduct_testkit::wait::wait_until;

use crate::client::{MAPS, Next, Watch, config_map, server};

fn watch_path(from: u64) -> String {
    format!("{MAPS}?watch=1&allowWatchBookmarks=true&resourceVersion={from}")
}

fn broken(watch: &mut Watch) -> bool {
    matches!(watch.next(), Next::Broken(_))
}

#[test]
fn r14_replies_come_as_often_as_they_were_planned() {
    let (server, client) = server();
    let faults = server.faults();
    let get = || client.raw("GET", MAPS, "", &Value::Null);
    faults.reply_next(
        1,
        Matching::of("list", "configmaps"),
        Reply::TooManyRequests { retry_after: 3 },
    );
    faults.reply_next(1, Matching::everything(), Reply::Html(502));
    let limited = get().unwrap();
    assert_eq!((limited.status, limited.header("retry-after")), (429, Some("3")));
    let html = client.raw("GET", "/api/v1/secrets", "", &Value::Null).unwrap();
    assert_eq!(
        (html.status, html.header("content-type")),
        (502, Some("text/html"))
    );
    assert_eq!(faults.replies_left(), 0);
    assert_eq!(get().unwrap().status, 200);
    faults.reply_always(Matching::of("", "configmaps"), Reply::InternalError);
    assert_eq!((get().unwrap().status, get().unwrap().status), (500, 500));
    assert_eq!(client.get("/api/v1/secrets").0, 200);
    faults.clear_replies();
    faults.reply_next(1, Matching::everything(), Reply::Reset);
    assert_eq!(get(), None);
    assert_eq!(get().unwrap().status, 200);
}

#[test]
fn r15_connections_are_reset_once_and_again_and_again() {
    let (server, client) = server();
    let mut watch = client.watch(&watch_path(server.revision()));
    server.faults().reset_connections();
    assert!(broken(&mut watch));
    server.faults().reset_every(Some(Duration::from_millis(5)));
    for _ in 0..3 {
        // It may be reset before its head has arrived, too.
        let began = client.raw("GET", &watch_path(server.revision()), "", &Value::Null);
        assert_eq!(began, None);
    }
    server.faults().reset_every(None);
    let mut watch = client.watch(&watch_path(server.revision()));
    server.put(&config_map("a", "1"));
    assert_eq!(watch.told().1, "a");
}

#[test]
fn r14_a_server_that_is_down_refuses_and_comes_back_on_its_port() {
    let (server, client) = server();
    let port = server.port();
    let mut watch = client.watch(&watch_path(server.revision()));
    server.faults().stop();
    assert!(broken(&mut watch));
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
    server.faults().start_again();
    assert_eq!(client.get(MAPS).0, 200);
}

#[test]
fn r15_an_event_is_cut_off_in_the_middle() {
    let (server, client) = server();
    for (how, name) in [(Truncation::CleanEnd, "a"), (Truncation::Broken, "b")] {
        let mut watch = client.watch(&watch_path(server.revision()));
        server.faults().truncate_next_event(how);
        server.put(&config_map(name, "1"));
        let half = match (how, watch.next()) {
            (Truncation::CleanEnd, Next::End(half)) | (Truncation::Broken, Next::Broken(half)) => half,
            (_, other) => panic!("{other:?}"),
        };
        assert!(half.starts_with("{\"object\""), "{half}");
        assert!(serde_json::from_str::<Value>(&half).is_err());
        assert_eq!(server.faults().truncations_left(), 0);
    }
}

#[test]
fn r15_events_come_twice_and_out_of_order() {
    let (server, client) = server();
    server.faults().duplicate_events(true);
    let mut watch = client.watch(&watch_path(server.revision()));
    server.put(&config_map("a", "1"));
    assert_eq!(watch.told(), watch.told());
    server.faults().duplicate_events(false);
    let mut told_in = |order: Order| {
        server.faults().order(order);
        server.faults().hold_events(true);
        for (name, text) in [("a", "2"), ("b", "1"), ("a", "3")] {
            server.put(&config_map(name, &format!("{text}-{order:?}")));
        }
        server.faults().hold_events(false);
        let mut name_and_text = || {
            let (_, object) = watch.event();
            let text = object["data"]["text"].as_str().unwrap().chars().next().unwrap();
            format!("{}{text}", object["metadata"]["name"].as_str().unwrap())
        };
        [name_and_text(), name_and_text(), name_and_text()]
    };
    assert_eq!(told_in(Order::AsTheyHappened), ["a2", "b1", "a3"]);
    assert_eq!(told_in(Order::SwappedBetweenObjects), ["b1", "a2", "a3"]);
    assert_eq!(told_in(Order::Backwards), ["a3", "b1", "a2"]);
}

#[test]
fn r15_bookmarks_are_dropped_or_stale() {
    let (server, client) = server();
    let faults = server.faults();
    let mut watch = client.watch(&watch_path(server.revision()));
    server.advance_revision(5);
    faults.bookmark_now();
    let revision = |mark: &Value| mark["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    let (kind, mark) = watch.event();
    assert_eq!(
        (kind.as_str(), revision(&mark)),
        ("BOOKMARK", server.revision().to_string())
    );
    faults.stale_bookmarks(Some(7));
    faults.bookmark_now();
    assert_eq!(revision(&watch.event().1), "7");
    faults.drop_bookmarks(true);
    faults.bookmark_now();
    server.put(&config_map("a", "1"));
    assert_eq!(watch.told().1, "a", "no bookmark before it");
}

#[test]
fn watches_are_ended_properly() {
    let (server, client) = server();
    let mut watch = client.watch(&watch_path(server.revision()));
    server.faults().end_watches();
    assert_eq!(watch.next(), Next::End(String::new()));
}

#[test]
fn r14_lists_are_slow_and_nothing_else_is() {
    let (server, client) = server();
    server.put(&config_map("a", "1"));
    let delay = Duration::from_millis(300);
    server.faults().slow_lists(delay);
    let begin = Instant::now();
    assert_eq!(client.get(MAPS).0, 200);
    assert!(begin.elapsed() >= delay);
    server.faults().slow_lists(Duration::from_secs(3600));
    assert_eq!(client.get(&format!("{MAPS}/a")).0, 200);
}

#[test]
fn requests_are_recorded_with_what_they_were_about() {
    let (server, client) = server();
    server.clear_requests();
    client.get(&format!("{MAPS}?limit=1"));
    client.post(MAPS, &config_map("a", "1"));
    client.merge(&format!("{MAPS}/a"), &json!({ "data": { "text": "2" } }));
    let told: Vec<String> = server
        .requests()
        .iter()
        .map(|request| {
            let name = request.name.as_deref().unwrap_or("-");
            format!(
                "{} {} {name} {} {}",
                request.verb, request.resource, request.user, request.status
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "list configmaps - kubernetes-admin 200",
            "create configmaps - kubernetes-admin 201",
            "patch configmaps a kubernetes-admin 200",
        ]
    );
    assert_eq!(server.lists("configmaps"), 1);
    assert_eq!(server.count(|request| request.is_write()), 2);
    wait_until("all of them", || server.requests().len() == 3);
}
