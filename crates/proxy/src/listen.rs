//! Step 1: accept.

pub(crate) mod quic;

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::rc::Rc;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};
use viaduct_observe::counters::Carrier;

use crate::drain::Seat;
use crate::hello;
use crate::worker::Worker;

/// Whether other sockets may listen at the same address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    /// Fails where anybody else listens, another process of ours included.
    Alone,
    /// SO_REUSEPORT: the kernel spreads connections over the sockets.
    AmongWorkers,
}

/// A listening socket.
pub(crate) fn open(address: SocketAddr, share: Share) -> io::Result<StdListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // `[::]` takes IPv4 as well.
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(share == Share::AmongWorkers)?;
    // Accepted sockets inherit both: two system calls less per connection.
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE))?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Accepts until the drain begins, and then what the kernel has queued.
pub(crate) async fn accept_loop(worker: Rc<Worker>, entry_point: usize, listener: StdListener) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "cannot serve a listening socket"),
    };
    let door = Door {
        local: listener
            .local_addr()
            .ok()
            .filter(|local| !local.ip().is_unspecified()),
        limit: connection_limit(&worker, entry_point),
        worker,
        entry_point,
    };
    tokio::select! {
        biased;
        () = door.worker.drain.begun(entry_point) => {}
        () = door.accept(&listener) => {}
    }
    while let Some(Ok((socket, client))) = listener.accept().now_or_never() {
        door.admit(socket, client);
    }
}

/// One listener of one worker.
struct Door {
    worker: Rc<Worker>,
    entry_point: usize,
    /// Every connection's own address, unless the listener takes several.
    local: Option<SocketAddr>,
    limit: usize,
}

impl Door {
    async fn accept(&self, listener: &TcpListener) {
        loop {
            self.worker.drain.below(self.limit).await;
            match listener.accept().await {
                Ok((socket, client)) => self.admit(socket, client),
                Err(error) => back_off(&error).await,
            }
        }
    }

    fn admit(&self, socket: TcpStream, client: SocketAddr) {
        let seat = Seat::take(Rc::clone(&self.worker));
        let (worker, entry_point, local) = (Rc::clone(&self.worker), self.entry_point, self.local);
        drop(tokio::task::spawn_local(async move {
            seat.enroll().await;
            let Some(local) = local.or_else(|| socket.local_addr().ok()) else {
                return;
            };
            worker.counters.connection_opened(entry_point, Carrier::Tcp);
            let arrival = hello::Arrival {
                entry_point,
                client,
                local,
                seat,
            };
            hello::greet(Rc::clone(&worker), socket, arrival).await;
            worker.counters.connection_closed(entry_point, Carrier::Tcp);
        }));
    }
}

/// The configured limit, or what the process's descriptors allow: a part is kept for backends (R10).
fn connection_limit(worker: &Worker, entry_point: usize) -> usize {
    let configured = worker
        .config
        .entry_points
        .get(entry_point)
        .map_or(0, |entry| entry.limits.connections);
    match rustix::process::getrlimit(rustix::process::Resource::Nofile).current {
        None => configured,
        Some(descriptors) => {
            let descriptors = usize::try_from(descriptors).unwrap_or(usize::MAX);
            let clients = descriptors.saturating_sub(OWN).saturating_mul(CLIENTS_PERCENT) / 100;
            configured.min((clients / worker.config.workers.max(1)).max(1))
        }
    }
}

/// Out of descriptors or memory: what waits in the kernel's queue can wait a little longer (R10).
async fn back_off(error: &io::Error) {
    match error.kind() {
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted => {}
        _ => {
            if is_time_to_tell() {
                tracing::warn!(%error, "cannot accept connections; trying again");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Every listener of every worker fails at once: one line says it for all of them.
fn is_time_to_tell() -> bool {
    static TOLD: Mutex<Option<Instant>> = Mutex::new(None);
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    let now = Instant::now();
    if told.is_some_and(|told| now.duration_since(told) < TELL_EVERY) {
        return false;
    }
    *told = Some(now);
    true
}

const BACKLOG: i32 = 8192;
/// A client that is gone without a word is found while a request or a tunnel waits; as Traefik.
const KEEPALIVE: Duration = Duration::from_secs(180);
const PAUSE: Duration = Duration::from_millis(100);
const TELL_EVERY: Duration = Duration::from_secs(10);
/// Descriptors for listeners, logs, the runtime and the control plane.
const OWN: usize = 32;
/// Of a hundred others, how many clients may take.
const CLIENTS_PERCENT: usize = 85;
