//! A throttle delays work: what comes too early is gathered, not translated and thrown away.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep, timeout};
use viaduct_config::{Dynamic, ProviderName, Update};
use viaduct_kubernetes::Index;
use viaduct_kubernetes::api::Kind;
use viaduct_kubernetes::watch::{Access, Cluster, Connection, Settings};
use viaduct_testkit::apiserver::ApiServer;

#[tokio::test]
async fn a9_8_what_comes_before_its_time_is_translated_once() {
    let server = ApiServer::start();
    let access = Access {
        kubeconfig: Some(server.kubeconfig()),
        ..Access::default()
    };
    let (calls, seen) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, last) = (Arc::clone(&calls), Arc::clone(&seen));
    let provider = ProviderName::new("kubernetescrd");
    let cluster = Cluster {
        connection: Arc::new(Connection::open(access).await.expect("a client")),
        settings: Settings {
            kinds: vec![Kind::Service],
            ..Settings::default()
        },
        index: Index::new(|_| Ok(())),
        providers: vec![provider.clone()],
        translate: Box::new(move |index, _| {
            counted.fetch_add(1, Ordering::Relaxed);
            last.store(index.len(), Ordering::Relaxed);
            let update = Update::new(provider.clone(), Dynamic::default());
            (vec![update], Default::default())
        }),
        throttle: THROTTLE,
    };
    let mut updates = cluster.follow();
    updates.recv().await.expect("the first configuration");
    let (begin, before) = (Instant::now(), calls.load(Ordering::Relaxed));
    for number in 0..CHANGES {
        server.put(&json!({"apiVersion": "v1", "kind": "Service",
                           "metadata": {"name": format!("service-{number}"), "namespace": "default"},
                           "spec": {"ports": [{"port": 80}]}}));
        // Longer than what arrives together is gathered for: each is a change of its own.
        sleep(Duration::from_millis(15)).await;
    }
    let all = async {
        while seen.load(Ordering::Relaxed) < CHANGES {
            updates.recv().await.expect("a configuration");
        }
    };
    timeout(Duration::from_secs(20), all).await.expect("all of them");
    let periods = begin.elapsed().as_millis() / THROTTLE.as_millis();
    let translated = calls.load(Ordering::Relaxed) - before;
    assert!(
        translated as u128 <= periods + 1,
        "{translated} times in {periods} periods"
    );
}

const CHANGES: usize = 20;
const THROTTLE: Duration = Duration::from_millis(250);
