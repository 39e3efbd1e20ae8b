//! Copies a request to a bridge and its answer back: bodies, trailers, 1xx, upgrades.
//!
//! Nothing is held back in either direction: hyper writes every frame as it comes, so a flush interval
//! (A6.5) has nothing to flush. Of 1xx, `100 Continue` reaches the client when the backend asks for the
//! body (A7.10); others end here, because hyper's server side cannot send them.

mod outgoing;
pub(crate) mod tunnel;

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{self, Either};
use http::header::{CONNECTION, CONTENT_LENGTH, UPGRADE};
use http::response::Parts;
use http::{HeaderValue, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use tokio::time::Instant;
use viaduct_tls::{Fault, Reason};

use crate::answer::{ProxyError, Retry};
use crate::balance::Endpoint;
use crate::body::{Answer, GateKey, RequestBody};
use crate::exchange::Exchange;
use crate::headers::{self, TransferCoding, Upgrade};
use crate::upstream::{Bridged, Choice, Lease, Outcome, SendFailure};

pub(crate) use outgoing::Outgoing;
use outgoing::{Plan, copied, may_repeat, restored};
use tunnel::Tunnel;

/// Sends the request and returns the answer's head with its body to come. What the server has not begun to work on goes
/// to it again, a few times, over other connections. A connection that has been used before may turn out to be closed;
/// then the request goes once more over a new one, if sending twice harms nobody (E27, C68).
///
/// Cancel safe: what has been asked of the backend is given up.
pub(crate) fn exchange<'e>(
    outgoing: Outgoing,
    bridge: Bridged,
    endpoint: Endpoint<'e>,
    exchange: &'e mut Exchange,
) -> impl Future<Output = Result<Response<Answer>, ProxyError>> + use<'e> {
    let lease = bridge.into_lease();
    let spare = outgoing.spare(&lease);
    let Outgoing { head, plan, client } = outgoing;
    let shaped = shape(head, &lease, &plan, exchange);
    let mut attempt = Attempt {
        lease,
        patience: Patience::new(plan.timeout),
        plan,
        client,
        endpoint,
        exchange,
    };
    let (request, key) = match shaped {
        Ok(shaped) => shaped,
        Err(error) => return Either::Left(future::ready(Err(attempt.failed(error)))),
    };
    let sent = within(attempt.patience.begin(), attempt.lease.send(request));
    // Not an async block, which would have room for the future that it waits for and for the one it was given.
    Either::Right(sent.then(move |outcome| match attempt.received(outcome, key) {
        Ok(response) => Either::Left(future::ready(attempt.answered(response))),
        // Boxed: few requests are sent twice.
        Err(failure) => Either::Right(Box::pin(attempt.again(failure, spare))),
    }))
}

/// How long is waited for a response's head, over all attempts.
struct Patience {
    /// `None`: for ever.
    left: Option<Duration>,
    since: Option<Instant>,
}

impl Patience {
    fn new(limit: Option<Duration>) -> Self {
        Self {
            left: limit,
            since: None,
        }
    }

    /// For the attempt that begins now.
    fn begin(&mut self) -> Option<Duration> {
        self.since = self.left.map(|_| Instant::now());
        self.left
    }

    fn pause(&mut self) {
        if let (Some(left), Some(since)) = (&mut self.left, self.since.take()) {
            *left = left.saturating_sub(since.elapsed());
        }
    }
}

/// A request that is on its way over one connection.
struct Attempt<'e> {
    lease: Lease,
    patience: Patience,
    plan: Plan,
    client: Option<OnUpgrade>,
    endpoint: Endpoint<'e>,
    exchange: &'e mut Exchange,
}

impl Attempt<'_> {
    fn received(
        &mut self,
        outcome: Result<Outcome, Duration>,
        key: Option<GateKey>,
    ) -> Result<Response<Incoming>, SendFailure> {
        let response = match outcome {
            Ok(outcome) => self.lease.received(outcome)?,
            Err(left) => {
                let limit = self.plan.timeout.unwrap_or(left);
                return Err(SendFailure::own(late(limit).into()));
            }
        };
        if let Some(unwanted) = key.and_then(GateKey::shut) {
            self.lease.leave_body(unwanted);
        }
        Ok(response)
    }

    fn answered(self, response: Response<Incoming>) -> Result<Response<Answer>, ProxyError> {
        let Self {
            lease,
            patience: _,
            plan,
            client,
            endpoint,
            exchange,
        } = self;
        exchange.answered(&response);
        answer(response, lease, plan.upgrade, client).inspect_err(|error| exchange.tell(error, &endpoint))
    }

    /// Sends it again, if that may be.
    async fn again(
        mut self,
        failure: SendFailure,
        spare: Option<Request<RequestBody>>,
    ) -> Result<Response<Answer>, ProxyError> {
        match self.repeated(failure, spare).await {
            Ok(response) => self.answered(response),
            Err(error) => {
                let error = self.lease.explained(error).await;
                Err(self.failed(error))
            }
        }
    }

    async fn repeated(
        &mut self,
        mut failure: SendFailure,
        spare: Option<Request<RequestBody>>,
    ) -> Result<Response<Incoming>, ProxyError> {
        // Once, what the server may have seen.
        let mut blindly = true;
        for number in 0..MOST_REPEATS {
            let (request, choice) = repeat(failure, spare.as_ref(), blindly && self.lease.is_reused())?;
            blindly &= choice == Choice::Any;
            self.patience.pause();
            let choice = if number < HASTY_REPEATS {
                choice
            } else {
                tokio::time::sleep(PAUSE * 2_u32.pow(number - HASTY_REPEATS)).await;
                // No other request can use it up before this one has come.
                Choice::Unused
            };
            self.lease = self.lease.replacement(self.plan.needs(), choice).await?;
            self.exchange.retried();
            let (request, key) = shape(request, &self.lease, &self.plan, self.exchange)?;
            let outcome = within(self.patience.begin(), self.lease.send(request)).await;
            match self.received(outcome, key) {
                Ok(response) => return Ok(response),
                Err(next) => failure = next,
            }
        }
        Err(failure.error)
    }

    fn failed(&self, error: ProxyError) -> ProxyError {
        self.exchange.tell(&error, &self.endpoint);
        error
    }
}

/// The request to send again, and over what; or the failure, if that may not be.
fn repeat(
    failure: SendFailure,
    spare: Option<&Request<RequestBody>>,
    blindly: bool,
) -> Result<(Request<RequestBody>, Choice), ProxyError> {
    let SendFailure {
        error,
        unsent,
        unprocessed,
    } = failure;
    match (unsent, spare) {
        (Some(unsent), _) if unprocessed => Ok((restored(*unsent), Choice::Any)),
        (None, Some(spare)) if unprocessed => Ok((copied(spare), Choice::Any)),
        (None, Some(spare)) if blindly && error.retry() == Retry::Connection && may_repeat(spare) => {
            Ok((copied(spare), Choice::New))
        }
        _ => Err(error),
    }
}

/// The request as it goes over this connection. With a key where the body waits for a 100.
fn shape(
    mut request: Request<RequestBody>,
    lease: &Lease,
    plan: &Plan,
    exchange: &mut Exchange,
) -> Result<(Request<RequestBody>, Option<GateKey>), ProxyError> {
    if exchange.leads_back(lease) {
        if plan.visits >= MOST_VISITS {
            return Err(ProxyError::Loop);
        }
        headers::mark_visit(request.headers_mut(), plan.visits);
    }
    let key = plan.shape(&mut request, lease)?;
    exchange.asked(lease);
    Ok((request, key))
}

/// Waits for no longer than `limit`, which is the error.
fn within<F: Future>(
    limit: Option<Duration>,
    future: F,
) -> impl Future<Output = Result<F::Output, Duration>> + use<F> {
    match limit {
        None => Either::Left(future.map(Ok)),
        Some(limit) => {
            let timed = tokio::time::timeout(limit, future);
            // Boxed: by default nobody's patience is limited.
            Either::Right(Box::pin(timed.map(move |outcome| outcome.map_err(|_| limit))))
        }
    }
}

/// From the backend's answer to ours.
fn answer(
    response: Response<Incoming>,
    mut lease: Lease,
    upgrade: Option<Upgrade>,
    client: Option<OnUpgrade>,
) -> Result<Response<Answer>, ProxyError> {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return switch(response, lease, upgrade, client);
    }
    let (mut parts, body) = response.into_parts();
    if settle_framing(&mut parts)? {
        lease.spend();
    }
    headers::clean_response(&mut parts.headers, false);
    parts.version = Version::HTTP_11;
    if lease.leaves_body() {
        // The client may or may not be sending it: nobody knows what its next bytes are.
        parts
            .headers
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(Response::from_parts(parts, Answer::Backend { body, lease }))
}

/// What stands in the head about the body's end is what hyper has read it by, and nothing else (C10). Whether
/// it was ambiguous: then nobody knows what follows on the connection.
fn settle_framing(parts: &mut Parts) -> Result<bool, Fault> {
    if parts.status == StatusCode::NO_CONTENT {
        // A length of nothing (RFC 9110, 8.6); HTTP/2 clients take it for an error.
        parts.headers.remove(CONTENT_LENGTH);
        return Ok(false);
    }
    match headers::transfer_coding(&parts.headers) {
        TransferCoding::None => Ok(false),
        TransferCoding::Chunked => Ok(parts.headers.remove(CONTENT_LENGTH).is_some()),
        TransferCoding::Other => Err(Fault {
            reason: Reason::BadResponse,
            wanted: "no transfer coding but `chunked`".to_owned(),
            got: "another one".to_owned(),
            presented: std::sync::Arc::default(),
            remedy: None,
        }),
    }
}

/// 101: only if asked for, and only to the protocol asked for (C10).
fn switch(
    mut response: Response<Incoming>,
    lease: Lease,
    upgrade: Option<Upgrade>,
    client: Option<OnUpgrade>,
) -> Result<Response<Answer>, ProxyError> {
    let offered = response.headers().get(UPGRADE);
    let agreed = upgrade
        .as_ref()
        .zip(offered)
        .is_some_and(|(wanted, offered)| wanted.allows(offered));
    let Some(client) = client.filter(|_| agreed) else {
        return Err(unasked_switch(upgrade.as_ref(), offered).into());
    };
    let backend = hyper::upgrade::on(&mut response);
    let (mut parts, _) = response.into_parts();
    headers::clean_response(&mut parts.headers, true);
    parts.version = Version::HTTP_11;
    let tunnel = Tunnel::new(client, backend, lease);
    Ok(Response::from_parts(parts, Answer::Switch(Box::new(tunnel))))
}

fn unasked_switch(wanted: Option<&Upgrade>, offered: Option<&HeaderValue>) -> Fault {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Fault {
        reason: Reason::BadResponse,
        wanted: wanted.map_or_else(
            || "no change of protocol".to_owned(),
            |Upgrade(value)| text(value),
        ),
        got: offered.map_or_else(|| "101 without a protocol".to_owned(), text),
        presented: std::sync::Arc::default(),
        remedy: None,
    }
}

fn late(limit: Duration) -> Fault {
    Fault {
        reason: Reason::ResponseTimeout,
        wanted: "a response head".to_owned(),
        got: format!("nothing within {limit:?}"),
        presented: std::sync::Arc::default(),
        remedy: None,
    }
}

/// Of one request, whatever its server says. Go takes seven, with pauses of seconds.
const MOST_REPEATS: u32 = 5;
/// Those that do not wait: a server that closes one connection takes the next.
const HASTY_REPEATS: u32 = 2;
/// Before the first of the others; twice as long before each further one.
const PAUSE: Duration = Duration::from_millis(25);
/// Visits of one request before it counts as a loop (CVE-2023-47633).
const MOST_VISITS: u8 = 8;

#[cfg(test)]
mod tests;
