//! Load that notices every lost request.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use viaduct_testkit::http1::Connection;
use viaduct_testkit::tls::{Client, Dial};
use viaduct_testkit::viaduct::Viaduct;
use viaduct_testkit::wait::wait_until;

use crate::fixture::{HOST, Pki};

/// Two clients until [`Traffic::finish`]: one keeps its connection, one makes a new one per request.
pub(crate) struct Traffic {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<Vec<String>>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    answered: AtomicU64,
}

impl Traffic {
    pub(crate) fn start(viaduct: &Viaduct, pki: &Arc<Pki>) -> Self {
        Self::at(viaduct.websecure(), pki)
    }

    /// At a TLS entry point.
    pub(crate) fn at(address: SocketAddr, pki: &Arc<Pki>) -> Self {
        let shared = Arc::new(Shared::default());
        let clients = [true, false].map(|keep| {
            let (shared, pki) = (Arc::clone(&shared), Arc::clone(pki));
            std::thread::spawn(move || shared.run(keep, || Dial::new(address, &pki.edge_ca).connect(HOST)))
        });
        Self {
            shared,
            clients: clients.into(),
        }
    }

    /// Waits until `count` more requests have been answered.
    #[track_caller]
    pub(crate) fn pass(&self, count: u64) {
        let goal = self.shared.answered.load(Ordering::Relaxed) + count;
        wait_until(&format!("{count} more answers; are requests lost?"), || {
            self.shared.answered.load(Ordering::Relaxed) >= goal
                || self.clients.iter().any(JoinHandle::is_finished)
        });
    }

    /// Stops; fails if any request was lost.
    #[track_caller]
    pub(crate) fn finish(self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        let lost: Vec<String> = self
            .clients
            .into_iter()
            .flat_map(|client| client.join().expect("a client's thread"))
            .collect();
        assert!(
            lost.is_empty(),
            "lost {} requests, such as {:?}",
            lost.len(),
            lost.iter().take(3).collect::<Vec<_>>()
        );
        assert!(
            self.shared.answered.load(Ordering::Relaxed) > 0,
            "no request was made"
        );
    }
}

impl Shared {
    /// What was lost; ends early when much is.
    fn run(&self, keep: bool, dial: impl Fn() -> std::io::Result<Client>) -> Vec<String> {
        let mut lost = Vec::new();
        let mut kept: Option<Connection<Client>> = None;
        while !self.stop.load(Ordering::Relaxed) && lost.len() < 20 {
            let mut connection = match kept.take() {
                Some(connection) => connection,
                None => match dial() {
                    Ok(stream) => Connection::new(stream),
                    Err(error) => {
                        lost.push(format!("handshake: {error}"));
                        continue;
                    }
                },
            };
            connection.send(format!("GET /under-load HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
            match connection.response() {
                Some(response) if response.status == 200 => {
                    self.answered.fetch_add(1, Ordering::Relaxed);
                    if keep && response.header("connection") != Some("close") {
                        kept = Some(connection);
                    }
                }
                Some(response) => lost.push(format!("{} {}", response.status, response.text())),
                None => lost.push("closed without an answer".to_owned()),
            }
        }
        lost
    }
}
