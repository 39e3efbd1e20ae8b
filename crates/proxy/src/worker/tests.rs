//! Real workers on loopback, TLS clients of our own.

use std::io;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::task::{Context, Poll};

use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use viaduct_tls::backend_leg::{Offer, Verification};
use viaduct_tls::names::Versions;
use viaduct_tls::{
    BackendHandshake, BackendPolicy, BackendTls, EndpointTls, Fault, Reason, TlsStream, stream,
};

use super::*;
use crate::config::EntryPointConfig;
use crate::enforced::Enforced;
use crate::testing;

struct Edge {
    running: Running,
    address: SocketAddr,
    counters: Vec<Arc<WorkerCounters>>,
    _snapshots: watch::Sender<Arc<Snapshot>>,
}

fn config(workers: usize, grace: Duration) -> Config {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    Config {
        workers,
        entry_points: vec![EntryPointConfig {
            life_cycle: LifeCycle {
                grace,
                ..LifeCycle::default()
            },
            ..EntryPointConfig::new(EntryPointName::new("web"), address)
        }],
    }
}

/// Serves a TLS router for every host and a plain one, both without servers: 503 says that routing was
/// reached.
fn edge(workers: usize, tls: serde_json::Value) -> Edge {
    edge_with_grace(workers, tls, LONG)
}

fn edge_with_grace(workers: usize, tls: serde_json::Value, grace: Duration) -> Edge {
    let dynamic = json!({
        "http": {
            "routers": {
                "a": { "rule": "Host(`a.example.com`)", "service": "web", "tls": {} },
                "b": { "rule": "Host(`b.example.com`)", "service": "web", "tls": { "options": "b" } },
                "plain": { "rule": "PathPrefix(`/`)", "service": "web" },
            },
            "services": { "web": { "loadBalancer": { "servers": [] } } },
        },
        "tls": tls,
    });
    let bound = Bound::open(config(workers, grace)).unwrap();
    let address = bound.addresses()[0].1;
    let (sender, snapshots) = watch::channel(testing::snapshot(dynamic, None));
    let counters: Vec<_> = (0..workers)
        .map(|_| Arc::new(WorkerCounters::new(["web".into()])))
        .collect();
    let hands = Hands {
        snapshots,
        access_logs: Vec::new(),
        tracers: Vec::new(),
        counters: counters.clone(),
        internal: None,
        witness: None,
        enforced: Arc::new(Enforced::new(1)),
    };
    Edge {
        running: bound.serve(hands),
        address,
        counters,
        _snapshots: sender,
    }
}

fn options() -> serde_json::Value {
    json!({ "options": { "b": { "minVersion": "VersionTLS13" }, "default": { "maxVersion": "VersionTLS12" } } })
}

fn to(name: &str, offer: Offer) -> EndpointTls {
    let policy = BackendPolicy {
        verification: Verification::DangerSkip,
        shadow: None,
        server_name: Some(name.to_owned()),
        identities: Vec::new(),
        versions: Versions::default(),
        cipher_suites: None,
        peer_uri: None,
    };
    BackendTls::new(policy).unwrap().endpoint(name, offer).unwrap()
}

async fn shake<IO>(io: IO, tls: &EndpointTls) -> Result<(TlsStream<IO>, BackendHandshake), Fault>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    tokio::time::timeout(LONG, stream::connect(io, tls))
        .await
        .expect("the handshake hangs")
}

async fn connect(edge: &Edge, tls: &EndpointTls) -> Result<(TlsStream<TcpStream>, BackendHandshake), Fault> {
    shake(TcpStream::connect(edge.address).await.unwrap(), tls).await
}

/// One request; the status line of its answer.
async fn get<IO: AsyncRead + AsyncWrite + Unpin>(io: &mut IO, host: &str) -> String {
    io.write_all(format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes())
        .await
        .unwrap();
    let mut answer = String::new();
    io.read_to_string(&mut answer).await.unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn a2_20_one_entry_point_takes_tls_and_plain_text() {
    testing::run(async {
        let edge = edge(1, json!({}));
        let (mut secure, handshake) = connect(&edge, &to("a.example.com", Offer::Http1)).await.unwrap();
        assert_eq!(handshake.version, "1.3");
        assert_eq!(
            get(&mut secure, "a.example.com").await,
            "HTTP/1.1 503 Service Unavailable"
        );
        let (mut secure, _) = connect(&edge, &to("a.example.com", Offer::Http1)).await.unwrap();
        assert_eq!(
            get(&mut secure, "nobody.example.com").await,
            "HTTP/1.1 404 Not Found"
        );
        let mut plain = TcpStream::connect(edge.address).await.unwrap();
        assert_eq!(
            get(&mut plain, "nobody.example.com").await,
            "HTTP/1.1 503 Service Unavailable"
        );
        edge.running.drain();
    });
}

#[test]
fn c45_alpn_chooses_the_protocol() {
    testing::run(async {
        let edge = edge(1, json!({}));
        let (mut io, handshake) = connect(&edge, &to("a.example.com", Offer::H2OrHttp1))
            .await
            .unwrap();
        assert!(handshake.alpn_h2);
        io.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
            .await
            .unwrap();
        let mut frame = [0; 4];
        io.read_exact(&mut frame).await.unwrap();
        assert_eq!(frame[3], 4, "a SETTINGS frame");
        drop(io);
        edge.running.drain();
    });
}

#[test]
fn b15_tickets_resume_and_count() {
    testing::run(async {
        let edge = edge(1, json!({}));
        let tls = to("a.example.com", Offer::Http1);
        for resumed in [false, true] {
            let (mut io, handshake) = connect(&edge, &tls).await.unwrap();
            assert_eq!(handshake.resumed, resumed);
            get(&mut io, "a.example.com").await;
        }
        let totals = viaduct_observe::Totals::of(edge.counters.iter().map(Arc::as_ref));
        let client = totals
            .legs
            .iter()
            .find(|(leg, _)| **leg == viaduct_observe::Leg::Client)
            .unwrap()
            .1;
        assert_eq!((client.full_handshakes, client.resumed_handshakes), (1, 1));
        edge.running.drain();
    });
}

/// Sends one byte per segment, and one per read, at most.
struct ByteByByte(TcpStream);

impl AsyncRead for ByteByByte {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for ByteByByte {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, &buf[..buf.len().min(1)])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[test]
fn cve_2026_32305_a_hello_in_segments_gets_the_options_of_its_host() {
    testing::run(async {
        let edge = edge_with_grace(1, options(), Duration::ZERO);
        for (name, version) in [
            ("a.example.com", "1.2"),
            ("b.example.com", "1.3"),
            ("c.example.com", "1.2"),
        ] {
            let socket = TcpStream::connect(edge.address).await.unwrap();
            socket.set_nodelay(true).unwrap();
            let (_, handshake) = shake(ByteByByte(socket), &to(name, Offer::Http1)).await.unwrap();
            assert_eq!(handshake.version, version, "{name}");
            let (_, handshake) = connect(&edge, &to(name, Offer::Http1)).await.unwrap();
            assert_eq!(handshake.version, version, "{name}");
        }
        edge.running.drain();
    });
}

#[test]
fn a8_23_a_host_under_other_options_is_misdirected() {
    testing::run(async {
        let edge = edge(1, options());
        let (mut io, _) = connect(&edge, &to("a.example.com", Offer::Http1)).await.unwrap();
        assert_eq!(
            get(&mut io, "b.example.com").await,
            "HTTP/1.1 421 Misdirected Request"
        );
        edge.running.drain();
    });
}

#[test]
fn a8_6_sni_strict_refuses_unknown_names() {
    testing::run(async {
        let edge = edge(1, json!({ "options": { "default": { "sniStrict": true } } }));
        let fault = connect(&edge, &to("unknown.example.com", Offer::Http1))
            .await
            .err()
            .unwrap();
        assert_eq!(fault.reason, Reason::UnrecognizedName);
        edge.running.drain();
    });
}

#[test]
fn a2_1_a_port_that_is_served_is_refused_whoever_serves_it() {
    for workers in [1, 2] {
        let first = Bound::open(config(workers, LONG)).unwrap();
        let taken = first.addresses()[0].1;
        assert_ne!(taken.port(), 0);
        let mut second = config(workers, LONG);
        second.entry_points[0].address = taken;
        let error = Bound::open(second).err().unwrap();
        assert_eq!(error.source.kind(), io::ErrorKind::AddrInUse);
        assert_eq!(error.address, taken);
    }
}

#[test]
fn r19_every_worker_serves_and_none_outlives_the_drain() {
    let edge = edge(3, json!({}));
    let address = edge.address;
    testing::run(async move {
        for _ in 0..20 {
            let mut plain = TcpStream::connect(address).await.unwrap();
            assert_eq!(get(&mut plain, "a").await, "HTTP/1.1 503 Service Unavailable");
        }
    });
    edge.running.drain();
    assert_eq!(
        std::net::TcpStream::connect(address).unwrap_err().kind(),
        io::ErrorKind::ConnectionRefused
    );
}

#[test]
fn a2_12_each_entry_point_ends_its_own_life() {
    let at_once = config(2, LONG).entry_points.remove(0);
    let later = EntryPointConfig {
        name: EntryPointName::new("later"),
        life_cycle: LifeCycle {
            accept: Duration::from_secs(1),
            grace: LONG,
        },
        ..at_once.clone()
    };
    let bound = Bound::open(Config {
        workers: 2,
        entry_points: vec![at_once, later],
    })
    .unwrap();
    let addresses: Vec<_> = bound
        .addresses()
        .into_iter()
        .map(|(_, address)| address)
        .collect();
    let (_sender, snapshots) = watch::channel(testing::snapshot(json!({}), None));
    let running = bound.serve(Hands {
        snapshots,
        access_logs: Vec::new(),
        tracers: Vec::new(),
        counters: Vec::new(),
        internal: None,
        witness: None,
        enforced: Arc::new(Enforced::new(1)),
    });
    let began = std::time::Instant::now();
    let ending = std::thread::spawn(move || running.drain());
    testing::run(async move {
        // The first closes its door at once.
        while TcpStream::connect(addresses[0]).await.is_ok() {
            tokio::task::yield_now().await;
        }
        assert!(began.elapsed() < Duration::from_secs(1));
        // The other takes connections until its time has come.
        let mut client = TcpStream::connect(addresses[1]).await.unwrap();
        assert_eq!(get(&mut client, "a").await, "HTTP/1.1 404 Not Found");
        while TcpStream::connect(addresses[1]).await.is_ok() {
            tokio::task::yield_now().await;
        }
        assert!(began.elapsed() >= Duration::from_secs(1));
    });
    ending.join().unwrap();
}

const LONG: Duration = Duration::from_secs(20);
