//! From what a socket or hyper says to the closed set of reasons.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use viaduct_tls::reason::{ExpectedName, Remedy};
use viaduct_tls::{Fault, Reason};

use crate::answer::ProxyError;
use crate::body::UploadError;

use super::link::Link;

pub(super) fn new(reason: Reason, wanted: impl Into<String>, got: impl Into<String>) -> Fault {
    Fault {
        reason,
        wanted: wanted.into(),
        got: got.into(),
        presented: Arc::default(),
        remedy: None,
    }
}

pub(super) fn timed_out(reason: Reason, wanted: &str, after: Duration) -> Fault {
    new(reason, wanted, format!("nothing within {after:?}"))
}

/// Why a socket could not be opened.
pub(super) fn of_connect(error: &io::Error, target: &str) -> Fault {
    let reason = match error.kind() {
        io::ErrorKind::ConnectionRefused => Reason::ConnectRefused,
        io::ErrorKind::TimedOut => Reason::ConnectTimeout,
        _ => Reason::ConnectFailed,
    };
    new(reason, format!("a connection to {target}"), error.to_string())
}

/// Why a request got no response head.
pub(super) fn of_exchange(error: &hyper::Error, link: &Link, expected: &ExpectedName) -> ProxyError {
    let mut source: Option<&(dyn Error + 'static)> = error.source();
    let mut last = error.to_string();
    while let Some(cause) = source {
        if cause.is::<UploadError>() {
            // The only one that ends an exchange; an unwanted body ends behind its answer.
            return ProxyError::ClientGone;
        }
        // TLS 1.3 servers refuse a client certificate behind the handshake, in their first record.
        if let Some(error) = tls_error(cause) {
            return viaduct_tls::verify::fault_of(error, expected, sent_certificate(link)).into();
        }
        last = cause.to_string();
        source = cause.source();
    }
    if link.was_answered_with_tls() {
        return Fault {
            remedy: Some(Remedy::UseScheme("https")),
            ..new(
                Reason::TlsOnPlainPort,
                "an HTTP answer in plain text",
                "a TLS record",
            )
        }
        .into();
    }
    let wanted = "an HTTP answer";
    if error.is_parse() || is_protocol_error(error) {
        return new(Reason::BadResponse, wanted, format!("{error}: {last}")).into();
    }
    new(
        Reason::ClosedBeforeResponse,
        wanted,
        format!("the connection ended: {last}"),
    )
    .into()
}

fn is_protocol_error(error: &hyper::Error) -> bool {
    h2_error(error).is_some_and(|error| {
        // Not that the server went away, nor that it said it has not looked at the request.
        !error.is_go_away() && !error.is_io() && error.reason() != Some(h2::Reason::REFUSED_STREAM)
    })
}

fn h2_error(error: &hyper::Error) -> Option<&h2::Error> {
    error.source().and_then(|source| source.downcast_ref())
}

/// A TLS error travels inside an I/O error, that of HTTP/2 inside one of its own.
fn tls_error<'e>(cause: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    let io = match cause.downcast_ref::<h2::Error>() {
        Some(h2) => h2.get_io()?,
        None => cause.downcast_ref::<io::Error>()?,
    };
    io.get_ref()?.downcast_ref()
}

fn sent_certificate(link: &Link) -> bool {
    link.leg().is_some_and(|leg| leg.client_certificate_sent)
}
