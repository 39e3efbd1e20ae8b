//! A connection to the API server that has died without a word: the way in between forwards nothing any more, and nobody
//! says so.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use viaduct_config::{Dynamic, ProviderName, Update};
use viaduct_kubernetes::Index;
use viaduct_kubernetes::api::Kind;
use viaduct_kubernetes::watch::{Access, Cluster, Connection, Patience, Settings};
use viaduct_testkit::apiserver::ApiServer;

/// Forwards to a port, until [`Relay::freeze`]: from then on what is open says nothing in either direction, and stays
/// open. What is opened later is forwarded.
struct Relay {
    address: SocketAddr,
    frozen: Arc<AtomicUsize>,
}

impl Relay {
    fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let frozen = Arc::new(AtomicUsize::new(0));
        let generation = Arc::clone(&frozen);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else {
                    return;
                };
                let born = generation.load(Ordering::SeqCst);
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let both = from.try_clone().and_then(|from| Ok((from, to.try_clone()?)));
                    let (from, to) = both.expect("a second handle");
                    let generation = Arc::clone(&generation);
                    std::thread::spawn(move || {
                        forward(from, to, || generation.load(Ordering::SeqCst) == born)
                    });
                }
            }
        });
        Self { address, frozen }
    }

    fn freeze(&self) {
        self.frozen.fetch_add(1, Ordering::SeqCst);
    }
}

fn forward(mut from: TcpStream, mut to: TcpStream, is_alive: impl Fn() -> bool) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        // Read, and lost.
        if is_alive() && to.write_all(buffer.get(..read).unwrap_or_default()).is_err() {
            break;
        }
    }
    if is_alive() {
        drop(to.shutdown(Shutdown::Both));
    }
}

#[tokio::test]
async fn r14_a_watch_whose_connection_died_without_a_word_is_noticed() {
    let server = ApiServer::start_plain();
    server.create_namespace("web");
    let token = server.admin_token();
    let relay = Relay::to(server.port());
    let access = Access {
        endpoint: Some(format!("http://{}", relay.address)),
        token: Some(token),
        ..Access::default()
    };
    let connection = Connection::open(access).await.expect("a client");
    let cluster = Cluster {
        connection: Arc::new(connection),
        settings: Settings {
            kinds: vec![Kind::Service],
            // A tenth of what it is by default.
            patience: Patience(Duration::from_secs(3)),
            ..Settings::default()
        },
        index: Index::new(|_| Ok(())),
        providers: vec![ProviderName::new("kubernetescrd")],
        throttle: Duration::ZERO,
        translate: Box::new(|_, _| {
            let update = Update::new(ProviderName::new("kubernetescrd"), Dynamic::default());
            (vec![update], Default::default())
        }),
    };
    let mut updates = cluster.follow();
    updates.recv().await.expect("what there is at the start");
    let watching = |request: &viaduct_testkit::apiserver::Request| request.verb == "watch";
    server.wait_request("a watch", watching);
    relay.freeze();
    let frozen = Instant::now();
    server.apply(
        "{apiVersion: v1, kind: Service, metadata: {name: late, namespace: web}, spec: {ports: [{port: 80}]}}",
    );
    let news = tokio::time::timeout(Duration::from_secs(30), updates.recv()).await;
    assert!(news.expect("the change is seen").is_some());
    // By default ten times as long, which is the minute that there is.
    assert!(
        frozen.elapsed() < Duration::from_secs(6),
        "{:?}",
        frozen.elapsed()
    );
}
