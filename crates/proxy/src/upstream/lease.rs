//! One backend connection, lent to one exchange.

use std::rc::Rc;
use std::time::Duration;

use futures_util::future::Either;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body::Body;
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1};
use viaduct_tls::Fault;

use crate::answer::ProxyError;
use crate::body::{RequestBody, Shut};
use crate::headers;
use crate::wire::Connection;

use super::bridge::Bridged;
use super::fault;
use super::link::Link;
use super::pinned::{Pin, Pinned};
use super::pool::{Idle, Pool, Stream};
use super::{Choice, Needs};

/// Dropping it closes an HTTP/1.1 connection, and leaves an HTTP/2 one; [`release`](Self::release)
/// gives it back.
pub(crate) struct Lease {
    sender: Sender,
    pool: Rc<Pool>,
    link: Rc<Link>,
    /// The connection has carried a request before.
    reused: bool,
    pin: Option<Pin>,
    /// The request body that the server did not ask for.
    unwanted: Option<Shut>,
    /// Not to be used again.
    spent: bool,
    /// The request has a body, which may still be on its way when the answer has ended.
    uploads: bool,
    /// In that case: the server closes the connection behind the answer.
    closes: bool,
}

pub(super) enum Sender {
    Http1(http1::SendRequest<RequestBody>),
    Http2(Stream),
}

/// A response's head, or what hyper says instead.
pub(crate) type Outcome = Result<Response<Incoming>, TrySendError<Request<RequestBody>>>;

/// Why there is no response head.
pub(crate) struct SendFailure {
    pub(crate) error: ProxyError,
    /// The request, if not a byte of it was sent.
    pub(crate) unsent: Option<Box<Request<RequestBody>>>,
    /// The server has not begun to work on it, and may do so over another connection.
    pub(crate) unprocessed: bool,
}

impl SendFailure {
    /// A failure that no other connection would mend.
    pub(crate) fn own(error: ProxyError) -> Self {
        Self {
            error,
            unsent: None,
            unprocessed: false,
        }
    }
}

impl Lease {
    pub(super) fn new(sender: Sender, pool: Rc<Pool>, link: Rc<Link>, reused: bool) -> Self {
        Self {
            sender,
            pool,
            link,
            reused,
            pin: None,
            unwanted: None,
            spent: false,
            uploads: false,
            closes: false,
        }
    }

    pub(super) fn into_bridge(self) -> Bridged {
        let assurance = self.link.assurance;
        Bridged::new(self, assurance)
    }

    /// Remembers for whom the connection works, in case it becomes theirs (NTLM).
    pub(super) fn serve_client(&mut self, client: &Rc<Connection>, pinned: &Rc<Pinned>, needs: Needs) {
        self.pin = Some(Pin::new(client, pinned, needs));
    }

    pub(super) fn with_pin(mut self, pin: Pin) -> Self {
        self.pin = Some(pin);
        self
    }

    pub(crate) fn link(&self) -> Rc<Link> {
        Rc::clone(&self.link)
    }

    pub(crate) fn is_http2(&self) -> bool {
        matches!(self.sender, Sender::Http2(_))
    }

    pub(crate) fn is_secure(&self) -> bool {
        self.link.leg().is_some()
    }

    pub(crate) fn is_reused(&self) -> bool {
        self.reused
    }

    /// Until a stated time after the pool of this connection was closed: what is still upgraded then is
    /// cut (A14.9). At once where the connection rests on a certificate that has been revoked.
    pub(crate) async fn outlived(&self) {
        let drained = async {
            self.pool.closing().await;
            tokio::time::sleep(TUNNEL_GRACE).await;
        };
        tokio::select! {
            () = drained => {}
            () = self.link.until_cut() => {}
        }
    }

    /// Another connection to the same server, to take the place of this one.
    pub(crate) async fn replacement(&self, needs: Needs, choice: Choice) -> Result<Self, Fault> {
        let Self { pool, pin, .. } = self;
        let lease = pool.dial(needs, choice).await?;
        Ok(match pin {
            Some(pin) => lease.with_pin(pin.afresh(needs)),
            None => lease,
        })
    }

    /// Sends a request; the future waits for the response's head, which [`received`](Self::received) wants to
    /// know. Dropping the future resets the stream (HTTP/2); dropping the lease closes the connection (HTTP/1.1).
    pub(crate) fn send(
        &mut self,
        mut request: Request<RequestBody>,
    ) -> impl Future<Output = Outcome> + use<> {
        self.uploads = !request.body().is_end_stream();
        match &mut self.sender {
            Sender::Http1(sender) => Either::Left(sender.try_send_request(request)),
            Sender::Http2(stream) => {
                crate::wire::unshare(request.headers_mut());
                Either::Right(stream.sender().try_send_request(request))
            }
        }
    }

    /// What came of a request that was sent.
    pub(crate) fn received(&mut self, outcome: Outcome) -> Result<Response<Incoming>, SendFailure> {
        match outcome {
            Ok(response) => {
                self.progressed();
                self.closes =
                    self.uploads && headers::ends_connection(response.version(), response.headers());
                if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                    self.link.opened();
                }
                self.note_authentication(response.status(), response.headers());
                Ok(response)
            }
            Err(failure) => Err(self.failure(failure)),
        }
    }

    /// A failure with what is behind it, where a look at the server tells more: OpenSSL's servers close without a word
    /// when plain text comes for TLS. Waits for a second at most.
    pub(crate) async fn explained(&self, error: ProxyError) -> ProxyError {
        match error {
            ProxyError::Backend(fault)
                if !self.reused && self.link.is_left(&fault) && self.pool.wants_tls().await =>
            {
                fault::silent_to_plain_text().into()
            }
            error => error,
        }
    }

    /// The answer came before the body was asked for: the body is never sent, and the connection ends
    /// behind the answer.
    pub(crate) fn leave_body(&mut self, unwanted: Shut) {
        self.unwanted = Some(unwanted);
    }

    /// A part of the answer has come.
    pub(crate) fn progressed(&self) {
        self.link.progressed();
    }

    /// The connection ends behind this answer.
    pub(crate) fn spend(&mut self) {
        self.spent = true;
    }

    pub(crate) fn leaves_body(&self) -> bool {
        self.unwanted.is_some()
    }

    /// Gives the connection back: the response has ended.
    pub(crate) fn release(mut self) {
        let Sender::Http1(sender) = self.sender else {
            return;
        };
        if self.uploads && (self.closes || self.link.is_deaf()) {
            // The rest of the body is nobody's. hyper would send it to the end.
            self.link.end();
        }
        if self.unwanted.is_some() || self.spent || self.closes {
            return;
        }
        let idle = Idle {
            sender,
            link: self.link,
        };
        match self.pin.take() {
            Some(pin) if pin.is_set() => pin.keep(self.pool, idle),
            _ => Pool::put_back(&self.pool, idle),
        }
    }

    fn failure(&self, mut failure: TrySendError<Request<RequestBody>>) -> SendFailure {
        let unsent = failure.take_message().map(Box::new);
        let error = failure.into_error();
        if let Sender::Http2(stream) = &self.sender
            && (unsent.is_some() || fault::is_of_connection(&error))
        {
            // hyper finds it ready until somebody tries.
            self.pool.forget(stream);
        }
        SendFailure {
            // One that has never carried a request ended for a reason of its own.
            unprocessed: fault::is_unprocessed(&error) || unsent.is_some() && self.reused,
            error: fault::of_exchange(&error, &self.link),
            unsent,
        }
    }

    /// NTLM and Negotiate authenticate a connection, not a request: from the first challenge on (or from
    /// [`Needs::Own`], where a client does not wait for one) it belongs to this client alone
    /// (CVE-2026-88007).
    fn note_authentication(&mut self, status: StatusCode, headers: &HeaderMap) {
        if status == StatusCode::UNAUTHORIZED
            && headers.get_all(WWW_AUTHENTICATE).iter().any(binds_connection)
            && let Some(pin) = &mut self.pin
        {
            pin.set();
        }
    }
}

/// Whether a challenge, or the answer to one, is about the connection that it comes on.
pub(crate) fn binds_connection(value: &HeaderValue) -> bool {
    let mut words = value
        .as_bytes()
        .split(|&byte| matches!(byte, b' ' | b'\t' | b','));
    let scheme = words.find(|word| !word.is_empty()).unwrap_or_default();
    scheme.eq_ignore_ascii_case(b"ntlm") || scheme.eq_ignore_ascii_case(b"negotiate")
}

/// For upgraded connections made under a trust that is no longer.
const TUNNEL_GRACE: Duration = Duration::from_secs(60);
