//! From what a socket or hyper says to the closed set of reasons.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use viaduct_tls::{Fault, Reason, Remedy};

use crate::answer::ProxyError;
use crate::body::UploadError;
use crate::request::BadRequest;
use crate::wire::body::ClientBodyError;

use super::link::Link;

pub(crate) fn new(reason: Reason, wanted: impl Into<String>, got: impl Into<String>) -> Fault {
    Fault {
        reason,
        wanted: wanted.into(),
        got: got.into(),
        presented: Arc::default(),
        remedy: None,
    }
}

pub(crate) fn timed_out(reason: Reason, wanted: &str, after: Duration) -> Fault {
    new(reason, wanted, format!("nothing within {after:?}"))
}

/// Why a socket could not be opened.
pub(crate) fn of_connect(error: &io::Error, target: &str) -> Fault {
    let reason = match error.kind() {
        io::ErrorKind::ConnectionRefused => Reason::ConnectRefused,
        io::ErrorKind::TimedOut => Reason::ConnectTimeout,
        _ => Reason::ConnectFailed,
    };
    new(reason, format!("a connection to {target}"), error.to_string())
}

/// Why a connection does not begin to speak HTTP/1.1.
pub(crate) fn of_http1(error: &hyper::Error) -> Fault {
    new(
        Reason::HandshakeFailed,
        "an HTTP/1.1 connection",
        error.to_string(),
    )
}

/// Why a request got no response head.
pub(crate) fn of_exchange(error: &hyper::Error, link: &Link) -> ProxyError {
    let mut source = error.source();
    let mut last = error.to_string();
    while let Some(cause) = source {
        match cause.downcast_ref() {
            Some(UploadError::Client(ClientBodyError::Malformed(_) | ClientBodyError::LengthMismatch)) => {
                return BadRequest::Body.into();
            }
            // Otherwise the client is gone; an unwanted body ends behind its answer.
            Some(UploadError::Client(_) | UploadError::Unwanted) => return ProxyError::ClientGone,
            None => {}
        }
        last = cause.to_string();
        source = cause.source();
    }
    let wanted = "an HTTP answer";
    let fault = if let Some(fault) = link.revocation_fault() {
        fault
    } else if let Some(fault) = link.tls_fault() {
        fault
    } else if link.was_answered_with_tls() {
        tls_on_plain_port("a TLS record")
    } else if link.was_noisy() {
        new(Reason::BadResponse, wanted, "16 MiB that belong to none")
    } else if error.is_parse() || is_protocol_error(error) {
        new(Reason::BadResponse, wanted, format!("{error}: {last}"))
    } else {
        let got = format!("the connection ended: {last}");
        new(Reason::ClosedBeforeResponse, wanted, got)
    };
    fault.into()
}

/// Whether the server said that it has not begun to work on the request (RFC 9113, 6.8 and 8.7). h2 gives a GOAWAY of
/// the server to the streams above the last that it names, and to those that come too late to be sent.
///
/// A GOAWAY over an error is not meant: the request may be what caused it, and would end the next connection too, with
/// all that others have on it. Go draws the line at the first request of a connection.
pub(super) fn is_unprocessed(error: &hyper::Error) -> bool {
    h2_error(error)
        .filter(|error| error.is_remote())
        .is_some_and(|error| match error.reason() {
            Some(h2::Reason::NO_ERROR) => error.is_go_away(),
            Some(h2::Reason::REFUSED_STREAM) => error.is_reset(),
            _ => false,
        })
}

/// Whether an HTTP/2 connection takes no further stream.
pub(super) fn is_of_connection(error: &hyper::Error) -> bool {
    h2_error(error).is_some_and(|error| error.is_go_away() || error.is_io())
}

/// The server wants TLS where it is sent plain text; `got`: how one knows.
pub(super) fn tls_on_plain_port(got: &str) -> Fault {
    Fault {
        remedy: Some(Remedy::UseScheme("https")),
        ..new(Reason::TlsOnPlainPort, "an HTTP answer", got)
    }
}

/// As is seen by [a look at the server](super::dial::wants_tls).
pub(crate) fn silent_to_plain_text() -> Fault {
    tls_on_plain_port("nothing to plain text, and a TLS record to a ClientHello")
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
