//! The connections of one worker to one server under one transport.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hyper::client::conn::{http1, http2};
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;
use viaduct_snapshot::{Scheme, Server, Transport};
use viaduct_tls::backend_leg::Offer;
use viaduct_tls::{EndpointTls, Fault, Reason};

use crate::body::RequestBody;

use super::connect::{self, Fresh};
use super::dial;
use super::fault;
use super::guard::Guard;
use super::lease::{Lease, Sender};
use super::link::Link;
use super::{Choice, Needs};

pub(super) struct Pool {
    pub(super) scheme: Scheme,
    pub(super) host: Arc<str>,
    pub(super) port: u16,
    pub(super) transport: Arc<Transport>,
    pub(super) guard: Rc<Guard>,
    /// Last in, first out: the rest grows old and is closed.
    idle: RefCell<Vec<(u32, Idle)>>,
    shared: RefCell<Vec<Rc<Shared>>>,
    /// Whether the server chose HTTP/2 the last time it was offered.
    speaks_http2: Cell<Option<bool>>,
    tls: RefCell<[Option<EndpointTls>; 2]>,
    /// One dial at a time while it may give a connection that all can share.
    first: Semaphore,
    dials: Semaphore,
    closed: Cell<bool>,
    closing: Notify,
    /// Ages idle connections: a fraction of the idle time-out per tick.
    clock: Cell<u32>,
    sweeping: Cell<bool>,
    /// What the name resolved to the last time it did.
    pub(super) addresses: RefCell<Vec<SocketAddr>>,
    /// When it was last seen whether the server wants TLS, and whether it does.
    wants_tls: Cell<Option<(Instant, bool)>>,
}

/// An HTTP/1.1 connection with nothing to do.
pub(super) struct Idle {
    pub(super) sender: http1::SendRequest<RequestBody>,
    pub(super) link: Rc<Link>,
}

impl Idle {
    pub(super) fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }
}

impl Pool {
    pub(super) fn new(server: &Server, transport: &Arc<Transport>, guard: &Rc<Guard>) -> Rc<Self> {
        Rc::new(Self {
            scheme: server.scheme,
            host: Arc::clone(&server.host),
            port: server.port,
            transport: Arc::clone(transport),
            guard: Rc::clone(guard),
            idle: RefCell::default(),
            shared: RefCell::default(),
            speaks_http2: Cell::new(match server.scheme {
                Scheme::H2c => Some(true),
                Scheme::Http => Some(false),
                Scheme::Https => transport.disable_http2.then_some(false),
            }),
            tls: RefCell::new([None, None]),
            first: Semaphore::new(1),
            dials: Semaphore::new(DIALS),
            closed: Cell::new(false),
            closing: Notify::new(),
            clock: Cell::new(0),
            sweeping: Cell::new(false),
            addresses: RefCell::default(),
            wants_tls: Cell::default(),
        })
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// Until [`close`](Self::close).
    pub(super) async fn closing(&self) {
        if !self.closed.get() {
            self.closing.notified().await;
        }
    }

    /// Idle connections end now, busy ones when they are given back.
    pub(super) fn close(&self) {
        self.closed.set(true);
        self.closing.notify_waiters();
        self.idle.borrow_mut().clear();
        self.shared.borrow_mut().clear();
    }

    /// Whether a server that said nothing to plain text answers a ClientHello. Looks at most every ten seconds, as
    /// [`dial::wants_tls`]; until it is known, the answer is no.
    pub(super) async fn wants_tls(&self) -> bool {
        let now = Instant::now();
        match self.wants_tls.get() {
            Some((seen, wants)) if now.duration_since(seen) < LOOK_AGAIN => return wants,
            _ => self.wants_tls.set(Some((now, false))),
        }
        let wants = dial::wants_tls(&self.host, self.port).await;
        self.wants_tls.set(Some((now, wants)));
        wants
    }

    /// Forgets connections that were cut.
    pub(super) fn forget_cut(&self) {
        self.idle.borrow_mut().retain(|(_, idle)| !idle.link.is_cut());
        self.shared.borrow_mut().retain(|shared| !shared.link.is_cut());
    }

    /// A connection that is there already.
    pub(super) fn reuse(self: &Rc<Self>, needs: Needs) -> Option<Lease> {
        if let Some(lease) = self.share(needs) {
            return Some(lease);
        }
        let mut idle = self.idle.borrow_mut();
        while let Some((_, Idle { sender, link })) = idle.pop() {
            if sender.is_ready() {
                return Some(Lease::new(Sender::Http1(sender), Rc::clone(self), link, true));
            }
        }
        None
    }

    /// A stream of an HTTP/2 connection that is there already.
    fn share(self: &Rc<Self>, needs: Needs) -> Option<Lease> {
        let shared = (needs == Needs::Any).then(|| self.roomy()).flatten()?;
        let link = Rc::clone(&shared.link);
        let sender = Sender::Http2(Stream::open(shared));
        Some(Lease::new(sender, Rc::clone(self), link, true))
    }

    /// A new connection; or one that another request brought, as far as `choice` allows.
    pub(super) async fn dial(self: &Rc<Self>, needs: Needs, choice: Choice) -> Result<Lease, Fault> {
        if choice == Choice::Any
            && let Some(lease) = self.share(needs)
        {
            return Ok(lease);
        }
        let offer = self.offer(needs);
        let first = self.may_share(offer);
        let turns = if first { &self.first } else { &self.dials };
        let waited = turns.available_permits() == 0;
        let mut turn = self.turn(turns).await?;
        if waited
            && choice != Choice::Unused
            && let Some(lease) = self.reuse(needs)
        {
            return Ok(lease);
        }
        if first && !self.may_share(offer) {
            // The connection waited for cannot be shared: everyone dials, side by side.
            drop(turn);
            turn = self.turn(&self.dials).await?;
        }
        // Boxed: a handshake's state is large, and the future of every request would have room for it.
        let fresh = Box::pin(connect::open(self, offer)).await?;
        if offer == Offer::H2OrHttp1 {
            self.speaks_http2.set(Some(matches!(fresh, Fresh::Http2(_))));
        }
        drop(turn);
        Ok(match fresh {
            Fresh::Http1(idle) => Lease::new(Sender::Http1(idle.sender), Rc::clone(self), idle.link, false),
            Fresh::Http2(shared) => {
                if !self.closed.get() {
                    self.shared.borrow_mut().push(Rc::clone(&shared));
                    self.sweep_later();
                }
                let link = Rc::clone(&shared.link);
                Lease::new(Sender::Http2(Stream::open(shared)), Rc::clone(self), link, false)
            }
        })
    }

    /// HTTP/2 is offered even to a server that has declined it: servers change, and one offer is one
    /// session cache.
    fn offer(&self, needs: Needs) -> Offer {
        let declines = self.scheme == Scheme::Https && self.transport.disable_http2;
        if needs != Needs::Any || declines {
            Offer::Http1
        } else {
            Offer::H2OrHttp1
        }
    }

    /// Whether a new connection may turn out to be one for all.
    fn may_share(&self, offer: Offer) -> bool {
        offer == Offer::H2OrHttp1 && self.speaks_http2.get() != Some(false)
    }

    /// Takes a connection back. One whose request body is still on its way is waited for.
    pub(super) fn put_back(self: &Rc<Self>, mut idle: Idle) {
        if self.closed.get() || idle.sender.is_closed() {
            return;
        }
        if idle.sender.is_ready() {
            self.keep(idle);
            return;
        }
        let pool = Rc::clone(self);
        drop(tokio::task::spawn_local(async move {
            let ready = tokio::time::timeout(SETTLE, idle.sender.ready()).await;
            if matches!(ready, Ok(Ok(()))) {
                pool.keep(idle);
            }
        }));
    }

    pub(super) fn endpoint_tls(&self, offer: Offer) -> Result<EndpointTls, Fault> {
        let mut known = self.tls.borrow_mut();
        let [best, http1] = &mut *known;
        let place = match offer {
            Offer::H2OrHttp1 => best,
            Offer::Http1 => http1,
        };
        if let Some(tls) = place {
            return Ok(tls.clone());
        }
        let tls =
            self.transport.tls.endpoint(&self.host, offer).map_err(|error| {
                fault::new(Reason::HandshakeFailed, "a usable TLS policy", error.to_string())
            })?;
        Ok(place.insert(tls).clone())
    }

    fn keep(self: &Rc<Self>, connection: Idle) {
        let mut idle = self.idle.borrow_mut();
        if !self.closed.get() && idle.len() < self.transport.max_idle_per_host {
            idle.push((self.clock.get(), connection));
            drop(idle);
            self.sweep_later();
        }
    }

    /// No request is sent over this connection any more.
    pub(super) fn forget(&self, stream: &Stream) {
        let Stream(ended) = stream;
        self.shared
            .borrow_mut()
            .retain(|shared| !Rc::ptr_eq(shared, ended));
    }

    /// A shared connection that can take one more stream; closed ones are forgotten.
    fn roomy(&self) -> Option<Rc<Shared>> {
        if self.speaks_http2.get() == Some(false) {
            return None;
        }
        let mut shared = self.shared.borrow_mut();
        if shared.iter().any(|connection| connection.sender.is_closed()) {
            shared.retain(|connection| !connection.sender.is_closed());
        }
        shared
            .iter()
            .find(|connection| connection.has_room())
            .map(Rc::clone)
    }

    /// Waits for a turn to dial, as long as a dial may take.
    async fn turn<'s>(&self, turns: &'s Semaphore) -> Result<tokio::sync::SemaphorePermit<'s>, Fault> {
        let timeouts = self.transport.timeouts;
        let patience = timeouts.dial.unwrap_or(LONGEST_QUEUE) + timeouts.handshake;
        match tokio::time::timeout(patience, turns.acquire()).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => Err(fault::timed_out(
                Reason::ConnectTimeout,
                "a turn to connect to the server",
                patience,
            )),
        }
    }

    /// One task per pool with idle connections, not one timer per connection.
    fn sweep_later(self: &Rc<Self>) {
        let Some(age) = self.transport.timeouts.idle else {
            return;
        };
        if self.sweeping.replace(true) {
            return;
        }
        let pool = Rc::downgrade(self);
        drop(tokio::task::spawn_local(async move {
            loop {
                tokio::time::sleep((age / TICKS).max(SHORTEST_TICK)).await;
                let Some(pool) = pool.upgrade() else {
                    return;
                };
                if pool.sweep() {
                    pool.sweeping.set(false);
                    return;
                }
            }
        }));
    }

    /// Lets a tick pass; whether nothing is left that could grow old.
    fn sweep(&self) -> bool {
        let now = self.clock.get().wrapping_add(1);
        self.clock.set(now);
        let mut idle = self.idle.borrow_mut();
        idle.retain(|(since, connection)| now.wrapping_sub(*since) <= TICKS && connection.is_open());
        let mut shared = self.shared.borrow_mut();
        shared.retain(|connection| !connection.sender.is_closed() && connection.idle_ticks() <= TICKS);
        idle.is_empty() && shared.is_empty()
    }
}

/// An HTTP/2 connection, shared by its streams.
pub(super) struct Shared {
    sender: http2::SendRequest<RequestBody>,
    link: Rc<Link>,
    /// Streams that the server allows at once, kept up by the connection's task.
    limit: Rc<Cell<usize>>,
    streams: Cell<usize>,
    idle_ticks: Cell<u32>,
}

impl Shared {
    pub(super) fn new(
        sender: http2::SendRequest<RequestBody>,
        link: Rc<Link>,
        limit: Rc<Cell<usize>>,
    ) -> Rc<Self> {
        Rc::new(Self {
            sender,
            link,
            limit,
            streams: Cell::new(0),
            idle_ticks: Cell::new(0),
        })
    }

    fn has_room(&self) -> bool {
        self.sender.is_ready() && self.streams.get() < self.limit.get()
    }

    /// Ticks without a stream, this one included.
    fn idle_ticks(&self) -> u32 {
        let ticks = if self.streams.get() == 0 {
            self.idle_ticks.get() + 1
        } else {
            0
        };
        self.idle_ticks.set(ticks);
        ticks
    }
}

/// One exchange's place on a shared connection.
pub(super) struct Stream(Rc<Shared>);

impl Stream {
    fn open(shared: Rc<Shared>) -> Self {
        shared.streams.set(shared.streams.get() + 1);
        Self(shared)
    }

    pub(super) fn sender(&self) -> http2::SendRequest<RequestBody> {
        self.0.sender.clone()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.streams.set(self.0.streams.get().saturating_sub(1));
    }
}

/// An idle connection ends between one and nine eighths of the idle time-out.
const TICKS: u32 = 8;
const SHORTEST_TICK: Duration = Duration::from_millis(20);
/// Dials at once, per pool and worker: a restarted backend is not met by a stampede.
const DIALS: usize = 64;
/// Wait for a turn to dial where dials have no limit.
const LONGEST_QUEUE: Duration = Duration::from_secs(30);
/// For the rest of a request body whose answer has ended.
const SETTLE: Duration = Duration::from_secs(30);
/// What a server wants does not change with every request that it closes on.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
