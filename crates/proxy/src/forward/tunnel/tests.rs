use std::time::{Duration, Instant};

use crate::config::RespondingTimeouts;
use crate::testing::{Origin, Proxy, Raw, run};

const SHORT: Duration = Duration::from_millis(400);

async fn tunnel(origin: &Origin, proxy: &Proxy) -> (Raw, Raw) {
    let mut client = proxy.client().await;
    client
        .send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        .await;
    let mut backend = origin.accept().await;
    backend.head().await;
    backend
        .send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        .await;
    client.head().await;
    (client, backend)
}

#[test]
fn c73_a_tunnel_that_carries_nothing_ends_and_one_that_pings_does_not() {
    run(async {
        let origin = Origin::listen().await;
        let timeouts = RespondingTimeouts {
            tunnel: SHORT,
            ..RespondingTimeouts::default()
        };
        let proxy = Proxy::timed(&origin.url, timeouts).await;
        let (mut silent, mut abandoned) = tunnel(&origin, &proxy).await;
        let (mut client, mut backend) = tunnel(&origin, &proxy).await;
        let since = Instant::now();
        // One way is enough, whichever it is.
        for _ in 0..6 {
            client.send("p").await;
            backend.exactly(1).await;
            tokio::time::sleep(SHORT / 4).await;
        }
        for _ in 0..6 {
            backend.send("p").await;
            client.exactly(1).await;
            tokio::time::sleep(SHORT / 4).await;
        }
        assert!(since.elapsed() > 2 * SHORT);
        assert_eq!((silent.rest().await, abandoned.rest().await), Default::default());
        assert_eq!((client.rest().await, backend.rest().await), Default::default());
    });
}
