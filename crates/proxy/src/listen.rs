//! Step 1: accept.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::rc::Rc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

use crate::drain::Guard;
use crate::hello;
use crate::worker::Worker;

/// A listening socket that several workers can open at the same address.
pub(crate) fn open(address: SocketAddr) -> io::Result<StdListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // `[::]` takes IPv4 as well.
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    // Accepted sockets inherit it: one system call less per connection.
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Accepts until the drain begins.
pub(crate) async fn accept_loop(worker: Rc<Worker>, entry_point: usize, listener: StdListener) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "cannot serve a listening socket"),
    };
    tokio::select! {
        _grace = worker.drain.begun() => {}
        () = accept(&worker, entry_point, &listener) => {}
    }
}

async fn accept(worker: &Rc<Worker>, entry_point: usize, listener: &TcpListener) {
    let limit = worker
        .config
        .entry_points
        .get(entry_point)
        .map_or(0, |entry| entry.limits.connections);
    loop {
        worker.drain.below(limit).await;
        match listener.accept().await {
            Ok((socket, client)) => {
                let guard = Guard::new(Rc::clone(worker));
                let worker = Rc::clone(worker);
                tokio::task::spawn_local(async move {
                    hello::greet(worker, entry_point, socket, client).await;
                    drop(guard);
                });
            }
            Err(error) => back_off(&error).await,
        }
    }
}

/// Out of descriptors or memory: what waits in the kernel's queue can wait a little longer (R10).
async fn back_off(error: &io::Error) {
    match error.kind() {
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted => {}
        _ => {
            tracing::warn!(%error, "cannot accept");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

const BACKLOG: i32 = 8192;
const PAUSE: Duration = Duration::from_millis(100);
