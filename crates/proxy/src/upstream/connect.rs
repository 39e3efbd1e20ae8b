//! Opens connections: names, sockets, TLS, HTTP.

use std::cell::Cell;
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use viaduct_snapshot::{Scheme, Timeouts};
use viaduct_tls::backend_leg::Offer;
use viaduct_tls::{Fault, Reason};

use crate::runtime::LocalExecutor;

use super::fault;
use super::link::{Link, Route};
use super::pool::{Idle, Pool, Shared};
use super::watched::Watched;

/// A connection that nobody has used.
pub(super) enum Fresh {
    Http1(Idle),
    Http2(Rc<Shared>),
}

/// Opens a connection to the pool's server, within the transport's time-outs.
pub(super) async fn open(pool: &Pool, offer: Offer) -> Result<Fresh, Fault> {
    let limit = pool.transport.timeouts.dial;
    let stream = match limit {
        Some(limit) => timeout(limit, dial(pool, Some(Instant::now() + limit)))
            .await
            .unwrap_or_else(|_| Err(fault::timed_out(Reason::ConnectTimeout, &wanted(pool), limit)))?,
        None => dial(pool, None).await?,
    };
    let route = route(&stream).map_err(|error| fault::of_connect(&error, &target(pool)))?;
    let notes = Arc::default();
    let timeouts = pool.transport.timeouts;
    match pool.scheme {
        Scheme::Https => secure(pool, stream, route, offer).await,
        // Servers of HTTP/2 with prior knowledge take upgrades over HTTP/1.1, if at all.
        Scheme::H2c if offer == Offer::H2OrHttp1 => {
            let link = Link::plain(route, &notes);
            http2(Watched::new(stream, notes), link, timeouts).await
        }
        Scheme::Http | Scheme::H2c => {
            let link = Link::plain(route, &notes);
            http1(Watched::new(stream, notes), link).await
        }
    }
}

async fn secure(pool: &Pool, stream: TcpStream, route: Route, offer: Offer) -> Result<Fresh, Fault> {
    let tls = pool.endpoint_tls(offer)?;
    let transport = &pool.transport;
    let limit = transport.timeouts.handshake;
    let started = Instant::now();
    let (stream, handshake) = timeout(limit, viaduct_tls::stream::connect(stream, &tls))
        .await
        .unwrap_or_else(|_| {
            Err(fault::timed_out(
                Reason::HandshakeTimeout,
                "a finished TLS handshake",
                limit,
            ))
        })?;
    let notes = Arc::default();
    let policy = transport.tls.policy();
    let link = Link::secure(route, &notes, policy, &tls, &handshake, started.elapsed())?;
    let stream = Watched::new(stream, notes);
    if handshake.alpn_h2 {
        http2(stream, link, transport.timeouts).await
    } else {
        http1(stream, link).await
    }
}

fn route(stream: &TcpStream) -> std::io::Result<Route> {
    Ok(Route {
        local: stream.local_addr()?,
        peer: stream.peer_addr()?,
    })
}

/// One address after the other, each with its share of the time left.
async fn dial(pool: &Pool, deadline: Option<Instant>) -> Result<TcpStream, Fault> {
    let addresses = resolve(pool).await?;
    let mut failure = None;
    for (index, address) in addresses.iter().enumerate() {
        let left = u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
        let connect = TcpStream::connect(address);
        let outcome = match deadline {
            Some(deadline) => {
                let now = Instant::now();
                let share = deadline.saturating_duration_since(now) / left;
                timeout_at(now + share.max(SHORTEST_SHARE), connect)
                    .await
                    .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
            }
            None => connect.await,
        };
        match outcome {
            Ok(stream) => {
                tune(&stream);
                return Ok(stream);
            }
            Err(error) => failure = Some(fault::of_connect(&error, &target(pool))),
        }
    }
    Err(failure.unwrap_or_else(|| fault::new(Reason::Dns, wanted(pool), "a name without addresses")))
}

/// The server's addresses; those known from before when the resolver fails.
async fn resolve(pool: &Pool) -> Result<Vec<SocketAddr>, Fault> {
    if let Ok(address) = pool.host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, pool.port)]);
    }
    match tokio::net::lookup_host((&*pool.host, pool.port)).await {
        Ok(found) => {
            let found: Vec<_> = found.take(MOST_ADDRESSES).collect();
            pool.addresses.replace(found.clone());
            Ok(found)
        }
        Err(error) => {
            let known = pool.addresses.borrow().clone();
            if known.is_empty() {
                return Err(fault::new(
                    Reason::Dns,
                    format!("the address of {}", pool.host),
                    error.to_string(),
                ));
            }
            Ok(known)
        }
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

async fn http1<IO>(io: IO, link: Link) -> Result<Fresh, Fault>
where
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (sender, connection) = http1::Builder::new()
        .read_buf_exact_size(Some(READ_BUFFER))
        .handshake(TokioIo::new(io))
        .await
        .map_err(|error| {
            fault::new(
                Reason::HandshakeFailed,
                "an HTTP/1.1 connection",
                error.to_string(),
            )
        })?;
    drop(tokio::task::spawn_local(async move {
        // Whoever waits for an answer is told; an idle connection may end as it likes.
        if let Err(error) = connection.with_upgrades().await {
            tracing::trace!(%error, "backend connection ended");
        }
    }));
    Ok(Fresh::Http1(Idle {
        sender,
        link: Rc::new(link),
    }))
}

async fn http2<IO>(io: IO, link: Link, timeouts: Timeouts) -> Result<Fresh, Fault>
where
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut builder = http2::Builder::new(LocalExecutor);
    builder
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(HEADER_LIST)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(timeouts.read_idle)
        .keep_alive_timeout(timeouts.ping)
        .keep_alive_while_idle(true);
    let (sender, mut connection) = timeout(timeouts.handshake, builder.handshake(TokioIo::new(io)))
        .await
        .map_err(|_| {
            fault::timed_out(
                Reason::HandshakeTimeout,
                "an HTTP/2 connection",
                timeouts.handshake,
            )
        })?
        .map_err(|error| fault::new(Reason::BadResponse, "an HTTP/2 connection", error.to_string()))?;
    let limit = Rc::new(Cell::new(connection.current_max_send_streams()));
    let kept_up = Rc::clone(&limit);
    drop(tokio::task::spawn_local(poll_fn(move |cx| {
        let ended = Pin::new(&mut connection).poll(cx);
        kept_up.set(connection.current_max_send_streams());
        match ended {
            Poll::Ready(Err(error)) => {
                tracing::trace!(%error, "backend connection ended");
                Poll::Ready(())
            }
            Poll::Ready(Ok(())) => Poll::Ready(()),
            Poll::Pending => Poll::Pending,
        }
    })));
    Ok(Fresh::Http2(Shared::new(sender, Rc::new(link), limit)))
}

fn target(pool: &Pool) -> String {
    format!("{}:{}", pool.host, pool.port)
}

fn wanted(pool: &Pool) -> String {
    format!("a connection to {}", target(pool))
}

/// One read from a server, and the most that a response head may take.
const READ_BUFFER: usize = 32 * 1024;
/// What a server may send ahead of a slow client.
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;
const HEADER_LIST: u32 = 64 * 1024;
const SEND_BUFFER: usize = 256 * 1024;
/// Go's dialer, as Traefik sets it.
const KEEPALIVE: Duration = Duration::from_secs(30);
const SHORTEST_SHARE: Duration = Duration::from_secs(2);
const MOST_ADDRESSES: usize = 16;
