//! The election of a leader, against the API server of `testkit` (R16).

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};
use viaduct_kubernetes::lease::{Candidate, DURATION, Leadership};
use viaduct_kubernetes::watch::{Access, Connection};
use viaduct_testkit::apiserver::ApiServer;

async fn connect(server: &ApiServer) -> Arc<Connection> {
    let access = Access {
        kubeconfig: Some(server.kubeconfig()),
        ..Access::default()
    };
    Arc::new(Connection::open(access).await.expect("a client"))
}

fn candidate(identity: &str) -> Candidate {
    Candidate {
        namespace: "default".to_owned(),
        name: "viaduct".to_owned(),
        identity: identity.to_owned(),
    }
}

/// Waits until it is, or is not, the leader.
async fn becomes(leadership: &Leadership, wanted: bool, limit: Duration) -> Duration {
    let begin = Instant::now();
    let mut told = leadership.watch();
    timeout(limit, told.wait_for(|holds| *holds == wanted))
        .await
        .unwrap_or_else(|_| panic!("not {wanted} within {limit:?}"))
        .expect("it goes on");
    begin.elapsed()
}

fn holder(server: &ApiServer) -> String {
    let lease = server.get("leases", "default", "viaduct").expect("a Lease");
    lease["spec"]["holderIdentity"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[tokio::test]
async fn r16_one_of_two_replicas_leads_and_hands_over_when_it_shuts_down() {
    let server = Arc::new(ApiServer::start());
    let one = Leadership::seek(connect(&server).await, candidate("one"));
    becomes(&one, true, Duration::from_secs(10)).await;
    let two = Leadership::seek(connect(&server).await, candidate("two"));
    // Waited for elsewhere: this thread is the one that the replicas run on.
    let looking = Arc::clone(&server);
    let looked = tokio::task::spawn_blocking(move || {
        looking.wait_request("the other replica's look", |request| {
            request.verb == "get" && request.resource.starts_with("leases") && request.status == 200
        });
    });
    looked.await.expect("a look");
    assert!(!two.holds());
    assert_eq!(holder(&server), "one");
    one.release().await;
    assert_eq!(holder(&server), "", "let go of, not left to run out");
    let took = becomes(&two, true, Duration::from_secs(10)).await;
    assert!(took < DURATION, "{took:?}");
    assert_eq!(holder(&server), "two");
}

#[tokio::test]
async fn r16_a_leader_that_is_gone_is_succeeded_when_its_lease_has_run_out() {
    let server = ApiServer::start();
    // Written by a replica that was killed.
    server.apply(
        "{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: viaduct, namespace: default}, \
          spec: {holderIdentity: dead, leaseDurationSeconds: 2, leaseTransitions: 4}}",
    );
    let two = Leadership::seek(connect(&server).await, candidate("two"));
    becomes(&two, true, DURATION).await;
    let lease = server.get("leases", "default", "viaduct").expect("a Lease");
    assert_eq!(lease["spec"]["leaseTransitions"], 5);
    two.release().await;
}

#[tokio::test]
async fn r16_a_leader_that_cannot_reach_the_api_server_is_none_before_another_begins() {
    let server = ApiServer::start();
    let one = Leadership::seek(connect(&server).await, candidate("one"));
    becomes(&one, true, Duration::from_secs(10)).await;
    server.faults().stop();
    let took = becomes(&one, false, DURATION).await;
    assert!(took < DURATION, "{took:?}");
}
