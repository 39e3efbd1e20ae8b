//! `contentType`: finds out the type of an answer that does not say it, from its first bytes.

mod sniff;

use std::future::poll_fn;
use std::pin::Pin;

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderValue, Response};
use http_body::Body as _;
use viaduct_tls::{Fault, Reason};

use crate::answer::ProxyError;
use crate::body::Answer;
use crate::exchange::Exchange;
use crate::request::Request;

use super::Next;

pub(super) async fn run(
    next: Next<'_>,
    request: Request,
    exchange: &mut Exchange,
) -> Result<Response<Answer>, ProxyError> {
    let response = next.run(request, exchange).await?;
    let says = |name| {
        response
            .headers()
            .get(name)
            .is_some_and(|value| !value.is_empty())
    };
    if says(CONTENT_TYPE) || says(CONTENT_ENCODING) {
        return Ok(response);
    }
    let (mut parts, answer) = response.into_parts();
    let Answer::Backend { mut body, lease } = answer else {
        return Ok(Response::from_parts(parts, answer));
    };
    if body.is_end_stream() {
        return Ok(Response::from_parts(parts, Answer::Backend { body, lease }));
    }
    let first = match poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        None => return Ok(Response::from_parts(parts, Answer::Backend { body, lease })),
        Some(Ok(first)) => first,
        Some(Err(error)) => return Err(broken(&error).into()),
    };
    if let Some(data) = first.data_ref().filter(|data| !data.is_empty()) {
        let found = HeaderValue::from_static(sniff::content_type(data));
        parts.headers.insert(CONTENT_TYPE, found);
    }
    Ok(Response::from_parts(parts, Answer::Begun { first, body, lease }))
}

/// The head has not gone out: it is still a failure like others.
fn broken(error: &hyper::Error) -> Fault {
    Fault {
        reason: Reason::BodyBroken,
        wanted: "a body".to_owned(),
        got: error.to_string(),
        presented: std::sync::Arc::default(),
        remedy: None,
    }
}
