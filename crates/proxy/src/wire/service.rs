//! The bridge from hyper to [`request::serve`], and the account it keeps of a connection's requests.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};

use futures_util::FutureExt;
use http::header::{ALT_SVC, CONNECTION, EXPECT, HeaderValue};
use http::{Request, Response, StatusCode, Version};
use http_body::Body;
use hyper::body::Incoming;
use hyper::service::Service;
use tokio::time::Instant;

use super::body::{AnswerBody, ClientBody};
use super::h2::streams::{Place, Streams};
use super::io::Gauge;
use super::leftover::Leftover;
use super::{Connection, unshare};
use crate::body::ResponseBody;
use crate::config::KeepAlive;
use crate::request;

/// What the requests of one connection are about.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// Requests so far.
    taken: Cell<u64>,
    /// Requests without a whole answer.
    busy: Cell<u32>,
    /// Request bodies that somebody still reads.
    bodies: Cell<u32>,
    /// When the last of them had its answer, or its body's end.
    rested: Cell<Option<Instant>>,
    /// When the newest request came.
    newest: Cell<Option<Instant>>,
    /// HTTP/2 only.
    streams: Option<Rc<Streams>>,
    /// When the connection began; kept where it has an end.
    opened: Cell<Option<Instant>>,
    /// The connection has served what it may.
    retired: Cell<bool>,
    /// HTTP/1 only.
    gauge: Option<Arc<Gauge>>,
    /// Read for nobody; with the task that reads them.
    leftovers: RefCell<Vec<Leftover>>,
    reader: RefCell<Option<Waker>>,
    /// A body was given up before its end: what comes next on an HTTP/1 connection is no request.
    abandoned: Cell<bool>,
    /// The connection is over: nobody reads anything any more.
    closed: Cell<bool>,
}

impl Account {
    /// Of an HTTP/2 connection.
    pub(super) fn of_streams(streams: &Rc<Streams>) -> Self {
        Self {
            streams: Some(Rc::clone(streams)),
            ..Self::default()
        }
    }

    /// Of an HTTP/1 connection.
    pub(super) fn of_wire(gauge: Arc<Gauge>) -> Self {
        Self {
            gauge: Some(gauge),
            ..Self::default()
        }
    }

    /// Reads the bodies that nobody wants. To be called at every turn of the connection's task.
    pub(super) fn poll_leftovers(&self, cx: &mut Context<'_>) {
        let mut reader = self.reader.borrow_mut();
        if !reader.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *reader = Some(cx.waker().clone());
        }
        drop(reader);
        // Not while they are borrowed: what is dropped here may be asked for there.
        let mut leftovers = self.leftovers.take();
        leftovers.retain_mut(|leftover| leftover.poll(cx).is_pending());
        leftovers.append(&mut self.leftovers.borrow_mut());
        self.leftovers.replace(leftovers);
    }

    /// Nothing more is read for nobody.
    pub(super) fn give_up_leftovers(&self) {
        for leftover in self.leftovers.take() {
            leftover.give_up();
        }
    }

    /// Lets go of all that holds on to this account, and of the task: a leftover has a part in its own account.
    fn close(&self) {
        self.closed.set(true);
        drop(self.leftovers.take());
        drop(self.reader.take());
    }

    pub(super) fn taken(&self) -> u64 {
        self.taken.get()
    }

    /// Nothing of any request is left to do, but perhaps to write.
    pub(super) fn is_idle(&self) -> bool {
        self.busy.get() == 0 && self.bodies.get() == 0
    }

    /// Since when nothing is left to do, if nothing is.
    pub(super) fn rested(&self) -> Option<Instant> {
        self.rested.get()
    }

    fn settle(&self) {
        if let Some(gauge) = &self.gauge {
            gauge.settle(true);
        }
    }

    fn note_rest(&self) {
        if self.is_idle() {
            self.rested.set(Some(Instant::now()));
        }
    }

    /// Whether the connection is to end behind what it serves now.
    pub(super) fn is_retired(&self) -> bool {
        self.retired.get()
    }

    /// Whether the request that has just come is the last that is taken.
    fn is_last(&self, bounds: &KeepAlive) -> bool {
        let enough = bounds.max_requests != 0 && self.taken.get() >= bounds.max_requests;
        let old = !bounds.max_time.is_zero()
            && self
                .opened
                .get()
                .is_some_and(|opened| opened.elapsed() >= bounds.max_time);
        enough || old
    }

    pub(super) fn newest(&self) -> Option<Instant> {
        self.newest.get()
    }
}

/// The connection's own part in its account; the account is closed when it is dropped.
#[derive(Debug)]
pub(super) struct Keeper(Rc<Account>);

impl Keeper {
    pub(super) fn of(account: Account) -> Self {
        Self(Rc::new(account))
    }
}

impl Deref for Keeper {
    type Target = Rc<Account>;

    fn deref(&self) -> &Rc<Account> {
        &self.0
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// A request in progress: from its head until its answer's body is dropped.
#[derive(Debug)]
pub(super) struct Busy {
    account: Rc<Account>,
    /// HTTP/2 only.
    place: Option<Place>,
    /// No request is taken after this one.
    last: bool,
}

impl Busy {
    fn start(account: &Rc<Account>) -> Self {
        account.taken.set(account.taken.get() + 1);
        account.busy.set(account.busy.get() + 1);
        Self {
            place: account.streams.as_ref().map(Streams::open),
            account: Rc::clone(account),
            last: false,
        }
    }

    /// See [`Place::waits`].
    pub(super) fn waits_for_client(&self, waits: bool) {
        if let Some(place) = &self.place {
            place.waits(waits);
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let busy = &self.account.busy;
        busy.set(busy.get().saturating_sub(1));
        self.account.note_rest();
    }
}

/// A request body in progress.
#[derive(Debug)]
pub(super) struct Open(Rc<Account>);

impl Open {
    fn start(account: &Rc<Account>) -> Self {
        account.bodies.set(account.bodies.get() + 1);
        Self(Rc::clone(account))
    }

    /// The body has come to its end.
    pub(super) fn settle(&self) {
        self.0.settle();
    }

    /// Whether it is the body of a stream among others.
    pub(super) fn is_of_stream(&self) -> bool {
        self.0.streams.is_some()
    }

    /// The rest of the body is nobody's.
    pub(super) fn abandon(&self) {
        self.0.abandoned.set(true);
    }

    /// Leaves the rest of the body to the connection, as long as there is one.
    pub(super) fn leave(self, body: Incoming) {
        if self.0.closed.get() {
            return;
        }
        let account = Rc::clone(&self.0);
        if let Some(leftover) = Leftover::new(body, self) {
            account.leftovers.borrow_mut().push(leftover);
            if let Some(reader) = &*account.reader.borrow() {
                reader.wake_by_ref();
            }
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.bodies.set(self.0.bodies.get().saturating_sub(1));
        self.0.note_rest();
    }
}

/// For hyper.
pub(super) fn service(
    connection: Rc<Connection>,
    account: Rc<Account>,
) -> impl Service<
    Request<Incoming>,
    Response = Response<AnswerBody>,
    Error = Infallible,
    Future: Future<Output = Result<Response<AnswerBody>, Infallible>> + 'static,
> {
    let timeouts = connection.timeouts();
    let keep_alive = Some(connection.keep_alive()).filter(|bounds| *bounds != KeepAlive::default());
    if keep_alive.is_some() && account.opened.get().is_none() {
        account.opened.set(Some(Instant::now()));
    }
    hyper::service::service_fn(move |raw: Request<Incoming>| {
        let version = raw.version();
        let mut busy = Busy::start(&account);
        busy.last = keep_alive.as_ref().is_some_and(|bounds| account.is_last(bounds));
        if !timeouts.write.is_zero() {
            account.newest.set(Some(Instant::now()));
        }
        if raw.body().is_end_stream() {
            account.settle();
        }
        // hyper asks for the body when somebody reads it: then it is not to be read for nobody.
        let asks = version <= Version::HTTP_11 && raw.headers().contains_key(EXPECT);
        let raw =
            Box::new(raw.map(|body| ClientBody::new(body, timeouts.read, asks, || Open::start(&account))));
        // Boxed where it is made: hyper moves what it is given several times.
        let answer = Box::pin(request::serve(Rc::clone(&connection), raw));
        let alt_svc = connection.alt_svc().cloned();
        answer.map(move |answer| Ok(finish(answer, version, busy, alt_svc)))
    })
}

fn finish(
    mut answer: Response<ResponseBody>,
    version: Version,
    busy: Busy,
    alt_svc: Option<HeaderValue>,
) -> Response<AnswerBody> {
    if let Some(alt_svc) = alt_svc {
        // Beside the backend's own, if it has any; as Traefik.
        answer.headers_mut().append(ALT_SVC, alt_svc);
    }
    if version == Version::HTTP_2 {
        unshare(answer.headers_mut());
    }
    if busy.last {
        retire(&mut answer, version, &busy.account);
    } else if busy.account.abandoned.get() {
        say_close(&mut answer, version);
    }
    answer.map(|body| AnswerBody { body, busy })
}

/// Says that this answer is the connection's last, where it can be said; HTTP/2 says it by GOAWAY.
fn retire(answer: &mut Response<ResponseBody>, version: Version, account: &Account) {
    account.retired.set(true);
    say_close(answer, version);
}

fn say_close(answer: &mut Response<ResponseBody>, version: Version) {
    if version <= Version::HTTP_11 && answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        answer
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
}

#[cfg(test)]
mod tests;
