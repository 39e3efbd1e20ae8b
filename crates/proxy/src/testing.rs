//! A worker with one plain entry point on loopback, scripted origins and a raw client: for the tests of
//! this crate.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use viaduct_config::dynamic::Dynamic;
use viaduct_config::{EntryPointName, ProviderName, Update};
use viaduct_observe::access_log::Options;
use viaduct_observe::sink::{Output, Sink};
use viaduct_observe::{AccessLog, Format, WorkerCounters};
use viaduct_snapshot::{EntryPointInstall, Inputs, Install, Snapshot, compile};
use viaduct_tls::{CertificateStore, Identity};

use crate::config::{Config, EntryPointConfig, ForwardedTrust, RespondingTimeouts};
use crate::drain::{Drain, Seat};
use crate::enforced::Enforced;
use crate::hello::{self, Arrival};
use crate::runtime::LocalExecutor;
use crate::wire::{Connection, Leg};
use crate::worker::Worker;

/// Runs a test as a worker runs: one thread, local tasks.
pub(crate) fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default())
        .unwrap()
        .block_on(async { tokio::time::timeout(PATIENCE, test).await })
        .expect("the test hangs");
}

/// A proxy under test.
pub(crate) struct Proxy {
    pub(crate) worker: Rc<Worker>,
    pub(crate) address: SocketAddr,
    accepted: Rc<Cell<usize>>,
}

impl Proxy {
    /// `dynamic`: the file provider's shape, as JSON.
    pub(crate) async fn start(dynamic: serde_json::Value, trust: ForwardedTrust) -> Self {
        Self::serve(worker(snapshot(dynamic, None), trust, None)).await
    }

    /// As [`to`](Self::to), with an access log.
    pub(crate) async fn logged<'u>(urls: impl IntoIterator<Item = &'u str>) -> (Self, Log) {
        let log = Log::open();
        let dynamic = service(urls, serde_json::json!({}));
        let worker = worker(
            snapshot(dynamic, None),
            ForwardedTrust::default(),
            Some(log.worker_end()),
        );
        (Self::serve(worker).await, log)
    }

    async fn serve(worker: Rc<Worker>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepted = Rc::default();
        drop(tokio::task::spawn_local(accept(
            listener,
            Rc::clone(&worker),
            Rc::clone(&accepted),
        )));
        Self {
            worker,
            address,
            accepted,
        }
    }

    /// One service with these servers, for every host.
    pub(crate) async fn to<'u>(urls: impl IntoIterator<Item = &'u str>) -> Self {
        Self::start(service(urls, serde_json::json!({})), ForwardedTrust::default()).await
    }

    /// As [`to`](Self::to), with these time-outs.
    pub(crate) async fn timed(url: &str, timeouts: RespondingTimeouts) -> Self {
        let dynamic = service([url], serde_json::json!({}));
        Self::configured(dynamic, |entry_point| entry_point.timeouts = timeouts).await
    }

    /// As [`start`](Self::start), with an entry point of other settings.
    pub(crate) async fn configured(
        dynamic: serde_json::Value,
        set: impl FnOnce(&mut EntryPointConfig),
    ) -> Self {
        let mut worker = worker(snapshot(dynamic, None), ForwardedTrust::default(), None);
        let config = Rc::get_mut(&mut worker).map(|worker| &mut worker.config);
        set(&mut Arc::get_mut(config.unwrap()).unwrap().entry_points[0]);
        Self::serve(worker).await
    }

    /// One server behind a servers transport.
    pub(crate) async fn with_transport(url: &str, transport: serde_json::Value) -> Self {
        Self::start(service([url], transport), ForwardedTrust::default()).await
    }

    pub(crate) fn reload(&self, dynamic: serde_json::Value) {
        let previous = self.worker.snapshot();
        self.worker.install(snapshot(dynamic, Some(&previous)));
    }

    /// Client connections so far.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.get()
    }

    pub(crate) async fn client(&self) -> Raw {
        Raw::connect(self.address).await
    }

    /// One `GET` on a connection of its own.
    pub(crate) async fn get(&self, path: &str) -> Raw {
        let mut client = self.client().await;
        client
            .send(&format!("GET {path} HTTP/1.1\r\nHost: web.example.com\r\n\r\n"))
            .await;
        client
    }
}

/// An access log that a test reads.
pub(crate) struct Log {
    sink: Sink,
    written: Written,
}

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn open() -> Self {
        let written = Written::default();
        let sink = Sink::open("access-log", Output::Writer(Box::new(written.clone()))).unwrap();
        Self { sink, written }
    }

    fn worker_end(&self) -> AccessLog {
        let options = Options {
            format: Format::Json,
            ..Options::default()
        };
        AccessLog::new(&self.sink, options)
    }

    /// The first `count` entries; waits for them, and for no more to be there.
    pub(crate) async fn entries(&self, worker: &Worker, count: usize) -> Vec<serde_json::Value> {
        loop {
            worker.access_log.as_ref().unwrap().borrow_mut().flush();
            assert!(self.sink.flush(PATIENCE));
            let text = String::from_utf8(self.written.0.lock().unwrap().clone()).unwrap();
            if text.lines().count() >= count {
                let entries: Vec<_> = text
                    .lines()
                    .map(|line| serde_json::from_str(line).unwrap())
                    .collect();
                assert_eq!(entries.len(), count, "{text}");
                return entries;
            }
            tokio::task::yield_now().await;
        }
    }
}

/// The configuration of [`Proxy::to`].
pub(crate) fn service<'u>(
    urls: impl IntoIterator<Item = &'u str>,
    transport: serde_json::Value,
) -> serde_json::Value {
    let servers: Vec<_> = urls
        .into_iter()
        .map(|url| serde_json::json!({ "url": url }))
        .collect();
    serde_json::json!({ "http": {
        "routers": { "web": { "rule": "PathPrefix(`/`)", "service": "web" } },
        "services": { "web": { "loadBalancer": { "servers": servers, "serversTransport": "to-web" } } },
        "serversTransports": { "to-web": transport },
    } })
}

pub(crate) fn snapshot(dynamic: serde_json::Value, previous: Option<&Snapshot>) -> Arc<Snapshot> {
    static DEFAULT: OnceLock<Arc<Identity>> = OnceLock::new();
    let dynamic: Dynamic = serde_json::from_value(dynamic).unwrap();
    let install = Install {
        entry_points: vec![EntryPointInstall {
            name: EntryPointName::new("web"),
            tls: None,
            middlewares: Vec::new(),
            as_default: true,
        }],
        ..Install::default()
    };
    let inputs = Inputs {
        install: &install,
        updates: &[Arc::new(Update::new(ProviderName::new("file"), dynamic))],
        generated_default: Arc::clone(DEFAULT.get_or_init(|| Arc::new(CertificateStore::generate_default()))),
        staples: None,
        overlaps: None,
    };
    let (snapshot, findings) = compile(&inputs, previous);
    for finding in findings {
        println!("{finding:?}");
    }
    snapshot
}

fn worker(snapshot: Arc<Snapshot>, forwarded: ForwardedTrust, log: Option<AccessLog>) -> Rc<Worker> {
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    let entry_point = EntryPointConfig {
        forwarded,
        expose_faults: true,
        ..EntryPointConfig::new(EntryPointName::new("web"), address)
    };
    let worker = Worker {
        internal: None,
        enforced: (Arc::new(Enforced::new(1)), 0),
        terminating: Cell::new(false),
        config: Arc::new(Config {
            workers: 1,
            entry_points: vec![entry_point],
        }),
        snapshot: RefCell::new(Rc::new(Arc::clone(&snapshot))),
        upstreams: Default::default(),
        balancers: Default::default(),
        access_log: log.map(RefCell::new),
        tracer: None,
        counters: Arc::new(WorkerCounters::new(["web".into()])),
        drain: Drain::new(1),
        labels: Default::default(),
        fault_log: Default::default(),
        passwords: Default::default(),
        in_flight: Default::default(),
        headers_held: Default::default(),
        alt_svc: Vec::new(),
    };
    worker.install(snapshot);
    Rc::new(worker)
}

/// A client's connection without a socket.
pub(crate) fn connection(trust: ForwardedTrust, leg: Leg) -> Rc<Connection> {
    let worker = worker(snapshot(serde_json::json!({}), None), trust, None);
    let client = SocketAddr::from(([10, 0, 0, 1], 40_000));
    let local = SocketAddr::from(([127, 0, 0, 1], 8443));
    Connection::new(worker, 0, client, local, leg)
}

/// TLS facts and policy of a client that nobody looks at.
pub(crate) fn secure() -> Leg {
    Leg::Secure {
        policy: viaduct_snapshot::PolicyId(1),
        facts: Arc::new(viaduct_observe::ClientLeg {
            version: "1.3",
            cipher: "TLS_AES_128_GCM_SHA256",
            group: None,
            sni: None,
            resumed: false,
            took: Duration::ZERO,
            client_subject: None,
            members: viaduct_observe::record::Members::default(),
        }),
        peer: Vec::new(),
    }
}

async fn accept(listener: TcpListener, worker: Rc<Worker>, accepted: Rc<Cell<usize>>) {
    while let Ok((stream, client)) = listener.accept().await {
        accepted.set(accepted.get() + 1);
        let local = stream.local_addr().unwrap();
        let seat = Seat::take(Rc::clone(&worker));
        let arrival = Arrival {
            entry_point: 0,
            client,
            local,
            seat,
        };
        let worker = Rc::clone(&worker);
        drop(tokio::task::spawn_local(async move {
            arrival.seat.enroll().await;
            hello::greet(worker, stream, arrival).await;
        }));
    }
}

/// A connection that speaks bytes.
pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
    /// Read but not yet asked for.
    unread: Vec<u8>,
}

impl Raw {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect(address).await.unwrap())
    }

    pub(crate) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            unread: Vec::new(),
        }
    }

    /// Whether it begins with a ClientHello; waits until it begins.
    pub(crate) async fn is_tls(&self) -> bool {
        let mut first = [0];
        self.stream.peek(&mut first).await.unwrap() == 1 && first == [0x16]
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    /// Up to and with `end`; panics when the connection ends before.
    pub(crate) async fn until(&mut self, end: &str) -> String {
        loop {
            if let Some(place) = memchr::memmem::find(&self.unread, end.as_bytes()) {
                let behind = self.unread.split_off(place + end.len());
                let text = std::mem::replace(&mut self.unread, behind);
                return String::from_utf8(text).unwrap();
            }
            let mut buffer = [0; 4096];
            let count = self.stream.read(&mut buffer).await.unwrap();
            assert!(
                count > 0,
                "ended behind {:?}",
                String::from_utf8_lossy(&self.unread)
            );
            self.unread.extend_from_slice(&buffer[..count]);
        }
    }

    pub(crate) async fn head(&mut self) -> String {
        self.until("\r\n\r\n").await
    }

    pub(crate) async fn exactly(&mut self, count: usize) -> String {
        while self.unread.len() < count {
            let mut buffer = [0; 4096];
            let read = self.stream.read(&mut buffer).await.unwrap();
            assert!(
                read > 0,
                "ended behind {:?}",
                String::from_utf8_lossy(&self.unread)
            );
            self.unread.extend_from_slice(&buffer[..read]);
        }
        let behind = self.unread.split_off(count);
        String::from_utf8(std::mem::replace(&mut self.unread, behind)).unwrap()
    }

    /// Everything until the peer closes.
    pub(crate) async fn rest(&mut self) -> String {
        let mut text = std::mem::take(&mut self.unread);
        // A reset ends a connection too.
        let _ended = self.stream.read_to_end(&mut text).await;
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Head and `Content-Length` body.
    pub(crate) async fn response(&mut self) -> (String, String) {
        let head = self.head().await;
        let length = head
            .lines()
            .find_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix("content-length: ")?
                    .parse()
                    .ok()
            })
            .unwrap_or(0);
        let body = self.exactly(length).await;
        (head, body)
    }
}

/// A listener whose connections a test plays by hand.
pub(crate) struct Origin {
    listener: TcpListener,
    pub(crate) url: String,
}

impl Origin {
    pub(crate) async fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        Self { listener, url }
    }

    pub(crate) async fn accept(&self) -> Raw {
        Raw::new(self.listener.accept().await.unwrap().0)
    }
}

/// An HTTP/2 client with prior knowledge.
pub(crate) async fn http2(
    address: SocketAddr,
) -> hyper::client::conn::http2::SendRequest<http_body_util::Full<Bytes>> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (sender, connection) = hyper::client::conn::http2::handshake(LocalExecutor, TokioIo::new(stream))
        .await
        .unwrap();
    drop(tokio::task::spawn_local(async move {
        if let Err(error) = connection.await {
            println!("client: {error:?}");
        }
    }));
    sender
}

pub(crate) async fn text(body: hyper::body::Incoming) -> String {
    String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// For a whole test; nothing in one takes nearly as long.
const PATIENCE: Duration = Duration::from_secs(30);
