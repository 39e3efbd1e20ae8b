//! Opens the connections of a pool.

use std::cell::Cell;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::Instant;
use viaduct_snapshot::{Scheme, Timeouts};
use viaduct_tls::Fault;
use viaduct_tls::backend_leg::Offer;

use super::dial;
use super::fault;
use super::link::{Link, Route, Steps};
use super::pool::{Idle, Pool, Shared};
use super::watched::Watched;

/// A connection that nobody has used.
pub(super) enum Fresh {
    Http1(Idle),
    Http2(Rc<Shared>),
}

/// Opens a connection to the pool's server, within the transport's time-outs.
pub(super) async fn open(pool: &Pool, offer: Offer) -> Result<Fresh, Fault> {
    let target = target(pool);
    let mut steps = Steps::default();
    let resolved = Cell::new(None);
    let resolving = async {
        let started = Instant::now();
        let found = addresses(pool).await;
        resolved.set((!dial::is_address(&pool.host)).then(|| started.elapsed()));
        found
    };
    let connecting = |tried: dial::Tried| steps.connecting += tried.took;
    let stream = dial::connect(&target, pool.transport.timeouts.dial, resolving, connecting).await?;
    steps.resolving = resolved.get();
    let route = Route::of(&stream).map_err(|error| fault::of_connect(&error, &target))?;
    let route = Route { steps, ..route };
    let notes = Arc::default();
    let timeouts = pool.transport.timeouts;
    match pool.scheme {
        Scheme::Https => secure(pool, stream, route, offer).await,
        // Servers of HTTP/2 with prior knowledge take upgrades over HTTP/1.1, if at all.
        Scheme::H2c if offer == Offer::H2OrHttp1 => {
            let link = Rc::new(Link::plain(route, &notes));
            http2(Watched::new(stream, notes), link, timeouts).await
        }
        Scheme::Http | Scheme::H2c => {
            let link = Rc::new(Link::plain(route, &notes));
            http1(Watched::new(stream, notes), link).await
        }
    }
}

async fn secure(pool: &Pool, stream: TcpStream, route: Route, offer: Offer) -> Result<Fresh, Fault> {
    let tls = pool.endpoint_tls(offer)?;
    let transport = &pool.transport;
    let started = Instant::now();
    let (stream, handshake) = dial::handshake(stream, &tls, transport.timeouts.handshake, &mut None).await?;
    let notes = Arc::default();
    let policy = transport.tls.policy();
    let link = Link::secure(route, &notes, policy, &tls, &handshake, started.elapsed())?;
    let link = pool.guard.admit(&transport.name, link)?;
    let stream = Watched::new(stream, notes);
    if handshake.alpn_h2 {
        http2(stream, link, transport.timeouts).await
    } else {
        http1(stream, link).await
    }
}

/// The server's addresses; those known from before when the resolver fails.
async fn addresses(pool: &Pool) -> Result<Vec<SocketAddr>, Fault> {
    match dial::resolve(&pool.host, pool.port).await {
        Ok(found) => {
            if !dial::is_address(&pool.host) {
                pool.addresses.replace(found.clone());
            }
            Ok(found)
        }
        Err(fault) => {
            let known = pool.addresses.borrow().clone();
            if known.is_empty() { Err(fault) } else { Ok(known) }
        }
    }
}

async fn http1<IO>(io: IO, link: Rc<Link>) -> Result<Fresh, Fault>
where
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (sender, connection) = dial::http1_builder()
        .handshake(TokioIo::new(io))
        .await
        .map_err(|error| fault::of_http1(&error))?;
    let task = tokio::task::spawn_local(async move {
        // Whoever waits for an answer is told; an idle connection may end as it likes.
        if let Err(error) = connection.with_upgrades().await {
            tracing::trace!(%error, "backend connection ended");
        }
    });
    link.driven_by(task.abort_handle());
    Ok(Fresh::Http1(Idle { sender, link }))
}

async fn http2<IO>(io: IO, link: Rc<Link>, timeouts: Timeouts) -> Result<Fresh, Fault>
where
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let builder = dial::http2_builder(Driver(Rc::clone(&link)), timeouts);
    let (sender, mut connection) =
        dial::preface(timeouts.handshake, builder.handshake(TokioIo::new(io))).await?;
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
    Ok(Fresh::Http2(Shared::new(sender, link, limit)))
}

/// Runs the tasks of an HTTP/2 connection on the worker, and shows its link the first: that is the one which owns
/// the socket.
#[derive(Clone)]
struct Driver(Rc<Link>);

impl<F> hyper::rt::Executor<F> for Driver
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn execute(&self, future: F) {
        self.0.driven_by(tokio::task::spawn_local(future).abort_handle());
    }
}

fn target(pool: &Pool) -> String {
    format!("{}:{}", pool.host, pool.port)
}
