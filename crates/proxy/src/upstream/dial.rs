//! The steps to a server: names, sockets, TLS, HTTP. The pools take them for requests, [`probe`](crate::probe)
//! to see whether they can be taken.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hyper::client::conn::{http1, http2};
use hyper_util::rt::TokioTimer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use viaduct_snapshot::Timeouts;
use viaduct_tls::backend_leg::ClientAuthRecord;
use viaduct_tls::{BackendHandshake, EndpointTls, Fault, Reason, TlsStream};

use super::fault;
use super::link::{Route, Steps};

/// One address that was tried.
pub(crate) struct Tried {
    pub(crate) address: SocketAddr,
    pub(crate) took: Duration,
    /// `None`: it is the one that the connection leads to.
    pub(crate) fault: Option<Fault>,
}

/// A socket to one of the addresses that `resolving` gives, one after the other, each with its share of the
/// time left. `target`: the server, for messages. `limit` is for all of it, names included.
pub(crate) async fn connect(
    target: &str,
    limit: Option<Duration>,
    resolving: impl Future<Output = Result<Vec<SocketAddr>, Fault>>,
    tell: impl FnMut(Tried),
) -> Result<TcpStream, Fault> {
    let deadline = limit.map(|limit| Instant::now() + limit);
    let connecting = async {
        let addresses = resolving.await?;
        connect_to_any(target, deadline, &addresses, tell).await
    };
    match limit {
        Some(limit) => timeout(limit, connecting)
            .await
            .unwrap_or_else(|_| Err(fault::timed_out(Reason::ConnectTimeout, &wanted(target), limit))),
        None => connecting.await,
    }
}

async fn connect_to_any(
    target: &str,
    deadline: Option<Instant>,
    addresses: &[SocketAddr],
    mut tell: impl FnMut(Tried),
) -> Result<TcpStream, Fault> {
    let mut failure = None;
    for (index, &address) in addresses.iter().enumerate() {
        let left = u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
        let started = Instant::now();
        let connect = TcpStream::connect(address);
        let outcome = match deadline {
            Some(deadline) => {
                let share = deadline.saturating_duration_since(started) / left;
                timeout_at(started + share.max(SHORTEST_SHARE), connect)
                    .await
                    .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            }
            None => connect.await,
        };
        let took = started.elapsed();
        match outcome {
            Ok(stream) => {
                tune(&stream);
                let fault = None;
                tell(Tried { address, took, fault });
                return Ok(stream);
            }
            Err(error) => {
                let fault = failure.insert(fault::of_connect(&error, target)).clone();
                let fault = Some(fault);
                tell(Tried { address, took, fault });
            }
        }
    }
    Err(failure.unwrap_or_else(|| fault::new(Reason::Dns, wanted(target), "a name without addresses")))
}

/// Whether a server answers a ClientHello with a TLS record, be it an alert. Waits for at most [`LOOK`].
///
/// Cancel safe.
pub(crate) async fn wants_tls(host: &str, port: u16) -> bool {
    let look = async {
        let addresses = resolve(host, port).await.ok()?;
        let mut stream = TcpStream::connect(&*addresses).await.ok()?;
        stream.write_all(CLIENT_HELLO).await.ok()?;
        let mut beginning = [0; 2];
        stream.read_exact(&mut beginning).await.ok()?;
        Some(is_tls_record(&beginning))
    };
    timeout(LOOK, look).await.ok().flatten().unwrap_or(false)
}

/// An alert or a handshake record of any TLS version. HTTP begins with `H`.
pub(super) fn is_tls_record(beginning: &[u8]) -> bool {
    matches!(beginning, [0x15 | 0x16, 3, ..])
}

/// The addresses of a server's host.
pub(crate) async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, Fault> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    match tokio::net::lookup_host((host, port)).await {
        Ok(found) => Ok(found.take(MOST_ADDRESSES).collect()),
        Err(error) => Err(fault::new(
            Reason::Dns,
            format!("the address of {host}"),
            error.to_string(),
        )),
    }
}

/// Whether the host needs no resolver.
pub(crate) fn is_address(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok()
}

/// The TLS handshake, in the time there is for it. `record`: what the server asked for, also where it fails.
pub(crate) async fn handshake(
    stream: TcpStream,
    tls: &EndpointTls,
    limit: Duration,
    record: &mut Option<ClientAuthRecord>,
) -> Result<(TlsStream<TcpStream>, BackendHandshake), Fault> {
    timeout(limit, viaduct_tls::stream::connect_noting(stream, tls, record))
        .await
        .unwrap_or_else(|_| {
            Err(fault::timed_out(
                Reason::HandshakeTimeout,
                "a finished TLS handshake",
                limit,
            ))
        })
}

pub(crate) fn http1_builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.read_buf_exact_size(Some(READ_BUFFER));
    builder
}

pub(crate) fn http2_builder<E: Clone>(executor: E, timeouts: Timeouts) -> http2::Builder<E> {
    let mut builder = http2::Builder::new(executor);
    builder
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(HEADER_LIST)
        .max_send_buf_size(SEND_BUFFER)
        .max_concurrent_reset_streams(REMEMBERED)
        .reset_stream_duration(REMEMBERED_FOR)
        .max_local_error_reset_streams(1024)
        .keep_alive_interval(timeouts.read_idle)
        .keep_alive_timeout(timeouts.ping)
        .keep_alive_while_idle(true);
    builder
}

/// HTTP/2's own beginning, in the time there is for a handshake.
pub(crate) async fn preface<T>(
    limit: Duration,
    beginning: impl Future<Output = hyper::Result<T>>,
) -> Result<T, Fault> {
    timeout(limit, beginning)
        .await
        .map_err(|_| fault::timed_out(Reason::HandshakeTimeout, "an HTTP/2 connection", limit))?
        .map_err(|error| fault::new(Reason::BadResponse, "an HTTP/2 connection", error.to_string()))
}

impl Route {
    pub(crate) fn of(stream: &TcpStream) -> io::Result<Self> {
        Ok(Self {
            local: stream.local_addr()?,
            peer: stream.peer_addr()?,
            steps: Steps::default(),
        })
    }
}

/// Failing to set these costs speed, not correctness.
fn tune(stream: &TcpStream) {
    let keepalive = socket2::TcpKeepalive::new()
        .with_time(KEEPALIVE)
        .with_interval(KEEPALIVE);
    let tuned = stream
        .set_nodelay(true)
        .and_then(|()| socket2::SockRef::from(stream).set_tcp_keepalive(&keepalive));
    if let Err(error) = tuned {
        tracing::debug!(%error, "cannot set options of a backend socket");
    }
}

fn wanted(target: &str) -> String {
    format!("a connection to {target}")
}

/// TLS 1.2, a random of 32 dots, one cipher suite (ECDHE_RSA_WITH_AES_128_GCM_SHA256), no extension: nobody goes on from
/// here, but whoever speaks TLS answers.
const CLIENT_HELLO: &[u8; 50] =
    b"\x16\x03\x01\x00\x2d\x01\x00\x00\x29\x03\x03................................\x00\x00\x02\xc0\x2f\x01\x00";
/// For a look at what a server wants, names and socket included.
const LOOK: Duration = Duration::from_secs(1);
/// One read from a server, and the most that a response head may take.
const READ_BUFFER: usize = 32 * 1024;
/// What a server may send ahead of a slow client.
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;
const HEADER_LIST: u32 = 64 * 1024;
const SEND_BUFFER: usize = 256 * 1024;
/// Streams that clients have given up. What a server still sends on one that is forgotten counts as its error, and
/// enough of those would end the connection, and with it the requests of all other clients.
const REMEMBERED: usize = 8192;
const REMEMBERED_FOR: Duration = Duration::from_secs(2);
/// Go's dialer, as Traefik sets it.
const KEEPALIVE: Duration = Duration::from_secs(30);
const SHORTEST_SHARE: Duration = Duration::from_secs(2);
const MOST_ADDRESSES: usize = 16;
