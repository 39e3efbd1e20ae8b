//! Kubernetes Events on the object that is at fault (C17).

use serde_json::Value;
use viaduct_testkit::cluster::Api;
use viaduct_testkit::curl::Curl;
use viaduct_testkit::manifest::Manifests;
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::pki::Ca;
use viaduct_testkit::viaduct::Running;
use viaduct_testkit::wait::wait_for;

use super::{Cluster, plain, status};
use crate::fixture::{BACKEND, HOST, TRANSPORT};

/// The Events about an object of namespace `web`.
fn about<T: Api + ?Sized>(cluster: &Cluster<T>, name: &str) -> Vec<Value> {
    let events = cluster.server.list("events").into_iter();
    events
        .filter(|event| event["involvedObject"]["name"] == name)
        .collect()
}

fn with_rights() -> Cluster<dyn Api> {
    may_write(Cluster::anywhere())
}

fn may_write<T: Api + ?Sized>(cluster: Cluster<T>) -> Cluster<T> {
    let writing = ["create", "patch"];
    cluster
        .server
        .allow(&cluster.account, &writing, &["events.events.k8s.io"], &[]);
    cluster
}

#[test]
fn c17_a_finding_is_told_on_its_object_once_whatever_the_number_of_replicas() {
    let cluster = with_rights();
    cluster.apply(&plain("broken", "a.test"));
    let (one, two) = (cluster.start(), cluster.start());
    let event = wait_for("an Event", || about(&cluster, "broken").into_iter().next());
    assert_eq!(event["reason"], "MissingReference", "{event}");
    assert_eq!(event["type"], "Warning");
    let stored = cluster
        .server
        .get("ingressroutes", "web", "broken")
        .expect("the object");
    assert_eq!(
        event["involvedObject"]["uid"], stored["metadata"]["uid"],
        "as describe looks for it"
    );
    let message = event["message"].as_str().unwrap_or_default();
    assert!(
        message.contains(BACKEND) && message.contains("spec.routes[0].services[0]"),
        "{message}"
    );
    let described = cluster.kubectl(&["describe", "ingressroutes", "-n", "web", "broken"], "");
    assert!(described.printed.contains("MissingReference"), "{described:?}");
    // Both have told: each asks for the object first.
    if let Some(server) = cluster.server.own() {
        server.wait_request("the other replica's attempt", |request| {
            request.verb == "create" && request.resource.starts_with("events") && request.status == 409
        });
    }
    assert_eq!(about(&cluster, "broken").len(), 1);
    drop((one, two));
}

#[test]
fn c17_writing_events_is_bounded() {
    let cluster = may_write(Cluster::new());
    for index in 0..30 {
        let one = plain(&format!("broken-{index}"), &format!("{index}.test"));
        cluster.server.apply(&one.yaml());
    }
    let _running = cluster.start();
    let writes = || -> Vec<_> {
        let requests = cluster.server.requests().into_iter();
        requests
            .filter(|request| request.verb == "create" && request.resource.starts_with("events"))
            .map(|request| request.at)
            .collect()
    };
    wait_for("ten Events", || (writes().len() >= 10).then_some(()));
    let times = writes();
    for (index, from) in times.iter().enumerate() {
        let second = times
            .iter()
            .skip(index)
            .take_while(|at| at.duration_since(*from).as_millis() < 1000);
        assert!(second.count() <= 6, "{times:?}");
    }
}

#[test]
fn c17_without_the_right_to_write_events_everything_else_works() {
    let cluster = Cluster::anywhere();
    let origin = Origin::http(|_| ok("hello"));
    cluster.apply(&Manifests::new().backend(BACKEND, origin.port()));
    cluster.apply(&plain("one", "a.test"));
    let mut broken = plain("broken", "b.test").yaml();
    broken = broken.replace(BACKEND, "nowhere");
    cluster.server.apply(&broken);
    let mut running: Running = cluster.start();
    assert_eq!(status(&running, "a.test"), 200);
    let line = running.child().wait_line("cannot write Events");
    assert!(line.contains("events.events.k8s.io"), "{line}");
}

#[test]
fn c17_a_fault_of_the_backend_leg_is_told_on_the_transport() {
    let cluster = with_rights();
    let _origin = cluster.bridge();
    let stranger = Ca::new("A stranger");
    cluster.apply(&Manifests::new().secret("backend-ca", &[("ca.crt", stranger.pem())]));
    let running = cluster.start();
    let answer = Curl::secure(running.address("websecure"), cluster.pki.edge_ca.pem()).get(HOST, "/");
    assert_eq!(answer.status, 502, "{answer:?}");
    // Pre-flight may have told of it, too.
    let event = wait_for("an Event", || {
        let mut events = about(&cluster, TRANSPORT).into_iter();
        events.find(|event| event["reason"] == "BackendFault")
    });
    assert_eq!(event["involvedObject"]["kind"], "ServersTransport");
    let message = event["message"].as_str().unwrap_or_default();
    assert!(
        message.starts_with("unknown_ca") && message.contains("fix: "),
        "{message}"
    );
}

#[test]
fn c11_who_would_fail_is_told_on_the_transport_before_a_request_does() {
    let cluster = with_rights();
    let _origin = cluster.bridge();
    let stranger = Ca::new("A stranger");
    cluster.apply(&Manifests::new().secret("backend-ca", &[("ca.crt", stranger.pem())]));
    let _running = cluster.start();
    let event = wait_for("an Event", || about(&cluster, TRANSPORT).into_iter().next());
    assert_eq!(event["reason"], "PreflightFault", "{event}");
    assert_eq!(event["involvedObject"]["kind"], "ServersTransport");
    let message = event["message"].as_str().unwrap_or_default();
    assert!(
        message.starts_with("unknown_ca: requests to servers of service ") && message.contains("fix: "),
        "{message}"
    );
}
